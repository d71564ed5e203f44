"""A callback for fastai: `learn.fit(…, cbs=WatchCallback())`."""

from __future__ import annotations

from typing import Any

from steepest.words.errors import needing

with needing("fastai", "The callback needs fastai", install="fastai"):
    from fastai.callback.core import Callback

    from steepest.jobs.watch import Watch, watch


class WatchCallback(Callback):  # type: ignore[misc]
    """Watches a training. The options are those of `steepest.watch`.

    fastai's optimizers are its own, so steps are seen from the weights before and after, and the
    learning rate is the length of the step over that of the gradient. After the training `.watch`
    has the run and its verdict.
    """

    name = "steepest_watch"

    def __init__(self, **options: Any):
        super().__init__()
        self.watch: Watch | None = None
        self._options = options
        self._held_out: list[tuple[float, int]] = []

    def before_fit(self) -> None:
        """Attach to the model."""
        self.watch = watch(self.learn.model, **self._options)

    def after_step(self) -> None:
        """A step was taken."""
        if self.watch is not None:
            self.watch.step(self.learn.loss_grad)

    def after_loss(self) -> None:
        """Note the loss of a batch of held-out rows."""
        if not self.learn.training:
            self._held_out.append((float(self.learn.loss_grad), len(self.learn.yb[0])))

    def after_validate(self) -> None:
        """Record their mean loss."""
        rows = sum(count for _, count in self._held_out)
        if self.watch is not None and rows:
            self.watch.validation(sum(loss * count for loss, count in self._held_out) / rows)
        self._held_out.clear()

    def after_fit(self) -> None:
        """Close the watch."""
        if self.watch is not None:
            self.watch.close()
