"""What other learning rates would have done, and the curvature that sets their limit."""

from __future__ import annotations

import math
from dataclasses import replace

from steepest.methods.optimizers import ADAPTIVE, stability_factor
from steepest.records.descent import SweptRate
from steepest.records.run import RunRecord
from steepest.run.figures.scene import Scene
from steepest.show.figures import Figure, Frames, spectrum_figure, sweep_figure
from steepest.study.rates import rates_above
from steepest.study.zones import judged
from steepest.words.wording import number


def sweep(record: RunRecord, frames: Frames, scene: Scene | None) -> Figure | str:
    """The learning rates that the run was compared with; those above the limit are run now."""
    study = record.measurements.rates
    if study is None:
        return record.measurements.not_measured.get("rates", "No other learning rate was run.")
    limit = record.measurements.stability_limit
    own = study.own
    if record.descent.stopped == "diverged":
        own = replace(own, steps=None, diverged=True, measured=True)
    trials = {trial.lr: trial for trial in study.trials if math.isfinite(trial.lr)}
    trials |= {trial.lr: trial for trial in (study.best, own) if trial is not None}
    if scene is not None and limit is not None and not any(t.diverged for t in trials.values()):
        trials |= {
            trial.lr: trial
            for trial in rates_above(scene.setup, record.settings, limit, study.goal.loss)
        }
    rates = judged(
        [SweptRate(lr, "not measured", (trial,)) for lr, trial in sorted(trials.items())],
        lucky=study.by_luck,
    )
    notes = []
    if any(not trial.measured for trial in trials.values()):
        notes.append("Some are computed from the eigenvalues of the Hessian, not run.")
    if study.goal.to != "within 1 % of the minimum":
        notes.append(f"The goal is {study.goal.to}, {number(study.goal.loss)}.")
    return sweep_figure(
        frames,
        rates,
        goal=study.goal,
        limit=limit,
        own=own,
        lucky=study.by_luck,
        notes=tuple(notes),
    )


def spectrum(record: RunRecord, frames: Frames) -> Figure | str:
    """The curvatures where the descent ended."""
    found = record.measurements.spectrum
    if found is None or not found.measured or not len(found.values):
        return record.measurements.not_measured.get("curvature", "The curvature was not measured.")
    descent, names = record.descent, record.problem.weights
    if len(found.vectors) != len(names):
        return "The directions of the curvature were not measured."
    places = [names.index(name) for name in frames.weights]
    shown = replace(found, vectors=found.vectors[places])
    factor = stability_factor(descent.optimizer, descent.momentum)
    adaptive = descent.optimizer in ADAPTIVE
    if factor is None or adaptive or not descent.lr > 0:
        text = (
            f"{descent.optimizer} scales the step of each weight, so these curvatures alone set "
            "no limit."
            if adaptive
            else "No learning rate was used."
        )
        return spectrum_figure(frames, shown, bound=None, bound_text=text)
    bound = factor / descent.lr
    if descent.rates:
        text = (
            f"{descent.optimizer} with these learning rates stays stable while every curvature is "
            f"below {number(bound)}. Each weight counts by its rate, as a share of the largest."
        )
        return spectrum_figure(frames, shown, bound=bound, bound_text=text)
    text = (
        f"{descent.optimizer} with the learning rate {number(descent.lr)} stays stable while every "
        f"curvature is below {number(factor, 4)}/{number(descent.lr)} = {number(bound)}."
    )
    return spectrum_figure(frames, shown, bound=bound, bound_text=text)
