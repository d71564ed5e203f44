"""The stability limit of a descent at the minimum."""

from __future__ import annotations

from steepest.measure.curvature import stability_limit
from steepest.methods.optimizers import momentum_of, optimizer_of
from steepest.problem.setup import Setup
from steepest.records.point import Minimum, Spectrum
from steepest.records.problem import Settings
from steepest.study.batch_limit import in_batches
from steepest.study.spectra import spectrum_at


def limit_at(
    setup: Setup, settings: Settings, minimum: Minimum | None, there: Spectrum | None = None
) -> float | None:
    """The stability limit at a minimum, with steps on all rows that no memory scales.

    `there` is the spectrum at it, where that is known. None where the minimum is flat in some
    direction: then others are as low, with limits of their own.
    """
    if minimum is None or not minimum.exists or minimum.flat:
        return None
    if not optimizer_of(settings.optimizer).is_linear or in_batches(setup, settings):
        return None
    if there is None:
        at = setup.objective.vector(minimum.weights)
        there = spectrum_at(setup, settings, None, at, "minimum")
    momentum = momentum_of(settings.optimizer, settings.momentum)
    return stability_limit(settings.optimizer, momentum, there)
