"""Runs a descent chunk by chunk: stop rules, progress, interruption, exact replay."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.closed import (
    AT_ONCE,
    ClosedForm,
    Falling,
    Taken,
    closed_form,
    last_of_fall,
    stopped_at,
)
from steepest.descent.loop import (
    Began,
    Hyper,
    Limits,
    Setting,
    State,
    at_hand,
    begun_at,
    hyper_of,
    initial,
    leaves_of,
    limits_of,
    walk,
)
from steepest.descent.optimizers import preconditioner
from steepest.descent.recorder import (
    LEAST_POINTS,
    TAIL,
    Block,
    Chunk,
    RecordedSteps,
    Recorder,
    joined,
)
from steepest.descent.standing import Sink, Standing
from steepest.engine.late import jax
from steepest.engine.xla import in_float64
from steepest.methods.optimizers import SOLVERS, check_rate, momentum_of
from steepest.objective.objective import Objective
from steepest.objective.passes.batched import StreamedBatches
from steepest.objective.passes.passing import InBatches
from steepest.records.arrays import Vector
from steepest.records.choices import Stopped
from steepest.records.descent import Descent, Trace
from steepest.records.problem import Settings
from steepest.words.errors import UsageError
from steepest.words.wording import count

CEILING = 1e10
"""A loss this many times its start is divergence; the descent need not wait for infinity."""

TARGET_WORK = 1e8
LONGEST_CHUNK = 16_384
"""Of twice as many, memory that is new each time costs a short descent more than it saves a long
one."""
CHUNK_BYTES = 32_000_000
MOST_CHECKPOINTS = 512
CHECKPOINT_BYTES = 64_000_000
LEAST_CHECKPOINTS = 16
"""Even where they take more bytes, there being very many weights."""

_READY: Final[set[int]] = set()
"""Kinds of descents that walked in this process, so that they are compiled."""

Progress = Callable[[int, float], None]
"""Called between chunks with the steps done and the loss there."""


@dataclass(frozen=True)
class Machine:
    """An objective, an optimizer with its numbers, and the rows of each step."""

    objective: Objective
    optimizer: str
    lr: float
    momentum: float | None
    batches: Batches | StreamedBatches | None
    held_out: Objective | None
    length: int

    @cached_property
    def hyper(self) -> Hyper:
        """The optimizer's numbers as the loop takes them."""
        # One for each weight, whether they differ or not: so both are one compiled program.
        rates = np.broadcast_to(self.lr * self.objective.pace, len(self.objective.names))
        return hyper_of(rates, self.momentum)

    @cached_property
    def setting(self) -> Setting:
        """The arrays of the objective as the loop takes them."""
        objective, held_out = self.objective, self.held_out
        return Setting(
            objective.data,
            held_out.data if held_out else {},
            objective.centre / objective.unit,
            objective.lower / objective.unit,
            objective.upper / objective.unit,
        )

    @cached_property
    def closed(self) -> ClosedForm | None:
        """What gives any stretch of steps at once, where there is such a thing."""
        if self.batches is not None or self.held_out is not None:
            return None
        return closed_form(self.objective, self.optimizer, self.lr, self.momentum)

    def begun(self, start: Vector) -> State:
        """The state before any step from weights (p,)."""
        position = self.objective.position(start)
        if self.closed is not None and self.closed.serves(position):
            return begun_at(position, Began(position[None]))
        return initial(self.optimizer, position)

    def chunk(
        self, state: State, *, last: int, stops: Limits | None = None
    ) -> tuple[State, RecordedSteps]:
        """One chunk from `state`, to step `last` at most."""
        limits = (stops or limits_of(last=last))._replace(last=np.int64(last))
        if isinstance(state.slots, Began):
            return self._at_once(state, limits)
        return self._walked(state, limits)

    def falls_to(self, state: State, stops: Limits) -> int | None:
        """The step at which a descent ends whose loss only falls; None where that is not known."""
        if not isinstance(state.slots, Began):
            return None
        assert self.closed is not None
        return last_of_fall(self.closed, state, stops)

    def fall(self, state: State, last: int, every: int) -> tuple[State, Falling]:
        """The steps of such a descent, to `last` at most; of these TAIL and each `every`-th."""
        assert self.closed is not None
        form, start, first = self.closed, state.slots.position[0], int(state.step)
        begin = first + -first % every
        last = min(last, begin + min(self.length, AT_ONCE) * every - 1)
        count = max(0, (last - begin) // every + 1)
        sampled = form.stretch(start, begin, count, every)
        # And the one that is only stood on.
        ending = form.stretch(start, max(first, last + 1 - TAIL), min(TAIL, last + 1 - first) + 1)
        if first == 0:
            state = state._replace(first_loss=sampled.loss[0], first_norm=sampled.norm[0])
        state = state._replace(position=ending.positions([-1])[0], step=np.int64(last + 1))
        kept = Taken(self.objective, sampled, count)
        ended = Taken(self.objective, ending, len(ending.loss) - 1)
        return state, Falling(form, start, first, last, kept, ended)

    def moved_to(self, state: State, step: int) -> State:
        """A state from which `step` can be walked: at once there, where that can be."""
        running = state._replace(running=np.bool_(True), stale=np.int64(0))
        return running._replace(step=np.int64(step)) if isinstance(state.slots, Began) else running

    def make_ready(self, state: State) -> None:
        """Compile what walks, where nothing of that kind walked yet: the clock is for descents."""
        if isinstance(state.slots, Began):
            return
        sizes = [np.shape(leaf) for leaf in jax.tree.leaves((state, self.setting))]
        batch = 0 if self.batches is None else self.batches.size
        validating = self.held_out is not None
        kernel = self.objective.kernel
        # Only its hash is held: a kernel may hold a user's data.
        kind = hash((kernel, self.optimizer, self.length, validating, batch, *sizes))
        if kind not in _READY:
            self.chunk(state, last=-1)
            _READY.add(kind)

    def _at_once(self, state: State, limits: Limits) -> tuple[State, Taken]:
        assert self.closed is not None
        first = int(state.step)
        count = max(1, min(self.length, AT_ONCE, int(limits.last) - first + 1))
        found = self.closed.stretch(state.slots.position[0], first, count + 1)
        after = stopped_at(state, limits, found)
        return after, Taken(self.objective, found, int(after.step) - first + (not after.running))

    @in_float64
    def _walked(self, state: State, limits: Limits) -> tuple[State, Chunk]:
        objective, last = self.objective, int(limits.last)
        setting, rows = self.setting, None
        if not objective.is_at_hand:
            setting = setting._replace(data=objective.data_at(state.position))
        first = int(state.step)
        if self.batches is not None:
            # Steps beyond the last are not taken, so nothing is drawn for them.
            rows = self._batches(state, first, max(0, min(self.length, last - first + 1)))
        after, record, place = walk(
            objective.kernel,
            self.optimizer,
            self.length,
            self.held_out is not None,
            self.batches.per_epoch if self.batches else 1,
            state,
            setting,
            self.hyper,
            limits,
            rows,
        )
        count = int(place)
        block = Chunk(
            objective,
            np.arange(first, first + count),
            np.asarray(record.loss)[:count],
            np.asarray(record.position)[:count],
            np.asarray(record.gradient)[:count],
            np.broadcast_to(np.nan, count)
            if record.validation is None
            else np.asarray(record.validation)[:count],
        )
        return after, block

    def _batches(self, state: State, first: int, needed: int) -> Any:
        """The batches of `needed` steps from `first` on, filled up to the length of a chunk."""
        objective, lacking = self.objective, self.length - needed
        assert self.batches is not None
        if isinstance(objective, InBatches) and objective.is_shared:
            found = np.zeros_like(state.position)
            if needed:
                found = objective.slope_of_batch(state.position, first)
            return {"gradient": found[None]}
        drawn = self.batches.take(first, needed)
        return jax.tree.map(lambda rows: np.pad(rows, ((0, lacking), (0, 0))), drawn)


@dataclass(frozen=True)
class Checkpoint:
    """A state from which the descent can be walked again, exactly."""

    step: int
    state: State


@dataclass
class Checkpoints:
    """At most MOST_CHECKPOINTS of them, evenly spread; fewer where they are large."""

    kept: list[Checkpoint] = field(default_factory=list)
    every: int = 1
    seen: int = 0

    def add(self, state: State) -> None:
        """Offer a state at the beginning of a chunk."""
        if self.seen % self.every == 0:
            self.kept.append(Checkpoint(int(state.step), at_hand(state)))
        self.seen += 1
        if len(self.kept) > _most_checkpoints(self.kept[0].state):
            self.kept = self.kept[::2]
            self.every *= 2

    def before(self, step: int) -> State:
        """The last kept state at or before `step`."""
        return next(c.state for c in reversed(self.kept) if c.step <= step)


def _most_checkpoints(state: State) -> int:
    size = sum(leaf.nbytes for leaf in leaves_of(state))
    return min(MOST_CHECKPOINTS, max(LEAST_CHECKPOINTS, CHECKPOINT_BYTES // size))


@dataclass(frozen=True)
class Descended:
    """A finished descent: its record, its trace, and the means to walk any part of it again."""

    descent: Descent
    trace: Trace
    machine: Machine
    checkpoints: Checkpoints
    state: State

    def replay(self, first: int, last: int) -> Trace:
        """Every step from `first` to `last`, both included, bit for bit as they were."""
        check_steps(self.descent, first, last)
        state = self.machine.moved_to(self.checkpoints.before(first), first)
        blocks: list[Block] = []
        while not blocks or blocks[-1].step[-1] < last:
            if not bool(state.running):
                raise RuntimeError(f"the descent cannot be walked again beyond step {state.step}")
            state, block = self.machine.chunk(state, last=last)
            blocks.append(block[(block.step >= first) & (block.step <= last)])
            blocks = [block for block in blocks if len(block)]
        found = joined(blocks)
        return Trace(self.trace.names, found.step, found.loss, found.weights, found.gradient, None)

    def move_from(self, step: int) -> Vector:
        """The change of the weights (p,) that the optimizer makes at `step`, taken or not."""
        state = self.machine.moved_to(self.checkpoints.before(step), step)
        blocks: list[Block] = []
        while not blocks or blocks[-1].step[-1] < step + 1:
            if not bool(state.running):
                break  # not finite from here on
            state, block = self.machine.chunk(state, last=step + 1)
            blocks = [joined([*blocks[-1:], block[-2:]])[-2:]]
        return np.asarray(blocks[-1].weights[-1] - blocks[-1].weights[0])

    @property
    def preconditioner(self) -> Vector | None:
        """The diagonal (p,) by which an adaptive optimizer divides its steps, at the end."""
        found = preconditioner(self.machine.optimizer, self.state.slots)
        return None if found is None else np.asarray(found)

    @property
    def final_weights(self) -> Vector:
        """Weights (p,) at the last step whose numbers were finite."""
        return self._at_final(self.trace.weights)

    @property
    def final_gradient(self) -> Vector:
        """Gradient (p,) there."""
        return self._at_final(self.trace.gradient)

    def _at_final(self, values: Vector) -> Vector:
        where = np.flatnonzero(self.trace.step == self.descent.final_step)
        if len(where):
            return np.asarray(values[where[-1]])
        moment = self.replay(self.descent.final_step, self.descent.final_step)
        return np.asarray((moment.weights if values is self.trace.weights else moment.gradient)[0])


def check_steps(descent: Descent, first: int, last: int) -> None:
    """Raise UsageError where not all steps from `first` to `last` were done."""
    if not 0 <= first <= last <= descent.steps:
        raise UsageError(
            "There is no such step in this descent.",
            given=f"{first}" if first == last else f"{first} to {last}",
            instead=f"Ask for steps 0 to {descent.steps}.",
        )


def chunk_length(objective: Objective, batch_size: int | None) -> int:
    """Steps a chunk: a few hundredths of a second of work, bounded in memory."""
    if not objective.is_at_hand:
        return 1
    row_bytes = 4
    if isinstance(objective, InBatches) and batch_size is not None:
        if objective.is_shared:
            return 1
        row_bytes = objective.row_bytes
    rows = max(objective.rows, 1)
    share = 1.0 if batch_size is None else batch_size / rows
    by_work = TARGET_WORK / (3 * objective.work * share + 2000)
    by_memory = CHUNK_BYTES / (8 * (2 * len(objective.names) + 3) + row_bytes * (batch_size or 0))
    longest = max(1.0, min(by_work, by_memory, LONGEST_CHUNK))
    return int(2 ** math.floor(math.log2(longest)))


def check_settings(settings: Settings, objective: Objective) -> None:
    """Raise where a number cannot be used, with one sentence."""
    lr = settings.lr
    check_rate(lr)
    if lr is not None and settings.optimizer in SOLVERS:
        raise UsageError(
            f"{settings.optimizer} chooses the length of its steps by itself, so it has no "
            "learning rate.",
            given=f"--lr {lr:g}",
            instead="Leave out --lr, or choose an optimizer such as momentum or adam.",
        )
    if settings.batch_size is not None and settings.optimizer in SOLVERS:
        raise UsageError(
            f"{settings.optimizer} uses all rows in every step, so it has no batches.",
            given=f"--batch-size {settings.batch_size}",
            instead="Leave out --batch-size, or choose an optimizer such as momentum or adam.",
        )
    if not (math.isfinite(settings.tolerance) and settings.tolerance >= 0):
        raise UsageError(
            "The tolerance must be zero or a positive number.",
            given=f"{settings.tolerance:g}",
            instead="1e-6 stops when the gradient is a millionth of its first length.",
        )
    if settings.time_limit is not None and not settings.time_limit > 0:
        raise UsageError(
            "The time limit must be a positive number of seconds.",
            given=f"{settings.time_limit:g}",
            instead="Leave it out for no limit.",
        )
    size = settings.batch_size
    if size is not None and not 1 <= size <= max(objective.rows, 1):
        raise UsageError(
            "The batch size must be between 1 and the number of rows.",
            given=f"{size}, and there are {objective.rows} rows",
            instead="Leave it out to use all rows in every step.",
        )
    if settings.patience is not None and settings.patience < 1:
        raise UsageError(
            "Patience must be at least 1 epoch.",
            given=f"{settings.patience}",
            instead="10 is usual.",
        )
    if settings.optimizer not in SOLVERS or settings.momentum is not None:
        momentum_of(settings.optimizer, settings.momentum)


def machine_for(objective: Objective, settings: Settings, held_out: Objective | None) -> Machine:
    """What walks this descent, whole or any part of it."""
    if settings.lr is None:
        raise ValueError("the learning rate must be chosen before the descent")
    momentum = momentum_of(settings.optimizer, settings.momentum)
    batches: Batches | StreamedBatches | None = None
    if settings.batch_size is not None and settings.batch_size < objective.rows:
        batches = (
            objective.batches(settings.batch_size, settings.seed)
            if isinstance(objective, InBatches)
            else Batches(objective.rows, settings.batch_size, settings.seed)
        )
    length = chunk_length(objective, settings.batch_size if batches else None)
    return Machine(objective, settings.optimizer, settings.lr, momentum, batches, held_out, length)


def descend(
    objective: Objective,
    settings: Settings,
    start: Vector,
    *,
    lr_chosen: str = "given",
    goal: float | None = None,
    stop_at_goal: bool = False,
    scale: float = 1.0,
    held_out: Objective | None = None,
    progress: Progress | None = None,
    sink: Sink | None = None,
    standing: Standing | None = None,
    checkpoints: Checkpoints | None = None,
    traced: bool = True,
) -> Descended:
    """Run one descent from `start` (p,).

    `goal` is a loss to watch for; with `stop_at_goal` the descent stops there. `scale` is a loss
    of ordinary size for this problem: divergence is judged against the larger of it and the first
    loss. Costs one gradient a step.

    `sink` is told where the descent stands before each chunk. From such a `standing`, with what
    else was given then, a descent goes on along the same path, bit for bit; `checkpoints` are
    those of the steps before. Where it need not be `traced`, few steps of the trace are kept.
    """
    check_settings(settings, objective)
    machine = machine_for(objective, settings, held_out)
    momentum = machine.momentum
    if standing is None:
        state = machine.begun(start)
        most = None if traced else LEAST_POINTS
        standing = Standing(state, Recorder(objective.names, watch_goal=goal, most=most))
    state, recorder, before = standing.state, standing.recorder, standing.seconds
    checkpoints = checkpoints or Checkpoints()
    stops = limits_of(
        last=settings.steps,
        tolerance=settings.tolerance,
        ceiling=CEILING,
        scale=scale,
        goal=goal if stop_at_goal and goal is not None else -np.inf,
        patience=settings.patience,
    )
    machine.make_ready(state)
    falls_to = _thinned(machine, state, stops, recorder)
    began = time.monotonic()
    ended: Stopped | None = None
    while ended is None:
        try:
            checkpoints.add(state)
            if sink is not None:
                sink(Standing(state, recorder, before + time.monotonic() - began))
            if int(state.step) < falls_to:
                state, fall = machine.fall(state, falls_to, recorder.stride)
                recorder.add_falling(fall)
                block: RecordedSteps = fall.ending
            else:
                state, block = machine.chunk(state, last=settings.steps, stops=stops)
                recorder.add(block)
            if progress is not None:
                progress(int(block.step[-1]), float(block.loss[-1]))
        except KeyboardInterrupt:
            if recorder.tail is None:
                raise
            ended = "interrupted"
        else:
            if not bool(state.running):
                ended = why_stopped(state, recorder.last, stops)
            elif (
                settings.time_limit is not None and time.monotonic() - began >= settings.time_limit
            ):
                ended = "time limit"
    seconds = before + time.monotonic() - began
    return Descended(
        _summary(settings, momentum, recorder, ended, seconds, scale, lr_chosen),
        recorder.trace(),
        machine,
        checkpoints,
        state,
    )


def _thinned(machine: Machine, state: State, stops: Limits, recorder: Recorder) -> int:
    """The step up to which few need be known; the recorder is told which. 0 where all are kept."""
    if recorder.stride_for(int(stops.last)) == 1:
        return 0
    falls_to = machine.falls_to(state, stops)
    if falls_to is None:
        return 0
    recorder.thin(recorder.stride_for(falls_to))
    # By the last ones it is judged, one after the other.
    return falls_to - TAIL if recorder.stride > 1 else 0


def as_it_stands(
    objective: Objective,
    settings: Settings,
    standing: Standing,
    checkpoints: Checkpoints,
    *,
    lr_chosen: str = "given",
    scale: float = 1.0,
    held_out: Objective | None = None,
) -> Descended:
    """The descent to where it stands, as if it had been interrupted there."""
    machine, recorder = machine_for(objective, settings, held_out), standing.recorder
    return Descended(
        _summary(
            settings, machine.momentum, recorder, "interrupted", standing.seconds, scale, lr_chosen
        ),
        recorder.trace(),
        machine,
        checkpoints,
        standing.state,
    )


def why_stopped(state: State, last: Block, stops: Limits) -> Stopped:
    """Why a descent does not run on that ended so."""
    loss, gradient = float(last.loss[-1]), last.gradient[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        squared = float(gradient @ gradient)
    is_finite = math.isfinite(loss) and bool(np.isfinite(gradient).all())
    ceiling = float(stops.ceiling) * max(abs(float(state.first_loss)), float(stops.scale))
    if not is_finite or abs(loss) > ceiling:
        return "diverged"
    tolerance = float(stops.tolerance)
    if squared < tolerance * tolerance * float(state.first_norm):
        return "converged"
    if loss <= float(stops.goal):
        return "goal"
    if int(state.stale) >= int(stops.patience):
        return "patience"
    return "step limit"


def last_facts(loss: Vector, weights: Vector) -> tuple[bool, float | None, float | None]:
    """Whether the loss rose over the last steps, how sharply the path turned, the last fall."""
    return _growing(loss[-TAIL:]), _turn(weights[-3:]), _recent_fall(loss[-2:])


def _summary(
    settings: Settings,
    momentum: float | None,
    recorder: Recorder,
    ended: Stopped,
    seconds: float,
    scale: float,
    lr_chosen: str,
) -> Descent:
    tail = recorder.last
    steps = int(tail.step[-1])
    fine = np.isfinite(tail.loss) & np.all(np.isfinite(tail.gradient), axis=1)
    final = int(np.flatnonzero(fine)[-1]) if np.any(fine) else len(tail) - 1
    first = float(recorder.first_loss or 0.0)
    since, stays = recorder.since_step, recorder.stays_step
    growing, turn, recent_fall = last_facts(tail.loss[: final + 1], tail.weights[: final + 1])
    if ended == "step limit" and grown(tail.loss[: final + 1], first, scale):
        ended = "diverged"
    return Descent(
        optimizer=settings.optimizer,
        lr=float(settings.lr or 0.0),
        lr_chosen="auto" if lr_chosen == "auto" else "given",
        momentum=momentum,
        steps=steps,
        stopped=ended,
        stopped_why=_sentence(ended, settings, recorder, steps, seconds),
        seconds=seconds,
        final_loss=float(tail.loss[final]),
        final_step=int(tail.step[final]),
        first_loss=first,
        lowest_loss=recorder.lowest_loss,
        lowest_step=recorder.lowest_step,
        tenfold_step=recorder.tenfold_step,
        goal_step=recorder.goal_step,
        stays_step=None if since is None else (since if stays is None else stays),
        non_finite_step=recorder.non_finite_step,
        growing=growing,
        turn=turn,
        validation_lowest_step=recorder.validation_lowest_step,
        recent_fall=recent_fall,
        rates=dict(settings.rates),
    )


def _recent_fall(loss: Vector) -> float | None:
    if len(loss) < 2 or loss[-1] == 0:
        return None
    return float((loss[-2] - loss[-1]) / abs(loss[-1]))


def _growing(loss: Vector) -> bool:
    """True where the last losses rise on the whole and in most of their steps."""
    if len(loss) < 2:
        return False
    rises = np.diff(loss) > 0
    return bool(loss[-1] > loss[0] and np.mean(rises) > 0.5)


def grown(loss: Vector, first: float, scale: float) -> bool:
    """Whether a descent that ended with these losses (m,) diverges, though they are finite yet."""
    return _growing(loss[-TAIL:]) and float(loss[-1]) > first + 9 * max(abs(first), scale)


def _turn(weights: Vector) -> float | None:
    if len(weights) < 3:
        return None
    before, after = weights[-2] - weights[-3], weights[-1] - weights[-2]
    with np.errstate(all="ignore"):
        lengths = float(np.linalg.norm(before) * np.linalg.norm(after))
        cosine = float(before @ after) / lengths if lengths > 0 else math.nan
    return max(-1.0, min(1.0, cosine)) if math.isfinite(cosine) else None


def _sentence(
    ended: Stopped, settings: Settings, recorder: Recorder, steps: int, seconds: float
) -> str:
    loss = float(recorder.last.loss[-1])
    if ended == "converged":
        return (
            f"After {steps:,} steps the gradient was shorter than {settings.tolerance:g} "
            "of its first length."
        )
    if ended == "diverged":
        if recorder.non_finite_step is not None:
            return f"At step {recorder.non_finite_step:,} the loss or its gradient was not finite."
        if loss < float(recorder.first_loss or 0.0):
            return f"The loss fell without end: {loss:.3g} at step {steps:,}."
        return f"The loss grew from {recorder.first_loss:.6g} to {loss:.3g} at step {steps:,}."
    if ended == "patience":
        return (
            f"The validation loss had not fallen for {settings.patience} epochs; "
            f"it was lowest at step {recorder.validation_lowest_step:,}."
        )
    if ended == "time limit":
        return f"The time limit of {settings.time_limit:g} s was reached after {steps:,} steps."
    if ended == "interrupted":
        return f"Interrupted after {steps:,} steps; what was done is kept."
    if ended == "goal":
        return f"The goal was reached at step {steps:,}."
    return f"The limit of {count(settings.steps, 'step')} was reached."
