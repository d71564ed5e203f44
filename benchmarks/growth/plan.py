"""What grows, how far, and what is measured on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """One line of a figure: a work of works.py."""

    work: str
    label: str
    """Beside its line."""
    what: str
    """In the page, after the label."""
    smallest: int = 1
    has_memory: bool = True
    """False where its peak memory is that of another series, whose work it does first."""


@dataclass(frozen=True)
class Growth:
    """One axis: from `smallest` to `largest`, both powers of ten."""

    name: str
    one: str
    """One of what grows; an s makes it many."""
    title: str
    time: str
    """What the times are of."""
    smallest: int
    largest: int
    series: tuple[Series, ...]
    remarks: tuple[str, ...] = ()

    def sizes(self, largest: int, per_decade: int) -> tuple[int, ...]:
        """A logarithmic grid up to `largest`, or as far as this axis goes.

        >>> PLAN[0].sizes(10_000, 2)
        (100, 316, 1000, 3162, 10000)
        """
        low, high = (math.log10(end) for end in (self.smallest, min(largest, self.largest)))
        count = round((high - low) * per_decade)
        return tuple(round(10 ** (low + place / per_decade)) for place in range(count + 1))


PLAN = (
    Growth(
        "rows",
        "row",
        "Rows: the first pass and a gradient grow with them, a later step does not",
        "time",
        100,
        100_000_000,
        (
            Series(
                "preparing",
                "prepare and solve",
                "`y ~ a*x + b` from two columns to a descent that is ready to start: the checks, "
                "the objective and the exact solution.",
            ),
            Series(
                "full_gradient",
                "one gradient",
                "the loss and its gradient on all rows of the same formula.",
            ),
            Series(
                "later_step",
                "one step after that",
                "a recorded step of 200,000 once the rows are prepared. Its memory is that of "
                "preparing.",
                has_memory=False,
            ),
        ),
    ),
    Growth(
        "weights",
        "weight",
        "Weights: a step and what is kept of it grow with them",
        "time a step",
        1,
        1_000_000,
        (
            Series(
                "many_weights",
                "function, 100 steps",
                "a step of 100 on a function in 64 bits with as many curvatures as weights. Every "
                "step's weights and gradient are kept, as `steepest minimize` keeps them.",
            ),
            Series(
                "network",
                "network, 64 steps",
                "a training step of 64 on a network in 32 bits, 64 inputs, one hidden layer and "
                "ten classes, with batches of 32 rows, as `steepest train` takes it: only lengths "
                "of tensors are kept.",
                smallest=100,
            ),
        ),
        (
            "A formula is at most 500 characters long, which is a few dozen weights, so it is not "
            "drawn. A network of this shape has at least 85 weights.",
        ),
    ),
    Growth(
        "steps",
        "step",
        "Steps: time grows with them, memory levels",
        "time",
        10,
        100_000_000,
        (
            Series(
                "quadratic_steps",
                "on the quadratic",
                "a recorded descent on the tutorial's three weights as `steepest fit` runs it, "
                "where the model is linear in its weights.",
            ),
            Series(
                "formula_steps",
                "on the formula",
                "the same descent on the formula and its 20 rows, as it is run elsewhere.",
            ),
        ),
        (
            "The trace is thinned, so memory is bounded; the end of each descent is compared with "
            "the closed form, to 1e-6.",
        ),
    ),
    Growth(
        "rates",
        "learning rate",
        "Learning rates side by side: a step of all",
        "time a step of all",
        1,
        10_000,
        (
            Series(
                "quadratic_race",
                "tried, quadratic",
                "a step of 1,000 of all descents together on the tutorial's problem, as "
                "`steepest sweep` tries them: only how each ends is kept.",
            ),
            Series(
                "formula_race",
                "tried, formula",
                "the same on the formula and its 20 rows.",
            ),
            Series(
                "full_traces",
                "every step kept",
                "a step of 256 on the quadratic, all of them recorded.",
            ),
        ),
    ),
)
