"""Each limit, measured: descents a thousandth below it shrink, a thousandth above it grow."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from steepest.descent.optimizers import transformation
from steepest.descent.run import descend
from steepest.descent.sweep import try_rates
from steepest.engine.xla import float64
from steepest.formula.parse import parse_expression
from steepest.measure.curvature import spectrum, stability_limit
from steepest.methods.optimizers import stability_factor
from steepest.objective.objective import formula_objective, function_objective
from steepest.records.problem import Settings

TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
H = (TURN * [40.0, 3.0, 0.5]) @ TURN.T
BOWL = function_objective(lambda w: 0.5 * w @ (jnp.asarray(H) @ w), ("a", "b", "c"))
START = TURN @ [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("optimizer", "momentum"),
    [("gd", None), *itertools.product(["momentum", "nesterov"], [0.0, 0.5, 0.9, 0.99])],
)
def test_limit_divides_shrinking_from_growing(optimizer: str, momentum: float | None) -> None:
    limit = stability_limit(optimizer, momentum, spectrum(BOWL, START, "end"))
    assert limit is not None
    settings = Settings(optimizer=optimizer, momentum=momentum)
    rates = np.array([0.999 * limit, 1.001 * limit])
    below, above = try_rates(BOWL, settings, START, rates, goal=0.0, steps=20_000, seconds=30)
    assert not below.diverged, "grows below the limit"
    assert below.lowest_loss < 1e-12, "does not shrink below the limit"
    assert above.diverged, "does not grow above the limit"


def test_nesterov_is_stricter_than_plain_descent_at_the_usual_momentum() -> None:
    plain, nesterov = stability_factor("gd", None), stability_factor("nesterov", 0.9)
    assert plain is not None
    assert nesterov is not None
    assert nesterov < plain


@pytest.mark.parametrize(
    ("text", "at", "lr"),
    [
        ("(1 - x)**2 + 100*(y - x**2)**2", {"x": 1.0, "y": 1.0}, 0.0019968),
        ("(x**2 + y - 11)**2 + (x + y**2 - 7)**2", {"x": 3.0, "y": 2.0}, 0.0243),
        ("(x + 2*y - 7)**2 + (2*x + y - 5)**2", {"x": 1.0, "y": 3.0}, 1 / 9),
        ("0.26*(x**2 + y**2) - 0.48*x*y", {"x": 0.0, "y": 0.0}, 2.0),
    ],
    ids=["rosenbrock", "himmelblau", "booth", "matyas"],
)
def test_limits_of_known_functions(text: str, at: dict[str, float], lr: float) -> None:
    objective = formula_objective(parse_expression(text), {}, loss=None)
    minimum = objective.vector(at)
    found = spectrum(objective, minimum, "minimum")
    assert found is not None
    limit = stability_limit("gd", None, found)
    assert limit is not None
    assert limit == pytest.approx(lr, rel=2e-3)
    # Close to the minimum the loss is its quadratic.
    start = minimum + 1e-7 * found.vectors[:, 0]
    first = objective.value(start) - objective.value(minimum)
    for share, grows in [(0.99, False), (1.01, True)]:
        done = descend(objective, Settings(lr=share * limit, steps=100), start)
        last = done.descent.final_loss - objective.value(minimum)
        assert (last > first) == grows, f"at {share} of the limit: {first:.3g} to {last:.3g}"


@pytest.mark.parametrize("beta", [0.5, 0.9])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_shrinks_below_and_grows_above_its_limit_while_its_scaling_stands(
    optimizer: str, beta: float
) -> None:
    """The limit is that of P⁻¹H at a fixed P. Here P is 1, and 1.5 % smaller 30 steps later.

    At a learning rate of 0.001 AdamW's decay moves its limit by 5e-6 of itself.
    """
    factor = stability_factor(optimizer, beta)
    assert factor is not None
    curvature = factor / 0.001

    def grown(lr: float) -> float:
        method = transformation(optimizer, lr, beta)
        with float64():
            at = jnp.asarray(np.full(1, 1e-12))
            adam, *rest = method.init(at)
            slots = (adam._replace(count=jnp.asarray(10**6), nu=jnp.ones(1)), *rest)
            for _ in range(30):
                update, slots = method.update(curvature * at, slots, at)
                at = at + update
        return abs(float(at[0])) / 1e-12

    assert grown(0.98 * 0.001) < 1, "grows below the limit"
    assert grown(1.02 * 0.001) > 1, "does not grow above the limit"


@pytest.mark.parametrize("lr", [0.003, 0.01])
def test_rmsprop_comes_to_rest_at_its_limit(lr: float) -> None:
    """On a quadratic P shrinks with the gradient until the limit is reached, and stays there.

    So it diverges at no learning rate, and η·λ of P⁻¹H is 2 at the end.
    """
    bowl = function_objective(lambda w: 0.5 * jnp.sum(w * w), ("w",))
    settings = Settings(optimizer="rmsprop", lr=lr, steps=30_000)
    done = descend(bowl, settings, np.array([0.7]))
    assert done.descent.stopped == "step limit"
    assert done.preconditioner is not None
    assert lr / float(done.preconditioner[0]) == pytest.approx(2, rel=0.02)
    # What is left is a bounce of half the learning rate: a step of η·g/P with g = P.
    assert abs(done.final_weights[0]) == pytest.approx(lr / 2, rel=0.02)
