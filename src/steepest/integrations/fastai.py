"""A callback for fastai: `learn.fit(…, cbs=WatchCallback())`."""

from __future__ import annotations

from typing import Any

from steepest.words.errors import needing

with needing("fastai", "The callback needs fastai", install="fastai"):
    from fastai.callback.core import Callback
    from fastai.callback.fp16 import MixedPrecision
    from fastai.callback.training import GradientAccumulation
    from fastai.torch_core import find_bs, to_float

    from steepest.integrations.batches import StepBatches
    from steepest.jobs.watch import Watch, watch


class WatchCallback(Callback):  # type: ignore[misc]
    """Watches a training. The options are those of `steepest.watch`.

    fastai's optimizers are its own, so steps are seen from the weights before and after, and the
    learning rate is the length of the step over that of the gradient. Probes compute the loss of
    the same batches again, unless another callback than fastai's for mixed precision and
    accumulation changes a prediction or a loss. After the training `.watch` has the run and its
    verdict.
    """

    name = "steepest_watch"
    order = MixedPrecision.order - 2
    """After what accumulates, which leaves out steps, and before what moves by itself."""

    def __init__(self, **options: Any):
        super().__init__()
        self.watch: Watch | None = None
        self._options = options
        self._batches: StepBatches | None = None
        self._held_out: list[tuple[float, int]] = []

    def before_fit(self) -> None:
        """Attach to the model."""
        self.watch = watch(self.learn.model, **self._options)
        known = (MixedPrecision, GradientAccumulation, WatchCallback)
        changed = [one for one in self.learn.cbs if not isinstance(one, known) and _changes(one)]
        self._batches = None if changed else StepBatches(self.watch, self._computed)

    def after_loss(self) -> None:
        """Note the loss of a batch, of held-out rows or of those that the step learns from."""
        learn = self.learn
        if not learn.training:
            self._held_out.append((float(learn.loss_grad), len(learn.yb[0])))
        elif self._batches is not None:
            several = _of(learn, GradientAccumulation)
            share = 1.0 if several is None else find_bs(learn.yb) / several.n_acc
            self._batches.take(
                learn.xb, learn.yb, share, loss=learn.loss_grad, shares=several is not None
            )
        elif self.watch is not None:
            self.watch.loss(learn.loss_grad)

    def before_step(self) -> None:
        """A step's gradients are there."""
        if self._batches is not None:
            self._batches.moves()

    def after_step(self) -> None:
        """A step was taken."""
        if self.watch is not None:
            self.watch.step()

    def after_validate(self) -> None:
        """Record the mean loss of held-out rows."""
        rows = sum(count for _, count in self._held_out)
        if self.watch is not None and rows:
            self.watch.validation(sum(loss * count for loss, count in self._held_out) / rows)
        self._held_out.clear()

    def after_fit(self) -> None:
        """Close the watch."""
        if self.watch is not None:
            self.watch.close()

    def _computed(self, inputs: Any, targets: Any, share: float) -> Any:
        """The loss of a batch again, as fastai computes it."""
        learn = self.learn
        mixed = _of(learn, MixedPrecision)
        if mixed is None:
            return learn.loss_func(learn.model(*inputs), *targets) * share
        own = mixed.autocast
        with type(own)(own.device, dtype=own.fast_dtype):
            return learn.loss_func(to_float(learn.model(*inputs)), *targets) * share


def _changes(callback: Any) -> bool:
    """Whether a callback may change what comes out of the model, or the loss."""
    return any(hasattr(type(callback), event) for event in ("after_pred", "after_loss"))


def _of(learn: Any, kind: type) -> Any:
    """The learner's callback of a kind, or None."""
    return next((one for one in learn.cbs if isinstance(one, kind)), None)
