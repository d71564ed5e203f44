"""Networks written as text, such as `64-32-relu-10`: layers, first weights, what they compute.

Layers and first weights are PyTorch's: a linear layer is x Wᵀ + b with W of shape (outputs,
inputs), and both begin uniformly within ±1/√inputs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from steepest.methods.losses import LOSS, NETWORK_LOSSES, VALUE, Form
from steepest.objective.losses import row_cost
from steepest.words.errors import UsageError
from steepest.words.wording import escaped

Weights = tuple[tuple[jax.Array, jax.Array], ...]
"""For each linear layer its matrix (outputs, inputs) and its bias (outputs,)."""

ACTIVATIONS: Final[dict[str, Callable[[jax.Array], jax.Array]]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
}

MOST_LAYERS: Final = 50
_WIDEST: Final = 100_000
MOST_WEIGHTS: Final = 50_000_000


@dataclass(frozen=True)
class Linear:
    """A linear layer, and the activation after it."""

    inputs: int
    outputs: int
    activation: str | None = None


@dataclass(frozen=True)
class Network:
    """A chain of linear layers."""

    text: str
    layers: tuple[Linear, ...]

    @property
    def inputs(self) -> int:
        """Numbers that go in."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """Numbers that come out."""
        return self.layers[-1].outputs

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tensors, in order: W1, b1, W2, b2 and so on."""
        places = range(1, len(self.layers) + 1)
        return tuple(f"{kind}{place}" for place in places for kind in ("W", "b"))

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the same tensors."""
        return tuple(
            shape
            for layer in self.layers
            for shape in ((layer.outputs, layer.inputs), (layer.outputs,))
        )

    @property
    def size(self) -> int:
        """The number of weights."""
        return sum(math.prod(shape) for shape in self.shapes)


def _with_dashes(text: str) -> str | None:
    """A network that was written with other signs between its parts, as it is read."""
    parts = re.findall(r"\w+", text)
    known = all(part.isdecimal() or part in ACTIVATIONS for part in parts)
    return "-".join(parts) if known and len(parts) > 1 and parts[0].isdecimal() else None


def parse_network(given: str | Sequence[int | str]) -> Network:
    """Read a network: widths and activations, from the inputs to the outputs.

    Raises UsageError.

    >>> parse_network("64-32-relu-10").shapes
    ((32, 64), (32,), (10, 32), (10,))
    >>> parse_network([2, 8, "tanh", 1]).text
    '2-8-tanh-1'
    """
    text = given if isinstance(given, str) else "-".join(str(part) for part in given)
    parts = text.replace(" ", "").split("-")
    if len(parts) > 2 * MOST_LAYERS:
        raise UsageError(f"A network has at most {MOST_LAYERS} layers.", given=escaped(text))
    layers: list[Linear] = []
    width: int | None = None
    for part in parts:
        if re.fullmatch(r"[0-9]{1,9}", part):
            size = int(part)
            if not 1 <= size <= _WIDEST:
                raise UsageError(
                    f"A layer has from 1 to {_WIDEST:,} units.", given=f"{part} in {escaped(text)}"
                )
            if width is not None:
                layers.append(Linear(width, size))
            width = size
        elif part in ACTIVATIONS and layers and layers[-1].activation is None:
            layers[-1] = Linear(layers[-1].inputs, layers[-1].outputs, part)
        elif part in ACTIVATIONS:
            where = "before the first layer" if not layers else "after another one"
            raise UsageError(
                f"An activation cannot stand {where}.",
                given=escaped(text),
                instead="Write it after a layer's width: 64-32-relu-10.",
            )
        else:
            raise UsageError(
                "This part of the network is not known.",
                given=f"{escaped(part) or 'nothing'} in {escaped(text)}",
                instead="Write widths and activations "
                f"({', '.join(ACTIVATIONS)}) with dashes between: "
                f"{_with_dashes(text) or '64-32-relu-10'}.",
            )
    if not layers:
        raise UsageError(
            "A network needs at least two widths: what goes in, and what comes out.",
            given=escaped(text),
            instead="64-10 is the smallest for 64 inputs and ten classes.",
        )
    network = Network(text, tuple(layers))
    if network.size > MOST_WEIGHTS:
        raise UsageError(
            f"A network has at most {MOST_WEIGHTS:,} weights.",
            given=f"{escaped(text)}: {network.size:,}",
        )
    return network


def first_weights(
    network: Network, seed: int, dtype: np.dtype[np.floating] | type = np.float32
) -> Weights:
    """The weights before the first step, drawn from the seed."""
    draws = np.random.default_rng(seed)
    drawn = []
    for layer in network.layers:
        bound = 1 / math.sqrt(layer.inputs)
        matrix = draws.uniform(-bound, bound, (layer.outputs, layer.inputs))
        bias = draws.uniform(-bound, bound, layer.outputs)
        drawn.append((jnp.asarray(matrix, dtype), jnp.asarray(bias, dtype)))
    return tuple(drawn)


def compute(network: Network, weights: Weights, inputs: jax.Array) -> jax.Array:
    """What comes out, (n, outputs), for inputs (n, inputs)."""
    values = inputs
    for layer, pair in zip(network.layers, weights, strict=True):
        values = activate(layer, linear(pair, values))
    return values


def linear(pair: tuple[jax.Array, jax.Array], values: jax.Array) -> jax.Array:
    """What a linear layer gives, (n, outputs), for values (n, inputs): x Wᵀ + b."""
    matrix, bias = pair
    return values @ matrix.T + bias


def activate(layer: Linear, values: jax.Array) -> jax.Array:
    """The layer's activation of each value; the values themselves where it has none."""
    return values if layer.activation is None else ACTIVATIONS[layer.activation](values)


def scores(outputs: jax.Array | np.ndarray[Any, Any]) -> jax.Array:
    """A score of each class, (n, classes), of which softmax makes probabilities.

    A single output (n, 1) is the logit of the second of two classes: its score, where that of the
    first is 0.
    """
    given = jnp.asarray(outputs)
    return given if given.shape[1] > 1 else jnp.pad(given, ((0, 0), (1, 0)))


def cross_entropy(outputs: jax.Array, classes: jax.Array) -> jax.Array:
    """Of each row, (n,): minus the log of what softmax gives its class."""
    logs = jax.nn.log_softmax(scores(outputs))
    return -jnp.take_along_axis(logs, classes[:, None], axis=1)[:, 0]


def _of_numbers(form: Form) -> Callable[[jax.Array, jax.Array], jax.Array]:
    cost = row_cost(form)
    return lambda outputs, targets: cost(outputs - targets, targets, None).mean(axis=1)


ROW_LOSSES: Final[dict[str, Callable[[jax.Array, jax.Array], jax.Array]]] = {
    name: cross_entropy if LOSS[name].of_classes else _of_numbers(LOSS[name].form(VALUE))
    for name in NETWORK_LOSSES
}
"""Of each row, (n,): its cost, for numbers the mean over the outputs."""
