"""What a loss is computed by: pure functions of a position and of arrays.

A kernel is hashable, so that compiled code is found again; the data is handed to it as arrays. So
new data of the same shape, another start or another learning rate compiles nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Protocol

from steepest.engine.late import jax, jnp
from steepest.engine.operations import OPERATIONS
from steepest.formula.evaluate import evaluate
from steepest.formula.nodes import Node
from steepest.formula.reverse import Tape, tape_of
from steepest.formula.structure import inside_sigmoid
from steepest.methods.losses import LOGIT, OF_LOGIT, PROBABILITY, loss_named
from steepest.objective.losses import cost_of, loss_of, of_mean, parts_of_logit
from steepest.objective.row_sums import MANY, sums, sums_of_logarithms

Data = Mapping[str, Any]
"""A pytree of arrays. Everything under "rows" has the rows as its first axis."""


class Kernel(Protocol):
    """position (p,), data -> loss (). Hashable, pure, written in JAX."""

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The loss at a position."""
        ...


@dataclass(frozen=True)
class FormulaKernel:
    """A formula, and a loss where there is a target."""

    model: Node
    weights: tuple[str, ...]
    loss_name: str | None
    gives: str

    def predict(self, position: jax.Array, data: Data) -> jax.Array:
        """The formula's value, (n,), or () where no column is in it."""
        values = {name: position[i] for i, name in enumerate(self.weights)}
        values.update(data["fixed"])
        values.update(data["rows"]["columns"])
        return jnp.asarray(evaluate(self.model, values, OPERATIONS), dtype=jnp.float64)

    @cached_property
    def of_any_loss(self) -> FormulaKernel:
        """The formula alone."""
        return replace(self, loss_name=None, gives="value")

    @cached_property
    def tape(self) -> Tape:
        """The formula as a tape, for where rows are few."""
        return tape_of(self.model)

    @cached_property
    def of_logit(self) -> FormulaKernel:
        """The same loss from the logit, where a sigmoid makes a probability of it; else itself.

        A sigmoid is exactly 1 from a logit of 37 on, and its logarithm then says nothing more: from
        the logit, what is finite stays finite.
        """
        inside = inside_sigmoid(self.model) if self.gives == PROBABILITY else None
        return self if inside is None else replace(self, model=inside, gives=LOGIT)

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The loss, ()."""
        kernel = self.of_logit
        return kernel.loss_of(kernel.predict(position, data), data)

    def loss_of(self, prediction: jax.Array, data: Data) -> jax.Array:
        """The loss of predictions, ()."""
        if self.loss_name is None:
            return prediction
        rows = data["rows"]
        prediction = jnp.broadcast_to(prediction, rows["target"].shape)
        found: jax.Array = loss_of(
            self.loss_name, self.gives, prediction, rows["target"], rows["weight"]
        )
        return found

    def value_and_gradient(self, position: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
        """The loss () and its slopes (p,), in one pass over the rows where there are many."""
        rows, weight = data["rows"], data["rows"]["weight"]
        kernel = self.of_logit
        name, gives = kernel.loss_name, kernel.gives
        if name is None or rows["target"].shape[0] < MANY:
            return jax.value_and_grad(self.loss)(position, data)

        def predict(at: Any, strip: Any) -> jax.Array:
            prediction = kernel.predict(at, {**data, "rows": strip})
            return jnp.broadcast_to(prediction, strip["target"].shape)

        def costs(at: Any, strip: Any) -> jax.Array:
            return cost_of(name, gives, predict(at, strip), strip["target"], strip["weight"])

        if loss_named(name).form(gives) == OF_LOGIT and weight is None:
            total, slopes = sums_of_logarithms(
                predict,
                lambda logit, strip: parts_of_logit(logit, strip["target"]),
                costs,
                position,
                rows,
            )
        else:
            total, slopes = sums(costs, position, rows, in_strips=loss_named(name).of_classes)
        size = rows["target"].shape[0] if weight is None else jnp.sum(weight)
        value, slope = jax.value_and_grad(partial(of_mean, name, gives))(total / size)
        return value, slope * slopes / size


@dataclass(frozen=True)
class FunctionKernel:
    """A bare Python function written in JAX: a vector of weights -> a number."""

    function: Callable[[jax.Array], jax.Array]
    foreign: ClassVar[bool] = True

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The function's value, ()."""
        return self.function(position)


@dataclass(frozen=True)
class QuadraticKernel:
    """floor + |root @ position|^2 / 2 with the position counted from the minimum.

    The loss keeps its digits near the minimum, and a step costs the same whatever the number of
    rows. `root` is (r, p).
    """

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The loss, ()."""
        scaled = jnp.sum(data["root"] * position[None, :], axis=1)
        return jnp.asarray(data["floor"] + 0.5 * jnp.sum(scaled * scaled))


@dataclass(frozen=True)
class RescaledKernel:
    """Another kernel with every position counted in units of its own."""

    inner: Kernel

    @property
    def foreign(self) -> bool:
        """Whether it runs code that is not a formula's."""
        return getattr(self.inner, "foreign", False)

    def loss(self, position: jax.Array, data: Data) -> jax.Array:
        """The loss, ()."""
        return self.inner.loss(position * data["unit"], data)


def of_weights(kernel: Kernel) -> Kernel:
    """The kernel that stands at the weights themselves, less their centre."""
    return kernel.inner if isinstance(kernel, RescaledKernel) else kernel


def value_and_gradient(
    kernel: Kernel, position: jax.Array, data: Data
) -> tuple[jax.Array, jax.Array]:
    """A kernel's loss () and its slopes (p,), for use in compiled code."""
    if isinstance(kernel, RescaledKernel):
        value, slopes = value_and_gradient(kernel.inner, position * data["unit"], data)
        return value, slopes * data["unit"]
    if isinstance(kernel, FormulaKernel):
        return kernel.value_and_gradient(position, data)
    return jax.value_and_grad(kernel.loss)(position, data)
