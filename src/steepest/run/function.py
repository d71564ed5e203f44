"""A Python function explained at a point: its formula, its value, each partial derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from steepest.engine.operations import OPERATIONS
from steepest.engine.xla import in_float64
from steepest.formula.derivative import derivative
from steepest.formula.evaluate import evaluate
from steepest.formula.parse import parse_expression
from steepest.formula.render import to_text
from steepest.problem.functions import minimized
from steepest.records.function import FunctionExplanation
from steepest.words.errors import UsageError


@in_float64
def explained(function: Callable[..., Any], point: Any) -> FunctionExplanation:
    """The function at a point, which is given as a start of `minimize` is. Raises SteepestError."""
    if point is None:
        raise UsageError(
            "A function is explained at a point.",
            instead='Write for example steepest.explain(f, {"x": 3}).',
        )
    said = minimized(function, point)
    formula = parse_expression(said.formula)
    missing = [name for name in formula.weights if name not in said.start]
    if missing:
        raise UsageError(
            "The point says nothing of some of the variables.",
            given=", ".join(missing),
            instead=f"Give all: {', '.join(formula.weights)}.",
        )
    at = {name: float(said.start[name]) for name in formula.weights}
    value, slopes = jax.value_and_grad(
        lambda weights: evaluate(formula.model, weights, OPERATIONS)
    )({name: np.float64(one) for name, one in at.items()})
    derived = {name: derivative(formula.model, name) for name in formula.weights}
    return FunctionExplanation(
        said.formula,
        at,
        float(value),
        {name: float(slopes[name]) for name in formula.weights},
        {name: None if node is None else to_text(node) for name, node in derived.items()},
    )
