"""A descent between two chunks as plain arrays, and back."""

import jax
import numpy as np
import pytest

from steepest.descent.loop import State, initial
from steepest.descent.recorder import Block, Recorder
from steepest.descent.standing import arrays_of_state, facts_of, recorder_from, state_from
from steepest.engine.xla import in_float64
from steepest.methods.optimizers import OPTIMIZERS
from steepest.records.descent import Trace


@in_float64
def a_state(optimizer: str) -> State:
    """One with a number of its own in every place."""
    leaves, tree = jax.tree.flatten(initial(optimizer, np.zeros(3)))
    filled = [
        np.asarray(np.random.default_rng(place).normal(size=np.shape(leaf)) * 10).astype(
            np.asarray(leaf).dtype
        )
        for place, leaf in enumerate(leaves)
    ]
    state = jax.tree.unflatten(tree, filled)
    assert isinstance(state, State)
    return state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_state_comes_back_as_it_was(optimizer: str) -> None:
    state = a_state(optimizer)
    found = state_from(arrays_of_state(state), optimizer, 3)
    trees = [jax.tree.flatten(part)[1] for part in (found, state)]
    assert str(trees[0]) == str(trees[1])
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(found), strict=True):
        assert (before.dtype, before.shape) == (after.dtype, after.shape)
        assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    ("optimizer", "weights"), [("adam", 3), ("gd", 2), ("adagrad", 3)], ids=str
)
def test_a_state_of_something_else_is_refused(optimizer: str, weights: int) -> None:
    with pytest.raises(ValueError, match="another optimizer or another problem"):
        state_from(arrays_of_state(a_state("gd")), optimizer, weights)


def block(first: int, last: int) -> Block:
    step = np.arange(first, last)
    wild = np.random.default_rng(first).normal(size=(last - first, 3))
    validation = np.where(step % 7 == 0, wild[:, 2], np.nan)
    return Block(
        step, np.exp(-step / 1000) + wild[:, 0] / 10, wild[:, 1:2], wild[:, 2:], validation
    )


def as_bytes(trace: Trace) -> list[bytes]:
    assert trace.validation is not None
    arrays = (trace.step, trace.loss, trace.weights, trace.gradient, trace.validation)
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("stop", [500, 2_000, 2_500, 5_000])
@pytest.mark.parametrize("kept_later", [False, True], ids=["as it was", "already thinner"])
def test_a_recorder_goes_on_as_if_it_had_never_stopped(
    stop: int, kept_later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.descent.recorder.MOST_POINTS", 2048)
    whole = Recorder(("x",), watch_goal=0.5)
    begun = Recorder(("x",), watch_goal=0.5)
    for first in range(0, stop, 500):
        whole.add(block(first, first + 500))
        begun.add(block(first, first + 500))
    facts, tail = facts_of(begun)
    facts, tail = dict(facts), dict(tail)
    whole.add(block(stop, stop + 500))
    # The store keeps the last trace, which may have been thinned after the facts were noted.
    kept = whole.trace() if kept_later else begun.trace()
    before = kept.step < stop
    assert kept.validation is not None
    again = recorder_from(
        Trace(
            ("x",),
            kept.step[before],
            kept.loss[before],
            kept.weights[before],
            kept.gradient[before],
            kept.validation[before],
        ),
        facts,
        tail,
    )
    again.add(block(stop, stop + 500))
    for first in range(stop + 500, 12_000, 500):
        whole.add(block(first, first + 500))
        again.add(block(first, first + 500))
    assert as_bytes(again.trace()) == as_bytes(whole.trace())
    (found, found_tail), (wanted, wanted_tail) = facts_of(again), facts_of(whole)
    assert found == wanted
    assert {n: a.tobytes() for n, a in found_tail.items()} == {
        n: a.tobytes() for n, a in wanted_tail.items()
    }


def test_a_recorder_that_noted_nothing() -> None:
    nothing = np.zeros((0, 1))
    facts, tail = facts_of(Recorder(("x",)))
    empty = Trace(("x",), np.zeros(0, dtype=np.int64), np.zeros(0), nothing, nothing)
    assert facts_of(recorder_from(empty, facts, tail)) == (facts, {})
