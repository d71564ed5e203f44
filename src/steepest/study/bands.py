"""Bands around the fit at its minimum, on its own rows or on others."""

from __future__ import annotations

import math
from typing import Any

from steepest.data.table.source import read_table
from steepest.measure.statistics import NO_DEGREES, bands
from steepest.objective.objective import Objective, row_weights
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.point import Minimum
from steepest.study.measure import tangent_at
from steepest.study.predict import on_rows
from steepest.words.errors import InputError, UsageError


def bands_of(setup: Setup, minimum: Minimum | None, data: Any, level: float) -> dict[str, Vector]:
    """The prediction and its bands by name, each (n,), on complete rows of `data` or the fit's."""
    if not (math.isfinite(level) and 0 < level < 1):
        raise UsageError(
            "The level of a band must lie between 0 and 1.",
            given=f"{level:g}",
            instead="0.95 is usual.",
        )
    at = tangent_at(setup, minimum)
    if isinstance(at, str):
        raise UsageError(f"There are no bands around this fit. {at}")
    if not at.degrees:
        raise UsageError(f"There are no bands around this fit. {NO_DEGREES}")
    objective, row_weight = (
        (setup.objective, setup.row_weight) if data is None else _on_rows(setup, data)
    )
    found = bands(
        at,
        objective.predictions(at.weights),
        objective.jacobian(at.weights),
        level=level,
        row_weight=row_weight,
    )
    return {
        "prediction": found.prediction,
        "confidence_low": found.confidence_low,
        "confidence_high": found.confidence_high,
        "prediction_low": found.prediction_low,
        "prediction_high": found.prediction_high,
    }


def _on_rows(setup: Setup, data: Any) -> tuple[Objective, Vector | None]:
    """The model on the complete rows of `data`, and their weights where the fit had such."""
    table = read_table(data)
    sigma = setup.problem.sigma
    if sigma is not None and sigma not in table.names:
        raise InputError(
            "These rows do not say how precise they are, and the rows of the fit did.",
            given=f"no column {sigma}",
            instead=f"Add a column {sigma} with the standard deviation of each row's target.",
        )
    objective, columns = on_rows(setup, table, () if sigma is None else (sigma,))
    return objective, None if sigma is None else row_weights(columns[sigma], sigma)
