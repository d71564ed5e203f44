"""What only a log is asked: SD105, and of other checks what follows from its columns alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from steepest.checks.facts import ILL
from steepest.checks.loop import FALLING, falling
from steepest.checks.training_rate import diverges, rose
from steepest.records.log import AlongGradient, LogFacts
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, number, percent, times, together

NEEDS: Final = {
    "SD101": "loss", "SD103": "along", "SD104": "lr", "SD105": "loss", "SD201": "along",
    "SD205": "along", "SD406": "loss", "SD409": "grad_norm", "SD413": "grad_norm",
    "SD601": "validation", "SD602": "validation",
}  # fmt: skip
"""The checks that a log can feed, and what each needs of it."""

_LEAST, _WINDOW = 30, 10
"""Losses before spikes are looked for; and so many on each side say what is usual."""

_HIGH, _BEYOND = 3.0, 10.0
"""A spike is so many times the usual loss, and so many times the usual scatter above it."""

_SELDOM = 0.05
"""Where more rows are like that, they are how this loss is."""

_FLAT = 1e-3
"""A step that changes the loss by a smaller share leaves it where it is."""

_FAR, _TWICE = 0.01, 0.5
"""The minimum is far where this share of the loss can still be gone down; an error."""

_MOST_ZERO = 0.8

_LEAST_ROWS = 5


def judges(record: TrainingRecord, code: str) -> bool:
    """Whether the log has what a check needs."""
    log = record.log
    if log is None:
        return True
    needed = NEEDS.get(code)
    return log.along is not None if needed == "along" else needed in log.columns


def spikes(record: TrainingRecord) -> Iterator[Finding]:
    """SD105: the loss jumps far up and comes back."""
    if record.log is None or diverges(record) or rose(record):
        return
    trace = record.trace
    known = np.isfinite(trace.loss)
    losses, steps = trace.loss[known], trace.step[known]
    if len(losses) < _LEAST or losses.min() <= 0:
        return
    padded = np.pad(losses, _WINDOW, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1)
    usual = np.median(around, axis=1)
    # In the logarithm, as batches that are harder by as much are as likely as easier ones.
    scatter = np.median(np.abs(np.log(around / usual[:, None])), axis=1)
    above = np.log(losses / usual)
    high = (above > math.log(_HIGH)) & (above > _BEYOND * np.maximum(scatter, np.median(scatter)))
    high[:_WINDOW] = False  # there it may still be coming down from its start
    places = np.flatnonzero(high)
    if not len(places) or len(places) > _SELDOM * len(losses):
        return
    worst = places[int(np.argmax(losses[places] / usual[places]))]
    norm = record.log.gradient_norm[known]
    beside = ""
    typical = float(np.median(norm[np.isfinite(norm)])) if np.isfinite(norm).any() else 0.0
    # The loss is taken before its step, so the step that threw it there is the one before.
    longest = np.nanmax(norm[worst - 1 : worst + 1]) if typical > 0 and worst else math.nan
    if longest > _BEYOND * typical:
        beside = (
            f" The gradient was {times(longest / typical)} as long there as in the middle of the "
            "training: clipping it to its usual length bounds such a step."
        )
    before, top = together(float(usual[worst]), float(losses[worst]))
    yield Finding(
        "SD105",
        "warning",
        f"The loss jumps up and comes back, at {count(len(places), 'row')} of "
        f"{count(len(losses))}: the highest is {top} at step {count(int(steps[worst]))}, where "
        f"{before} is usual.{beside}",
        {
            "step": int(steps[worst]),
            "rows": len(places),
            "times": float(losses[worst] / usual[worst]),
        },
    )


def hidden(record: TrainingRecord) -> Iterator[Finding]:
    """SD406: the loss is a number, and the gradient beside it is none."""
    if record.log is None or record.log.hidden is None:
        return
    seen = record.log.hidden
    stands = number(seen.loss, 4)
    if seen.last is not None and seen.last != seen.loss:
        stands += f" at first, and as {number(seen.last, 4)} at the end"
    what = f"the gradient norm is no finite number, though the loss stands there as {stands}"
    evidence = {"step": seen.step, "rows": seen.rows, "loss": seen.loss, "lasting": seen.lasting}
    first = count(seen.step)
    if seen.lasting and seen.rows > 1:
        yield Finding(
            "SD406",
            "error",
            f"From step {first} to the end {what}: a loss like that hides it. Some loops leave a "
            "loss that is no number out of their mean (Hugging Face's Trainer does, unless "
            "logging_nan_inf_filter=False).",
            evidence,
        )
        return
    yield Finding(
        "SD406",
        "info",
        f"At {count(seen.rows, 'row')} of {count(seen.beside)}, first at step {first}, {what}, and "
        "later it is one again. A GradScaler leaves such steps out, and then that is as it should "
        "be.",
        evidence,
    )


def zero_norm(record: TrainingRecord) -> Iterator[Finding]:
    """SD409: the gradient norm is exactly zero."""
    if record.log is None:
        return
    norm = record.log.gradient_norm
    known = np.isfinite(norm)
    gone = known & (norm == 0)
    share = gone.sum() / max(1, known.sum())
    if known.sum() < _LEAST_ROWS or share < _MOST_ZERO:
        return
    first = int(record.trace.step[int(np.argmax(gone))])
    yield Finding(
        "SD409",
        "error",
        f"The gradient norm is logged as exactly 0 at {percent(float(share))} of the rows, from "
        f"step {count(first)} on: plain steps along it move nothing.",
        {"step": first, "share": float(share)},
    )


def far(record: TrainingRecord) -> Iterator[Finding]:
    """SD205: the loss looks flat, and its curvature along the gradient says how far it can fall."""
    along = _is_far(record)
    if along is None:
        return
    loss, change = _at(record, along.last_step)
    yield Finding(
        "SD205",
        "error" if along.gain > _TWICE * abs(loss) else "warning",
        f"The loss looks flat (step {count(along.last_step)} changed it by {percent(change)}), but "
        f"the minimum is far: where the curvature along the gradient stays what it is there, "
        f"{number(along.last, 4)} at most, going on along that gradient alone lowers the loss from "
        f"{number(loss, 5)} by {number(along.gain, 3)} or more.",
        {"step": along.last_step, "loss": loss, "gain": along.gain, "curvature": along.last},
    )


def steep_and_flat(record: TrainingRecord) -> Iterator[Finding]:
    """SD201: the curvature along the gradient was far larger than where the loss is flat now."""
    along = _is_far(record)
    if along is None or along.largest < ILL * along.last:
        return
    yield Finding(
        "SD201",
        "warning",
        f"The curvature along the gradient was {number(along.largest, 6)} at step "
        f"{count(along.step)} and is {number(along.last, 4)} at most at step "
        f"{count(along.last_step)}: between directions of the weights it differs at least "
        f"{times(along.largest / along.last)}. The steep ones do not allow a learning rate above "
        f"{number(along.limit, 3)}, which is too small for the flat ones.",
        {"condition_at_least": along.largest / along.last, "limit": along.limit, "lr": along.lr},
    )


def _is_far(record: TrainingRecord) -> AlongGradient | None:
    """The curvature along the gradient, where it says that a loss that looks flat is not low."""
    along = None if record.log is None else record.log.along
    if along is None:
        return None
    loss, change = _at(record, along.last_step)
    flat = change < _FLAT and along.gain > _FAR * abs(loss)
    return along if flat else None


def _at(record: TrainingRecord, step: int) -> tuple[float, float]:
    """The loss at a step, and by what share the step changed it."""
    losses = record.trace.loss
    place = min(int(np.searchsorted(record.trace.step, step)), len(losses) - 1)
    after = losses[min(place + 1, len(losses) - 1)]
    loss = float(losses[place])
    return loss, abs(float(loss - after)) / abs(loss) if loss else 0.0


_LINES: Final = {
    "lr": 'log["lr"] = optimizer.param_groups[0]["lr"]',
    "grad_norm": 'log["grad_norm"] = float(torch.nn.utils.clip_grad_norm_(model.parameters(), '
    'float("inf")))',
    "validation": 'log["val_loss"] = float(validation_loss)',
}
"""Of Python, for a PyTorch loop: what records a column."""


def cannot_be_known(record: TrainingRecord) -> dict[str, str]:
    """What the log leaves open: the question, why, and the line that records it."""
    log = record.log
    if log is None:
        return {}
    found = {}
    missing = [role for role in ("lr", "grad_norm") if role not in log.columns]
    words = {"lr": "learning rate", "grad_norm": "gradient norm"}
    lines = "; ".join(_LINES[role] for role in missing)
    if log.along is None:
        why = (
            f"the log has no {' and no '.join(words[role] for role in missing)}. {_record(lines)}"
            if missing
            else f"{log.not_along}. A watch measures it: {_WATCH}"
        )
        found["curvature and stability limit"] = why
    if _stays(record) and _is_far(record) is None:
        why = (
            f"the log has no gradient norm, and a loss that stays looks the same at a minimum, on "
            f"a plateau and with steps that are too small. {_record(_LINES['grad_norm'])}"
            if "grad_norm" in missing
            else _norms(log)
        )
        found["whether the loss stays because it is at a minimum"] = why
    if "lr" in missing:
        found["the schedule"] = f"the log has no learning rate. {_record(_LINES['lr'])}"
    if "validation" not in log.columns:
        found["overfitting"] = (
            f"the log has no loss on held-out rows. {_record(_LINES['validation'])}"
        )
    if _drops_to_zero(record):
        found["whether the loss of exactly 0 is real"] = (
            "a loss that is no number is logged as 0 by some loops, and the log has no gradient "
            f"norm beside it. {_record(_LINES['grad_norm'])}"
        )
    if record.losses.lost_at is not None or log.hidden is not None:
        found["where the first number was lost"] = (
            f"a log has no layers. {_WATCH} names the operation and the row"
        )
    return found


_WATCH: Final = "steepest.watch(model, optimizer)"


def _record(lines: str) -> str:
    return f"Record it: {lines}"


def _norms(log: LogFacts) -> str:
    known = log.gradient_norm[np.isfinite(log.gradient_norm)]
    if not len(known):
        return "no gradient norm that is a number was logged"
    if (along := log.along) is not None:
        return (
            f"along the gradient of step {count(along.last_step)}, with the curvature it has "
            f"there, the loss falls by {number(along.gain, 3)} more, and of flat directions in "
            f"which that gradient has no part the log says nothing. A watch measures them: {_WATCH}"
        )
    first, last = together(float(known[0]), float(known[-1]))
    return (
        f"the gradient norm went from {first} to {last}, and whether that is small shows only "
        f"beside the curvature. A watch measures it: {_WATCH}"
    )


def _stays(record: TrainingRecord) -> bool:
    """Whether the loss has stopped falling."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if len(losses) < _LEAST_ROWS or record.losses.lost_at is not None:
        return False
    found = falling(record)
    if found is not None:
        fall, doubt = found
        return fall < FALLING or abs(fall) <= doubt
    changes = np.abs(np.diff(losses[-_LEAST_ROWS:]))
    return bool(np.all(changes <= _FLAT * np.abs(losses[-_LEAST_ROWS:-1])))


def _drops_to_zero(record: TrainingRecord) -> bool:
    """Whether the loss is exactly 0 from some row on, and was far from it just before."""
    log, losses = record.log, record.trace.loss
    gone = losses == 0
    if log is None or "grad_norm" in log.columns or not gone.any() or gone[0]:
        return False
    first = int(np.argmax(gone))
    return bool(gone[first:].all() and losses[first - 1] > 0.1 * abs(record.losses.start))
