"""A training of Keras on JAX: what is recorded rides along in the compiled step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import optax

from steepest.integrations.keras_names import names_of
from steepest.jobs.watch_optax import judged, watch_optax
from steepest.methods.optimizers import GD, MOMENTUM, NESTEROV, OPTIMIZER
from steepest.records.training import Group, Tensor, Validation
from steepest.run.training import TrainingRun


class JaxTraining:
    """What one call of `fit` does.

    The state of Keras's step is four lists. What is recorded stands at the end of the third, that
    of the optimizer, but only inside of `train_function`: the model and its optimizer, what they
    save too, are as they were.
    """

    def __init__(self, model: Any, *, name: str | None, store: Any, versions: Mapping[str, str]):
        self._model = model
        self._about = {"name": name, "model": type(model).__name__}
        self._store = store
        self._versions = versions
        self._validations: list[Validation] = []
        self._rate: Any = None
        self.run: TrainingRun | None = None
        moved: Any = optax.GradientTransformationExtraArgs(lambda params: (), _as_moved)  # type: ignore[arg-type]
        self._recorder: Any = watch_optax(moved, lr=lambda step: self._rate)
        weights = [variable.value for variable in model.trainable_variables]
        self._kept, self._shape = jax.tree.flatten(self._recorder.init(weights))
        self._train_step = model.train_step
        model.train_step = self._step
        model.make_train_function(force=True)
        self._function, model.train_function = model.train_function, self._runs

    def validation(self, loss: float) -> None:
        """Record the loss on held-out rows."""
        step = int(jax.tree.unflatten(self._shape, self._kept).step)
        self._validations.append(Validation(step=step, loss=loss))

    def end(self) -> None:
        """Take everything away, and judge."""
        del self._model.train_step
        self._model.train_function = None
        variables = self._model.trainable_variables
        tensors = tuple(
            Tensor(
                name=name,
                layer=name.rpartition(".")[0],
                kind="",
                shape=tuple(variable.shape),
                group=0,
            )
            for name, variable in zip(names_of(variables), variables, strict=True)
        )
        about = {
            **self._about,
            "tensors": tensors,
            "groups": (_group(self._model.optimizer),),
            "validations": tuple(self._validations),
            "versions": {"jax": jax.__version__, **self._versions},
        }
        state = jax.tree.unflatten(self._shape, self._kept)
        keeps = self._store is not False
        self.run = judged(state, about, self._store if keeps else None, keeps)

    def _runs(self, state: Any, iterator: Any) -> Any:
        """One call of Keras's compiled function, of one step or of several."""
        weights, others, optimizer, metrics = state
        logs, after = self._function(
            (weights, others, [*optimizer, *self._kept], metrics), iterator
        )
        weights, others, optimizer, metrics = after
        self._kept = list(optimizer[-len(self._kept) :])
        return logs, (weights, others, list(optimizer[: -len(self._kept)]), metrics)

    def _step(self, state: Any, data: Any) -> Any:
        """Keras's own step, inside of what is compiled, and what is recorded of it."""
        optimizer, apart = self._model.optimizer, len(self._kept)
        weights, others, options, metrics = state
        options, kept = list(options[:-apart]), options[-apart:]
        caught: dict[str, Any] = {}

        def applies(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
            caught["gradient"] = list(given[1])
            return original(*given, **named)

        def updates(original: Callable[..., Any], loss: Any, *given: Any, **named: Any) -> Any:
            caught["loss"] = loss
            return original(loss, *given, **named)

        with (
            _wrapped(optimizer, "stateless_apply", applies),
            _wrapped(self._model._loss_tracker, "update_state", updates),
        ):
            logs, after = self._train_step((weights, others, options, metrics), data)
        self._rate = _rate_of(optimizer, options)
        moves = jax.tree.map(lambda end, start: end - start, list(after[0]), list(weights))
        recorded = jax.tree.unflatten(self._shape, kept)
        _, recorded = self._recorder.update(
            caught["gradient"], recorded, list(weights), value=caught.get("loss"), moves=moves
        )
        return logs, (after[0], after[1], [*after[2], *jax.tree.leaves(recorded)], after[3])


def _as_moved(gradient: Any, state: Any, params: Any = None, **about: Any) -> Any:
    """Keras has moved already."""
    return about["moves"], state


@contextmanager
def _wrapped(owner: Any, name: str, around: Callable[..., Any]) -> Iterator[None]:
    """A method of one object that is called through another function."""
    original = getattr(owner, name)
    object.__setattr__(owner, name, lambda *given, **named: around(original, *given, **named))
    try:
        yield
    finally:
        object.__delattr__(owner, name)


def _rate_of(optimizer: Any, options: list[Any]) -> Any:
    """The learning rate at a step, also one that a schedule makes."""
    import keras

    with keras.StatelessScope(zip(optimizer.variables, options, strict=True)):
        return jax.numpy.asarray(keras.ops.convert_to_tensor(optimizer.learning_rate))


def _group(optimizer: Any) -> Group:
    kind = type(optimizer).__name__
    momentum = float(getattr(optimizer, "beta_1", getattr(optimizer, "momentum", 0.0)) or 0.0)
    method = OPTIMIZER.get(kind.lower())
    if kind == "SGD":
        method = GD if not momentum else NESTEROV if optimizer.nesterov else MOMENTUM
    if method is None:
        return Group(kind, None)
    return Group(kind, method.name, momentum if method.has_momentum else None)
