"""What a terminal shows of a network that was trained, from a record made by hand.

`STEEPEST_SNAPSHOTS=write python -m pytest tests/show/terminal` writes the snapshots anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.show.terminal.lines import too_long

from steepest.records.training import (
    Epoch,
    GradientExplained,
    Group,
    LayerGradient,
    Learned,
    LossFacts,
    Probe,
    RowPull,
    Tensor,
    TensorFacts,
    TrainingRecord,
    TrainingTrace,
    Validation,
)
from steepest.records.verdict import Finding, Remedy, Verdict
from steepest.show.terminal import TrainingReport, plain

SNAPSHOTS = Path(__file__).parent / "snapshots"

SHAPES = {"W1": (4, 6), "b1": (4,), "W2": (3, 4), "b2": (3,)}
STEPS = 40


def trace() -> TrainingTrace:
    steps = np.arange(STEPS)
    lengths = np.outer(0.9**steps, np.ones(len(SHAPES)))
    none = np.full(STEPS, np.nan)
    return TrainingTrace(
        step=steps,
        loss=np.asarray(1.2 * 0.93**steps, dtype=np.float64),
        lr=np.full((STEPS, 1), 0.05),
        weight=np.ones_like(lengths),
        gradient=lengths,
        update=0.05 * lengths,
        turn=np.full_like(lengths, np.nan),
        overall_turn=none,
        own_gradient=none,
        seconds=none,
        cost=np.zeros(STEPS),
    )


def epochs() -> tuple[Epoch, ...]:
    """Twenty, of which the twelfth is the best."""
    return tuple(
        Epoch(
            number=number,
            step=2 * number,
            loss=1.1 * 0.87**number,
            lr=0.05,
            accuracy=1 - 0.6 * 0.87**number,
            validation_loss=0.3 + 0.004 * (number - 12) ** 2,
            validation_accuracy=0.9 - 0.002 * abs(number - 12),
        )
        for number in range(1, 21)
    )


def explained() -> GradientExplained:
    ring = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    return GradientExplained(
        step=STEPS,
        loss=0.0721,
        rows=16,
        tensors=tuple(
            LayerGradient(name, shape, 1.25 + place, 0.3 / (place + 1), 0.015 / (place + 1))
            for place, (name, shape) in enumerate(SHAPES.items())
        ),
        passes=(("inputs", (16, 6), 7.1, float("nan")), ("loss: cross-entropy", (), 0.0721, 1.0)),
        pulls=(
            RowPull(row=1042, target=0, output=1, loss=1.93, pull=2.4, length=2.6),
            RowPull(row=7, target=2, output=2, loss=0.21, pull=-0.3, length=0.8),
        ),
        units=(2, 0),
        unit_weights=np.stack([np.linspace(-1, 1, 6), ring]),
        unit_gradients=np.stack([-ring, ring]),
        pictures=np.stack([ring, ring]),
    )


def network() -> TrainingRecord:
    """A classifier of three classes with rows held out, stopped by its patience."""
    learned = Learned(
        network="6-4-relu-3",
        loss="cross-entropy",
        optimizer="momentum",
        momentum=0.9,
        lr=0.05,
        lr_chosen="the one with the lowest loss of 16 from 0.0001 to 0.3, after 64 steps",
        schedule="cosine",
        batch_rows=16,
        seed=0,
        source="shapes.csv",
        target="shape",
        inputs=("r0c0", "r0c1", "r0c2", "r1c0", "r1c1", "r1c2"),
        rows=80,
        held_out=20,
        left_out=2,
        classes=("disc", "ring", "star"),
        picture=(2, 3),
        channels=1,
        kind="table",
        stopped="patience",
        stopped_why="The validation loss has not fallen for 8 epochs.",
        epochs=epochs(),
        weights=tuple(np.ones(shape) for shape in SHAPES.values()),
        shift=np.zeros(6),
        scale=np.full(6, 2.0),
        best=12,
        metrics={"loss": 0.3, "accuracy": 0.9},
        confusion=np.array([[7, 1, 0], [0, 6, 0], [1, 0, 5]]),
        wrong=np.array([[3, 0, 1], [17, 2, 0]]),
        explained=explained(),
    )
    remedy = Remedy(
        change="lr",
        sentence="A learning rate of 0.5 gets in 3 steps to the loss that this one had after 40.",
        command="steepest train shapes.csv --network 6-4-relu-3 --target shape --lr 0.5 --steps 4",
        python="steepest.train('shapes.csv', '6-4-relu-3', target='shape', lr=0.5, steps=4)",
        predicted_steps=None,
        measured_steps=3,
        measured_loss=0.0653,
        reached=True,
        options={},
    )
    finding = Finding(
        "SD601",
        "warning",
        "Overfitting: the validation loss was lowest, 0.3, at step 24, and has risen to 0.556, "
        "while the training loss fell on.",
        {},
    )
    return TrainingRecord(
        version="0.1.0",
        model="6-4-relu-3",
        tensors=tuple(
            Tensor(name, f"layer {name[1]}", "Linear", shape, group=0)
            for name, shape in SHAPES.items()
        ),
        groups=(Group("momentum", "momentum", 0.9),),
        trace=trace(),
        facts=tuple(TensorFacts(0, 0, STEPS) for _ in SHAPES),
        steps=STEPS,
        every=1,
        losses=LossFacts(STEPS, 1.2, 1.1, 0.0708, 39, 0.0712),
        probes=(
            Probe(
                step=35,
                loss=0.1,
                largest=31.5,
                largest_residual=2e-5,
                limit=0.1206,
                factors=(0.0, 0.25, 0.5, 1.0, 2.0, 4.0),
                losses=(0.1003, 0.0961, 0.0924, 0.0871, 0.0905, 0.2318),
            ),
        ),
        validations=tuple(Validation(e.step, e.validation_loss or 0.0) for e in epochs()),
        ended="closed",
        seconds=2.0,
        cost=0.5,
        verdict=Verdict("too small", finding.sentence, (finding,)),
        learned=learned,
        remedies=(remedy,),
    )


def of_numbers() -> TrainingRecord:
    """A network that predicts a number, judged on the rows it learned from."""
    record = network()
    assert record.learned is not None
    assert record.learned.explained is not None
    learned = replace(
        record.learned,
        loss="mse",
        target="price",
        classes=None,
        confusion=None,
        wrong=None,
        picture=None,
        momentum=None,
        optimizer="gd",
        lr_chosen="given",
        schedule="constant",
        held_out=0,
        left_out=0,
        best=None,
        scale=np.ones(6),
        epochs=tuple(
            replace(epoch, accuracy=None, validation_loss=None, validation_accuracy=None)
            for epoch in record.learned.epochs[:3]
        ),
        metrics={"loss": 0.64, "rmse": 0.8, "mae": 0.61, "r_squared": 0.913},
        explained=replace(
            record.learned.explained,
            pulls=(RowPull(row=3, target=12.5, output=9.25, loss=10.56, pull=3.1, length=3.3),),
        ),
        stopped="step limit",
        stopped_why="The limit of 40 steps was reached.",
    )
    verdict = Verdict("just right", "The learning rate is just right.", ())
    return replace(record, learned=learned, verdict=verdict, validations=(), remedies=())


CASES = {
    "network": (network, False),
    "network-ascii": (network, True),
    "network-of-numbers": (of_numbers, False),
}


@pytest.mark.parametrize("name", CASES)
def test_the_page_reads_as_it_was_approved(name: str) -> None:
    make, ascii_only = CASES[name]
    shown = plain(TrainingReport(make()), ascii_only=ascii_only)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("STEEPEST_SNAPSHOTS") == "write":
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert shown.isascii() or not ascii_only


def test_no_row_pulls_where_the_gradient_is_zero() -> None:
    record = network()
    assert record.learned is not None
    assert record.learned.explained is not None
    found = record.learned.explained
    level = replace(
        found,
        tensors=tuple(replace(tensor, gradient=0.0) for tensor in found.tensors),
        pulls=tuple(replace(pull, pull=0.0) for pull in found.pulls),
        unit_gradients=np.zeros_like(found.unit_gradients),
    )
    shown = plain(TrainingReport(replace(record, learned=replace(record.learned, explained=level))))
    assert "No row of it pulls at any weight." in shown
    assert "pull hardest" not in shown
    assert "pulls hardest" not in shown
    assert "not a number" not in shown


def test_the_last_weights_are_told_where_more_is_right_with_them() -> None:
    record = network()
    assert record.learned is not None
    *before, last = record.learned.epochs
    for share, told in ((0.95, True), (0.85, False)):
        epochs = (*before, replace(last, validation_accuracy=share))
        learned = replace(record.learned, epochs=epochs)
        shown = " ".join(plain(TrainingReport(replace(record, learned=learned))).split())
        assert ("lowest; 95 % with those of the last epoch" in shown) == told


def with_classes(*names: str) -> TrainingRecord:
    record, many = network(), len(names)
    assert record.learned is not None
    table = np.diag(np.full(many, 9))
    table[0, 1], table[1, 2] = 4, 1
    return replace(record, learned=replace(record.learned, classes=names, confusion=table))


@pytest.mark.parametrize("width", [20, 40, 80])
def test_many_classes_fit_or_are_told_by_their_mistakes(width: int) -> None:
    for many in (3, 10, 11, 40):
        shown = plain(
            TrainingReport(with_classes(*(f"c{place}" for place in range(many)))), width=width
        )
        assert not too_long(shown, width)
        assert ("across what the network says" in " ".join(shown.split())) == (
            16 + 6 * many <= width
        )
    shown = " ".join(shown.split())
    assert "4 rows of c0 taken for c1" in shown
    assert "1 row of c1 taken for c2" in shown


def test_names_of_classes_neither_style_nor_steer_nor_spread() -> None:
    shown = plain(TrainingReport(with_classes("[bold]\x1b[31m", "b" * 500, "\u202ec")))
    assert not any(c != "\n" and not c.isprintable() for c in shown)
    assert "[bold]" in shown
    assert "is [bold]" in shown
    assert not too_long(shown, 80)
    assert "b" * 39 + "…" in shown
    assert "b" * 40 not in shown
