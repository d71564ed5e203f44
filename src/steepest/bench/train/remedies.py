"""What would have helped a training: tried, and told only where it did."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from steepest.bench.command import number
from steepest.bench.train.course import Plan, Progress
from steepest.bench.train.options import TrainOptions
from steepest.bench.train.rates import choose_rate, try_rates
from steepest.bench.train.rows import read_rows
from steepest.records import Remedy
from steepest.training import Trial
from steepest.wording import count
from steepest.wording import number as shown

BETTER = 0.5
"""A remedy gets to the loss that the training ended with in this share of its steps, at most."""


def rate_remedy(
    plan: Plan, options: TrainOptions, trials: Sequence[Trial], goal: float | None, data: str | None
) -> Remedy | None:
    """The learning rate of the trials that got to the goal first; with no goal the lowest loss."""
    if goal is None:
        lowest = min(trials, key=lambda trial: trial.loss, default=None)
        if lowest is None or not math.isfinite(lowest.loss):
            return None
        sentence = (
            f"A learning rate of {number(lowest.lr)} brings the loss to {shown(lowest.loss, 4)} in "
            f"{count(lowest.steps, 'step')}."
        )
        return _remedy("lr", sentence, lowest, options, data, lr=_two_digits(lowest.lr))
    arrived = [trial for trial in trials if trial.reached_at is not None]
    first = min(arrived, key=lambda trial: trial.reached_at or 0, default=None)
    if first is None or first.reached_at is None:
        return None
    sentence = (
        f"A learning rate of {number(_two_digits(first.lr))} gets in "
        f"{count(first.reached_at, 'step')} to the loss that this one had after "
        f"{count(plan.steps)}."
    )
    return _remedy("lr", sentence, first, options, data, lr=_two_digits(first.lr))


def standardize_remedy(
    plan: Plan, options: TrainOptions, given: Any, goal: float, progress: Progress
) -> Remedy | None:
    """Standardized inputs, with a learning rate of their own; None where it does not help."""
    changed = replace(options, standardize=True)
    other = replace(plan, split=read_rows(given, changed))
    lr, _, _ = choose_rate(other, progress)
    (trial,) = try_rates(replace(other, lr=lr), [lr], plan.steps, progress, goal=goal, stops=False)
    if trial.reached_at is None or trial.reached_at > BETTER * plan.steps:
        return None
    sentence = (
        f"With standardized inputs and a learning rate of {number(lr)} it gets in "
        f"{count(trial.reached_at, 'step')} to the loss that it had after {count(plan.steps)}."
    )
    data = given if isinstance(given, str) else None
    return _remedy("standardize", sentence, trial, changed, data, lr=lr)


def _remedy(
    change: str,
    sentence: str,
    trial: Trial,
    options: TrainOptions,
    data: str | None,
    **changes: Any,
) -> Remedy:
    changed = replace(options, **changes)
    return Remedy(
        change=change,
        sentence=sentence,
        command=command_line(data, changed),
        python=python_line(data, changed),
        predicted_steps=None,
        measured_steps=trial.reached_at,
        measured_loss=trial.loss,
        reached=trial.reached_at is not None,
        options=changed.given(),
    )


def _two_digits(rate: float) -> float:
    return float(f"{rate:.2g}")


def command_line(data: str | None, options: TrainOptions) -> str:
    """What to type, quoted for a shell."""
    words = ["steepest", "train", "-" if data is None else data]
    for name, value in options.given().items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is False:
            words.append(f"--no-{flag[2:]}")
        elif isinstance(value, tuple):
            words += [flag, ",".join(value)]
        else:
            words += [flag, number(value) if isinstance(value, float) else str(value)]
    return " ".join(shlex.quote(word) for word in words)


def python_line(data: str | None, options: TrainOptions) -> str:
    """The same as a call of the package."""
    given = options.given()
    network = given.pop("network", "")
    arguments = ["data" if data is None else repr(data), repr(network)]
    arguments += [f"{name}={value!r}" for name, value in given.items()]
    return f"steepest.train({', '.join(arguments)})"
