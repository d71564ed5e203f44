"""What is kept comes back as it was, and what is not there is said."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import specimens
from tests.store.conftest import Keep, finish, opening

from steepest.records.descent import Trace
from steepest.records.document import document
from steepest.records.run import RunRecord
from steepest.store.kept import Ending, KeptData, Progress, Snapshot
from steepest.store.rows import default_path, rows_of
from steepest.store.store import Store
from steepest.words.errors import StoreError, UsageError

SPECIMENS = {
    "tutorial": specimens.tutorial,
    "diverged": specimens.diverged,
    "parabola": specimens.parabola,
}


def same(first: Any, second: Any) -> bool:
    """Equal bit for bit: NaN is like NaN here, and zero unlike minus zero."""
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and (first.dtype, first.shape) == (second.dtype, second.shape)
            and first.tobytes() == second.tobytes()
        )
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first)]
        return type(first) is type(second) and all(
            same(getattr(first, name), getattr(second, name)) for name in names
        )
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and list(first) == list(second)
            and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float):
        return isinstance(second, float) and (first.hex() == second.hex())
    return type(first) is type(second) and bool(first == second)


@pytest.mark.parametrize("make", SPECIMENS.values(), ids=SPECIMENS)
def test_a_record_comes_back_as_it_was(
    make: Callable[[], RunRecord], store: Store, keep: Keep
) -> None:
    record = make()
    run = keep(record)
    assert same(store.record(run), replace(record, run=run))
    assert same(store.trace(run), record.trace)
    assert document(store.record(run)) == document(replace(record, run=run))


NUMBERS = st.floats(width=64)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data(), steps=st.integers(1, 5), name=st.text(min_size=1, max_size=20))
def test_any_numbers_and_names_come_back(
    data: st.DataObject, steps: int, name: str, store: Store
) -> None:
    def numbers(*shape: int) -> np.ndarray:
        drawn = data.draw(
            st.lists(NUMBERS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
        )
        return np.array(drawn, dtype=np.float64).reshape(shape)

    plain = specimens.parabola()
    trace = Trace(
        (name,),
        np.arange(steps),
        numbers(steps),
        numbers(steps, 1),
        numbers(steps, 1),
        data.draw(st.sampled_from([None, numbers(steps)])),
    )
    record = replace(
        plain,
        problem=replace(plain.problem, weights=(name,), columns=(name, "ж"), source=name),
        start={name: data.draw(NUMBERS)},
        descent=replace(plain.descent, final_loss=data.draw(NUMBERS), lr=data.draw(NUMBERS)),
        trace=trace,
        call={"data": name, "start": {name: data.draw(NUMBERS)}, "bounds": {name: (0.0, np.inf)}},
    )
    recording = store.begin(opening(record, name=name, path=name))
    recording.data(KeptData(name, (name, "b"), (name,), steps, "abc", {name: trace.loss}))
    finish(recording, record)
    run = recording.run
    assert same(store.record(run), replace(record, run=run))
    assert same(store.trace(run), trace)
    assert same(store.curve(run), trace)
    assert same(store.options(run), record.call)
    kept = store.data(run)
    assert kept is not None
    assert (kept.source, kept.names, kept.used, kept.path) == (name, (name, "b"), (name,), name)
    assert kept.columns is not None
    assert same(dict(kept.columns)[name], trace.loss)
    summary = store.summary(run)
    assert summary.name == summary.source == name
    assert same(summary.loss, record.descent.final_loss)


def test_a_run_without_any_step(store: Store) -> None:
    recording = store.begin(opening(specimens.parabola()))
    assert len(store.trace(recording.run)) == len(store.curve(recording.run)) == 0
    assert store.trace(recording.run).weights.shape == (0, 1)
    assert store.snapshot(recording.run) is None
    assert store.data(recording.run) is None
    recording.close()


def test_nobody_else_reads_a_new_store(tmp_path: Path) -> None:
    """Neither the file nor what SQLite makes beside it."""
    recording = Store(tmp_path / "runs.db").begin(opening(specimens.parabola()))
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    recording.close()


def test_the_newest_run_comes_first(store: Store, keep: Keep) -> None:
    first = keep()
    second = keep(specimens.diverged(), name="wild")
    summaries = store.summaries()
    assert [summary.id for summary in summaries] == [second, first]
    assert [summary.name for summary in summaries] == ["wild", None]
    assert summaries[0].stopped == "diverged"
    assert summaries[1].learning_rate == specimens.tutorial().verdict.learning_rate
    assert {summary.status for summary in summaries} == {"finished"}


def test_an_interrupted_run_says_so(store: Store, keep: Keep) -> None:
    plain = specimens.tutorial()
    run = keep(replace(plain, descent=replace(plain.descent, stopped="interrupted")))
    assert store.summary(run).status == "interrupted"


def test_the_beginning_of_an_id_is_enough_where_it_is_clear(store: Store, keep: Keep) -> None:
    run, other = keep(), keep()
    alike = next(i for i, (a, b) in enumerate(zip(run, other, strict=True)) if a != b)
    assert store.record(run[: alike + 1]).run == run
    with pytest.raises(UsageError, match="Several runs") as error:
        store.record(run[:4])
    assert run in str(error.value)


def test_for_an_unknown_id_the_nearest_is_offered(store: Store, keep: Keep) -> None:
    run = keep()
    with pytest.raises(UsageError, match=f"Did you mean {run}"):
        store.record(run[:-1] + ("0" if run[-1] != "0" else "1"))
    with pytest.raises(UsageError, match="runs list"):
        store.record("zzzzzzz")
    for odd in ("", "\udc80", "%", "' OR 1=1 --"):
        with pytest.raises(UsageError, match="no such run"):
            store.record(odd)


def test_a_deleted_run_is_gone_with_all_of_it(store: Store, keep: Keep) -> None:
    gone, stays = keep(), keep()
    before = store.path.stat().st_size
    assert store.delete(gone[:-1]) == gone
    with pytest.raises(UsageError, match="no such run"):
        store.record(gone)
    assert store.record(stays).run == stays
    with rows_of(store.path) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = {row["name"] for row in db.execute(f"PRAGMA table_info({table})")}
            if "run" in columns:
                found = {row["run"] for row in db.execute(f"SELECT run FROM {table}")}
                assert found <= {stays}
    assert store.path.stat().st_size < before


def test_a_running_run_is_neither_deleted_nor_taken_over(store: Store) -> None:
    recording = store.begin(opening(specimens.tutorial()))
    assert store.summary(recording.run).status == "running"
    with pytest.raises(UsageError, match="still running"):
        store.delete(recording.run)
    with pytest.raises(UsageError, match="still running"):
        store.go_on(recording.run, 10, {})
    with pytest.raises(StoreError, match="still running"):
        store.record(recording.run)
    recording.close()
    assert store.summary(recording.run).status == "interrupted"
    with pytest.raises(StoreError, match=f"--resume {recording.run}"):
        store.record(recording.run)


def test_only_one_of_two_takes_a_run_over(store: Store) -> None:
    recording = store.begin(opening(specimens.tutorial()))
    recording.close()
    seen = ("interrupted", _writer_of(store, recording.run))
    taken = store.go_on(recording.run, 50, {"steps": 50})
    assert store.summary(recording.run).step_limit == 50
    assert store.options(recording.run) == {"steps": 50}
    from steepest.store.recording import Recording

    late = Recording(store.path, recording.run)
    with pytest.raises(UsageError, match="another process"):
        late.go_on(50, {}, seen).result()
    late.close()
    assert store.summary(recording.run).status == "running"
    taken.close()


def _writer_of(store: Store, run: str) -> Any:
    from steepest.store.rows import process_of, row_of

    with rows_of(store.path) as db:
        return process_of(row_of(db, run))


def test_a_discarded_run_was_never_there(store: Store) -> None:
    recording = store.begin(opening(specimens.tutorial()))
    recording.discard()
    assert store.summaries() == []


def piece(first: int, last: int, stride: int = 1, anew: bool = False) -> Progress:
    """Steps from `first` to before `last`, as a recorder with this stride hands them over."""
    step = np.arange(first, last)
    step = step[step % stride == 0]
    column = step.astype(float)
    trace = Trace(("x",), step, column, column[:, None], -column[:, None])
    snapshot = Snapshot(last, {"stride": stride}, {"tail": column[-1:]}, {"0": column[-1:]})
    return Progress(trace, trace, snapshot, anew=anew)


def test_progress_is_there_as_soon_as_it_is_committed(store: Store) -> None:
    recording = store.begin(opening(specimens.parabola()))
    recording.progress(piece(0, 10), 0.5).result()
    recording.progress(piece(10, 30), 0.5).result()
    assert store.trace(recording.run).step.tolist() == list(range(30))
    assert store.trace(recording.run, 5, 12).step.tolist() == list(range(5, 13))
    assert list(store.states(recording.run)) == [10, 30]
    summary = store.summary(recording.run)
    assert (summary.steps, summary.loss, summary.lr) == (30, 29.0, 0.5)
    snapshot = store.snapshot(recording.run)
    assert snapshot is not None
    assert (snapshot.step, snapshot.state["0"].tolist()) == (30, [29.0])
    recording.close()


def test_a_trace_that_thinned_on_the_way_is_even(store: Store) -> None:
    recording = store.begin(opening(specimens.parabola()))
    recording.progress(piece(0, 10), 0.5)
    recording.progress(piece(10, 30, stride=4), 0.5).result()
    assert store.trace(recording.run).step.tolist() == [*range(0, 30, 4)]
    recording.close()


def test_a_run_that_goes_on_replaces_what_came_after(store: Store, keep: Keep) -> None:
    run = keep()
    recording = store.go_on(run, 100, {})
    recording.progress(piece(0, 5, anew=True), 0.5).result()
    assert store.trace(run).step.tolist() == [*range(5)]
    recording.close()
    with pytest.raises(StoreError, match="interrupted"):
        store.record(run)


def test_an_array_that_is_there_twice_is_kept_once(store: Store) -> None:
    plain = specimens.tutorial()
    rows = np.arange(200_000)
    large = replace(
        plain,
        beginning=replace(plain.beginning, row_numbers=rows),
        explanation=replace(plain.explanation, row_numbers=rows),
    )
    recording = store.begin(opening(large))
    finish(recording, large)
    assert same(store.record(recording.run), replace(large, run=recording.run))
    assert store.path.stat().st_size < rows.nbytes / 4


def test_data_that_is_too_large_is_not_kept_but_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.store.recording.MOST_DATA", 1000)
    noise = np.random.default_rng(0).normal(size=1000)
    recording = store.begin(opening(specimens.tutorial()))
    recording.data(KeptData("x.csv", ("x",), ("x",), 1000, "abc", {"x": noise})).result()
    kept = store.data(recording.run)
    assert kept is not None
    assert (kept.columns, kept.rows, kept.fingerprint) == (None, 1000, "abc")
    recording.close()


def test_the_default_store_is_empty_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "new" / "runs.db"))
    assert Store().summaries() == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="no store"):
        Store(tmp_path / "other.db").summaries()
    recording = Store().begin(opening(specimens.tutorial()))
    recording.close()
    assert [summary.id for summary in Store().summaries()] == [recording.run]


def test_without_the_variable_the_default_is_in_the_data_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STEEPEST_STORE")
    assert default_path().name == "runs.db"
    assert "steepest" in default_path().parts[-2].lower()


def test_a_sign_of_life_is_given_while_nothing_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.store.writer.BEAT", 0.02)
    recording = store.begin(opening(specimens.tutorial()))

    def heard() -> float:
        with rows_of(store.path) as db:
            return float(db.execute("SELECT heartbeat FROM runs").fetchone()[0])

    first, until = heard(), time.monotonic() + 10
    while heard() == first and time.monotonic() < until:
        time.sleep(0.01)
    assert heard() > first
    recording.close()


def test_states_on_the_way_are_replaced_at_the_end(store: Store) -> None:
    record = specimens.parabola()
    recording = store.begin(opening(record))
    recording.progress(piece(0, 3), 0.25)
    ending = Ending(
        record.trace,
        {0: {"0": np.zeros(1)}, 4: {"0": np.ones(1)}},
        Snapshot(2, {"stride": 1}, {}, {"0": np.full(1, 2.0)}),
    )
    recording.finish(record, ending).result()
    recording.close()
    assert {s: float(a["0"][0]) for s, a in store.states(recording.run).items()} == {
        0: 0.0,
        2: 2.0,
        4: 1.0,
    }
    assert store.trace(recording.run).step.tolist() == [0, 1, 2, 3, 4]
