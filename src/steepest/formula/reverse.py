"""A formula's value and its slopes in NumPy, by reverse accumulation.

A formula is written down once as a list of operations (a tape), each of earlier places. Going
through it from its end, each place is told how much the value changes with it: its adjoint. What
this gives is what JAX gives, without anything to compile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from steepest.formula.evaluate import evaluate
from steepest.formula.nodes import Column, Node, Weight, names_of

Values = Mapping[str, Any]
"""Each weight () and each column (n,) by its plain name."""


class Earlier(NamedTuple):
    """The number of a step whose value is meant."""

    number: int


class Step(NamedTuple):
    """An operation, and what it is done to: earlier places, or numbers."""

    operation: str
    """One of NUMPY, or `name` with the name of a weight or column."""
    given: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Tape:
    """All steps, and where the value, each weight or column and each node stand."""

    steps: tuple[Step, ...]
    result: Any
    """A number, where the formula is constant."""
    names: Mapping[str, Earlier]
    nodes: Mapping[Node, Earlier]

    def run(self, values: Values) -> list[Any]:
        """The value of every step."""
        found: list[Any] = []
        with np.errstate(all="ignore"):
            for operation, given in self.steps:
                found.append(
                    values[given[0]]
                    if operation == "name"
                    else NUMPY[operation](*(_of(found, one) for one in given))
                )
        return found

    def given(self, found: list[Any]) -> Any:
        """The formula's value, from that of every step."""
        return _of(found, self.result)

    def value(self, values: Values) -> Any:
        """The formula's value alone."""
        return self.given(self.run(values))

    def adjoints(
        self, found: list[Any], seed: Any, names: tuple[str, ...] | None = None
    ) -> list[Any]:
        """Of every step that depends on `names`, or on any: `seed` times the value's slope by it.

        `found` is what `run` gave. Others have 0. Where a step is the same on all rows, its
        adjoint is that of each row.
        """
        active = _depending(self, names)
        result = self._passed_back(found, seed, active, np.multiply)
        leaves = [number for number in active if self.steps[number].operation in _LEAVES]
        if all(np.all(np.isfinite(result[number])) for number in leaves):
            return result
        return self._passed_back(found, seed, active, times)

    def _passed_back(
        self, found: list[Any], seed: Any, active: dict[int, None], product: Callable[..., Any]
    ) -> list[Any]:
        # Nothing is passed to what only stands still, nor on from there.
        result: list[Any] = [None] * len(self.steps)
        if isinstance(self.result, Earlier):
            result[self.result.number] = seed
        with np.errstate(all="ignore"):
            for number in reversed(active):
                operation, given = self.steps[number]
                if operation in _LEAVES or result[number] is None:
                    continue
                operands = [_of(found, one) for one in given]
                for place, one in enumerate(given):
                    if isinstance(one, Earlier) and one.number in active:
                        if operation == "where":
                            passed = _chosen(place, operands[0], result[number])
                        else:
                            slope = SLOPES[operation][place](found[number], *operands)
                            passed = product(result[number], slope)
                        before = result[one.number]
                        result[one.number] = passed if before is None else before + passed
        return [0.0 if one is None else one for one in result]

    def slope(self, adjoints: list[Any], name: str) -> Any:
        """The adjoint of a weight or column; 0 where it is not in the formula."""
        place = self.names.get(name)
        return 0.0 if place is None else adjoints[place.number]


_LEAVES: Final = ("name", "constant")


@lru_cache(maxsize=512)
def _depending(tape: Tape, names: tuple[str, ...] | None) -> dict[int, None]:
    """The steps that depend on `names`, or on any, in their order."""
    active: dict[int, None] = {}
    for number, (operation, given) in enumerate(tape.steps):
        if operation in _LEAVES:
            depends = names is None or (operation == "name" and given[0] in names)
        else:
            depends = operation in SLOPES and any(
                isinstance(one, Earlier) and one.number in active for one in given
            )
        if depends:
            active[number] = None
    return active


@lru_cache(maxsize=256)
def tape_of(node: Node) -> Tape:
    """The formula as a tape. Equal parts are one step."""
    steps: list[Step] = []
    known: dict[str, Earlier] = {}
    nodes: dict[Node, Earlier] = {}

    def put(operation: str, *given: Any) -> Earlier:
        step = Step(operation, given)
        # By what is written: 1 and True, 0.0 and -0.0 are equal, and not the same.
        key = repr(step)
        if key not in known:
            known[key] = Earlier(len(steps))
            steps.append(step)
        return known[key]

    def recording(operation: str) -> Callable[..., Earlier]:
        return lambda *given: put(operation, *given)

    def seen(part: Node, value: Any) -> Earlier:
        # A condition that never changes may leave a number in the place of a part.
        place = value if isinstance(value, Earlier) else put("constant", value)
        return nodes.setdefault(part, place)

    names = (*names_of(Weight, node), *names_of(Column, node))
    values = {name: put("name", name) for name in names}
    result = evaluate(node, values, {name: recording(name) for name in NUMPY}, seen)
    return Tape(tuple(steps), result, values, nodes)


def _chosen(place: int, condition: Any, adjoint: Any) -> Any:
    """What `where` passes to one of its operands: selected, so that no NaN comes through."""
    if place == 0:
        return 0.0
    return _where(condition, adjoint, 0.0) if place == 1 else _where(condition, 0.0, adjoint)


def _of(found: list[Any], one: Any) -> Any:
    return found[one.number] if isinstance(one, Earlier) else one


def times(adjoint: Any, slope: Any) -> Any:
    """The product; what is not used, or does not move, has no part in it, however steep it is."""
    found = adjoint * slope
    if np.all(np.isfinite(found)):
        return found
    endless = np.isinf(adjoint) | np.isinf(slope)
    return np.where(endless & ((adjoint == 0) | (slope == 0)), 0.0, found)


def _sigmoid(x: Any) -> Any:
    # exp only ever sees a number at most 0, so that nothing overflows.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _erf(x: Any) -> Any:
    from scipy.special import erf  # It takes a while to import, and is seldom needed.

    return erf(x)


def _where(condition: Any, chosen: Any, otherwise: Any) -> Any:
    return np.where(np.asarray(condition) != 0, chosen, otherwise)


def _power(base: Any, exponent: Any) -> Any:
    return np.asarray(base, dtype=np.float64) ** exponent


def _unless_zero(factor: Any, value: Any) -> Any:
    return np.where(np.asarray(factor) == 0, 0.0, factor * value)


NUMPY: Final[Mapping[str, Callable[..., Any]]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": np.divide,
    "power": _power,
    "negative": np.negative,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "relu": lambda x: np.maximum(x, 0.0),
    "erf": _erf,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "where": _where,
    "still": lambda x: x,
    "constant": lambda x: x,
    "xlogy": lambda t, p: _unless_zero(t, np.log(p)),
    "xlog1py": lambda t, p: _unless_zero(t, np.log1p(p)),
}
"""What `evaluate` may ask for, and what losses need besides."""


def _of_base(out: Any, base: Any, exponent: Any) -> Any:
    # At an exponent of 0 the base has no part, whatever it is.
    lower = np.where(np.asarray(exponent) == 0, 1.0, exponent) - 1.0
    return exponent * _power(base, lower)


def _of_exponent(out: Any, base: Any, exponent: Any) -> Any:
    return np.where(np.asarray(base) == 0, 0.0, out * np.log(base))


def _taken(first: Any, second: Any) -> Any:
    """1 where the first is taken, one half at a tie."""
    return np.where(first, 1.0, np.where(second, 0.0, 0.5))


SLOPES: Final[Mapping[str, tuple[Callable[..., Any], ...]]] = {
    "add": (lambda out, a, b: 1.0, lambda out, a, b: 1.0),
    "subtract": (lambda out, a, b: 1.0, lambda out, a, b: -1.0),
    "multiply": (lambda out, a, b: b, lambda out, a, b: a),
    "divide": (lambda out, a, b: np.divide(1.0, b), lambda out, a, b: -np.divide(out, b)),
    "power": (_of_base, _of_exponent),
    "negative": (lambda out, x: -1.0,),
    "exp": (lambda out, x: out,),
    "log": (lambda out, x: np.divide(1.0, x),),
    "log2": (lambda out, x: np.divide(1.0, x * math.log(2)),),
    "log10": (lambda out, x: np.divide(1.0, x * math.log(10)),),
    "log1p": (lambda out, x: np.divide(1.0, 1.0 + x),),
    "expm1": (lambda out, x: np.exp(x),),
    "sqrt": (lambda out, x: np.divide(0.5, out),),
    "abs": (lambda out, x: np.sign(x),),
    "sin": (lambda out, x: np.cos(x),),
    "cos": (lambda out, x: -np.sin(x),),
    "tan": (lambda out, x: 1.0 + out**2,),
    "arcsin": (lambda out, x: np.divide(1.0, np.sqrt((1.0 - x) * (1.0 + x))),),
    "arccos": (lambda out, x: np.divide(-1.0, np.sqrt((1.0 - x) * (1.0 + x))),),
    "arctan": (lambda out, x: 1.0 / (1.0 + x**2),),
    "arctan2": (
        lambda out, y, x: np.divide(x, x**2 + y**2),
        lambda out, y, x: np.divide(-y, x**2 + y**2),
    ),
    "sinh": (lambda out, x: np.cosh(x),),
    "cosh": (lambda out, x: np.sinh(x),),
    "tanh": (lambda out, x: 1.0 - out**2,),
    "sigmoid": (lambda out, x: out * _sigmoid(-x),),
    "softplus": (lambda out, x: _sigmoid(x),),
    "relu": (lambda out, x: np.where(x > 0, 1.0, 0.0),),
    "erf": (lambda out, x: 2.0 / math.sqrt(math.pi) * np.exp(-(x**2)),),
    "minimum": (
        lambda out, a, b: _taken(a < b, b < a),
        lambda out, a, b: _taken(b < a, a < b),
    ),
    "maximum": (
        lambda out, a, b: _taken(a > b, b > a),
        lambda out, a, b: _taken(b > a, a > b),
    ),
    "where": (),  # It selects, see above.
    "xlogy": (
        lambda out, t, p: np.log(p),
        lambda out, t, p: _unless_zero(t, np.divide(1.0, p)),
    ),
    "xlog1py": (
        lambda out, t, p: np.log1p(p),
        lambda out, t, p: _unless_zero(t, np.divide(1.0, 1.0 + p)),
    ),
}
"""The slope of an operation by each of its operands, from its value and them. What is not here has
none: conditions, `sign`, and what is held `still`."""
