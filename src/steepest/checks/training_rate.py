"""The learning rate of a network in training: its word, and SD101 to SD103."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steepest.checks.layers import FELL, gradients_grew, is_blocked, killed_layer, vanishing
from steepest.checks.proof import at_fault, word_of
from steepest.methods.contract import TENTH
from steepest.records.arrays import Vector
from steepest.records.choices import Word
from steepest.records.training import Learned, Probe, TrainingRecord, Trial
from steepest.records.verdict import Finding
from steepest.words.wording import count, escaped, names, number, percent, times, together

OVER = 1.2
"""So many times the stability limit is above it, though the curvature differs between batches."""

EDGE = 0.9
"""From this share of the stability limit on the learning rate is at the edge."""

_GENTLE = 0.1
"""Below this share of the stability limit no step makes a loss grow."""

SMALL = 0.02
"""Up to this share of the stability limit it may be too small."""

USUAL = 1e-3
"""Steps of so much of the weights that they change are usual."""

_LINEAR = 3.5
"""Where the loss is still straight, a step four times as long lowers it so many times as much."""

FALLS = 0.98
"""A loss below this share of its start has fallen."""

HARDLY = 0.9
"""A loss that ends above this share of its start has hardly fallen."""

_MOSTLY = 0.9
"""A direction lies in a group where so much of its squared length does."""

STILL = 2e-5
"""A loss that changes by a smaller share hardly changes in 32-bit numbers, which have 7 digits."""

_NO_PROOF = ("jax", "keras")
"""Libraries whose trainings are not run again."""


LEAST_PROBES = 2

LEAST_LOSSES = 10

_BLOCK = 10
"""So many losses are looked at together, or a tenth of all where that is more."""

_PARTS, _AT_ONCE = 5, 0.6
"""Of so many parts of a training none may have as large a share of a rise that comes by and by."""

_SHORT = 50
"""Of so many losses the first and the last are told, of more the means of a few."""

_LEAPT = 2.0
"""First losses whose mean is so many times the first one are no start: it leapt up."""

_GREW = 10.0
"""So many times its first is a rate that has grown far."""

_UP = 0.02
"""A step that raises the loss of its own batch by a smaller share is not what makes it grow."""

_FEW_ROWS = 4
"""In batches of so many rows or fewer single losses are far apart."""

_BEYOND = 3.0
"""Standard errors between two means that are no chance."""

_ALL_NOISE = 30.0
"""Where the noise of a batch is so many times its gradient, as squared lengths, each step follows
its own batch."""

FEW = 5
"""So many losses are averaged, because single batches differ."""


@dataclass(frozen=True)
class TrainingRate:
    """The word about the learning rate, and why."""

    word: Word
    reason: str
    """A clause without a full stop."""


def judge_training_rate(record: TrainingRecord) -> TrainingRate:
    """Say one of the three words, or that it was not measured.

    Too large: the loss grew to ten times its start and stayed, or was lost while it grew; or the
    learning rate is above the limit of the curvature that was probed, and the loss does not fall;
    or the units of a layer died on the way, and it does not fall.
    Too small: in every probe a step four times as long lowers the loss about four times as much,
    the learning rate is below a fiftieth of the limit, and the loss has hardly changed.
    Just right: other rates were run, and none is far better. What only falls is not measured.
    Where the loss over all rows is known, at the start and at the end, it is the one that counts.
    """
    if (other := _something_else(record)) is not None:
        return TrainingRate("not measured", other)
    proof = record.proof
    if proof is not None and (at_fault(proof) or math.isfinite(proof.own)):
        return TrainingRate(*word_of(proof, _named_groups(record)))
    if record.losses.start == 0 and not record.losses.lost_last:
        return TrainingRate("not measured", "the loss began at 0, from where it can only rise")
    if diverges(record):
        return TrainingRate("too large", "the loss grew beyond ten times its start")
    if rose(record):
        return TrainingRate("too large", "the loss rose far above its start and stayed there")
    if (risen := whole_rise(record)) is not None:
        return TrainingRate("too large", risen)
    quicker = quicker_trial(record)
    if quicker is not None:
        word: Word = "too small" if quicker.lr > _first_rate(record) else "too large"
        return TrainingRate(word, f"with {_got_there(record, quicker)}")
    if killed(record):
        return TrainingRate("too large", "its steps left a layer without a living unit")
    seen = record.losses
    if seen.lost_last:
        return TrainingRate(
            "not measured",
            f"the loss is no finite number at the end (from step {count(seen.lost_at or 0)} on), "
            "and had not grown before",
        )
    if not seen.count:
        given = record.learned is not None or record.losses_given > 0
        why = "the loss was not given (watch.loss(loss) records it)"
        return TrainingRate("not measured", "no step was taken" if given else why)
    rates = record.trace.lr[np.isfinite(record.trace.lr)]
    if len(rates) and not rates.any():
        return TrainingRate("not measured", "the learning rate is 0 at every step")
    share, along = share_of_limit(record), share_of_critical(record)
    first, last = began_and_ended(record)
    stays = not last < first
    if share is not None and share > OVER and stays:
        group = steepest_group(record)
        of = "" if group is None else f" in {_named_groups(record)[group]}"
        return TrainingRate(
            "too large", f"it is above the stability limit{of}, and the loss does not fall"
        )
    if share is None and along is not None and OVER < along < math.inf and stays:
        return TrainingRate(
            "too large",
            f"a step is {times(along)} as long as would leave the loss of its own batch where it "
            "was, and the loss does not fall",
        )
    if is_too_small(record):
        return TrainingRate("too small", _gain_in_words(_done(record)[-1]))
    if seen.count < LEAST_LOSSES:
        what = "loss was" if seen.count == 1 else "losses were"
        return TrainingRate("not measured", f"only {count(seen.count)} {what} given")
    return _of_falling(record, first, last)


def _something_else(record: TrainingRecord) -> str | None:
    """What is at work beside the learning rate, so that the loss says nothing about it."""
    if record.inputs.lost_at is not None:
        return "a batch had values that are not finite"
    if climbs(record):
        return (
            "every step goes up the gradient, and only falls are judged"
            if "optax" in record.versions
            else "the optimizer climbs (maximize=True), and only falls are judged"
        )
    if is_turned(record):
        return (
            "the loss is minus one that is at least 0, and falls without end as the outputs get "
            "worse: take the minus away"
        )
    if adds_up(record):
        return "the gradients are not reset between steps"
    still = stands_still(record)
    if still is None and any(aim.far for seen in record.readings for aim in seen.compared):
        return "one row, whose target is far from all others, makes most of the loss of its batch"
    return still


def _of_falling(record: TrainingRecord, first: float, last: float) -> TrainingRate:
    """What to say of a rate of which nothing shows that it is wrong."""
    learned = record.learned
    if learned is None and not last < FALLS * first and _falls(record):
        # The first one may be that of a batch that was easy.
        return TrainingRate(
            "not measured", "the loss falls, from one part to the next, and no other rate was run"
        )
    if not last < FALLS * first and others_move(record):
        return TrainingRate(
            "not measured",
            "another optimizer moves a part of what the loss is computed by, so that it does not "
            "fall says nothing of this rate",
        )
    if not last < FALLS * first:
        where = "" if learned is None else over_all(learned)
        return TrainingRate(
            "not measured", f"the loss{where} does not fall, and nothing shows that the rate is why"
        )
    if learned is not None and learned.lr_chosen != "given" and _is_at_the_end(learned):
        return TrainingRate(
            "not measured", "it is the largest that was tried, and the best of them"
        )
    if learned is not None and learned.trials:
        return TrainingRate("just right", "the loss falls, and none of the others is far quicker")
    if learned is None:
        # The first few together, unless the first one is no measure of them.
        seen = record.losses
        first, last = seen.first, seen.last
        if seen.count <= _SHORT:
            first, last = seen.start, last_loss(record)
        elif abs(seen.first) > _LEAPT * abs(seen.start):
            first = seen.start
    told = together(first, last)
    cannot = record.log is not None or not record.versions.keys().isdisjoint(_NO_PROOF)
    others = "" if cannot or learned is not None else " (watch.prove() runs others)"
    return TrainingRate(
        "not measured",
        f"the loss went from {told[0]} to {told[1]} in {count(record.steps, 'step')}, and no "
        f"other rate was run{others}",
    )


def last_loss(record: TrainingRecord) -> float:
    """The last loss that is a number; of a training too long to keep all, the mean of the last."""
    trace = record.trace
    losses = trace.loss[np.isfinite(trace.loss)]
    whole = len(losses) and int(trace.step[-1]) + record.every >= record.steps
    return float(losses[-1]) if whole else record.losses.last


def climbs(record: TrainingRecord) -> bool:
    """Whether steps are taken up the gradient, so that what rises is meant to."""
    return any(group.maximizes for group in record.groups)


def is_turned(record: TrainingRecord) -> bool:
    """Whether the loss is minus one that is at least 0, and all that is behind it learns.

    Where another network is behind it, that one's loss may be what is to grow.
    """
    seen = [reading for reading in record.readings if reading.graph == "there"]
    if not seen or not all(reading.turned for reading in seen) or others_move(record):
        return False
    reached = {place for reading in seen for place in reading.reached}
    held = all(record.tensors[place].group is not None for place in reached)
    return held and not any(reading.strangers for reading in seen)


def others_move(record: TrainingRecord) -> bool:
    """Whether another optimizer moves a part of what the loss is computed by, perhaps against it.

    Then a loss that rises says nothing of the learning rate.
    """
    return record.others_move or any(reading.others for reading in record.readings)


def _is_at_the_end(learned: Learned) -> bool:
    """Whether the best of the rates that were tried is the largest: there may be better ones."""
    tried = [trial.lr for trial in learned.trials]
    return len(tried) > 1 and learned.lr >= max(tried)


def _fell(record: TrainingRecord) -> bool:
    """Whether the last losses together are well below the first ones together."""
    first, last, _ = _first_and_last(record, 2 * _BLOCK)
    return last < HARDLY * first


def _falls(record: TrainingRecord) -> bool:
    """Whether the last tenth of the losses is below the first, beyond what they scatter by."""
    first, last, error = _first_and_last(record, 2 * _BLOCK)
    return first - last > max(_BEYOND * error, (1 - FALLS) * abs(first))


def _first_and_last(record: TrainingRecord, least: int) -> tuple[float, float, float]:
    """The means of the first and last block of losses, and the standard error between them.

    Not a number where there are fewer than `least` losses.
    """
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if len(losses) < least:
        return math.nan, math.nan, math.nan
    first, *_, last = _blocks(losses)
    error = math.hypot(float(first.std()), float(last.std())) / math.sqrt(len(first))
    return float(first.mean()), float(last.mean()), error


def began_and_ended(record: TrainingRecord) -> tuple[float, float]:
    """The loss at the start and at the end: over all rows where that was measured.

    A batch of few rows may be far below the others.
    """
    learned = record.learned
    whole = None if learned is None else learned.whole
    return whole or (record.losses.start, record.losses.last)


def over_all(learned: Learned) -> str:
    """How it is said that a loss is one of all rows; nothing where each step used them all."""
    if learned.whole is None or learned.batch_rows >= learned.rows:
        return ""
    return f" over all {count(learned.rows)} rows"


def quicker_trial(record: TrainingRecord) -> Trial | None:
    """The other learning rate that was tried and got as far in a tenth of the steps, or less."""
    learned = record.learned
    if learned is None or learned.lr_chosen != "given":
        return None
    arrived = [
        trial
        for trial in learned.trials
        if trial.reached_at is not None
        and trial.reached_at * TENTH <= record.steps
        # Where nothing was learned, any loss is soon reached.
        and trial.loss < FALLS * began_and_ended(record)[0]
    ]
    return min(arrived, key=lambda trial: trial.reached_at or 0, default=None)


def _first_rate(record: TrainingRecord) -> float:
    return math.nan if record.learned is None else record.learned.lr


def _got_there(record: TrainingRecord, trial: Trial) -> str:
    first, last = began_and_ended(record)
    if not last < FALLS * first:
        there, here = together(trial.loss, last)
        return (
            f"{number(trial.lr, 3)} the loss is {there} after {count(trial.steps, 'step')}, and "
            f"here it was {here} after {count(record.steps)}"
        )
    return (
        f"{number(trial.lr, 3)} the loss is after {count(trial.reached_at or 0, 'step')} where "
        f"it was here after {count(record.steps)}"
    )


def adds_up(record: TrainingRecord) -> bool:
    """Whether most steps followed a sum of gradients, because they are not reset."""
    return record.resets.not_reset * 2 > record.resets.steps


def stands_still(record: TrainingRecord) -> str | None:
    """Why no rate would move anything: no weight that learns ever has a gradient other than 0."""
    learning = [fact for fact, t in zip(record.facts, record.tensors, strict=True) if t.learns]
    steps = -(-record.steps // record.every)
    if not steps or not learning or any(fact.moved for fact in learning):
        return None
    if all(fact.without_gradient >= steps for fact in learning):
        return "no gradient reached any weight"
    if all(fact.without_gradient + fact.zero_gradient >= steps for fact in learning):
        return "the gradient was exactly zero at every step"
    return None


def _done(record: TrainingRecord) -> list[Probe]:
    return [probe for probe in record.probes if probe.losses]


def diverges(record: TrainingRecord) -> bool:
    """Whether the loss left every bound, and did not come back."""
    seen = record.losses
    if seen.lost_last and record.inputs.lost_at is None:
        return _grown(record, 9) or gradients_grew(record)
    if seen.tenfold_at is None or seen.last < FELL * _beginning(record) or _is_gentle(record):
        return False
    if others_move(record):
        return False
    return _grown(record, 9) or _ran_away(record) or is_blocked(record)


def _ran_away(record: TrainingRecord) -> bool:
    """Whether several losses in a row passed ten times both the first and the usual one."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    usual = float(np.median(_blocks(losses)[-1])) if len(losses) else math.nan
    start = _beginning(record)
    base = max(abs(start), abs(usual))
    if len(losses) < FEW:
        return False
    least = np.lib.stride_tricks.sliding_window_view(losses, FEW).min(axis=1)
    return bool((least > start + 9 * base).any())


def _beginning(record: TrainingRecord) -> float:
    """Where the loss began: of batches of few rows at least the middle of the first ones."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)][: _first_few(record)]
    several = record.inputs.rows is not None and record.inputs.rows <= _FEW_ROWS
    start = record.losses.start
    return max(start, float(np.median(losses))) if several and len(losses) else start


def rose(record: TrainingRecord) -> bool:
    """Whether the loss rose to twice its start, beyond its scatter, and ended no lower."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if len(losses) < LEAST_LOSSES or record.losses.last < FALLS * record.losses.start:
        return False
    if _is_gentle(record) or others_move(record):
        return False
    first = _first_few(record)
    return any(_above(losses, block, 1, first) for block in _blocks(losses))


def whole_rise(record: TrainingRecord) -> str | None:
    """That the loss over all rows learned from rose to twice its start; None where it did not."""
    learned = record.learned
    if learned is None or learned.whole is None:
        return None
    first, last = learned.whole
    if not last > first + abs(first) or not math.isfinite(last):
        return None
    told = together(first, last)
    return f"the loss{over_all(learned)} rose from {told[0]} to {told[1]}"


def _is_gentle(record: TrainingRecord) -> bool:
    """Whether every probe says that a step four times as long lowers the loss of its batch more.

    Then it is not the steps that raise it: batches of few rows differ. Far below the limit a row
    whose loss is next to nothing may still say otherwise.
    """
    done = _done(record)
    fans = [dict(zip(probe.factors, probe.losses, strict=True)) for probe in done]
    falls = [fan[4.0] < fan[1.0] < fan[0.0] for fan in fans]
    share = share_of_limit(record)
    if len(done) < LEAST_PROBES:
        return False
    if all(fan[1.0] <= (1 + _UP) * fan[0.0] for fan in fans) and rises_by_and_by(record):
        return True  # the loss itself becomes another one
    if share is not None and share < SMALL and len(limits(record)) >= LEAST_PROBES:
        return 2 * sum(falls) > len(falls)
    return (share is None or share < _GENTLE) and all(falls)


def rises_by_and_by(record: TrainingRecord) -> bool:
    """Whether the loss rises from one part of the training to the next, and nowhere at once.

    So it does where harder rows come, or where a term is given more weight.
    """
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if len(losses) < 2 * _BLOCK:
        return False
    means = np.array([part.mean() for part in np.array_split(losses, _PARTS)])
    return bool(np.diff(means).max() < _AT_ONCE * (means[-1] - means[0]))


def _grown(record: TrainingRecord, by: float) -> bool:
    """Whether the loss is at the end so many times its start above it, beyond its own scatter."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if not len(losses):
        return False
    if record.losses.lost_last:
        return _above(losses, losses[-3:], by, 3)  # at the very end it ran away
    return _above(losses, _blocks(losses)[-1], by, _first_few(record))


def _first_few(record: TrainingRecord) -> int:
    """So many losses say where it began: a batch of few rows may be next to nothing by chance."""
    rows = record.inputs.rows
    return 3 if rows is None or rows > _FEW_ROWS else LEAST_LOSSES


def _blocks(losses: Vector) -> list[Vector]:
    many = max(1, min(max(_BLOCK, len(losses) // _BLOCK), len(losses) // 2))
    return [losses[at : at + many] for at in range(0, len(losses) - many + 1, many)]


def _above(losses: Vector, block: Vector, by: float, few: int) -> bool:
    """Whether a block of losses is far above the first ones, and not by chance.

    All of it but the lowest quarter is above all of the first ones but the highest quarter; or,
    where it rose at once, above the middle of the first `few` by as much more as the block's own
    upper and lower quarter differ. Batches of few rows may differ a hundredfold.
    """
    low, high = (float(np.quantile(block, share)) for share in (0.25, 0.75))
    if low <= 0:
        return False
    first = float(np.quantile(_blocks(losses)[0], 0.75))
    at_once = float(np.median(losses[:few])) if len(losses) > few else float(losses[0])
    start = min(first, max(at_once, at_once * high / low))
    begins = _blocks(losses)[0]
    # Of a loss that may be negative zero is no measure; how far it scatters is.
    scale = float(np.ptp(begins)) if begins.min() < 0 else 0.0
    return low > start + by * max(abs(start), scale)


def killed(record: TrainingRecord) -> tuple[str, int] | None:
    """The layer whose units the steps have killed, and when; None where the loss falls, or none."""
    if not record.losses.count or record.losses.last < FALLS * record.losses.start:
        return None
    return killed_layer(record)


def limits(record: TrainingRecord) -> list[Probe]:
    """The probes from which the stability limit is known."""
    return [probe for probe in record.probes if probe.limit is not None]


def share_of_limit(record: TrainingRecord) -> float | None:
    """The learning rate over the limit, in the middle of the last probes; None: not measured."""
    shares = [
        rate / probe.limit
        for probe in limits(record)[-5:]
        if (rate := _rate_at(record, probe.step)) is not None and probe.limit
    ]
    return float(np.median(shares)) if shares else None


def share_of_critical(record: TrainingRecord) -> float | None:
    """The learning rate over the critical one along the steps themselves, in the middle of them.

    The critical one leaves the loss of a step's own batch where it was (arXiv 2601.16979). It needs
    no theory of the optimizer. Infinite where even the shortest step raises the loss.
    """
    found = [_over_critical(probe) for probe in record.probes[-5:]]
    known = [share for share in found if share is not None]
    measured = any(probe.critical is not None for probe in record.probes[-5:])
    return float(np.median(known)) if measured else None


def _over_critical(probe: Probe) -> float | None:
    """One over the critical multiple of the step; at most this where even the longest falls."""
    if probe.critical is not None:
        return 1 / probe.critical if probe.critical else math.inf
    if not probe.losses or not probe.losses[-1] < probe.losses[0]:
        return None
    return 1 / max(probe.factors)


def steepest_group(record: TrainingRecord) -> int | None:
    """The parameter group in which the most curved direction lies, as its rate scales it."""
    shares = [probe.shares for probe in limits(record)[-5:] if probe.shares]
    if not shares:
        return None
    middle = np.median(np.array(shares), axis=0)
    return int(middle.argmax()) if middle.max() > _MOSTLY else None


def _named_groups(record: TrainingRecord) -> list[str]:
    """What to call the parameter groups: their places, and the tensors in them."""
    held: list[list[str]] = [[] for _ in record.groups]
    for tensor in record.tensors:
        if tensor.group is not None:
            held[tensor.group].append(tensor.name)
    return [
        f"parameter group {count(place)} ({names(inside, 2)})" for place, inside in enumerate(held)
    ]


def is_too_small(record: TrainingRecord) -> bool:
    """Whether every probe says that much longer steps would be better, and the loss stays."""
    done = _done(record)
    first, last = began_and_ended(record)
    if len(done) < LEAST_PROBES or last < HARDLY * first:
        return False
    if others_move(record):
        return False  # what one network gains, the other takes
    if record.learned is None and _fell(record):
        return False
    if _rises(record) or (record.noise or 0) > _ALL_NOISE:
        return False  # what lowers the loss of one batch does not lower it on the others
    if any(aim.is_out_of_bounds for reading in record.readings for aim in reading.compared):
        return False  # no step of any length gets to targets that the outputs cannot be
    if record.learned is not None and record.learned.is_out_of_bounds:
        return False
    share = share_of_limit(record)
    if share is None:
        if _move_of_all(record) > USUAL:
            return False  # the weights do move; a batch alone always asks for more
        share = share_of_critical(record)
    if share is not None and share > SMALL:
        return False
    if any(vanishing(record)) or is_blocked(record):
        return False  # then the gradient is what is small
    known = share is not None
    return all(_is_straight(probe) or (known and _is_still(probe)) for probe in done)


def _move_of_all(record: TrainingRecord) -> float:
    """The length of a step over that of all weights together, in the middle of all; 0: not known.

    Of all together, as what began at zero is small for long.
    """
    trace = record.trace
    with np.errstate(all="ignore"):
        steps, weights = (np.sqrt(np.nansum(of**2, axis=1)) for of in (trace.update, trace.weight))
        ratios = steps / weights
    ratios = ratios[np.isfinite(ratios)]
    return float(np.median(ratios)) if len(ratios) else 0.0


def _rises(record: TrainingRecord) -> bool:
    """Whether the last losses are above the first, beyond what single batches differ by."""
    first, last, error = _first_and_last(record, LEAST_LOSSES)
    return last - first > max(_BEYOND * error, STILL * abs(first))


def _gain_in_words(probe: Probe) -> str:
    """What a step four times as long would have done to the loss of the batch."""
    if _is_still(probe):
        return "not even four times the step changes the loss of its batch by more than rounding"
    gain = times(_gain(probe))
    return f"a step four times as long lowers the loss of its batch {gain} as much"


def _gain(probe: Probe) -> float:
    fan = dict(zip(probe.factors, probe.losses, strict=True))
    return (fan[0.0] - fan[4.0]) / (fan[0.0] - fan[1.0])


def _is_still(probe: Probe) -> bool:
    """Whether not even four times the step changes the loss by more than rounding."""
    return max(probe.losses) - min(probe.losses) <= STILL * abs(probe.losses[0])


def _is_straight(probe: Probe) -> bool:
    fan = dict(zip(probe.factors, probe.losses, strict=True))
    one, four = fan[0.0] - fan[1.0], fan[0.0] - fan[4.0]
    return one > 0 and four >= _LINEAR * one and one < 0.05 * abs(fan[0.0])


def too_large(record: TrainingRecord) -> Iterator[Finding]:
    """SD101: the learning rate is too large."""
    if judge_training_rate(record).word != "too large":
        return
    seen, share = record.losses, share_of_limit(record)
    died = killed(record)
    if diverges(record) or rose(record):
        low = f"{number(seen.lowest, 4)}, its lowest, at step {count(seen.lowest_at or 0)}"
        if seen.lost_at is not None:
            sentence = f"The loss went from {low} to no finite number at step {count(seen.lost_at)}"
        elif seen.tenfold_at is not None and (seen.lowest_at or 0) > seen.tenfold_at:
            sentence = (
                f"The loss passed ten times its start at step {count(seen.tenfold_at)}, and ended "
                f"at {number(last_loss(record), 4)} ({number(seen.start, 4)} at the start)"
            )
        else:
            sentence = f"The loss went from {low} to {number(last_loss(record), 4)}"
    elif died is not None:
        sentence = (
            f"The loss does not fall, and the units of {escaped(died[0])}, which worked at first, "
            f"give zero for every row at step {count(died[1])}"
        )
    elif (risen := whole_rise(record)) is not None:
        sentence = risen[:1].upper() + risen[1:]
    elif (quicker := quicker_trial(record)) is not None:
        sentence = f"With a learning rate of {_got_there(record, quicker)}"
    elif record.proof is not None or share is None:
        reason = judge_training_rate(record).reason
        sentence = reason[:1].upper() + reason[1:]
    else:
        sentence = "The loss does not fall"
    if share is not None and share > 1:
        group = steepest_group(record)
        where = "" if group is None else f", which is that of {_named_groups(record)[group]}"
        sentence += f", and the learning rate is {times(share)} the limit of the curvature{where}"
    yield Finding(
        "SD101",
        "error",
        f"{sentence}: the learning rate is too large{_unless(record)}.",
        {"tenfold_step": seen.tenfold_at, "lost_step": seen.lost_at, "share_of_limit": share},
    )


def _unless(record: TrainingRecord) -> str:
    """What else it may be, where nothing was probed, or what the rate itself did."""
    known = len(_done(record)) >= LEAST_PROBES or record.proof is not None
    if not known and record.losses.lost_at is None and rises_by_and_by(record):
        here = record.versions.keys().isdisjoint(_NO_PROOF)
        tells = "watch.probe(closure)" if here else "a probe"
        return (
            ", unless the loss itself becomes another one (harder rows, a term that weighs more); "
            f"{tells} tells"
        )
    rates = record.trace.lr
    rates = np.nanmax(rates, axis=1) if rates.size and np.isfinite(rates).any(1).all() else []
    if len(rates) and rates[-1] > _GREW * rates[0] > 0:
        return f"; it grew from {number(float(rates[0]), 3)} to {number(float(rates[-1]), 3)}"
    return ""


def too_small(record: TrainingRecord) -> Iterator[Finding]:
    """SD102: the learning rate is too small."""
    if judge_training_rate(record).word != "too small":
        return
    proof = record.proof
    if proof is not None:
        yield Finding(
            "SD102",
            # A loss that falls well is quicker at another rate, and nothing is amiss.
            "info" if proof.own < HARDLY * proof.start else "warning",
            f"The learning rate is too small: {judge_training_rate(record).reason}.",
            {"proven": True, "share_of_limit": share_of_limit(record)},
        )
        return
    quicker = quicker_trial(record)
    if quicker is not None:
        yield Finding(
            "SD102",
            "warning",
            "The learning rate is too small: with a learning rate of "
            f"{_got_there(record, quicker)}.",
            {"lr": quicker.lr, "steps": quicker.reached_at, "share_of_limit": None},
        )
        return
    probe = _done(record)[-1]
    share = share_of_limit(record)
    limit = "" if share is None else f" It is {percent(share)} of the limit of the curvature."
    before, after = number(record.losses.start, 6), number(record.losses.last, 6)
    yield Finding(
        "SD102",
        "warning",
        f"The learning rate is too small: {_gain_in_words(probe)} (at step {count(probe.step)}), "
        f"and after {count(record.steps, 'step')} the loss has gone from {before} to {after}."
        f"{limit}",
        {
            "step": probe.step,
            "gain": None if _is_still(probe) else _gain(probe),
            "share_of_limit": share,
        },
    )


def at_the_edge(record: TrainingRecord) -> Iterator[Finding]:
    """SD103: at the edge of stability, which in full batches is where networks go by themselves."""
    share = share_of_limit(record)
    if (
        share is None
        or not EDGE <= share <= OVER
        or judge_training_rate(record).word == "too large"
    ):
        return
    yield Finding(
        "SD103",
        "info",
        f"The learning rate is {percent(share)} of the limit of the curvature: at the edge of "
        "stability, where training with whole batches settles by itself while the loss goes on "
        "falling.",
        {"share_of_limit": share},
    )


def _rate_at(record: TrainingRecord, step: int) -> float | None:
    trace = record.trace
    if not len(trace):
        return None
    row = int(np.searchsorted(trace.step, step, side="right")) - 1
    rates = trace.lr[max(row, 0)]
    rates = rates[np.isfinite(rates)]
    return float(rates.max()) if len(rates) and math.isfinite(rates.max()) else None
