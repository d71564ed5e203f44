"""Where a script takes its rows from: written out, or read again from the file."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.scripts import EXPORTS, check_path, printed
from tests.show.export.test_paths import run_alone

import steepest
from steepest.run.run import Run
from steepest.words.errors import UsageError

ROWS = 600
DRAW = np.random.default_rng(2)
COLUMNS = {
    "x": DRAW.uniform(0, 2, ROWS),
    "y": DRAW.normal(size=ROWS),
    "kind, or sort": DRAW.integers(0, 4, ROWS).astype(float),
}


def loaded(name: str, place: Any = None) -> Run:
    """A fit or a minimization from a store."""
    found = steepest.load(name, place)
    assert isinstance(found, Run)
    return found


def write(path: Path, delimiter: str = ",", gaps: dict[tuple[int, str], str] | None = None) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(COLUMNS)
        for row in range(ROWS):
            cells = {name: repr(float(values[row])) for name, values in COLUMNS.items()}
            cells |= {name: text for (at, name), text in (gaps or {}).items() if at == row}
            writer.writerow(cells.values())
    return path


def fit(data: Any, **options: Any) -> steepest.Run:
    given = {"lr": 0.1, "steps": 6, "remedies": False, "start": {"a": 0.5, "b": 0.1}}
    return steepest.fit(data, "y ~ a*x + b", **{**given, **options})


def script_of(run: steepest.Run, library: str) -> str:
    script: str = getattr(run, f"to_{library}")()
    return script


GAPS = {(3, "x"): "NA", (7, "y"): "", (9, "x"): "inf", (20, "kind, or sort"): "-"}
CASES: dict[str, tuple[str, dict[Any, str], dict[str, Any]]] = {
    "all rows": (",", {}, {}),
    "semicolons and gaps": (";", GAPS, {}),
    "a condition": (",", {}, {"where": "x > 0.5 and `kind, or sort` != 2"}),
    "all of it": (
        "\t",
        GAPS,
        {
            "where": "not `kind, or sort` == 3",
            "validation": 0.25,
            "seed": 3,
            "standardize": True,
        },
    ),
}


@pytest.mark.parametrize(("delimiter", "gaps", "options"), CASES.values(), ids=CASES)
def test_a_large_file_is_read_again(
    delimiter: str, gaps: dict[Any, str], options: dict[str, Any], tmp_path: Path
) -> None:
    run = fit(write(tmp_path / "data.csv", delimiter, gaps), **options)
    for library in EXPORTS:
        script = script_of(run, library)
        assert "csv.DictReader" in script
        assert len(script.splitlines()) < 70
        check_path(printed(script), run.trace)


def test_such_a_script_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "data.csv", ";", GAPS)
    monkeypatch.chdir(tmp_path)
    run = fit("data.csv", validation=0.2)
    script = run.to_pytorch()
    assert 'open("data.csv"' in script
    check_path(run_alone(script, tmp_path), run.trace)


def test_a_small_file_is_written_out(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("x,y\n1,2\n2,4.5\nNA,3\n3,6\n", "utf-8")
    run = fit(path)
    script = run.to_pytorch()
    assert "open(" not in script
    assert "NA" not in script
    check_path(printed(script), run.trace)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace(".", ","), id="decimal comma"),
        pytest.param(lambda text: text.replace("x;y", " x ; y "), id="spaces in the header"),
    ],
)
def test_a_file_that_csv_reads_otherwise_is_written_out(change: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", ";")
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    run = fit(path)
    script = run.to_jax()
    assert "open(" not in script
    check_path(printed(script), run.trace)


def test_a_file_that_changed_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv")
    run = fit(path)
    path.write_text(path.read_text("utf-8").replace("1.", "2."), "utf-8")
    script = run.to_pytorch()
    assert "open(" not in script
    check_path(printed(script), run.trace)


def test_rows_in_memory_are_written_out() -> None:
    run = fit(COLUMNS)
    check_path(printed(run.to_pytorch()), run.trace)


def test_too_many_rows_in_memory() -> None:
    rows = 30_000
    run = fit({"x": np.arange(rows) / rows, "y": np.ones(rows)}, steps=1)
    with pytest.raises(UsageError, match="too large to be written into a script") as caught:
        run.to_pytorch()
    assert caught.value.given == "30,000 rows"


def test_a_kept_run_has_the_same_script(tmp_path: Path) -> None:
    held = {"bounds": {"a": (float("-inf"), 0.45)}, "optimizer": "adam", "lr": 0.07}
    start = {"a": 0.4, "b": 0.1}
    run = fit(write(tmp_path / "data.csv"), store=tmp_path / "runs.db", start=start, **held)
    assert run.id is not None
    again = loaded(run.id, tmp_path / "runs.db")
    for library in EXPORTS:
        assert script_of(again, library) == script_of(run, library)
    check_path(printed(again.to_pytorch()), run.trace)


def test_a_remedy_has_a_script() -> None:
    run = fit(COLUMNS, remedies=True, lr=1e-3)
    first = next(r for r in run.remedies if "lbfgs" not in r.command and "lm" not in r.command)
    found = first.run
    check_path(printed(found.to_pytorch()), found.trace)


def test_an_expression_has_no_rows() -> None:
    run = steepest.minimize("(x - 1)**2", start={"x": 3}, lr=0.1, steps=5, remedies=False)
    for library in EXPORTS:
        check_path(printed(script_of(run, library)), run.trace)
