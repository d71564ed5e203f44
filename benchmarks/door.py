"""Processor time of whole processes, from the shell's prompt back to it, beside curve_fit's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark

SPEED = Path(__file__).parent.parent / "examples" / "speed.csv"
PARABOLA, CURVE = "speed ~ a*time**2 + b*time + c", "speed ~ a*exp(-b*time) + c"
_CURVE_FIT = """
import sys
import numpy as np
from scipy.optimize import curve_fit
t, v = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1).T
print(curve_fit(lambda t, a, b, c: a * t**2 + b * t + c, t, v))
"""


def _processor_seconds(command: list[str], variables: dict[str, str], code: int = 0) -> float:
    before = os.times()
    answer = subprocess.run(command, env={**os.environ, **variables}, capture_output=True)
    after = os.times()
    if answer.returncode != code:
        raise DifferentWorkError(f"{command} ended with {answer.returncode}: {answer.stderr!r}")
    spent = after.children_user - before.children_user
    return spent + after.children_system - before.children_system


def _ours(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "steepest", *arguments]


def _ratios(
    effort: Effort, ours: list[str], theirs: list[str], *, code: int = 0, kept: bool = True
) -> Samples:
    """Ours over theirs, round by round; with `kept` the compiled programs are there already."""
    with tempfile.TemporaryDirectory() as folder:
        ratios = []
        shown = (0.0, 0.0)
        for place in range(effort.rounds + kept):
            cache = Path(folder) / ("kept" if kept else str(place))
            variables = {
                "XDG_CACHE_HOME": str(cache),
                "STEEPEST_STORE": str(Path(folder) / "runs.db"),
            }
            spent = _processor_seconds(ours, variables, code)
            if kept and place == 0:
                continue
            shown = spent, _processor_seconds(theirs, variables)
            ratios.append(shown[0] / shown[1])
    return Samples(tuple(ratios), f"{shown[0]:.2f} s against {shown[1]:.2f} s of processor time")


def _fits() -> None:
    theirs = [sys.executable, "-c", _CURVE_FIT, str(SPEED)]
    start = ("--start", "a=0.0121,b=-0.6397,c=0.6416", "--lr", "1e-5", "--steps", "10")
    for name, compares, arguments, kept in (
        ("door-example", "the example as a process", (PARABOLA, *start), True),
        ("door-curve", "a curved fit as a process, the second time", (CURVE,), True),
        ("door-first", "a curved fit as a process, the first time", (CURVE,), False),
    ):
        benchmark(name, f"{compares}, against curve_fit as one", bound=None)(
            partial(_ratios, ours=_ours("fit", str(SPEED), *arguments), theirs=theirs, kept=kept)
        )


def _answers() -> None:
    version = _ours("--version")
    for name, arguments, code in (
        ("page", ("explain", "SD201"), 0),
        ("list", ("runs", "list"), 0),
        ("no-run", ("runs", "show", "nowhere"), 1),
        ("no-file", ("fit", "nowhere.csv", "y ~ a*x"), 1),
        ("formula", ("fit", str(SPEED), "speed ~ a*"), 1),
    ):
        benchmark(f"door-{name}", f"steepest {arguments[0]}, against --version", bound=None)(
            partial(_ratios, ours=_ours(*arguments), theirs=version, code=code)
        )


_fits()
_answers()
