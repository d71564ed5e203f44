"""Rows that have no room: what a fit of them takes in memory and time, within a limit.

The limit is the kernel's (`ulimit -d`): whoever takes more is refused. That the answer is right is
checked on fewer of the same kind, which are fitted in memory too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import steepest
from benchmarks.registry import (
    FULL,
    DifferentWorkError,
    Effort,
    NotMeasuredError,
    Samples,
    benchmark,
)

LIMIT = 1_000_000_000
"""Of a linear fit. What a curved one is compared and tried on takes some more addresses."""

CURVED_LIMIT = 1_500_000_000
CLOSE = 1e-9
PART_ROWS = 10_800_000
FEW_ROWS = 1_000_000

LINEAR = ("y ~ a*x + b*z + c", {"lr": 1e-7, "steps": 20})
CURVED = ("e ~ a*exp(-b*z) + c", {"lr": 0.1, "steps": 2, "start": {"a": 1.0, "b": 1.0, "c": 0.0}})

_FIT = """
import json, resource, sys, time
limit, data, formula, options = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
began = time.perf_counter()
import steepest
run = steepest.fit(data, formula, **options)
with open("/proc/self/status") as lines:
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
problem = run.record.problem
print(json.dumps([problem.rows, problem.drawn, peak, time.perf_counter() - began]))
"""

_READ = """
import sys, time
import polars as pl
began = time.perf_counter()
files, columns = pl.scan_parquet(sys.argv[1]), sys.argv[2].split(",")
rows = sum(len(part) for part in files.select(columns).collect_batches(chunk_size=1 << 18))
print([rows, time.perf_counter() - began])
"""


def _part(number: int, rows: int) -> pl.DataFrame:
    """Four columns of random digits, which no compression makes smaller."""
    random = np.random.default_rng(number)
    x, z = random.normal(1e3, 2, rows), random.uniform(0, 5, rows)
    return pl.DataFrame(
        {
            "x": x,
            "z": z,
            "y": 2 * x - 3 * z + 7 + random.normal(0, 0.5, rows),
            "e": 3 * np.exp(-0.5 * z) + 1 + random.normal(0, 0.1, rows),
        }
    )


@contextmanager
def _files(parts: int, rows: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="steepest-") as folder:
        for number in range(parts):
            file = Path(folder) / f"part-{number:03}.parquet"
            _part(number, rows).write_parquet(file, row_group_size=1_000_000)
        yield Path(folder)


def _demand_same_as_in_memory(file: Path, formula: str, options: dict[str, Any]) -> None:
    """The file alone, passed over, gives what it gives in memory."""
    fit = partial(steepest.fit, file, formula, remedies=False, **options)
    here, passed = fit(memory="64GB"), fit(memory="1MB")
    if here._setup.streamed is not None or passed._setup.streamed is None:
        raise DifferentWorkError("one was not in memory, or the other was")
    one, other = here.measurements.minimum, passed.measurements.minimum
    assert one is not None
    assert other is not None
    pairs = {
        "loss": (here.trace.loss, passed.trace.loss),
        "minimum": (np.array([one.loss]), np.array([other.loss])),
        "weights": (here.trace.weights[-1], passed.trace.weights[-1]),
        "weights of the minimum": (
            np.array([*one.weights.values()]),
            np.array([*other.weights.values()]),
        ),
    }
    for name, (mine, theirs) in pairs.items():
        off = float(np.max(np.abs(mine - theirs) / np.max(np.abs(mine))))
        # A solver finds the minimum of a curved model, to half of the digits.
        if off > (1e-6 if name == "weights of the minimum" and formula == CURVED[0] else CLOSE):
            raise DifferentWorkError(f"the {name} differs by {off:.2g} of itself")


def _measured(
    formula: str, options: dict[str, Any], columns: str, parts: int, limit: int, effort: Effort
) -> Samples:
    if not Path("/proc/self/status").exists():
        raise NotMeasuredError("the limit and the peak are those of Linux")
    rows = PART_ROWS if effort is FULL else FEW_ROWS
    parts = parts if effort is FULL else 2
    with _files(1, rows // 10) as few:
        _demand_same_as_in_memory(few / "part-000.parquet", formula, options)
    with _files(parts, rows) as folder:
        pattern = str(folder / "part-*.parquet")
        size = sum(file.stat().st_size for file in folder.iterdir())
        given = json.dumps([limit, pattern, formula, {**options, "remedies": False}])
        found, drawn, peak, seconds = json.loads(_answer(_FIT, given))
        if found != parts * rows or drawn is None:
            raise DifferentWorkError(f"{found:,} rows of {parts * rows:,} were passed over")
        read, reading = json.loads(_answer(_READ, pattern, columns))
        if read != found:
            raise DifferentWorkError(f"Polars read {read:,} rows of {found:,}")
    return Samples(
        (peak / 1e6,),
        f"{found:,} rows, {size / 1e9:.2f} GB of Parquet, in {seconds:.0f} s; reading the columns "
        f"once takes Polars {reading:.1f} s; in memory a tenth of a part gives the same to "
        f"{CLOSE:g}",
    )


def _answer(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=1800
    )
    if done.returncode:
        raise DifferentWorkError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return done.stdout


@benchmark(
    "streaming-linear",
    "peak memory of a linear fit of Parquet files in a process that may take 1,000 MB",
    bound=LIMIT / 1e6,
    unit="MB",
)
def linear(effort: Effort) -> Samples:
    return _measured(*LINEAR, "x,z,y", 16, LIMIT, effort)


@benchmark(
    "streaming-curved",
    "the same of a model that is not linear, whose every step passes over the rows, in a process "
    "that may take 1,500 MB",
    bound=LIMIT / 1e6,
    unit="MB",
)
def curved(effort: Effort) -> Samples:
    return _measured(*CURVED, "z,e", 4, CURVED_LIMIT, effort)
