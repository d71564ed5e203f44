"""What several checks read from the measurements. Nothing here measures."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.descent import Forecast, Goal
from steepest.records.point import Minimum, Spectrum
from steepest.records.verdict import Leaving, Measurements
from steepest.words.wording import count, escaped, listed, number, roughly, together

LEVEL = 1e-9
"""A curvature that takes a smaller share off the loss within the weights' size is a plateau's."""

SMALL_GRADIENT = 1e-3
"""A gradient this small beside the first one is nearly zero."""

_STOOD = 0.1
"""Where a Newton step would take more than this share of what is left, nothing stands still."""

FLAT_FALL = 1e-3
"""A step that takes a smaller share off the loss looks like none on a chart."""

ILL = 1e3
"""From this condition number on, one learning rate for all weights is slow."""

SEPARABLE = 1e12
"""Up to this condition number its causes can be told apart; beyond, rounding hides them."""

ROUNDED = 1e-3
"""Unless rounding is so small a share of the smallest curvature."""

_WORTH = 0.01
"""A fit that takes no more than this share off the loss of one constant for all is useless."""

_BY_CHANCE = 0.05
"""The same where so many weights take off as much of numbers that are drawn."""

USELESS = "but the fit is useless: predicting the same for every row is about as good"

FAR = 10
"""So many times what counts as arrived is far from the minimum (10 % of the minimum)."""

_AT_REST = 1e-9
"""A gradient below this share of the first, and a step below it of the weights, is none."""

DOMINANT = 0.8
"""A direction is called after a weight that has this much of its unit vector."""


NOTHING = "zero to within rounding"

GRADIENT = "the gradient"
"""Where a value was not finite, though the loss was."""


def is_finite(value: float | None) -> TypeGuard[float]:
    """Tell whether a value was measured and is a finite number."""
    return value is not None and math.isfinite(value)


def plain(value: float | None) -> float | None:
    """Turn a NumPy number into a Python one, for evidence that any JSON writer takes."""
    return None if value is None else float(value)


def length(gradient: Mapping[str, float]) -> float:
    """Return the Euclidean norm; NaN where an entry is NaN."""
    return math.hypot(*gradient.values())


def diverged(m: Measurements) -> bool:
    """Tell whether the descent left every bound."""
    return m.descent.stopped == "diverged"


def endless(m: Measurements) -> bool:
    """Tell whether the descent went down and out: below its start, with no minimum to be found."""
    if not diverged(m):
        return False
    fell = m.descent.final_loss < m.descent.first_loss
    return (m.minimum is not None and m.minimum.unbounded) or (fell and lowest(m) is None)


def lowest(m: Measurements) -> Minimum | None:
    """Return the lowest minimum known, None where none is known or none exists."""
    known = [
        found
        for found in (m.minimum, m.lower_minimum)
        if found is not None and math.isfinite(found.loss) and found.exists
    ]
    return min(known, key=lambda found: found.loss, default=None)


def about_minimum(goal: Goal | None) -> TypeGuard[Goal]:
    """Tell whether the goal is to be near the minimum, and not just a loss that was seen."""
    return goal is not None and math.isfinite(goal.loss) and goal.to.endswith("the minimum")


def allowance(m: Measurements) -> float | None:
    """How far above the minimum still counts as there; None where no minimum is known."""
    found = lowest(m)
    if found is None or m.minimum is None or not about_minimum(m.goal):
        return None
    allowed = m.goal.loss - m.minimum.loss
    return allowed if math.isfinite(allowed) and allowed >= 0 else None


def gap(m: Measurements) -> float | None:
    """How far the final loss lies above the lowest one known."""
    found = lowest(m)
    if found is None or not math.isfinite(m.descent.final_loss):
        return None
    return m.descent.final_loss - found.loss


def arrived(m: Measurements) -> bool:
    """Tell whether the descent ended within the goal, where the goal is about the minimum."""
    above, allowed = gap(m), allowance(m)
    return (
        not diverged(m)
        and above is not None
        and allowed is not None
        # Either comparison may lose its last digit.
        and (above <= allowed or (m.lower_minimum is None and _within_goal(m)))
    )


def _within_goal(m: Measurements) -> bool:
    return m.goal is not None and m.descent.final_loss <= m.goal.loss


def settled(m: Measurements) -> bool:
    """Tell whether the gradient has nearly vanished, compared with the first one."""
    if diverged(m):
        return False
    if m.descent.stopped == "converged":
        return True
    if m.descent.final_step and dict(m.start) == dict(m.final_weights):
        return True  # A step so short that rounding swallows it.
    # What only presses a weight against its bound moves nothing.
    held = m.spectrum.held if m.spectrum is not None else ()
    free = {name: slope for name, slope in m.final_gradient.items() if name not in held}
    last, first = length(free), length(m.first_gradient)
    return math.isfinite(last) and (last == 0 or last <= SMALL_GRADIENT * first)


def rests(m: Measurements) -> bool:
    """Tell whether the gradient is so short, and its step, that the weights do not move."""
    last = length(m.final_gradient)
    still = m.descent.lr * last <= _AT_REST * length(m.final_weights)
    return still and last <= _AT_REST * length(m.first_gradient)


def in_local_minimum(m: Measurements) -> bool:
    """Tell whether the descent settled above a lower minimum that is known."""
    above = gap(m)
    if m.lower_minimum is None or above is None or arrived(m) or at_saddle(m):
        return False
    allowed = allowance(m)
    margin = 0.01 * abs(m.lower_minimum.loss) if allowed is None else allowed
    reach = _reach(m)
    # Down from a pole the gradient is soon small beside the first one, and there is far to go.
    return above > margin and settled(m) and (reach is None or reach <= _STOOD * above)


def goes_to_local_minimum(m: Measurements) -> bool:
    """Tell whether the descent has settled above a lower minimum, or does so when it is run on."""
    return m.heading is not None or in_local_minimum(m)


def undetermined(minimum: Minimum) -> list[str]:
    """The weights that may be others at the same minimum: those along which it is flat."""
    return [
        name
        for name in minimum.weights
        if any(abs(direction.get(name, 0.0)) > 1e-6 for direction in minimum.flat)
    ]


def spectrum_of(m: Measurements) -> Spectrum | None:
    """Return the spectrum where every eigenvalue of it was measured."""
    found = m.spectrum
    if found is None or not len(found.values) or not found.measured:
        return None
    return found


def at_saddle(m: Measurements) -> bool:
    """Tell whether the gradient is nearly zero where the curvature is negative in a direction.

    What a Newton step could still change, the sum of (v·g)²/|λ|, must be small as well, beside
    what the descent gained and what is left to gain: in a curved valley the gradient may be short
    while there is far to go.
    """
    found = spectrum_of(m)
    if found is None or found.at != "end" or found.most_negative is None or not settled(m):
        return False
    if found.most_negative > -1e-8 * float(np.max(np.abs(found.values))):
        return False
    if found.preconditioned is None:
        size = max(length(m.final_weights), 1.0)
        moved = abs(m.descent.first_loss - m.descent.final_loss)
        if -found.most_negative * size * size < LEVEL * moved:
            return False
    reach = _reach(m)
    if reach is None:
        return True
    fallen, left = abs(m.descent.first_loss - m.descent.final_loss), gap(m)
    at_stake = min(fallen or left, left) if left is not None and left > 0 else fallen
    return reach <= SMALL_GRADIENT * at_stake


def falls_everywhere(m: Measurements) -> bool:
    """Tell whether the loss curves downward in every direction: a maximum, where it is level."""
    found = spectrum_of(m)
    return found is not None and found.complete and bool(np.all(found.values < -found.noise))


def _reach(m: Measurements) -> float | None:
    """What a Newton step from the end could still change; None where that is not known."""
    found = spectrum_of(m)
    if found is None or found.at != "end" or found.preconditioned is not None:
        return None
    if len(found.vectors) != len(m.problem.weights):
        return None
    gradient = np.array([m.final_gradient.get(name, math.nan) for name in m.problem.weights])
    clear = np.abs(found.values) > found.noise
    with np.errstate(all="ignore"):
        along = (found.vectors.T @ gradient)[clear]
        return float(np.sum(along**2 / np.abs(found.values[clear])))


def shape_of(m: Measurements) -> Spectrum | None:
    """Return the spectrum that says how uneven the curvature is.

    That is the one where the descent ended. In a curved valley it has a negative curvature there,
    which says nothing of how long the way is; then it is the one at the minimum.
    """
    found, there = spectrum_of(m), m.minimum_spectrum
    if found is None or found.most_negative is None:
        return found
    return there if there is not None and there.measured and not at_saddle(m) else found


def conditioning(m: Measurements) -> tuple[float, float, int] | None:
    """Return the largest and the smallest positive curvature, and the column of the latter.

    Directions along which the loss does not change at all are left out: they are SD202's. Where
    rounding hides the smallest it is at most the second number (`is_hidden`).
    """
    found = shape_of(m)
    if found is None or (largest := found.largest) <= 0:
        return None
    flat, noise = len(m.minimum.flat) if m.minimum is not None else 0, found.noise
    order = np.argsort(np.abs(found.values), kind="stable")
    curved = [
        int(column)
        for column in (order[flat:] if found.complete else order)
        if found.values[column] > noise
    ]
    if not curved or (not found.complete and found.smallest <= noise):
        return None
    last = min(curved, key=lambda column: float(found.values[column]))
    smallest = float(found.values[last])
    if is_hidden(m) and noise > 0:
        last, smallest = int(order[flat]), noise
    return (largest, smallest, last) if math.isfinite(largest / smallest) else None


def is_hidden(m: Measurements) -> bool:
    """Tell whether a curvature is too small to be told from rounding, though none is flat."""
    found = shape_of(m)
    if found is None or not found.complete or m.minimum is None or not m.minimum.exists:
        return False
    # Exactly none is no rounding, and a weight without any gradient has its own finding.
    size = np.abs(found.values)
    clear = int(np.sum((size > found.noise) | (size == 0))) + len(found.held) + len(m.still)
    return clear + len(m.minimum.flat) < len(m.problem.weights)


@dataclass(frozen=True)
class Causes:
    """Why the curvature is uneven: the condition number is `by_scale` times `by_correlation`.

    `own` is the curvature along each weight alone. With a learning rate for each weight, in inverse
    proportion to it, the condition number is `by_correlation`: that much comes of weights that
    must move together. The rest is scale.
    """

    own: Mapping[str, float]
    by_scale: float
    by_correlation: float


def causes(m: Measurements) -> Causes | None:
    """Return the two causes of an uneven curvature; None where they cannot be told apart.

    The Hessian is scaled from both sides by the roots of its diagonal (Jacobi's scaling): what
    condition number is left then is correlation's. Directions that are flat stay left out.
    """
    found, curved, names = shape_of(m), conditioning(m), m.problem.weights
    if found is None or curved is None or not found.complete or len(found.vectors) != len(names):
        return None
    if is_hidden(m):
        return None
    largest, smallest, _ = curved
    used = found.values >= smallest
    root = np.sqrt(found.values[used])[:, None] * found.vectors[:, used].T
    own = np.sum(root**2, axis=0)
    moves = own > found.noise
    told = found.noise <= ROUNDED * smallest
    if np.sum(moves) < 2 or (largest / smallest > SEPARABLE and not told):
        return None
    with np.errstate(all="ignore"):
        left = np.linalg.svd(root[:, moves] / np.sqrt(own[moves]), compute_uv=False) ** 2
    rank = min(int(np.sum(used)), int(np.sum(moves)))
    by_correlation = float(left[0] / left[rank - 1])
    if not math.isfinite(by_correlation):
        return None
    shown = {name: float(own[place]) for place, name in enumerate(names) if moves[place]}
    return Causes(shown, largest / smallest / by_correlation, by_correlation)


def leading_weight(vector: Vector, weights: tuple[str, ...]) -> str | None:
    """Return the weight that a direction is mostly along; None where there is no such weight."""
    if len(vector) != len(weights) or not np.all(np.isfinite(vector)):
        return None
    place = int(np.argmax(np.abs(vector)))
    return weights[place] if abs(vector[place]) >= DOMINANT else None


def combination(direction: Mapping[str, float]) -> dict[str, float]:
    """Scale a direction so that its largest entry is 1; entries that are noise are left out.

    >>> combination({"a": 0.8944, "b": -0.4472, "c": 1e-12})
    {'a': 1.0, 'b': -0.5}
    """
    entries = {name: float(value) for name, value in direction.items() if math.isfinite(value)}
    top = max(entries.values(), key=abs, default=0.0)
    if top == 0:
        return {}
    return {
        name: float(f"{value / top:.6g}")
        for name, value in entries.items()
        if abs(value / top) > 1e-6
    }


def place_of(weights: Mapping[str, float], most: int = 4) -> str:
    """Write where a point is: x = 2, y = 3. Empty where it has too many weights to read."""
    if not weights or len(weights) > most:
        return ""
    return ", ".join(f"{escaped(name)} = {number(value, 4)}" for name, value in weights.items())


def off_to_infinity(found: Minimum, most: int = 4) -> str:
    """Write where weights go while the loss falls for ever: x goes to minus infinity.

    Empty where none is known to.
    """
    signs = [(name, found.weights.get(name, 0.0) < 0) for name in found.growing]
    shown = [f"{escaped(name)} goes to {'minus ' * low}infinity" for name, low in signs]
    return listed(shown, most) if shown else ""


def broken_at_start(m: Measurements) -> bool:
    """Tell whether the loss or its gradient was not finite before any step was taken."""
    step = m.breakdown.step if m.breakdown is not None else m.descent.non_finite_step
    return step == 0


def start_broken(m: Measurements) -> str:
    """Write what is not finite at the start: the loss, or with a finite loss its gradient."""
    broken = m.breakdown
    if broken is not None and broken.where != GRADIENT and math.isfinite(m.descent.first_loss):
        # Such as 1/(1 + exp(1000)): the loss is a number, and its gradient none.
        row = "" if broken.row is None else f" on row {count(broken.row)}"
        where = escaped(broken.where, 60)
        return f"at the start {where} is not a finite number{row}, nor is the gradient"
    if broken is None or broken.where != GRADIENT or broken.weight is None:
        return "the start itself gives no finite number"
    row = "" if broken.row is None else f" on row {count(broken.row)}"
    return f"the gradient for {escaped(broken.weight)} is not a finite number at the start{row}"


def first_broken(m: Measurements) -> str:
    """Write where the first value appeared that is not a finite number."""
    broken = m.breakdown
    if broken is None:
        step = m.descent.non_finite_step or 0
        return f"the loss or its gradient is not a finite number from step {count(step)} on"
    text = f"the first value that is not a finite number came at step {count(broken.step)}"
    text += f", in {escaped(broken.where, 100)}"
    if broken.weight is not None and broken.weight not in re.findall(r"\w+", broken.where):
        text += f", for weight {escaped(broken.weight)}"
    if broken.row is not None:
        text += f", at row {count(broken.row)}"
    return text


def loss_in_words(m: Measurements, loss: float) -> str:
    """Write a loss; one of the size of rounding says nothing but that it is zero."""
    return NOTHING if 0 < abs(loss) <= m.rounding else number(loss)


def compared(m: Measurements, first: float, second: float) -> tuple[str, str]:
    """Write two losses that are compared, each as zero where it is no more than rounding."""
    shown = together(first, second)
    return (
        NOTHING if 0 < abs(first) <= m.rounding else shown[0],
        NOTHING if 0 < abs(second) <= m.rounding else shown[1],
    )


def when_ended(m: Measurements) -> str:
    """Write after how many steps the descent ended: at the start, where it took none."""
    steps = m.descent.final_step
    return f"after {count(steps, 'step')}" if steps else "at the start"


def off_again(leaving: Leaving) -> str:
    """Write when a descent that is run on is off the goal again, and whether it comes to stay."""
    text = f"run on, it is off again at step {count(leaving.at)}"
    if leaving.stays is None:
        return f"{text}, and not there to stay by step {count(leaving.walked)}"
    return f"{text}, and there to stay from step {count(leaving.stays)} on"


def taken(forecast: Forecast) -> str:
    """Write how many steps it takes; about, where that was extrapolated."""
    steps = roughly(forecast.steps or 0, "step")
    return steps if forecast.low is None else f"about {steps}"


def getting(to: str) -> str:
    """Write the way to a goal: getting within 1 % of the minimum, or reaching some loss."""
    return f"getting {to}" if to.startswith("within") else f"reaching {to or 'the goal'}"


def useless(m: Measurements) -> bool:
    """Tell whether the minimum of a model with columns is no better than one constant for all."""
    found, constant = lowest(m), m.reference_loss
    if found is None or constant is None or constant <= m.rounding or m.problem.constant:
        return False
    adjusted = None if m.statistics is None else m.statistics.adjusted_r_squared
    by_chance = adjusted is not None and adjusted <= 0
    return found.loss >= (1 - (_BY_CHANCE if by_chance else _WORTH)) * constant


def own_rates(m: Measurements) -> bool:
    """Tell whether each weight has a learning rate of its own."""
    return bool(m.descent.rates)


def rate_is(m: Measurements) -> str:
    """Begin a sentence about the learning rate: The learning rate 0.1 is."""
    if own_rates(m):
        return "The learning rates are"
    chosen = ", chosen by trying," if m.descent.lr_chosen == "auto" else ""
    return f"The learning rate {number(m.descent.lr)}{chosen} is"


def sentence(text: str) -> str:
    """Begin with a capital letter; the rest stays as it is.

    >>> sentence("the loss fell to 1e-05 at step A.")
    'The loss fell to 1e-05 at step A.'
    """
    return text[:1].upper() + text[1:]
