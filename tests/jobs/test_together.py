"""Several processes on one machine walk the path that one process walks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.run.run import Run

ROWS = 1001
PATIENCE = 120

OPTIMIZERS = ("gd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")
LINEAR = "y ~ a*x + b"
CURVED = "e ~ a*exp(-b*x)"
START = {"a": 1.0, "b": 0.5}

# Every process joins once; then one fit after the other.
JOB = """
import json, sys, time
import numpy as np
from steepest.jobs import fit as jobs, together
from steepest.objective.passes import batched, rows
from steepest.objective.passes.team import Team, join

rows.MOST_PART_ROWS, batched.BUFFER_BLOCKS = 64, 4  # Many blocks of few rows.
coordinator, processes, process, cases, out = sys.argv[1:]
team = join(coordinator, int(processes), int(process))
leave, Team.leave = Team.leave, lambda self: None  # They stay together for the next one.
found = []
for data, formula, options in json.loads(cases):
    run = together.fit_together(team, data, formula, **options)
    if run is not None:
        assert run._setup.streamed is not None
        known = run.statistics  # The minimum's standard errors, which are of all rows.
        errors = None if known is None else [weight.error for weight in known.weights]
        found.append([run.trace.loss.tolist(), run.trace.weights.tolist(), errors])
if team.leads:
    json.dump(found, open(out, "w"))
else:
    time.sleep(int(process))  # Process 0 is there until the slowest has parted.
leave(team)
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("shared")
    random = np.random.default_rng(0)
    x = random.uniform(0, 3, ROWS)
    frame = pl.DataFrame(
        {"x": x, "y": 3 * x - 2 + random.normal(size=ROWS), "e": 2 * np.exp(-x) + 0.1 * x}
    )
    frame[:700].write_parquet(folder / "part-0.parquet", row_group_size=100)
    frame[700:].write_parquet(folder / "part-1.parquet", row_group_size=100)
    few = folder / "few.csv"
    few.write_text("x,y,e\n0.5,1,1.2\n1,2.5,0.7\n2,3,0.3\n")
    return {"many": str(folder / "part-*.parquet"), "few": str(few)}


def cases_of(data: dict[str, str], processes: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Whoever leads takes the steps, so each optimizer need be seen with one number of helpers."""
    common: dict[str, Any] = {"start": START, "steps": 30, "remedies": False, "lr": 0.02}
    if processes == 2:
        by = [(CURVED, optimizer) for optimizer in OPTIMIZERS] + [(LINEAR, "adam")]
        return [
            *((data["many"], f, {**common, "optimizer": optimizer}) for f, optimizer in by),
            (data["many"], CURVED, {**common, "optimizer": "adam", "batch_size": 100}),
        ]
    return [
        (data["many"], LINEAR, common),
        # The first of four processes has none of three rows.
        *((data["few"], formula, common) for formula in (LINEAR, CURVED)),
        (data["many"], CURVED, {**common, "loss": "rmse", "where": "x < 0.4"}),
        (data["many"], LINEAR, {**common, "batch_size": 7, "validation": 0.3, "loss": "rmse"}),
    ]


@pytest.mark.parametrize("processes", [2, 4])
def test_every_optimizer_takes_the_same_path(
    processes: int, data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.objective.passes.rows.MOST_PART_ROWS", 64)
    monkeypatch.setattr("steepest.objective.passes.batched.BUFFER_BLOCKS", 4)
    cases, out = cases_of(data, processes), tmp_path / "found.json"
    coordinator, given = f"127.0.0.1:{free_port()}", [json.dumps(cases), str(out)]
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", JOB),
                *(coordinator, str(processes), str(process)),
                *given,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for process in range(processes)
    ]
    try:
        said = [process.communicate(timeout=PATIENCE)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * processes, said
    for (source, formula, options), (loss, weights, errors) in zip(
        cases, json.loads(out.read_text()), strict=True
    ):
        # The order of batches is one of blocks.
        memory = "1kB" if "batch_size" in options else "4GB"
        alone = steepest.fit(source, formula, memory=memory, **options)
        what = f"{formula} by {options.get('optimizer', 'gd')} on {source}"
        np.testing.assert_allclose(loss, alone.trace.loss, rtol=1e-10, err_msg=what)
        np.testing.assert_allclose(
            weights, alone.trace.weights, rtol=1e-10, atol=1e-12, err_msg=what
        )
        assert errors is not None or "batch_size" in options, what
        if errors is not None:
            known = alone.statistics
            assert known is not None, what
            assert errors == pytest.approx([weight.error for weight in known.weights], rel=1e-6)


class Job:
    """The processes of one command line."""

    def __init__(self, count: int, arguments: list[str]):
        coordinator = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "steepest", "fit"]
        where = ["--coordinator", coordinator, "--processes", str(count), "--process"]
        self.processes = [
            subprocess.Popen(
                [*command, *(arguments if index == 0 else []), *where, str(index)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
            )
            for index in range(count)
        ]

    def end(self) -> list[tuple[int, str, str]]:
        """Code, output and messages of each."""
        return [
            (process.returncode, *said)
            for process in self.processes
            for said in [process.communicate(timeout=PATIENCE)]
        ]


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    started: list[Job] = []
    yield started
    for job in started:
        for process in job.processes:
            process.kill()


def begun(store: Path, steps: int) -> str:
    """The run, once it has come so far."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if store.exists():
            for summary in steepest.runs(store):
                if (summary.steps or 0) >= steps:
                    return summary.id
        time.sleep(0.2)
    raise AssertionError("the run did not come so far")


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by a signal")
def test_a_lost_process_ends_the_job_and_others_go_on_with_it(
    data: dict[str, str], tmp_path: Path, jobs: list[Job]
) -> None:
    store = tmp_path / "runs.db"
    fit = [data["many"], CURVED, "--start", "a=1,b=0.5", "--lr", "0.001", "--no-remedies"]
    jobs.append(Job(2, [*fit, "--steps", "1000000", "--store", str(store)]))
    name = begun(store, 20)
    killed = time.monotonic()
    jobs[0].processes[1].kill()
    code, output, said = jobs[0].end()[0]
    assert time.monotonic() - killed < 30
    said = " ".join(said.split())
    assert (code, output) == (1, "")
    assert "Another process of this job ended" in said
    assert f"steepest fit --resume {name} goes on with it" in said
    done = steepest.runs(store)[0].steps or 0
    # By three processes, the first of which is then killed; and by one.
    jobs.append(Job(3, ["--resume", name, "--steps", "1000000", "--store", str(store)]))
    begun(store, done + 20)
    killed = time.monotonic()
    jobs[1].processes[0].kill()
    for code, _, said in jobs[1].end()[1:]:
        assert code == 1
        assert said == "Error: Another process of this job ended, or cannot be reached.\n"
    assert time.monotonic() - killed < 30
    done = steepest.runs(store)[0].steps or 0
    end = done + 50
    went_on = steepest.fit(resume=name, store=store, steps=end, remedies=False)
    unbroken = steepest.fit(
        data["many"], CURVED, start=START, lr=0.001, steps=end, remedies=False, memory="4GB"
    )
    assert isinstance(went_on, Run)
    np.testing.assert_array_equal(went_on.trace.step, unbroken.trace.step)
    np.testing.assert_allclose(went_on.trace.weights, unbroken.trace.weights, rtol=1e-10)
    np.testing.assert_allclose(went_on.trace.loss, unbroken.trace.loss, rtol=1e-10)


def test_one_document_comes_out_of_a_job(data: dict[str, str], jobs: list[Job]) -> None:
    fit = [data["many"], LINEAR, "--lr", "0.1", "--steps", "5", "--no-save", "--json"]
    jobs.append(Job(2, fit))
    (code, output, said), other = jobs[0].end()
    assert (code, said) == (0, "")
    problem = json.loads(output)["problem"]
    assert (problem["rows"], problem["processes"]) == (ROWS, 2)
    assert other == (0, "", "")


BAD: dict[str, tuple[list[str], str]] = {
    "a formula that is not finite": (["MANY", "y ~ a*log(x - 1) + b"], "not finite on every row"),
    "standard input": (["-", LINEAR], "each of them can read"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_input_at_fault_ends_all_processes(
    case: str, data: dict[str, str], jobs: list[Job]
) -> None:
    arguments, sentence = BAD[case]
    given = [data["many"] if text == "MANY" else text for text in arguments]
    jobs.append(Job(2, [*given, "--no-save"]))
    (code, output, said), other = jobs[0].end()
    assert code in (1, 2)
    assert output == ""
    assert sentence in " ".join(said.split())
    assert "Traceback" not in said + other[2]
    assert other[0] != 0


WRONG: dict[str, tuple[list[str], str]] = {
    "no port": (["--coordinator", "node1"], "a host and a port"),
    "no processes": (["--coordinator", "h:1", "--processes", "0", "--process", "0"], "1 or more"),
    "a process too many": (
        ["--coordinator", "h:1", "--processes", "2", "--process", "2"],
        "counts the processes from 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_processes_that_cannot_be_are_refused(case: str, data: dict[str, str]) -> None:
    options, sentence = WRONG[case]
    answer = CliRunner().invoke(command, ["fit", data["many"], LINEAR, *options])
    assert answer.exit_code == 2
    assert sentence in " ".join(answer.stderr.split())
    assert isinstance(answer.exception, SystemExit)


def test_a_job_that_cannot_be_found_is_refused(data: dict[str, str]) -> None:
    """In a process of its own: JAX looks for the others before it computes anything."""
    asked = [sys.executable, "-m", "steepest", "fit", data["few"], LINEAR, "--coordinator", "auto"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "cannot be found" in answer.stderr
