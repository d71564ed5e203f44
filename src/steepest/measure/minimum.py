"""Where the minimum is, from trusted solvers and never from our own descent.

Several starts, bounded in time; and whether a minimum exists at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from steepest.formula.structure import is_linear
from steepest.measure.deadline import Deadline
from steepest.measure.infimum import (
    endless_fall,
    falls_at_edge,
    falls_into_pole,
    separated,
    without_error,
)
from steepest.measure.solvers import (
    FEW_EVALUATIONS,
    MOST_EVALUATIONS,
    least_absolute,
    least_squares_path,
    polished,
    quasi_newton_path,
    squared,
)
from steepest.measure.starts import starts
from steepest.methods.losses import MAE
from steepest.objective.kernels import FormulaKernel
from steepest.objective.moments import LeastSquares
from steepest.objective.objective import Objective
from steepest.records.arrays import Vector
from steepest.records.point import Minimum

LEAST_STARTS = 4
"""Tried even where the time is over."""

FAR_AWAY = (10.0, 1e3, 1e6)
"""How far away a lower place is looked for, in units of a weight's size."""

MOST_LOOKED_AT = 50
"""Weights along each of which that is done."""

BOTTOMLESS = 1e12
"""A loss this far below zero, in units of what is ordinary, is taken to fall for ever."""

AT_REST = 1e-6
"""Where moving a weight by its size changes a loss by a smaller share, to first order, is rest."""

SAME = 1e-9
"""Losses closer than this, relative, differ by rounding."""

CHANCE_SECONDS = 0.5
FINISH_SECONDS = 0.3
ENDLESS_SECONDS = 4.0
"""It takes long only where the loss does go on falling."""

ENOUGH_STARTS = 8
AGREEING = 3


@dataclass(frozen=True)
class Candidate:
    """A low point that some solver found."""

    loss: float
    weights: Vector
    found_by: str
    start: Vector | None = None


def minimum_of_quadratic(objective: Objective, solved: LeastSquares) -> Minimum:
    """The exact minimum of a model that is linear in its weights, under mse."""
    flat = tuple(objective.named(direction) for direction in solved.flat.T)
    return Minimum(
        loss=solved.floor,
        weights=objective.named(solved.solution),
        found_by="least squares by QR factorization, exact",
        flat=flat,
        proven=True,
    )


def find_minimum(
    objective: Objective,
    start: Vector,
    *,
    seconds: float,
    seed: int = 0,
    also: Iterable[tuple[Vector, str]] = (),
) -> Minimum | None:
    """The lowest point found from several starts in about `seconds`, or None if there is none.

    `also` are points that are known already, each with how it was found.
    """
    _compile(objective, start)
    ends = Deadline(seconds)
    apart = separated(objective, start, ends)
    if apart is not None:
        return apart
    found = [c for c in (_candidate(objective, at, how) for at, how in also) if c]
    unbounded, tried, unit = False, 0, objective.ordinary(start)
    for index, begin in enumerate(starts(objective, start, seed)):
        if index >= LEAST_STARTS and ends.passed:
            break
        tried = index + 1
        for candidate in _solvers(objective, begin, ends, index):
            if candidate is None:
                continue
            if _falls_on(objective, candidate, unit):
                unbounded = True
            found.append(candidate)
        if unbounded or (found and _agreed(found)):
            break
    if not found:
        return None
    further = None if unbounded else _lower_far_away(objective, _lowest(found), unit)
    if further is not None:
        far = [c for c in _solvers(objective, further, ends, 1) if c is not None]
        ordinary = max(unit, abs(_lowest(found).loss))
        unbounded = any(_falls_on(objective, candidate, ordinary) for candidate in far)
        found += far
    best = _finished(objective, _lowest(found), ends)
    if without_error(objective, best.weights, best.loss, start):
        return Minimum(
            loss=0.0,
            weights=objective.named(best.weights),
            found_by=f"{best.found_by}, where the weights grow and the loss nears 0",
            separable=True,
        )
    known = Minimum(
        loss=-np.inf if unbounded else best.loss,
        weights=objective.named(best.weights),
        found_by=best.found_by,
        unbounded=unbounded,
        start=None if best.start is None else objective.named(best.start),
        starts=tried,
    )
    if unbounded:
        return known
    if falls_at_edge(objective, best.weights) or falls_into_pole(objective, best.weights):
        return replace(known, loss=-np.inf, unbounded=True)
    fall = endless_fall(objective, best.weights, start, Deadline(ENDLESS_SECONDS))
    if fall is None:
        return known
    endless = fall.infimum == -np.inf
    return replace(known, loss=fall.infimum, unbounded=endless, growing=fall.growing)


def _falls_on(objective: Objective, found: Candidate, unit: float) -> bool:
    """Whether it is so low that the loss is taken to fall for ever, and has a slope there.

    A start from which the loss hardly differs says little of what is ordinary, so a point at rest
    is a minimum, however low.
    """
    if not found.loss < -BOTTOMLESS * unit or found.loss == -np.inf:
        return bool(found.loss == -np.inf)
    _, slope = objective.value_and_gradient(found.weights)
    with np.errstate(all="ignore"):
        fall = np.max(np.abs(slope) * np.maximum(np.abs(found.weights), 1.0), initial=0.0)
    return not fall <= AT_REST * abs(found.loss)


def _lower_far_away(objective: Objective, known: Candidate, unit: float) -> Vector | None:
    """A point far out along one weight that is lower than the lowest known; None without one.

    Looked for where no rows are: a loss of rows has a floor.
    """
    if objective.rows or objective.bounded or len(known.weights) > MOST_LOOKED_AT:
        return None
    size = np.abs(known.weights)
    # One at its minimum of 0 is small by rounding, and says nothing of its size.
    tried = [
        known.weights + sign * far * step
        for step in (*np.diag(size), *np.diag(np.maximum(size, 1.0)))
        for far in FAR_AWAY
        for sign in (1, -1)
    ]
    lowest = min(tried, key=lambda at: _safe_value(objective, at))
    clear = known.loss - max(unit, abs(known.loss))
    return lowest if _safe_value(objective, lowest) < clear else None


def _compile(objective: Objective, start: Vector) -> None:
    """Call what the solvers call, so that their time is not spent on compiling."""
    if squared(objective):
        objective.value(start)
        objective.predictions(start)
        objective.jacobian(start)
    else:
        objective.value_and_gradient(start)


def _lowest(found: list[Candidate]) -> Candidate:
    """The first of those that are as low as rounding can tell."""
    low = min(candidate.loss for candidate in found)
    if not np.isfinite(low):
        return min(found, key=lambda candidate: candidate.loss)
    return next(c for c in found if c.loss <= low + SAME * abs(low))


def _finished(objective: Objective, found: Candidate, ends: Deadline) -> Candidate:
    """The same candidate, or what a solver makes of it where that is clearly lower."""
    at = polished(objective, found.weights, Deadline(max(ends.left, FINISH_SECONDS)))
    loss = _safe_value(objective, at)
    lower = loss < found.loss - SAME * abs(found.loss)
    return replace(found, loss=loss, weights=at) if lower else found


def _agreed(found: list[Candidate]) -> bool:
    """True once enough starts were tried and several of them ended equally low."""
    low = _lowest(found).loss
    same = sum(candidate.loss <= low + 1e-6 * abs(low) for candidate in found)
    return len(found) >= ENOUGH_STARTS and same >= AGREEING


def _safe_value(objective: Objective, weights: Vector) -> float:
    value = objective.value(weights)
    return value if np.isfinite(value) else np.inf


def _candidate(objective: Objective, weights: Vector, how: str) -> Candidate | None:
    if not np.all(np.isfinite(weights)):
        return None
    value = objective.value(weights)
    return None if np.isnan(value) else Candidate(value, weights, how)


def _solvers(
    objective: Objective, begin: Vector, ends: Deadline, index: int
) -> Iterator[Candidate | None]:
    kernel = objective.kernel
    where = "from this start" if index == 0 else f"from the start drawn as number {index}"
    # The first starts always get their chance, if only a short one. None takes all the time.
    limit = Deadline(max(ends.left / 2, CHANCE_SECONDS if index < LEAST_STARTS else 0.0))
    most = MOST_EVALUATIONS if index == 0 else FEW_EVALUATIONS
    if squared(objective):
        path = least_squares_path(objective, begin, limit, most)
        yield _end(objective, path, f"scipy.optimize.least_squares {where}", begin)
        return
    if (
        isinstance(kernel, FormulaKernel)
        and kernel.loss_name == MAE.name
        and objective.rows <= 20_000
        and is_linear(kernel.model, kernel.weights)
    ):
        if index == 0:
            at = least_absolute(objective)
            how = "linear programming, exact"
            yield None if at is None else _candidate(objective, at, how)
        return
    path = quasi_newton_path(objective, begin, limit, most)
    yield _end(objective, path, f"scipy.optimize.minimize (BFGS) {where}", begin)


def _end(objective: Objective, path: list[Vector], how: str, begin: Vector) -> Candidate | None:
    found = _candidate(objective, path[-1], how) if path else None
    return None if found is None else replace(found, start=begin)


def lower_of(known: Minimum | None, loss: float, weights: Mapping[str, float], how: str) -> Minimum:
    """The known minimum, or the given point where it lies lower."""
    if known is None or loss < known.loss:
        tried = None if known is None else known.starts
        return Minimum(loss=loss, weights=dict(weights), found_by=how, starts=tried)
    return known
