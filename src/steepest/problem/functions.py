"""A Python function with its data, as the formula, the columns and the start that say the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from steepest.formula.functions import CONSTANTS, FUNCTIONS
from steepest.formula.names import is_plain
from steepest.formula.nodes import Column, Node, Weight, names_of
from steepest.formula.render import to_text
from steepest.formula.reverse import tape_of
from steepest.formula.traced import array_of, named, trace
from steepest.problem.start import by_weight
from steepest.words.errors import InputError, UsageError

_COMPARED: Final = 100
"""Rows on which the formula is compared with the function."""


@dataclass(frozen=True)
class AsFormula:
    """What a function says, as `fit` and `minimize` take it."""

    formula: str
    data: dict[str, Any] | None
    start: dict[str, float]


def as_formula(
    function: Any, x: Any, y: Any, options: Mapping[str, Any]
) -> tuple[Any, str, dict[str, Any]]:
    """What fit was given as function, x and y: as data, formula and options. Raises UsageError."""
    if not callable(function):
        raise UsageError(
            "fit takes data and a formula, or a function with x and y.",
            instead="Write steepest.fit(f, x, y), the function first; or "
            'steepest.fit({"x": x, "y": y}, "y ~ a*x + b").',
        )
    said = fitted(function, x, y, options.get("start"))
    return said.data, said.formula, {**options, "start": said.start}


def fitted(function: Callable[..., Any], x: Any, y: Any, start: Any) -> AsFormula:
    """The function of x and weights, as scipy's curve_fit takes it: its first argument is x.

    x is one array, several of them, or a table; y an array or the name of a column of that table.
    Where the function's first arguments are called as columns are, they are these columns. Raises
    SteepestError.
    """
    if x is None or y is None:
        raise UsageError(
            "fit needs x and y beside a function.", instead="Write steepest.fit(f, x, y)."
        )
    names, defaults = _parameters(function)
    target = y if isinstance(y, str) else None
    columns = _columns_of(x)
    if columns is None and target is not None:
        raise UsageError(
            "y names a column, and x is no table.", given=target, instead="Give y as an array."
        )
    if target is None:
        target = _free(_name_of(y) or "y", (*(columns or {}), *names))
    leading: tuple[str, ...] = ()
    if columns is None:
        given, argument, columns = _from_arrays(x, y, names)
    else:
        leading = _leading(names, columns)
        given, argument = _Rows, _Rows({name: named(Column(name)) for name in columns})
    weights = names[max(1, len(leading)) :]
    arguments = [named(Column(name)) for name in leading] or [argument]

    def plain(rows: Mapping[str, Any]) -> list[Any]:
        return [rows[name] for name in leading] or [given(rows)]

    data = dict(columns)
    if not isinstance(y, str):
        data[target] = y
    if target not in data:
        raise InputError(
            "y names a column that is not there.",
            given=target,
            instead=f"The columns are {', '.join(data)}.",
        )
    weights = _known(weights, start, defaults, tuple(data))
    begin = _start_of(weights, start, defaults)
    node = trace(function, [*arguments, *(named(Weight(name)) for name in weights)])
    _check_weights(node, weights)
    used = [name for name in data if name in (*names_of(Column, node), target)]
    rows = {name: np.asarray(data[name])[:_COMPARED] for name in used}
    others = {name: np.asarray(data[name])[:_COMPARED] for name in data}
    _compare(function, node, plain(others), rows, begin, weights)
    text = f"{to_text(Column(target))} ~ {to_text(node)}"
    return AsFormula(text, {name: data[name] for name in used}, begin)


def minimized(function: Callable[..., Any], start: Any) -> AsFormula:
    """The function of its variables; with one argument and several starts, of a vector of them.

    Raises SteepestError.
    """
    names, defaults = _parameters(function)
    vector = (
        len(names) == 1
        and not isinstance(start, Mapping | str)
        and start is not None
        and np.size(start) > 1
    )
    if vector:
        weights = tuple(f"{names[0]}{place}" for place in range(len(start)))
        begin = _start_of(weights, start, {})
        nodes = [Weight(name) for name in weights]
        node = trace(function, [array_of(nodes, (len(nodes),))])
        values = [np.array([begin[name] for name in weights])]
        _check_weights(node, weights)
        _agree(function, node, values, {}, begin)
        return AsFormula(to_text(node), None, begin)
    weights = _known(names, start, defaults, ())
    begin = _start_of(weights, start, defaults)
    node = trace(function, [named(Weight(name)) for name in weights])
    _check_weights(node, weights)
    _compare(function, node, [], {}, begin, weights)
    return AsFormula(to_text(node), None, begin)


class _Rows(dict[str, Any]):
    """Columns by name, as the first argument of a function; as attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"there is no column {name}")


def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, float]]:
    """The names of what the function takes by position, and their defaults."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(
            "This function does not say what it takes.",
            instead="Wrap it: lambda x, a, b: f(x, a, b).",
        ) from None
    found = [one for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if any(one.kind is one.VAR_POSITIONAL for one in given) or not found:
        raise UsageError(
            "The weights are named by the function's arguments, and this one does not name them.",
            instead="Write them out: def f(x, a, b).",
        )
    defaults = {one.name: one.default for one in found if one.default is not one.empty}
    return tuple(one.name for one in found), defaults


def _columns_of(x: Any) -> dict[str, Any] | None:
    """The columns of a table by name; None for what is none."""
    if isinstance(x, Mapping):
        return {str(name): values for name, values in x.items()}
    names = getattr(x, "columns", None)
    if names is None:
        return None
    return {str(name): x[name] for name in names}


def _leading(names: Sequence[str], columns: Iterable[str]) -> tuple[str, ...]:
    known = set(columns)
    found = []
    for name in names:
        if name not in known:
            break
        found.append(name)
    return tuple(found)


def _from_arrays(
    x: Any, y: Any, names: Sequence[str]
) -> tuple[Callable[[Mapping[str, Any]], Any], Any, dict[str, Any]]:
    """How x is made of columns for the function, the same of names, and the columns."""
    if isinstance(x, list | tuple) and len(x) and np.ndim(x[0]) == 1:
        x = np.asarray(x)
    shape = np.shape(x)
    if len(shape) == 1:
        name = _free(_name_of(x) or names[0], names[1:])
        return (lambda rows: rows[name]), named(Column(name)), {name: x}
    if len(shape) != 2:
        raise InputError(
            "x must be one array, several, or a table.", given=f"an array of shape {shape}"
        )
    array, rows = np.asarray(x), len(y)
    down = array.shape[1] != rows == array.shape[0]
    parts = array.T if down else array
    labels = [_free(f"{names[0]}{place}", names[1:]) for place in range(len(parts))]
    nodes = [Column(label) for label in labels]
    argument = array_of(nodes, (1, len(nodes)) if down else (len(nodes),))

    def together(columns: Mapping[str, Any]) -> Any:
        return np.stack([columns[label] for label in labels], axis=1 if down else 0)

    return together, argument, dict(zip(labels, parts, strict=True))


def _name_of(values: Any) -> str | None:
    """What a series calls itself."""
    name = getattr(values, "name", None)
    return name if isinstance(name, str) and is_plain(name) else None


def _free(name: str, taken: Sequence[str]) -> str:
    """The name, with _ behind it where it is taken or means something in a formula."""
    while name in taken or name in FUNCTIONS or name in CONSTANTS:
        name += "_"
    return name


def _known(
    weights: Sequence[str], start: Any, defaults: Mapping[str, Any], columns: Sequence[str]
) -> tuple[str, ...]:
    """The weights. Raises UsageError for one that a formula cannot call so."""
    if not weights:
        raise UsageError(
            "The function has no weight, so there is nothing to learn.",
            instead="Its first argument is x, those behind it are weights: def f(x, a, b).",
        )
    for name in weights:
        if name in FUNCTIONS or name in CONSTANTS or name in columns:
            what = "a column" if name in columns else "a function or a constant"
            raise UsageError(
                f"The argument {name} is called as {what} is.",
                given=name,
                instead="Give it another name.",
            )
    return tuple(weights)


def _start_of(weights: Sequence[str], start: Any, defaults: Mapping[str, Any]) -> dict[str, float]:
    told = {} if start is None else by_weight(start, weights)
    return {**{name: defaults[name] for name in weights if name in defaults}, **told}


def _check_weights(node: Node, weights: Sequence[str]) -> None:
    used = names_of(Weight, node)
    unused = [name for name in weights if name not in used]
    if unused:
        raise UsageError(
            "What the function gives does not depend on all of its weights.",
            given=", ".join(unused),
            instead="Leave out those that it does not use.",
        )


def _compare(
    function: Callable[..., Any],
    node: Node,
    leading: Sequence[Any],
    rows: Mapping[str, Any],
    start: Mapping[str, float],
    weights: Sequence[str],
) -> None:
    """Compare at the start; weights without one at a number that was drawn."""
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, len(weights))
    values = {name: float(start.get(name, one)) for name, one in zip(weights, drawn, strict=True)}
    _agree(function, node, [*leading, *values.values()], rows, values)


def _agree(
    function: Callable[..., Any],
    node: Node,
    arguments: Sequence[Any],
    rows: Mapping[str, Any],
    weights: Mapping[str, float],
) -> None:
    """Raise InputError where the function gives other numbers than the formula read from it."""
    try:
        with np.errstate(all="ignore"):
            wanted = np.asarray(function(*arguments), dtype=np.float64)
            columns = {name: np.asarray(rows[name], np.float64) for name in names_of(Column, node)}
            found = np.asarray(tape_of(node).value({**columns, **weights}))
            same = np.allclose(wanted, found, rtol=1e-9, atol=1e-12, equal_nan=True)
    except Exception as error:
        raise InputError(
            f"The function stops with {type(error).__name__} on the data themselves.",
            given=str(error)[:200],
            instead="It must take arrays of numbers, as numpy's functions do.",
        ) from error
    if not same:
        raise InputError(
            "The function does not give the same numbers as the formula that was read from it.",
            given=to_text(node)[:200],
            instead="It must depend on nothing but its arguments: write it for one row, without "
            "looking at other rows, and without drawing numbers.",
        )
