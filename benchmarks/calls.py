"""Calls between Steepest's own files that a fit makes on its way from the CSV to the finding.

`python -m benchmarks.calls [--edges N]` counts them with a profiler hook. Each fit is run twice and
counted the second time, so that what is counted is the way and not what JAX traces to compile it.
With `PYTHONPATH` set to the `src` of another checkout it counts there.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import steepest

PACKAGE = str(Path(steepest.__file__).parent)
SPEED = str(Path(__file__).parent.parent / "examples" / "speed.csv")

FITS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "the example, without remedies": (
        "speed ~ a*time**2 + b*time + c",
        {"start": {"a": 0.0121, "b": -0.6397, "c": 0.6416}, "lr": 1e-5, "steps": 10},
    ),
    "the example, with remedies": (
        "speed ~ a*time**2 + b*time + c",
        {
            "start": {"a": 0.0121, "b": -0.6397, "c": 0.6416},
            "lr": 1e-5,
            "steps": 10,
            "remedies": True,
        },
    ),
    "a curved model, without remedies": (
        "speed ~ a*exp(-b*time) + c",
        {"start": {"a": 40.0, "b": 0.5, "c": 5.0}, "lr": 1e-4, "steps": 200},
    ),
}
"""Formula and options by what is fitted."""

Edge = tuple[str, str]
"""(the file that calls, the file that is called)"""


def calls_between(job: Callable[[], object], package: str = PACKAGE) -> Counter[Edge]:
    """Count how often a function of one file of a package runs for one of another file.

    What stands between them outside the package (JAX, NumPy) is looked through. A generator that
    goes on counts as called again. Of the thread that asks only.
    """
    seen: Counter[Edge] = Counter()

    def hook(frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not (callee := frame.f_code.co_filename).startswith(package):
            return
        before = frame.f_back
        while before is not None and not before.f_code.co_filename.startswith(package):
            before = before.f_back
        if before is not None and before.f_code.co_filename != callee:
            seen[_short(before.f_code.co_filename, package), _short(callee, package)] += 1

    sys.setprofile(hook)
    try:
        job()
    finally:
        sys.setprofile(None)
    return seen


def _short(path: str, package: str) -> str:
    return path[len(package) + 1 :]


def count(formula: str, options: Mapping[str, Any]) -> Counter[Edge]:
    """The calls between files of one fit that was compiled before."""

    def fit() -> object:
        return steepest.fit(SPEED, formula, **{"remedies": False, **options})

    fit()
    return calls_between(fit)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--edges", type=int, default=0, metavar="N", help="show the N busiest ways")
    given = parser.parse_args()
    warnings.simplefilter("error")
    for name, (formula, options) in FITS.items():
        seen = count(formula, options)
        files = {file for edge in seen for file in edge}
        print(f"{name}: {seen.total():,} calls between {len(files)} files, {len(seen)} ways")
        for (caller, called), times in seen.most_common(given.edges):
            print(f"  {times:6,}  {caller} -> {called}")


if __name__ == "__main__":
    main()
