"""NIST's certified nonlinear regressions: what Steepest says and reaches, from both starts of each.

`python -m benchmarks.nist [--only NAME ...] [--cache FILE]` writes NIST.md once all are measured.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
from tests.nist import NAMES, Certified, load

import steepest
from benchmarks.results import machine
from steepest.records.arrays import Vector

PAGE = Path(__file__).parent / "NIST.md"

CERTIFIED_DIGITS = 11.0
"""As many as the files give; two numbers cannot agree in more."""

ENOUGH = 6.0
"""Digits of the residual sum of squares that count as reached."""

BY_WEIGHTS = {"Lanczos1": 4.0}
"""Its residual sum, 1.4e-25, is below double precision, so digits of the weights count instead."""

LIBRARIES = ("steepest", "jax", "jaxlib", "optax", "numpy", "scipy")


@dataclass(frozen=True)
class Outcome:
    """Where some way of fitting ended: digits of the residual sum and of the worst weight."""

    how: str
    sum_digits: float
    weight_digits: float
    steps: int | None = None

    def reached(self, name: str) -> bool:
        """Whether that is the certified answer."""
        if name in BY_WEIGHTS:
            return self.weight_digits >= BY_WEIGHTS[name]
        return self.sum_digits >= ENOUGH


@dataclass(frozen=True)
class Row:
    """One data set from one of its two starts (1 or 2)."""

    name: str
    start: int
    rate: str
    headline: str
    times_certified: float
    """The loss where plain descent ended, over the certified one."""
    plain: Outcome
    """The same in digits."""
    best: Outcome | None
    """The lowest of the remedies that were offered, None where none was."""
    wrong_tool: bool
    seconds: float
    curve_fit: Outcome

    @property
    def reached(self) -> bool:
        """Whether an offered remedy gives the certified answer, or the descent needs none."""
        return any(way is not None and way.reached(self.name) for way in (self.best, self.plain))


def digits(value: float, certified: float) -> float:
    """How many significant digits agree, from 0 to CERTIFIED_DIGITS: the log relative error.

    >>> digits(1.001, 1.0), digits(1.0, 1.0), digits(9.0, 1.0), digits(math.nan, 1.0)
    (3.0, 11.0, 0.0, 0.0)
    """
    error = abs(value - certified) / abs(certified)
    if not math.isfinite(error):
        return 0.0
    if error == 0:
        return CERTIFIED_DIGITS
    return round(min(max(-math.log10(error), 0.0), CERTIFIED_DIGITS), 1)


def outcome(
    given: Certified,
    how: str,
    residual_sum: float,
    weights: Mapping[str, float],
    steps: int | None = None,
) -> Outcome:
    """What was reached, beside the certified values."""
    worst = min(digits(weights[name], value) for name, value in given.weights.items())
    return Outcome(how, digits(residual_sum, given.residual_sum), worst, steps)


def measure(name: str, which: int) -> Row:
    """Fit one data set from its certified start, as a user would."""
    given = load(name)
    start = given.starts[which - 1]
    run = steepest.fit(given.columns, given.formula, start=start)
    offered = [
        outcome(
            given,
            remedy.change,
            remedy.measured_loss * given.rows,
            remedy.weights,
            remedy.measured_steps,
        )
        for remedy in run.remedies
    ]
    return Row(
        name=name,
        start=which,
        rate=run.verdict.learning_rate,
        headline=run.verdict.headline,
        times_certified=run.loss * given.rows / given.residual_sum,
        plain=outcome(given, "gd", run.loss * given.rows, run.weights),
        best=max(offered, key=lambda one: (one.reached(name), one.sum_digits), default=None),
        wrong_tool=any("wrong tool" in remedy.sentence for remedy in run.remedies),
        seconds=round(run.record.seconds, 1),
        curve_fit=by_curve_fit(given, start),
    )


def by_curve_fit(given: Certified, start: Mapping[str, float]) -> Outcome:
    """scipy.optimize.curve_fit with its defaults, on the formula as NumPy computes it."""
    target, model = (side.strip() for side in given.formula.split("~"))
    names = tuple(start)
    rows = {**vars(np), **given.columns}
    observed: Vector = eval(target, rows)  # the file's own text, as NIST wrote it

    code = compile(model, given.name, "eval")

    def predicted(_: object, *weights: float) -> Vector:
        return np.asarray(eval(code, rows, dict(zip(names, weights, strict=True))))

    with warnings.catch_warnings():
        # It warns of overflow on its way, and where it cannot estimate the covariance.
        warnings.simplefilter("ignore")
        try:
            found, _ = scipy.optimize.curve_fit(
                predicted, np.zeros(given.rows), observed, p0=list(start.values())
            )
        except (RuntimeError, ValueError) as error:
            return Outcome(f"gave up: {str(error).split(':')[-1].strip(' .')}", 0.0, 0.0)
        left = float(np.sum((observed - predicted(None, *found)) ** 2))
    return outcome(given, "curve_fit", left, dict(zip(names, map(float, found), strict=True)))


def table(rows: Sequence[Row]) -> str:
    """The Markdown table."""
    headings = (
        "data set",
        "start",
        "learning rate",
        "plain descent",
        "headline",
        "best remedy",
        "digits: sum, weights",
        "reached",
        "seconds",
        "curve_fit",
    )
    lines = [headings, tuple("---" for _ in headings), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    best = row.best
    remedy = "none" if best is None else best.how
    if best is not None and best.steps is not None:
        remedy = f"{remedy}, {best.steps:,} {'step' if best.steps == 1 else 'steps'}"
    if row.wrong_tool:
        remedy = f"{remedy} *"
    return (
        row.name,
        str(row.start),
        row.rate,
        f"{row.times_certified:.4g}",
        _short(row.headline),
        remedy,
        "-" if best is None else f"{best.sum_digits:.1f}, {best.weight_digits:.1f}",
        "yes" if row.reached else "**no**",
        f"{row.seconds:.1f}",
        _beside(row.curve_fit, row.name),
    )


def _short(headline: str) -> str:
    return headline if len(headline) <= 100 else headline.split(": ")[0].rstrip(".")


def _beside(other: Outcome, name: str) -> str:
    if other.how != "curve_fit":
        return other.how
    text = f"{other.sum_digits:.1f}, {other.weight_digits:.1f}"
    return text if other.reached(name) else f"**{text}**"


def page(rows: Sequence[Row]) -> str:
    """The whole of NIST.md."""
    wrong = sum(row.wrong_tool for row in rows)
    return f"""# NIST StRD: nonlinear regression

Written by `python -m benchmarks.nist`: the 27 certified data sets, each from both certified starts,
as `steepest.fit(columns, formula, start=...)` with nothing else set.

{textwrap.fill(_summary(rows), 100)}

- *plain descent*: the loss where gradient descent ended at the learning rate that was chosen,
  in units of the certified one: 1 is the answer.
- *headline*: the verdict's on that descent, without the reason where it is long.
- *best remedy*: of those offered, with its steps to within 1 % of the minimum. With a star,
  Steepest says that gradient descent is the wrong tool there, {wrong} times.
- *digits*: significant digits that agree with the certified values, for the residual sum of
  squares and for the worst of the weights; 11 are certified. *reached* means 6 of the sum.
  Lanczos1's sum, 1.4e-25, is below double precision: 4 of every weight count there.
- *seconds*: all of it, from compiling to the last remedy.
- *curve_fit*: the same digits, or why it gave up; bold where it ended elsewhere.

{table(rows)}

Measured on:

{machine(LIBRARIES)}
"""


def _summary(rows: Sequence[Row]) -> str:
    reached = sum(row.reached for row in rows)
    text = (
        f"**From {reached} of {len(rows)} starts the certified residual sum of squares is reached "
        "to 1e-6, relative, by the best remedy that is offered.** "
    )
    bare = [row for row in rows if row.best is None and row.plain.reached(row.name)]
    if bare:
        named = ", ".join(f"{row.name} {row.start}" for row in bare)
        text += f"(Where the descent itself reaches it, none is needed nor offered: {named}.) "
    plain = sum(row.plain.reached(row.name) for row in rows)
    beside = sum(row.curve_fit.reached(row.name) for row in rows)
    return text + (
        "Plain gradient descent at the best learning rate that was found gets there in 1,000 "
        f"steps from {plain}, `scipy.optimize.curve_fit` with its defaults from {beside}."
    )


def read(path: Path | None) -> dict[tuple[str, int], Row]:
    """The rows that an earlier run left in its cache."""
    if path is None or not path.exists():
        return {}
    found = [_row(entry) for entry in json.loads(path.read_text("utf-8"))]
    return {(row.name, row.start): row for row in found}


def _row(entry: dict[str, Any]) -> Row:
    ways: dict[str, Callable[[Any], Any]] = {
        "plain": lambda it: Outcome(**it),
        "best": lambda it: None if it is None else Outcome(**it),
        "curve_fit": lambda it: Outcome(**it),
    }
    return Row(**{name: ways.get(name, lambda it: it)(value) for name, value in entry.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every start reaches the certified answer."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nist",
        description="Fit NIST's certified data sets from both starts; takes about ten minutes.",
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help="these data sets")
    parser.add_argument("--cache", type=Path, help="JSON file to keep rows in and complete them")
    given = parser.parse_args(arguments)
    rows = read(given.cache)
    for name in given.only or NAMES:
        for which in (1, 2):
            if given.only is None and (name, which) in rows:
                continue
            row = rows[name, which] = measure(name, which)
            print(" | ".join(_cells(row)), file=sys.stderr, flush=True)
            if given.cache is not None:
                given.cache.write_text(json.dumps([asdict(r) for r in rows.values()]), "utf-8")
    ordered = [rows[key] for key in sorted(rows)]
    if len(ordered) == 2 * len(NAMES):
        PAGE.write_text(page(ordered), "utf-8")
    print(table(ordered))
    return 0 if all(row.reached for row in ordered) else 1


if __name__ == "__main__":
    sys.exit(main())
