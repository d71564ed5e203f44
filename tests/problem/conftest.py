"""Searches of this folder end by what they find, and are short."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _searches_count_steps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared here are two ways of the same fit.

    A search of one must not end because its way took longer, and where a slow rate is run on for
    less, it is so in both.
    """
    monkeypatch.setattr("steepest.study.aim.MINIMUM_SECONDS", 60.0)
    monkeypatch.setattr("steepest.study.measure.POLISH_SECONDS", 60.0)
    monkeypatch.setattr("steepest.study.rates.STEP_WORK", 100_000)
