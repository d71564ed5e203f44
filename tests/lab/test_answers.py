"""What the lab keeps: as much as it says, and no more."""

from __future__ import annotations

import pytest

from steepest.lab import answers
from steepest.lab.answers import Answers
from steepest.lab.problem import read_problem
from steepest.lab.uploads import Uploads
from steepest.xla import forget_compiled


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
    assert known.live(asked[0]) == first


def test_a_problem_is_prepared_once_whatever_its_start_and_rate() -> None:
    known = Answers(Uploads())
    known.live(read_problem({"example": "parabola"}))
    for change in ({"lr": 0.2}, {"start": {"x": 4}}, {"steps": 3}):
        assert known.is_prepared(read_problem({"example": "parabola", **change}))
    assert not known.is_prepared(read_problem({"example": "parabola", "optimizer": "adam"}))
