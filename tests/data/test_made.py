"""Rows made from a formula are what the formula says, and the noise is what was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.data.made import made
from steepest.words.errors import SteepestError


def test_without_noise_it_is_the_formula() -> None:
    columns = made("speed ~ 0.5*(time - 9.5)**2 + exp(-time)", rows=20).columns
    time = np.arange(20.0)
    np.testing.assert_array_equal(columns["time"], time)
    np.testing.assert_allclose(
        columns["speed"], 0.5 * (time - 9.5) ** 2 + np.exp(-time), rtol=1e-14
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_noise(seed: int) -> None:
    rows = 40_000
    noise = made("3 - 0*x", rows=rows, noise=2.5, seed=seed).columns["y"] - 3
    # Of so many rows deviation and mean scatter by 2.5/sqrt(2*rows) and 2.5/sqrt(rows).
    assert abs(np.std(noise) - 2.5) < 4 * 2.5 / np.sqrt(2 * rows)
    assert abs(np.mean(noise)) < 4 * 2.5 / np.sqrt(rows)
    again = made("3 - 0*x", rows=rows, noise=2.5, seed=seed + 2).columns["y"] - 3
    assert abs(np.corrcoef(noise, again)[0, 1]) < 4 / np.sqrt(rows)


def test_further_columns_are_drawn_from_their_ranges() -> None:
    columns = made("y ~ u + v", rows=500, ranges={"u": (-1, 1), "v": (2, 5)}).columns
    assert (columns["u"][0], columns["u"][-1]) == (-1, 1)
    assert 2 <= columns["v"].min() < 2.1
    assert 4.9 < columns["v"].max() <= 5
    assert abs(np.corrcoef(columns["u"], columns["v"])[0, 1]) < 0.2


def test_a_file_that_is_made_can_be_fitted(tmp_path: Path) -> None:
    path = tmp_path / "speed.csv"
    line = ["data", "make", "speed ~ 0.5*time**2 - 3*time + 7", "--noise", "0.01", "-o", str(path)]
    answer = CliRunner().invoke(command, line)
    assert (answer.exit_code, answer.stdout) == (0, "")
    formula = "speed ~ a*time**2 + b*time + c"
    run = steepest.fit(path, formula, optimizer="lm", remedies=False)
    assert run.weights == pytest.approx({"a": 0.5, "b": -3, "c": 7}, abs=0.05)
    before = path.read_bytes()
    again = CliRunner().invoke(command, [*line, "--seed", "1"])
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert path.read_bytes() == before
    assert CliRunner().invoke(command, [*line, "--seed", "1", "--force"]).exit_code == 0
    assert path.read_bytes() != before


def test_numbers_read_back_as_they_are() -> None:
    whole = made("y ~ exp(x)", rows=30, noise=1e-3)
    lines = whole.csv().splitlines()[1:]
    read = np.array([[float(cell) for cell in line.split(",")] for line in lines]).T
    np.testing.assert_array_equal(read, np.array(list(whole.columns.values())))


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("y ~ log(x)", {}, "row 0: x=0"),
        ("x ~ 2*x", {}, "name of its own"),
        ("y ~ 2*x", {"ranges": {"z": (0, 1)}}, "The columns are x"),
        ("y ~ 2*x", {"ranges": {"x": (0, np.inf)}}, "both its ends"),
        ("y ~ 2*x", {"rows": 0}, "--rows"),
        ("y ~ 2*x", {"noise": -1.0}, "--noise"),
        ("y ~ 2x", {}, "2*x"),
        ("a b ~ 2*x", {}, "letters and digits"),
    ],
)
def test_what_cannot_be_made(text: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(SteepestError) as raised:
        made(text, **options)  # type: ignore[arg-type]
    assert told in raised.value.message
