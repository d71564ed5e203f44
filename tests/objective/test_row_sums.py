"""Loss and gradient in one pass, against sums in extended precision and against JAX's own."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.engine.xla import float64, makes_kernels_of_loops
from steepest.objective.kernels import FormulaKernel, value_and_gradient
from steepest.objective.objective import Objective, formula_objective
from steepest.objective.row_sums import MANY
from steepest.records.arrays import Vector

ROWS = MANY + 4321
DRAW = np.random.default_rng(5)
TIME = DRAW.uniform(0.0, 3.0, ROWS)
COLUMNS = {
    "time": TIME,
    "speed": 0.3 * TIME**2 - 2.0 * TIME + 7.0 + DRAW.normal(size=ROWS),
    "bit": (DRAW.uniform(size=ROWS) < 0.2 + 0.2 * TIME).astype(float),
}
ROW_WEIGHT = DRAW.uniform(0.5, 2.0, ROWS) * (DRAW.uniform(size=ROWS) < 0.9)
"""Some of them are zero."""


def fitted(text: str, loss: str = "mse", **more: Any) -> Objective:
    return formula_objective(formula_of(text, COLUMNS), COLUMNS, loss=loss, **more)


def assert_same(found: tuple[float, Vector], loss: Any, slopes: Any, rtol: float = 1e-12) -> None:
    assert found[0] == pytest.approx(float(loss), rel=rtol, abs=0)
    # A slope is a sum of both signs: it is right to what the largest of them is made of.
    np.testing.assert_allclose(found[1], np.asarray(slopes, dtype=float), rtol=rtol)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_squared_losses_are_those_of_extended_precision(loss: str, weighted: bool) -> None:
    weight = ROW_WEIGHT if weighted else np.ones(ROWS)
    share = weight.astype(np.longdouble) / np.sum(weight, dtype=np.longdouble)
    x = TIME.astype(np.longdouble)
    residual = np.longdouble(0.5) * x**2 - x - 2 - COLUMNS["speed"]
    value = np.sum(share * residual**2)
    slopes = np.array([2 * np.sum(share * residual * part) for part in (x**2, x, x**0)])
    if loss == "rmse":
        value = np.sqrt(value)
        slopes = slopes / (2 * value)
    objective = fitted("speed ~ a*time**2 + b*time + c", loss, row_weight=weight)
    assert_same(objective.value_and_gradient(np.array([0.5, -1.0, -2.0])), value, slopes)


def test_a_logistic_loss_is_that_of_extended_precision() -> None:
    x, target = TIME.astype(np.longdouble), COLUMNS["bit"]
    logit = np.longdouble(0.75) * x - np.longdouble(1.25)
    value = np.mean(np.log1p(np.exp(logit)) - target * logit)
    pull = 1 / (1 + np.exp(-logit)) - target
    objective = fitted("bit ~ a*time + b", "cross-entropy", gives="logit")
    found = objective.value_and_gradient(np.array([0.75, -1.25]))
    assert_same(found, value, [np.mean(pull * x), np.mean(pull)])


@pytest.mark.parametrize("slope", [1e-9, 0.4, 3.0, 30.0, 300.0, 4e3])
@pytest.mark.parametrize("wrong", [0, 1, 40_000])
def test_logistic_losses_of_any_size_keep_their_digits(slope: float, wrong: int) -> None:
    """Also where every row is nearly certain, so that a product of their factors would be 1."""
    rows = 3 * MANY + 77
    x = np.random.default_rng(wrong).uniform(0.1, 2.0, rows)
    x[::2] *= -1
    target = (x > 0).astype(float)
    target[:wrong] = 1 - target[:wrong]
    columns = {"x": x, "bit": target}
    model = formula_of("bit ~ a*x + b", columns)
    objective = formula_objective(model, columns, loss="cross-entropy", gives="logit")
    logit = np.longdouble(slope) * x.astype(np.longdouble) + np.longdouble(0.25)
    signed = np.where(target == 1, -logit, logit)
    costs = np.maximum(signed, 0) + np.log1p(np.exp(-np.abs(signed)))
    pull = np.where(target == 1, -1, 1) / (1 + np.exp(-signed))
    size = np.array([np.mean(np.abs(pull * x)), np.mean(np.abs(pull))], dtype=float)
    found = objective.value_and_gradient(np.array([slope, 0.25]))
    assert found[0] == pytest.approx(float(np.mean(costs)), rel=2e-13, abs=0)
    wanted = np.array([np.mean(pull * x), np.mean(pull)], dtype=float)
    assert np.all(np.abs(found[1] - wanted) <= 1e-12 * size)


MANY_WEIGHTS = " + ".join(f"w{k}*sin({k}*time)" for k in range(1, 16)) + " + c"


@pytest.mark.parametrize(
    ("text", "loss", "more"),
    [
        pytest.param("speed ~ a*exp(b*time) + c", "mae", {}, id="mae"),
        pytest.param("speed ~ a*exp(b*time) + c", "huber", {}, id="huber"),
        pytest.param("speed ~ a + 0*b", "mse", {}, id="no-column"),
        pytest.param("speed ~ a*time + b", "mse", {"fixed": {"a": -1.5}}, id="held"),
        pytest.param("bit ~ sigmoid(a*time + b)", "cross-entropy", {}, id="probability"),
        pytest.param(f"speed ~ {MANY_WEIGHTS}", "mse", {}, id="many-weights"),
        pytest.param("speed ~ a*log(time - 2.9)", "mse", {}, id="not-finite"),
    ],
)
def test_each_loss_is_what_jax_makes_of_the_mean(
    text: str, loss: str, more: dict[str, Any]
) -> None:
    gives = {"gives": "probability"} if loss == "cross-entropy" else {}
    objective = fitted(text, loss, **gives, **more)
    at = np.linspace(-0.3, 0.4, len(objective.names))
    with float64():
        loss_of = objective.kernel.loss
        value, slopes = jax.jit(jax.value_and_grad(loss_of))(at, objective.data)
    found = objective.value_and_gradient(at)
    np.testing.assert_allclose(found[0], value, rtol=1e-12)
    np.testing.assert_allclose(found[1], slopes, rtol=1e-11, atol=1e-15)


def test_own_units_and_many_positions_at_once() -> None:
    objective = fitted("speed ~ a*exp(b*time) + c")
    at = np.array([0.7, -0.4, 1.5])
    value, slopes = objective.value_and_gradient(at)
    unit = np.array([1e3, 1e-2, 2.0])
    assert_same(objective.rescaled(unit).value_and_gradient(at), value, slopes)
    with float64():
        several = jax.vmap(lambda w: value_and_gradient(objective.kernel, w, objective.data))
        found = jax.jit(several)(np.stack([0 * at, at]))
    assert_same((float(found[0][1]), np.asarray(found[1][1])), value, slopes)


@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_nothing_is_written_for_every_row(loss: str) -> None:
    gives = "logit" if loss == "cross-entropy" else "value"
    kernel = FormulaKernel(formula_of("bit ~ a*time + b", COLUMNS).model, ("a", "b"), loss, gives)
    rows = 10**7
    with float64():
        column = jax.ShapeDtypeStruct((rows,), np.float64)
        data = {
            "fixed": {},
            "rows": {"columns": {"time": column}, "target": column, "weight": None},
        }
        compiled = jax.jit(lambda w, d: value_and_gradient(kernel, w, d)).lower(
            jax.ShapeDtypeStruct((2,), np.float64), data
        )
        sizes: Any = compiled.compile().memory_analysis()
    beside = sizes.temp_size_in_bytes
    assert beside < rows, f"{beside:,} bytes are written beside the columns"


def test_small_loops_become_kernels_here() -> None:
    assert makes_kernels_of_loops(), "the option in steepest.engine.xla has no effect with this JAX"
