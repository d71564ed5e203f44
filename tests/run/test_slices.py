"""Slices and landscapes of a run, against the tutorial's loss by hand."""

from typing import Any

import numpy as np
import pytest
from tests.specimens import FORMULA, SPEED, START, descent_path, gradient, loss

import steepest
from steepest.words.errors import UsageError


@pytest.fixture(scope="module")
def run() -> steepest.Run:
    start = dict(zip("abc", START.tolist(), strict=True))
    return steepest.fit(SPEED, FORMULA, start=start, lr=1e-5, steps=10, remedies=False)


PATH = descent_path(1e-5, 10)


def test_a_landscape(run: steepest.Run) -> None:
    found = run.landscape("a", "c")
    assert found.weights == ("a", "c")
    assert found.loss.shape == (60, 60)
    assert found.step == 10
    np.testing.assert_allclose(list(found.here.values()), PATH[10], rtol=1e-9)
    np.testing.assert_allclose(found.path, PATH[:, [0, 2]], rtol=1e-9)
    np.testing.assert_allclose(found.path_loss, [loss(w) for w in PATH], rtol=1e-9)
    assert found.path_step.tolist() == list(range(11))
    assert found.loss_here == run.loss
    for i, j in ((0, 0), (59, 0), (17, 42)):
        point = np.array([found.x[j], PATH[10, 1], found.y[i]])
        np.testing.assert_allclose(found.loss[i, j], loss(point), rtol=1e-8)


def test_default_spans_contain_the_path_and_the_minimum(run: steepest.Run) -> None:
    found = run.landscape("a", "c")
    assert found.minimum is not None
    np.testing.assert_allclose(found.minimum, [0.503, 46.338], atol=1e-3)
    for axis, place, low in ((found.x, 0, found.minimum[0]), (found.y, 2, found.minimum[1])):
        inside = [*PATH[:, place], low]
        assert axis[0] < min(inside)
        assert axis[-1] > max(inside)
        # Nor are they far away.
        assert axis[-1] - axis[0] < 1.3 * (max(inside) - min(inside))


def test_a_slice_with_its_tangent(run: steepest.Run) -> None:
    found = run.slice("a", step=3)
    assert found.step == 3
    np.testing.assert_allclose(found.slope, gradient(PATH[3])[0], rtol=1e-9)
    np.testing.assert_allclose(found.loss_here, loss(PATH[3]), rtol=1e-9)
    wanted = [loss(np.array([value, *PATH[3, 1:]])) for value in found.values]
    np.testing.assert_allclose(found.loss, wanted, rtol=1e-8)
    np.testing.assert_allclose(found.path, PATH[:, 0], rtol=1e-9)
    assert found.minimum == pytest.approx(0.503, abs=1e-3)


def test_spans_and_points_that_are_asked_for(run: steepest.Run) -> None:
    found = run.landscape("c", "b", first_span=(0, 50), second_span=(-10, 0), points=5)
    assert found.x.tolist() == [0, 12.5, 25, 37.5, 50]
    assert found.y.tolist() == [-10, -7.5, -5, -2.5, 0]
    assert run.slice("b", span=(-1, 1), points=3).values.tolist() == [-1, 0, 1]


def test_standardized_weights_are_those_of_the_descent() -> None:
    scaled = steepest.fit(
        SPEED, FORMULA, standardize=True, lr=0.05, steps=20, remedies=False, start={"a": 0.1}
    )
    found = scaled.landscape("a", "b", points=4)
    np.testing.assert_array_equal(found.path, scaled.trace.weights[:, :2])
    assert found.minimum is not None
    assert scaled.slice("c").loss.min() < scaled.slice("c").loss_here * 1.01


def test_a_diverged_descent_is_shown_as_far_as_it_is_finite() -> None:
    run = steepest.minimize("x**4 + y**2", start={"x": 3, "y": 1}, lr=1, steps=50, remedies=False)
    found = run.landscape("x", "y", points=10)
    assert run.record.descent.stopped == "diverged"
    assert np.all(np.isfinite(found.x))
    assert np.all(np.isfinite(found.loss))


BAD: dict[str, tuple[Any, str]] = {
    "unknown": (lambda run: run.slice("d"), "There is no such weight in this run. Given: d."),
    "near": (lambda run: run.landscape("a", "C"), "Did you mean c?"),
    "twice": (lambda run: run.landscape("a", "a"), "A landscape needs two different weights."),
    "a column": (lambda run: run.slice("time"), "The weights are a, b and c."),
    "step": (lambda run: run.slice("a", step=11), "There is no such step in this descent."),
    "empty span": (lambda run: run.slice("a", span=(1, 1)), "must have a lowest value below"),
    "nan": (lambda run: run.slice("a", span=(float("nan"), 1)), "must have a lowest value below"),
    "points": (lambda run: run.slice("a", points=1), "must be between 2 and 1,000"),
    "too many": (lambda run: run.landscape("a", "b", points=5000), "must be between 2 and 1,000"),
}


@pytest.mark.parametrize(("ask", "sentence"), BAD.values(), ids=BAD)
def test_what_is_not_there(run: steepest.Run, ask: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(run)
    assert sentence in str(caught.value)
