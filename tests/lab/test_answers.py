"""What the lab keeps: as much as it says, and no more."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import jax
import pytest
from tests.lab.conftest import in_a_loop

from steepest.engine.xla import forget_compiled
from steepest.jobs.live import Live, View
from steepest.jobs.workers import TooLongError, Workers, stopping_quietly
from steepest.lab import answers
from steepest.lab.answers import Answers
from steepest.lab.problem import Asked, read_problem
from steepest.lab.uploads import Uploads


def test_compiled_code_is_let_go_of_and_answers_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgotten = []

    def forget() -> None:
        forgotten.append(1)
        forget_compiled()

    monkeypatch.setattr(answers, "forget_compiled", forget)
    monkeypatch.setattr(answers, "MOST_COMPILED", 2)
    asked = [
        read_problem({"formula": f"x**2 + {n}*x", "start": {"x": 1}, "steps": 5}) for n in range(3)
    ]
    known = Answers(Uploads())
    first = known.live(asked[0])
    known.live(asked[1])
    assert not forgotten
    known.live(asked[2])
    assert forgotten
    assert [known.is_prepared(one) for one in asked] == [False, False, True]
    assert known.live(asked[0]) == first


def test_a_problem_is_prepared_once_whatever_its_start_and_rate() -> None:
    known = Answers(Uploads())
    known.live(read_problem({"example": "parabola"}))
    for change in ({"lr": 0.2}, {"start": {"x": 4}}, {"steps": 3}):
        assert known.is_prepared(read_problem({"example": "parabola", **change}))
    assert not known.is_prepared(read_problem({"example": "parabola", "optimizer": "adam"}))


def test_what_is_prepared_has_nothing_left_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes while another one's first view compiles is given as long as preparing takes."""
    known, asked = Answers(Uploads()), read_problem({"example": "parabola"})
    look, seen = Live.view, []

    def view(self: Live, *given: Any, **more: Any) -> View:
        seen.append(known.is_prepared(asked))
        return look(self, *given, **more)

    monkeypatch.setattr(Live, "view", view)
    visitors = [threading.Thread(target=known.live, args=(asked,)) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    # One view to prepare, and one for each.
    assert seen == [False, True, True, True]


def test_a_soak_of_drags_that_are_given_up_compiles_each_problem_once() -> None:
    """What was stopped while it compiled must not be compiled at every later request."""
    compiled: list[str] = []

    def listen(event: str, duration_secs: float, **more: str | int) -> None:
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    known = Answers(Uploads())

    def asked(problem: int, x: float) -> Asked:
        return read_problem({"formula": f"x**2 + {problem}*x**4", "start": {"x": x}, "steps": 5})

    async def soak() -> None:
        workers = Workers(2)
        for problem in range(6):
            # Given up at every stage of preparing it: the first time after 10 ms.
            for seconds in (0.01, 0.05, 0.15):
                with suppress(TooLongError):
                    await workers.run(partial(known.live, asked(problem, 1.0)), seconds)
        await workers.end(20)

    with stopping_quietly():
        in_a_loop(soak())
    for problem in range(6):
        known.live(asked(problem, 1.0))
    compiled.clear()
    began = time.process_time()
    for drag in range(60):
        known.live(asked(drag % 6, 1.0 + drag / 100), again=True)
    assert compiled == []
    assert (time.process_time() - began) / 60 < 0.1
