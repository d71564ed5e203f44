"""How soon the command line answers."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare

HELP = (sys.executable, "-m", "steepest", "--help")
PASS = (sys.executable, "-c", "pass")
HEAVY = frozenset({"jax", "sympy", "polars"})


def _answer(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


@benchmark("help", "steepest --help, against python -c pass", bound=None)
def wall_time(effort: Effort) -> Samples:
    def check(ours: subprocess.CompletedProcess[str], _: object) -> None:
        if "minimize" not in ours.stdout:
            raise DifferentWorkError("the help does not name the commands")

    return compare(
        lambda: _answer(*HELP),
        lambda: _answer(*PASS),
        check,
        rounds=3 * effort.rounds,
        per="call",
        judged="passed",
    )


@benchmark(
    "help-imports", "JAX, SymPy and Polars imported by steepest --help", bound=0, unit="modules"
)
def imports(effort: Effort) -> Samples:
    def imported(*command: str) -> set[str]:
        lines = _answer(sys.executable, "-X", "importtime", *command[1:]).stderr.splitlines()
        return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}

    for name in HEAVY:
        # A count of nothing must not come from looking in the wrong place.
        if name not in imported(sys.executable, "-c", f"import {name}"):
            raise DifferentWorkError(f"importing {name} was not noticed")
    found = imported(*HELP)
    if "steepest" not in found:
        raise DifferentWorkError("steepest was not imported")
    heavy = sorted(found & HEAVY)
    return Samples((float(len(heavy)),), ", ".join(heavy) or "none of them")
