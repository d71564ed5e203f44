"""A callback for Keras 3, on PyTorch and on JAX: `model.fit(…, callbacks=[WatchCallback()])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.run.training import TrainingRun
from steepest.words.errors import UsageError, needing

with needing("keras", "The callback needs Keras", install="steepest[keras]"):
    import keras


class WatchCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches what `fit` trains. After it `.run` has the run and its verdict.

    `name` is what to call the run, `store` where to keep it: a path, None for the default store,
    False for nowhere. On JAX all is recorded inside of the compiled step. The loss on held-out
    rows is `val_loss`. Raises UsageError at the begin of `fit` on another backend, and where
    gradients are added up over several batches.
    """

    def __init__(self, *, name: str | None = None, store: Any = None):
        super().__init__()
        self._name = name
        self._store = store
        self._training: Any = None

    @property
    def run(self) -> TrainingRun:
        """The run, once `fit` has ended. Raises UsageError before."""
        found: TrainingRun | None = getattr(self._training, "run", None)
        if found is None:
            raise UsageError("The training has not ended.", instead="Ask after model.fit(…).")
        return found

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Attach to the model and its optimizer."""
        backend = keras.backend.backend()
        if backend not in ("jax", "torch"):
            raise UsageError(
                "Keras is watched on PyTorch and on JAX.",
                given=f"KERAS_BACKEND={backend}",
                instead="Set KERAS_BACKEND=jax or torch before Keras is imported.",
            )
        if getattr(self.model.optimizer, "gradient_accumulation_steps", None):
            raise UsageError("Gradients that are added up over several batches are not watched.")
        # A user of JAX may have no PyTorch.
        if backend == "jax":
            from steepest.integrations.keras_jax import JaxTraining as Training
        else:
            from steepest.integrations.keras_torch import (  # type: ignore[assignment]
                TorchTraining as Training,
            )
        versions = {"keras": keras.__version__}
        self._training = Training(self.model, name=self._name, store=self._store, versions=versions)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Record the validation loss."""
        loss = (logs or {}).get("val_loss")
        if self._training is not None and loss is not None:
            self._training.validation(float(loss))

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Take everything away, and judge."""
        if self._training is not None:
            self._training.end()
