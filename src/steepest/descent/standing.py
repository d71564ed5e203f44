"""Where a descent stands between two chunks, as plain arrays and numbers, and back.

All that a descent needs to go on exactly is its state and what was noted of the steps so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from steepest.descent.loop import Began, State, begun_at, initial, leaves_of, like
from steepest.descent.recorder import Block, Recorder
from steepest.records.descent import Trace

Arrays = Mapping[str, np.ndarray[Any, Any]]

_NOT_FACTS = ("names", "most", "kept", "ending")


@dataclass(frozen=True)
class Standing:
    """A descent between two chunks: `seconds` were spent on what `recorder` has noted."""

    state: State
    recorder: Recorder
    seconds: float = 0.0


Sink = Callable[[Standing], None]
"""Called before each chunk. It must copy what it keeps: the recorder goes on."""


def arrays_of_state(state: State) -> dict[str, np.ndarray[Any, Any]]:
    """The state's numbers under their places in it."""
    return {str(place): leaf for place, leaf in enumerate(leaves_of(state))}


def state_from(arrays: Arrays, optimizer: str, weights: int) -> State:
    """The state that `arrays_of_state` was given.

    Raises ValueError where it is not one of this optimizer with so many weights.
    """
    nothing = np.zeros(weights)
    if (state := _like(begun_at(nothing, Began(nothing[None])), arrays)) is not None:
        return state
    if (state := _like(initial(optimizer, nothing), arrays)) is not None:
        return state
    raise ValueError("this is the state of another optimizer or another problem")


def _like(one: State, arrays: Arrays) -> State | None:
    leaves = leaves_of(one)
    found = [arrays[str(place)] for place in range(len(leaves)) if str(place) in arrays]
    kinds = [(leaf.shape, leaf.dtype) for leaf in leaves]
    return like(one, found) if kinds == [(leaf.shape, leaf.dtype) for leaf in found] else None


def facts_of(recorder: Recorder) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """What was noted, without the trace: numbers, and the last steps as arrays."""
    facts = {
        field.name: getattr(recorder, field.name)
        for field in fields(Recorder)
        if field.name not in _NOT_FACTS
    }
    tail = recorder.tail
    return facts, {} if tail is None else {f.name: getattr(tail, f.name) for f in fields(Block)}


def recorder_from(trace: Trace, facts: Mapping[str, Any], tail: Arrays) -> Recorder:
    """The recorder that noted these facts; `trace` is what it had kept, or denser.

    It may be thinner too, where the chunk that follows thins it: then that is done already.
    """
    known = {field.name for field in fields(Recorder)} - set(_NOT_FACTS)
    recorder = replace(
        Recorder(trace.names), **{name: value for name, value in facts.items() if name in known}
    )
    validation = trace.validation
    if validation is None:
        validation = np.full(len(trace), np.nan)
    kept = Block(trace.step, trace.loss, trace.weights, trace.gradient, validation)
    kept = kept[kept.step % recorder.stride == 0]
    if len(kept) > 1:
        recorder.stride = int(kept.step[1] - kept.step[0])
    recorder.kept = [kept] if len(kept) else []
    recorder.points = len(kept)
    if tail:
        recorder.ending = [Block(**{field.name: tail[field.name] for field in fields(Block)})]
    return recorder
