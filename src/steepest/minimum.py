"""Where the minimum is, from trusted solvers and never from our own descent.

Squared losses go to scipy.optimize.least_squares with the exact Jacobian, mean absolute error of
a linear model to linear programming, everything else to scipy.optimize.minimize with the exact
gradient. Several starts, bounded in time. Whether classes can be told apart without an error, so
that no minimum exists, is decided by linear programming.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import scipy.optimize

from steepest.formula import is_linear
from steepest.losses import SQUARED
from steepest.objective import FormulaKernel, LeastSquares, Objective
from steepest.records import Matrix, Minimum, Vector

BOTTOMLESS = 1e12
"""A loss this far below zero, in units of the first loss, is taken to fall for ever."""


PERFECT = 1e-6
"""A cross-entropy this small, in nats, counts as no error at all."""

MOST_SEPARATED = 1_000_000
"""Rows times weights up to which classes are told apart by linear programming."""

CLEAR = 1e-6
"""A margin above this, with columns of unit size and no weight above 1, is no rounding."""

SAME = 1e-9
"""Losses closer than this, relative, differ by rounding."""

FINISH_SECONDS = 0.3

MOST_EVALUATIONS = 2000
"""For one solver, from the start that was given."""

FEW_EVALUATIONS = 200
"""The same from another start: one that leads anywhere shows it by then."""

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
    ends = time.monotonic() + seconds
    apart = _without_minimum(objective, start, ends)
    if apart is not None:
        return apart
    found = [c for c in (_candidate(objective, at, how) for at, how in also) if c]
    unbounded = False
    for index, begin in enumerate(starts(objective, start, seed)):
        if index > 0 and time.monotonic() > ends:
            break
        for candidate in _solvers(objective, begin, ends, index):
            if candidate is None:
                continue
            if candidate.loss < -BOTTOMLESS * max(1.0, abs(_safe_value(objective, start))):
                unbounded = True
            found.append(candidate)
        if unbounded or (found and _agreed(found)):
            break
    if not found:
        return None
    best = _finished(objective, _lowest(found), ends)
    if _grows_for_ever(objective, best.weights, best.loss, start):
        return Minimum(
            loss=0.0,
            weights=objective.named(best.weights),
            found_by=f"{best.found_by}, where the weights grow and the loss nears 0",
            separable=True,
        )
    return Minimum(
        loss=-np.inf if unbounded else best.loss,
        weights=objective.named(best.weights),
        found_by=best.found_by,
        unbounded=unbounded,
        start=None if best.start is None else objective.named(best.start),
    )


def _compile(objective: Objective, start: Vector) -> None:
    """Call what the solvers call, so that their time is not spent on compiling."""
    if squared(objective):
        objective.value(start)
        objective.predictions(start)
        objective.jacobian(start)
    else:
        objective.value_and_gradient(start)


def polished(objective: Objective, begin: Vector, ends: float) -> Vector:
    """Where a trusted solver goes down to from `begin` (p,), by the time `ends` at the latest."""
    path = least_squares_path if squared(objective) else quasi_newton_path
    return path(objective, begin, ends)[-1]


def _without_minimum(objective: Objective, start: Vector, ends: float) -> Minimum | None:
    """No minimum, where a logistic model can tell classes apart; None where it cannot.

    If the logit is linear in the weights, there is no minimum exactly if some direction of the
    weights lowers the cross-entropy of a row and raises that of none (Albert and Anderson 1984).
    """
    logit = _linear_logit(objective)
    target = np.asarray(objective.data["rows"].get("target", ()))
    if logit is None or not np.all((target == 0) | (target == 1)):
        return None
    size = len(objective.names)
    ways = logit * np.where(target == 1, 1.0, -1.0)[:, None]
    scale = np.max(np.abs(ways), axis=0)
    ways = ways / np.where(scale > 0, scale, 1.0)
    # No way out along a weight that has a bound there.
    edges = [
        (0.0 if np.isfinite(low) else -1.0, 0.0 if np.isfinite(high) else 1.0)
        for low, high in zip(objective.lower, objective.upper, strict=True)
    ]
    some = scipy.optimize.linprog(
        -np.mean(ways, axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=edges, method="highs"
    )
    if some.x is None or -some.fun <= CLEAR:
        return None
    least = scipy.optimize.linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.column_stack([-ways, np.ones(len(ways))]),
        b_ub=np.zeros(len(ways)),
        bounds=[*edges, (None, None)],
        method="highs",
    )
    at = polished(objective, start, ends)
    if least.x is not None and -least.fun > CLEAR:
        how = "linear programming: a line tells all rows apart"
        return Minimum(0.0, objective.named(at), how, separable=True)
    how = "linear programming: a line tells a part of the rows apart"
    return Minimum(objective.value(at), objective.named(at), how, separable=True)


def _linear_logit(objective: Objective) -> Matrix | None:
    """The derivative (n, p) of each row's logit by each weight, where that is constant."""
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != "cross-entropy":
        return None
    size = len(objective.names)
    if objective.rows * size > MOST_SEPARATED:
        return None
    if kernel.gives == "logit":
        found = (
            objective.jacobian(np.zeros(size)) if is_linear(kernel.model, kernel.weights) else None
        )
        return found if found is not None and np.all(np.isfinite(found)) else None
    # However the sigmoid was written: its logit must go as its slope at zero says.
    with np.errstate(all="ignore"):
        share = objective.predictions(np.zeros(size))
        found = objective.jacobian(np.zeros(size)) / (share * (1 - share))[:, None]
        reach = np.max(np.abs(found), axis=0)
        draw = np.random.default_rng(0)
        for _ in range(3):
            at = draw.uniform(-3, 3, size=size) / np.where(reach > 0, reach, 1.0) / size
            there = objective.predictions(at)
            moved = np.log(there / (1 - there)) - np.log(share / (1 - share))
            if not np.all(np.abs(moved - found @ at) <= 1e-9):
                return None
    return found


def _grows_for_ever(objective: Objective, weights: Vector, loss: float, start: Vector) -> bool:
    """Whether a cross-entropy goes to 0 with growing weights, as for classes without an overlap."""
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != "cross-entropy":
        return False
    grown = np.linalg.norm(weights) > 3 * max(float(np.linalg.norm(start)), 1.0)
    return bool(0 <= loss <= PERFECT and grown)


def _lowest(found: list[Candidate]) -> Candidate:
    """The first of those that are as low as rounding can tell."""
    low = min(candidate.loss for candidate in found)
    if not np.isfinite(low):
        return min(found, key=lambda candidate: candidate.loss)
    return next(c for c in found if c.loss <= low + SAME * abs(low))


def _finished(objective: Objective, found: Candidate, ends: float) -> Candidate:
    """The same candidate, or what a solver makes of it where that is clearly lower."""
    at = polished(objective, found.weights, max(ends, time.monotonic() + FINISH_SECONDS))
    loss = _safe_value(objective, at)
    lower = loss < found.loss - SAME * abs(found.loss)
    return replace(found, loss=loss, weights=at) if lower else found


def _agreed(found: list[Candidate]) -> bool:
    """True once enough starts were tried and several of them ended equally low."""
    low = _lowest(found).loss
    same = sum(candidate.loss <= low + 1e-6 * abs(low) for candidate in found)
    return len(found) >= ENOUGH_STARTS and same >= AGREEING


def starts(objective: Objective, start: Vector, seed: int) -> Iterator[Vector]:
    """The start, then draws around it and around zero at several scales, all inside the bounds.

    Of each three, one has the start's sizes with other signs; with bounds, another has each weight
    at one of its bounds or not, by chance.
    """
    low, high = objective.lower, objective.upper

    def inside(point: Vector) -> Vector:
        return np.clip(point, low, high)

    def on_bounds(point: Vector) -> Vector:
        nearest = np.where(np.abs(point - low) <= np.abs(point - high), low, high)
        chosen = np.isfinite(nearest) & (draw.uniform(size=size) < 0.5)
        return np.where(chosen, nearest, point)

    yield inside(start)
    draw = np.random.default_rng([seed, 1])
    size = len(start)
    spread = np.maximum(np.abs(start), 1e-3)
    for round_ in range(16):
        yield inside(start + spread * draw.normal(size=size) * (1 + round_ / 4))
        around_zero = inside(draw.normal(size=size) * 10.0 ** draw.uniform(-1, 1))
        yield on_bounds(around_zero) if objective.bounded else around_zero
        signs = draw.choice([-1.0, 1.0], size=size)
        yield inside(signs * start * np.exp(draw.normal(size=size)))


def _safe_value(objective: Objective, weights: Vector) -> float:
    value = objective.value(weights)
    return value if np.isfinite(value) else np.inf


def _candidate(objective: Objective, weights: Vector, how: str) -> Candidate | None:
    if not np.all(np.isfinite(weights)):
        return None
    value = objective.value(weights)
    return None if np.isnan(value) else Candidate(value, weights, how)


def _solvers(
    objective: Objective, begin: Vector, ends: float, index: int
) -> Iterator[Candidate | None]:
    kernel = objective.kernel
    where = "from this start" if index == 0 else f"from the start drawn as number {index}"
    now = time.monotonic()
    # The given start always gets its chance, if only a short one; none takes all the time.
    limit = max((now + ends) / 2, now + (0.5 if index == 0 else 0.0))
    most = MOST_EVALUATIONS if index == 0 else FEW_EVALUATIONS
    if squared(objective):
        path = least_squares_path(objective, begin, limit, most)
        yield _end(objective, path, f"scipy.optimize.least_squares {where}", begin)
        return
    if (
        isinstance(kernel, FormulaKernel)
        and kernel.loss_name == "mae"
        and objective.rows <= 20_000
        and is_linear(kernel.model, kernel.weights)
    ):
        if index == 0:
            yield _least_absolute(objective)
        return
    path = quasi_newton_path(objective, begin, limit, most)
    yield _end(objective, path, f"scipy.optimize.minimize (BFGS) {where}", begin)


def squared(objective: Objective) -> bool:
    """True where the loss is a mean of squares, so that least-squares solvers apply."""
    kernel = objective.kernel
    return isinstance(kernel, FormulaKernel) and kernel.loss_name in SQUARED


def _end(objective: Objective, path: list[Vector], how: str, begin: Vector) -> Candidate | None:
    found = _candidate(objective, path[-1], how) if path else None
    return None if found is None else replace(found, start=begin)


class EnoughError(Exception):
    """Raised out of a solver, to end it."""


Moved = Callable[[Vector], None]
"""Told each point (p,) that a solver moves to; it ends the solver by raising EnoughError."""


def _watched(function: Callable[[Vector], Vector], ends: float) -> Callable[[Vector], Vector]:
    def call(point: Vector) -> Vector:
        if time.monotonic() > ends:
            raise EnoughError
        return function(point)

    return call


def _noted(walked: list[Vector], moved: Moved | None) -> Moved:
    def note(point: Vector) -> None:
        walked.append(np.array(point))
        if moved is not None:
            moved(walked[-1])

    return note


def least_squares_path(
    objective: Objective, begin: Vector, ends: float, most: int = MOST_EVALUATIONS, moved: Moved | None = None
) -> list[Vector]:
    """Where scipy.optimize.least_squares went from `begin`, the lowest point last.

    Levenberg-Marquardt (MINPACK), or a trust region where there are bounds or fewer rows than
    weights. It is run a second time from where the first one stopped, with the weights scaled
    another way: that frees it where it had stopped short. Each evaluates the residuals `most` times
    at most.
    """
    rows = objective.data["rows"]
    target = np.asarray(rows["target"])
    root = 1.0 if rows["weight"] is None else np.sqrt(np.asarray(rows["weight"]))
    walked: list[Vector] = [begin]
    note = _noted(walked, moved)

    def residuals(point: Vector) -> Vector:
        return np.asarray(root * (objective.predictions(point) - target))

    def jacobian(point: Vector) -> Vector:
        # The solver asks for it once at each point that it moves to.
        note(point)
        return np.asarray((objective.jacobian(point).T * root).T)

    method = "trf" if objective.bounded or objective.rows < len(begin) else "lm"
    best: Vector = begin
    for scaling in ("jac", 1.0):
        try:
            with np.errstate(all="ignore"):
                found = scipy.optimize.least_squares(
                    _watched(residuals, ends),
                    best,
                    jac=_watched(jacobian, ends),
                    method=method,
                    x_scale=scaling,
                    bounds=(objective.lower, objective.upper)
                    if method == "trf"
                    else (-np.inf, np.inf),
                    ftol=1e-15,
                    xtol=1e-15,
                    gtol=1e-15,
                    max_nfev=most,
                )
        except EnoughError:
            best = walked[-1]
            break
        except (ValueError, np.linalg.LinAlgError):
            # ValueError: residuals are not finite at this start. Another start may do.
            best = walked[-1]
            continue
        if np.all(np.isfinite(found.x)):
            best = found.x
    with suppress(EnoughError):
        note(_onto_bounds(objective, best))
    return walked


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


def _least_absolute(objective: Objective) -> Candidate | None:
    """Min mean|Xw + o - y| as a linear programme: w, and t >= |residual| row by row."""
    from scipy.sparse import csr_array, eye_array, hstack, vstack

    rows, size = objective.rows, len(objective.names)
    data = objective.data["rows"]
    design = csr_array(objective.jacobian(np.zeros(size)))
    aim = np.asarray(data["target"]) - objective.predictions(np.zeros(size))
    weight = np.ones(rows) if data["weight"] is None else np.asarray(data["weight"])
    unit = eye_array(rows, format="csr")
    above = hstack([design, -unit])
    below = hstack([-design, -unit])
    edges = [*zip(objective.lower, objective.upper, strict=True), *[(0, None)] * rows]
    found = scipy.optimize.linprog(
        np.concatenate([np.zeros(size), weight / np.sum(weight)]),
        A_ub=vstack([above, below], format="csr"),
        b_ub=np.concatenate([aim, -aim]),
        bounds=edges,
        method="highs",
    )
    if found.x is None:
        return None
    return _candidate(objective, np.asarray(found.x[:size]), "linear programming, exact")


def quasi_newton_path(
    objective: Objective, begin: Vector, ends: float, most: int = MOST_EVALUATIONS, moved: Moved | None = None
) -> list[Vector]:
    """Where scipy's L-BFGS, then BFGS, went from `begin`, the lowest point last."""
    lowest = np.inf
    walked: list[Vector] = [begin]
    note = _noted(walked, moved)

    def value_and_gradient(point: Vector) -> tuple[float, Vector]:
        nonlocal lowest
        if time.monotonic() > ends:
            raise EnoughError
        value, gradient = objective.value_and_gradient(np.asarray(point))
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            if value == -np.inf:
                note(point)
            return (value if value == -np.inf else 1e300), np.zeros_like(gradient)
        if value < lowest:
            lowest = value
            note(point)
        return value, gradient

    options = {"maxiter": most, "maxfun": 20 * most, "gtol": 1e-12, "ftol": 1e-16}
    bounds = scipy.optimize.Bounds(objective.lower, objective.upper)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # scipy warns where a line search finds nothing lower; the path says so itself.
            warnings.simplefilter("ignore", RuntimeWarning)
            scipy.optimize.minimize(
                value_and_gradient,
                begin,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options=options,
            )
            if not objective.bounded:
                scipy.optimize.minimize(
                    value_and_gradient,
                    walked[-1],
                    jac=True,
                    method="BFGS",
                    options={"gtol": 1e-13, "maxiter": 500},
                )
    except (EnoughError, ValueError, OverflowError):
        return walked  # What was reached by then stands last.
    return walked


def lower_of(known: Minimum | None, loss: float, weights: Mapping[str, float], how: str) -> Minimum:
    """The known minimum, or the given point where it lies lower."""
    if known is None or loss < known.loss:
        return Minimum(loss=loss, weights=dict(weights), found_by=how)
    return known
