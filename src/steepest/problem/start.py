"""A start by weight, however it is given: by name, or numbers in the order of the weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from steepest.data.table.categories import formula_over
from steepest.data.table.columns import Table
from steepest.formula.parse import parse_expression
from steepest.words.errors import UsageError
from steepest.words.given import shown_value
from steepest.words.wording import count


def is_by_place(start: Any) -> bool:
    """Whether a start is numbers in the order of the weights, and not by name."""
    named = isinstance(start, bool | str | bytes | Mapping)
    return not named and isinstance(start, Real | Sequence | np.ndarray)


def by_weight(start: Any, weights: Sequence[str]) -> dict[str, float]:
    """The start by the weights' names. Raises UsageError for too few or too many numbers.

    >>> by_weight([1, 2], ["a", "b"]), by_weight(3, ["x"])
    ({'a': 1.0, 'b': 2.0}, {'x': 3.0})
    """
    if not is_by_place(start):
        return dict(start)
    try:
        numbers = [float(one) for one in np.atleast_1d(np.asarray(start, dtype=np.float64))]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) != len(weights):
        typed = ",".join(f"{name}=1" for name in weights[:3])
        example = ", ".join(f'"{name}": 1' for name in weights[:3])
        raise UsageError(
            f"A start without names needs one number for each weight: {', '.join(weights)}.",
            given=count(len(numbers), "number") if numbers else shown_value(start),
            instead=f"Write --start {typed}, in Python start={{{example}}}; weights that are left "
            "out are drawn.",
        )
    return dict(zip(weights, numbers, strict=True))


def placed(options: Mapping[str, Any], weights: Callable[[], Sequence[str]]) -> dict[str, Any]:
    """The options with a start by name; the weights are asked for where it has none."""
    start = options.get("start")
    return (
        {**options, "start": by_weight(start, weights())} if is_by_place(start) else dict(options)
    )


def weights_of(text: Any, table: Table | None = None, where: Any = None) -> Sequence[str]:
    """The weights of an expression, or of a formula over a table. Raises SteepestError."""
    formula = parse_expression(text) if table is None else formula_over(table, text, (), where)
    return formula.weights


def check_order(data: Any, formula: Any) -> None:
    """Raise UsageError where data and formula stand in each other's place."""
    if isinstance(data, str) and "~" in data and not os.path.exists(data):
        swapped = isinstance(formula, str) and "~" not in formula
        second = f' "{formula}"' if swapped else ""
        raise UsageError(
            "Data and formula are swapped." if swapped else "The first argument is the data.",
            given=f'"{data}"{second}',
            instead=f'Write the data first:{second or " data.csv"} "{data}".',
        )
