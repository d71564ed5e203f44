"""The training of the digits with the example's defaults, which several tests ask."""

from __future__ import annotations

from pathlib import Path

import pytest

import steepest

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[steepest.NetworkRun, Path]:
    """The run, and the store that keeps it."""
    store = tmp_path_factory.mktemp("digits") / "runs.db"
    run = steepest.train(DIGITS, "64-32-relu-10", target="digit", validation=0.2, store=store)
    return run, store
