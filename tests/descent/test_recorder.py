"""What is kept of a long descent, against the whole of it."""

import numpy as np
import pytest

from steepest.descent.recorder import (
    LEAST_POINTS,
    MOST_BYTES,
    MOST_POINTS,
    TAIL,
    Block,
    Recorder,
)
from steepest.records.arrays import Vector


def block(first: int, loss: Vector, validation: Vector | None = None) -> Block:
    count = len(loss)
    step = np.arange(first, first + count)
    return Block(
        step,
        np.asarray(loss, dtype=np.float64),
        np.stack([step, -step], axis=1).astype(np.float64),
        np.where(np.isfinite(loss), 1.0, np.nan)[:, None] * np.ones(2),
        np.full(count, np.nan) if validation is None else validation,
    )


def recorded(loss: Vector, chunk: int = 1000, goal: float | None = None) -> Recorder:
    recorder = Recorder(("a", "b"), watch_goal=goal)
    for first in range(0, len(loss), chunk):
        recorder.add(block(first, loss[first : first + chunk]))
    return recorder


@pytest.mark.parametrize("chunk", [1, 7, 8192], ids="chunks-of-{}".format)
@pytest.mark.parametrize("count", [1, 2, 17, 1002])
def test_short_descents_are_kept_whole(count: int, chunk: int) -> None:
    trace = recorded(np.linspace(5, 1, count), chunk).trace()
    np.testing.assert_array_equal(trace.step, np.arange(count))
    np.testing.assert_array_equal(trace.loss, np.linspace(5, 1, count))


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 1, MOST_POINTS + 2, 400_001])
def test_long_descents_are_thinned_evenly_and_keep_both_ends(count: int) -> None:
    loss = np.linspace(5, 1, count)
    trace = recorded(loss, 8192).trace()
    assert len(trace) <= MOST_POINTS + 1
    assert len(trace) > MOST_POINTS / 2 - 2, "thinned more than needed"
    assert trace.step[0] == 0
    assert trace.step[-1] == count - 1
    gaps = np.diff(trace.step)
    assert len(set(gaps[:-1])) <= 1, "not even"
    assert gaps[-1] <= gaps[0]
    np.testing.assert_array_equal(trace.loss, loss[trace.step])
    np.testing.assert_array_equal(trace.weights[:, 0], trace.step)


def test_memory_is_bounded_for_many_weights_too() -> None:
    names = tuple(f"w{i}" for i in range(10_000))
    recorder, width = Recorder(names), 8 * (2 * len(names) + 3)
    for first in range(0, 450, 3):
        steps = np.arange(first, first + 3)
        loss = 1.0 / (1 + steps)
        wide = np.broadcast_to(steps[:, None], (3, len(names))).astype(np.float64)
        recorder.add(Block(steps, loss, wide, -wide, np.full(3, np.nan)))
        assert recorder.points * width <= MOST_BYTES
    trace = recorder.trace()
    assert recorder.stride == 4
    np.testing.assert_array_equal(trace.step, [*range(0, 449, 4), 449])
    np.testing.assert_array_equal(trace.weights[:, 77], trace.step)
    np.testing.assert_array_equal(recorder.last.step, np.arange(450 - TAIL, 450))


def test_of_very_many_weights_some_points_are_kept_all_the_same() -> None:
    recorder = Recorder(tuple(f"w{i}" for i in range(1_000_000)))
    assert recorder.capacity == LEAST_POINTS


@pytest.mark.parametrize("event", [0, 1, 777, 299_998, 299_999])
def test_events_are_noted_to_the_step_whatever_is_thinned(event: int) -> None:
    count = 300_000
    loss = np.full(count, 2.0)
    loss[event] = 0.5
    recorder = recorded(loss, 8192, goal=0.5)
    assert recorder.stride > 1
    assert (recorder.goal_step, recorder.lowest_step) == (event, event)
    assert recorder.lowest_loss == 0.5
    grown = np.full(count, 2.0)
    grown[event] = 20.1
    assert recorded(grown, 8192).tenfold_step == (event or None)
    broken = np.full(count, 2.0)
    broken[event] = np.nan
    assert recorded(broken, 8192).non_finite_step == event


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        ([2.0, 20.0, 20.1], 2),
        ([2.0, np.nan], 1),
        ([2.0, np.inf], 1),
        ([0.0, 1e-300], 1),
        ([-2.0, 15.9, 16.1], 2),
        ([5.0, 4.0, 3.0], None),
    ],
    ids=["exactly-ten-is-not-past-it", "nan", "inf", "from-zero", "negative-start", "falls"],
)
def test_tenfold_step(loss: list[float], wanted: int | None) -> None:
    assert recorded(np.array(loss), 1).tenfold_step == wanted


def test_first_of_equal_losses_is_the_lowest() -> None:
    recorder = recorded(np.array([3.0, 1.0, 2.0, 1.0]), 2)
    assert recorder.lowest_step == 1


def test_what_is_not_finite_is_never_the_lowest() -> None:
    recorder = recorded(np.array([3.0, 2.0, -np.inf, np.nan]), 2)
    assert (recorder.lowest_loss, recorder.lowest_step) == (2.0, 1)


@pytest.mark.parametrize("chunk", [1, 5, 100])
def test_the_last_steps_are_at_hand(chunk: int) -> None:
    last = recorded(np.arange(100.0), chunk).last
    np.testing.assert_array_equal(last.step, np.arange(100 - TAIL, 100))


def test_lowest_validation_loss() -> None:
    recorder = Recorder(("a", "b"))
    held_out = np.array([4.0, np.nan, 2.0, np.nan, 3.0])
    recorder.add(block(0, np.ones(5), held_out))
    recorder.add(block(5, np.ones(2), np.array([np.nan, 2.5])))
    assert (recorder.validation_lowest, recorder.validation_lowest_step) == (2.0, 2)
    validation = recorder.trace().validation
    assert validation is not None
    np.testing.assert_array_equal(validation, [*held_out, np.nan, 2.5])


def test_nothing_recorded_is_said() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        _ = Recorder(("a",)).last
