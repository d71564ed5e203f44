"""Classes that can be told apart: what the descent wins on its rows, and loses on rows held out.

The cross-entropy then has no minimum. Softer targets give it one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from steepest.descent.run import descend
from steepest.formula.nodes import Binary, Number
from steepest.formula.render import to_text
from steepest.measure.refits import PARTS
from steepest.methods.optimizers import SOLVERS
from steepest.problem.setup import Setup, assemble, with_rates
from steepest.records.arrays import Steps
from steepest.records.descent import Descent
from steepest.records.fitted import Apart
from steepest.records.point import Minimum
from steepest.records.problem import Settings
from steepest.study.aim import at_most, known_minimum

_SECONDS: Final = 10.0
"""All descents on parts of the rows together."""

_MOST_ROWS: Final = 20_000


def apart_at(
    setup: Setup, settings: Settings, descent: Descent, minimum: Minimum | None
) -> Apart | None:
    """Descend again without each part of the rows, as often; None where that cannot be done."""
    rows = len(setup.row_numbers)
    if minimum is None or not minimum.separable or settings.optimizer in SOLVERS:
        return None
    if setup.is_passing or setup.unit is not None or setup.held_out is not None:
        return None
    walked = descent.stopped in ("step limit", "converged") and descent.final_step > 1
    if not walked or not 2 * PARTS <= rows <= _MOST_ROWS:
        return None
    settings = replace(
        settings,
        steps=descent.final_step,
        time_limit=at_most(_SECONDS, settings.time_limit) / PARTS,
    )
    losses, soft = [], []
    steps: Steps | None = None
    for held in _parts(setup):
        part = _without(setup, held)
        assert part.held_out is not None
        moving = with_rates(part, settings.rates).moving
        done = descend(moving, settings, part.start, scale=part.scale, held_out=part.held_out)
        found = known_minimum(softened(part), settings.seed, settings.time_limit)
        seen = done.trace.validation
        if done.descent.stopped != descent.stopped or found is None or seen is None:
            return None
        if steps is not None and not np.array_equal(steps, done.trace.step):
            return None
        steps = done.trace.step
        losses.append(seen)
        soft.append(part.held_out.value(part.objective.vector(found.weights)))
    assert steps is not None
    mean = np.mean(losses, axis=0)
    if not np.all(np.isfinite(mean)):
        return None
    best = 1 + int(np.argmin(mean[1:]))
    return Apart(PARTS, float(mean[-1]), int(steps[best]), float(mean[best]), float(np.mean(soft)))


def softened(setup: Setup) -> Setup:
    """The same problem with targets of Platt's: (n₁ + 1)/(n₁ + 2) for 1 and 1/(n₀ + 2) for 0.

    They are what n₁ rows of one class and n₀ of the other say of the next row, if nothing was known
    before (Platt 1999). No weights but finite ones reach them.
    """
    target = np.asarray(setup.objective.data["rows"]["target"])
    ones = int(np.sum(target == 1))
    low, high = 1 / (len(target) - ones + 2), (ones + 1) / (ones + 2)
    low, span = float(f"{low:.3g}"), float(f"{high - low:.3g}")
    formula = setup.formula
    assert formula.target is not None
    node = Binary("+", Number(low), Binary("*", Number(span), formula.target))
    text = f"{to_text(node)} ~ {formula.written}"
    made = assemble(
        replace(setup.problem, formula=text, target=to_text(node)),
        replace(formula, text=text, target=node),
        setup.columns,
        setup.row_numbers,
        setup.start,
        fixed=setup.fixed,
        bounds=setup.bounds,
        row_weight=setup.row_weight,
        held_out_columns=None,
    )
    return replace(made, plain_columns=setup.plain_columns, scaling=setup.scaling)


def _parts(setup: Setup) -> list[Steps]:
    """Places of the rows that are held out together: parts of one size, with both classes alike."""
    target = np.asarray(setup.objective.data["rows"]["target"])
    mixed = np.random.default_rng(0).permutation(len(target))
    order = mixed[np.argsort(target[mixed], kind="stable")]
    size = len(order) // PARTS
    return [np.sort(order[part : size * PARTS : PARTS]) for part in range(PARTS)]


def _without(setup: Setup, held: Steps) -> Setup:
    """The problem without some of its rows, which are held out."""
    keep = np.setdiff1d(np.arange(len(setup.row_numbers)), held)
    return assemble(
        replace(setup.problem, rows=len(keep), validation_rows=len(held)),
        setup.formula,
        {name: column[keep] for name, column in setup.columns.items()},
        setup.row_numbers[keep],
        setup.start,
        fixed=setup.fixed,
        bounds=setup.bounds,
        row_weight=None if setup.row_weight is None else setup.row_weight[keep],
        held_out_columns={name: column[held] for name, column in setup.columns.items()},
    )
