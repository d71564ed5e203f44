"""Linear optimizers on a quadratic: where they are after any number of steps, without walking them.

Along an eigenvector of eigenvalue λ the distance x to the minimum and w, the learning rate η times
the velocity, follow a linear recurrence: w' = βw + ηλx, and x' = x - w', or for Nesterov's
x' = x - ηλx - βw' (PyTorch's convention). So its powers, each the square of the one before, say
where it is after 2, 4, 8 ... steps. Without momentum, β = 0, it is gradient descent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.objective.quadratic import Modes
from steepest.records.arrays import Steps, Vector

_DOUBLINGS = 50
"""More steps than two to this power count as never, as in gradient descent's closed form."""

_SPENT = 1e-3
"""What swings is over once it holds so small a share of the loss that is allowed."""

_MOST_MODES = 200
"""With more of them the powers take too much room."""

_SURE = 1e-12
"""A share by which a mode shrinks at each step, well above what rounding does to its powers."""


@dataclass(frozen=True)
class Inertia:
    """A linear optimizer with momentum: `looks_ahead` is Nesterov's."""

    momentum: float
    looks_ahead: bool


def steps_beyond(
    modes: Modes, offset: Vector, rates: Vector, inertia: Inertia, goal: float, walked: int
) -> list[int | None]:
    """The first step at or below `goal` of descents (m,) that were above it for `walked` steps.

    Infinite modes aside, a descent that no longer swings falls step by step, so halving finds the
    step. None where it never arrives, or still swings after `walked` steps.
    """
    allowed = goal - modes.floor
    if allowed <= 0 or not len(rates) or len(modes.eigenvalues) > _MOST_MODES:
        return [None] * len(rates)
    with np.errstate(over="ignore", invalid="ignore"):
        move = _moves(modes, rates, inertia)
        powers = [move]
        for _ in range(_DOUBLINGS - 1):
            powers.append(powers[-1] @ powers[-1])
        first = np.zeros((len(rates), len(modes.eigenvalues), 2))
        first[:, :, 0] = modes.distances(offset)
        begun = _advanced(first, powers, walked)
        calm = _is_calm(modes, move, first, allowed, walked)
        state, steps = begun, np.zeros(len(rates), dtype=np.int64)
        for place in reversed(range(_DOUBLINGS)):
            later = _advanced_by(state, powers[place])
            above = ~(_excess(modes, later) <= allowed)
            state = np.where(above[:, None, None], later, state)
            steps += above * 2**place
        never = steps >= 2**_DOUBLINGS - 1
        there = _excess(modes, begun) <= allowed
    return [
        None if not calm[lane] or never[lane] else walked if there[lane] else walked + int(more) + 1
        for lane, more in enumerate(steps)
    ]


_LOW = 256
_HIGH = 128


class Powers:
    """The powers of one learning rate's move, from which every step's distances are multiplied.

    Step k = 256*(128*t + j) + l is the product of three powers, for l, j and t, and without
    momentum of two: so what is found for a step depends on nothing but the step, whichever others
    are asked for beside it.
    """

    def __init__(self, modes: Modes, rate: float, inertia: Inertia):
        self._coasts = inertia.momentum != 0
        with np.errstate(all="ignore"):
            if not self._coasts:
                steep = rate * modes.eigenvalues
                # Not of 1 - steep, whose rounding would add up over the steps.
                self._logs = np.where(steep < 1, np.log1p(-steep), np.log(steep - 1))
                turns = np.where(np.multiply.outer(steep > 1, np.arange(_LOW) % 2), -1.0, 1.0)
                self._low = (_powers(self._logs, np.arange(_LOW)) * turns)[:, None]
                return
            move = _moves(modes, np.array([rate]), inertia)[0]
            low = _table(move, _LOW)
            self._high = _table(low[-1] @ move, _HIGH)
            self._top = [self._high[-1] @ (low[-1] @ move)]
        # The distance alone is asked for: what it takes of both, by mode and number of steps.
        self._low = np.ascontiguousarray(np.moveaxis(low[:, :, 0, :], 0, -1))

    @property
    def shrinks(self) -> bool:
        """Whether each mode that is curved is nearer at each step, to the last bit."""
        return not self._coasts and bool(np.all((self._logs < -_SURE) | (self._logs == 0)))

    def distances(self, start: Vector, first: int, count: int, every: int = 1) -> list[Vector]:
        """Along each mode, (count,): at steps `first` and after, from rest at `start` (m,).

        Without momentum `every` may be a power of two of which `first` is a multiple: then it is
        at each so many steps, and the same there to the last bit.
        """
        hop = max(_LOW, every)
        begin, end = first // hop, (first + (max(count, 1) - 1) * every) // hop
        place = (first - begin * hop) // every
        found = []
        with np.errstate(all="ignore"):
            states = self._states(start, begin, end, hop)
            for mode, whole in enumerate(self._low):
                low = whole[:, ::every]
                distance = states[:, mode, 0, None] * low[0]
                if self._coasts:
                    distance += states[:, mode, 1, None] * low[1]
                found.append(distance.reshape(-1)[place : place + count])
        return found

    def _states(self, start: Vector, begin: int, end: int, hop: int) -> Vector:
        """Distance, and with momentum w, after each so many steps, (end - begin + 1, m, 1 or 2).

        With momentum so many are 256.
        """
        if not self._coasts:
            steps = np.arange(begin, end + 1) * hop
            found = start[:, None] * _powers(self._logs, steps)
            return np.asarray(found.T[..., None])
        return np.concatenate(
            [
                self._high[max(begin - t * _HIGH, 0) : end + 1 - t * _HIGH]
                @ self._begun(start, t)[..., None]
                for t in range(begin // _HIGH, end // _HIGH + 1)
            ]
        )[..., 0]

    def _begun(self, start: Vector, top: int) -> Vector:
        while len(self._top) < top.bit_length():
            self._top.append(self._top[-1] @ self._top[-1])
        return _advanced(np.stack([start, np.zeros_like(start)], axis=-1), self._top, top)


def _powers(logs: Vector, steps: Steps) -> Vector:
    """Of what has these logarithms (m,), which may be infinite: (m, n)."""
    return np.where(steps == 0, 1.0, np.exp(np.multiply.outer(logs, steps)))


def _table(move: Vector, size: int) -> Vector:
    """The powers from 0 to below `size`, a power of two, (size, m, 2, 2)."""
    found = np.broadcast_to(np.eye(2), (1, *move.shape)).copy()
    while len(found) < size:
        found = np.concatenate([found, found @ move])
        move = move @ move
    return found


def _moves(modes: Modes, rates: Vector, inertia: Inertia) -> Vector:
    """One step as matrices (m, k, 2, 2) of (x, w)."""
    steep = np.multiply.outer(rates, modes.eigenvalues)
    beta = inertia.momentum
    move = np.empty((*steep.shape, 2, 2))
    move[..., 0, 0] = 1.0 - steep * (1.0 + beta if inertia.looks_ahead else 1.0)
    move[..., 0, 1] = -(beta**2) if inertia.looks_ahead else -beta
    move[..., 1, 0] = steep
    move[..., 1, 1] = beta
    return move


def _advanced(state: Vector, powers: list[Vector], steps: int) -> Vector:
    for place in range(steps.bit_length()):
        if steps >> place & 1:
            state = _advanced_by(state, powers[place])
    return state


def _advanced_by(state: Vector, power: Vector) -> Vector:
    return np.asarray((power @ state[..., None])[..., 0])


def _excess(modes: Modes, state: Vector) -> Vector:
    return np.asarray(0.5 * np.sum(modes.eigenvalues * state[..., 0] ** 2, axis=-1))


def _is_calm(modes: Modes, move: Vector, first: Vector, allowed: float, walked: int) -> Vector:
    """Whether what is left of modes that swing no longer matters, (m,)."""
    trace = move[..., 0, 0] + move[..., 1, 1]
    product = move[..., 0, 0] * move[..., 1, 1] - move[..., 0, 1] * move[..., 1, 0]
    swings = trace**2 < 4.0 * product
    left = 0.5 * modes.eigenvalues * first[..., 0] ** 2 * np.abs(product) ** walked
    return np.asarray(np.sum(np.where(swings, left, 0.0), axis=-1) <= _SPENT * allowed)
