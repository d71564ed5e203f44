"""scipy's solvers from one point: where each goes, step by step.

Squared losses go to scipy.optimize.least_squares with the exact Jacobian, mean absolute error of
a linear model to linear programming, everything else to scipy.optimize.minimize with the exact
gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from steepest.engine.xla import in_float64
from steepest.measure.deadline import Deadline
from steepest.methods.losses import SQUARED
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import Objective, jacobian_of, predictions_of
from steepest.records.arrays import Mask, Vector

MOST_EVALUATIONS = 2000
"""For one solver."""

FEW_EVALUATIONS = 200
"""The same where many points are tried: one that leads anywhere shows it by then."""

ORDINARY = 1e8
"""Slopes up to it, and down to one over it, are as scipy's solvers expect them."""


OUT_OF_REACH = 1e8
"""Weights so many times as large as those of a start are not reached from it step by step."""


class EnoughError(Exception):
    """Raised out of a solver, to end it."""


Moved = Callable[[Vector], None]
"""Told each point (p,) that a solver moves to; it ends the solver by raising EnoughError."""


def squared(objective: Objective) -> bool:
    """True where the loss is a mean of squares, so that least-squares solvers apply."""
    kernel = objective.kernel
    return isinstance(kernel, FormulaKernel) and kernel.loss_name in SQUARED


def polished(
    objective: Objective,
    begin: Vector,
    ends: Deadline,
    most: int = MOST_EVALUATIONS,
    free: Mask | None = None,
) -> Vector:
    """Where a trusted solver goes down to from `begin` (p,), by the time `ends` at the latest.

    With `free` (p,) the other weights stay as they are.
    """
    if free is not None and not np.any(free):
        return begin
    path = least_squares_path if squared(objective) else quasi_newton_path
    return path(objective, begin, ends, most, free=free)[-1]


def _watched(function: Callable[[Vector], Vector], ends: Deadline) -> Callable[[Vector], Vector]:
    def call(point: Vector) -> Vector:
        if ends.passed:
            raise EnoughError
        return function(point)

    return call


def _placed(begin: Vector, chosen: Mask) -> Callable[[Vector], Vector]:
    """From the chosen weights to all of them, the others as in `begin`."""

    def whole(point: Vector) -> Vector:
        found = begin.copy()
        found[chosen] = point
        return found

    return whole


def _noted(walked: list[Vector], moved: Moved | None) -> Moved:
    def note(point: Vector) -> None:
        walked.append(np.array(point))
        if moved is not None:
            moved(walked[-1])

    return note


@in_float64
def least_squares_path(
    objective: Objective,
    begin: Vector,
    ends: Deadline,
    most: int = MOST_EVALUATIONS,
    moved: Moved | None = None,
    free: Mask | None = None,
) -> list[Vector]:
    """Where scipy.optimize.least_squares went from `begin`, the lowest point last.

    Levenberg-Marquardt (MINPACK), or a trust region where there are bounds or fewer rows than
    weights. It is run a second time from where the first one stopped, with the weights scaled
    another way: that frees it where it had stopped short. Each evaluates the residuals `most` times
    at most.
    """
    kernel, data, rows = objective.kernel, objective.data, objective.data["rows"]
    assert isinstance(kernel, FormulaKernel)
    target = np.asarray(rows["target"])
    root = 1.0 if rows["weight"] is None else np.sqrt(np.asarray(rows["weight"]))
    walked: list[Vector] = [begin]
    note = _noted(walked, moved)
    chosen = np.ones(len(begin), dtype=bool) if free is None else free
    whole = _placed(begin, chosen)

    def residuals(point: Vector) -> Vector:
        return np.asarray(root * (np.asarray(predictions_of(kernel, whole(point), data)) - target))

    def jacobian(point: Vector) -> Vector:
        # The solver asks for it once at each point that it moves to.
        note(whole(point))
        slopes = np.asarray(jacobian_of(kernel, whole(point), data))
        found = (slopes[:, chosen].T * root).T
        # An exponential that overflows below a fraction bar leaves a prediction, and no slope.
        return np.where(np.isfinite(found), found, 0.0)

    from scipy.optimize import least_squares

    begin = _in_reach(objective, begin, residuals, jacobian, chosen)
    method = "trf" if objective.bounded or objective.rows < np.sum(chosen) else "lm"
    best: Vector = begin
    for scaling in ("jac", 1.0):
        try:
            with np.errstate(all="ignore"):
                found = least_squares(
                    _watched(residuals, ends),
                    best[chosen],
                    jac=_watched(jacobian, ends),
                    method=method,
                    x_scale=scaling,
                    bounds=(objective.lower[chosen], objective.upper[chosen])
                    if method == "trf"
                    else (-np.inf, np.inf),
                    ftol=1e-15,
                    xtol=1e-15,
                    gtol=1e-15,
                    max_nfev=most,
                )
        except EnoughError:
            return walked
        except (ValueError, np.linalg.LinAlgError):
            # ValueError: residuals are not finite at this start. Another start may do.
            best = walked[-1]
            continue
        if np.all(np.isfinite(found.x)):
            best = whole(found.x)
    with suppress(EnoughError):
        note(_onto_bounds(objective, best) if free is None else best)
    return walked


def _in_reach(
    objective: Objective,
    begin: Vector,
    residuals: Callable[[Vector], Vector],
    jacobian: Callable[[Vector], Vector],
    chosen: Mask,
) -> Vector:
    """The start (p,); where a target's unit puts it out of reach, a Gauss-Newton step on.

    The first step of the solver is about as long as the weights, and it ends where that wins less
    than rounding.
    """
    with np.errstate(all="ignore"):
        off, slopes = residuals(begin[chosen]), jacobian(begin[chosen])
        wanted = np.linalg.norm(off) / np.max(np.linalg.norm(slopes, axis=0), initial=0.0)
        near = wanted < OUT_OF_REACH * max(float(np.linalg.norm(begin)), 1.0)
        if objective.bounded or near or not (np.isfinite(wanted) and np.all(np.isfinite(off))):
            return begin
        further = begin.copy()
        further[chosen] -= np.linalg.lstsq(slopes, off)[0]
        lower = np.linalg.norm(residuals(further[chosen])) < np.linalg.norm(off)
    return further if lower else begin


def _onto_bounds(objective: Objective, point: Vector) -> Vector:
    """The point with those weights on their bounds that the loss pushes there.

    A trust region comes as close to a bound as rounding allows, and never onto it.
    """
    if not objective.bounded:
        return point
    value, gradient = objective.value_and_gradient(point)
    for index, slope in enumerate(gradient):
        bound = objective.lower[index] if slope > 0 else objective.upper[index]
        if not np.isfinite(bound) or slope == 0:
            continue
        moved = point.copy()
        moved[index] = bound
        there = objective.value(moved)
        if there <= value:
            point, value = moved, there
    return point


def quasi_newton_path(
    objective: Objective,
    begin: Vector,
    ends: Deadline,
    most: int = MOST_EVALUATIONS,
    moved: Moved | None = None,
    free: Mask | None = None,
) -> list[Vector]:
    """Where scipy's L-BFGS, then BFGS, went from `begin`, the lowest point last."""
    lowest = np.inf
    walked: list[Vector] = [begin]
    note = _noted(walked, moved)
    chosen = np.ones(len(begin), dtype=bool) if free is None else free
    whole = _placed(begin, chosen)
    first, slope = objective.value_and_gradient(begin)
    unit = _unit_of(slope)
    first /= unit
    # Just above the first loss: from a wall that is higher by powers of ten, a line search comes
    # back by next to nothing.
    wall = first + max(1.0, abs(first)) if np.isfinite(first) else 1e300

    def value_and_gradient(point: Vector) -> tuple[float, Vector]:
        nonlocal lowest
        if ends.passed:
            raise EnoughError
        value, gradient = objective.value_and_gradient(whole(point))
        value, gradient = value / unit, gradient[chosen] / unit
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            if value == -np.inf:
                note(whole(point))
            return (value if value == -np.inf else wall), np.zeros_like(gradient)
        if value < lowest:
            lowest = value
            note(whole(point))
        return value, gradient

    from scipy.optimize import Bounds, minimize

    options = {"maxiter": most, "maxfun": 20 * most, "gtol": 1e-12, "ftol": 1e-16}
    bounds = Bounds(objective.lower[chosen], objective.upper[chosen])
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # scipy warns where a line search finds nothing lower; the path says so itself.
            warnings.simplefilter("ignore", RuntimeWarning)
            minimize(
                value_and_gradient,
                begin[chosen],
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options=options,
            )
            if not objective.bounded:
                minimize(
                    value_and_gradient,
                    walked[-1][chosen],
                    jac=True,
                    method="BFGS",
                    options={"gtol": 1e-13, "maxiter": 500},
                )
    except (EnoughError, ValueError, OverflowError):
        return walked  # What was reached by then stands last.
    return walked


def _unit_of(slope: Vector) -> float:
    """What the loss is counted in: 1, or for a very steep or flat one about its `slope` (p,).

    When they stop is for scipy's solvers a question of absolute size.
    """
    steep = float(np.max(np.abs(slope), initial=0.0))
    if not np.isfinite(steep) or steep == 0 or 1 / ORDINARY <= steep <= ORDINARY:
        return 1.0
    return float(2.0 ** np.floor(np.log2(steep)))


def least_absolute(objective: Objective) -> Vector | None:
    """Min mean|Xw + o - y| as a linear programme: w (p,), and t >= |residual| row by row.

    Columns and targets are counted in their largest number: a solver's tolerances are absolute.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack, vstack

    rows, size = objective.rows, len(objective.names)
    data = objective.data["rows"]
    slopes = objective.jacobian(np.zeros(size))
    aim = np.asarray(data["target"]) - objective.predictions(np.zeros(size))
    in_column = np.max(np.abs(slopes), axis=0, initial=0.0)
    largest = float(np.max(np.abs(aim), initial=0.0)) or 1.0
    counted = largest / np.where(in_column > 0, in_column, 1.0)
    design, aim = csr_array(slopes * (counted / largest)), aim / largest
    weight = np.ones(rows) if data["weight"] is None else np.asarray(data["weight"])
    unit = eye_array(rows, format="csr")
    above = hstack([design, -unit])
    below = hstack([-design, -unit])
    lower, upper = objective.lower / counted, objective.upper / counted
    edges = [*zip(lower, upper, strict=True), *[(0, None)] * rows]
    found = linprog(
        np.concatenate([np.zeros(size), weight / np.sum(weight)]),
        A_ub=vstack([above, below], format="csr"),
        b_ub=np.concatenate([aim, -aim]),
        bounds=edges,
        method="highs",
    )
    return None if found.x is None else np.asarray(found.x[:size]) * counted
