"""From a verdict to what is worth trying, cheapest first, and what is worth offering.

Nothing is run here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from steepest.checks.facts import causes
from steepest.checks.learning_rate import WORTH_IT, quicker
from steepest.methods.losses import SQUARED
from steepest.methods.optimizers import LBFGS, LM, REMEDIES, SOLVERS, optimizer_of
from steepest.records.verdict import Measurements

FEW = 10
"""A descent that arrives in this many steps needs no remedy."""

QUICK = 100
"""Once a remedy arrives in this many steps, nothing dearer is tried."""

FINE = 1e-4
"""Ending so far above the minimum, in units of what counts as arrived, leaves nothing to gain."""


LEAST_SCALE = 3
"""A scale that makes the condition number no more than so many times larger is not worth a cure."""

OWN_RATES = "a rate per weight"
BETTER_RATE = "better learning rate"
STOP = "stop early"
SOFTER = "softer targets"


@dataclass(frozen=True)
class Proposal:
    """A change to try, before anyone knows whether it helps."""

    change: str
    options: dict[str, object] = field(default_factory=dict)
    """What to set, by the options' long names."""
    scales: bool = False
    """Where it helps, the dearer proposals are tried on top of it."""


def ladder(measurements: Measurements) -> tuple[Proposal, ...]:
    """What may help this descent, cheapest first."""
    minimum, problem = measurements.minimum, measurements.problem
    diverged = measurements.descent.stopped == "diverged"
    if minimum is not None and not minimum.exists and not diverged:
        return ()  # There is nowhere to arrive.
    if minimum is not None and minimum.unbounded:
        return ()
    own_steps = None if measurements.forecast is None else measurements.forecast.steps
    own = measurements.descent.optimizer
    exact = Proposal(LM.title, {"optimizer": LM.name})
    if own_steps is not None and own_steps <= FEW:
        return (exact,) if own != LM.name and finishes(exact, measurements) else ()
    found: list[Proposal] = []
    if own not in SOLVERS and (measurements.rates is None or quicker(measurements) is not None):
        found.append(Proposal(BETTER_RATE))
    plain = not problem.standardized and not problem.rescaled
    shares = rates_by_curvature(measurements) if plain else {}
    if shares:
        found.append(Proposal(OWN_RATES, {"lr": shares}, scales=True))
    if problem.rows and plain:
        found.append(Proposal("standardize", {"standardize": True}, scales=True))
    if plain and len(problem.weights) > 1 and not shares:
        found.append(Proposal("rescale", {"rescale": True}, scales=True))
    for optimizer in REMEDIES:
        if optimizer not in (own, LM.name):
            found.append(Proposal(optimizer, {"optimizer": optimizer}))
    if problem.loss in SQUARED and own != LM.name:
        found.append(exact)
    if own_steps is None and minimum is not None and minimum.start is not None:
        solver = LM.name if problem.loss in SQUARED else LBFGS.name
        found.append(Proposal("another start", {"optimizer": solver, "start": minimum.start}))
    return tuple(found)


def rates_by_curvature(measurements: Measurements) -> dict[str, float]:
    """Learning rates in inverse proportion to the weights' own curvatures, the largest 1.

    Empty where scale is no cause of an uneven curvature, and where it is not for the user to say
    how long a weight's steps are: adaptive optimizers and solvers see to that by themselves.
    """
    because = causes(measurements)
    descent, weights = measurements.descent, measurements.problem.weights
    if because is None or because.by_scale < LEAST_SCALE or descent.rates:
        return {}
    if not optimizer_of(descent.optimizer).is_linear or set(because.own) != set(weights):
        return {}
    least = min(because.own.values())
    return {name: least / because.own[name] for name in weights}


def to_last_digit(proposal: Proposal, measurements: Measurements) -> bool:
    """Whether this fits a curve as people who fit curves expect: to the last digit.

    A linear model needs no such thing: its exact minimum is known without any start.
    """
    problem = measurements.problem
    return (
        proposal.options.get("optimizer") == LM.name
        and problem.loss in SQUARED
        and not problem.linear_in_weights
    )


def finishes(proposal: Proposal, measurements: Measurements) -> bool:
    """Whether it may add digits to a descent that ended near the minimum."""
    minimum, goal = measurements.minimum, measurements.goal
    if minimum is None or goal is None or not to_last_digit(proposal, measurements):
        return False
    left = measurements.descent.final_loss - minimum.loss
    return left > FINE * (goal.loss - minimum.loss)


def helps(
    *,
    reached: bool,
    measured_steps: int | None,
    measured_loss: float,
    own_steps: int | None,
    own_loss: float,
    own_diverged: bool,
    finishes: bool = False,
) -> bool:
    """Whether a remedy that was run is worth offering.

    It is when it got to the goal and the descent does not, or gets there in at least a tenth
    fewer steps, or it `finishes` what the descent left; or when neither gets there and its loss
    is lower by more than a hundredth.
    """
    if reached and finishes and measured_loss < own_loss:
        return True
    if reached:
        return own_steps is None or (
            own_steps > FEW and (measured_steps or 0) < WORTH_IT * own_steps
        )
    if own_steps is not None:
        return False
    return own_diverged or measured_loss < own_loss - 0.01 * abs(own_loss)
