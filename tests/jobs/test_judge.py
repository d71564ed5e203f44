"""Logs that are judged: sick ones, their healthy twins, and hostile ones."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import specimens
from tests.cases_of_logs import CASES, Case, Rows, descend, healthy, scaled, tutorial

import steepest
from steepest.records.training import TrainingRecord
from steepest.words.errors import SteepestError


def as_csv(rows: Rows, path: Path) -> Path:
    path = path / "metrics.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json_lines(rows: Rows, path: Path) -> Path:
    path = path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_trainer_state(rows: Rows, path: Path) -> Path:
    names = {"lr": "learning_rate", "val_loss": "eval_loss"}
    history = [{names.get(name, name): value for name, value in row.items()} for row in rows]
    path = path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": history, "global_step": len(rows)}))
    return path


WRITERS = (as_csv, as_json_lines, as_trainer_state)


def judged(rows: Rows, folder: Path, write: Callable[[Rows, Path], Path] = as_csv) -> Any:
    return steepest.judge(write(rows, folder))


def codes(record: TrainingRecord, *, warned: bool = False) -> set[str]:
    assert record.verdict is not None
    return {
        found.code for found in record.verdict.findings if not warned or found.severity != "info"
    }


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_sick_log_and_its_twin(case: Case, seed: int, tmp_path: Path) -> None:
    write = WRITERS[(CASES.index(case) + seed) % len(WRITERS)]
    sick = judged(case.sick(seed), tmp_path, write).record
    if case.code is not None:
        assert case.code in codes(sick)
    else:
        assert case.unknown in sick.not_measured
        assert "." in sick.not_measured[case.unknown]
        assert codes(sick, warned=True) == set()
    well = judged(case.well(seed), tmp_path, write).record
    assert codes(well, warned=True) == set()


def test_the_curvature_of_the_tutorial_is_that_of_its_hessian(tmp_path: Path) -> None:
    run = judged(tutorial(10), tmp_path)
    along = run.record.log.along
    gradient = np.array(specimens.gradient(specimens.START))
    exact = gradient @ specimens.HESSIAN @ gradient / (gradient @ gradient)
    assert along.largest == pytest.approx(exact, rel=1e-9)
    assert (round(along.largest, 1), float(f"{along.limit:.3g}")) == (56499.1, 3.54e-5)
    assert along.largest <= np.linalg.eigvalsh(specimens.HESSIAN)[-1] * (1 + 1e-12)
    assert "56,499.1 along the gradient at step 0" in run.why()


def test_how_far_it_is_at_least_is_no_more_than_it_is(tmp_path: Path) -> None:
    found = judged(tutorial(200), tmp_path)
    [finding] = [one for one in found.verdict.findings if one.code == "SD205"]
    assert 0 < finding.evidence["gain"] < finding.evidence["loss"] - 1.0428
    [ill] = [one for one in found.verdict.findings if one.code == "SD201"]
    assert ill.evidence["condition_at_least"] < np.linalg.cond(specimens.HESSIAN)


@pytest.mark.parametrize("seed", [0, 1])
def test_other_steps_than_plain_ones_have_no_curvature(seed: int, tmp_path: Path) -> None:
    """Momentum, Adam, RMSprop, clipping, decay, batches: nothing is said of their curvature."""
    random = np.random.default_rng(seed)
    inputs, targets = random.normal(size=(40, 5)), random.normal(size=40) + 3
    limit = 2 / np.linalg.eigvalsh(2 * inputs.T @ inputs / 40)[-1]

    def walk(move: Callable[[np.ndarray, int], np.ndarray], batch: int = 40) -> Rows:
        weights, rows = np.full(5, 2.0), []
        for step in range(60):
            chosen = random.permutation(40)[:batch]
            off = inputs[chosen] @ weights - targets[chosen]
            gradient = 2 * inputs[chosen].T @ off / batch
            rows.append({"step": step, "loss": float(np.mean(off**2)), "lr": limit / 4,
                         "grad_norm": float(np.linalg.norm(gradient))})  # fmt: skip
            weights = weights - limit / 4 * move(gradient, step)
        return rows

    memory = {"v": np.zeros(5), "s": np.zeros(5)}

    def momentum(g: np.ndarray, _: int) -> np.ndarray:
        memory["v"] = 0.5 * memory["v"] + g
        return memory["v"]

    def adam(g: np.ndarray, step: int) -> np.ndarray:
        memory["v"] = 0.9 * memory["v"] + 0.1 * g
        memory["s"] = 0.999 * memory["s"] + 0.001 * g**2
        first, second = (
            memory["v"] / (1 - 0.9 ** (step + 1)),
            memory["s"] / (1 - 0.999 ** (step + 1)),
        )
        return np.asarray(first / np.sqrt(second))

    plain = judged(walk(lambda g, _: g), tmp_path).record
    assert plain.log is not None
    assert plain.log.along is not None
    for rows in (
        walk(momentum), walk(adam), walk(lambda g, _: g / np.linalg.norm(g)),
        walk(lambda g, _: np.sign(g)), walk(lambda g, _: g * min(1, 0.5 / np.linalg.norm(g))),
        walk(lambda g, _: g, batch=8), walk(lambda g, _: 0.3 * g),
    ):  # fmt: skip
        memory |= {"v": np.zeros(5), "s": np.zeros(5)}
        other = judged(rows, tmp_path).record
        assert other.log is not None
        assert other.log.along is None
        assert other.log.not_along
        assert not other.probes


def test_what_is_kept_is_what_was_judged(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    run = steepest.judge(as_csv(tutorial(200), tmp_path), store=store, name="tutorial")
    assert run.id is not None
    again = steepest.load(run.id, store)
    # What a row of the list says is that of the record.
    [summary] = steepest.runs(store)
    assert (summary.command, summary.status, summary.steps) == ("judge", "finished", 200)
    assert again.to_dict() == run.to_dict()
    assert again.why() == run.why()
    assert {figure.kind for figure in again.figures().figures} == {"training"}
    assert "tutorial" in again.page()


def test_where_nothing_is_to_be_kept_nothing_is(tmp_path: Path) -> None:
    assert judged(scaled(20), tmp_path).id is None


def test_fewer_digits_say_less(tmp_path: Path) -> None:
    """Numbers as a loop prints them: what they may be off by stands beside the curvature."""
    whole = judged(tutorial(10), tmp_path).record.log.along
    rows = [
        {**row, "loss": round(row["loss"], 2), "grad_norm": round(row["grad_norm"], 1)}
        for row in tutorial(10)
    ]
    short = judged(rows, tmp_path).record.log.along
    assert abs(short.largest - whole.largest) <= short.error
    assert short.error > 1e3 * whole.error


def test_columns_by_their_names(tmp_path: Path) -> None:
    rows: Rows = [
        {"a": row["step"], "b": row["loss"], "c": row["lr"], "d": row["grad_norm"], "loss": 1.0}
        for row in tutorial(10)
    ]
    path = as_csv(rows, tmp_path)
    log = steepest.judge(path, step="a", loss="b", lr="c", grad_norm="d").record.log
    assert log is not None
    assert (log.guessed, log.others) == ((), ("loss",))
    assert log.along is not None
    with pytest.raises(steepest.UsageError, match="--lr names"):
        steepest.judge(path, lr="e")
    without = [{"a": row["step"], "b": row["loss"]} for row in tutorial(10)]
    with pytest.raises(steepest.UsageError, match="--loss COLUMN"):
        steepest.judge(as_csv(without, tmp_path))


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n",
    "binary": bytes(range(256)) * 20,
    "no-numbers": b"loss,step\na,b\nc,d\n",
    "one-loss": b"loss\n1\n",
    "header-only": b"step,loss\n",
    "deep": b"[" * 100_000,
    "deep-in-a-line": b'{"loss":' * 50_000,
    "not-a-dict": b"[1, 2, 3]",
    "wide": b",".join(b"c%d" % n for n in range(5000)) + b"\n" + b"1," * 4999 + b"1\n",
    "steps-beyond-all": b"step,loss\n1e400,1\nnan,2\n-1e300,3\n",
    "large-integers": b'{"loss": ' + b"9" * 5000 + b"}\n" + b'{"loss": 1}\n{"loss": 2}\n',
    "odd-names": "step,loss,\x1b[31m<script>alert(1)</script>\u202e,\n0,1,2,\n1,2,3,\n".encode(),
    "unclosed": b'step,loss\n0,1\n1,"2\n2,3\n',
    "cells-of-text": b"step,loss\n0,tensor(1.5)\n1,2\n2,1_000\n3,1\n",
    "negative": b"step,loss\n" + b"".join(b"%d,-%d\n" % (n, n) for n in range(60)),
    "all-zero": b"step,loss,grad_norm,lr\n" + b"".join(b"%d,0,0,0\n" % n for n in range(60)),
    "huge": b"step,loss,grad_norm,lr\n" + b"0,1e308,1e308,1e-308\n" * 60,
    "tiny": b"step,loss,grad_norm,lr\n" + b"0,5e-324,5e-324,1e308\n" * 60,
    "huge-norms": b"step,loss,grad_norm,lr\n" + b"0,1e8,1e307,1\n1,2e8,1e307,1\n" * 30,
    "all-nan": b"step,loss,val_loss\n" + b"".join(b"%d,nan,nan\n" % n for n in range(60)),
    "same-step": b"step,loss,lr,grad_norm\n" + b"7,1.5,0.1,2\n" * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_logs(name: str, tmp_path: Path) -> None:
    """Judged, or one plain error; nothing of a name steers a terminal or a page."""
    path = tmp_path / "log.csv"
    path.write_bytes(HOSTILE[name])
    said = ""
    try:
        run = steepest.judge(path)
    except SteepestError as error:
        said = error.message
    if said:
        assert "\x1b" not in said
        return
    for text in (run.summary(), run.why()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>alert" not in run.page()
    json.dumps(run.to_dict(), allow_nan=False)


def test_a_log_that_goes_back_is_read_by_rows(tmp_path: Path) -> None:
    rows = [*healthy(0)[:50], *healthy(0)[:150]]
    log = judged(rows, tmp_path).record.log
    assert log.counts == "row"
    assert "goes back" in log.notes[0]


def test_rows_of_the_same_step_are_one(tmp_path: Path) -> None:
    """Lightning writes the rate and the norm in rows of their own."""
    names = ("lr", "grad_norm", "loss")
    rows = [{"step": row["step"], name: row[name]} for row in tutorial(30) for name in names]
    along = judged(rows, tmp_path).record.log.along
    assert along.largest == pytest.approx(judged(tutorial(30), tmp_path).record.log.along.largest)


def test_a_rate_that_is_not_the_rate_of_the_steps(tmp_path: Path) -> None:
    rows = [{**row, "lr": 2e-5} for row in tutorial(60)]
    assert judged(rows, tmp_path).record.log.along is None


def test_one_direction_is_enough(tmp_path: Path) -> None:
    inputs, targets = np.ones((4, 1)), np.arange(4.0)
    rows = descend(inputs, targets, np.array([9.0]), 0.3, 20)
    along = judged(rows, tmp_path).record.log.along
    assert along.largest == pytest.approx(2, rel=1e-9)
    assert math.isclose(along.limit, 1, rel_tol=1e-9)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_plain_descent_that_has_come_to_rest_was_not_clipped(rate: float, tmp_path: Path) -> None:
    """What is left of its gradient is rounding, and of one length."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 3))
    y, weights, rows = x @ np.array([1.0, -2.0, 0.5]) + draw.normal(size=40), np.zeros(3), []
    for step in range(400):
        slope = 2 * x.T @ (x @ weights - y) / 40
        loss = np.mean((x @ weights - y) ** 2)
        rows.append(f"{step},{loss!r},{rate},{np.linalg.norm(slope)!r}")
        weights = weights - rate * slope
    log = tmp_path / "log.csv"
    log.write_text(
        "\n".join(["step,loss,lr,grad_norm", *rows]).replace("np.float64(", "").replace(")", "")
    )
    run = steepest.judge(log, save=False)
    assert "SD413" not in {one.code for one in run.verdict.findings}


def test_what_is_told_of_the_end_is_what_the_log_says(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n0,3\n1,2\n2,1\n")
    said = " ".join(str(steepest.judge(log, save=False)).split())
    assert "1 at step 2 (the lowest), 2 over the last 3" in said
    losses = [0.7 - 0.033 * step for step in range(11)]
    log.write_text("\n".join(["step,loss", *(f"{i},{v:.4g}" for i, v in enumerate(losses))]))
    assert "from 0.7 to 0.37 in 11 steps" in steepest.judge(log, save=False).verdict.headline
