"""How Python is laid out: text as literals, identifiers, and lines that are not too long."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence

WIDTH = 88

# fmt: off
OWN_NAMES = frozenset(
    (
        "absolute", "batches", "cell", "column", "counts", "csv", "data", "epoch", "file",
        "gradient", "groups", "high", "jax", "jnp", "keep", "logit", "loss", "loss_and_gradient",
        "loss_on", "low", "lower", "lr", "math", "moving", "mse", "name", "np", "number", "one",
        "optax", "optimizer", "order", "parameters", "prediction", "rates", "residual", "row",
        "row_weights", "rows", "shuffle", "size", "start", "state", "step", "stream", "table",
        "target", "torch", "unit", "updates", "upper", "value", "weights", "xlog1py", "xlogy",
    )
)
# fmt: on
"""Every name that a script uses for itself."""

_TAKEN = OWN_NAMES | frozenset(dir(builtins)) | frozenset(keyword.kwlist)


def text(value: str) -> str:
    r"""Any text as a literal; nothing in it can end the literal, and nothing invisible is left.

    >>> print(text("speed"), text('say "x"'), text("a\nb"))
    "speed" 'say "x"' "a\nb"
    """
    written = repr(value)
    if written[0] == "'" and '"' not in written and "\\'" not in written:
        return f'"{written[1:-1]}"'
    return written


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Each name with the identifier that stands for it in a script.

    It is the name itself, unless Python or the script needs that for something else.

    >>> identifiers(["a", "lambda", "data", "data_"])
    {'a': 'a', 'lambda': 'lambda_', 'data': 'data_', 'data_': 'data__'}
    """
    found: dict[str, str] = {}
    for name in names:
        safe = unicodedata.normalize("NFKC", re.sub(r"\W", "_", name))
        # Names that begin so mean something to Python.
        safe = safe if safe.isidentifier() and not safe.startswith("__") else f"w_{safe}"
        while safe in _TAKEN or safe in found.values():
            safe += "_"
        found[name] = safe
    return found


def listing(before: str, items: Sequence[str], after: str) -> list[str]:
    """Items between brackets: on one line where they fit, else one on each.

    `before` ends with the opening bracket, `after` begins with the closing one.
    """
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(before) - len(before.lstrip()))
    return [before, *(f"{indent}    {item}," for item in items), f"{indent}{after}"]


def unpacking(names: Sequence[str], value: str) -> list[str]:
    """Names that take the parts of a vector."""
    if len(names) == 1:
        return [f"({names[0]},) = {value}"]
    line = f"{', '.join(names)} = {value}"
    if len(line) <= WIDTH - 4:
        return [line]
    return ["(", *(f"    {name}," for name in names), f") = {value}"]


def indented(lines: Iterable[str]) -> list[str]:
    """The lines one level deeper."""
    return [f"    {line}" if line else line for line in lines]
