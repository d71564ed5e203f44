"""The oracle is torch.nn.functional, and sums written out where it has no such loss."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import hessian, jit, value_and_grad
from tests.autograd import NAMED_LOSSES, ROW_COSTS, formula_of, tensor
from torch.nn import functional

from steepest.engine.xla import float64
from steepest.measure.gradient import pull_amounts
from steepest.methods.losses import LOSSES
from steepest.objective.losses import (
    Stage,
    loss_of,
    mean,
    stages,
)
from steepest.objective.objective import formula_objective
from steepest.records.arrays import Vector
from steepest.words.errors import UsageError

DRAW = np.random.default_rng(5)
PREDICTION = np.concatenate([DRAW.normal(0, 3, 40), [0.0, 1.0, -1.0, 2.5]])
TARGET = np.concatenate([DRAW.normal(0, 1, 40), [0.0, 0.0, 0.0, 1.5]])
SHARE = np.concatenate([DRAW.uniform(0, 1, 40), [0.0, 1.0, 0.5, 1.0]])
ROW_WEIGHT = np.concatenate([DRAW.uniform(0.1, 5, 43), [0.0]])

Rows = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""What each row costs, (n,)."""

CASES: dict[str, tuple[str, str, Rows]] = {
    **{
        name: (*key, ROW_COSTS[key])
        for name, key in zip(NAMED_LOSSES, ROW_COSTS, strict=True)
        if key[0] != "rmse"
    },
    "smooth-l1-is-huber-at-delta-1": (
        "huber",
        "value",
        lambda z, y: functional.smooth_l1_loss(z, y, reduction="none"),
    ),
}


def test_every_loss_has_its_line() -> None:
    assert {name for name, _ in ROW_COSTS} == {*LOSSES}


def _given(gives: str) -> tuple[Vector, Vector]:
    prediction = 1 / (1 + np.exp(-PREDICTION)) if gives == "probability" else PREDICTION
    return prediction, TARGET if gives == "value" else SHARE


_value_and_slope = jit(value_and_grad(loss_of, argnums=2), static_argnums=(0, 1))


def _ours(name: str, gives: str, z: Vector, y: Vector, w: Vector | None) -> tuple[float, Vector]:
    with float64():
        loss, slope = _value_and_slope(name, gives, z, y, w)
    return float(loss), np.asarray(slope)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_slope_are_those_of_torch(case: str, weighted: bool) -> None:
    name, gives, rows = CASES[case]
    z, y = _given(gives)
    w = ROW_WEIGHT if weighted else None
    theirs = tensor(z).requires_grad_()
    share = tensor(np.ones(len(z)) if w is None else w)
    total = (share * rows(theirs, tensor(y))).sum() / share.sum()
    (wanted,) = torch.autograd.grad(total, theirs)
    loss, slope = _ours(name, gives, z, y, w)
    assert loss == pytest.approx(total.item(), rel=1e-14), "another value than torch"
    np.testing.assert_allclose(slope, wanted.numpy(), rtol=1e-13, atol=1e-18)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
def test_rmse_is_the_root_of_mse(weighted: bool) -> None:
    w = ROW_WEIGHT if weighted else None
    residual = PREDICTION - TARGET
    wanted = np.sqrt(np.average(residual**2, weights=w))
    loss, slope = _ours("rmse", "value", PREDICTION, TARGET, w)
    share = np.full(len(residual), 1 / len(residual)) if w is None else w / w.sum()
    assert loss == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(slope, share * residual / wanted, rtol=1e-13, atol=1e-18)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("mse", 4.0), ("mae", 2.0), ("rmse", 2.0), ("huber", 1.5)],
)
def test_no_hidden_half(name: str, wanted: float) -> None:
    """Every residual is 2: the loss is the number that its definition gives."""
    loss, _ = _ours(name, "value", np.full(3, 3.0), np.ones(3), None)
    assert loss == wanted


@pytest.mark.parametrize("name", ["mse", "mae", "rmse", "huber"])
def test_all_residuals_zero_is_a_loss_and_slope_of_zero(name: str) -> None:
    """The subgradient at the kink is 0, also under rmse, where torch gives NaN."""
    loss, slope = _ours(name, "value", TARGET, TARGET, None)
    assert loss == 0
    np.testing.assert_array_equal(slope, np.zeros(len(TARGET)))


def test_mae_takes_slope_zero_on_the_one_row_that_is_met() -> None:
    _, slope = _ours("mae", "value", np.array([1.0, 2.0, 5.0]), np.array([0.0, 2.0, 6.0]), None)
    np.testing.assert_allclose(slope, [1 / 3, 0, -1 / 3], rtol=1e-15)


@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["below", "above"])
@pytest.mark.parametrize("size", [1 - 1e-9, 1.0, 1 + 1e-9], ids=["inside", "edge", "outside"])
def test_huber_is_smooth_where_its_pieces_meet(size: float, side: float) -> None:
    loss, slope = _ours("huber", "value", np.array([side * size]), np.zeros(1), None)
    assert loss == pytest.approx(0.5 + (size - 1), abs=1e-16)
    assert slope[0] == pytest.approx(side * min(size, 1.0), rel=1e-15)


def test_huber_curvature_is_one_inside_and_none_outside() -> None:
    with float64():
        curved = jit(hessian(lambda z: loss_of("huber", "value", z, np.zeros(3), None)))(
            np.array([0.0, 0.5, 3.0])
        )
    np.testing.assert_allclose(np.diag(curved), [1 / 3, 1 / 3, 0], rtol=1e-15)


@pytest.mark.parametrize("logit", [-800.0, -40.0, 40.0, 800.0])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_cross_entropy_of_large_logits_does_not_overflow(logit: float, target: float) -> None:
    loss, slope = _ours("cross-entropy", "logit", np.array([logit]), np.array([target]), None)
    wrong = (logit > 0) != (target == 1)
    assert loss == pytest.approx(abs(logit) if wrong else np.exp(-abs(logit)), rel=1e-14)
    assert slope[0] == pytest.approx(
        np.sign(logit) * (1.0 if wrong else np.exp(-abs(logit))), rel=1e-14
    )


@pytest.mark.parametrize(
    ("probability", "target", "wanted"),
    [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, np.inf), (1.0, 0.0, np.inf)],
    ids=["0-right", "1-right", "0-wrong", "1-wrong"],
)
def test_sure_probabilities(probability: float, target: float, wanted: float) -> None:
    with float64():
        loss = loss_of(
            "cross-entropy", "probability", np.array([probability]), np.array([target]), None
        )
    assert float(loss) == wanted


def test_probability_outside_0_to_1_is_not_a_number() -> None:
    with float64():
        loss = loss_of("cross-entropy", "probability", np.array([1.1]), np.array([0.5]), None)
    assert np.isnan(float(loss))


@pytest.mark.parametrize("name", LOSSES)
def test_scaling_all_row_weights_changes_nothing(name: str) -> None:
    gives = "logit" if name == "cross-entropy" else "value"
    z, y = _given(gives)
    loss, slope = _ours(name, gives, z, y, ROW_WEIGHT)
    same, same_slope = _ours(name, gives, z, y, 1000 * ROW_WEIGHT)
    assert same == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(same_slope, slope, rtol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_row_of_weight_zero_is_left_out(name: str) -> None:
    gives = "logit" if name == "cross-entropy" else "value"
    z, y = _given(gives)
    w = np.where(np.arange(len(z)) % 3 == 0, 0.0, 1.0)
    loss, slope = _ours(name, gives, z, y, w)
    kept, kept_slope = _ours(name, gives, z[w > 0], y[w > 0], None)
    assert loss == pytest.approx(kept, rel=1e-14)
    np.testing.assert_allclose(slope[w > 0], kept_slope, rtol=1e-13)
    np.testing.assert_array_equal(slope[w == 0], np.zeros(np.sum(w == 0)))


def test_infinite_row_of_weight_zero_does_not_spoil_the_mean() -> None:
    with float64():
        found = mean(jnp.array([1.0, jnp.inf, 3.0]), jnp.array([1.0, 0.0, 1.0]))
    assert float(found) == 2.0


@pytest.mark.parametrize("case", CASES)
def test_stages_one_by_one_give_the_loss(case: str) -> None:
    """What the backward pass shows is what the descent uses."""
    name, gives, _ = CASES[case]
    z, y = _given(gives)
    chain: tuple[Stage, ...] = stages(name, gives)
    with float64():
        value, target = jnp.asarray(z), jnp.asarray(y)
        for stage in chain:
            value = stage.apply(value, target, None)
    assert float(value) == _ours(name, gives, z, y, None)[0]


def test_unknown_loss_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"mse, mae, rmse, huber, .*cross-entropy"):
        stages("l2", "value")


@pytest.mark.parametrize("scale", [1.0, 30.0, 800.0])
def test_of_a_sigmoid_the_loss_comes_from_the_logit(scale: float) -> None:
    """From a logit of 37 on a sigmoid is 1; log(1 + exp(z)) - y*z is finite all the same."""
    x, y = np.linspace(-1, 1, 9), np.array([1.0, 0, 1, 0, 1, 0, 1, 0, 0])
    columns = {"x": x, "y": y}
    formula = formula_of("y ~ sigmoid(a*x + b)", columns)
    objective = formula_objective(formula, columns, loss="cross-entropy", gives="probability")
    at = np.array([scale, 0.3])
    z = scale * x + 0.3
    value, slope = objective.value_and_gradient(at)
    assert value == pytest.approx(np.mean(np.logaddexp(0, z) - y * z), rel=1e-12)
    by_logit = 0.5 * (1 + np.tanh(z / 2)) - y
    np.testing.assert_allclose(slope, [np.mean(by_logit * x), np.mean(by_logit)], rtol=1e-9)
    np.testing.assert_allclose(objective.predictions(at), 0.5 * (1 + np.tanh(z / 2)), atol=1e-15)
    pulls = pull_amounts(objective, at)
    np.testing.assert_allclose(pulls[:, 0], by_logit * x / len(x), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rows", [6, 3_000], ids=["in-numpy", "in-jax"])
@pytest.mark.parametrize(
    ("gives", "text"), [("logit", "t ~ a*x"), ("probability", "t ~ sigmoid(a*x)")]
)
@pytest.mark.parametrize("slope", [1.0, 10.0, 20.0, 30.0, 33.0, 50.0, 300.0])
def test_rows_that_are_nearly_certain_keep_their_digits(
    slope: float, gives: str, text: str, rows: int
) -> None:
    x = np.tile([-2.0, -1.5, -1.0, 1.0, 1.5, 2.0], rows // 6)
    columns = {"x": x, "t": (x > 0).astype(float)}
    one = formula_objective(formula_of(text, columns), columns, loss="cross-entropy", gives=gives)
    small = np.exp(-np.longdouble(slope) * np.abs(x))
    wanted = float(np.mean(np.log1p(small)))
    along = float(np.mean(-np.abs(x) * small / (1 + small)))
    loss, gradient = one.value_and_gradient(np.array([slope]))
    assert loss == pytest.approx(wanted, rel=1e-13, abs=0)
    assert one.value(np.array([slope])) == pytest.approx(wanted, rel=1e-13, abs=0)
    assert gradient[0] == pytest.approx(along, rel=1e-13, abs=0)
