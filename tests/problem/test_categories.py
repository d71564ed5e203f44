"""A fit with categories, from a file with hostile ones to its scripts, its store and new rows."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.scripts import printed

import steepest
from steepest.run.run import Run
from steepest.words.errors import InputError

COLUMN = "home `town`"
WRITTEN = "`home ``town```"
HOSTILE = (
    "Rome",
    "New York",
    'say "x"',
    "it's",
    "=1+2",
    "<script>",
    "x\ny",
    "\\n",
    "Zürich",
    "a,b",
)
FORMULA = f"y ~ a*x + C({WRITTEN}) + b"
ROWS = 320
Columns = dict[str, list[Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Columns]:
    random = np.random.default_rng(0)
    town = [("- " if row % 40 == 7 else HOSTILE[row % 10]) for row in range(ROWS)]
    x = random.normal(size=ROWS)
    y = [2 * x[row] + len(town[row]) + random.normal(0, 0.1) for row in range(ROWS)]
    data = {COLUMN: town, "x": x.tolist(), "y": y}
    path = tmp_path_factory.mktemp("towns") / "towns.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(data)
        rows.writerows(zip(*data.values(), strict=True))
    pl.DataFrame(data).write_parquet(path.with_suffix(".parquet"))
    return path, data


def solved(data: Columns, categories: list[str]) -> Any:
    """a, the categories' weights and b, by numpy, on the rows that have a category."""
    town = np.array([one.strip() for one in data[COLUMN]])
    columns = [data["x"], *((town == one).astype(float) for one in categories), np.ones(ROWS)]
    keep = town != "-"
    found = np.linalg.lstsq(np.stack(columns, 1)[keep], np.array(data["y"])[keep], rcond=None)
    return np.asarray(found[0])


def test_from_a_file_to_new_rows(made: tuple[Path, Columns], tmp_path: Path) -> None:
    path, data = made
    store = tmp_path / "runs.db"
    options: dict[str, Any] = {"lr": 0.3, "steps": 12, "remedies": False}
    run = steepest.fit(path, FORMULA, store=store, **options)
    (group,) = run.record.problem.categories
    assert group.left_out == min(HOSTILE)
    assert group.beside == "b"
    assert {*group.known} == {*HOSTILE}
    assert run.record.problem.missing == {"x": 0, "y": 0, COLUMN: 8}
    minimum = run.record.measurements.minimum
    assert minimum is not None
    assert list(minimum.weights.values()) == pytest.approx(
        solved(data, list(group.weights.values())), rel=1e-9, abs=1e-9
    )
    said = str(run)
    assert f'none for "{group.left_out}", for which b stands' in " ".join(said.split())
    document = run.to_dict()["problem"]["categories"]
    assert document == [
        {"column": COLUMN, "weights": group.weights, "left_out": group.left_out, "beside": "b"}
    ]

    # In other words, from other places: the same path.
    for script in (run.to_pytorch(), run.to_jax()):
        assert printed(script)[-1][1] == pytest.approx(run.loss, rel=1e-9)
    parquet = path.with_suffix(".parquet")
    for memory in (None, "20kB"):
        other = steepest.fit(parquet, FORMULA, save=False, memory=memory, **options)
        assert (other.record.problem.drawn is None) == (memory is None)
        assert other.weights == pytest.approx(run.weights, rel=1e-9)
        assert other.record.problem.missing == run.record.problem.missing
    path.rename(path.with_suffix(".moved"))  # What is kept is enough.
    assert run.record.run is not None
    kept = steepest.load(run.record.run, store=store)
    assert isinstance(kept, Run)
    assert kept.record.problem.categories == run.record.problem.categories
    assert str(kept) == said
    assert kept.at(5).loss == run.at(5).loss
    path.with_suffix(".moved").rename(path)
    longer = steepest.fit(resume=run.record.run, store=store, steps=20)
    assert longer.loss < run.loss

    fitted = run.predict({COLUMN: [group.left_out, "Rome", None], "x": [1.0, 2.0, 3.0]})
    w = run.weights
    rome = next(weight for weight, one in group.weights.items() if one == "Rome")
    assert fitted == pytest.approx([w["a"] + w["b"], 2 * w["a"] + w["b"] + w[rome]])
    with pytest.raises(InputError, match="no row of the fit had, so there is no weight") as error:
        run.predict({COLUMN: ["Rome", "Paris"], "x": [1.0, 2.0]})
    assert error.value.given == '"Paris"'


def test_a_script_reads_the_categories_of_a_file(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    town = random.choice(HOSTILE, 300)
    frame = pl.DataFrame({"town": town, "y": random.normal(size=300)})
    frame.write_csv(tmp_path / "towns.csv")
    run = steepest.fit(
        tmp_path / "towns.csv", "y ~ C(town)", lr=1, steps=3, remedies=False, save=False,
        where="town != 'Rome'",
    )  # fmt: skip
    assert len(run.weights) == len(HOSTILE) - 1  # Those of the rows in use.
    script = run.to_pytorch()
    assert "csv.DictReader" in script
    assert printed(script)[-1][1] == pytest.approx(run.loss, rel=1e-9)


def test_what_no_row_has(made: tuple[Path, Columns]) -> None:
    path, _ = made
    for formula, where in (
        (f"y ~ a*({WRITTEN} == 'rome')", None),
        ("y ~ a*x", f"{WRITTEN} == 'Rom'"),
    ):
        with pytest.raises(InputError, match=r'Did you mean "Rome"'):
            steepest.fit(path, formula, where=where, save=False)
    with pytest.raises(InputError, match=r"C\(`home ``town```\) gives each of its words a weight"):
        steepest.fit(path, "y ~ a*`home ``town```", save=False)


def test_a_target_of_words_is_told_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "passed.csv"
    path.write_text("x,passed\n1,no\n2,no\n3,yes\n4,no\n5,yes\n6,yes\n")
    with pytest.raises(InputError) as told:
        steepest.fit(path, "passed ~ sigmoid(a*x + b)", save=False)
    hint = re.search(r'and (passed == "\w+") is 1 where it is that word, else 0', str(told.value))
    assert hint is not None, told.value
    run = steepest.fit(path, f"{hint[1]} ~ sigmoid(a*x + b)", loss="cross-entropy", save=False)
    # Of "no", the first word: the less likely, the larger x is.
    assert run.weights["a"] < 0 < run.weights["b"]


def test_numbers_are_one_category_however_they_are_written() -> None:
    data = {"year": ["2001", "2002.0", "02001", None, "2.002e3", "2001"], "y": [1.0, 5, 3, 9, 7, 2]}
    run = steepest.fit(data, "y ~ C(year)", steps=0, remedies=False, save=False)
    minimum = run.record.measurements.minimum
    assert minimum is not None
    assert minimum.weights == pytest.approx({"year_02001": 2, "year_2_002e3": 6})
