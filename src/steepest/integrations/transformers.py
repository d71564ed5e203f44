"""A callback for Hugging Face's Trainer: `Trainer(…, callbacks=[WatchCallback()])`."""

from __future__ import annotations

import inspect
from typing import Any

from steepest.words.errors import needing

with needing("transformers", "The callback needs transformers", install="steepest[transformers]"):
    from transformers import Trainer, TrainerCallback

    from steepest.integrations.batches import StepBatches
    from steepest.jobs.watch import Watch, watch


class WatchCallback(TrainerCallback):
    """Watches a training. The options are those of `steepest.watch`.

    The loss of each batch is what the Trainer's own `compute_loss` gives, the one on held-out rows
    comes from the metrics of an evaluation. Probes call `compute_loss` with the same batches again,
    those of all accumulated ones together. With `prove=` the first steps are kept, so that
    `watch.prove()` can run them again. After the training `.watch` has the run and its verdict.
    """

    def __init__(self, **options: Any):
        self.watch: Watch | None = None
        self._options = options
        self._batches: StepBatches | None = None
        self._trainer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Attach to the model and its optimizer."""
        model, optimizer = about["model"], about["optimizer"]
        # Accelerate wraps it, and its own step may leave the real one out.
        optimizer = getattr(optimizer, "optimizer", optimizer)
        self.watch = watch(model, optimizer, **self._options)
        self._trainer = self._whose()
        if self._trainer is None:
            return
        original, trainer = self._trainer.compute_loss, self._trainer

        def compute(model: Any, inputs: dict[str, Any], named: dict[str, Any]) -> Any:
            with trainer.compute_loss_context_manager():
                return original(model, dict(inputs), **named)

        batches = self._batches = StepBatches(self.watch, compute)

        def compute_loss(model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
            if more:  # by place: whether outputs are asked for
                named = {"return_outputs": more[0], **named}
            kept = dict(inputs)
            found = original(model, inputs, **named)
            loss = found[0] if isinstance(found, tuple) else found
            if model.training and not batches.again and loss.requires_grad:
                again = {name: value for name, value in named.items() if name != "return_outputs"}
                batches.take(model, kept, again, loss=loss, shares=_is_share(trainer, named))
            return found

        self._trainer.compute_loss = compute_loss

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """A step's gradients are there."""
        if self._batches is not None:
            self._batches.moves()

    def on_evaluate(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Record the validation loss."""
        found = (about.get("metrics") or {}).get("eval_loss")
        if self.watch is not None and found is not None:
            self.watch.validation(found)

    def on_train_end(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Close the watch."""
        if self._trainer is not None:
            del self._trainer.compute_loss
            self._trainer = None
        if self.watch is not None:
            self.watch.close()

    def _whose(self) -> Trainer | None:
        """The Trainer that calls: no callback is told."""
        frame = inspect.currentframe()
        while frame is not None:
            one = frame.f_locals.get("self")
            if isinstance(one, Trainer) and self in one.callback_handler.callbacks:
                return one
            frame = frame.f_back
        return None


def _is_share(trainer: Any, named: dict[str, Any]) -> bool:
    """Whether a loss is divided by what is in all accumulated batches together."""
    told = getattr(trainer, "loss_is_scaled_for_ga", None)
    if told is not None:
        return bool(told)
    known = named.get("num_items_in_batch") is not None
    accepts = bool(getattr(trainer, "model_accepts_loss_kwargs", False))
    return (accepts and known) or getattr(trainer, "compute_loss_func", None) is not None
