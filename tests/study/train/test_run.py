"""What a trained network says of new rows, at once and from its store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import steepest
from steepest.words.errors import InputError

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")


def test_the_store_gives_the_same_answers(digits: tuple[steepest.NetworkRun, Path]) -> None:
    run, store = digits
    assert run.id is not None
    kept = steepest.load(run.id, store)
    assert isinstance(kept, steepest.NetworkRun)
    rows = pl.read_csv(DIGITS).drop("digit")
    assert np.array_equal(run.predict(rows), kept.predict(rows))
    assert np.array_equal(run.probabilities(rows), kept.probabilities(rows))
    assert kept.metrics == run.metrics
    assert kept.epochs == run.epochs
    assert kept.verdict == run.verdict
    assert kept.to_dict() == run.to_dict()
    assert kept.confusion is not None
    assert run.confusion is not None
    assert np.array_equal(kept.confusion, run.confusion)


@pytest.fixture(scope="module")
def sizes() -> steepest.NetworkRun:
    """Three classes in the order of one number; the other is not scaled, and says nothing."""
    draws = np.random.default_rng(0)
    x = draws.uniform(0, 3, 240)
    names = np.array(["small", "middle", "large"])[x.astype(int)]
    data = {"x": x, "noise": 50 + 20 * draws.normal(size=240), "size": names.tolist()}
    return steepest.train(
        data,
        "2-16-tanh-3",
        target="size",
        standardize=True,
        optimizer="adam",
        lr=0.03,
        steps=400,
        remedies=False,
    )


def test_classes_come_as_their_names(sizes: steepest.NetworkRun) -> None:
    assert sizes.learned.classes == ("large", "middle", "small")
    said = sizes.predict({"x": [0.3, 1.5, 2.7], "noise": [50, 90, 20]})
    assert said.tolist() == ["small", "middle", "large"]
    shares = sizes.probabilities({"x": [0.3, 1.5, 2.7], "noise": [50, 90, 20]})
    assert shares.argmax(1).tolist() == [2, 1, 0]
    np.testing.assert_allclose(shares.sum(1), 1)


def test_rows_with_missing_values_keep_their_places(sizes: steepest.NetworkRun) -> None:
    data = {"x": [0.3, None, 2.7, float("nan")], "noise": [50.0, 50.0, 50.0, 50.0]}
    assert sizes.predict(data).tolist() == ["small", None, "large", None]
    shares = sizes.probabilities(data)
    assert np.isnan(shares).all(1).tolist() == [False, True, False, True]


def test_any_form_of_the_same_rows(sizes: steepest.NetworkRun, tmp_path: Path) -> None:
    columns: dict[str, Any] = {"noise": [50.0, 40.0, 60.0], "x": [0.3, 1.5, 2.7]}
    path = tmp_path / "new.csv"
    pl.DataFrame(columns).write_csv(path)
    array = np.stack([columns["x"], columns["noise"]], axis=1)  # in the order of the training
    for data in (columns, pl.DataFrame(columns), pd.DataFrame(columns), str(path), array):
        assert sizes.predict(data).tolist() == ["small", "middle", "large"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"x": [1.0]}, "noise"),
        ({"x": [1.0], "noise": [1.0], "size": ["huge"]}, "never seen in training"),
        ({"x": ["a"], "noise": [1.0]}, "must hold numbers"),
        ({"x": [None], "noise": [1.0]}, "No row"),
        (np.ones((2, 3)), "2 inputs"),
        (7, "int"),
    ],
    ids=["a column is missing", "unseen class", "text", "nothing is known", "shape", "no data"],
)
def test_what_cannot_be_predicted_is_said(sizes: steepest.NetworkRun, data: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        sizes.predict(data)


def test_numbers_are_predicted() -> None:
    x = np.linspace(-1, 1, 60)
    given: dict[str, Any] = {"lr": 0.3, "steps": 200, "loss": "mse", "remedies": False}
    run = steepest.train({"x": x, "y": 3 * x + 1}, "1-1", target="y", **given)
    said = run.predict({"x": [0.5, None]})
    assert said.shape == (2,)
    assert said[0] == pytest.approx(2.5, abs=0.01)
    assert np.isnan(said[1])
