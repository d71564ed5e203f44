"""What is recorded of an optimizer of optax, inside of the user's own compiled code.

All of it is arrays in the optimizer's state: nothing leaves the device before it is asked for. They
are few, as beside a small network it is the many tiny operations that cost. At each step the norms
of weights, gradient and move of every leaf are taken, and the angle to the gradient before. Where
the rows are full, every second one is dropped and the stride doubles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey

from steepest.records.training import FEW, LossFacts, Lost, TensorFacts, TrainingTrace

ROWS_KEPT: Final = 512
"""Of the trace that are kept."""

_RATE: Final = "learning_rate"
"""What `optax.inject_hyperparams` calls it."""


_LOOKS: Final = 64
"""First steps whose moves are compared with the way downhill; after them those that are kept."""


class SeenOfAll(NamedTuple):
    """What was seen over all steps, kept or not. Steps are -1 where it never was."""

    losses: Any
    lowest_at: Any
    tenfold_at: Any
    loss_lost_at: Any
    turns: Any
    """How many there were."""
    zero: Any
    moved: Any
    pushed: Any
    """How often, of the steps that were looked at, the move was more than zeros."""
    gradient_lost_at: Any
    weights_lost_at: Any
    """(leaves,), as the four before."""
    turned: Any
    """The sum of the turns."""
    straight: Any
    """The smallest cosine of the angle between a move and the way downhill, where it was had."""
    steepest: Any
    """The largest; -2 where none was had."""
    latest: Any
    lowest: Any
    first: Any
    last: Any
    length: Any
    """(leaves,): of the gradient of the step before."""


_NUMBERS: Final = 5
_EACH: Final = 5
"""Of `SeenOfAll`, that are one integer each; and that are one for each leaf, which follow."""


class Recorded(NamedTuple):
    """The state of an optimizer that is watched. Few arrays, as each costs time at each step."""

    inner: Any
    told: Any
    """Whether the learning rate was known."""
    step: Any
    stride: Any
    rows: Any
    """(ROWS_KEPT + 1, 3 + 4 leaves): loss, rate and turn, and of each leaf the norms of weights,
    gradient and change, and the turn. In the last row stands what is not kept."""
    counts: Any
    values: Any
    """Integers and floats of `SeenOfAll`, one after the other."""
    before: Any
    """The gradient of the step before."""


def begin(inner: Any, params: Any) -> Recorded:
    """The state before the first step."""
    leaves = len(jax.tree.leaves(params))
    never, lost, none = jnp.array(-1), jnp.array(jnp.nan), jnp.array(0)
    counts, values = _packed(
        SeenOfAll(
            losses=none,
            lowest_at=never,
            tenfold_at=never,
            loss_lost_at=never,
            turns=none,
            zero=jnp.zeros(leaves, int),
            moved=jnp.zeros(leaves, int),
            pushed=jnp.zeros(leaves, int),
            gradient_lost_at=jnp.full(leaves, -1),
            weights_lost_at=jnp.full(leaves, -1),
            turned=jnp.array(0.0),
            straight=jnp.array(1.0),
            steepest=jnp.array(-2.0),
            latest=lost,
            lowest=lost,
            first=jnp.full(FEW, jnp.nan),
            last=jnp.full(FEW, jnp.nan),
            length=jnp.zeros(leaves),
        )
    )
    state = Recorded(
        inner=None,
        told=jnp.array(True),
        step=jnp.array(0),
        stride=jnp.array(1),
        rows=jnp.full((ROWS_KEPT + 1, 3 + 4 * leaves), jnp.nan),
        counts=counts,
        values=values,
        before=jax.tree.map(jnp.zeros_like, params),
    )
    # Each a buffer of its own: a caller may give the state away, and a buffer but once.
    apart: Recorded = jax.tree.map(jnp.copy, state)
    return apart._replace(inner=inner)


def record(
    state: Recorded, inner: Any, params: Any, gradient: Any, move: Any, loss: Any, lr: Any
) -> Recorded:
    """The state with one more step. `loss` and `lr` are None where they are not known.

    In place of a rate the length of the move over that of the gradient is kept.
    """
    # What the weights change by is less than the move where that is below their rounding.
    change = jax.tree.map(
        lambda weight, by: (weight + by.astype(weight.dtype)) - weight, params, move
    )
    seen = _unpacked(state.counts, state.values)
    norms = jnp.sqrt(jnp.stack([_squares(params), _squares(gradient), _squares(change)]))
    was = seen.length
    along = _products(gradient, state.before)
    turn = _cosine(along, norms[1], was)
    length = _length(norms[1])
    overall = _cosine(along.sum(), length, _length(was))
    stride, place = _place(state)
    looks = (state.step < _LOOKS) | (place < ROWS_KEPT)
    whole, straight, pushed = jax.lax.cond(looks, _downhill, _not_looked, gradient, move, length)
    value = jnp.nan if loss is None else jnp.asarray(loss, jnp.float32)
    rate = whole / length if lr is None else lr
    row = jnp.concatenate([jnp.stack([value, rate, overall]), norms.ravel(), turn])
    seen = _seen(seen, state.step, norms, overall, straight, pushed)
    if loss is not None:
        seen = _told(seen, state.step, value)
    counts, values = _packed(seen)
    return Recorded(
        inner=inner,
        told=jnp.full_like(state.told, lr is not None),
        step=state.step + 1,
        stride=stride,
        rows=_with_row(state, stride, place, row),
        counts=counts.astype(state.counts.dtype),
        values=values.astype(state.values.dtype),
        before=gradient,
    )


def _packed(seen: SeenOfAll) -> tuple[Any, Any]:
    """The integers and the floats, each in one array."""
    whole = _NUMBERS + _EACH
    counts, values = seen[:whole], seen[whole:]
    return (
        jnp.concatenate([jnp.atleast_1d(jnp.asarray(of)) for of in counts]),
        jnp.concatenate([jnp.atleast_1d(jnp.asarray(of)) for of in values]),
    )


def _unpacked(counts: Any, values: Any) -> SeenOfAll:
    """Of arrays of JAX or NumPy."""
    leaves = (len(counts) - _NUMBERS) // _EACH
    after = 5 + 2 * FEW
    return SeenOfAll._make(
        [
            *(counts[place] for place in range(_NUMBERS)),
            *counts[_NUMBERS:].reshape(_EACH, leaves),
            *(values[place] for place in range(5)),
            values[5 : 5 + FEW],
            values[5 + FEW : after],
            values[after:],
        ]
    )


def rate_of(inner: Any) -> Any:
    """The learning rate that stands in the state of an optimizer; None where none does."""
    found: list[Any] = []

    def look(part: Any) -> bool:
        hyper = getattr(part, "hyperparams", None)
        if isinstance(hyper, dict) and _RATE in hyper:
            found.append(hyper[_RATE])
        return bool(found)

    jax.tree.leaves(inner, is_leaf=look)
    return found[0] if found else None


def kinds_in(inner: Any) -> set[str]:
    """The names of the states that an optimizer has: ScaleByAdamState and the like."""
    found: set[str] = set()

    def look(part: Any) -> bool:
        found.add(type(part).__name__)
        return False

    jax.tree.leaves(inner, is_leaf=look)
    return found


def _squares(tree: Any) -> Any:
    return jnp.stack([jnp.sum(jnp.square(_wide(leaf))) for leaf in jax.tree.leaves(tree)])


def _products(one: Any, other: Any) -> Any:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return jnp.stack([jnp.sum(_wide(first) * _wide(second)) for first, second in pairs])


def _wide(leaf: Any) -> Any:
    """At least 32 bits: squares of half precision overflow."""
    return jnp.abs(leaf) if jnp.iscomplexobj(leaf) else leaf.astype(
        jnp.promote_types(leaf.dtype, jnp.float32)
    )  # fmt: skip


def _cosine(product: Any, first: Any, second: Any) -> Any:
    # The product of two lengths can be beyond what there is before that of the vectors is.
    lengths = first * second
    return jnp.where((lengths > 0) & jnp.isfinite(lengths), product / lengths, jnp.nan)


def _length(norms: Any) -> Any:
    return jnp.sqrt(jnp.square(norms).sum())


def _downhill(gradient: Any, move: Any, length: Any) -> tuple[Any, Any, Any]:
    """How long the move is, the cosine of its angle to the way downhill, and where it is none."""
    each = _squares(move)
    whole = jnp.sqrt(each.sum())
    return whole, _cosine(-_products(gradient, move).sum(), length, whole), each != 0


def _not_looked(gradient: Any, move: Any, length: Any) -> tuple[Any, Any, Any]:
    nothing = jnp.full_like(length, jnp.nan)
    return nothing, nothing, jnp.zeros(len(jax.tree.leaves(move)), bool)


def _place(state: Recorded) -> tuple[Any, Any]:
    """How many steps there are to a row now, and the row of this one: the last, if it has none."""
    due = state.step % state.stride == 0
    full = (state.step // state.stride >= ROWS_KEPT) & due
    stride = jnp.where(full, state.stride * 2, state.stride)
    return stride, jnp.where(state.step % stride == 0, state.step // stride, ROWS_KEPT)


def _with_row(state: Recorded, stride: Any, place: Any, row: Any) -> Any:
    """The rows with one more; every second one is dropped first where the stride doubles."""

    def thinned(rows: Any) -> Any:
        half = rows[:ROWS_KEPT:2]
        return jnp.concatenate(
            [half, jnp.full((ROWS_KEPT + 1 - len(half), rows.shape[1]), jnp.nan, rows.dtype)]
        )

    rows = jax.lax.cond(stride > state.stride, thinned, lambda rows: rows, state.rows)
    return jax.lax.dynamic_update_slice_in_dim(rows, row[None].astype(rows.dtype), place, 0)


def _seen(
    seen: SeenOfAll, step: Any, norms: Any, overall: Any, straight: Any, pushed: Any
) -> SeenOfAll:
    def lost(at: Any, lengths: Any) -> Any:
        return jnp.where(~jnp.isfinite(lengths) & (at < 0), step, at)

    turned = jnp.isfinite(overall)
    return seen._replace(
        turns=seen.turns + turned,
        zero=seen.zero + (norms[1] == 0),
        moved=seen.moved + (norms[2] != 0),
        pushed=seen.pushed + pushed,
        gradient_lost_at=lost(seen.gradient_lost_at, norms[1]),
        weights_lost_at=lost(seen.weights_lost_at, norms[0]),
        turned=seen.turned + jnp.where(turned, overall, 0.0),
        straight=jnp.minimum(seen.straight, jnp.where(jnp.isnan(straight), 1.0, straight)),
        steepest=jnp.maximum(seen.steepest, jnp.where(jnp.isnan(straight), -2.0, straight)),
        length=norms[1],
    )


def _told(seen: SeenOfAll, step: Any, loss: Any) -> SeenOfAll:
    """As `steepest.descent.training_recorder.Recorder` sees losses."""
    finite = jnp.isfinite(loss)
    many = jnp.isfinite(seen.first).sum()
    first = jnp.where(finite & (jnp.arange(FEW) == many), loss, seen.first)
    last = jnp.where(finite, jnp.append(seen.last[1:], loss), seen.last)
    lower = finite & ~(seen.lowest <= loss)
    tenfold = finite & (loss > first[0] + 9 * jnp.abs(first[0])) & (seen.tenfold_at < 0)
    return seen._replace(
        losses=seen.losses + 1,
        latest=loss,
        first=first,
        last=last,
        lowest=jnp.where(lower, loss, seen.lowest),
        lowest_at=jnp.where(lower, step, seen.lowest_at),
        tenfold_at=jnp.where(tenfold, step, seen.tenfold_at),
        loss_lost_at=jnp.where(~finite & (seen.loss_lost_at < 0), step, seen.loss_lost_at),
    )


# Read, on the host


def trace_of(state: Recorded, places: Sequence[int]) -> TrainingTrace:
    """The steps that were kept. A rate that was not told follows from moves along the gradient.

    Where the gradient is zero it does not follow; then it is taken to be that of the step before.
    """
    steps, stride = int(state.step), int(state.stride)
    many = -(-steps // stride)
    rows = np.asarray(state.rows, np.float64)[:many]
    loss, rates, overall = rows.T[:3]
    each = rows[:, 3:].reshape(many, 4, len(places))[:, :, list(places)]
    weight, gradient, update, turn = each.transpose(1, 0, 2)
    nothing = np.full(many, np.nan)
    if not bool(state.told):
        known = np.isfinite(rates) & (rates > 0) & goes_downhill(state)
        last = np.maximum.accumulate(np.where(known, np.arange(many), -1))
        rates = np.where(last >= 0, rates[last], np.nan)
    return TrainingTrace(
        step=np.arange(many, dtype=np.int64) * stride,
        loss=loss,
        lr=rates[:, None],
        weight=weight,
        gradient=gradient,
        update=update,
        turn=turn,
        overall_turn=overall,
        own_gradient=nothing,
        seconds=nothing,
        cost=nothing,
    )


_STRAIGHT: Final = 1 - 1e-5
"""A move whose cosine to the way downhill is larger is along it."""


def goes_downhill(state: Recorded) -> bool:
    """Whether every move that was looked at was along the gradient, as of plain descent."""
    return bool(_unpacked(state.counts, state.values).straight > _STRAIGHT)


def goes_uphill(state: Recorded) -> bool:
    """Whether every move that was looked at was against the way downhill."""
    seen = _unpacked(state.counts, state.values)
    return -1.5 < float(seen.steepest) < 0


def facts_of(state: Recorded, places: Sequence[int]) -> tuple[TensorFacts, ...]:
    """What was seen of each leaf over all steps."""
    seen, found = _unpacked(state.counts, state.values), []
    columns = np.vstack(
        [seen.zero, seen.moved, seen.pushed, seen.gradient_lost_at, seen.weights_lost_at]
    )
    columns = columns[:, list(places)]
    for zero, moved, pushed, gradient, weights in columns.T:
        times = [
            (at, what) for at, what in ((gradient, "gradient"), (weights, "weights")) if at >= 0
        ]
        at, what = min(times, default=(None, None))
        lost: Lost | None = what  # type: ignore[assignment]
        found.append(
            TensorFacts(
                without_gradient=0,
                zero_gradient=int(zero),
                moved=int(moved),
                held=not pushed,
                lost_at=None if at is None else int(at),
                lost=lost,
            )
        )
    return tuple(found)


def losses_of(state: Recorded) -> LossFacts:
    """What was seen of the loss over all steps."""
    seen = _unpacked(state.counts, state.values)
    first, last = np.asarray(seen.first, float), np.asarray(seen.last, float)

    def step(at: Any) -> int | None:
        return None if int(at) < 0 else int(at)

    def mean(of: Any) -> float:
        known = of[np.isfinite(of)]
        return float(known.mean()) if len(known) else float("nan")

    return LossFacts(
        count=int(seen.losses),
        start=float(first[0]),
        first=mean(first),
        lowest=float(seen.lowest),
        lowest_at=step(seen.lowest_at),
        last=mean(last),
        tenfold_at=step(seen.tenfold_at),
        lost_at=step(seen.loss_lost_at),
        lost_last=bool(int(seen.losses) and not np.isfinite(seen.latest)),
    )


def noise_of(state: Recorded) -> float | None:
    """Noise over gradient in a batch, from the turns; None where there were none."""
    seen = _unpacked(state.counts, state.values)
    total, count = float(seen.turned), int(seen.turns)
    if not count:
        return None
    return (count - total) / total if total > 0 else float("inf")


@dataclass(frozen=True)
class Leaves:
    """The leaves of the parameters, in the order in which they are passed, if that is known."""

    names: tuple[str, ...]
    """Their paths, as a person writes them: "layers.0.weight"."""
    shapes: tuple[tuple[int, ...], ...]
    places: tuple[int, ...]
    """Where each stands among the leaves as JAX has them."""
    in_order: bool
    """False where layers have names that say no order: a dict's are in that of the alphabet."""


def leaves_of(tree: Any) -> Leaves:
    """Names, shapes and order of the leaves."""
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    paths = [tuple(_step_of(one) for one in path) for path, _ in found]
    kinds = [path[:-1] for path, _ in found]
    places = sorted(range(len(paths)), key=lambda place: [_natural(part) for part in paths[place]])
    if not any(isinstance(one, DictKey) for path in kinds for one in path):
        places = list(range(len(paths)))
    return Leaves(
        names=tuple(
            ".".join(part for part in paths[p] if part != "value") or "params" for p in places
        ),
        shapes=tuple(tuple(found[p][1].shape) for p in places),
        places=tuple(places),
        in_order=_is_ordered(kinds),
    )


def _step_of(key: Any) -> str:
    return str(next((getattr(key, of) for of in ("key", "name", "idx") if hasattr(key, of)), key))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Dense_2 stands before Dense_10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _is_ordered(paths: Sequence[Sequence[Any]]) -> bool:
    """Whether the paths of the layers say which comes first: by number, or by definition."""
    below: dict[tuple[str, ...], set[Any]] = {}
    for path in paths:
        for depth, key in enumerate(path):
            below.setdefault(tuple(map(_step_of, path[:depth])), set()).add(key)
    named = [
        {re.sub(r"\d+$", "", _step_of(key)) for key in keys}
        for keys in below.values()
        if len(keys) > 1 and any(isinstance(key, DictKey) for key in keys)
    ]
    numbered = all(re.search(r"\d$", _step_of(key)) for keys in below.values() if len(keys) > 1
                   for key in keys if isinstance(key, DictKey))  # fmt: skip
    return numbered and all(len(stems) == 1 for stems in named)


def is_empty(tree: Any) -> bool:
    """Whether there is nothing to learn."""
    return not reduce(lambda many, leaf: many + leaf.size, jax.tree.leaves(tree), 0)
