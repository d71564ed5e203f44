"""The spectrum of a problem at some weights, as the descent in hand meets it."""

from __future__ import annotations

import numpy as np

from steepest.descent import Walked
from steepest.measure.curvature import Place, spectrum, spectrum_of_modes
from steepest.problem.setup import Setup
from steepest.records.arrays import Mask, Vector
from steepest.records.point import Spectrum
from steepest.records.problem import Settings


def spectrum_at(
    setup: Setup, settings: Settings, descended: Walked | None, weights: Vector, at: Place
) -> Spectrum | None:
    """Eigenvalues at weights (p,): preconditioned for an adaptive optimizer that has run.

    Those of the weights that move: not of one that the gradient presses against its bound.
    """
    scaling = None
    if descended is not None:
        scaling = descended.preconditioner
    held = held_at(setup, weights)
    known = setup.modes
    if known is not None and scaling is None and held is None:
        return spectrum_of_modes(known, at)
    preconditioned = None if scaling is None else settings.optimizer
    if not isinstance(setup.moving.stride, float):
        own = 1.0 / setup.moving.stride**2
        scaling = own if scaling is None else scaling * own
    return spectrum(
        setup.full,
        weights,
        at,
        scaling=scaling,
        preconditioned=preconditioned,
        held=held,
    )


def held_at(setup: Setup, weights: Vector) -> Mask | None:
    """The weights (p,) that a bound holds at this point; None where there is no such weight."""
    if not setup.objective.bounded:
        return None
    _, gradient = setup.objective.value_and_gradient(weights)
    held = setup.objective.pressed(weights, gradient)
    return held if np.any(held) else None
