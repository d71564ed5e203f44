"""A callback for Lightning: `Trainer(callbacks=[WatchCallback()])`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steepest.words.errors import needing

with needing("lightning", "The callback needs Lightning", install="steepest[lightning]"):
    from lightning.pytorch import Callback, LightningModule, Trainer

    from steepest.integrations.batches import StepBatches
    from steepest.jobs.watch import Watch, watch


class WatchCallback(Callback):
    """Watches a training. The options are those of `steepest.watch`.

    `validation` names the logged metric that is the loss on held-out rows. Probes call
    `training_step` with the same batches again, without what it logs; with `prove=` the first
    steps are kept, so that `watch.prove()` can run them again. After the training `.watch` has the
    run and its verdict. Only automatic optimization calls the hooks that it needs.
    """

    def __init__(self, *, validation: str = "val_loss", **options: Any):
        self.watch: Watch | None = None
        self._validation = validation
        self._options = options
        self._batches: StepBatches | None = None
        self._batch: tuple[Any, int] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attach to the module and its optimizers."""
        self.watch = watch(pl_module, list(trainer.optimizers), **self._options)

        def compute(batch: Any, index: int) -> Any:
            with trainer.precision_plugin.train_step_context(), _silent(pl_module):
                found: Any = pl_module.training_step(batch, index)
            return found["loss"] if isinstance(found, dict) else found

        self._batches = StepBatches(self.watch, compute)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the batch that comes."""
        self._batch = batch, batch_idx

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Any) -> None:
        """Record the loss, as it is without the division by accumulated batches."""
        if self.watch is None or self._batches is None:
            return
        several = trainer.accumulate_grad_batches
        loss = loss * several if several > 1 else loss
        # Called again, a step that moves by itself would move.
        if self._batch is None or not pl_module.automatic_optimization:
            self.watch.loss(loss)
        else:
            self._batches.take(*self._batch, loss=loss)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """A step's gradients are there."""
        if self._batches is not None:
            self._batches.moves()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the validation loss, where it was logged."""
        found = trainer.callback_metrics.get(self._validation)
        if self.watch is not None and found is not None and not trainer.sanity_checking:
            self.watch.validation(found)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the watch."""
        if self.watch is not None:
            self.watch.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close it as after an error."""
        if self.watch is not None:
            self.watch.__exit__(type(exception), exception, None)


@contextmanager
def _silent(module: LightningModule) -> Iterator[None]:
    """Let a module log nothing."""
    own = vars(module)
    for name in ("log", "log_dict"):
        own[name] = lambda *_, **__: None
    try:
        yield
    finally:
        for name in ("log", "log_dict"):
            del own[name]
