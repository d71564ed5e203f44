"""What was measured at one point: gradients and their meaning, curvature, minimum, landscapes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.choices import Edge


@dataclass(frozen=True)
class Pull:
    """What one data row adds to one partial. The pulls of all rows add up to the partial."""

    row: int
    amount: float
    share: float | None
    """amount / partial; None where the partial is zero."""


@dataclass(frozen=True)
class Nudge:
    """The change of the loss when one weight alone is raised by `by`."""

    by: float
    predicted: float
    """By the slope alone."""
    actual: float
    second_order: float | None = None
    """By the slope and the curvature along the weight."""


@dataclass(frozen=True)
class Partial:
    """One entry of the gradient, explained. All of it is taken at one step."""

    weight: str
    value: float
    amount: float
    text: str | None
    """The derivative in the formula's own notation; None where it is too long to write out."""
    latex: str | None
    nudge: Nudge | None = None
    pulls: tuple[Pull, ...] = ()
    at_bound: Edge | None = None


@dataclass(frozen=True)
class Taylor:
    """What a step was predicted to do to the loss, and what it did."""

    first_order: float
    second_order: float | None
    actual: float


@dataclass(frozen=True)
class BackwardNode:
    """One node of the formula or the loss with its value and its adjoint.

    `value` and `adjoint` are (n,) where the node differs by row, else (); the adjoint is the
    derivative of the loss by this node, so the adjoint of a weight is its partial.
    """

    text: str
    operation: str
    inputs: tuple[int, ...]
    value: Vector
    adjoint: Vector


@dataclass(frozen=True)
class Explanation:
    """Every gradient's meaning at one step."""

    step: int
    loss: float
    partials: tuple[Partial, ...]
    taylor: Taylor | None = None
    backward: tuple[BackwardNode, ...] = ()
    """In the order in which the values are computed; read it from the end for `backward()`."""
    row_numbers: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of the Hessian, largest first, each with its residual |Hv - λv| / |λ_max|.

    `values` is (m,), `vectors` (p, m), m = p where the Hessian is small enough to be dense.
    `preconditioned` names the optimizer whose scaling was applied, if any.
    """

    at: Literal["start", "end", "minimum"]
    values: Vector
    vectors: Matrix
    residuals: Vector
    complete: bool
    preconditioned: str | None = None
    tolerance: float = 1e-6
    held: tuple[str, ...] = ()
    """Weights that the gradient presses against a bound: the others alone move and count here."""
    known_to: float | None = None
    """Down to here eigenvalues are known, where that is less than what a Hessian would show."""

    @property
    def residual(self) -> float:
        """The worst residual."""
        return float(np.max(self.residuals)) if len(self.residuals) else 0.0

    @property
    def measured(self) -> bool:
        """False where an eigenvalue did not converge."""
        return bool(np.all(np.isfinite(self.values))) and self.residual <= self.tolerance

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.values[0])

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue (the most negative one where there is one)."""
        return float(self.values[-1])

    @property
    def noise(self) -> float:
        """Up to this an eigenvalue cannot be told from zero."""
        if self.known_to is not None:
            return self.known_to
        top = float(np.max(np.abs(self.values))) if len(self.values) else 0.0
        return top * len(self.vectors) * 4 * sys.float_info.epsilon

    @property
    def condition(self) -> float | None:
        """Largest over smallest eigenvalue; None where one is not positive."""
        if not self.complete or self.smallest <= 0 or self.largest <= 0:
            return None
        return self.largest / self.smallest

    @property
    def most_negative(self) -> float | None:
        """The most negative eigenvalue, None where none is below zero by more than noise."""
        return self.smallest if self.smallest < -self.noise else None


@dataclass(frozen=True)
class Minimum:
    """The lowest loss known from any source."""

    loss: float
    weights: Mapping[str, float]
    found_by: str
    unbounded: bool = False
    """True where the loss was seen to fall without end, so that no minimum exists."""
    separable: bool = False
    """True where classes can be told apart without an error, so that the weights grow for ever and
    no minimum exists; `loss` is the infimum."""
    flat: tuple[Mapping[str, float], ...] = ()
    """Combinations of weights along which the loss does not change, one unit vector each."""
    start: Mapping[str, float] | None = None
    """From where it was found."""
    growing: tuple[str, ...] = ()
    """Weights that go to infinity while the loss nears `loss` and never reaches it, so that no
    minimum exists."""
    elsewhere: tuple[Mapping[str, float] | None, ...] = ()
    """For each entry of `flat` of a curved model: other weights that were found to have the same
    loss; None where all along a straight line have it."""
    proven: bool = False
    """True where there is no lower one: the loss is convex, or a quadratic."""
    starts: int | None = None
    """From so many starts it is the lowest found."""
    user_weights: Mapping[str, float] | None = None
    """`weights` for the columns as they are, where those were scaled."""

    @property
    def exists(self) -> bool:
        """False where the loss falls for ever: then this is the lowest point that was seen."""
        return not (self.unbounded or self.separable or self.growing)


@dataclass(frozen=True)
class Breakdown:
    """Where a value stopped being finite."""

    step: int
    where: str
    weight: str | None
    row: int | None


@dataclass(frozen=True)
class BatchLimit:
    """The stability limit of a descent in batches of `size` rows."""

    size: int
    mean_square: float
    """Above it the mean of the squared distance grows, over all batches that might be drawn."""
    stays: float | None
    """The largest learning rate walked at which the distance does not grow, on the batches that
    this descent draws; None where it grows at all."""
    grows: float | None
    """The next larger one, at which it does; None where it grows at none."""
    steps: int
    """So many steps were walked."""


@dataclass(frozen=True)
class Escape:
    """A way down from a saddle point: a step along a direction, and what it did to the loss."""

    direction: Mapping[str, float]
    """A unit vector: that of the most negative curvature."""
    by: float
    """How far along it; negative the other way."""
    change: float
    """The loss there minus the loss here."""


@dataclass(frozen=True)
class Slice:
    """The loss along one weight, the others held where the descent stood at `step`.

    Weights are those of the descent, so for the scaled columns where they were scaled.
    """

    weight: str
    values: Vector
    """Of the weight, (m,), evenly spaced."""
    loss: Vector
    """(m,), not finite where the formula is not."""
    step: int
    here: Mapping[str, float]
    """All weights at that step."""
    loss_here: float
    slope: float
    """The partial there: the slope of the tangent."""
    path_step: Steps
    """Of the recorded path, (k,)."""
    path: Vector
    """The weight along it, (k,)."""
    path_loss: Vector
    """(k,); not on the slice, because the other weights moved too."""
    minimum: float | None = None
    """The weight at the known minimum."""


@dataclass(frozen=True)
class Landscape:
    """The loss over two weights, the others held where the descent stood at `step`.

    Weights are those of the descent, so for the scaled columns where they were scaled.
    """

    weights: tuple[str, str]
    x: Vector
    """Of the first weight, (m,), evenly spaced."""
    y: Vector
    """Of the second, (n,)."""
    loss: Matrix
    """(n, m): a row for each value of the second weight; not finite where the formula is not."""
    step: int
    here: Mapping[str, float]
    """All weights at that step."""
    loss_here: float
    path_step: Steps
    """Of the recorded path, (k,)."""
    path: Matrix
    """The two weights along it, (k, 2)."""
    path_loss: Vector
    """(k,); on the surface only where the other weights are those at `step`."""
    minimum: tuple[float, float] | None = None
    """The two weights at the known minimum."""
