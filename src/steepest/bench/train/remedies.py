"""What would have helped a training: tried, and told only where it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steepest.bench.command import called, number, typed
from steepest.bench.train.budget import Budget
from steepest.bench.train.options import TrainOptions
from steepest.bench.train.plan import Plan, Progress
from steepest.bench.train.rates import FALLS, choose_rate, lowest, try_rates
from steepest.bench.train.rows import standardized
from steepest.records import Remedy
from steepest.training import Trial
from steepest.wording import count
from steepest.wording import number as shown

BETTER = 0.5
"""A remedy gets to the loss that the training ended with in this share of its steps, at most."""


def learning_remedy(
    trials: Sequence[Trial], start: float, options: TrainOptions, data: str | None
) -> Remedy | None:
    """The learning rate with the lowest loss; None where none brings it below its start."""
    best = lowest(trials)
    if best is None or not best.loss < FALLS * start:
        return None
    sentence = (
        f"A learning rate of {number(best.lr)} brings the loss to {shown(best.loss, 4)} in "
        f"{count(best.steps, 'step')}."
    )
    return _remedy("lr", sentence, replace(best, reached_at=best.steps), options, data)


def rate_remedy(
    plan: Plan,
    options: TrainOptions,
    trials: Sequence[Trial],
    missed: float | None,
    data: str | None,
) -> Remedy | None:
    """The learning rate of the trials that got first to where the training ended.

    `missed` is the loss that they went for instead, where the training did not fall as low.
    """
    arrived = [trial for trial in trials if trial.reached_at is not None]
    first = min(arrived, key=lambda trial: trial.reached_at or 0, default=None)
    if first is None or first.reached_at is None:
        return None
    reached, steps = count(first.reached_at, "step"), count(plan.steps)
    if missed is None:
        sentence = (
            f"A learning rate of {number(first.lr)} gets in {reached} to the loss that this one "
            f"had after {steps}."
        )
    else:
        sentence = (
            f"With a learning rate of {number(first.lr)} the loss falls to {shown(missed, 4)} in "
            f"{reached}; here it did not in {steps}."
        )
    return _remedy("lr", sentence, first, options, data)


def standardize_remedy(
    plan: Plan,
    options: TrainOptions,
    goal: float,
    data: str | None,
    progress: Progress,
    budget: Budget,
) -> Remedy | None:
    """Standardized inputs, with a learning rate of their own; None where it does not help."""
    changed = replace(options, standardize=True)
    other = replace(plan, split=standardized(plan.split))
    lr, _, _ = choose_rate(other, progress, budget)
    (trial,) = try_rates(
        replace(other, lr=lr), [lr], plan.steps, progress, goal=goal, stops=False, budget=budget
    )
    if trial.reached_at is None or trial.reached_at > BETTER * plan.steps:
        return None
    sentence = (
        f"With standardized inputs and a learning rate of {number(lr)} the loss falls to "
        f"{shown(goal, 4)} in {count(trial.reached_at, 'step')}, and to {shown(trial.loss, 4)} in "
        f"{count(trial.steps)}."
    )
    return _remedy("standardize", sentence, trial, changed, data)


def _remedy(
    change: str, sentence: str, trial: Trial, options: TrainOptions, data: str | None
) -> Remedy:
    # The very descent that was measured: all of its steps, with one learning rate.
    changed = replace(
        options,
        lr=trial.lr,
        steps=trial.steps,
        schedule="constant",
        epochs=None,
        patience=None,
        time_limit=None,
    )
    given = changed.given()
    named = {name: value for name, value in given.items() if name != "network"}
    return Remedy(
        change=change,
        sentence=sentence,
        command=typed(["steepest", "train", data or "-"], given),
        python=called("train", [repr(data) if data else "data", repr(changed.network)], named),
        predicted_steps=None,
        measured_steps=trial.reached_at,
        measured_loss=trial.loss,
        reached=trial.reached_at is not None,
        options=given,
    )
