"""Networks that the lab trains: the rows are the examples', and a training becomes a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from steepest.jobs.load import load
from steepest.lab.networks import network_examples, train_example
from steepest.run.network import NetworkRun
from steepest.store.store import Store
from steepest.words.errors import UsageError

DIGITS = Path(__file__).parents[2] / "examples" / "digits.csv"


def test_the_rows_are_the_threes_and_sevens_of_the_digits() -> None:
    header, *rows = DIGITS.read_text().splitlines()
    wanted = [header, *(row for row in rows if row.endswith((",3", ",7")))]
    for example in network_examples().values():
        assert example.data.decode().splitlines() == wanted


def test_a_training_becomes_a_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    run = load(train_example(store, "three-or-seven"), store)
    assert isinstance(run, NetworkRun)
    assert run.accuracy is not None
    assert run.accuracy > 0.99
    assert run.verdict.learning_rate == "just right"
    assert run.learned.source == "A 3 or a 7?"
    assert {trial.word for trial in run.learned.trials} >= {"too small", "just right", "too large"}


def test_a_learning_rate_that_is_too_large_is_shown(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    run = load(train_example(store, "three-or-seven-too-large"), store)
    assert run.verdict.learning_rate == "too large"


def test_what_is_no_network_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="three-or-seven"):
        train_example(Store(tmp_path / "runs.db"), "../speed")
