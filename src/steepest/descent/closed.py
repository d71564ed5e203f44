"""Steps of a linear optimizer on a quadratic, all at once and not one after the other.

Where the weights are at step k follows from where they began and from k alone, so any stretch of a
descent can be had by itself, and one that is gone on with takes the same path to the last bit.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from steepest.descent.loop import Limits, State
from steepest.descent.recorder import Block
from steepest.methods.optimizers import optimizer_of
from steepest.objective.kernels import QuadraticKernel, RescaledKernel
from steepest.objective.objective import Objective
from steepest.objective.quadratic import Modes, modes_of
from steepest.objective.recurrence import Inertia, Powers
from steepest.records.arrays import Mask, Matrix, Steps, Vector

MOST_MULTIPLIED: Final = 16
"""With more of them, walking costs less than multiplying."""

AT_ONCE: Final = 16_000
"""Steps. Arrays of a little more are of fresh memory each time: a step takes thrice as long."""

_TRUE_TO = 1e-12
"""To so much of itself a weight must come out of its directions as it went into them."""

_SLOPE_TRUE_TO = 1e-10

_FARTHEST = 10**13
"""Steps. Beyond, the rounding of a mode's power is more than what a step shrinks it by."""


@dataclass(frozen=True)
class Stretch:
    """Steps from `first` on, each or `every` so many: the loss (m,), the gradient's squared length.

    `along` are the distances along each mode, (m,), from which positions and gradients follow.
    """

    form: ClosedForm
    start: Vector
    first: int
    along: Sequence[Vector]
    loss: Vector
    norm: Vector
    every: int = 1

    @cached_property
    def step(self) -> Steps:
        """Their numbers, (m,)."""
        return self.first + self.every * np.arange(len(self.loss))

    def positions(self, chosen: Any) -> Matrix:
        """In a kernel's coordinates, of some of the steps, (c, p)."""
        form = self.form
        with np.errstate(all="ignore"):
            found = _combined(form.ways, [one[chosen] for one in self.along])
        if len(form.modes.eigenvalues) < len(self.start):
            begun = form.modes.distances(self.start / form.stride)
            # What no direction of the loss moves.
            found += (self.start - form.ways @ begun)[:, None]
        if self.first == 0:
            found[:, np.arange(len(self.loss))[chosen] == 0] = self.start[:, None]
        return found.T

    @cached_property
    def fine(self) -> Mask:
        """Where loss and gradient are finite, (m,)."""
        found = np.isfinite(self.norm)
        if not found.all():  # A gradient may be finite where its square is not.
            found = np.all(np.isfinite(self.gradients(slice(None))), axis=1)
        return np.asarray(found & np.isfinite(self.loss))

    def gradients(self, chosen: Any) -> Matrix:
        """The same of the gradient."""
        with np.errstate(all="ignore"):
            return _combined(self.form.steep, [one[chosen] for one in self.along]).T


@dataclass(frozen=True)
class Taken:
    """The first `count` steps of a stretch, as a descent on `objective` records them."""

    objective: Objective
    stretch: Stretch
    count: int

    def __len__(self) -> int:
        return self.count

    @cached_property
    def step(self) -> Steps:
        """Their numbers, (m,)."""
        return self.stretch.step[: self.count]

    @cached_property
    def loss(self) -> Vector:
        """The loss, (m,)."""
        return self.stretch.loss[: self.count]

    @cached_property
    def validation(self) -> Vector:
        """Nothing is held out, (m,)."""
        return np.broadcast_to(np.nan, self.count)

    @cached_property
    def fine(self) -> Mask | None:
        """Where loss and gradient are finite, (m,); None where all are."""
        found = self.stretch.fine[: self.count]
        return None if found.all() else found

    def __getitem__(self, chosen: slice | Steps | Mask) -> Block:
        places = np.arange(self.count)[chosen]
        return Block(
            self.step[chosen],
            self.loss[chosen],
            self.objective.weights_at(self.stretch.positions(places)),
            self.objective.by_weights(self.stretch.gradients(places)),
            self.validation[chosen],
        )


@dataclass(frozen=True)
class Falling:
    """Steps `first` to `last`, the loss at each no higher than before, so that few must be known.

    `sampled` are those whose number is a multiple of the trace's stride, `ending` the last ones.
    """

    form: ClosedForm
    start: Vector
    first: int
    last: int
    sampled: Taken
    ending: Taken

    def first_within(self, loss: float) -> int:
        """The first step with at most this loss, which the last has."""
        steps = range(self.first, self.last + 1)
        return steps[
            bisect_left(steps, True, key=lambda step: self.form.at(self.start, step)[0] <= loss)
        ]


@dataclass(frozen=True)
class ClosedForm:
    """A quadratic and an optimizer's numbers.

    `root` (r, p) and `floor` are the kernel's; with a learning rate of its own, `pace` times `lr`,
    for each weight, the descent is that of one rate in coordinates divided by √pace.
    """

    root: Matrix
    floor: float
    centre: Vector
    lr: float
    pace: Vector
    inertia: Inertia

    @cached_property
    def stride(self) -> Vector:
        """√pace."""
        return np.asarray(np.sqrt(self.pace))

    @cached_property
    def modes(self) -> Modes:
        """Those of the coordinates in which one learning rate serves all."""
        return modes_of(self.root * self.stride, self.floor)

    @cached_property
    def ways(self) -> Matrix:
        """What each distance along a mode adds to the position, (p, k)."""
        return np.asarray(self.modes.vectors * self.stride[:, None])

    @cached_property
    def steep(self) -> Matrix:
        """What it adds to the gradient, (p, k)."""
        return np.asarray(self.modes.vectors * self.modes.eigenvalues / self.stride[:, None])

    @cached_property
    def powers(self) -> Powers:
        """Of one step."""
        return Powers(self.modes, self.lr, self.inertia)

    def serves(self, start: Vector) -> bool:
        """Whether `start` (p,) and the gradient there come out of the directions as they are.

        Where weights are of very different sizes, a direction's rounding may be more than a weight.
        """
        with np.errstate(all="ignore"):
            begun = self.modes.distances(start / self.stride)
            here, slope = self.ways @ begun, self.steep @ begun
            gradient = self.root.T @ (self.root @ start)
            rounding = np.abs(self.root).T @ (np.abs(self.root) @ np.abs(start))
            off = np.abs(here - start) > _TRUE_TO * (np.abs(start) + np.abs(self.centre))
            allowed = _SLOPE_TRUE_TO * np.abs(gradient) + sys.float_info.epsilon * rounding
            wrong = np.abs(slope - gradient) > allowed
        whole = len(begun) == len(start)
        numbers = [*here, *slope, *self.modes.eigenvalues]
        return bool(np.all(np.isfinite(numbers)) and not np.any((off & whole) | wrong))

    def stretch(self, start: Vector, first: int, count: int, every: int = 1) -> Stretch:
        """Steps `first` and after of the descent from `start` (p,); `every` is that of `Powers`."""
        eigenvalues = self.modes.eigenvalues
        begun = self.modes.distances(start / self.stride)
        along = self.powers.distances(begun, first, count, every)
        with np.errstate(all="ignore"):
            # Each product is squared, not a product of squares: those may overflow by themselves.
            loss = _squared(np.sqrt(0.5 * eigenvalues), along)
            loss += self.floor
            if np.all(self.pace == 1.0):
                norm = _squared(eigenvalues, along)
            else:
                norm = np.sum(np.square(_combined(self.steep, along)), axis=0)
        return Stretch(self, start, first, along, loss, norm, every)

    def at(self, start: Vector, step: int) -> tuple[float, float]:
        """The loss at a step, and the gradient's squared length."""
        found = self.stretch(start, step, 1)
        return float(found.loss[0]), float(found.norm[0])


def _combined(shares: Matrix, along: Sequence[Vector]) -> Matrix:
    """Shares (k, m) of m distances (n,), added up in one order: (k, n).

    Not as a product of matrices, whose rounding depends on how many columns there are.
    """
    found = np.multiply(shares[:, :1], along[0])
    if found.size <= AT_ONCE:
        for share, distance in zip(shares.T[1:], along[1:], strict=True):
            found += share[:, None] * distance
        return found
    part = np.empty(len(along[0]))
    for row, sums in zip(shares, found, strict=True):
        for number, distance in zip(row[1:], along[1:], strict=True):
            sums += np.multiply(number, distance, out=part)
    return found


def _squared(shares: Vector, along: Sequence[Vector]) -> Vector:
    """The sum of the squares of shares (m,) of m distances (n,): (n,)."""
    found = np.zeros(len(along[0]))
    part = np.empty(len(found))
    for share, distance in zip(shares, along, strict=True):
        np.multiply(share, distance, out=part)
        found += np.square(part, out=part)
    return found


def stopped_at(state: State, limits: Limits, found: Stretch) -> State:
    """Where a descent stands after as many of these steps as no stop rule ends.

    The rules are those of the loop. The last of `found` is only stood on, and not yet judged.
    """
    count = len(found.loss) - 1
    loss, norm = found.loss[:count], found.norm[:count]
    first_loss, first_norm = state.first_loss, state.first_norm
    if found.first == 0:
        first_loss, first_norm = loss[0], norm[0]
    with np.errstate(all="ignore"):
        ceiling = limits.ceiling * max(abs(first_loss), limits.scale)
        goes = (np.abs(loss) <= ceiling) & (loss > limits.goal) & found.fine[:count]
        if limits.tolerance:
            goes &= norm >= limits.tolerance**2 * first_norm
    goes[max(0, int(limits.last) - found.first) :] = False
    place = count if goes.all() else int(np.argmin(goes))
    return state._replace(
        position=found.positions(slice(place, place + 1))[0],
        step=np.int64(found.first + place),
        running=np.bool_(place == count),
        first_loss=np.float64(first_loss),
        first_norm=np.float64(first_norm),
    )


def last_of_fall(form: ClosedForm, state: State, limits: Limits) -> int | None:
    """The last step of a descent whose loss is at no step higher than before, by the loop's rules.

    None where the loss may rise, and where the rules may end it for that.
    """
    start, last = state.slots.position[0], int(limits.last)
    is_judged = limits.tolerance > 0
    if not form.powers.shrinks or last > _FARTHEST or (is_judged and np.any(form.pace != 1.0)):
        return None
    (highest, longest), (lowest, shortest) = form.at(start, 0), form.at(start, last)
    ceiling = limits.ceiling * max(abs(highest), limits.scale)
    if not np.all(np.isfinite([highest, longest])) or max(abs(highest), abs(lowest)) > ceiling:
        return None
    least = limits.tolerance**2 * longest

    def ends(loss: float, norm: float) -> bool:
        return bool(loss <= limits.goal or norm < least)

    if not ends(lowest, shortest):
        return last
    steps = range(int(state.step), last + 1)
    return steps[bisect_left(steps, True, key=lambda step: ends(*form.at(start, step)))]


def closed_form(
    objective: Objective, optimizer: str, lr: float, momentum: float | None
) -> ClosedForm | None:
    """The closed form of this optimizer's descent on all rows, where there is one."""
    known = optimizer_of(optimizer)
    kernel, data = objective.kernel, objective.data
    unit: Any = 1.0
    if isinstance(kernel, RescaledKernel):
        kernel, unit = kernel.inner, data["unit"]
    if not isinstance(kernel, QuadraticKernel) or not known.is_linear or objective.bounded:
        return None
    size = len(objective.names)
    if size > MOST_MULTIPLIED:
        return None
    return ClosedForm(
        root=np.asarray(data["root"]) * unit,
        floor=float(data["floor"]),
        centre=np.asarray(objective.centre / unit),
        lr=lr,
        pace=np.broadcast_to(np.asarray(objective.pace, dtype=np.float64), (size,)),
        inertia=Inertia(momentum or 0.0, known.looks_ahead),
    )
