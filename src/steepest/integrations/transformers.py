"""A callback for Hugging Face's Trainer: `Trainer(…, callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from steepest.words.errors import needing

with needing("transformers", "The callback needs transformers", install="steepest[transformers]"):
    from transformers import TrainerCallback

    from steepest.jobs.watch import Watch, watch


class WatchCallback(TrainerCallback):
    """Watches a training. The options are those of `steepest.watch`.

    The loss of each batch is taken from what the model gives (`.loss`), the one on held-out rows
    from the metrics of an evaluation. Probes call the model with the same batch again. With
    `prove=` the first steps are kept, so that `watch.prove()` can run them again; where gradients
    are accumulated, or the Trainer makes a loss of its own, it says why it cannot.
    After the training `.watch` has the run and its verdict.
    """

    def __init__(self, **options: Any):
        self.watch: Watch | None = None
        self._options = options
        self._handle: Any = None
        self._again = False
        """Whether it is a probe that calls the model."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Attach to the model and its optimizer."""
        model, optimizer = about["model"], about["optimizer"]
        # Accelerate wraps it, and its own step may leave the real one out.
        optimizer = getattr(optimizer, "optimizer", optimizer)
        self.watch = watch(model, optimizer, **self._options)
        self._handle = model.register_forward_hook(self._passed, with_kwargs=True)

    def on_evaluate(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Record the validation loss."""
        found = (about.get("metrics") or {}).get("eval_loss")
        if self.watch is not None and found is not None:
            self.watch.validation(found)

    def on_train_end(self, args: Any, state: Any, control: Any, **about: Any) -> None:
        """Close the watch."""
        if self._handle is not None:
            self._handle.remove()
        if self.watch is not None:
            self.watch.close()

    def _passed(self, model: Any, arguments: Any, named: dict[str, Any], output: Any) -> None:
        loss = getattr(output, "loss", None)
        if self.watch is None or loss is None or not model.training or self._again:
            return

        def closure() -> Any:
            self._again = True
            try:
                return model(*arguments, **named).loss
            finally:
                self._again = False

        self.watch.loss(loss)
        if loss.requires_grad:
            self.watch.probe(closure)
