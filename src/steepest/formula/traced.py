"""A Python function as a formula: it is called once with names in the place of numbers.

What the function does to a name becomes a node. Python's operators, numpy's functions and arrays of
objects all end here; what has no place in a formula is an error that points at the line.
"""

from __future__ import annotations

import linecache
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from types import FrameType
from typing import Any, Final

import numpy as np

from steepest.formula.algebra import number
from steepest.formula.functions import CANONICAL_FUNCTIONS
from steepest.formula.nodes import (
    Binary,
    Call,
    Compare,
    Comparison,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Operator,
    is_condition,
)
from steepest.words.errors import FormulaError
from steepest.words.given import as_number, shown_value

_OPERATORS: Final[Mapping[str, Operator]] = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "power": "**",
    "float_power": "**",
}
_COMPARISONS: Final[Mapping[str, Comparison]] = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "absolute": "abs",
    "fabs": "abs",
    "fmin": "minimum",
    "fmax": "maximum",
    "expit": "sigmoid",
}
"""numpy's and scipy's names for functions that a formula has under another."""

_LIBRARIES: Final = frozenset({"steepest", "numpy", "scipy", "jax", "torch"})


class _NoPlaceError(Exception):
    """What a function does that no formula can say: the problem, and what to write instead."""

    def __init__(self, problem: str, instead: str):
        super().__init__(problem)
        self.instead = instead


def trace(function: Callable[..., Any], arguments: Sequence[Any]) -> Node:
    """What the function gives for these arguments, in which names stand as `named` makes them.

    Raises FormulaError, which points at the place in the function.
    """
    try:
        return _single(function(*arguments))
    except _NoPlaceError as error:
        raise _at_its_line(function, error, str(error), error.instead) from None
    except Exception as error:
        raise _at_its_line(function, error, *_of_others(error)) from None


def named(node: Node) -> Any:
    """The node as an argument for `trace`."""
    return Traced(node)


def array_of(nodes: Sequence[Node], shape: tuple[int, ...]) -> Any:
    """Several nodes as one array."""
    array = np.empty(len(nodes), dtype=object)
    array[:] = [Traced(node) for node in nodes]
    return array.reshape(shape)


def _single(value: Any) -> Node:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, np.ndarray | list | tuple):
        raise _NoPlaceError(
            f"The function gives {len(value)} values where one is needed.",
            "Give back one number: of a row, or of the whole.",
        )
    if value is None:
        raise _NoPlaceError("The function gives nothing back.", "End it with return.")
    return _as_number(value)


def _as_number(value: Any) -> Node:
    """The node of a value; a condition counts as 1 where it holds, else 0."""
    node = _node(value)
    return Call("where", (node, Number(1), Number(0))) if is_condition(node) else node


def _node(value: Any) -> Node:
    if isinstance(value, Traced):
        return value.node
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _node(value[()])
    if isinstance(value, bool | np.bool_):
        return Number(int(value))
    if isinstance(value, Integral) and abs(int(value)) <= 2**53:
        return number(int(value))
    if isinstance(value, Real):
        found = as_number(value)
        if found == math.pi:
            return Constant("pi", math.pi)
        if found is not None and math.isfinite(found):
            return number(found)
        raise _NoPlaceError(
            f"The function works with {shown_value(value)}.", "A formula works with finite numbers."
        )
    raise _NoPlaceError(
        f"The function works with a {type(value).__name__}.",
        "A formula works with numbers, the columns and the weights.",
    )


class Traced:
    """A number that is not known yet. What is done to it becomes a node."""

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node):
        self.node = node

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        """One of numpy's element-wise functions."""
        if method != "__call__" or more:
            raise _NoPlaceError(
                f"{ufunc.__name__}.{method} has no place in a formula.",
                "Write the operation itself.",
            )
        if any(isinstance(one, np.ndarray) and one.ndim for one in inputs):
            arrays = np.broadcast_arrays(*(_boxed(one) for one in inputs))
            given = zip(*(array.reshape(-1) for array in arrays), strict=True)
            values = np.empty(arrays[0].size, dtype=object)
            values[:] = [_applied(ufunc.__name__, one) for one in given]
            return values.reshape(arrays[0].shape)
        return _applied(ufunc.__name__, inputs)

    def __array_function__(self, function: Any, types: Any, given: Any, named: Any) -> Any:
        """One of numpy's other functions."""
        match function.__name__, given:
            case "where", (condition, then, otherwise):
                return _where(condition, then, otherwise)
            case "clip", (value, low, high):
                above = value if low is None else np.maximum(value, low)
                return above if high is None else np.minimum(above, high)
            case "polyval", ((total, *coefficients), x):
                for one in coefficients:
                    total = total * x + one
                return total
        name = function.__name__
        if name in ("sum", "mean", "std", "var", "max", "min", "amax", "amin", "median", "cumsum"):
            raise _NoPlaceError(
                f"np.{name} looks at all rows at once, and a formula at one row at a time.",
                "Compute it before, and use the number.",
            )
        raise _no_function(name)

    def __bool__(self) -> bool:
        raise _NoPlaceError(
            "Whether this is true differs from row to row and from step to step, so that if, and, "
            "or, min and max cannot ask for it.",
            "Write np.where(condition, a, b), & for and, | for or, np.minimum and np.maximum.",
        )

    def __float__(self) -> float:
        raise _NoPlaceError(
            "Here a plain number is needed, and this has no value yet.",
            "Write numpy's function, such as np.sin for math.sin.",
        )

    __int__ = __index__ = __complex__ = __float__

    def __neg__(self) -> Traced:
        return Traced(Negate(_as_number(self)))

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Traced:
        return _called("abs", (self,))

    def __invert__(self) -> Traced:
        return Traced(Not(_condition(self)))

    def __mod__(self, other: Any) -> Any:
        raise _NoPlaceError("A formula has no remainder.", "It works with + - * / and **.")

    __rmod__ = __floordiv__ = __rfloordiv__ = __mod__


def _boxed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def _applied(name: str, given: Sequence[Any]) -> Traced:
    """The function of numpy's of this name."""
    if name in _OPERATORS:
        left, right = given
        if name == "add" and type(left) is int and left == 0:
            return Traced(_as_number(right))  # Where Python's sum begins.
        return Traced(Binary(_OPERATORS[name], _as_number(left), _as_number(right)))
    if name in _COMPARISONS:
        left, right = given
        return Traced(Compare(_COMPARISONS[name], _as_number(left), _as_number(right)))
    if name in ("logical_and", "bitwise_and", "logical_or", "bitwise_or"):
        word: Any = name.rpartition("_")[2]
        return Traced(Logical(word, tuple(_condition(one) for one in given)))
    if name in _MADE:
        return Traced(_node(_MADE[name](*given)))
    return _called(_OTHER_NAMES.get(name, name), given)


_MADE: Final[Mapping[str, Callable[..., Any]]] = {
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "invert": lambda x: ~x,
    "logical_not": lambda x: ~x,
    "square": lambda x: x**2,
    "reciprocal": lambda x: 1 / x,
    "exp2": lambda x: 2**x,
    "hypot": lambda x, y: np.sqrt(x**2 + y**2),
    "deg2rad": lambda x: x * math.pi / 180,
    "radians": lambda x: x * math.pi / 180,
}
"""Functions that a formula says by others."""


def _called(name: str, given: Sequence[Any]) -> Traced:
    if name not in CANONICAL_FUNCTIONS:
        raise _no_function(name)
    return Traced(Call(name, tuple(_as_number(one) for one in given)))


def _no_function(name: str) -> _NoPlaceError:
    return _NoPlaceError(
        f"A formula has no function {name}.", f"It has {', '.join(CANONICAL_FUNCTIONS)}."
    )


def _where(condition: Any, then: Any, otherwise: Any) -> Traced:
    chosen = (_condition(condition), _as_number(then), _as_number(otherwise))
    return Traced(Call("where", chosen))


def _condition(value: Any) -> Node:
    node = _node(value)
    return node if is_condition(node) else Compare("!=", node, Number(0))


def _operator(name: str, *, turned: bool = False) -> Callable[[Traced, Any], Any]:
    def operate(self: Traced, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return self.__array_ufunc__(
                getattr(np, name), "__call__", *((other, self) if turned else (self, other))
            )
        return _applied(name, (other, self) if turned else (self, other))

    return operate


def _method(name: str) -> Callable[[Traced], Any]:
    return lambda self: _applied(name, (self,))


for _name, _word in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"),
                     ("truediv", "divide"), ("pow", "power"), ("and", "logical_and"),
                     ("or", "logical_or")):  # fmt: skip
    setattr(Traced, f"__{_name}__", _operator(_word))
    setattr(Traced, f"__r{_name}__", _operator(_word, turned=True))
for _name, _word in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
                     ("ge", "greater_equal"), ("eq", "equal"), ("ne", "not_equal")):  # fmt: skip
    setattr(Traced, f"__{_name}__", _operator(_word))
# numpy asks the elements of an array of objects for methods of these names.
for _name in (*CANONICAL_FUNCTIONS, *_MADE, *_OTHER_NAMES):
    if not hasattr(Traced, _name):
        setattr(Traced, _name, _method(_name))


def _of_others(error: Exception) -> tuple[str, str]:
    """The problem and what to write, for an error of Python or of a library."""
    through = {_library(frame) for frame, _ in traceback.walk_tb(error.__traceback__)}
    text = str(error)
    for library, said in (("jax", "jax.numpy"), ("torch", "torch")):
        if library in through or (library == "torch" and "Tensor" in text):
            return (
                f"{said} is given a name in the place of a number.",
                f"Write numpy's function, such as np.exp for {said}.exp.",
            )
    if isinstance(error, TypeError) and "real number" in text:
        return (
            "Here a plain number is needed, and this has no value yet.",
            "Write numpy's function, such as np.sin for math.sin.",
        )
    text = text.replace("'Traced' object", "a name in the place of a number")
    return (
        f"The function stops with {type(error).__name__}: {text[:200]}".rstrip(".") + ".",
        "It is called for one row, with names in the place of numbers: write it so, with numpy.",
    )


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _at_its_line(
    function: Callable[..., Any], error: Exception, problem: str, instead: str
) -> FormulaError:
    """The error with the line of the function where it arose."""
    frames = [
        (summary, _library(frame))
        for (frame, _), summary in zip(
            traceback.walk_tb(error.__traceback__),
            traceback.extract_tb(error.__traceback__),
            strict=True,
        )
    ]
    own = [one for one, library in frames if library not in _LIBRARIES]
    name = getattr(function, "__name__", "the function")
    place = own[-1] if own else None
    raw = "" if place is None else linecache.getline(place.filename, place.lineno or 0).rstrip()
    if place is None or not raw:
        return FormulaError(f"{name}: {problem}", formula=name, instead=instead)
    text = raw.lstrip()
    first, last = (place.colno or 0) - (len(raw) - len(text)), place.end_colno or len(raw)
    if place.end_lineno not in (None, place.lineno):
        last = len(raw)
    return FormulaError(
        f"{name}, line {place.lineno}: {problem}",
        formula=text,
        column=max(first, 0),
        length=max(1, last - (len(raw) - len(text)) - max(first, 0)),
        instead=instead,
    )
