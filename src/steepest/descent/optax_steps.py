"""What is recorded of an optimizer of optax, inside of the user's own compiled code.

All of it is arrays in the optimizer's state: nothing leaves the device before it is asked for. At
each step the norms of weights, gradient and move of every leaf are taken, and the angle to the
gradient before. Where the rows are full, every second one is dropped and the stride doubles.
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

from steepest.descent.training_recorder import FEW
from steepest.records.training import LossFacts, Lost, TensorFacts, TrainingTrace

ROWS_KEPT: Final = 512
"""Of the trace that are kept."""

_RATE: Final = "learning_rate"
"""What `optax.inject_hyperparams` calls it."""


class RowsKept(NamedTuple):
    """Steps that were kept, (ROWS_KEPT, ...). `norms` are of weights, gradient and move by leaf."""

    loss: Any
    lr: Any
    norms: Any
    """(ROWS_KEPT, 3, leaves)"""
    turn: Any
    overall_turn: Any


class SeenOfAll(NamedTuple):
    """What was seen over all steps, kept or not. Steps are -1 where it never was."""

    zero: Any
    moved: Any
    lost_at: Any
    """(2, leaves): of the gradient and of the weights."""
    losses: Any
    latest: Any
    first: Any
    last: Any
    lowest: Any
    lowest_at: Any
    tenfold_at: Any
    loss_lost_at: Any
    turns: Any
    """(2,): the sum of the turns, and how many."""
    straight: Any
    """The smallest cosine of the angle between a move and the way downhill."""


class Recorded(NamedTuple):
    """The state of an optimizer that is watched."""

    inner: Any
    told: Any
    """Whether the learning rate was known."""
    step: Any
    stride: Any
    rows: RowsKept
    seen: SeenOfAll
    before: Any
    """The gradient of the step before."""


def begin(inner: Any, params: Any) -> Recorded:
    """The state before the first step."""
    leaves = len(jax.tree.leaves(params))
    nothing = jnp.full(ROWS_KEPT, jnp.nan)
    wide = jnp.full((ROWS_KEPT, leaves), jnp.nan)
    never, lost = jnp.array(-1), jnp.array(jnp.nan)
    state = Recorded(
        inner=None,
        told=jnp.array(True),
        step=jnp.array(0),
        stride=jnp.array(1),
        rows=RowsKept(nothing, nothing, jnp.full((ROWS_KEPT, 3, leaves), jnp.nan), wide, nothing),
        seen=SeenOfAll(
            zero=jnp.zeros(leaves, int),
            moved=jnp.zeros(leaves, int),
            lost_at=jnp.full((2, leaves), -1),
            losses=jnp.array(0),
            latest=lost,
            first=jnp.full(FEW, jnp.nan),
            last=jnp.full(FEW, jnp.nan),
            lowest=lost,
            lowest_at=never,
            tenfold_at=never,
            loss_lost_at=never,
            turns=jnp.zeros(2),
            straight=jnp.array(1.0),
        ),
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
    sizes = jnp.stack([_squares(params), _squares(gradient), _squares(change)])
    norms, length = jnp.sqrt(sizes), jnp.sqrt(sizes.sum(1))
    whole = jnp.sqrt(_squares(move).sum())
    along = _products(gradient, state.before)
    was = _squares(state.before)
    turn = _cosine(along, norms[1], jnp.sqrt(was))
    overall = _cosine(along.sum(), length[1], jnp.sqrt(was.sum()))
    straight = _cosine(-_products(gradient, move).sum(), length[1], whole)
    value = jnp.nan if loss is None else jnp.asarray(loss, jnp.float32)
    rate = whole / length[1] if lr is None else lr
    kept = _kept(state, RowsKept(value, rate, norms, turn, overall))
    seen = _seen(state, norms, overall, straight)
    if loss is not None:
        seen = _told(seen, state.step, value)
    stride, rows = kept
    told = jnp.full_like(state.told, lr is not None)
    return Recorded(inner, told, state.step + 1, stride, rows, seen, gradient)


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


def _kept(state: Recorded, row: RowsKept) -> tuple[Any, RowsKept]:
    """The rows with one more, where its turn has come; and the stride."""
    full = (state.step // state.stride >= ROWS_KEPT) & (state.step % state.stride == 0)
    stride = jnp.where(full, state.stride * 2, state.stride)

    def thinned(rows: RowsKept) -> RowsKept:
        def halved(of: Any) -> Any:
            return jnp.concatenate([of[::2], jnp.full_like(of[::2], jnp.nan)])

        return RowsKept(*map(halved, rows))

    rows = jax.lax.cond(full, thinned, lambda rows: rows, state.rows)
    place = jnp.where(state.step % stride == 0, state.step // stride, ROWS_KEPT)
    # A place beyond the end is dropped.
    put = [of.at[place].set(one, mode="drop") for of, one in zip(rows, row, strict=True)]
    return stride, RowsKept(*put)


def _seen(state: Recorded, norms: Any, overall: Any, straight: Any) -> SeenOfAll:
    seen = state.seen
    bad = jnp.stack([~jnp.isfinite(norms[1]), ~jnp.isfinite(norms[0])])
    turned = jnp.isfinite(overall)
    return seen._replace(
        zero=seen.zero + (norms[1] == 0),
        moved=seen.moved + (norms[2] != 0),
        lost_at=jnp.where(bad & (seen.lost_at < 0), state.step, seen.lost_at),
        turns=seen.turns + jnp.stack([jnp.where(turned, overall, 0.0), turned]),
        straight=jnp.minimum(seen.straight, jnp.where(jnp.isnan(straight), 1.0, straight)),
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
    rows = RowsKept(*(np.asarray(of, np.float64)[:many] for of in state.rows))
    weight, gradient, update = (rows.norms[:, place, list(places)] for place in range(3))
    nothing = np.full(many, np.nan)
    rates = rows.lr
    if not bool(state.told):
        known = np.isfinite(rates) & (rates > 0) & goes_downhill(state)
        last = np.maximum.accumulate(np.where(known, np.arange(many), -1))
        rates = np.where(last >= 0, rates[last], np.nan)
    return TrainingTrace(
        step=np.arange(many, dtype=np.int64) * stride,
        loss=rows.loss,
        lr=rates[:, None],
        weight=weight,
        gradient=gradient,
        update=update,
        turn=rows.turn[:, list(places)],
        overall_turn=rows.overall_turn,
        own_gradient=nothing,
        seconds=nothing,
        cost=nothing,
    )


_STRAIGHT: Final = 1 - 1e-5
"""A move whose cosine to the way downhill is larger is along it."""


def goes_downhill(state: Recorded) -> bool:
    """Whether every move was along the gradient: that of plain gradient descent."""
    return bool(state.seen.straight > _STRAIGHT)


def facts_of(state: Recorded, places: Sequence[int]) -> tuple[TensorFacts, ...]:
    """What was seen of each leaf over all steps."""
    seen, found = state.seen, []
    columns = np.vstack([seen.zero, seen.moved, seen.lost_at])[:, list(places)]
    for zero, moved, gradient, weights in columns.T:
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
                lost_at=None if at is None else int(at),
                lost=lost,
            )
        )
    return tuple(found)


def losses_of(state: Recorded) -> LossFacts:
    """What was seen of the loss over all steps."""
    seen = state.seen
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
    total, count = map(float, np.asarray(state.seen.turns))
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
