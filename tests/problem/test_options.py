"""What a caller may give for each option, and what is said about a value of another kind."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.problem.options import Options, read_options
from steepest.words.errors import UsageError

FOUR = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.5, 7.0]}

# id: option, value, what the message must name besides the option
WRONG: dict[str, tuple[str, Any, list[str]]] = {
    "steps as text": ("steps", "10", ["whole number", "'10'", "steps=1000"]),
    "steps with a fraction": ("steps", 1.5, ["whole number", "1.5"]),
    "steps true": ("steps", True, ["whole number", "True"]),
    "steps infinite": ("steps", float("inf"), ["whole number", "inf"]),
    "steps complex": ("steps", 1j, ["whole number", "1j"]),
    "start as text": ("start", "a=1", ["dict", "a=1", '{"a": 2.0}']),
    "start by place": ("start", {0: 1.0}, ["dict", "{0: 1.0}"]),
    "start of nothing": ("start", {"a": None}, ["start['a']", "number", "None"]),
    "start as an array": ("start", {"a": np.ones(2)}, ["start['a']", "number"]),
    "fix of nothing": ("fix", {"a": None}, ["fix['a']", "number", "None"]),
    "one bound": ("bounds", {"a": (1,)}, ["bounds['a']", "lower and an upper", "(1,)"]),
    "bounds as text": ("bounds", {"a": "0:1"}, ["bounds['a']", "'0:1'", "(0, None)"]),
    "bounds as a list": ("bounds", [(0, 1)], ["dict", "[(0, 1)]"]),
    "seed with a fraction": ("seed", 1.5, ["whole number", "1.5", "seed=1"]),
    "batch size with a fraction": ("batch_size", 2.5, ["whole number", "2.5"]),
    "patience as text": ("patience", "3", ["whole number", "'3'"]),
    "at as text": ("at", "last", ["whole number", "'last'"]),
    "loss as a number": ("loss", 3, ["text", "3", 'loss="mae"']),
    "optimizer as a class": ("optimizer", dict, ["text", "dict"]),
    "lr in words": ("lr", "fast", ['number or "auto"', "'fast'", "lr=0.01"]),
    "lr of no weight": ("lr", {}, ["a rate for each weight", "{}", "lr=0.01"]),
    "lr as a list": ("lr", [0.1], ['number or "auto"', "[0.1]"]),
    "momentum as text": ("momentum", "high", ["number", "'high'", "momentum=0.9"]),
    "where as a number": ("where", 3, ["text", "3"]),
    "sigma as a number": ("sigma", 3, ["text", "3"]),
    "memory as a number": ("memory", 2e9, ["text", "2000000000.0"]),
    "time limit with a unit": ("time_limit", "1s", ["number", "'1s'", "time_limit=5.0"]),
    "tolerance as a list": ("tolerance", [], ["number", "[]"]),
    "validation as text": ("validation", "half", ["number", "'half'"]),
    "standardize as a number": ("standardize", 1, ["True or False", "1"]),
    "remedies as text": ("remedies", "no", ["True or False", "'no'"]),
    "rescale as text": ("rescale", "yes", ["True or False"]),
    "gives in words": ("gives", "odds", ["logit", "'odds'"]),
    "endless text": ("steps", "9" * 10_000, ["whole number", "..."]),
}


@pytest.mark.parametrize(("option", "value", "names"), WRONG.values(), ids=WRONG)
def test_a_value_of_the_wrong_kind(option: str, value: Any, names: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        steepest.fit(FOUR, "y ~ a*x + b", **{option: value})
    message = caught.value.message
    assert message.startswith(option)
    assert len(message) < 250
    for name in names:
        assert name in message


def test_every_option_has_a_case() -> None:
    assert {option for option, _, _ in WRONG.values()} == {item.name for item in fields(Options)}


# id: option, value as given, value as read
ACCEPTED: dict[str, tuple[str, Any, Any]] = {
    "steps in exponents": ("steps", 1e6, 1_000_000),
    "steps of numpy": ("steps", np.int32(7), 7),
    "steps as a float of numpy": ("steps", np.float64(7.0), 7),
    "lr of numpy": ("lr", np.float32(0.5), 0.5),
    "lr as a whole number": ("lr", 1, 1.0),
    "lr as text": ("lr", "1e-3", 0.001),
    "start of numpy": ("start", {"a": np.float64(2)}, {"a": 2.0}),
    "fix as a whole number": ("fix", {"a": 2}, {"a": 2.0}),
    "open bounds": ("bounds", {"a": (0, None), "b": [None, 1]},
                    {"a": (0.0, float("inf")), "b": (float("-inf"), 1.0)}),
    "truth of numpy": ("remedies", np.bool_(False), False),
}  # fmt: skip


@pytest.mark.parametrize(("option", "value", "read"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_value_that_can_be_read(option: str, value: Any, read: Any) -> None:
    found = getattr(read_options({option: value}), option)
    assert found == read
    assert type(found) is type(read)


def test_nothing_is_the_default() -> None:
    assert read_options(dict.fromkeys(item.name for item in fields(Options))) == Options()


@pytest.mark.parametrize(("formula", "constant"), [("y ~ a + b", True), ("y ~ a*x + b", False)])
def test_a_model_without_a_column_is_constant(formula: str, constant: bool) -> None:
    run = steepest.fit(FOUR, formula, steps=1, remedies=False)
    assert run.to_dict()["problem"]["constant"] == constant
