"""The same model on other rows, and other models on the same rows: refits from a minimum.

They call the compiled predictions and slopes of the objective at hand, so nothing is compiled for
them. What is left out has the weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.formula.structure import is_linear
from steepest.measure.deadline import Deadline
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector

PARTS = 5
"""Into so many parts rows are cut; each is held out once."""

EVALUATIONS = 60
"""Of the predictions, in one refit: it begins near where it ends."""


TINY = 1e-150
"""In place of zero, where a logarithm or a quotient is taken."""


class OutOfTimeError(Exception):
    """A refit did not end in time."""


@dataclass(frozen=True)
class Variant:
    """A model beside the one at hand: columns (n, k) added to it, or the logarithm of both sides.

    `root` (n,) is the root of each row's weight.
    """

    root: Vector
    extra: Matrix
    logarithm: bool = False
    sigma: str | None = None
    """The column that `root` is one over."""

    @property
    def terms(self) -> int:
        """How many weights it adds."""
        return int(self.extra.shape[1])


def plain(root: Vector) -> Variant:
    """The model at hand."""
    return Variant(root, np.zeros((len(root), 0)))


def refitted(
    objective: Objective,
    variant: Variant,
    begin: Vector,
    ends: Deadline,
    *,
    rows: Vector | None = None,
    robust: bool = False,
) -> Vector | None:
    """Weights (p + k,) of a variant on the rows where `rows` (n,) is 1, from `begin`.

    `begin` is (p + k,), or (p,) where the added terms begin at zero.

    `robust`: with the loss huber. None where no solver ended at a finite point. Raises
    OutOfTimeError.
    """
    root = variant.root if rows is None else variant.root * rows
    if is_closed(objective, variant) and not robust:
        return _solved(objective, variant, root)
    target = np.asarray(objective.data["rows"]["target"])
    size = len(objective.names)
    used = root > 0
    units = np.max(np.abs(variant.extra), axis=0, initial=0.0)
    units = np.where(units > 0, units, 1.0)

    def residuals(point: Vector) -> Vector:
        if ends.passed:
            raise OutOfTimeError
        off = _predicted(objective, variant, point, units) - _aim(variant, target)
        return np.asarray((root * off)[used])

    def jacobian(point: Vector) -> Vector:
        slopes = objective.jacobian(point[:size])
        if variant.logarithm:
            slopes = slopes / np.maximum(objective.predictions(point[:size]), TINY)[:, None]
        whole = np.concatenate([slopes, variant.extra / units], axis=1)
        return np.asarray((root[:, None] * whole)[used])

    from scipy.optimize import least_squares

    started = np.append(begin, np.zeros(size + variant.terms - len(begin)))
    free = np.full(variant.terms, np.inf)
    method = "trf" if objective.bounded or robust or np.sum(used) < size else "lm"
    bounds = (np.append(objective.lower, -free), np.append(objective.upper, free))
    try:
        with np.errstate(all="ignore"):
            found = least_squares(
                residuals,
                np.append(begin[:size], started[size:] * units),
                jac=jacobian,
                method=method,
                loss="huber" if robust else "linear",
                x_scale="jac",
                bounds=bounds if method == "trf" else (-np.inf, np.inf),
                ftol=1e-10,
                xtol=1e-10,
                gtol=1e-12,
                max_nfev=EVALUATIONS * (5 if robust else 1),
            )
    except (ValueError, np.linalg.LinAlgError):
        return None  # It came to a point that is not finite.
    if not np.all(np.isfinite(found.x)) or found.status <= 0:
        return None
    return np.append(found.x[:size], found.x[size:] / units)


def predicted(objective: Objective, variant: Variant, weights: Vector) -> Vector:
    """Predictions (n,) of a variant at weights (p + k,), of the target's logarithm where it is."""
    return _predicted(objective, variant, weights, np.ones(variant.terms))


def _predicted(objective: Objective, variant: Variant, weights: Vector, units: Vector) -> Vector:
    size = len(objective.names)
    found = objective.predictions(weights[:size])
    if variant.logarithm:
        found = np.log(np.maximum(found, TINY))
    return found + (variant.extra / units) @ weights[size:]


def _aim(variant: Variant, target: Vector) -> Vector:
    return np.log(target) if variant.logarithm else target


def is_closed(objective: Objective, variant: Variant) -> bool:
    """Whether a refit is solved for exactly: a model that is linear in its weights."""
    kernel = objective.kernel
    return (
        isinstance(kernel, FormulaKernel)
        and is_linear(kernel.model, kernel.weights)
        and not objective.bounded
        and not variant.logarithm
    )


def _solved(objective: Objective, variant: Variant, root: Vector) -> Vector | None:
    zero = np.zeros(len(objective.names))
    design = np.concatenate([objective.jacobian(zero), variant.extra], axis=1) * root[:, None]
    aim = root * (np.asarray(objective.data["rows"]["target"]) - objective.predictions(zero))
    size = np.max(np.abs(design), axis=0, initial=0.0)
    size = np.where(size > 0, size, 1.0)
    if not (np.all(np.isfinite(design)) and np.all(np.isfinite(aim))):
        return None
    return np.asarray(np.linalg.lstsq(design / size, aim, rcond=1e-13)[0] / size)


@dataclass(frozen=True)
class HeldOut:
    """What a variant makes of rows that it was not fitted to, (n,) each."""

    density: Vector
    """The log of how likely each target is, by the scatter of the rows fitted to."""
    prediction: Vector
    """Of the target itself."""


def lowest_refitted(
    objective: Objective, variant: Variant, begins: Sequence[Vector], ends: Deadline
) -> Vector | None:
    """The weights (p + k,) of the lowest refit from several starts, each (p,) or longer."""
    aim = _aim(variant, np.asarray(objective.data["rows"]["target"]))
    lowest, found = np.inf, None
    whole = len(objective.names) + variant.terms
    for begin in begins[:1] if is_closed(objective, variant) else begins:
        weights = refitted(objective, variant, begin[:whole], ends)
        if weights is None:
            continue
        off = variant.root * (predicted(objective, variant, weights) - aim)
        if off @ off < lowest:
            lowest, found = float(off @ off), weights
    return found


def held_out(
    objective: Objective, variant: Variant, whole: Vector, ends: Deadline
) -> HeldOut | None:
    """Fit to all parts but one, and try on that one, for each of PARTS parts drawn by chance.

    `whole` (p + k,) are the weights with all parts. None where a fit failed or left no scatter to
    judge by. Raises OutOfTimeError.
    """
    target = np.asarray(objective.data["rows"]["target"])
    count = len(target)
    part = np.random.default_rng(0).permutation(count) % PARTS
    density, prediction = np.zeros(count), np.zeros(count)
    aim = _aim(variant, target)
    for each in range(PARTS):
        learning, apart = part != each, part == each
        rows = learning.astype(np.float64)
        weights = refitted(objective, variant, whole, ends, rows=rows)
        degrees = int(np.sum(learning & (variant.root > 0))) - len(whole)
        if weights is None or degrees < 1:
            return None
        said = predicted(objective, variant, weights)
        off = said - aim
        square = float(np.sum((variant.root * off)[learning] ** 2)) / degrees
        if not (np.isfinite(square) and square > 0):
            return None
        # A row of weight w scatters with the variance square/w.
        own = square / np.maximum(variant.root[apart], TINY) ** 2
        log_density = -0.5 * (np.log(2 * np.pi * own) + off[apart] ** 2 / own)
        density[apart] = log_density - (aim[apart] if variant.logarithm else 0.0)
        prediction[apart] = np.exp(said[apart]) if variant.logarithm else said[apart]
    return HeldOut(density, prediction)
