"""The recorder attached to a training loop. The loop comes first: nothing here raises into it."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from steepest.descent.training_recorder import Recorder, Rows
from steepest.records.arrays import Vector
from steepest.records.training import (
    Ended,
    Probe,
    ResetFacts,
    TrainingProof,
    TrainingRecord,
    Validation,
    no_steps,
)
from steepest.watching.activations import Activations
from steepest.watching.histograms import Histograms
from steepest.watching.inputs import Hook, Inputs
from steepest.watching.kept_steps import KeptSteps
from steepest.watching.modes import eps_lost
from steepest.watching.others import Others
from steepest.watching.own_gradient import OwnGradient, is_averaged
from steepest.watching.probe import Closure, Prober
from steepest.watching.proving import prove
from steepest.watching.reader import Reader
from steepest.watching.reading import are_moved_by_others, newcomers
from steepest.watching.shown import versions_of
from steepest.watching.side import Side
from steepest.watching.tensors import Watched, find, is_transformed, unwrapped

PROBE_EVERY: Final = 64
"""Steps from one probe to the next, unless asked otherwise."""

SAMPLE_EVERY: Final = 100
"""Steps from one look at the activations to the next; the first looks come sooner."""

HISTOGRAM_EVERY: Final = 500

_LOOK: Final = 1.0
"""Seconds from one reading of what waits to the next, at most, where no step takes longer."""

_LONGEST_SAID: Final = 200
"""Of what an exception says, so many characters are told."""

_log = logging.getLogger("steepest")


class Attached:
    """Records a training loop, from the hooks of its optimizers or from `step`.

    Attributes:
        steps: moves of the optimizer that were seen.
    """

    def __init__(
        self,
        watched: Watched,
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        every: int = 1,
        probe_every: int = PROBE_EVERY,
        keep: bool = False,
    ):
        """`keep`: keep the first batches, so that the training can be run again."""
        found = find(watched, optimizers)
        self._model = watched if isinstance(watched, nn.Module) else None
        self._every = every
        self._probe_every = probe_every
        self._process = os.getpid()
        self._tensors = found.tensors
        self._records = found.records
        self._groups = found.groups
        self._recorder = Recorder(len(found.tensors), every)
        self._inputs = Inputs()
        self._histograms = Histograms()
        self._prober = Prober(self._model, found.tensors, found.groups, optimizers)
        self._reader = Reader(self._model, found.tensors)
        self._optimizers = optimizers
        self._others = Others(found.tensors)
        self._losses_given = 0
        self._activations = (
            None
            if self._model is None or _is_compiled(self._model)
            else Activations(unwrapped(self._model), partial(self._guarded, "an activation"))
        )
        self._kept = KeptSteps(self._model, found.tensors, optimizers) if keep else None
        self._proof: TrainingProof | None = None
        self._not_proven = ""
        self._validations: list[Validation] = []
        self._losses: dict[int, torch.Tensor | float] = {}
        self._dropped: Counter[str] = Counter()
        self._ended: Ended = "still running"
        self._began = self._last = self._looked = time.perf_counter()
        self._cost = 0.0
        self._spent = 0.0
        """Seconds spent here since the last step ended."""
        self._probing = False
        self.steps = 0
        self._rank = _rank()
        self._handles: list[Any] = []
        sample = any(record.sampled for record in found.records)
        guard = partial(self._guarded, "a gradient")
        self._sides = [
            Side(optimizer, [found.tensors[p] for p in places], places, sample=sample, guard=guard)
            for optimizer, places in zip(optimizers, found.owned, strict=True)
        ] or [Side(None, found.tensors, range(len(found.tensors)), sample=sample, guard=guard)]
        self._own_gradients: dict[int, torch.Tensor | float] = {}
        self._own = (
            OwnGradient(found.tensors, partial(self._guarded, "a process's own gradient"))
            if is_averaged(self._model)
            else None
        )
        self._caught: dict[int, torch.Tensor] = {}
        for side in self._sides:
            self._attach(side)
        self._hook = Hook(self._guarded("a batch", self._take_input))
        if self._model is not None:
            self._handles.append(
                self._model.register_forward_pre_hook(self._hook, with_kwargs=True)
            )
            if self._kept is not None:
                begins = self._guarded("random numbers", self._begins)
                self._handles.append(self._model.register_forward_pre_hook(begins))
        self._rates = [math.nan] * max(len(found.groups), 1)

    # What the loop calls

    def loss(self, loss: Any) -> None:
        """Record the loss of the step that comes next. Takes a tensor or a number."""
        if self._kept is not None:
            self._guarded("a loss", self._kept.loss)(self.steps, loss)
        self._losses_given += 1
        for side in self._sides:
            side.resets.told()
        if self.steps % self._every == 0:
            self._guarded("a loss", self._take_loss)(loss)
            if isinstance(loss, torch.Tensor):
                self._guarded("a loss's graph", self._read_loss)(loss)

    def step(self, loss: Any = None) -> None:
        """Mark the end of a step, in a loop that moves its tensors without an optimizer."""
        self._guarded("a step", self._mark)(loss)

    def validation(self, loss: Any) -> None:
        """Record the loss on rows that were held out."""
        self._guarded("a validation loss", self._take_validation)(loss)

    def probe(self, closure: Closure) -> None:
        """Let it measure the curvature and other steps, every `probe_every` steps.

        `closure()` returns the loss of the batch that this step learns from, or one loss a row
        (then the gradient noise is measured too). Call it before the optimizer moves.
        """
        if self._kept is not None:
            self._guarded("a batch", self._kept.take)(self.steps, closure)
        if self.steps % self._every == 0:
            self._reader.closure(closure)
        if self.steps % self._probe_every == 0 and not self._prober.waits:
            self._guarded("a probe", self._probe)(closure)

    def try_changes(self, seconds: float) -> None:
        """Run the first steps again with changes, on copies. Nothing of the training changes."""
        if self._kept is None:
            self._not_proven = "no batch was kept; steepest.watch(…, prove=True) keeps them"
            return
        if any(reading.turned for reading in self._reader.readings):
            self._not_proven = (
                "the loss is minus one that is at least 0, and what makes it fall farther makes "
                "the outputs worse"
            )
            return
        if self._others.moved or any(reading.others for reading in self._reader.readings):
            self._not_proven = (
                "another optimizer moves a part of what the loss is computed by, and would not "
                "where this one's steps are run again"
            )
            return
        resets = self._resets()
        if 2 * resets.elsewhere > resets.steps:
            self._not_proven = (
                "the loop moves the weights itself between two backward passes of a step, as "
                "sharpness-aware minimization does, and a plain loop is another training"
            )
            return
        began = time.perf_counter()
        with self._apart():
            try:
                found = prove(self._kept, seconds)
            except Exception as error:
                said = str(error).partition("\n")[0][:_LONGEST_SAID]
                found = f"running it again failed ({type(error).__name__}: {said})"
        self._proof = None if isinstance(found, str) else found
        self._not_proven = found if isinstance(found, str) else ""
        self._spend(began)

    def detach(self, ended: Ended = "closed") -> None:
        """Take every hook away, and read what waits. Nothing is recorded any more."""
        if self._ended != "still running":
            return
        self._ended = ended
        for handle in self._handles:
            handle.remove()
        for side in self._sides:
            side.close()
        self._others.close()
        if self._own is not None:
            self._own.close()
        if self._activations is not None:
            self._activations.disarm()
        self._guarded("the last steps", self._read)()

    def record(self, version: str) -> TrainingRecord:
        """Everything that is known so far. Reads what waits, so it may wait for the device."""
        self._guarded("steps", self._read)()
        recorder = self._recorder
        trace = recorder.trace() or no_steps(len(self._tensors), max(len(self._groups), 1))
        seconds = time.perf_counter() - self._began
        return TrainingRecord(
            version=version,
            model="" if self._model is None else type(unwrapped(self._model)).__name__,
            tensors=tuple(
                # One that was frozen at first may learn by now.
                replace(known, learns=known.learns or tensor.requires_grad)
                for known, tensor in zip(self._records, self._tensors, strict=True)
            ),
            groups=self._groups,
            trace=trace,
            facts=recorder.facts(),
            steps=self.steps,
            every=self._every,
            losses=recorder.losses(),
            inputs=replace(
                self._inputs.facts(),
                reaching=None if self._activations is None else self._activations.reaching,
            ),
            noise=recorder.noise,
            activations=() if self._activations is None else tuple(self._activations.samples),
            histograms=tuple(self._histograms.samples),
            probes=tuple(self._prober.probes),
            readings=self._reader.read(),
            cuts=self._reader.cuts,
            birth=self._reader.birth,
            zero_from=self._reader.zero_from,
            alike=tuple(self._reader.alike.values()),
            modes=self._reader.modes.facts(),
            half=self._reader.half,
            mixing=self._reader.mixing,
            eps_lost=eps_lost(self._model, self._optimizers),
            remade=(
                self._losses_given > 1.5 * self.steps * self._every
                and bool(self._optimizers)
                and are_moved_by_others(self._tensors, self._optimizers)
            ),
            rounded=max((side.rounded[-1] for side in self._sides if side.rounded), default=None),
            others_move=self._others.moved,
            newcomers=newcomers(self._model, self._tensors),
            losses_given=self._losses_given,
            validations=tuple(self._validations),
            ended=self._ended,
            dropped=dict(self._dropped),
            seconds=seconds,
            cost=self._cost,
            rank=self._rank,
            job=None if self._rank is None else _job(),
            versions={"torch": str(torch.__version__), **versions_of(self._optimizers)},
            not_measured=self._reasons(),
            resets=self._resets(),
            proof=self._proof,
        )

    # What others than the loop may be told

    def on_rows(self, rows: Rows) -> None:
        """Called with what was read. For those who build on this."""

    def on_probe(self, probe: Probe) -> None:
        """Called with a probe that is complete."""

    # What the hooks call

    def _attach(self, side: Side) -> None:
        if side.optimizer is None:
            for place, tensor in enumerate(side.tensors):
                if tensor.requires_grad and tensor.is_leaf:
                    catch = self._guarded("a gradient", partial(self._catch, place))
                    self._handles.append(tensor.register_post_accumulate_grad_hook(catch))
            return
        before = self._guarded("a step", partial(self._before, side))
        after = self._guarded("a step", partial(self._after, side))

        def moves(_: Any, args: Any, kwargs: Any) -> None:
            if side.steps % self._every == 0:
                before(_has_closure(args, kwargs))

        def moved(_: Any, args: Any, kwargs: Any) -> None:
            # Between two recorded steps there is nothing to do but to count.
            rests = side.steps % self._every and (side.steps + 1) % self._every
            if rests and not self._prober.waits:
                side.steps += 1
                self.steps = max(self.steps, side.steps)
                self._guarded("steps", self._look)(side)
            else:
                after(_has_closure(args, kwargs))

        self._handles.append(side.optimizer.register_step_pre_hook(moves))
        self._handles.append(side.optimizer.register_step_post_hook(moved))

    def _before(self, side: Side, closure: bool) -> None:
        """The optimizer is about to move. `closure`: it will compute the gradients itself."""
        began = time.perf_counter()
        if side.full:
            self._read()
        self._rates_of(side)
        side.before()
        if not closure:
            self._gradients(side)
        side.measured = True
        self._spend(began)

    def _gradients(self, side: Side, *, moved: bool = False) -> None:
        """The gradients are those that a move uses, or has used where it has `moved`."""
        side.resets.moves(side.steps)
        side.compare()
        self._sample(side, side.steps)
        if side is self._sides[-1]:
            self._guarded("what the gradients say", self._look_at_gradients)(side.steps)
        if not side.is_finite():
            self._look_closer(side, side.steps, moved=moved)

    def _after(self, side: Side, closure: bool) -> None:
        began = time.perf_counter()
        # What failed before the move says nothing after it.
        measured, side.measured = side.measured, False
        try:
            if measured:
                if closure:
                    self._gradients(side, moved=True)
                side.after(side.steps, list(self._rates), self._last, self._spent)
        finally:
            self._end_step(side, began)

    def _end_step(self, side: Side, began: float) -> None:
        step, wanted = side.steps, (side.steps + 1) % self._every == 0
        side.steps += 1
        if side.steps > self.steps:
            self.steps = side.steps
            self._hook.asleep = not wanted
            self._reader.moved()
            if step % self._every == 0:
                self._inputs.moved()
        if wanted or step % self._every == 0:
            side.resets.moved(step, wanted=wanted)
        for other in self._sides:
            if other is not side:
                other.resets.others_moved()
        if self._own is not None and side is self._sides[-1]:
            if step % self._every == 0:
                self._own_gradients[step] = self._own.share()
            self._own.moved(wanted=wanted)
        if self._prober.waits and side is self._sides[-1]:
            self._complete_probe()
        self._look(side)
        if self._kept is not None:
            self._kept.moved()
        self._spend(began)
        self._last, self._spent = time.perf_counter(), 0.0

    def _look(self, side: Side) -> None:
        """Read what waits, where it has waited long: a process may be killed at any time."""
        # Of several optimizers all have moved when the last has.
        if side is self._sides[-1] and time.perf_counter() - self._looked >= _LOOK:
            self._read()

    def _mark(self, loss: Any) -> None:
        """A step of a loop without an optimizer has ended."""
        began = time.perf_counter()
        if loss is not None and self.steps % self._every == 0:
            self._take_loss(loss)
        (side,) = self._sides
        gradients = [self._caught.get(place) for place in range(len(side.tensors))]
        self._caught.clear()
        try:
            if side.steps % self._every == 0:
                if side.full:
                    self._read()
                side.moved(side.steps, gradients, self._last, self._spent)
                if not side.is_finite():
                    self._look_closer(side, side.steps, moved=True)
        finally:
            self._end_step(side, began)

    def _catch(self, place: int, tensor: torch.Tensor) -> None:
        if tensor.grad is not None:
            self._caught[place] = tensor.grad.detach().clone()

    def _begins(self, *_: Any) -> None:
        if self._kept is not None and not self._probing:
            self._kept.begins()

    def _take_input(self, batch: torch.Tensor, args: Any, kwargs: Any) -> None:
        if self._probing:
            return
        began = time.perf_counter()
        self._inputs.take(batch)
        self._reader.takes(self.steps, args, kwargs, batch)
        if self._activations is not None and _is_due(self.steps, SAMPLE_EVERY, self._every):
            self._activations.arm()
        self._spend(began)

    def _take_loss(self, loss: Any) -> None:
        if isinstance(loss, torch.Tensor):
            loss = loss.detach()
            self._losses[self.steps] = loss if loss.dim() == 0 else loss.float().mean()
        else:
            self._losses[self.steps] = float(loss)

    def _read_loss(self, loss: torch.Tensor) -> None:
        began = time.perf_counter()
        self._reader.loss(self.steps, loss)
        self._spend(began)

    def _look_at_gradients(self, step: int) -> None:
        with self._apart():
            self._reader.moves(step)

    def _take_validation(self, loss: Any) -> None:
        value = float(loss.detach()) if isinstance(loss, torch.Tensor) else float(loss)
        self._validations.append(Validation(self.steps, value))

    def _probe(self, closure: Closure) -> None:
        began = time.perf_counter()
        if self._prober.refused() is not None:
            return
        self._others.look()
        with self._apart():
            self._prober.measure(self.steps, closure)
        self._spend(began)

    def _complete_probe(self) -> None:
        with self._apart():
            probe = self._prober.complete()
        if probe is not None:
            self.on_probe(probe)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Passes through the model do not count in here."""
        self._probing = True
        hooks = [self._own, self._others, *(side.resets for side in self._sides)]
        for hook in hooks:
            if hook is not None:
                hook.paused = True
        try:
            yield
        finally:
            self._probing = False
            for hook in hooks:
                if hook is not None:
                    hook.paused = False

    def _resets(self) -> ResetFacts:
        """Of the optimizer with the most to say."""
        return max(
            (side.resets.facts() for side in self._sides),
            key=lambda facts: (
                facts.not_reset + facts.emptied + facts.between + facts.skipped + facts.elsewhere,
                facts.steps,
            ),
        )

    def _sample(self, side: Side, step: int) -> None:
        if self._activations is not None and side is self._sides[0]:
            self._activations.take(step)
        if side is self._sides[-1] and _is_due(step, HISTOGRAM_EVERY, self._every):
            self._histograms.take(step, self._tensors)

    def _rates_of(self, side: Side) -> None:
        """The learning rates as they are now, at the places of this optimizer's groups."""
        first = 0
        for other in self._sides:
            rates = other.rates()
            if other is side:
                self._rates[first : first + len(rates)] = rates
            first += len(rates)

    def _look_closer(self, side: Side, step: int, *, moved: bool) -> None:
        """A number was not finite: which tensors, how many entries, and where it began.

        Weights that are not finite before a move were lost in the one before.
        """
        first, lost = True, False
        for place, tensor in zip(side.places.tolist(), side.tensors, strict=True):
            if self._recorder.is_lost(place):
                first = False
                continue
            gradient = tensor.grad
            bad = 0 if gradient is None or gradient.is_sparse else _bad(gradient)
            weights = _bad(tensor.detach())
            if weights and (not moved or not bad):
                lost = True
                self._recorder.lose(place, step, "weights", weights)
            elif bad:
                self._recorder.lose(place, step, "gradient", bad)
        self._inputs.look_for_loss(step)
        if not first or self._inputs.lost_at is not None:
            return
        with self._apart():
            if lost and step:
                self._guarded("where a number was lost", self._reader.lost_in_the_move)(step - 1)
            elif lost:
                return  # the weights were so from the beginning
            elif any(self._recorder.is_lost(place) for place in side.places.tolist()):
                self._guarded("where a number was lost", self._reader.lost)(step)

    def _read(self) -> None:
        """Read the rows that wait, of all optimizers, and let the recorder have them."""
        self._looked = time.perf_counter()
        if not any(side.waiting for side in self._sides):
            return
        losses, self._losses = self._losses, {}
        own, self._own_gradients = self._own_gradients, {}
        parts = [(side, *side.read()) for side in self._sides if side.waiting]
        steps = np.unique(np.concatenate([step for _, step, *_ in parts]))
        count, tensors, groups = len(steps), len(self._tensors), max(len(self._groups), 1)
        found = {
            name: np.full((count, tensors), math.nan)
            for name in ("weight", "gradient", "update", "error", "turn")
        }
        absent, seen = (np.zeros((count, tensors), dtype=bool) for _ in range(2))
        lr = np.full((count, groups), math.nan)
        overall, seconds, cost = np.full(count, math.nan), np.zeros(count), np.zeros(count)
        for side, step, measured, rates, took, spent in parts:
            rows = np.searchsorted(steps, step)
            where = np.ix_(rows, side.places)
            for name, values in found.items():
                values[where] = getattr(measured, name)
            absent[where], seen[where] = measured.absent, True
            # A group that is added on the way has no column of its own.
            acting = [acted(rate, measured, row)[:groups] for row, rate in enumerate(rates)]
            for row, found_rates in zip(rows, acting, strict=True):
                lr[row, : len(found_rates)] = found_rates
            overall[rows] = measured.overall_turn
            seconds[rows] += took
            cost[rows] += spent
        rows_read = Rows(
            step=steps,
            loss=_numbers(losses, steps.tolist()),
            given=np.array([step in losses for step in steps.tolist()], dtype=bool),
            lr=lr,
            absent=absent,
            measured=seen,
            overall_turn=overall,
            own_gradient=_numbers(own, steps.tolist()),
            seconds=seconds,
            cost=cost,
            **found,
        )
        self._recorder.add(rows_read)
        # A loss that was given for a step which has not ended waits for it.
        last = int(steps[-1])
        self._losses |= {step: loss for step, loss in losses.items() if step > last}
        self.on_rows(rows_read)

    def _reasons(self) -> dict[str, str]:
        reasons = {}
        if not self._recorder.losses().count:
            reasons["loss"] = (
                "no step was taken, so no loss belongs to one"
                if self._losses_given
                else "it was not given; watch.loss(loss) records it"
            )
        if not self._prober.probes:
            reasons["probes"] = (
                self._prober.refused()
                or "no closure was given; watch.probe(closure) measures the curvature"
            )
        if self._activations is None or not self._activations.samples:
            reasons["activations"] = (
                "a compiled model shows none" if _is_compiled(self._model) else "no pass was seen"
            )
        if self._proof is None and (self._kept is not None or self._not_proven):
            reasons["proof"] = self._not_proven or "watch.prove(seconds=30) was not called"
        if self._reader.not_mixed:
            reasons["mixing"] = self._reader.not_mixed
        if not self._validations:
            reasons["validation"] = "none was given; watch.validation(loss) records it"
        return reasons

    def _spend(self, since: float) -> None:
        spent = time.perf_counter() - since
        self._cost += spent
        self._spent += spent

    def _guarded(self, what: str, function: Callable[..., None]) -> Callable[..., None]:
        """The function, made so that it never raises: what failed is counted and said once."""

        def call(*arguments: Any) -> None:
            # A process that was forked off has copies of the hooks, and no part in this. Inside of
            # torch.func's transforms tensors stand for others, and may not be kept.
            if os.getpid() != self._process or is_transformed() is not None:
                return
            try:
                function(*arguments)
            except Exception as error:
                self.drop(what, error)

        return call

    def drop(self, what: str, error: BaseException) -> None:
        """Count what could not be recorded, and say so the first time."""
        self._dropped[what] += 1
        if self._dropped[what] == 1:
            _log.warning(
                "Steepest could not record %s, and the training goes on: %s: %s",
                what,
                type(error).__name__,
                error,
            )


def _has_closure(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an optimizer's step was given one; the first argument is the optimizer."""
    return callable(args[1] if len(args) > 1 else kwargs.get("closure"))


def acted(rates: list[float], measured: Any, row: int) -> list[float]:
    """The learning rates; without an optimizer, the length of the move over the gradient's."""
    if rates:
        return rates
    gradient = float(np.sqrt(np.nansum(measured.gradient[row] ** 2)))
    return [
        float(np.sqrt(np.nansum(measured.update[row] ** 2))) / gradient if gradient else math.nan
    ]


def _numbers(losses: dict[int, torch.Tensor | float], steps: Iterable[int]) -> Vector:
    """The losses of these steps, fetched together; NaN where none was given."""
    given = {step: losses[step] for step in steps if step in losses}
    tensors = [loss for loss in given.values() if isinstance(loss, torch.Tensor)]
    fetched = iter(torch.stack(tensors).tolist() if tensors else [])
    values = {
        step: next(fetched) if isinstance(loss, torch.Tensor) else loss
        for step, loss in given.items()
    }
    return np.array([values.get(step, math.nan) for step in steps], dtype=np.float64)


def _is_due(step: int, every: int, recorded: int) -> bool:
    """Whether this step is one to look at: the first, the tenth, and then every so many."""
    if step % every < recorded:
        return True
    return 10 <= step < 10 + recorded


def _bad(tensor: torch.Tensor) -> int:
    return int((~torch.isfinite(tensor)).sum())


def _is_compiled(model: nn.Module | None) -> bool:
    return model is not None and (
        type(model).__name__ == "OptimizedModule"
        or any(
            getattr(module, "_compiled_call_impl", None) is not None for module in model.modules()
        )
    )


def _rank() -> int | None:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    return None


def _job() -> str:
    """What the processes of one training share, and what torchrun and its like tell them."""
    names = ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")
    return "/".join(os.environ.get(name, "") for name in names)
