"""What a training is to do, and on which rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.schedules import learning_rates
from steepest.descent.training import Trainer, Way
from steepest.methods.optimizers import momentum_of
from steepest.methods.options import TRAIN_STEPS, TrainOptions
from steepest.objective.networks import Network, Weights, first_weights, parse_network
from steepest.records.arrays import Vector
from steepest.study.train.rows import Split, check_ends, outputs_of
from steepest.words.errors import DataWarning

Progress = Callable[[str, int, int | None, float | None], None]
"""(phase, done, total or None, loss or None)"""


def no_progress(phase: str, done: int, total: int | None, loss: float | None) -> None:
    """Say nothing."""


SAMPLED: Final = 4096
"""Rows over which many learning rates are compared, drawn once."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done, and on which rows. Nothing in it changes."""

    network: Network
    loss: str
    optimizer: str
    momentum: float | None
    lr: float
    schedule: str
    steps: int
    """Of the schedule, and of the training."""
    batch_rows: int
    shuffle: bool
    seed: int
    patience: int | None
    split: Split

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch, rounded up."""
        return -(-len(self.split.learned) // self.batch_rows)

    @cached_property
    def batches(self) -> Batches:
        """Which rows each step uses."""
        return Batches(len(self.split.learned), self.batch_rows, self.seed, self.shuffle)

    @cached_property
    def trainer(self) -> Trainer:
        """What takes the steps."""
        way = Way(self.network, self.loss, self.optimizer)
        return Trainer(
            way,
            self.momentum,
            jnp.asarray(self.split.learned.inputs),
            jnp.asarray(self.split.learned.targets),
        )

    @cached_property
    def held(self) -> tuple[jax.Array, jax.Array] | None:
        """The inputs and targets that are held out."""
        rows = self.split.held
        return None if rows is None else (jnp.asarray(rows.inputs), jnp.asarray(rows.targets))

    @property
    def in_batches(self) -> bool:
        """Whether a step uses fewer rows than there are, so that its loss is not that of all."""
        return self.batch_rows < len(self.split.learned)

    def whole_loss(self, weights: Weights) -> float:
        """The loss over all rows that are learned from."""
        return self.trainer.judge(weights, self.trainer.inputs, self.trainer.targets)[0]

    def sampled_loss(self, weights: Weights) -> float:
        """The same over SAMPLED of them, where they are more."""
        if len(self.split.learned) <= SAMPLED:
            return self.whole_loss(weights)
        return self.trainer.judge(weights, *self._sample)[0]

    @cached_property
    def _sample(self) -> tuple[jax.Array, jax.Array]:
        rows = np.random.default_rng(self.seed).permutation(len(self.split.learned))[:SAMPLED]
        return self.trainer.inputs[rows], self.trainer.targets[rows]

    def first_weights(self) -> Weights:
        """Before the first step."""
        return first_weights(self.network, self.seed)

    def rates(self, first: int, last: int) -> Vector:
        """Of the steps from `first` to before `last`."""
        return learning_rates(self.schedule, self.lr, self.steps, first, last)

    def epoch_end(self, number: int) -> int:
        """How many steps have been taken when the epoch, counted from 1, has ended."""
        return -(-number * len(self.split.learned) // self.batch_rows)


HIDDEN: Final = "32-relu"
"""Between what goes in and what comes out, where no network is given."""


def with_network(asked: TrainOptions, split: Split) -> TrainOptions:
    """The options, with a network that fits the rows where none is given; a warning says it."""
    if asked.network:
        return asked
    text = f"{split.learned.inputs.shape[1]}-{HIDDEN}-{outputs_of(split.learned)}"
    warnings.warn(
        f"No network was given: {text} is trained, with one hidden layer of 32 units. "
        f"--network {text} says the same, another one changes it.",
        DataWarning,
        stacklevel=3,
    )
    return replace(asked, network=text)


def plan_of(asked: TrainOptions, split: Split) -> Plan:
    """What is to be done. Raises UsageError where the network does not fit the rows."""
    network = parse_network(asked.network)
    check_ends(network, split.learned)
    rows = len(split.learned)
    plan = Plan(
        network=network,
        loss=asked.loss,
        optimizer=asked.optimizer,
        momentum=momentum_of(asked.optimizer, asked.momentum),
        lr=asked.rate or math.nan,
        schedule=asked.schedule,
        steps=0,
        batch_rows=min(asked.batch_size, rows),
        shuffle=asked.shuffle,
        seed=asked.seed,
        patience=asked.patience,
        split=split,
    )
    limits = [
        *([] if asked.epochs is None else [plan.epoch_end(asked.epochs)]),
        *([] if asked.steps is None else [asked.steps]),
    ]
    return replace(plan, steps=min(limits, default=TRAIN_STEPS))
