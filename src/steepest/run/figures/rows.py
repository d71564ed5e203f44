"""What the rows of the data have to do with a run's frames: fit, residuals, pulls, backward."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from steepest.data.table.source import read_table
from steepest.formula.nodes import Column, names_of
from steepest.measure.gradient import backward_pass, chain_rule, pull_amounts
from steepest.methods.losses import CROSS_ENTROPY
from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.document import hardest_row
from steepest.run.figures.scene import Scene
from steepest.show.figures import (
    Curve,
    Figure,
    Passed,
    Quality,
    Range,
    Rows,
    backward_figure,
    fit_figure,
    panels_figure,
    pulls_figure,
    residuals_figure,
)
from steepest.study.explain import MOST_BACKWARD_ROWS
from steepest.study.predict import on_rows
from steepest.words.wording import count, escaped

ROW_NUMBERS = 8_000
"""Predictions in a figure: rows times frames."""
_MOST_ROWS = 2000
_LEAST_ROWS = 100
CURVE_NUMBERS = 8_000
PULL_NUMBERS = 6_000
_MOST_PULLS = 40
PULL_WORK = 50_000_000
"""Rows times weights times frames up to which pulls are measured."""

_NO_ROWS = "An expression has no rows."


def fit_and_residuals(scene: Scene) -> tuple[Figure, Figure] | str:
    """The prediction over the data, and what it leaves over."""
    setup = scene.setup
    if setup.problem.loss is None or not setup.objective.rows:
        return _NO_ROWS
    target = np.asarray(setup.objective.data["rows"]["target"])
    frames, best = scene.frames, scene.minimum
    chosen = _chosen(len(target), len(frames))
    column = _only_column(scene)
    rows = _rows(scene, target, chosen, column)
    predicted, errors = [], {}
    reach = (0.0, 0.0)
    for place, weights in enumerate(scene.values):
        found = _shown(scene, setup.objective.predictions(weights))
        predicted.append(found[chosen])
        if place in (0, frames.opens):
            errors[place] = _quality(scene, found, target)
        if place == frames.opens:
            left = target - found
            reach = float(np.min(left)), float(np.max(left))
    at_best = None
    if best is not None:
        at_best = _quality(scene, _shown(scene, setup.objective.predictions(best)), target)
    matrix = np.stack(predicted)
    quality = Quality(errors[0], errors[frames.opens], at_best, _classes(scene))
    model = None if column is None else _curve(scene, column, rows)
    fit = fit_figure(frames, rows, matrix, quality, model=model, notes=scene.notes)
    residuals = residuals_figure(
        frames, rows, target[chosen] - matrix, reach=reach, notes=scene.notes
    )
    return fit, residuals


def panels(scene: Scene, ylim: Range | None) -> Figure | str:
    """The prediction over the data, a panel a frame."""
    setup, frames = scene.setup, scene.frames
    if setup.problem.loss is None or not setup.objective.rows:
        return _NO_ROWS
    target = np.asarray(setup.objective.data["rows"]["target"])
    chosen = _chosen(len(target), len(frames))
    column = _only_column(scene)
    rows = _rows(scene, target, chosen, column)
    said = [_shown(scene, setup.objective.predictions(weights)) for weights in scene.values]
    model = None if column is None else _curve(scene, column, rows)
    predicted = np.stack(said)[:, chosen]
    return panels_figure(frames, rows, predicted, model=model, ylim=ylim, notes=scene.notes)


def _chosen(rows: int, frames: int) -> Steps:
    """Rows that are drawn, evenly chosen."""
    most = int(np.clip(ROW_NUMBERS // frames, _LEAST_ROWS, _MOST_ROWS))
    if rows <= most:
        return np.arange(rows)
    return np.unique(np.linspace(0, rows - 1, most).round().astype(np.int64))


def _only_column(scene: Scene) -> str | None:
    """The column that the model has, "" where it has none; None where there are several."""
    used = names_of(Column, scene.setup.formula.model)
    if len(used) > 1:
        return None
    return used[0] if used else ""


def _rows(scene: Scene, target: Vector, chosen: Steps, column: str | None) -> Rows:
    setup = scene.setup
    label = escaped(setup.problem.target or "target", 60)
    number = setup.row_numbers[chosen]
    if column:
        x, x_label = setup.plain_columns[column][chosen], escaped(column, 60)
    elif column is None and not _classes(scene):
        x, x_label = target[chosen], label
    else:
        x, x_label = number.astype(np.float64), "row"
    return Rows(number, x, target[chosen], x_label, label, len(target))


def _classes(scene: Scene) -> bool:
    return scene.setup.problem.loss == CROSS_ENTROPY.name


def _shown(scene: Scene, prediction: Vector) -> Vector:
    """A logit is shown as the probability that it stands for."""
    if scene.setup.problem.gives == "logit":
        return np.asarray(expit(prediction))
    return prediction


def _quality(scene: Scene, prediction: Vector, target: Vector) -> float:
    if _classes(scene):
        return float(np.sum((prediction >= 0.5) == (target >= 0.5)))
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean((target - prediction) ** 2)))


def _curve(scene: Scene, column: str, rows: Rows) -> Curve:
    setup, frames = scene.setup, scene.frames
    low, high = float(np.min(rows.x)), float(np.max(rows.x))
    if column:
        every = setup.plain_columns[column]
        low, high = float(np.min(every)), float(np.max(every))
    most = int(np.clip(CURVE_NUMBERS // len(frames), 41, 121))
    x = np.linspace(low, high, most)
    objective, _ = on_rows(setup, read_table({column or "row": x}))
    y = np.stack([_shown(scene, objective.predictions(weights)) for weights in scene.values])
    best = scene.minimum
    return Curve(x, y, None if best is None else _shown(scene, objective.predictions(best)))


def pulls(scene: Scene) -> Figure | str:
    """The rows that pull hardest at any frame."""
    setup, frames = scene.setup, scene.frames
    if setup.problem.loss is None or not setup.objective.rows:
        return _NO_ROWS
    columns = list(scene.shown)
    work = setup.objective.rows * len(setup.objective.names) * len(frames)
    if work > PULL_WORK:
        return (
            f"Rows times weights times frames are {count(work)}, and pulls are measured up to "
            f"{count(PULL_WORK)}."
        )
    strength = np.zeros(setup.objective.rows)
    for weights in scene.values:
        amounts = np.abs(_amounts(scene, weights))
        known = np.where(np.isfinite(amounts), amounts, 0.0)
        size = np.max(known, axis=0)
        strength = np.maximum(strength, np.max(known / np.where(size > 0, size, 1.0), axis=1))
    most = int(np.clip(PULL_NUMBERS // (len(frames) * len(columns)), 5, _MOST_PULLS))
    rows = np.sort(np.argsort(-strength, kind="stable")[:most])
    amount, rest = [], []
    for weights in scene.values:
        amounts = _amounts(scene, weights)
        amount.append(amounts[rows].T)
        rest.append(np.sum(np.delete(amounts, rows, axis=0), axis=0))
    return pulls_figure(
        frames,
        setup.row_numbers[rows],
        np.stack(amount),
        np.stack(rest),
        of=setup.objective.rows,
        notes=scene.notes,
    )


def _amounts(scene: Scene, weights: Vector) -> Matrix:
    return pull_amounts(scene.setup.objective, weights)[:, list(scene.shown)]


def backward(scene: Scene) -> Figure | str:
    """The backward pass at every frame: through the row that pulls hardest, and through all."""
    setup, explanation = scene.setup, scene.record.explanation
    if setup.objective.rows > MOST_BACKWARD_ROWS:
        return f"The backward pass is shown for up to {count(MOST_BACKWARD_ROWS, 'row')}."
    row = hardest_row(explanation)
    place = 0 if row is None else int(np.flatnonzero(setup.row_numbers == row)[0])
    chains = [chain_rule(setup.objective, weights) for weights in scene.values]

    def on_row(parts: Sequence[Vector]) -> list[float]:
        return [float(part[place] if part.ndim else part) for part in parts]

    return backward_figure(
        scene.frames,
        backward_pass(setup.objective, scene.values[scene.frames.opens]),
        row=row,
        of=setup.objective.rows,
        one=Passed(
            np.array([on_row(chain.value) for chain in chains]),
            np.array([on_row(chain.adjoint) for chain in chains]),
        ),
        slopes=np.array([on_row(list(itertools.chain(*chain.slopes))) for chain in chains]),
        every=Passed(
            np.array([[np.mean(part) for part in chain.value] for chain in chains]),
            np.array([[np.sum(part) for part in chain.adjoint] for chain in chains]),
        ),
        notes=scene.notes,
    )
