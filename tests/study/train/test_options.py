"""Options of a training: any value is either used or refused with one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import steepest
from steepest.methods.options import TrainOptions
from steepest.problem.options import read_train_options
from steepest.words.errors import InputError, SteepestError, UsageError

X = np.random.default_rng(0).normal(size=(30, 2))
ROWS: dict[str, Any] = {"a": X[:, 0], "b": X[:, 1], "kind": np.where(X[:, 0] > 0, "p", "q")}

odd: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.lists(st.integers(0, 9), max_size=3),
    st.just(object()),
)
names = [name for name in TrainOptions.__dataclass_fields__]


@given(st.dictionaries(st.sampled_from([*names, "nonsense"]), odd, max_size=6))
@settings(max_examples=300)
def test_any_values_are_read_or_refused(values: dict[str, Any]) -> None:
    try:
        options = read_train_options(values)
    except (UsageError, InputError):
        return
    assert options.rate is None or (math.isfinite(options.rate) and options.rate > 0)
    assert read_train_options(options.given()) == options


few = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.one_of(st.floats(), st.sampled_from([1e-320, 1e-30, 0.1, 1e30, 1e300])),
        "optimizer": st.sampled_from(["gd", "adam"]),
        "schedule": st.sampled_from(["cosine", "warmup-cosine"]),
        "steps": st.integers(-1, 3),
        "epochs": st.integers(0, 3),
        "batch_size": st.sampled_from([-1, 0, 1, 31, 10**12]),
        "seed": st.integers(-1, 10**20),
        "standardize": st.booleans(),
        "validation": st.one_of(st.floats(), st.sampled_from([0.01, 0.2, 0.99])),
        "patience": st.integers(-1, 3),
        "time_limit": st.floats(),
        "inputs": st.sampled_from([["a", "b"], ["b", "a", "b"], ["a"], [], ["kind"], ["a\x1b"]]),
    },
)


@given(few)
@example({"steps": 1, "lr": 3.4028235677973366e38})
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_training_ends_or_says_why_not(values: dict[str, Any]) -> None:
    try:
        run = steepest.train(
            ROWS, "2-2", target="kind", **{"lr": 0.1, "steps": 2, **values}, remedies=False
        )
    except SteepestError:
        return
    assert run.learned.stopped in ("step limit", "diverged", "patience", "time limit")
    assert run.predict(ROWS).shape == (30,)
    assert run.verdict.headline
    assert run.to_dict()["command"] == "train"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"network": b"2-2"}, "text or a list"),
        ({"network": {2: 2}}, "text or a list"),
        ({"inputs": 5}, "list of column names"),
        ({"shuffle": "no"}, "True or False"),
        ({"epoch": 3}, "Did you mean epochs"),
        ({"lr": True}, "number or"),
        ({"steps": 1.5}, "whole number"),
    ],
    ids=["bytes", "mapping", "number", "word", "misspelt", "truth", "fraction"],
)
def test_wrong_types_are_said(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_train_options(values)


@pytest.mark.parametrize(
    "lr",
    [(0, 1, 3), (1, 0.1, 3), (0.1, 1, 1), (0.1, 1, 10**6), ("a", 1, 3), (0.1, 1, 2.5), 0.1, "all"],
    ids=str,
)
def test_a_sweep_of_no_learning_rates_is_said(lr: Any) -> None:
    with pytest.raises(UsageError):
        steepest.sweep_network(ROWS, "2-2", target="kind", lr=lr, steps=2)


def test_a_sweep_needs_steps() -> None:
    with pytest.raises(UsageError, match="needs steps"):
        steepest.sweep_network(ROWS, "2-2", target="kind", steps=0)
