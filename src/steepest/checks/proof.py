"""What a training that was run again with changes says: its word, its remedies, SD413."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from steepest.records.choices import Word
from steepest.records.training import (
    ONE_GROUP,
    SCALED_INPUTS,
    Replay,
    TrainingProof,
    TrainingRecord,
)
from steepest.records.verdict import Finding, Remedy
from steepest.words.wording import count, number, together

_GAIN = 0.1
"""A change that lowers the loss by a smaller share is not offered."""

_LUCK = 0.5
"""The same for another random start, which helps or harms by chance."""

_NEARLY_ALL = 0.9
"""Of ten batches or more: by chance as many are lower once in a hundred times."""

_SURE = 3.0
"""Standard errors by which one loss must be lower than another, on the same batches."""

_FALLS = 0.98
"""A loss below this share of its start has fallen."""

_NO_FLOOR = 100.0
"""A loss below zero that fell so many times the size of the loop's own has no floor."""

_ALL_OF_IT = 0.01
"""A loss of at least 0 that ends below this share of its start has fallen."""

_TENTH = 10

_MOST = 3
"""Remedies that are offered."""

PLAIN_LINES = "optimizer.zero_grad()\nloss.backward()\noptimizer.step()\n"


def helps(proof: TrainingProof, found: Replay, than: float | None = None) -> bool:
    """Whether a change ends clearly lower than the loop, or than another loss."""
    if found.ended != "all steps" or _is_bottomless(proof, found):
        return False
    loss = proof.own if than is None else than
    if not math.isfinite(loss):
        return found.loss < min(
            filter(math.isfinite, (proof.start, proof.lowest)), default=math.inf
        )
    gain = _LUCK if found.kind == "initialization" else _GAIN
    needed = max(gain * abs(loss), 0.01 * abs(proof.start - loss))
    sure = loss - found.loss > _SURE * found.chance or (than is None and found.lower >= _NEARLY_ALL)
    return sure and loss - found.loss > needed


def learns(proof: TrainingProof) -> bool:
    """Whether the loop's own loss fell."""
    if 0 <= proof.own < _ALL_OF_IT * proof.start:
        return True  # whatever the first losses scatter by, as they are on their way down
    needed = max((1 - _FALLS) * abs(proof.start), _SURE * proof.scatter)
    return proof.start - proof.own > needed


def at_fault(proof: TrainingProof) -> bool:
    """Whether a plain loop does better from the same start on the same batches."""
    return proof.told and proof.differs_at is not None and helps(proof, proof.replays[0])


def _group_rate(proof: TrainingProof) -> Replay | None:
    """Another rate of one parameter group that helps as well as the best one of all does."""
    tried = [one for one in proof.replays if one.kind == ONE_GROUP and helps(proof, one)]
    found = min(tried, key=lambda one: one.loss, default=None)
    of_all = best_rate(proof)
    if found is None or (of_all is not None and helps(proof, of_all, found.loss)):
        return None
    return found


def _in_words(proof: TrainingProof, found: Replay, groups: Sequence[str] = ()) -> str:
    return f"with {_with(found, proof, groups)} {_outcome(proof, found)}"


def rates(proof: TrainingProof) -> list[Replay]:
    """Other learning rates that were run, without other changes."""
    tried = [found for found in proof.replays if found.kind == "learning rate"]
    return [found for found in tried if not _is_bottomless(proof, found)]


def _is_bottomless(proof: TrainingProof, found: Replay) -> bool:
    """Whether a loss fell so far below zero that it has no floor.

    So does that of a policy on episodes that were played already, and it says nothing.
    """
    size = max(abs(proof.start), abs(proof.own), proof.scatter)
    return found.loss < 0 and proof.start - found.loss > _NO_FLOOR * size


def word_of(proof: TrainingProof, groups: Sequence[str] = ()) -> tuple[Word, str]:
    """The word about the learning rate from runs at other rates, and why.

    `groups`: what the parameter groups are called.
    """
    if at_fault(proof):
        end, own = together(proof.replays[0].loss, proof.own)
        return "not measured", (
            f"a plain loop at the same rates ends at {end}, and this one at {own}, so it is not "
            "the rate that keeps the loss up"
        )
    tried = rates(proof)
    of_group = _group_rate(proof)
    if of_group is not None:
        why = _in_words(proof, of_group, groups)
        # A group may be held back on purpose, as a network that was learned before.
        large = of_group.factor < 1 and (_is_soon(proof, of_group) or not learns(proof))
        return "too large" if large else "not measured", why
    better = best_rate(proof)
    if better is not None and (_is_quick(proof, better) or not learns(proof)):
        word: Word = "too small" if better.factor > 1 else "too large"
        return word, _in_words(proof, better)
    quick = [found for found in tried if _is_quick(proof, found)]
    if quick and learns(proof):
        quickest = min(quick, key=lambda found: found.reached_at or 0)
        word = "too small" if quickest.factor > 1 else "too large"
        return word, _in_words(proof, quickest)
    if not learns(proof):
        if not tried:
            return "not measured", "the loss does not fall, and no other rate was run in the time"
        span = [1.0, *(found.factor for found in tried)]
        return "not measured", (
            f"no rate helps: from {number(min(span))} to {number(max(span))} times the rate, none "
            f"of {count(len(tried) + 1)} ends clearly below the first losses"
        )
    if not any(found.factor > 1 for found in tried) or not any(f.factor < 1 for f in tried):
        return "not measured", "there was no time to run larger and smaller rates"
    half = [found for found in tried if _is_soon(proof, found)]
    if half:
        one = min(half, key=lambda found: (not _stays(proof, found), found.reached_at or 0))
        doubt = "quicker, but not ten times" if _stays(proof, one) else "it does not stay there"
        return "not measured", f"with {_with(one, proof)} {_outcome(proof, one)}: {doubt}"
    if better is not None:
        return (
            "not measured",
            f"{_in_words(proof, better, groups)}: lower, but not ten times as soon",
        )
    return "just right", (
        f"of {count(len(tried) + 1)} rates from {number(min(f.factor for f in tried))} to "
        f"{number(max(f.factor for f in tried))} times as large none gets there in half the steps"
    )


def best_rate(proof: TrainingProof) -> Replay | None:
    """The rate that ended lowest, where it helps; None where none does."""
    found = [one for one in rates(proof) if helps(proof, one)]
    return min(found, key=lambda one: one.loss, default=None)


def _is_quick(proof: TrainingProof, found: Replay) -> bool:
    """Whether it has the loss of the loop's end in a tenth of the steps, and ends no higher."""
    there = found.reached_at is not None and found.reached_at * _TENTH <= proof.steps
    return there and _stays(proof, found)


def _is_soon(proof: TrainingProof, found: Replay) -> bool:
    """Whether it has the loss of the loop's end in about half the steps."""
    return found.reached_at is not None and 2 * found.reached_at <= 1.1 * proof.steps


def _stays(proof: TrainingProof, found: Replay) -> bool:
    return found.ended == "all steps" and found.loss <= proof.own


def _with(found: Replay, proof: TrainingProof, groups: Sequence[str] = ()) -> str:
    if found.group is not None:
        named = dict(enumerate(groups)).get(found.group, f"parameter group {count(found.group)}")
        return f"the learning rate of {named} alone {number(found.factor)} times as large"
    return (
        f"learning rates {number(found.factor)} times as large "
        f"({number(found.factor * proof.lr, 3)} instead of {number(proof.lr, 3)} at the first step)"
    )


def _outcome(proof: TrainingProof, found: Replay) -> str:
    if not math.isfinite(proof.own):
        return f"the loss ends at {number(found.loss, 4)}, where it is no finite number here"
    there, here = together(found.loss, proof.own)
    if found.reached_at is None:
        return f"the loss ends at {there}, where it is {here} here"
    at = count(found.reached_at, "step")
    end = f", and ends at {there}" if found.ended == "all steps" else ""
    return f"the loss is down to {here} after {at} (here after {count(proof.steps)}){end}"


def offered(record: TrainingRecord) -> tuple[Remedy, ...]:
    """The changes that helped, best first; those that were not run again keep what they have."""
    proof = record.proof
    if proof is None:
        return record.remedies
    if any(aim.far for reading in record.readings for aim in reading.compared):
        return ()  # what brings the loss down serves the one row that is far from all others
    chosen: list[Replay] = []
    own: float | None = None
    if at_fault(proof):
        chosen.append(proof.replays[0])
        own = proof.replays[0].loss
    helpful = [found for found in proof.replays[1:] if helps(proof, found, own)]
    if not any(reading.compared for reading in record.readings):
        # Where nothing is compared with targets, the loss may be one of the inputs themselves, as
        # of a density, and of others that are scaled it is another loss.
        helpful = [found for found in helpful if found.kind != SCALED_INPUTS]
    for found in sorted(helpful, key=lambda found: (_parts(found), found.loss)):
        rivals = [one for one in chosen if one.kind == found.kind or _parts(one) < _parts(found)]
        if all(helps(proof, found, one.loss) for one in rivals):
            chosen.append(found)
    chosen.sort(key=lambda found: found.loss)
    rates = record.trace.lr[np.isfinite(record.trace.lr).all(axis=1)]
    scheduled = len(rates) > 1 and bool(np.ptp(rates, axis=0).any())
    return tuple(_remedy(proof, found, scheduled=scheduled) for found in chosen[:_MOST])


def _parts(found: Replay) -> int:
    """Of how many changes it is made."""
    return (found.factor != 1) + (found.kind not in ("learning rate", ONE_GROUP, "plain loop"))


def _remedy(proof: TrainingProof, found: Replay, *, scheduled: bool) -> Remedy:
    plain = found.kind == "plain loop"
    lines = found.lines
    if plain or proof.differs_at is not None:
        lines = f"# in the place of the loop's own lines:\n{PLAIN_LINES}{lines}"
    if scheduled and found.factor != 1:
        lines += (
            "# the same factor where a schedule or the loop sets rates of its own (OneCycleLR: "
            "max_lr)\n"
        )
    if found.kind == "accumulation":
        lines += "# move at every fourth batch only, by the mean of the four gradients\n"
    there, here = together(found.loss, proof.own)
    own = f"was {here}" if math.isfinite(proof.own) else "was no finite number"
    change = "a plain loop" if plain else found.change
    return Remedy(
        change=change,
        sentence=(
            f"Over the last {count(proof.window)} of the first {count(proof.steps)} batches the "
            f"loss is {there} on average; in the loop it {own}."
        ),
        command=lines,
        python=lines,
        predicted_steps=None,
        measured_steps=found.reached_at,
        measured_loss=found.loss,
        reached=found.reached_at is not None or not math.isfinite(proof.own),
    )


def between_backward_and_step(record: TrainingRecord) -> Iterator[Finding]:
    """SD413: the loop does worse than a plain one from the same start on the same batches."""
    proof = record.proof
    if proof is None or not at_fault(proof):
        return
    there, here = together(proof.replays[0].loss, proof.own)
    yield Finding(
        "SD413",
        "error",
        f"The fault lies between backward() and step(): run again from the same start on the same "
        f"{count(proof.steps)} batches, a plain loop (zero_grad, backward, step) ends at {there}, "
        f"and this loop ended at {here}. The first loss that differs is that of step "
        f"{count(proof.differs_at or 0)}.",
        {"plain": proof.replays[0].loss, "own": proof.own, "differs_at": proof.differs_at},
    )
