"""What holds for every verdict, whatever was measured."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steepest.checks import CHECKS, judge
from steepest.records.descent import (
    Descent,
    Forecast,
    Goal,
    RateStudy,
    RateTrial,
)
from steepest.records.point import Breakdown, Minimum, Spectrum
from steepest.records.problem import Problem, Settings
from steepest.records.verdict import (
    ColumnFacts,
    Measurements,
    RowShare,
    Verdict,
)

WEIGHTS = ("a", "b", "c")
ORDER = ["error", "warning", "info"]

# Words that a learner would have to look up, and tones that nobody wants to hear.
UNWANTED = (
    "hessian", "eigen", "nan", "null", "none", "norm", "residual", "jacobian", "oops", "sorry",
    "unfortunately", "you should", "simply", "obviously", "!", "  ", "..", " ,", " .",
)  # fmt: skip

numbers = st.floats() | st.sampled_from([0.0, 1.0, 0.1, 1e-5, -1.0, 1e300, -1e300, 5e-324])
rates = st.sampled_from([1e-7, 1e-5, 0.01, 0.1, 1.0]) | st.floats()
steps = st.integers(0, 10**20) | st.integers(0, 2000)
entries = st.dictionaries(st.sampled_from(WEIGHTS), numbers)
everyone = st.fixed_dictionaries(dict.fromkeys(WEIGHTS, numbers))
texts = st.sampled_from(["x", "time", "a\x1b[31mb", "'\"\n", "é" * 60])
aims = st.sampled_from(["within 1 % of the minimum", "the loss this run ended with", ""])
goals = st.builds(Goal, numbers, aims)
trials = st.builds(
    RateTrial, rates, st.none() | steps, st.none() | steps, numbers, st.booleans(), st.booleans()
)
minima = st.builds(
    Minimum,
    numbers,
    entries,
    st.just("solver"),
    st.booleans(),
    st.booleans(),
    st.lists(entries, max_size=4).map(tuple),
)


@st.composite
def spectra(draw: st.DrawFn) -> Spectrum:
    many = draw(st.integers(0, 4))
    values = np.array(draw(st.lists(numbers, min_size=many, max_size=many)), dtype=float)
    size = draw(st.sampled_from([3, 3, 3, 2]))
    entry = st.sampled_from([0.0, 1.0, -0.7, 0.9, math.nan])
    vectors = draw(st.lists(entry, min_size=size * many, max_size=size * many))
    worst = draw(st.sampled_from([0.0, 0.0, 1e-3, math.nan]))
    return Spectrum(
        draw(st.sampled_from(["start", "end", "minimum"])),
        np.sort(values)[::-1] if draw(st.booleans()) else values,
        np.array(vectors, dtype=float).reshape(size, many),
        np.full(many, worst),
        draw(st.booleans()),
        draw(st.sampled_from([None, None, "adam"])),
    )


descents = st.builds(
    Descent,
    optimizer=st.sampled_from(["gd", "adam", "nesterov"]),
    lr=rates,
    lr_chosen=st.just("given"),
    momentum=st.none(),
    steps=steps,
    stopped=st.sampled_from(["step limit", "converged", "diverged", "time limit"]),
    stopped_why=st.just(""),
    seconds=st.just(0.0),
    final_loss=numbers,
    final_step=steps,
    first_loss=numbers,
    lowest_loss=numbers,
    lowest_step=steps,
    tenfold_step=st.none() | steps,
    goal_step=st.none() | steps,
    non_finite_step=st.none() | steps,
    growing=st.booleans(),
    turn=st.none() | st.floats(-1, 1) | st.just(math.nan),
    recent_fall=st.none() | numbers,
)
problems = st.builds(
    Problem,
    st.sampled_from(["fit", "minimize"]),
    st.just("y ~ a*x + b*time + c"),
    st.just(WEIGHTS),
    st.booleans(),
    loss=st.sampled_from([None, "mse"]),
    target=st.sampled_from([None, "y"]),
    columns=st.lists(texts, max_size=3).map(tuple),
    rows=st.none() | st.integers(0, 10**7),
    rows_read=st.none() | st.integers(0, 10**7),
    missing=st.dictionaries(texts, st.integers(0, 100)),
    non_finite=st.dictionaries(texts, st.integers(0, 100)),
)
everything = st.builds(
    Measurements,
    problem=problems,
    settings=st.builds(Settings, batch_size=st.none() | st.just(8)),
    descent=descents,
    final_gradient=everyone | entries,
    first_gradient=everyone | entries,
    final_weights=everyone | entries,
    spectrum=st.none() | spectra(),
    stability_limit=st.none() | rates,
    minimum=st.none() | minima,
    goal=st.none() | goals,
    forecast=st.none()
    | st.builds(Forecast, st.just("within 1 % of the minimum"), st.none() | steps, st.just("")),
    rates=st.none()
    | st.builds(
        RateStudy, goals, trials, st.lists(trials, max_size=4).map(tuple), st.none() | trials
    ),
    columns=st.lists(
        st.builds(ColumnFacts, texts, numbers, numbers, numbers, st.none() | texts), max_size=3
    ).map(tuple),
    row_shares=st.lists(
        st.builds(RowShare, st.integers(0, 10**7), numbers, st.none() | numbers), max_size=10
    ).map(tuple),
    breakdown=st.none()
    | st.builds(
        Breakdown, steps, texts, st.none() | st.sampled_from(WEIGHTS), st.none() | st.integers(0, 9)
    ),
    lower_minimum=st.none() | minima,
)


def sound(m: Measurements, verdict: Verdict) -> None:
    codes = [finding.code for finding in verdict.findings]
    assert set(codes) <= set(CHECKS)
    ranked = [(ORDER.index(f.severity), f.code) for f in verdict.findings]
    assert ranked == sorted(ranked)
    for finding in verdict.findings:
        json.dumps(finding.evidence)
    for text in [verdict.headline, *(finding.sentence for finding in verdict.findings)]:
        assert text.endswith("."), text
        assert text.isprintable(), text
        assert "None" not in text, text


@given(everything)
def test_judging_never_fails_and_never_claims_without_evidence(m: Measurements) -> None:
    verdict = judge(m)
    sound(m, verdict)
    own = m.rates.own.lr if m.rates is not None else math.nan
    tried = [] if m.rates is None else [*m.rates.trials, m.rates.best]
    run = [t.lr for t in tried if t is not None and t.measured and t.steps is not None]
    if verdict.learning_rate == "too small":
        assert any(lr > own for lr in run)
    if verdict.learning_rate == "too large":
        limit = m.stability_limit
        assert (
            m.descent.stopped == "diverged"
            or (limit is not None and m.descent.lr > limit and m.descent.growing)
            or any(lr < own for lr in run)
        )
    if m.rates is None:
        assert verdict.learning_rate in ("too large", "not measured")


@given(everything)
def test_the_minimum_is_never_claimed_of_a_descent_that_diverged(m: Measurements) -> None:
    verdict = judge(m)
    there = "SD206" in {finding.code for finding in verdict.findings}
    assert not there or m.descent.stopped != "diverged"
    assert not verdict.headline.startswith("At the minimum") or there


def test_sentences_are_plain(make: Any, tutorial: Any) -> None:
    shown = [tutorial(), tutorial(5e-5, 30), tutorial(1e-7)]
    shown.append(
        make.build(
            problem={"command": "fit", "rows": 50, "rows_read": 60, "missing": {"x": 3}},
            breakdown=Breakdown(3, "log(x)", "a", 2),
            row_shares=(RowShare(3, 0.9, 0.9),),
            minimum=Minimum(1.0, {"x": 1.0}, "solver", flat=({"x": 0.6, "y": 0.8},)),
            columns=(ColumnFacts("x", 1.0, 0.0, 1.0), ColumnFacts("z", 1.0, 1.0, 1.0, "w")),
        )
    )
    for m in shown:
        verdict = judge(m)
        sound(m, verdict)
        for text in [verdict.headline, *(finding.sentence for finding in verdict.findings)]:
            found = [word for word in UNWANTED if word in text.lower()]
            assert not found, (found, text)


def test_the_gravest_comes_first(make: Any) -> None:
    m = make.build(
        descent={"stopped": "diverged", "final_loss": 1e12},
        breakdown=Breakdown(3, "exp(a*x)", None, 2),
        problem={"missing": {"x": 3}},
        minimum=Minimum(1.0, {}, "solver", flat=({"x": 1.0},)),
    )
    assert [finding.code for finding in judge(m).findings] == ["SD101", "SD406", "SD202", "SD301"]
