"""The words, the edge and the sentence, from runs made up by hand."""

import math

import pytest

from steepest.records.descent import Goal, RateTrial, SweptRate
from steepest.study.zones import (
    edge,
    headline_of,
    judged,
    lowest,
    quickest,
    why_no_word,
)

GOAL = Goal(1.0, "within 1 % of the minimum")

# steps to the goal; "x" diverged, None not in 1,000 steps, "never" by the closed form
Outcome = int | str | None


def trial(lr: float, outcome: Outcome, loss: float = 2.0) -> RateTrial:
    return RateTrial(
        lr=lr,
        steps=outcome if isinstance(outcome, int) else None,
        limit=None if outcome == "never" else 1000,
        lowest_loss=loss,
        diverged=outcome == "x",
        measured=outcome != "never",
    )


def rates(*outcomes: Outcome | tuple[Outcome, ...]) -> list[SweptRate]:
    """Learning rates 1, 2, 3, ...; a tuple has an outcome a start."""
    return [
        SweptRate(
            float(lr),
            "not measured",
            tuple(trial(lr, o) for o in (outcome if isinstance(outcome, tuple) else (outcome,))),
        )
        for lr, outcome in enumerate(outcomes, 1)
    ]


SMALL, RIGHT, LARGE, NONE = "too small", "just right", "too large", "not measured"

WORDS: dict[str, tuple[list[SweptRate], list[str]]] = {
    "all three": (rates(1000, 300, 50, 20, "x"), [SMALL, SMALL, RIGHT, RIGHT, LARGE]),
    "a tenth exactly": (rates(200, 20), [SMALL, RIGHT]),
    "a little more than a tenth": (rates(199, 20), [RIGHT, RIGHT]),
    "it bounces": (rates(20, 199, 200, 5000), [RIGHT, RIGHT, LARGE, LARGE]),
    "the quickest is the reference": (rates(5, 100, 10), [RIGHT, LARGE, RIGHT]),
    "never is too long": (rates("never", 40, "never"), [SMALL, RIGHT, LARGE]),
    "long enough to tell": (rates(None, 100, None), [SMALL, RIGHT, LARGE]),
    "not long enough to tell": (rates(None, 101, None), [NONE, RIGHT, NONE]),
    "nobody arrived": (rates(None, "never", "x"), [NONE, NONE, LARGE]),
    "all diverged": (rates("x", "x"), [LARGE, LARGE]),
    "at the goal already": (rates(0, 0), [RIGHT, RIGHT]),
    "one start diverged": (rates(100, (5, 5, "x")), [RIGHT, LARGE]),
    "the middle start counts": (rates((10, 90, 2000), (7, 8, None)), [SMALL, RIGHT]),
    "of two starts the slower": (rates((1, 900), (80, 90)), [SMALL, RIGHT]),
    "half did not arrive": (rates((1, None), (80, 90)), [SMALL, RIGHT]),
}


@pytest.mark.parametrize(("given", "words"), WORDS.values(), ids=WORDS)
def test_the_word_of_each(given: list[SweptRate], words: list[str]) -> None:
    assert [rate.zone for rate in judged(given)] == words


def test_the_quickest_is_the_smaller_of_two_that_are_equal() -> None:
    best = quickest(rates(30, 20, 20, None))
    assert best is not None
    assert best.lr == 2


def test_the_lowest_is_one_that_survived() -> None:
    given = [
        SweptRate(lr, "not measured", (trial(lr, outcome, loss),))
        for lr, outcome, loss in ((1.0, None, 3.0), (2.0, None, 2.5), (3.0, "x", 0.1))
    ]
    found = lowest(given)
    assert found is not None
    assert found.lr == 2
    assert lowest([SweptRate(1.0, "not measured", (trial(1, None, math.inf),))]) is None


EDGES: dict[str, tuple[list[SweptRate], tuple[float | None, float | None]]] = {
    "between two": (rates(3, None, "x", "x"), (2, 3)),
    "none diverged": (rates(3, 4), (2, None)),
    "all diverged": (rates("x", "x"), (None, 1)),
    "an island beyond it": (rates(3, "x", 5), (1, 2)),
}


@pytest.mark.parametrize(("given", "found"), EDGES.values(), ids=EDGES)
def test_the_edge(given: list[SweptRate], found: tuple[float | None, float | None]) -> None:
    assert edge(given) == found


HEADLINES: dict[str, tuple[list[SweptRate], Goal | None, float | None, str]] = {
    "the limit lies between": (
        *(rates(1_234, 56, "x"), GOAL, 2.5),
        "Quickest: 2 with 56 steps; above 2.5 it diverges.",
    ),
    "the limit was off": (
        *(rates(1_234, 56, "x"), GOAL, 1.5),
        "Quickest: 2 with 56 steps; at 3 it diverges.",
    ),
    "no limit": (rates(9, 1, "x"), GOAL, None, "Quickest: 2 with 1 step; at 3 it diverges."),
    "a larger one may do": (
        *(rates(99, 9), GOAL, None),
        "Quickest: 2 with 9 steps; none diverges, and a larger one may be quicker.",
    ),
    "none diverges": (rates(9, 99), GOAL, 9.0, "Quickest: 1 with 9 steps; none diverges."),
    "only one": (rates(9), GOAL, 9.0, "Quickest: 1 with 9 steps; it does not diverge."),
    "several starts": (
        *(rates((9, 19, 29), "x"), GOAL, 1.5),
        "Quickest: 1 with 19 steps from the middle one of 3 starts; above 1.5 it diverges.",
    ),
    "nobody arrived": (
        *(rates(None, "x"), GOAL, 1.5),
        "In 1,000 steps no learning rate got within 1 % of the minimum; the lowest loss, 2, is "
        "with 1; above 1.5 it diverges.",
    ),
    "no goal": (
        *(rates(None, None, "x"), None, None),
        "No minimum is known to get to; the lowest loss, 2, is with 1; at 3 it diverges.",
    ),
    "all diverge": (
        *(rates("x", "x"), GOAL, 0.25),
        "All 2 learning rates diverge; the predicted limit is 0.25.",
    ),
    "the only one diverges": (rates("x"), GOAL, None, "1 diverges."),
}


@pytest.mark.parametrize(("given", "goal", "limit", "said"), HEADLINES.values(), ids=HEADLINES)
def test_the_headline(
    given: list[SweptRate], goal: Goal | None, limit: float | None, said: str
) -> None:
    assert headline_of(judged(given), goal, limit, 1000) == said


WHY: dict[str, tuple[list[SweptRate], Goal | None, str | None]] = {
    "all have a word": (rates(500, 20, "x"), GOAL, None),
    "no goal": (rates(None), None, "No minimum is known, so there is no goal to compare by."),
    "nobody arrived": (
        *(rates(None, None), GOAL),
        "No learning rate of the sweep was within 1 % of the minimum in 1,000 steps.",
    ),
    "too short": (
        *(rates(None, 300), GOAL),
        "Some had not arrived after 1,000 steps, and that is fewer than 10 times what the "
        "quickest needs.",
    ),
}


@pytest.mark.parametrize(("given", "goal", "why"), WHY.values(), ids=WHY)
def test_why_some_have_no_word(given: list[SweptRate], goal: Goal | None, why: str | None) -> None:
    assert why_no_word(judged(given), goal, 2000) == why
