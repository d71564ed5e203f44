"""Rows made from a formula, with noise: data whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from steepest.formula.names import is_plain, quoted
from steepest.formula.parse import parse_expression
from steepest.formula.reverse import tape_of
from steepest.records.arrays import Vector
from steepest.words.errors import InputError, UsageError

_MOST_ROWS: Final = 10_000_000


@dataclass(frozen=True, eq=False)
class Made:
    """Columns by name, the target last."""

    columns: Mapping[str, Vector]

    def csv(self) -> str:
        """As text of a .csv file; every number reads back as it is."""
        head = ",".join(self.columns)
        rows = zip(*(column.tolist() for column in self.columns.values()), strict=True)
        lines = (",".join(_short(value) for value in row) for row in rows)
        return "\n".join([head, *lines, ""])


def _short(value: float) -> str:
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


def made(
    text: str,
    *,
    rows: int = 20,
    noise: float = 0.0,
    seed: int = 0,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Made:
    """Rows of `target ~ expression`, or of an expression, whose target is then called y.

    Every name in the expression is a column: the first goes evenly from the lower to the upper end
    of its range (0 to rows - 1 where none is given), the others are drawn evenly from theirs.
    `noise` is the standard deviation of what is added to the target, drawn from a normal
    distribution. Raises SteepestError.
    """
    if not 1 <= rows <= _MOST_ROWS:
        raise UsageError(f"--rows must be from 1 to {_MOST_ROWS:,}.", given=f"{rows}")
    if not (np.isfinite(noise) and noise >= 0):
        raise UsageError("--noise must be a finite number, 0 or more.", given=f"{noise:g}")
    before, tilde, after = text.partition("~")
    target = before.strip() if tilde else "y"
    formula = parse_expression(after if tilde else text)
    if not is_plain(target) or target in formula.weights:
        raise UsageError(
            "The target needs a name of its own, of letters and digits.",
            given=quoted(target),
            instead='Write for example "speed ~ 0.5*time**2".',
        )
    unknown = set(ranges or {}) - set(formula.weights)
    if unknown:
        raise UsageError(
            "--range names a column that is not in the formula.",
            given=", ".join(sorted(unknown)),
            instead=f"The columns are {', '.join(formula.weights)}.",
        )
    draws = np.random.default_rng(seed)
    columns: dict[str, Vector] = {}
    for name in formula.weights:
        low, high = (ranges or {}).get(name, (0.0, float(max(rows - 1, 1))))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UsageError(
                "A range needs both its ends.", given=name, instead=f"Write {name}=0:19."
            )
        columns[name] = draws.uniform(low, high, rows) if columns else np.linspace(low, high, rows)
    exact = np.asarray(tape_of(formula.model).value(columns), dtype=np.float64)
    values = exact + noise * draws.standard_normal(rows)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InputError(
            "The formula gives no finite number on every row.",
            given=f"row {row}: {', '.join(f'{k}={v[row]:g}' for k, v in columns.items())}",
            instead="Choose another --range.",
        )
    return Made({**columns, target: values})
