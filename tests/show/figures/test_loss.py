"""What the title of a loss figure says is true, whatever the loss did."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steepest.records.descent import (
    Descent,
    Forecast,
    Goal,
    Trace,
)
from steepest.records.point import Minimum
from steepest.show.figures import Axis, Frames, loss_figure
from steepest.show.figures.loss import loss_scale

NAN, INF = math.nan, math.inf

DESCENT = Descent(
    optimizer="gd",
    lr=0.1,
    lr_chosen="given",
    momentum=None,
    steps=0,
    stopped="step limit",
    stopped_why="The limit was reached.",
    seconds=0.1,
    final_loss=0.0,
    final_step=0,
    first_loss=0.0,
    lowest_loss=0.0,
    lowest_step=0,
)


def trace_of(losses: list[float], validation: list[float] | None = None) -> Trace:
    nothing = np.zeros((len(losses), 1))
    held_out = None if validation is None else np.array(validation)
    return Trace(("x",), np.arange(len(losses)), np.array(losses), nothing, nothing, held_out)


def descent_of(losses: list[float], **changes: Any) -> Descent:
    known = [step for step, loss in enumerate(losses) if math.isfinite(loss)]
    broken = [step for step, loss in enumerate(losses) if not math.isfinite(loss)]
    final = known[-1] if known else 0
    lowest = min(known, key=lambda step: losses[step], default=0)
    found = replace(
        DESCENT,
        steps=len(losses) - 1,
        final_step=final,
        final_loss=losses[final],
        first_loss=losses[0],
        lowest_loss=losses[lowest] if known else INF,
        lowest_step=lowest,
        non_finite_step=broken[0] if broken else None,
        stopped="diverged" if broken else "step limit",
    )
    return replace(found, **changes)


def frames_of(trace: Trace) -> Frames:
    return Frames(trace.names, trace.step, trace.weights, trace.gradient, trace.loss)


FALLING = [100 * 0.5**step + 1.04 for step in range(6)]
TITLES = [
    pytest.param(FALLING, {}, "The loss falls from 101.04 to 4.17 in 5 steps.", id="falls"),
    pytest.param(
        [100.0, 20.0, 10.0, *[9.5] * 10],
        {},
        "The loss falls from 100 to 9.5 in 2 steps, then stays.",
        id="falls, then stays",
    ),
    pytest.param(
        [100 * 0.5**step for step in range(20)],
        {},
        "The loss falls from 100 to 0.000191 in 19 steps.",
        id="a small loss that halves does not stay",
    ),
    pytest.param([4.0, 1.0], {}, "The loss falls from 4 to 1 in 1 step.", id="one step"),
    pytest.param([4.0], {}, "The loss is 4 at the start, and no step was taken.", id="no step"),
    pytest.param([5.0] * 8, {}, "The loss stays at 5 for 7 steps.", id="stays"),
    pytest.param(
        [5.0, 7.0, 5.0, 7.0, 5.0],
        {},
        "The loss goes between 5 and 7, and after 4 steps is back at 5.",
        id="to and fro",
    ),
    pytest.param([1.0, 2.0, 4.0], {}, "The loss grows from 1 to 4 in 2 steps.", id="grows"),
    pytest.param(
        [9.0, 3.0, 2.0, 4.0, 6.0],
        {},
        "The loss falls from 9 to 2 at step 2, then grows to 6 by step 4.",
        id="falls, then grows",
    ),
    pytest.param(
        [9.0, 6.0, 7.0, 4.0, 5.0, 3.0, 4.0, 2.0],
        {},
        "The loss falls from 9 to 2 in 7 steps, but not steadily: it rises in 3 of 7 recorded "
        "intervals.",
        id="bounces",
    ),
    pytest.param(
        [1.0, 100.0, 1e12],
        {"stopped": "diverged"},
        "The loss grows from 1 to 1e+12 in 2 steps.",
        id="diverges",
    ),
    pytest.param(
        [1.0, -1e3, -1e12],
        {"stopped": "diverged"},
        "The loss falls without end: from 1 to -1e+12 in 2 steps.",
        id="falls without end",
    ),
    pytest.param(
        [2.0, 8.0, INF],
        {},
        "The loss grows from 2 to 8 in 1 step, and is not finite from step 2 on.",
        id="leaves the finite numbers",
    ),
    pytest.param(
        [2.0, NAN],
        {},
        "The loss is 2 at the start, and not finite from step 1 on.",
        id="not a number after the first step",
    ),
    pytest.param([NAN], {}, "The loss is not a finite number at any step.", id="nothing finite"),
    pytest.param([], {}, "The loss is not a finite number at any step.", id="nothing at all"),
]


@pytest.mark.parametrize(("losses", "changes", "title"), TITLES)
def test_the_title(losses: list[float], changes: dict[str, Any], title: str) -> None:
    trace = trace_of(losses)
    found = loss_figure(frames_of(trace), trace, descent_of(losses or [NAN], **changes))
    assert found.title == title
    assert found.text.startswith(title)
    np.testing.assert_array_equal(found.data["loss"], losses)


def test_the_minimum_and_the_forecast() -> None:
    trace = trace_of(FALLING, [2 * loss for loss in FALLING])
    minimum, goal = Minimum(1.0, {"x": 0.0}, "by hand"), Goal(1.01, "within 1 % of the minimum")
    forecast = Forecast(goal.to, 14, "counted by running on", low=13, high=15)
    found = loss_figure(
        frames_of(trace),
        trace,
        descent_of(FALLING),
        minimum=minimum,
        goal=goal,
        forecast=forecast,
    )
    assert found.title == "The loss falls from 101.04 to 4.17 in 5 steps; the minimum is 1."
    assert "To get within 1 % of the minimum takes 14 steps, counted by running on." in found.text
    assert "The loss on the rows held out ends at 8.33." in found.text
    assert found.data["minimum"] == 1.0
    assert found.data["goal"] == 1.01
    wanted = {"step": 14, "low": 13, "high": 15, "basis": "counted by running on"}
    assert found.data["forecast"] == wanted
    arrived = loss_figure(
        frames_of(trace), trace, descent_of(FALLING), minimum=minimum, goal=replace(goal, loss=5.0)
    )
    assert (
        arrived.title == "The loss falls from 101.04 to 4.17 in 5 steps, within 1 % of the minimum."
    )
    unbounded = replace(minimum, loss=-INF, unbounded=True)
    endless = loss_figure(frames_of(trace), trace, descent_of(FALLING), minimum=unbounded)
    assert endless.data["minimum"] is None


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        pytest.param([9.0, 5.0, 4.0], "linear", id="near each other"),
        pytest.param([1e3, 5.0, 1.0], "log", id="far apart"),
        pytest.param([1e3, 1.0, 0.0], "log", id="down to zero"),
        pytest.param([1.0, -3.0], "linear", id="below zero"),
        pytest.param([1.0, -1e9], "symlog", id="far below zero"),
        pytest.param([NAN, INF], "linear", id="nothing finite"),
    ],
)
def test_the_scale(losses: list[float], scale: str) -> None:
    assert loss_scale(np.array(losses)) == scale


def test_many_steps_have_a_logarithmic_axis() -> None:
    short, long = trace_of([2.0] * 101), trace_of([2.0] * 102)
    assert loss_figure(frames_of(short), short, descent_of([2.0] * 101)).x == Axis("step")
    assert loss_figure(frames_of(long), long, descent_of([2.0] * 102)).x == Axis("step", "symlog")
