"""The figures of a training, from records by hand: what they say and what they hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.show.figures.trainings import FACTORS, probe_of, record_of

from steepest.records.autograd import AutogradGraph, AutogradNode, ParameterGradient
from steepest.records.document import to_json
from steepest.records.training import TrainingRecord, Validation
from steepest.records.verdict import Finding
from steepest.run.training import TrainingRun
from steepest.show.figures import (
    autograd_figure,
    fan_figure,
    layers_figure,
    training_board,
    training_figure,
    training_frames,
)
from steepest.show.figures.figure import Figure
from steepest.show.figures.layers import MOST_COLUMNS, MOST_ROWS
from steepest.show.figures.training import MOST_FRAMES, MOST_POINTS
from steepest.words.errors import UsageError

NAN, INF = math.nan, math.inf
FALLING = [2.0 * 0.9**step for step in range(11)]


def training(record: TrainingRecord) -> Figure:
    return training_figure(training_frames(record), record)


def layers(record: TrainingRecord, of: Any = "update ratio") -> Figure:
    found = layers_figure(training_frames(record), record, of)
    assert isinstance(found, Figure)
    return found


def fan(record: TrainingRecord) -> Figure:
    found = fan_figure(training_frames(record), record)
    assert isinstance(found, Figure)
    return found


PROBED = (probe_of(8, [1.0, 0.95, 0.9, 0.8, 0.7, 0.9], limit=0.4),)
TITLES = [
    pytest.param(FALLING, {}, "The loss falls from 2 to 0.697 in 11 steps.", id="falls"),
    pytest.param(FALLING[::-1], {}, "The loss grows from 0.697 to 2 in 11 steps.", id="grows"),
    pytest.param([1.0, 1.0, 1.0], {}, "The loss is 1 at the start and after 3 steps.", id="stays"),
    pytest.param([], {}, "No step was taken yet.", id="nothing yet"),
    pytest.param([NAN] * 4, {}, "No loss was given in 4 steps.", id="no loss"),
    pytest.param(
        [2.0, 1.0, 4.0, INF, NAN],
        {},
        "The loss is not finite from step 3 on; its lowest was 1, at step 1.",
        id="lost",
    ),
    pytest.param(
        FALLING,
        {"probes": PROBED},
        "The loss falls from 2 to 0.697 in 11 steps; the learning rate 0.1 is 25 % of the limit "
        "0.4 measured at step 8.",
        id="below the limit",
    ),
    pytest.param(
        FALLING,
        {"probes": PROBED, "lr": 0.8},
        "The loss falls from 2 to 0.697 in 11 steps; the learning rate 0.8 is 2 times the limit "
        "0.4 measured at step 8.",
        id="above the limit",
    ),
    pytest.param(
        FALLING,
        {"validations": (Validation(2, 1.5), Validation(6, 1.0), Validation(10, 1.4))},
        "The loss falls from 2 to 0.697 in 11 steps; on the rows held out it is lowest at step 6, "
        "1, and ends at 1.4.",
        id="overfits",
    ),
]


@pytest.mark.parametrize(("losses", "changes", "title"), TITLES)
def test_what_a_training_says(losses: list[float], changes: dict[str, Any], title: str) -> None:
    figure = training(record_of(losses, **changes))
    assert figure.title == title
    assert figure.text.startswith(title)


def test_alarms_stand_where_they_began() -> None:
    findings = (
        Finding("SD101", "error", "Too large.", {"tenfold_step": 7, "lost_step": 9}),
        Finding("SD407", "warning", "Not reset.", {"first": 2}),
        Finding("SD304", "info", "Not scaled.", {"largest_mean": 3.0}),
        Finding("SD405", "error", "No gradient.", {"steps": 11, "tensors": ["0.weight"]}),
    )
    figure = training(record_of(FALLING, findings=findings))
    assert [(mark["step"], mark["code"]) for mark in figure.data["alarms"]] == [
        (2, "SD407"),
        (7, "SD101"),
    ]
    assert "From step 7 on: Too large." in figure.text


def test_a_long_training_stays_small() -> None:
    rng = np.random.default_rng(0)
    losses = 2 * 0.999 ** np.arange(5000) * rng.uniform(0.5, 1.5, 5000)
    record = record_of(losses.tolist(), tensors=30, probes=tuple([PROBED[0]] * 500))
    board = training_board(record)
    assert len(to_json(board.to_dict())) < 300_000
    assert len(board.frames) == MOST_FRAMES
    assert board.frames.step[[0, -1]].tolist() == [0, 4999]
    figure = board.figures[0]
    assert len(figure.data["step"]) == MOST_POINTS
    # Single batches go up and down: the strong line is the mean of those before.
    window = 5000 // 40
    assert f"the mean of the last {window}" in figure.notes[0]
    for place in (0, 100, 1000):
        step = int(figure.data["step"][place])
        wanted = losses[max(0, step + 1 - window) : step + 1].mean()
        assert figure.data["mean"][place] == pytest.approx(wanted, rel=1e-4)
    assert "A column is 25 steps" in board.figures[1].notes[0]


def test_a_column_has_the_largest_value_and_the_mean_of_the_cosine() -> None:
    record = record_of([1.0] * 1000)
    rng = np.random.default_rng(1)
    update, turn = rng.uniform(0, 1, (1000, 2)), rng.uniform(-1, 1, (1000, 2))
    record = replace(record, trace=replace(record.trace, update=update, turn=turn))
    figure = layers(record)
    edges = figure.data["edges"]
    assert len(edges) == MOST_COLUMNS + 1
    ratio, _, cosine = (choice["values"] for choice in figure.data["choices"])
    for column in (0, 57, 199):
        steps = slice(edges[column], edges[column + 1])
        for row, length in enumerate((1.0, 2.0)):
            most = max(update[steps, row]) / length
            assert ratio[row, column] == pytest.approx(most, rel=6e-3)
            mean = sum(turn[steps, row]) / len(turn[steps, row])
            assert cosine[row, column] == pytest.approx(mean, rel=6e-3)


def test_what_was_lost_is_told_from_what_was_not_measured() -> None:
    figure = layers(record_of(FALLING, lost_at={1: 4}), "gradient")
    assert figure.title.endswith("From step 4 on 1 tensor is not finite.")
    values = figure.data["choices"][1]["values"]
    assert np.isinf(values[1]).tolist() == [False] * 4 + [True] * 7
    assert np.isfinite(values[0]).all()
    assert np.isnan(figure.data["choices"][2]["values"][0, 0])
    assert "Orange: not a finite number." in figure.notes


def test_what_the_heat_map_says() -> None:
    record = record_of(FALLING)
    assert [choice["title"] for choice in layers(record).data["choices"]] == [
        "Of the matrices 0.weight moves most in a step, by 9.7 % of its length, and 1.weight "
        "least, by 4.8 % (medians).",
        "The length of the gradient of every matrix is 0.966 (a median).",
        "The turn of the gradient of every matrix is 0.5 (a median).",
    ]
    assert layers(record, "turn").title.startswith("The turn")


def test_many_tensors_are_shown_by_layer_with_those_that_findings_name() -> None:
    finding = Finding("SD401", "warning", "Vanished.", {"layer": "71.weight", "share": 1e-6})
    figure = layers(record_of(FALLING, tensors=100, findings=(finding,)))
    assert len(figure.data["rows"]) == MOST_ROWS
    assert {"0", "71", "99"} <= set(figure.data["rows"])
    assert figure.y.label == "layer"
    assert "Drawn are 40 of 100 layers" in " ".join(figure.notes)


FANS = [
    pytest.param(
        [1.0, 0.95, 0.9, 0.8, 0.7, 0.9],
        "At step 8 the step taken lowers the loss of its batch from 1 to 0.8; with one 2 times as "
        "long it would be 0.7.",
        id="a longer step",
    ),
    pytest.param(
        [1.0, 0.9, 0.8, 0.7, 0.9, 2.0],
        "At step 8 the step taken lowers the loss of its batch from 1 to 0.7; none of the other "
        "lengths does better.",
        id="the best",
    ),
    pytest.param(
        [1.0, 0.5, 0.75, 3.0, 9.0, INF],
        "At step 8 the step taken raises the loss of its batch from 1 to 3; with one a quarter as "
        "long it would be 0.5.",
        id="too long",
    ),
    pytest.param(
        [1.0, 1.5, 2.0, 3.0, 9.0, INF],
        "At step 8 the step taken raises the loss of its batch from 1 to 3; no step at all would "
        "have been better.",
        id="the wrong way",
    ),
    pytest.param(
        [1.0, 1.5, 2.0, NAN, NAN, NAN],
        "At step 8 the step taken leads from a loss of 1 to one that is not finite.",
        id="lost",
    ),
]


@pytest.mark.parametrize(("losses", "title"), FANS)
def test_what_the_fan_says(losses: list[float], title: str) -> None:
    assert fan(record_of(FALLING, probes=(probe_of(8, losses),))).title == title


def test_the_cursor_picks_the_nearest_probe() -> None:
    probes = (probe_of(0, [4.0, 3.0, 2.0, 1.0, 2.0, 8.0]), probe_of(8, [2.0] * 6))
    parts = fan(record_of(FALLING, probes=probes)).data
    assert parts["probe"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert parts["relative"][0].tolist() == [1.0, 0.75, 0.5, 0.25, 0.5, 2.0]
    assert parts["factors"] == list(FACTORS)


def test_losses_below_zero_are_compared_by_their_difference() -> None:
    figure = fan(record_of(FALLING, probes=(probe_of(8, [-1.0, -2.0, -3.0, -4.0, -5.0, 0.0]),)))
    assert figure.y.label == "change of the loss"
    assert figure.data["relative"][0].tolist() == [0.0, -1.0, -2.0, -3.0, -4.0, 1.0]


def test_a_board_comes_back_as_json() -> None:
    losses = [2.0, 8.0, 3e5, INF, NAN]
    board = training_board(record_of(losses, lost_at={0: 3}, probes=(probe_of(0, [2.0] * 6),)))
    found = json.loads(to_json(board.to_dict()))
    assert [figure["kind"] for figure in found["figures"]] == ["training", "layers", "fan"]
    assert found["figures"][0]["loss"] == [2.0, 8.0, 300_000.0, "Infinity", "NaN"]
    assert found["figures"][0]["top"] == 2000.0
    assert found["formula"] == "Sequential, 6 weights · SGD"


# Asked for by a run


def test_a_run_gives_them() -> None:
    run = TrainingRun(record_of(FALLING))
    assert [figure.kind for figure in run.figures().figures] == ["training", "layers"]
    assert "watch.probe(closure)" in run.figures().notes[0]
    assert run.figure("training", step=4).frames.opens == 4
    assert run.figure("layers", of="turn").data["shown"] == 2


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        pytest.param("fit", {}, r"no figure of this kind\. Given: fit\. The kinds", id="kind"),
        pytest.param("layers", {"of": "bias"}, "of must be .*Given: 'bias'", id="of"),
        pytest.param("fan", {}, "has no fan figure. No probe", id="no probe"),
    ],
)
def test_bad_input(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingRun(record_of(FALLING)).figure(kind, **options)


def test_a_training_without_a_step_has_words() -> None:
    run = TrainingRun(record_of([]))
    assert [figure.kind for figure in run.figures().figures] == ["training"]
    with pytest.raises(UsageError, match="No step was recorded"):
        run.figure("layers")


# A loss explained


def graph_of(operations: int) -> AutogradGraph:
    one = np.array(2.0)
    leaf = AutogradNode("w", "AccumulateGrad", (), (), one, one, leaf=True)
    nodes = [
        AutogradNode("times", "MulBackward0", (place,), (2, 3), None, None, 0.25)
        for place in range(operations)
    ]
    gradient = ParameterGradient("w", (), True, one, 2.0)
    missed = ParameterGradient("v", (), False)
    return AutogradGraph(1.5, (leaf, *nodes), (gradient, missed))


def test_a_loss_explained() -> None:
    figure = autograd_figure(graph_of(2))
    assert figure.title == (
        "A loss of 1.5 from 1 parameter in 2 operations; the longest gradient is that of w, 2; it "
        "does not reach v."
    )
    assert [(n["forward"], n["back"], n["weight"]) for n in figure.data["nodes"]] == [
        ("2", "2", 0),
        ("2×3", "length 0.25", None),
        ("2×3", "length 0.25", None),
    ]


def test_of_a_large_graph_the_operations_near_the_loss_are_drawn() -> None:
    figure = autograd_figure(graph_of(200))
    nodes = figure.data["nodes"]
    assert len(nodes) == 60
    assert [node["inputs"] for node in nodes[:3]] == [[], [0], [1]]
    assert "Drawn are the 60 operations nearest to the loss, of 201." in figure.notes
