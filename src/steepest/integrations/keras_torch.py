"""A training of Keras on PyTorch: its optimizer is shown to the watch as one of PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from steepest.integrations.keras_names import names_of
from steepest.jobs.watch import watch
from steepest.run.training import TrainingRun

_EPS: Final = {"eps": "epsilon"}
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "SGD": {"momentum": "momentum", "nesterov": "nesterov"},
    "Adam": _EPS,
    "AdamW": _EPS,
    "Adagrad": _EPS,
    "RMSprop": {**_EPS, "momentum": "momentum", "alpha": "rho"},
}
"""Class of an optimizer: what PyTorch calls an option, and what Keras calls it."""


class TorchTraining:
    """What one call of `fit` does."""

    def __init__(self, model: Any, *, name: str | None, store: Any, versions: Mapping[str, str]):
        from steepest.watching.shown import shown_as

        self._model = model
        self._optimizer = model.optimizer
        self.run: TrainingRun | None = None
        variables = model.trainable_variables
        tensors = [variable.value for variable in variables]
        self._apply = model.optimizer.apply
        self._given: tuple[tuple[Any, ...], dict[str, Any]] = (), {}
        self._compute_loss = model.compute_loss
        kind = type(model.optimizer).__name__
        options = {
            theirs: getattr(model.optimizer, ours)
            for theirs, ours in _OPTIONS.get(kind, {}).items()
        }
        if kind.startswith("Adam"):
            options["betas"] = (model.optimizer.beta_1, model.optimizer.beta_2)
        self._shown = shown_as(kind, tensors, self._move, versions, lr=self._rate(), **options)
        named = dict(zip(names_of(variables), tensors, strict=True))
        self._watch = watch(named, self._shown, name=name, store=store)
        model.optimizer.apply, model.compute_loss = self._applies, self._computes

    def validation(self, loss: float) -> None:
        """Record the loss on held-out rows."""
        self._watch.validation(loss)

    def end(self) -> None:
        """Take everything away, and judge."""
        del self._optimizer.apply, self._model.compute_loss
        self._watch.close()
        self.run = self._watch.run

    def _rate(self) -> float:
        return float(self._optimizer.learning_rate)

    def _applies(self, *given: Any, **named: Any) -> None:
        """Keras's own step, told to the watch before and after."""
        self._given = given, named
        self._shown.param_groups[0]["lr"] = self._rate()
        self._shown.step()

    def _move(self) -> None:
        given, named = self._given
        self._apply(*given, **named)

    def _computes(self, *given: Any, **named: Any) -> Any:
        loss = self._compute_loss(*given, **named)
        if loss is not None and loss.requires_grad:  # else rows are held out
            self._watch.loss(loss)
        return loss
