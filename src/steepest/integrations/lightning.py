"""A callback for Lightning: `Trainer(callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from steepest.words.errors import needing

with needing("lightning", "The callback needs Lightning", install="steepest[lightning]"):
    from lightning.pytorch import Callback, LightningModule, Trainer

    from steepest.jobs.watch import Watch, watch


class WatchCallback(Callback):
    """Watches a training. The options are those of `steepest.watch`.

    `validation` names the logged metric that is the loss on held-out rows. After the training
    `.watch` has the run and its verdict. Only automatic optimization calls the hooks that it needs.
    """

    def __init__(self, *, validation: str = "val_loss", **options: Any):
        self.watch: Watch | None = None
        self._validation = validation
        self._options = options

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attach to the module and its optimizers."""
        self.watch = watch(pl_module, list(trainer.optimizers), **self._options)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Any) -> None:
        """Record the loss, as it is without the division by accumulated batches."""
        if self.watch is not None:
            self.watch.loss(loss.detach() * trainer.accumulate_grad_batches)

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
