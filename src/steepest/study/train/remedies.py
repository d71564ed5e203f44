"""What would have helped a training: tried, run alone, and told only where it did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from steepest.methods.options import TrainOptions
from steepest.methods.schedules import CONSTANT
from steepest.problem.command import called, number, typed
from steepest.records.training import Trial
from steepest.records.verdict import Remedy
from steepest.study.train.budget import Budget
from steepest.study.train.measure import Judged
from steepest.study.train.plan import Plan, Progress
from steepest.study.train.proof import Proof, run_alone
from steepest.study.train.rates import FALLS, Choice, choose_rate
from steepest.study.train.rows import standardized
from steepest.words.wording import count, percent
from steepest.words.wording import number as shown

BETTER: Final = 0.5
"""A remedy gets to the loss that the training ended with in this share of its steps, at most."""

WORSE: Final = 0.05
"""Ending higher by a larger share, on the rows of the result, a remedy is none."""

TRIES: Final = 3
"""Learning rates that are run alone, one after another, until one helps."""

TRYING: Final = 2 / 3
"""Of the time that is left, for trying side by side; the rest is for running alone."""


@dataclass(frozen=True, eq=False)
class Ended:
    """How a training ended that something else is to do better."""

    plan: Plan
    """With the steps that it took."""
    options: TrainOptions
    data: str | None
    goal: float
    """The loss to be reached: that of its end, or one below its start where it learned nothing."""
    end: float
    """The loss over all rows learned from where it ended."""
    learned: bool
    own: Judged | None
    """None where the loss was lost."""
    progress: Progress
    budget: Budget
    """For all remedies together."""

    def alone(self, plan: Plan, lr: float, steps: int) -> Proof:
        """What the command with this learning rate does."""
        return run_alone(plan, lr, steps, self.goal, self.progress, self.budget)


def learning_remedy(ended: Ended, choice: Choice, start: float) -> Remedy | None:
    """The learning rate with the lowest loss; None where none brings it below its start."""
    plan = ended.plan
    own = plan.lr if plan.schedule == CONSTANT.name else None
    for lr in [lr for lr in choice.order if lr != own][:TRIES]:
        if ended.budget.is_spent:
            break
        proof = ended.alone(plan, lr, choice.steps)
        trial = proof.trial
        if proof.calm and trial.loss < FALLS * start:
            sentence = (
                f"A learning rate of {number(lr)} brings the loss to {shown(trial.loss, 4)} in "
                f"{count(trial.steps, 'step')}."
            )
            return _remedy("lr", sentence, proof, ended, ended.options, trial.steps)
    return None


def rate_remedy(ended: Ended, trials: Sequence[Trial]) -> tuple[Remedy | None, tuple[Trial, ...]]:
    """The learning rate of the trials that got first to the goal; beside it the trials.

    Those that were run alone are told as they were then.
    """
    told = list(trials)
    arrived = [place for place, trial in enumerate(told) if trial.reached_at is not None]
    arrived.sort(key=lambda place: (told[place].reached_at or 0, told[place].loss))
    for place in arrived[:TRIES]:
        if ended.budget.is_spent:
            break
        proof = ended.alone(ended.plan, told[place].lr, told[place].steps)
        if proof.trial.steps < told[place].steps and proof.trial.reached_at is None:
            break  # there was no time to see
        told[place] = replace(proof.trial, word=told[place].word)
        remedy = _quicker(ended, proof)
        if remedy is not None:
            return remedy, tuple(told)
    return None, tuple(told)


def _quicker(ended: Ended, proof: Proof) -> Remedy | None:
    reached = proof.trial.reached_at
    if reached is None or not proof.calm or not proof.lasting <= ended.goal:
        return None
    lr, found = number(proof.trial.lr), count(reached, "step")
    steps = count(ended.plan.steps)
    if ended.learned:
        sentence = (
            f"A learning rate of {lr} gets in {found} to the loss that this one had after {steps}."
        )
    else:
        sentence = (
            f"With a learning rate of {lr} the loss falls to {shown(ended.goal, 4)} in {found}; "
            f"here it was {shown(ended.end, 4)} after {steps}."
        )
    return _remedy("lr", sentence, proof, ended, ended.options, reached)


def standardize_remedy(ended: Ended) -> Remedy | None:
    """Standardized inputs, with a learning rate of their own; None where it does not help."""
    plan = replace(ended.plan, split=standardized(ended.plan.split))
    choice = choose_rate(plan, ended.progress, ended.budget.first(TRYING))
    for lr in choice.order[:TRIES]:
        if ended.budget.is_spent:
            break
        proof = ended.alone(plan, lr, plan.steps)
        trial = proof.trial
        reached = trial.reached_at
        if proof.calm and reached is not None and reached <= BETTER * plan.steps:
            sentence = (
                f"With standardized inputs and a learning rate of {number(lr)} the loss falls to "
                f"{shown(ended.goal, 4)} in {count(reached, 'step')}, and to "
                f"{shown(trial.loss, 4)} in {count(trial.steps)}."
            )
            changed = replace(ended.options, standardize=True)
            return _remedy("standardize", sentence, proof, ended, changed, reached)
        if proof.calm:
            break  # it is not the learning rate
    return None


def _remedy(
    change: str,
    sentence: str,
    proof: Proof,
    ended: Ended,
    options: TrainOptions,
    reached: int,
) -> Remedy | None:
    """The very training that was measured: all of its steps, with one learning rate."""
    if proof.end is None or not math.isfinite(proof.trial.loss):
        return None
    if is_worse(proof.end.metrics, None if ended.own is None else ended.own.metrics):
        return None
    changed = replace(
        options,
        lr=proof.trial.lr,
        steps=proof.trial.steps,
        schedule=CONSTANT.name,
        epochs=None,
        patience=None,
        time_limit=None,
    )
    given, data = changed.given(), ended.data
    named = {name: value for name, value in given.items() if name != "network"}
    return Remedy(
        change=change,
        sentence=f"{sentence} {_ending(ended, proof.end)}",
        command=typed(["steepest", "train", data or "-"], given),
        python=called("train", [repr(data) if data else "data", repr(changed.network)], named),
        predicted_steps=None,
        measured_steps=reached,
        measured_loss=proof.end.metrics["loss"],
        reached=True,
        options=given,
    )


def is_worse(end: Mapping[str, float], own: Mapping[str, float] | None) -> bool:
    """Whether what a command ends with is worse than what there is, on the rows of the result.

    It may be quicker on the rows learned from, and say less of those held out.
    """
    if own is None or not math.isfinite(own["loss"]):
        return False
    if end.get("accuracy", 0.0) > own.get("accuracy", 0.0):
        return False
    return not end["loss"] <= own["loss"] + WORSE * abs(own["loss"])


def _ending(ended: Ended, end: Judged) -> str:
    """What its command ends with beside what the training did, on the rows of its result."""
    rows = "learned from" if ended.plan.split.held is None else "held out"
    share, loss = end.metrics.get("accuracy"), shown(end.metrics["loss"], 4)
    if share is None:
        said = f"Its command ends with loss {loss} on the rows {rows}"
    else:
        said = f"Of the rows {rows} its command gets {percent(share, 3)} right, with loss {loss}"
    own = None if ended.own is None else ended.own.metrics
    if own is None or not math.isfinite(own["loss"]):
        return f"{said}."
    was = "" if share is None else f"{percent(own['accuracy'], 3)}, with loss "
    return f"{said}; here it was {was}{shown(own['loss'], 4)}."
