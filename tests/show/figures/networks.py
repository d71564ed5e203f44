"""Trained networks by hand: a record with everything that the figures of one look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.show.figures.trainings import FACTORS, probe_of, record_of

from steepest.records.training import (
    Epoch,
    GradientExplained,
    LayerGradient,
    Learned,
    LossPlane,
    RowPull,
    TrainingRecord,
    Trial,
)

CLASSES = ("three", "seven")
EPOCHS = (
    Epoch(1, 4, 2.0, 0.1, 0.5, 1.8, 0.5),
    Epoch(2, 8, 1.0, 0.1, 0.75, 0.9, 0.875),
    Epoch(3, 11, 0.5, 0.1, 1.0, 1.2, 0.75),
)
TRIALS = (
    Trial(0.001, 10, 2.0, word="too small"),
    Trial(0.01, 50, 1.0, word="just right"),
    Trial(0.1, 80, 0.25, word="just right"),
    Trial(1.0, 80, 1.5, word="too large"),
    Trial(10.0, 3, float("inf"), word="too large"),
)


def explained_of(inputs: int = 4, **changes: Any) -> GradientExplained:
    """A 4-2-relu-2 network: two rows of 2 × 2 dots, and both units of its first layer."""
    slopes = np.array([[3.0, -4.0], [0.0, 0.5]])
    given = GradientExplained(
        step=11,
        loss=0.5,
        rows=8,
        tensors=(
            LayerGradient("W1", (2, inputs), 2.0, 3.0, 0.3),
            LayerGradient("b1", (2,), 0.5, 4.0, 0.4),
            LayerGradient("W2", (2, 2), 1.0, 12.0, 1.2),
            LayerGradient("b2", (2,), 0.1, 0.0, 0.0),
        ),
        passes=(
            ("inputs", (8, inputs), 9.0, float("nan")),
            (f"layer 1: {inputs} to 2, relu", (8, 2), 6.0, 0.2),
            ("layer 2: 2 to 2", (8, 2), 5.0, 0.05),
            ("loss: cross-entropy", (), 0.5, 1.0),
        ),
        pulls=(
            RowPull(7, 1.0, 0.0, 2.0, 52.0, 60.0),
            RowPull(2, 0.0, 0.0, 0.1, -10.4, 12.0),
        ),
        units=(1, 0),
        unit_weights=np.resize([[1.0, -2.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.0]], (2, inputs)),
        unit_gradients=np.resize(np.hstack([slopes, np.zeros((2, 2))]), (2, inputs)),
        pictures=np.resize([[0.0, 16.0, 8.0, 0.0], [4.0, 0.0, 0.0, 0.0]], (2, inputs)),
    )
    return replace(given, **changes)


def plane_of(**changes: Any) -> LossPlane:
    """A bowl, and a path that comes down into it."""
    axis = np.linspace(-1.0, 1.0, 9)
    given = LossPlane(
        first=axis,
        second=axis,
        losses=0.5 + axis[None, :] ** 2 + axis[:, None] ** 2,
        steps=np.array([0, 4, 10]),
        path=np.array([[-0.8, 0.6], [-0.2, 0.1], [0.0, 0.0]]),
        path_losses=np.array([2.0, 0.8, 0.5]),
        share=0.75,
        rows=100,
    )
    return replace(given, **changes)


def learned_of(**changes: Any) -> Learned:
    """Of 8 rows held out 6 are right; the second of three epochs was the best."""
    given = Learned(
        network="4-2-relu-2",
        loss="cross-entropy",
        optimizer="gd",
        momentum=None,
        lr=0.1,
        lr_chosen="given",
        schedule="constant",
        batch_rows=8,
        seed=0,
        source="digits.csv",
        target="digit",
        inputs=("1x1", "1x2", "2x1", "2x2"),
        rows=30,
        held_out=8,
        left_out=0,
        classes=CLASSES,
        picture=(2, 2),
        channels=1,
        kind="table",
        stopped="step limit",
        stopped_why="11 steps were taken.",
        epochs=EPOCHS,
        weights=(),
        shift=np.zeros(4),
        scale=np.ones(4),
        best=2,
        metrics={"loss": 0.9, "accuracy": 0.875},
        confusion=np.array([[4, 0], [2, 2]]),
        wrong=np.array([[7, 1, 0], [9, 1, 0]]),
        wrong_inputs=np.array([[0.0, 16.0, 8.0, 0.0]]),
        trials=TRIALS,
        explained=explained_of(),
        plane=plane_of(),
    )
    return replace(given, **changes)


def network_of(learned: Learned | None = None, **changes: Any) -> TrainingRecord:
    """Eleven steps of that network, with a probe at the first."""
    losses = [2.0 * 0.9**step for step in range(11)]
    probe = probe_of(0, [2.0, 1.9, 1.8, 1.7, 1.6, 1.9], limit=0.5)
    assert len(probe.losses) == len(FACTORS)
    return record_of(losses, probes=(probe,), learned=learned or learned_of(), **changes)
