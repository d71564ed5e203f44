"""Runs are kept while they go on, come back whole, and go on along the unbroken path."""

import dataclasses
import json
import os
import shutil
import sqlite3
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests import specimens

import steepest
from steepest import InputError, StoreError, StoreWarning, UsageError
from steepest.records.descent import Descent, Trace
from steepest.run.run import Run
from steepest.run.saving import versions
from steepest.store.recording import Recording
from steepest.store.store import Store

FORMULA = specimens.FORMULA
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


def loaded(name: str, place: Any = None) -> Run:
    """A fit or a minimization from a store."""
    found = steepest.load(name, place)
    assert isinstance(found, Run)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short chunks and traces, and progress between any two, once the piece before is kept."""
    monkeypatch.setattr("steepest.descent.run.LONGEST_CHUNK", 512)
    monkeypatch.setattr("steepest.descent.recorder.MOST_POINTS", 2048)
    monkeypatch.setattr("steepest.study.measure.STUDY_SECONDS", 0.01)
    monkeypatch.setattr("steepest.run.keeping.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("steepest.run.keeping.WRITING_SHARE", 1e9)


def fit(steps: int, data: Any = specimens.SPEED, **options: Any) -> Run:
    given = {"lr": 1e-5, "start": START, "remedies": False, **options}
    return steepest.fit(data, FORMULA, steps=steps, **given)


def same_trace(first: Trace, second: Trace) -> bool:
    arrays = ("step", "loss", "weights", "gradient")
    equal = all(getattr(first, a).tobytes() == getattr(second, a).tobytes() for a in arrays)
    if first.validation is None or second.validation is None:
        return equal and first.validation is second.validation
    return equal and first.validation.tobytes() == second.validation.tobytes()


def facts(descent: Descent) -> dict[str, Any]:
    """All that does not depend on the clock."""
    found = dataclasses.asdict(descent)
    del found["seconds"]
    return found


def assert_same_path(found: Run, wanted: Run) -> None:
    assert facts(found.record.descent) == facts(wanted.record.descent)
    assert same_trace(found.trace, wanted.trace)
    assert found.weights == wanted.weights


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    run = fit(3)
    assert (run.id, run.unsaved) == (None, None)
    assert not Store().path.exists() or run.record.run is None


def test_a_run_comes_back_as_it_was(place: Path) -> None:
    run = fit(30, store=place, name="first")
    assert run.id is not None
    found = loaded(run.id, place)
    assert json.dumps(found.to_dict()) == json.dumps(run.to_dict())
    assert found.to_dict()["run"] == run.id
    assert_same_path(found, run)
    for step in (0, 7, 30):
        assert found.at(step) == run.at(step)
    assert found.explain("a", 3) == run.explain("a", 3)
    assert (
        found.predict({"time": [1.0, 2.0]}).tolist() == run.predict({"time": [1.0, 2.0]}).tolist()
    )
    (summary,) = steepest.runs(place)
    assert (summary.id, summary.name, summary.status) == (run.id, "first", "finished")
    assert (summary.steps, summary.loss) == (30, run.loss)


def test_in_the_default_store(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(place))
    run = fit(3, save=True)
    assert run.id is not None
    assert loaded(run.id).loss == run.loss
    assert [summary.id for summary in steepest.runs()] == [run.id]


def test_a_run_can_be_kept_afterwards(place: Path) -> None:
    run = fit(30)
    name = run.save(place, name="later")
    assert run.id == name
    found = loaded(name, place)
    assert found.at(11) == run.at(11)
    # Without what it noted on its way it begins again, and arrives at the same place.
    assert_same_path(steepest.fit(resume=name, store=place, steps=40), fit(40))


def test_a_remedy_of_a_run_from_the_store_runs(place: Path) -> None:
    run = fit(10, store=place, remedies=True)
    assert run.id is not None
    found = loaded(run.id, place)
    first, again = run.remedies[0].run, found.remedies[0].run
    assert again.loss == first.loss


PATHS: dict[str, dict[str, Any]] = {
    "gd": {},
    "momentum": {"optimizer": "momentum"},
    "nesterov": {"optimizer": "nesterov"},
    "adam": {"optimizer": "adam", "lr": 0.01},
    "adamw": {"optimizer": "adamw", "lr": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "lr": 0.001},
    "adagrad": {"optimizer": "adagrad", "lr": 0.1},
    "batches": {"batch_size": 3, "lr": 1e-6, "seed": 5},
    "validation": {"validation": 0.2, "patience": 100_000},
    "standardized": {"standardize": True, "lr": 0.001},
    "own units": {"rescale": True, "lr": 0.01},
    "held": {"fix": {"b": 0.5}, "bounds": {"c": (0.0, 2.0)}, "start": {"a": 0.0, "c": 1.0}},
    "rate chosen": {"lr": "auto"},
}
PIECES = (300, 1_500, 9_000)
"""Within the first chunk, within another one, and where the trace has thinned."""


@pytest.mark.parametrize("options", PATHS.values(), ids=PATHS)
def test_a_run_with_more_steps_goes_on_along_the_unbroken_path(
    options: dict[str, Any], place: Path
) -> None:
    run = fit(PIECES[0], store=place, **options)
    assert run.id is not None
    for steps in PIECES[1:]:
        run = steepest.fit(resume=run.id, store=place, steps=steps)
    # What was chosen by trying is not chosen again.
    given = {**options, "lr": run.record.descent.lr}
    whole = fit(PIECES[-1], **given)
    found = facts(run.record.descent)
    assert found.pop("lr_chosen") == ("auto" if options.get("lr") == "auto" else "given")
    wanted = facts(whole.record.descent)
    del wanted["lr_chosen"]
    assert found == wanted
    assert same_trace(run.trace, whole.trace)
    again = loaded(str(run.id), place)
    for step in (0, 299, 301, 5_001, PIECES[-1]):
        assert again.at(step) == whole.at(step)


def test_a_run_that_ended_by_itself_does_not_go_on(place: Path) -> None:
    run = fit(10_000, store=place, lr=1e-2)
    assert run.record.descent.stopped == "diverged"
    with pytest.raises(UsageError, match="ended by itself"):
        steepest.fit(resume=run.id, store=place, steps=3_000)


class Stopping:
    """Presses Ctrl-C, or breaks down, when the descent is at a step."""

    def __init__(
        self, step: int, error: type[BaseException] = KeyboardInterrupt, pause: float = 0.0
    ):
        self.step = step
        self.error = error
        self.pause = pause

    def __call__(self, phase: str, done: int, total: int | None, loss: float | None) -> None:
        if phase != "descending":
            return
        # So that the disk can keep up.
        time.sleep(self.pause)
        if done >= self.step:
            raise self.error


@pytest.mark.parametrize("step", [1, 2_000, 8_000])
def test_an_interrupted_run_goes_on_along_the_unbroken_path(step: int, place: Path) -> None:
    run = fit(12_000, store=place, progress=Stopping(step))
    assert run.record.descent.stopped == "interrupted"
    assert run.id is not None
    assert steepest.runs(place)[0].status == "interrupted"
    again = steepest.fit(specimens.SPEED, FORMULA, resume=run.id, store=place)
    assert again.id == run.id
    assert_same_path(again, fit(12_000))
    assert len(steepest.runs(place)) == 1


class BrokenError(Exception):
    pass


def test_a_run_that_broke_down_is_kept_as_far_as_it_was(place: Path) -> None:
    with pytest.raises(BrokenError):
        fit(12_000, store=place, progress=Stopping(6_000, BrokenError, 0.02))
    (summary,) = steepest.runs(place)
    assert summary.status == "interrupted"
    snapshot = Store(place).snapshot(summary.id)
    assert snapshot is not None
    assert 0 < snapshot.step <= 6_000
    told = loaded(summary.id, place)
    assert told.record.descent.steps == snapshot.step - 1
    assert told.verdict.headline.startswith(f"So far, to step {snapshot.step - 1:,}, and then it")
    assert told.at(17) == fit(100).at(17)
    assert_same_path(steepest.fit(resume=summary.id, store=place), fit(12_000))


def test_minimize_goes_on_too(place: Path) -> None:
    def minimize(steps: int, **more: Any) -> Run:
        return steepest.minimize(
            "(1-x)**2 + 100*(y-x**2)**2",
            start={"x": -1.2, "y": 1.0},
            lr=1e-3,
            steps=steps,
            remedies=False,
            **more,
        )

    run = minimize(1_000, store=place)
    again = steepest.minimize(resume=run.id, store=place, steps=6_000)
    assert_same_path(again, minimize(6_000))
    assert loaded(str(run.id), place).at(17) == again.at(17)
    with pytest.raises(UsageError, match="steepest minimize --resume"):
        steepest.fit(resume=run.id, store=place, steps=7_000)


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_solver_is_kept_too(optimizer: str, place: Path) -> None:
    run = fit(2, store=place, optimizer=optimizer, lr="auto")
    found = loaded(str(run.id), place)
    assert found.at(1) == run.at(1)
    whole = fit(10, optimizer=optimizer, lr="auto")
    assert_same_path(steepest.fit(resume=run.id, store=place, steps=10), whole)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "the learning rate": ({"lr": 1e-6}, "--lr cannot change"),
    "the optimizer": ({"optimizer": "adam"}, "--optimizer cannot change"),
    "the seed": ({"seed": 3}, "--seed cannot change"),
    "no option": ({"stepz": 3}, "no such option"),
    "fewer steps": ({"steps": 5}, "has done its 10 steps"),
    "as many steps": ({}, "has done its 10 steps"),
}


@pytest.mark.parametrize(("changes", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_change_is_refused_and_nothing_is_lost(
    changes: dict[str, Any], told: str, place: Path
) -> None:
    run = fit(10, store=place)
    with pytest.raises(UsageError, match=told):
        steepest.fit(resume=run.id, store=place, **changes)
    assert loaded(str(run.id), place).at(4) == run.at(4)
    assert steepest.runs(place)[0].status == "finished"


def test_another_formula_is_refused(place: Path) -> None:
    run = fit(10, store=place)
    with pytest.raises(UsageError, match="another formula"):
        steepest.fit(specimens.SPEED, "speed ~ a*time", resume=run.id, store=place, steps=20)


# The data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(specimens.SPEED, tmp_path / "speed.csv"))


def change(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:-1], "19,99.5"]) + "\n", "utf-8")


def test_a_run_needs_its_file_no_more(file: Path, place: Path) -> None:
    run = fit(30, file, store=place)
    file.unlink()
    found = loaded(str(run.id), place)
    assert found.at(17) == run.at(17)
    with pytest.warns(StoreWarning, match="no longer at .*; the run is shown and walked with"):
        again = steepest.fit(resume=run.id, store=place, steps=40)
    assert_same_path(again, fit(40))


def test_a_changed_file_is_said(file: Path, place: Path) -> None:
    run = fit(30, file, store=place)
    change(file)
    assert loaded(str(run.id), place).at(17) == run.at(17)
    with pytest.raises(InputError, match="data has changed since"):
        steepest.fit(file, FORMULA, resume=run.id, store=place, steps=40)
    with pytest.warns(StoreWarning, match="has changed since this run"):
        again = steepest.fit(resume=run.id, store=place, steps=40)
    assert_same_path(again, fit(40))


def test_a_file_that_only_looks_other_is_the_same_data(file: Path, place: Path) -> None:
    run = fit(30, file, store=place)
    text = file.read_text("utf-8").replace(",", " ; ")
    file.write_text(text, "utf-8")
    again = steepest.fit(resume=run.id, store=place, steps=40)
    assert_same_path(again, fit(40))


def test_data_too_large_to_keep_is_read_again(
    file: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.store.recording.MOST_DATA", 10)
    monkeypatch.chdir(file.parent)
    run = fit(30, file.name, store=place)
    # From any other folder too.
    monkeypatch.chdir(Path(__file__).parent)
    assert loaded(str(run.id), place).at(17) == run.at(17)
    change(file)
    found = loaded(str(run.id), place)
    assert found.to_dict() == run.to_dict()
    with pytest.raises(InputError, match="data has changed since"):
        found.at(17)
    file.unlink()
    with pytest.raises(InputError, match="no file"):
        loaded(str(run.id), place).at(17)


def test_a_frame_too_large_to_keep_is_gone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.store.recording.MOST_DATA", 10)
    run = fit(30, {"time": specimens.TIME, "speed": specimens.SPEEDS}, store=place)
    found = loaded(str(run.id), place)
    assert found.loss == run.loss
    with pytest.raises(InputError, match="too large to be kept"):
        found.at(17)


def test_missing_rows_and_conditions_come_back(tmp_path: Path, place: Path) -> None:
    path = tmp_path / "gaps.csv"
    text = specimens.SPEED.read_text("utf-8").splitlines()
    marked = [f"{text[0]},ok,spare"] + [f"{line},{i % 7},x" for i, line in enumerate(text[1:])]
    marked[4] = "3,,1,x"
    path.write_text("\n".join(marked) + "\n", "utf-8")
    run = fit(30, path, where="ok < 6", store=place)
    path.unlink()
    found = loaded(str(run.id), place)
    assert found.at(17) == run.at(17)
    assert found.explain("a", 5) == run.explain("a", 5)


def test_other_versions_are_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fit(30, store=place)
    other = {**versions(), "jax": "99.0"}
    monkeypatch.setattr("steepest.run.stored.versions", lambda: other)
    found = loaded(str(run.id), place)
    with pytest.warns(StoreWarning, match=r"computed with jax .*, and here is 99\.0"):
        assert found.at(17) == run.at(17)


# When it cannot be kept


def test_a_full_disk_does_not_lose_the_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(3, store=place)

    def full(*_: Any) -> Any:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("steepest.store.recording.encode", full)
        with pytest.warns(StoreWarning, match=r"The run is not kept.*disk is full"):
            run = fit(6_000, store=place)
    assert (run.id, run.to_dict()["run"]) == (None, None)
    assert type(run.unsaved) is StoreError
    assert run.at(3_000) == fit(6_000).at(3_000)
    # It can be kept elsewhere, with all that is needed to go on.
    other = place.with_name("other.db")
    name = run.save(other)
    assert vars(run)["unsaved"] is None
    assert_same_path(steepest.fit(resume=name, store=other, steps=7_000), fit(7_000))


def test_progress_that_could_not_be_written_is_written_with_the_next(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = partial(fit, 12_000, optimizer="momentum")  # each of its steps is walked
    failures = iter([True, False, True, True, False, False])
    real = Recording._set_curve

    def flaky(self: Recording, db: Any, thin: Trace) -> None:
        if next(failures, False):
            raise StoreError("not now")
        real(self, db, thin)

    monkeypatch.setattr(Recording, "_set_curve", flaky)
    with pytest.raises(BrokenError):
        walk(store=place, progress=Stopping(9_000, BrokenError, 0.05))
    store = Store(place)
    (summary,) = store.summaries()
    snapshot = store.snapshot(summary.id)
    assert snapshot is not None
    trace = store.trace(summary.id)
    stride = int(snapshot.facts["stride"])
    assert trace.step.tolist() == list(range(0, snapshot.step, stride))
    assert_same_path(steepest.fit(resume=summary.id, store=place), walk())


def test_a_file_that_is_no_store_is_an_error_before_anything_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a store " * 100, "utf-8")
    with pytest.raises(StoreError, match="not an SQLite file"):
        fit(3, store=path)


def test_an_input_at_fault_leaves_nothing_behind(place: Path) -> None:
    fit(3, store=place)
    with pytest.raises(UsageError, match="step that was not done"):
        fit(30, store=place, at=31)
    assert len(steepest.runs(place)) == 1


# What it costs


def read_bytes() -> int:
    for line in Path("/proc/self/io").read_text("ascii").splitlines():
        if line.startswith("rchar"):
            return int(line.split()[1])
    raise AssertionError


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="needs /proc")
def test_ten_million_steps_open_with_less_than_a_megabyte(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    run = fit(10_000_000, store=place)
    assert run.id is not None
    assert place.stat().st_size > 1_000_000
    store = Store(place)
    wanted = run.figure("loss")  # so that its code is read before it is counted
    before = read_bytes()
    found = loaded(run.id, place)
    figure = found.figure("loss")
    curve = store.curve(run.id)
    document = found.to_dict()
    assert read_bytes() - before < 1_000_000
    assert figure.title == wanted.title
    assert len(figure.data["step"]) <= 1001
    assert len(curve) <= 1001
    assert curve.step[-1] == 10_000_000
    assert document == run.to_dict()
    assert same_trace(found.trace, run.trace)
    # Any range, exactly.
    for first in (0, 1_234_567, 9_999_000):
        assert same_trace(found.replay(first, first + 500), run.replay(first, first + 500))
    part = store.trace(run.id, 5_000_000, 5_100_000)
    inside = (run.trace.step >= 5_000_000) & (run.trace.step <= 5_100_000)
    assert part.loss.tobytes() == run.trace.loss[inside].tobytes()


def test_no_warning_is_given_where_nothing_is_wrong(place: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = fit(10, store=place)
        loaded(str(run.id), place).at(3)
    assert replace(run.record, run=None).run is None
