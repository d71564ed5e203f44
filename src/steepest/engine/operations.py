"""What each function of a formula does, in JAX. Operators are Python's own on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp


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


OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "exp": jnp.exp,
    "log": jnp.log,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "log1p": jnp.log1p,
    "expm1": jnp.expm1,
    "sqrt": jnp.sqrt,
    "abs": _abs,
    "sign": jnp.sign,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "arcsin": jnp.arcsin,
    "arccos": jnp.arccos,
    "arctan": jnp.arctan,
    "arctan2": jnp.arctan2,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "relu": jax.nn.relu,
    "erf": jax.lax.erf,
    "minimum": jnp.minimum,
    "maximum": jnp.maximum,
    "where": _where,
    "dot": _dot,
    "still": jax.lax.stop_gradient,
}
