"""Oracles: sums written out in numpy, PyTorch's Jacobian, numpy's least squares."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from tests.autograd import formula_of, tensor

from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import (
    Objective,
    check_target,
    formula_objective,
    function_objective,
)
from steepest.words.errors import InputError

DRAW = np.random.default_rng(31)
COLUMNS = {"x": DRAW.uniform(0.1, 2, 12), "z": DRAW.normal(size=12), "y": DRAW.normal(size=12)}
ROW_WEIGHT = DRAW.uniform(0.1, 3, 12)


def fitted(text: str, loss: str = "mse", **more: object) -> Objective:
    return formula_objective(formula_of(text, COLUMNS), COLUMNS, loss=loss, **more)  # type: ignore[arg-type]


def test_weights_have_names_in_the_order_of_the_formula() -> None:
    objective = fitted("y ~ slope*x + level")
    assert objective.names == ("slope", "level")
    vector = objective.vector({"level": 2.0, "slope": 1.0})
    np.testing.assert_array_equal(vector, [1.0, 2.0])
    assert objective.named(vector) == {"slope": 1.0, "level": 2.0}
    assert objective.rows == 12


def test_predictions_and_jacobian_are_those_of_torch() -> None:
    objective = fitted("y ~ a*exp(-b*x) + c*z")
    at = np.array([0.7, 0.4, -1.2])
    x, z = tensor(COLUMNS["x"]), tensor(COLUMNS["z"])

    def model(w: torch.Tensor) -> torch.Tensor:
        return w[0] * torch.exp(-w[1] * x) + w[2] * z

    np.testing.assert_allclose(objective.predictions(at), model(tensor(at)), rtol=1e-14)
    wanted = torch.autograd.functional.jacobian(model, tensor(at))
    np.testing.assert_allclose(objective.jacobian(at), wanted, rtol=1e-13)


def test_a_formula_without_columns_predicts_the_same_on_every_row() -> None:
    objective = fitted("y ~ a + 0*b")
    np.testing.assert_array_equal(objective.predictions(np.array([3.0, 1.0])), np.full(12, 3.0))
    np.testing.assert_array_equal(objective.jacobian(np.ones(2)), np.tile([1.0, 0.0], (12, 1)))


def test_a_target_may_be_an_expression() -> None:
    columns = {"x": COLUMNS["x"], "y": np.exp(COLUMNS["y"])}
    objective = formula_objective(formula_of("log(y) ~ a*x", columns), columns, loss="mse")
    wanted = np.mean((0.3 * columns["x"] - COLUMNS["y"]) ** 2)
    assert objective.value(np.array([0.3])) == pytest.approx(wanted, rel=1e-13)


def test_held_weights_keep_their_value_and_are_not_among_the_weights() -> None:
    objective = fitted("y ~ a*x + b*z + c", fixed={"b": 2.5})
    assert objective.names == ("a", "c")
    residual = 0.3 * COLUMNS["x"] + 2.5 * COLUMNS["z"] - 0.1 - COLUMNS["y"]
    value, gradient = objective.value_and_gradient(np.array([0.3, -0.1]))
    assert value == pytest.approx(np.mean(residual**2), rel=1e-13)
    wanted = [np.mean(2 * residual * COLUMNS["x"]), np.mean(2 * residual)]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-12)


def test_holding_every_weight_leaves_nothing_to_do() -> None:
    with pytest.raises(InputError, match="nothing to descend on") as caught:
        fitted("y ~ a*x", fixed={"a": 2.0})
    assert "a=2" in str(caught.value)


@pytest.mark.parametrize(
    ("bounds", "lower", "upper", "bounded"),
    [
        (None, [-np.inf, -np.inf], [np.inf, np.inf], False),
        ({"b": (0.0, np.inf)}, [-np.inf, 0], [np.inf, np.inf], True),
        ({"a": (-1.0, 1.0), "b": (-np.inf, 5.0)}, [-1, -np.inf], [1, 5], True),
    ],
    ids=["none", "one-side", "both"],
)
def test_bounds(
    bounds: dict[str, tuple[float, float]] | None,
    lower: list[float],
    upper: list[float],
    bounded: bool,
) -> None:
    objective = fitted("y ~ a*x + b", bounds=bounds)
    np.testing.assert_array_equal(objective.lower, lower)
    np.testing.assert_array_equal(objective.upper, upper)
    assert objective.bounded is bounded


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_names_its_row(wrong: float) -> None:
    with pytest.raises(InputError, match="row 2"):
        check_target(np.array([0.0, 1.0, wrong]), "mse")


@pytest.mark.parametrize("wrong", [-0.1, 1.1, 2.0])
def test_cross_entropy_needs_targets_from_0_to_1(wrong: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1") as caught:
        check_target(np.array([0.0, wrong, 1.0]), "cross-entropy")
    assert f"{wrong:g}" in str(caught.value)
    check_target(np.array([0.0, 0.3, 1.0]), "cross-entropy")
    check_target(np.array([0.0, wrong, 1.0]), "mse")


def test_numbers_are_float64_without_changing_the_users_own() -> None:
    value = fitted("y ~ a*x").value(np.array([1 / 3]))
    assert value != float(np.float32(value))
    assert jnp.ones(2).dtype == jnp.float32, "JAX's own precision was changed"


def test_a_bare_function() -> None:
    objective = function_objective(lambda w: w[0] ** 2 * w[1], ("u", "v"))
    value, gradient = objective.value_and_gradient(np.array([3.0, 2.0]))
    assert value == 18
    np.testing.assert_array_equal(gradient, [12, 9])
    assert objective.rows == 0
    assert not objective.bounded


# The quadratic


def test_rescaled_objective_is_the_same_function_of_the_users_weights() -> None:
    objective = fitted("y ~ a*exp(-b*x) + c")
    other = objective.rescaled(np.array([1e4, 1e-3, 2.0]))
    at = np.array([0.3, -0.2, 1.5])
    value, gradient = objective.value_and_gradient(at)
    found, slopes = other.value_and_gradient(at)
    assert found == pytest.approx(value, rel=1e-13)
    assert other.value(at) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-11)
    twice = centred(fitted("y ~ a*x + b"), solve(fitted("y ~ a*x + b"))).rescaled(np.ones(2) * 7)
    at = np.array([0.3, -0.2])
    assert twice.value(at) == pytest.approx(fitted("y ~ a*x + b").value(at), rel=1e-12)
