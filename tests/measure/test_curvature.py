"""Oracles: torch.autograd.functional.hessian, closed forms, and dense matrices in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import torch
from tests.autograd import LOSSES, NAMED_LOSSES, formula_of, predicted, tensor
from torch import Tensor

import steepest
from steepest.checks.facts import causes, is_hidden
from steepest.engine.xla import float64
from steepest.formula.parse import parse_expression
from steepest.measure.curvature import (
    DENSE,
    eigenvalues_of,
    hessian_times,
    spectrum,
    spectrum_of_modes,
    stability_limit,
)
from steepest.methods.optimizers import OPTIMIZERS, stability_factor
from steepest.objective.objective import Objective, formula_objective, function_objective
from steepest.objective.quadratic import modes_of
from steepest.records.arrays import Matrix, Vector
from steepest.records.point import Spectrum

DRAW = np.random.default_rng(2)
COLUMNS = {"x": DRAW.uniform(0.2, 1.6, 11), "z": DRAW.uniform(-1, 1, 11)}
TARGET = DRAW.uniform(0.05, 0.95, 11)
WEIGHTS = {"a": 0.7, "b": -0.45, "c": 0.3}

BARE: dict[str, tuple[Callable[..., Tensor], Mapping[str, float]]] = {
    "x**2": (lambda x: x**2, {"x": 3.0}),
    "(1 - x)**2 + 100*(y - x**2)**2": (
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        {"x": -1.2, "y": 1.0},
    ),
    "(x**2 + y - 11)**2 + (x + y**2 - 7)**2": (
        lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        {"x": 3.0, "y": 2.0},
    ),
    "x**2 - y**2": (lambda x, y: x**2 - y**2, {"x": 0.3, "y": -0.2}),
    "sin(x)*exp(y) + z**3": (
        lambda x, y, z: torch.sin(x) * torch.exp(y) + z**3,
        {"x": 0.4, "y": -0.3, "z": 1.1},
    ),
    "log(1 + exp(x*y))/(1 + z**2)": (
        lambda x, y, z: torch.log(1 + torch.exp(x * y)) / (1 + z**2),
        {"x": 0.4, "y": -0.3, "z": 1.1},
    ),
}


def test_hessian_of_a_rescaled_objective_is_by_the_scaled_weights() -> None:
    plain = formula_objective(parse_expression("sin(x)*exp(y) + x**2"), {}, loss=None)
    unit, at = np.array([10.0, 0.1]), np.array([0.4, -0.3])
    wanted = np.outer(unit, unit) * plain.hessian(at)
    np.testing.assert_allclose(plain.rescaled(unit).hessian(at), wanted, rtol=1e-12)


@pytest.mark.parametrize("text", BARE)
def test_hessian_of_an_expression_is_that_of_torch(text: str) -> None:
    function, at = BARE[text]
    theirs = torch.autograd.functional.hessian(
        lambda w: function(*w), tensor([*at.values()])
    ).numpy()
    objective = formula_objective(parse_expression(text), {}, loss=None)
    order = [[*at].index(name) for name in objective.names]
    found = objective.hessian(objective.vector(at))
    np.testing.assert_allclose(found, theirs[np.ix_(order, order)], rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(found, found.T, err_msg="not symmetric")


@pytest.mark.parametrize("loss", LOSSES, ids=NAMED_LOSSES)
def test_hessian_under_every_loss_is_that_of_torch(loss: tuple[str, str]) -> None:
    inner = "a*tanh(b*x + c) + b*z"
    text = f"sigmoid({inner})" if loss[1] == "probability" else inner

    def model(a: Tensor, b: Tensor, c: Tensor, x: Tensor, z: Tensor) -> Tensor:
        value = a * torch.tanh(b * x + c) + b * z
        return torch.sigmoid(value) if loss[1] == "probability" else value

    def total(w: Tensor) -> Tensor:
        values = dict(zip(WEIGHTS, w, strict=True))
        columns = {name: tensor(column) for name, column in COLUMNS.items()}
        return LOSSES[loss](predicted(model, {**values, **columns}, 11), tensor(TARGET), None)

    columns = {**COLUMNS, "y": TARGET}
    objective = formula_objective(
        formula_of(f"y ~ {text}", columns), columns, loss=loss[0], gives=loss[1]
    )
    assert objective.names == tuple(WEIGHTS)
    at_weights = tensor([*WEIGHTS.values()])
    theirs = torch.autograd.functional.hessian(total, at_weights).numpy()
    at = objective.vector(WEIGHTS)
    found = objective.hessian(at)
    np.testing.assert_allclose(found, theirs, rtol=1e-10, atol=1e-11 * np.max(np.abs(theirs)))
    vector = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(
        hessian_times(objective, at, vector), theirs @ vector, rtol=1e-10, atol=1e-12
    )


def quadratic_of(H: Matrix) -> Objective:
    """½ wᵀHw as a bare function."""
    return function_objective(lambda w: 0.5 * w @ (H @ w), tuple(f"w{i}" for i in range(len(H))))


def symmetric(eigenvalues: Vector, seed: int = 0) -> Matrix:
    turned = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))[0]
    return np.asarray((turned * eigenvalues) @ turned.T)


def check_eigenpairs(H: Matrix, found: Spectrum, tolerance: float) -> None:
    """The residual that is stated is the residual that there is."""
    gap = H @ found.vectors - found.vectors * found.values
    scale = float(np.max(np.abs(found.values))) or 1.0
    np.testing.assert_allclose(found.residuals, np.linalg.norm(gap, axis=0) / scale, atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=0), 1, rtol=1e-10)


EIGENVALUES = {
    "one": [2.0],
    "ill-conditioned": [56_499.0, 16.0, 0.2586],
    "saddle": [3.0, 1.0, -2.0],
    "flat": [5.0, 1.0, 0.0],
    "twice-the-same": [2.0, 2.0, 1.0],
    "negative-is-largest": [1.0, -50.0],
    "all-zero": [0.0, 0.0],
}


@pytest.mark.parametrize("case", EIGENVALUES)
def test_spectrum_of_a_chosen_hessian(case: str) -> None:
    wanted = np.array(EIGENVALUES[case])
    H = symmetric(wanted)
    found = spectrum(quadratic_of(H), np.ones(len(wanted)), "end")
    assert found is not None
    assert found.complete
    assert found.measured
    scale = np.max(np.abs(wanted))
    np.testing.assert_allclose(found.values, wanted, rtol=1e-9, atol=1e-13 * scale)
    check_eigenpairs(H, found, 1e-12)
    assert (found.most_negative is not None) == (min(wanted) < 0)
    smallest = min(wanted)
    if smallest > 0:
        assert found.condition == pytest.approx(max(wanted) / smallest, rel=1e-8)


def test_spectrum_is_none_where_the_hessian_is_not_finite() -> None:
    objective = formula_objective(parse_expression("log(x) + y**2"), {}, loss=None)
    assert spectrum(objective, np.array([0.0, 1.0]), "start") is None


def test_preconditioned_spectrum_is_that_of_the_quotient() -> None:
    H = symmetric(np.array([7.0, 2.0, 0.5]))
    P = np.array([10.0, 0.1, 3.0])
    found = spectrum(quadratic_of(H), np.zeros(3), "end", scaling=P, preconditioned="adam")
    assert found is not None
    wanted = np.sort(np.linalg.eigvals(np.diag(1 / P) @ H).real)[::-1]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-12)
    assert found.preconditioned == "adam"


MANY = DENSE + 50


@pytest.fixture(scope="module")
def large() -> tuple[Objective, Matrix, Vector]:
    """More weights than fit a dense matrix: a valley with two directions that fall."""
    draw = np.random.default_rng(8)
    eigenvalues = np.concatenate([[40.0, 25.0, 24.0], draw.uniform(0, 10, MANY - 5), [-3.0, -8.0]])
    H = symmetric(eigenvalues, seed=4)
    with float64():
        matrix = jnp.asarray(H)
    return quadratic_of(np.asarray(matrix)), H, np.sort(eigenvalues)[::-1]


def test_many_weights_get_largest_and_smallest_by_lanczos(
    large: tuple[Objective, Matrix, Vector],
) -> None:
    objective, H, wanted = large
    found = spectrum(objective, np.zeros(MANY), "end")
    assert found is not None
    assert found.measured
    assert not found.complete
    assert found.condition is None, "without all eigenvalues there is no condition number"
    np.testing.assert_allclose(found.values, [*wanted[:3], wanted[-1]], rtol=1e-9)
    check_eigenpairs(H, found, 1e-9)
    assert found.most_negative == pytest.approx(-8.0, rel=1e-9)


def test_many_preconditioned_weights(large: tuple[Objective, Matrix, Vector]) -> None:
    objective, H, _ = large
    P = np.random.default_rng(1).uniform(0.5, 2, MANY)
    found = spectrum(objective, np.zeros(MANY), "end", scaling=P)
    assert found is not None
    wanted = np.linalg.eigvalsh(H / np.sqrt(np.outer(P, P)))
    np.testing.assert_allclose(found.values, [*wanted[::-1][:3], wanted[0]], rtol=1e-9)


def test_hessian_times_many_weights(large: tuple[Objective, Matrix, Vector]) -> None:
    objective, H, _ = large
    vector = np.random.default_rng(2).normal(size=MANY)
    np.testing.assert_allclose(
        hessian_times(objective, np.ones(MANY), vector), H @ vector, rtol=1e-10, atol=1e-11
    )


def test_many_weights_where_nothing_is_finite() -> None:
    objective = function_objective(
        lambda w: jnp.sum(jnp.log(w)), tuple(f"w{i}" for i in range(MANY))
    )
    assert spectrum(objective, np.zeros(MANY), "start") is None


def test_spectrum_of_modes_is_that_of_numpy() -> None:
    draw = np.random.default_rng(9)
    design = draw.normal(size=(30, 4)) * [1, 10, 100, 1000]
    found = spectrum_of_modes(modes_of(np.linalg.qr(design)[1], 0.0))
    wanted = np.linalg.eigvalsh(design.T @ design)[::-1]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-9)
    assert found.complete
    assert found.measured
    check_eigenpairs(design.T @ design, found, 1e-12)


# Stability. The oracle is the matrix that one step multiplies (weight, memory) by.


def one_step(optimizer: str, beta: float, moved: float) -> Matrix:
    """On ½λw² with learning rate η: (w, m) -> (w, m), where `moved` is ηλ (over P if adaptive)."""
    h = moved
    match optimizer:
        case "gd" | "rmsprop":
            return np.array([[1 - h]])
        case "momentum":  # m' = βm + g; w' = w - ηm'
            return np.array([[1 - h, -beta], [h, beta]])
        case "nesterov":  # m' = βm + g; w' = w - η(g + βm')
            return np.array([[1 - h - beta * h, -(beta**2)], [h, beta]])
        case _:  # adam: m' = βm + (1-β)g; w' = w - ηm'/P
            return np.array([[1 - (1 - beta) * h, -beta], [(1 - beta) * h, beta]])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "adagrad"])
def test_stability_factor_is_where_a_step_stops_shrinking(optimizer: str, beta: float) -> None:
    factor = stability_factor(optimizer, beta)
    assert factor is not None

    def radius(moved: float) -> float:
        return float(np.max(np.abs(np.linalg.eigvals(one_step(optimizer, beta, moved)))))

    assert radius(0.999 * factor) < 1, "grows below the limit"
    assert radius(1.001 * factor) > 1, "does not grow above the limit"


def test_adam_at_its_usual_momentum() -> None:
    assert stability_factor("adam", 0.9) == pytest.approx(38)


def test_adagrad_has_no_fixed_limit() -> None:
    assert stability_factor("adagrad", None) is None


@pytest.mark.parametrize(
    "eigenvalues", [[0.0, 0.0], [-1.0, -2.0]], ids=["no-curvature", "only-falling"]
)
def test_no_limit_without_positive_curvature(eigenvalues: list[float]) -> None:
    found = spectrum(quadratic_of(np.diag(eigenvalues)), np.zeros(2), "end")
    assert stability_limit("gd", None, found) is None


def test_limit_is_not_measured_where_an_eigenvalue_did_not_converge() -> None:
    loose = Spectrum("end", np.array([2.0]), np.eye(1), np.array([1e-3]), complete=True)
    assert stability_limit("gd", None, loose) is None
    assert stability_limit("gd", None, None) is None


def test_limit_of_the_tutorial() -> None:
    time = np.arange(20.0)
    design = np.stack([time**2, time, np.ones(20)], axis=1)
    found = spectrum_of_modes(modes_of(np.linalg.qr(design)[1] * np.sqrt(2 / 20), 0.0))
    assert stability_limit("gd", None, found) == pytest.approx(3.53986e-5, rel=1e-5)
    assert found.condition == pytest.approx(218_450.6, rel=1e-6)


@pytest.mark.parametrize("dense", [DENSE, 3], ids=["dense", "by-lanczos"])
def test_weights_that_are_held_are_left_out(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.measure.curvature.DENSE", dense)
    root = np.random.default_rng(4).normal(size=(9, 9))
    bowl = function_objective(
        lambda w: jnp.sum((jnp.asarray(root) @ w) ** 2), tuple(f"w{i}" for i in range(9))
    )
    held = np.isin(np.arange(9), [0, 4])
    found = spectrum(bowl, np.ones(9), "end", held=held)
    assert found is not None
    wanted = np.linalg.eigvalsh((2 * root.T @ root)[np.ix_(~held, ~held)])
    assert found.largest == pytest.approx(wanted[-1])
    assert found.smallest == pytest.approx(wanted[0])
    assert found.held == ("w0", "w4")
    assert np.all(found.vectors[held] == 0)
    assert found.measured


@pytest.mark.parametrize("seed", range(12))
def test_small_eigenvalues_keep_their_digits_where_the_rest_is_scale(seed: int) -> None:
    """Against 60 digits: what is well-conditioned but for weights of sizes 20 powers apart."""
    draw = np.random.default_rng([seed, 3])
    size = int(draw.integers(2, 7))
    design = draw.normal(size=(size + 3, size))
    alike = design.T @ design
    lengths = np.sqrt(np.diag(alike))
    scale = 10.0 ** draw.uniform(-10, 10, size)
    matrix = alike * np.outer(scale / lengths, scale / lengths)
    values, vectors, known_to = eigenvalues_of(matrix)
    with mpmath.workdps(60):
        exact = mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True)
        wanted = sorted((float(value) for value in exact), reverse=True)
    np.testing.assert_allclose(values, wanted, rtol=1e-11)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-12)
    assert np.max(np.abs(matrix @ vectors - vectors * values)) < 1e-12 * values[0]
    assert known_to is None or known_to < 1e-8 * values[-1]


def test_the_causes_of_a_curvature_in_units_of_the_laboratory_are_told_apart() -> None:
    """Rates of a reaction from 285 to 350 K: A is about 1e11 and Ea 70,000, and the loss tiny."""
    kelvin = np.linspace(285.0, 350.0, 12)
    draw = np.random.default_rng(5)
    rate = 1.4e11 * np.exp(-71900 / (8.314 * kelvin)) * (1 + 0.05 * draw.normal(size=12))
    run = steepest.fit(
        {"T": kelvin, "k": rate}, "k ~ A*exp(-Ea/(8.314*T))",
        start={"A": 1e11, "Ea": 7e4}, optimizer="lm", remedies=False,
    )  # fmt: skip
    with mpmath.workdps(60):
        at = [mpmath.mpf(run.weights[name]) for name in ("A", "Ea")]

        def loss(a: Any, ea: Any) -> Any:
            rows = zip(kelvin.tolist(), rate.tolist(), strict=True)
            off = [a * mpmath.e ** (-ea / (mpmath.mpf(8.314) * t)) - k for t, k in rows]
            return sum(one**2 for one in off) / 12

        matrix = mpmath.matrix(2, 2)
        for orders, place in (((2, 0), (0, 0)), ((1, 1), (0, 1)), ((0, 2), (1, 1))):
            matrix[place] = mpmath.diff(loss, tuple(at), orders)
        matrix[1, 0] = matrix[0, 1]
        small, large = sorted(mpmath.eigsy(matrix, eigvals_only=True))
        share = matrix[0, 1] / mpmath.sqrt(matrix[0, 0] * matrix[1, 1])
        condition, left = float(large / small), float((1 + abs(share)) / (1 - abs(share)))
    because = causes(run.measurements)
    assert because is not None
    assert because.by_scale * because.by_correlation == pytest.approx(condition, rel=1e-6)
    assert because.by_correlation == pytest.approx(left, rel=1e-6)
    assert not is_hidden(run.measurements)


@pytest.mark.parametrize("apart", [1e-100, 1e-160, 1e-220, 1e-300])
@pytest.mark.parametrize("top", [1e-250, 1.0, 1e250])
def test_curvatures_beyond_the_squares_of_lengths_are_taken_as_usual(
    apart: float, top: float
) -> None:
    """Once a length was 0 by underflow, and its cosine nothing."""
    with np.errstate(all="ignore"):
        matrix = top * np.array([[1.0, 0.3 * apart**0.5], [0.3 * apart**0.5, apart]])
    values, vectors, _ = eigenvalues_of(matrix)
    assert values[0] == pytest.approx(top)
    assert np.isfinite(values).all()
    assert np.isfinite(vectors).all()


def test_a_problem_of_tiny_numbers_is_minimized() -> None:
    run = steepest.minimize(
        "1e-102*(cos(x) + 0.0341*x + exp(y) - 0.0114*y)", start={"x": 1.0, "y": -3.0}, steps=20,
        remedies=False,
    )  # fmt: skip
    assert np.isfinite(run.loss)
