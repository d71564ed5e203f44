"""The course of a training: its steps, epoch by epoch, with what is noted on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.optimizers import preconditioner
from steepest.descent.training import CHUNK, Stand, Written
from steepest.descent.training_recorder import Recorder, Rows
from steepest.measure.network_probe import Point, backward_values, probe
from steepest.methods.losses import LOSS
from steepest.methods.optimizers import stability_factor
from steepest.objective.networks import Weights
from steepest.records.arrays import Vector
from steepest.records.choices import Stopped
from steepest.records.training import (
    Activation,
    Epoch,
    Probe,
    Standstill,
    TrainingTrace,
    Validation,
    no_steps,
)
from steepest.study.train.budget import Budget, Pace
from steepest.study.train.plan import Plan, Progress
from steepest.words.errors import StoreError
from steepest.words.wording import count

PROBES: Final = 8
"""In a training, evenly spaced."""

CURVED: Final = 2_000_000
"""Weights up to which the curvature is measured."""

SAMPLES: Final = 40
"""Times, at most, that the layers' values are looked at: at the ends of epochs."""

LOOKED_AT: Final = 512
"""Rows that are looked at then."""

PLACES: Final = 32
"""On the path, at most, at which the weights are noted."""

PATHS: Final = 1_000_000
"""Weights up to which they are."""

PATH_NUMBERS: Final = 4_000_000
"""In all these places, at most; but four of them there are."""

SATURATED: Final = 0.01
"""So near to its ends a sigmoid or tanh is said to be saturated."""

Save = Callable[["Course"], None]

KINDS: Final = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "softplus": "Softplus",
                "gelu": "GELU", "silu": "SiLU"}  # fmt: skip
"""What PyTorch calls the activations."""


@dataclass
class Course:
    """A training while it goes on."""

    plan: Plan
    stand: Stand
    bare: bool = False
    """Whether it is run only to see where it ends: the same steps, without probes and pictures."""
    step: int = 0
    recorder: Recorder = field(init=False)
    lengths: Vector = field(init=False)
    """(t,): of the last gradient."""
    every_loss: list[float] = field(default_factory=list)
    """Of each step, where it is bare. The recorder keeps only some of many."""
    epochs: list[Epoch] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    path: dict[int, Vector] = field(default_factory=dict)
    """Step -> the weights there (p,), at the ends of every `path_every`-th epoch."""
    path_every: int = 1
    best: Weights | None = None
    best_loss: float = math.inf
    since: int = 0
    """Epochs since the best one."""
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the epoch that has begun: losses, rows that were right, batches."""
    stopped: Stopped = "interrupted"
    stopped_why: str = "It has not ended."
    seconds: float = 0.0
    probing: float = 0.0
    """Of these, the seconds that went into probes."""

    def __post_init__(self) -> None:
        self.recorder = Recorder(len(self.plan.network.names), 1)
        self.lengths = np.full(len(self.plan.network.names), np.nan)

    @classmethod
    def begin(cls, plan: Plan, *, bare: bool = False) -> Course:
        """Before the first step."""
        return cls(plan, plan.trainer.begin(plan.first_weights()), bare)

    @property
    def best_epoch(self) -> Epoch | None:
        """The one with the lowest validation loss; None without rows held out."""
        judged = [epoch for epoch in self.epochs if epoch.validation_loss is not None]
        finite = [epoch for epoch in judged if math.isfinite(epoch.validation_loss or 0.0)]
        return min(finite, key=lambda epoch: epoch.validation_loss or 0.0, default=None)

    @property
    def weights(self) -> Weights:
        """Those of the best epoch where rows are held out, else where it stands."""
        return self.stand.weights if self.best is None else self.best

    @property
    def trace(self) -> TrainingTrace:
        """The recorded steps."""
        found = self.recorder.trace()
        return no_steps(len(self.plan.network.names)) if found is None else found

    def run(self, progress: Progress, save: Save, budget: Budget) -> None:
        """Take the steps until one of the reasons to stop."""
        began = time.perf_counter() - self.seconds
        plan, pace = self.plan, Pace(budget, 4 * CHUNK)
        try:
            if self.step == 0 and not self.validations:
                self._validate()
            if self.step == 0:
                self._note_path()
            # It may have been interrupted when the last step of an epoch was taken.
            if self._is_epoch_end() and self._end_epoch():
                return
            if self.step < plan.steps and self._is_due():
                self._probe(budget)  # compiles, and moves nothing: the clock is for the steps
            budget.begin()
            while self.step < plan.steps:
                if self._is_due():
                    self._probe(budget)
                stop = self._next_stop(pace.steps)
                pace.took(stop - self.step, self._advance(stop))
                self.seconds = time.perf_counter() - began
                progress("training", self.step, plan.steps, self._latest)
                if self.recorder.losses().lost_at is not None:
                    where = count(self.recorder.losses().lost_at or 0)
                    self._end("diverged", f"The loss is no finite number at step {where}.")
                    return
                if self._is_epoch_end() and self._end_epoch():
                    return
                if budget.is_spent:
                    why = f"The time limit of {budget.limit:g} seconds was reached."
                    self._end("time limit", why)
                    return
                save(self)
            self._end("step limit", f"The limit of {count(plan.steps, 'step')} was reached.")
        except KeyboardInterrupt:
            self._end("interrupted", f"It was interrupted after {count(self.step, 'step')}.")
        finally:
            self.seconds = time.perf_counter() - began

    def standstill(self, fingerprint: str) -> Standstill:
        """Everything that is needed to go on from here."""
        return Standstill(
            step=self.step,
            steps=self.plan.steps,
            arrays=tuple(np.asarray(leaf) for leaf in jax.tree.leaves(self.stand)),
            lengths=self.lengths,
            seen=self.recorder.seen(),
            sums=self.sums,
            best=tuple(np.asarray(leaf) for leaf in jax.tree.leaves(self.best)),
            best_loss=self.best_loss,
            since=self.since,
            seconds=self.seconds,
            fingerprint=fingerprint,
            path=np.stack(list(self.path.values())) if self.path else None,
            path_steps=tuple(self.path),
            path_every=self.path_every,
        )

    def go_on(self, kept: Standstill) -> None:
        """Stand where another course stood. Raises StoreError where it was of another network."""
        self.stand = _put(self.stand, kept.arrays)
        if kept.best:
            self.best = _put(self.stand.weights, kept.best)
        if kept.seen is not None:
            self.recorder = Recorder.going_on(kept.seen)
        self.lengths = kept.lengths
        self.step, self.sums, self.seconds = kept.step, kept.sums, kept.seconds
        self.best_loss, self.since = kept.best_loss, kept.since
        if kept.path is not None:
            self.path = dict(zip(kept.path_steps, kept.path, strict=True))
            self.path_every = kept.path_every

    # The parts of a step

    @property
    def _latest(self) -> float | None:
        trace = self.recorder.trace()
        return None if trace is None or not len(trace) else float(trace.loss[-1])

    @property
    def _probe_every(self) -> int:
        return max(1, self.plan.steps // PROBES)

    def _is_due(self) -> bool:
        if self.bare or self.step % self._probe_every:
            return False
        return not any(done.step == self.step for done in self.probes)

    def _next_stop(self, most: int) -> int:
        """The step before which something else is to be done, `most` further at most."""
        due = (self.step // self._probe_every + 1) * self._probe_every
        end = self.plan.epoch_end(len(self.epochs) + 1)
        return min(self.plan.steps, due, end, self.step + most)

    def _is_epoch_end(self) -> bool:
        return self.step >= self.plan.epoch_end(len(self.epochs) + 1)

    def _advance(self, stop: int) -> float:
        """Take the steps to before `stop`; the seconds that they took."""
        first, plan = self.step, self.plan
        rates = plan.rates(first, stop)
        began = time.perf_counter()
        batches = plan.batches.take(first, stop - first)
        self.stand, written = plan.trainer.steps(self.stand, batches, rates)
        seconds = time.perf_counter() - began
        self.recorder.add(_rows(first, self.lengths, written, rates, seconds / (stop - first)))
        if self.bare:
            self.every_loss += written.loss.tolist()
        self.lengths = written.gradient[-1]
        loss, right, number = self.sums
        for one in written.loss.tolist():  # one by one, so that it does not matter where it stops
            loss += one
        self.sums = (loss, right + float(written.correct.sum()), number + len(written.loss))
        self.step = stop
        return seconds

    def _probe(self, budget: Budget) -> None:
        """Measure on the batch of the next step, and see what that step would do."""
        plan, began = self.plan, time.perf_counter()
        batch = plan.batches.take(self.step, 1)
        rates = plan.rates(self.step, self.step + 1)
        moved, _ = plan.trainer.steps(self.stand, batch, rates)
        change = jax.tree.map(
            lambda new, old: np.asarray(new) - np.asarray(old), moved.weights, self.stand.weights
        )
        rows = plan.split.learned
        point = Point(
            plan.network,
            plan.loss,
            self.stand.weights,
            rows.inputs[batch[0]],
            rows.targets[batch[0]],
        )
        # Of an adaptive optimizer the scale is known after its first step.
        scaling = preconditioner(plan.optimizer, moved.slots)
        self.probes.append(
            probe(
                point,
                self.step,
                change,
                scaling,
                stability_factor(plan.optimizer, plan.momentum),
                curved=plan.network.size <= CURVED,
                seconds=min(budget.left, (budget.limit or math.inf) / PROBES),
            )
        )
        self.probing += time.perf_counter() - began

    def _end_epoch(self) -> bool:
        """Note the epoch that has ended. True where the training ends with it."""
        loss, right, number = self.sums
        rows = number * self.plan.batch_rows
        classes = LOSS[self.plan.loss].of_classes
        validation = self._validate()
        self.epochs.append(
            Epoch(
                number=len(self.epochs) + 1,
                step=self.step,
                loss=loss / number,
                lr=float(self.plan.rates(self.step - 1, self.step)[0]),
                accuracy=right / rows if classes else None,
                validation_loss=None if validation is None else validation[0],
                validation_accuracy=None if validation is None else validation[1],
            )
        )
        self.sums = (0.0, 0.0, 0.0)
        is_over = validation is not None and self._is_over(validation[0])
        # What may be interrupted comes last.
        self._note_path()
        self._look_at_layers()
        return is_over

    def _is_over(self, loss: float) -> bool:
        """Note the validation loss of an epoch. True where patience ends with it."""
        if loss < self.best_loss:
            self.best, self.best_loss, self.since = self.stand.weights, loss, 0
        else:
            self.since += 1
        patience = self.plan.patience
        if patience is not None and self.since >= patience:
            self._end(
                "patience",
                f"The validation loss has not fallen for {count(patience, 'epoch')}.",
            )
            return True
        return False

    def _validate(self) -> tuple[float, float | None] | None:
        if self.plan.held is None:
            return None
        found = self.plan.trainer.judge(self.stand.weights, *self.plan.held)
        self.validations.append(Validation(self.step, found[0]))
        return found

    def _note_path(self) -> None:
        size = self.plan.network.size
        if self.bare or size > PATHS or len(self.epochs) % self.path_every:
            return
        leaves = jax.tree.leaves(self.stand.weights)
        self.path[self.step] = np.concatenate([np.ravel(leaf) for leaf in leaves])
        if len(self.path) > max(4, min(PLACES, PATH_NUMBERS // size)):
            self.path = dict(list(self.path.items())[::2])
            self.path_every *= 2

    def _look_at_layers(self) -> None:
        every = max(1, -(-self.plan.steps // self.plan.per_epoch) // SAMPLES)
        if self.bare or len(self.epochs) % every:
            return
        plan, learned = self.plan, self.plan.split.learned
        rows = learned.inputs[:LOOKED_AT], learned.targets[:LOOKED_AT]
        values, _ = backward_values(Point(plan.network, plan.loss, self.stand.weights, *rows))
        for place, (layer, out) in enumerate(zip(plan.network.layers, values, strict=True), 1):
            if layer.activation is None:
                continue
            low = -1.0 if layer.activation == "tanh" else 0.0
            ends = layer.activation in ("sigmoid", "tanh")
            self.activations.append(
                Activation(
                    step=self.step,
                    layer=f"layer {place}",
                    kind=KINDS[layer.activation],
                    mean=float(out.mean()),
                    deviation=float(out.std()),
                    zeros=float((out == 0).mean()),
                    dead=float((out == 0).all(axis=0).mean()),
                    saturated=float(((out < low + SATURATED) | (out > 1 - SATURATED)).mean())
                    if ends
                    else None,
                )
            )

    def _end(self, stopped: Stopped, why: str) -> None:
        self.stopped, self.stopped_why = stopped, why


def _rows(first: int, before: Vector, written: Written, rates: Vector, seconds: float) -> Rows:
    """The steps from `first` on; `before` (t,) are the lengths of the gradient before them."""
    steps = len(written.loss)
    lasts = np.vstack([before, written.gradient[:-1]])
    with np.errstate(all="ignore"):
        turn = written.product / (written.gradient * lasts)
        whole = np.linalg.norm(written.gradient, axis=1) * np.linalg.norm(lasts, axis=1)
        overall = written.product.sum(1) / whole
    return Rows(
        step=np.arange(first, first + steps, dtype=np.int64),
        loss=written.loss,
        given=np.ones(steps, dtype=bool),
        lr=rates[:, None],
        weight=written.weight,
        gradient=written.gradient,
        absent=np.zeros(written.gradient.shape, dtype=bool),
        measured=np.ones(written.gradient.shape, dtype=bool),
        update=written.update,
        error=np.zeros(written.gradient.shape),
        turn=np.where(np.isfinite(turn), turn, np.nan),
        overall_turn=np.where(np.isfinite(overall), overall, np.nan),
        own_gradient=np.full(steps, np.nan),
        seconds=np.full(steps, seconds),
        cost=np.zeros(steps),
    )


def _put(like: Any, leaves: tuple[Any, ...]) -> Any:
    """The tree of the same form with these leaves."""
    wanted, form = jax.tree.flatten(like)
    if [np.shape(leaf) for leaf in wanted] != [np.shape(leaf) for leaf in leaves]:
        raise StoreError("The kept training cannot be gone on with: its numbers do not fit it.")
    typed = [jnp.asarray(leaf, old.dtype) for leaf, old in zip(leaves, wanted, strict=True)]
    return jax.tree.unflatten(form, typed)
