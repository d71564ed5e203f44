"""The loss and its derivatives over rows that are not at hand: each evaluation is a pass over them.

A sum over rows is a sum over their parts, and over the shares of other processes. Only these sums
are kept, so memory does not grow with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp, with_slope
from steepest.engine.xla import in_float64
from steepest.methods.losses import MSE, RMSE
from steepest.objective.kernels import Data, FormulaKernel, value_and_gradient
from steepest.objective.least_squares import not_finite
from steepest.objective.moments import triangle_of, two_sum
from steepest.objective.objective import Objective, jacobian_of, predictions_of, rounding_of
from steepest.objective.passes.batched import StreamedBatches, blocks_of
from steepest.objective.passes.rows import Part, Rows, Seen, padded
from steepest.objective.passes.survey import (
    Survey,
    all_of,
    both,
    from_bytes,
    no_survey,
    survey_of,
    to_bytes,
)
from steepest.objective.passes.team import ALONE, Team
from steepest.records.arrays import Matrix, Vector
from steepest.words.errors import InputError
from steepest.words.wording import escaped

MOST_KNOWN = 20_000
"""Evaluations that are remembered, so that a step can be looked at again without a pass."""


@dataclass(frozen=True)
class GivenKernel:
    """A loss of which the value and the gradient at one position are known."""

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The loss, (). Only there, and only its first derivative, is it right."""
        found: jax.Array = _given(position, data["loss"], data["gradient"])
        return found


def _given_slope(
    at: tuple[jax.Array, jax.Array, jax.Array], along: tuple[jax.Array, jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    _, loss, gradient = at
    return jnp.asarray(loss), jnp.sum(gradient * along[0])


@with_slope(_given_slope)
def _given(position: jax.Array, loss: jax.Array, gradient: jax.Array) -> jax.Array:
    # Not a tangent plane: a gradient that is not finite would spoil the loss.
    return jnp.asarray(loss)


class Sums(NamedTuple):
    """The loss (), its gradient (p,) and its Hessian (p, p), where that was asked for."""

    loss: float
    gradient: Vector
    hessian: Matrix | None


@dataclass(frozen=True)
class FirstOrder:
    """Of rows at weights (p,): derivatives and residuals of their predictions, summed up.

    `triangle` (p + 1, p + 1) has triangle.T @ triangle = the sum of w [J r] ⊗ [J r], of each row's
    weight w, its prediction's derivatives J and its residual r. `noise` is the sum of the squares
    of what rounding makes of √w r.
    """

    triangle: Matrix
    noise: float


_FIRST_ORDER: Final = 3.0
"""What the other processes are asked for, where 1 and 2 are orders of derivatives of the loss."""

_DONE: Final = 0.0


class Totals:
    """Sums over all rows of all processes, each asked for by process 0.

    The loss is that of `kernel`; under rmse the kernel's is mse, and the root is taken of the sum.
    """

    def __init__(self, rows: Rows, kernel: FormulaKernel, fixed: dict[str, float], team: Team):
        self.rows, self.team = rows, team
        self.is_shared = team.size > 1
        self.counts = np.zeros(0, dtype=np.int64)
        """Rows in use of each block of the data, known from a survey."""
        self.seen: Seen | None = None
        """Told of the rows read in a pass."""
        self._is_root = kernel.loss_name == RMSE.name
        loss = MSE.name if self._is_root else kernel.loss_name
        self._kernel = FormulaKernel(kernel.model, kernel.weights, loss, kernel.gives)
        self._fixed = {name: np.float64(value) for name, value in fixed.items()}
        self._known: dict[bytes, Sums] = {}
        self._slopes: dict[int, tuple[bytes, Vector]] = {}
        self.batches: StreamedBatches | None = None
        """Of this process, where a descent goes over the rows in batches."""

    def at(self, weights: Vector, order: int = 1) -> Sums:
        """The sums at weights (p,), to the derivative of this order. One pass, unless known."""
        key = np.asarray(weights, dtype=np.float64).tobytes()
        known = self._known.get(key)
        if known is not None and (order < 2 or known.hessian is not None):
            return known
        if self.team.size > 1:
            self.team.total(np.concatenate([[order], weights]))
        found = self._whole(np.asarray(weights, dtype=np.float64), order)
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = found
        return found

    def serve(self) -> None:
        """In the other processes: answer until process 0 is done."""
        size = len(self._kernel.weights)
        while True:
            asked = self.team.total(np.zeros(size + 1))
            if asked[0] == _DONE:
                return
            if asked[0] == _FIRST_ORDER:
                self._first_order(asked[1:])
            elif asked[0] < 0:
                self._of_batch(asked[1:], -1 - int(asked[0]))
            else:
                self._whole(asked[1:], int(asked[0]))

    def done(self) -> None:
        """Let the other processes go. What is asked for then, this one reads alone."""
        if self.team.size > 1:
            self.team.total(np.concatenate([[_DONE], np.zeros(len(self._kernel.weights))]))
        if self.batches is not None:
            self.team = ALONE
            known = self.batches
            self.batches = StreamedBatches(known.passed, known.counts, known.size, known.seed)

    def first_order(self, weights: Vector) -> FirstOrder:
        """Derivatives and residuals at weights (p,), summed up over all rows. One pass."""
        at = np.asarray(weights, dtype=np.float64)
        if self.team.size > 1:
            self.team.total(np.concatenate([[_FIRST_ORDER], at]))
        return self._first_order(at)

    @in_float64
    def _first_order(self, weights: Vector) -> FirstOrder:
        size, noise = len(weights) + 1, 0.0
        triangle = np.zeros((size, size))
        for part in self.rows.parts(self.seen):
            self.team.check()
            if part.rows:
                data = self._data(part)
                slopes = np.asarray(jacobian_of(self._kernel, weights, data))[: part.rows]
                found = np.asarray(predictions_of(self._kernel, weights, data))[: part.rows]
                root = np.ones(part.rows) if part.row_weight is None else np.sqrt(part.row_weight)
                away = np.column_stack([slopes, found - part.target]) * root[:, None]
                triangle = triangle_of(np.vstack([triangle, away]))
                off = root * rounding_of(slopes, found, part.target, weights)
                noise += float(off @ off)
        every = self.team.gather(np.append(triangle.ravel(), noise).tobytes())
        shares = [np.frombuffer(one) for one in every]
        whole = np.vstack([share[:-1].reshape(size, size) for share in shares])
        return FirstOrder(triangle_of(whole), float(sum(share[-1] for share in shares)))

    def slope_of_batch(self, weights: Vector, step: int) -> Vector:
        """The gradient (p,) at weights (p,) of the batch of a step, over all processes."""
        at = np.asarray(weights, dtype=np.float64)
        known = self._slopes.get(step)
        if known is not None and known[0] == at.tobytes():
            return known[1]
        if self.team.size > 1:
            self.team.total(np.concatenate([[-1.0 - step], at]))
        found = self._of_batch(at, step)
        if len(self._slopes) >= MOST_KNOWN:
            del self._slopes[next(iter(self._slopes))]
        self._slopes[step] = (at.tobytes(), found)
        return found

    @in_float64
    def _of_batch(self, weights: Vector, step: int) -> Vector:
        assert self.batches is not None
        rows = self.batches.share(step)
        sums = np.zeros(2 + len(weights))
        if rows is not None:
            data = {"fixed": self._fixed, "rows": rows}
            sums = np.asarray(_sums(self._kernel, 1, weights, data))
        whole = self.team.total(sums)
        found = Sums(float(whole[1] / whole[0]), whole[2:] / whole[0], None)
        return (_root(*found) if self._is_root else found).gradient

    @in_float64
    def _whole(self, weights: Vector, order: int) -> Sums:
        size = len(weights)
        length = 2 + size + (size * size if order > 1 else 0)
        high, low = np.zeros(length), np.zeros(length)
        for part in self.rows.parts(self.seen):
            self.team.check()
            if part.rows:
                data = self._data(part)
                more = np.asarray(_sums(self._kernel, order, weights, data))
                high, rest = two_sum(high, more)
                low += rest
        summed = self.team.total(np.concatenate([high, low]))
        whole = summed[:length] + summed[length:]
        loss, gradient = float(whole[1] / whole[0]), whole[2 : 2 + size] / whole[0]
        hessian = None
        if order > 1:
            hessian = whole[2 + size :].reshape(size, size) / whole[0]
        return _root(loss, gradient, hessian) if self._is_root else Sums(loss, gradient, hessian)

    def _data(self, part: Part) -> Data:
        """A part as the kernel takes it; one that is short is filled up with rows of weight 0."""
        size = self.rows.size
        columns, target, weight = dict(part.scaled), part.target, part.row_weight
        if part.rows < size:
            weight = np.ones(part.rows) if weight is None else weight
            weight = np.concatenate([weight, np.zeros(size - part.rows)])
            columns = {name: padded(values, size) for name, values in columns.items()}
            target = padded(target, size)
        used = {name: columns[name] for name in self.rows.wanted.formula.columns}
        rows = {"columns": used, "target": target, "weight": weight}
        return {"fixed": self._fixed, "rows": rows}

    @in_float64
    def survey(self, *, is_linear: bool) -> Survey:
        """One pass over all rows of all processes; with the design where the model `is_linear`.

        Every process calls it, and has the answer. Raises InputError in all of them where the
        data is at fault.
        """
        wanted = self.rows.wanted
        size = len(self._kernel.weights) if is_linear else 0
        found, said = no_survey(len(wanted.columns), size), b""
        blocks = -(-self.rows.table.rows // self.rows.size)
        counts = np.zeros(blocks)
        try:
            for part in self.rows.parts(self.seen):
                self.team.check()
                design, offset = np.zeros((part.rows, 0)), np.zeros(part.rows)
                if is_linear and part.rows:
                    design, offset = self._design(part)
                found = both(found, survey_of(part, design, offset))
                counts += blocks_of(part, self.rows.size, blocks)
        except InputError as error:
            said = error.message.encode()
        for message in self.team.gather(said):
            if message:
                raise InputError(message.decode())
        self.counts = self.team.total(counts).astype(np.int64)
        return all_of([from_bytes(one) for one in self.team.gather(to_bytes(found))])

    def _design(self, part: Part) -> tuple[Matrix, Vector]:
        data, zero = self._data(part), np.zeros(len(self._kernel.weights))
        design = np.asarray(jacobian_of(self._kernel, zero, data))[: part.rows]
        offset = np.asarray(predictions_of(self._kernel, zero, data))[: part.rows]
        finite = np.all(np.isfinite(design), axis=1) & np.isfinite(offset)
        if not np.all(finite):
            row = int(np.argmin(finite))
            read = self.rows.wanted.formula.columns
            shown = [f"{escaped(name)} = {part.selection.columns[name][row]:g}" for name in read]
            raise not_finite(
                f"{', '.join(shown[:4])} on row {part.selection.row_numbers[row]:,} "
                "(counted from 0)"
            )
        return design, offset


@compiled("kernel", "order")
def _sums(kernel: FormulaKernel, order: int, weights: Any, data: Data) -> jax.Array:
    """Total weight, loss, gradient and perhaps Hessian of a part, each times that weight."""
    weight = data["rows"]["weight"]
    rows = data["rows"]["target"].shape[0]
    total = jnp.float64(rows) if weight is None else jnp.sum(weight)
    loss, gradient = value_and_gradient(kernel, weights, data)
    found = [jnp.ones(1), loss[None], gradient]
    if order > 1:
        found.append(jax.hessian(kernel.loss)(weights, data).ravel())
    return total * jnp.concatenate(found)


def _root(loss: float, gradient: Vector, hessian: Matrix | None) -> Sums:
    """The root of a loss and its derivatives; the gradient is 0 where the loss is."""
    root = float(np.sqrt(loss))
    if not root:
        return Sums(root, np.zeros_like(gradient), None if hessian is None else hessian * np.nan)
    slope = gradient / (2 * root)
    if hessian is not None:
        hessian = hessian / (2 * root) - np.outer(slope, slope) / root
    return Sums(root, slope, hessian)


@dataclass(frozen=True)
class Passing(Objective):
    """An objective each of whose evaluations is a pass over rows that are not at hand.

    Its kernel is right only at the position whose `data_at` it is given.
    """

    is_at_hand: ClassVar[bool] = False

    totals: Totals = field(kw_only=True)

    def rescaled(self, unit: Vector) -> Self:
        """As `Objective.rescaled`: what is given at a position is by that position already."""
        return replace(self, unit=np.asarray(unit))

    @in_float64
    def data_at(self, position: Any) -> Data:
        """The loss and its gradient by the position, at a position (p,)."""
        found = self.totals.at(self.weights_at(np.asarray(position)))
        return {"loss": np.float64(found.loss), "gradient": found.gradient * self.unit}

    def value(self, weights: Vector) -> float:
        """The loss at weights (p,)."""
        return self.totals.at(weights).loss

    def value_and_gradient(self, weights: Vector) -> tuple[float, Vector]:
        """The loss and its gradient (p,) at weights (p,)."""
        found = self.totals.at(weights)
        return found.loss, found.gradient

    def hessian(self, weights: Vector) -> Matrix:
        """As `Objective.hessian`."""
        found = self.totals.at(weights, 2).hessian
        assert found is not None
        return np.asarray((found + found.T) / 2 * np.outer(self.unit, self.unit))


@dataclass(frozen=True)
class InBatches(Objective):
    """An objective on rows that were drawn, whose descent takes batches of rows not at hand.

    The loss is that of the drawn rows. `rows` are all that the batches are of.
    """

    totals: Totals = field(kw_only=True)

    @property
    def row_bytes(self) -> int:
        """What a row of a batch takes."""
        return 8 * (len(self.totals.rows.wanted.formula.columns) + 2)

    def batches(self, size: int, seed: int) -> StreamedBatches:
        """The batches of a descent over the rows of all processes."""
        totals = self.totals
        known = totals.batches
        if known is None or (known.size, known.seed) != (size, seed):
            totals.batches = StreamedBatches(totals.rows, totals.counts, size, seed, totals.team)
        assert totals.batches is not None
        return totals.batches

    @property
    def is_shared(self) -> bool:
        """Whether other processes have some of the rows of each batch."""
        return self.totals.is_shared

    def slope_of_batch(self, position: Any, step: int) -> Vector:
        """The gradient (p,) by the position, of the batch of a step."""
        weights = self.weights_at(np.asarray(position))
        return self.totals.slope_of_batch(weights, step) * self.unit
