"""Oracle: the problem's own truth, where the loss is what noise leaves; and a dense scan."""

from __future__ import annotations

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.measure.minimum import find_minimum
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Vector

ROWS = 120

# The formula, the weights that made the data, and a start that is off by many turns.
PROBLEMS = {
    "a frequency alone": ("y ~ sin(a*x)", {"a": 1.759}, {"a": 0.4}),
    "a negative one": ("y ~ sin(a*x)", {"a": -2.31}, {"a": 0.4}),
    "with amplitude and level": (
        "y ~ A*sin(w*x) + c",
        {"A": 3.0, "w": 1.13, "c": 20.0},
        {"A": 1.0, "w": 0.1, "c": 0.0},
    ),
    "with a phase": (
        "y ~ A*cos(w*x + p) + c",
        {"A": 3.0, "w": 1.13, "p": 2.2, "c": -4.0},
        {"A": 1.0, "w": 0.1, "p": 0.0, "c": 0.0},
    ),
    "a period": (
        "y ~ A*sin(2*pi*x/T + p) + c",
        {"A": 0.02, "T": 7.3, "p": -1.0, "c": 0.5},
        {"A": 1.0, "T": 30.0, "p": 0.0, "c": 0.0},
    ),
    "a frequency in turns": (
        "y ~ A*sin(2*pi*(f*x - p)) + c",
        {"A": 5.0, "f": 0.31, "p": 0.2, "c": 0.0},
        {"A": 1.0, "f": 1.0, "p": 0.0, "c": 0.0},
    ),
    "a wave that dies": (
        "y ~ A*exp(-b*x)*sin(w*x + p)",
        {"A": 4.0, "b": 0.05, "w": 2.2, "p": 0.4},
        {"A": 1.0, "b": 0.1, "w": 1.0, "p": 0.0},
    ),
    "two waves": (
        "y ~ A*sin(u*x) + B*sin(v*x) + c",
        {"A": 4.0, "u": 0.9, "B": 2.0, "v": 2.05, "c": 1.0},
        {"A": 1.0, "u": 0.1, "B": 1.0, "v": 0.2, "c": 0.0},
    ),
}


def drawn(
    name: str, seed: int, far: float = 0.0, loss: str = "mse"
) -> tuple[Objective, Vector, float]:
    """The objective, a start, and the loss at the weights that made the data."""
    text, truth, start = PROBLEMS[name]
    draw = np.random.default_rng([seed, len(name)])
    x = np.sort(draw.uniform(0, 40, ROWS)) + far
    exact = formula_objective(formula_of(text, {"x": x, "y": x}), {"x": x, "y": x}, loss=loss)
    y = exact.predictions(exact.vector(truth))
    y = y + 0.05 * np.std(y) * draw.normal(size=ROWS)
    made = formula_objective(formula_of(text, {"x": x, "y": y}), {"x": x, "y": y}, loss=loss)
    return made, made.vector(start), made.value(made.vector(truth))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_right_number_of_turns_is_found(name: str, seed: int) -> None:
    objective, start, at_truth = drawn(name, seed)
    found = find_minimum(objective, start, seconds=60)
    assert found is not None
    assert found.loss <= at_truth * (1 + 1e-9)


@pytest.mark.parametrize("name", ["with a phase", "a period"])
def test_it_is_found_where_the_column_lies_far_from_zero(name: str) -> None:
    objective, start, at_truth = drawn(name, 0, far=1e4)
    found = find_minimum(objective, start, seconds=60)
    assert found is not None
    assert found.loss <= at_truth * (1 + 1e-9)


@pytest.mark.parametrize(("name", "loss"), [("a frequency alone", "huber"), ("a period", "mae")])
def test_it_is_found_under_other_losses(name: str, loss: str) -> None:
    objective, start, at_truth = drawn(name, 0, loss=loss)
    found = find_minimum(objective, start, seconds=60)
    assert found is not None
    assert found.loss <= at_truth * (1 + 1e-9)
