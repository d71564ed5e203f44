"""What each function of a formula does, in JAX. Operators are Python's own on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from steepest.engine.late import jax, jnp


def _abs(x: Any) -> Any:
    # Slope 0 at 0, as in PyTorch and in the written derivative; that of jnp.abs is 1 there.
    return x * jnp.sign(x)


def _where(condition: Any, chosen: Any, otherwise: Any) -> Any:
    return jnp.where(jnp.asarray(condition) != 0, chosen, otherwise)


_MOST_ENTRIES: Final = 2**22
"""Of a matrix that is made for a sum of products."""


def _dot(weights: list[Any], columns: list[Any]) -> Any:
    if len(columns) * max(jnp.size(column) for column in columns) > _MOST_ENTRIES:
        return sum(weight * column for weight, column in zip(weights, columns, strict=True))
    return jnp.stack(columns, axis=-1) @ jnp.stack([jnp.asarray(weight) for weight in weights])


def _named(name: str) -> Callable[..., Any]:
    return lambda *given: getattr(jnp, name)(*given)


_AS_THERE: Final = (
    *("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "sign", "sin", "cos", "tan"),
    *("arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "minimum", "maximum"),
)

OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _named(name) for name in _AS_THERE},
    "abs": _abs,
    "sigmoid": lambda x: jax.nn.sigmoid(x),
    "softplus": lambda x: jax.nn.softplus(x),
    "relu": lambda x: jax.nn.relu(x),
    "erf": lambda x: jax.lax.erf(x),
    "where": _where,
    "dot": _dot,
    "still": lambda x: jax.lax.stop_gradient(x),
}
