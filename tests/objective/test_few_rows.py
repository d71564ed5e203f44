"""Oracle: JAX, which differentiates the losses by itself."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.engine.xla import in_float64
from steepest.formula.nodes import Weight, varying
from steepest.formula.parse import parse_model
from steepest.methods.losses import LOSSES, loss_named
from steepest.objective import few_rows
from steepest.objective.kernels import FormulaKernel, value_and_gradient
from steepest.objective.objective import Objective, formula_objective

X = np.array([-1.5, -0.5, 0.25, 1.0, 2.0, 4.0])
Y = np.array([0.5, -1.0, 2.0, 0.0, 3.5, 40.0])
CLASSES = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.25])
SIGMA = np.array([1.0, 2.0, 0.5, 0.0, 3.0, 1.0])
AT = np.array([0.3, -0.7])


def problem(loss: str, gives: str, model: str, weight: np.ndarray[Any, Any] | None) -> Objective:
    columns = {"x": X, "y": CLASSES if loss_named(loss).of_classes else Y}
    formula = parse_model(f"y ~ {model}", list(columns))
    return formula_objective(formula, columns, loss=loss, gives=gives, row_weight=weight)


CASES = [
    *((loss, "value", "a*x + exp(b*x)") for loss in LOSSES if not loss_named(loss).of_classes),
    *((loss, "logit", "a*x + b") for loss in LOSSES if loss_named(loss).of_classes),
    *((loss, "probability", "sigmoid(a*x + b)") for loss in LOSSES if loss_named(loss).of_classes),
    *((loss, "probability", "1/(2 + a*x*b)") for loss in LOSSES if loss_named(loss).of_classes),
]


@in_float64
def by_jax(one: Objective) -> tuple[Any, Any]:
    kernel = one.kernel
    assert isinstance(kernel, FormulaKernel)
    return jax.value_and_grad(kernel.loss)(jnp.asarray(AT), one.data)


@pytest.mark.parametrize("weight", [None, SIGMA], ids=["alike", "weighted"])
@pytest.mark.parametrize(("loss", "gives", "model"), CASES)
def test_the_loss_and_its_gradient(loss: str, gives: str, model: str, weight: Any) -> None:
    one = problem(loss, gives, model, weight)
    assert few_rows.are_few(one.data)
    value, gradient = one.value_and_gradient(AT)
    wanted, steep = by_jax(one)
    assert value == pytest.approx(float(wanted), rel=1e-13)
    assert one.value(AT) == value
    np.testing.assert_allclose(gradient, np.asarray(steep), rtol=1e-11)


@pytest.mark.parametrize(("loss", "gives", "model"), CASES)
def test_predictions_and_their_slopes(loss: str, gives: str, model: str) -> None:
    one = problem(loss, gives, model, None)
    kernel = one.kernel
    assert isinstance(kernel, FormulaKernel)

    @in_float64
    def wanted() -> tuple[Any, Any]:
        def rows(at: Any) -> Any:
            return kernel.predict(at, one.data)

        return np.asarray(rows(jnp.asarray(AT))), np.asarray(jax.jacfwd(rows)(jnp.asarray(AT)))

    found, slopes = wanted()
    np.testing.assert_allclose(one.predictions(AT), found, rtol=1e-14)
    np.testing.assert_allclose(one.jacobian(AT), slopes, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weight", [None, SIGMA], ids=["alike", "weighted"])
@pytest.mark.parametrize(("loss", "gives", "model"), CASES)
def test_many_positions_at_once(loss: str, gives: str, model: str, weight: Any) -> None:
    one = problem(loss, gives, model, weight)
    kernel = one.kernel
    assert isinstance(kernel, FormulaKernel)
    places = np.random.default_rng(5).normal(size=(9, 2))
    with jax.enable_x64(True):
        wanted = [float(kernel.loss(jnp.asarray(place), one.data)) for place in places]
        slopes = jax.vmap(jax.jacfwd(lambda at: kernel.predict(at, one.data)))(jnp.asarray(places))
    np.testing.assert_allclose(few_rows.values(kernel, places, one.data), wanted, rtol=1e-13)
    predicted, by_b = few_rows.jacobians(kernel, places, one.data, ("b",))
    for place, found in zip(places, predicted, strict=True):
        np.testing.assert_allclose(found, one.predictions(place), rtol=1e-13)
    np.testing.assert_allclose(by_b[:, :, 0], np.asarray(slopes)[:, :, 1], rtol=1e-11)


@pytest.mark.parametrize(("loss", "gives", "model"), CASES)
def test_the_backward_pass_ends_in_the_gradient(loss: str, gives: str, model: str) -> None:
    one = problem(loss, gives, model, SIGMA)
    kernel = one.kernel
    assert isinstance(kernel, FormulaKernel)
    values, adjoints = few_rows.backward(kernel, AT, one.data)
    assert values[-1] == pytest.approx(one.value(AT), rel=1e-12)
    assert adjoints[-1] == 1.0
    # Of what stands first of all a weight is one, and what it gets is its partial derivative.
    found = {
        node.name: float(np.sum(adjoint))
        for node, adjoint in zip(varying(kernel.model), adjoints, strict=False)
        if isinstance(node, Weight)
    }
    wanted = dict(zip(one.names, one.value_and_gradient(AT)[1], strict=True))
    assert found == pytest.approx(wanted, rel=1e-9)


def test_a_perfect_fit_is_level_under_rmse() -> None:
    one = formula_objective(
        parse_model("y ~ a*x", ["x", "y"]), {"x": X, "y": 2 * X}, loss="rmse", gives="value"
    )
    assert one.value_and_gradient(np.array([2.0])) == (0.0, np.array([0.0]))


def test_an_infinite_residual_has_the_slope_of_huber() -> None:
    one = formula_objective(
        parse_model("y ~ exp(a*x)", ["x", "y"]),
        {"x": np.array([1.0, 0.0]), "y": np.zeros(2)},
        loss="huber",
        gives="value",
    )
    kernel = one.kernel
    assert isinstance(kernel, FormulaKernel)
    passes = few_rows.through_loss("huber", "value", np.array([np.inf, 0.5]), one.data)
    assert passes.adjoints[0].tolist() == [0.5, 0.25]


def test_many_rows_are_left_to_jax() -> None:
    many = np.linspace(0, 1, few_rows.FEW_ROWS + 1)
    one = formula_objective(
        parse_model("y ~ exp(a*x)", ["x", "y"]), {"x": many, "y": many}, loss="mse", gives="value"
    )
    assert not few_rows.are_few(one.data)
    less = {"x": many[1:], "y": many[1:]}
    other = formula_objective(
        parse_model("y ~ exp(a*x)", ["x", "y"]), less, loss="mse", gives="value"
    )
    assert few_rows.are_few(other.data)

    @in_float64
    def wanted() -> tuple[Any, Any]:
        return value_and_gradient(other.kernel, jnp.array([0.5]), other.data)

    value, gradient = other.value_and_gradient(np.array([0.5]))
    loss, slopes = wanted()
    assert (value, *gradient) == pytest.approx((float(loss), *map(float, slopes)), rel=1e-12)


def test_what_is_given_later_does_not_change_what_was_given() -> None:
    x = X.copy()
    one = formula_objective(
        parse_model("y ~ a*x", ["x", "y"]), {"x": x, "y": Y}, loss="mse", gives="value"
    )
    before = one.value(np.array([1.0]))
    x[:] = 0
    assert one.value(np.array([1.0])) == before


def test_a_loss_that_is_infinite_is_no_level_place() -> None:
    one = problem("rmse", "value", "a*x + exp(b*x)", None)
    value, gradient = one.value_and_gradient(np.array([1e200, 0.0]))
    assert value == np.inf
    assert not np.any(gradient == 0)
