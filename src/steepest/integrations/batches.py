"""The batches of one step of another library's loop, from which its loss is computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest.jobs.watch import Watch


class StepBatches:
    """Tells a watch of the batches that one step learns from, and of their loss.

    `compute` gives the loss of one of them again, as the library does. Where several make a step,
    its loss is their mean; their sum where each loss is a share already (`shares`).
    """

    def __init__(self, watch: Watch, compute: Callable[..., Any]):
        self._watch = watch
        self._compute = compute
        self._held: list[tuple[Any, ...]] = []
        self._sum: Any = None
        self._shares = False
        self.again = False
        """Whether a loss is being computed again."""

    def take(self, *batch: Any, loss: Any, shares: bool = False) -> None:
        """The loop has computed the loss of a batch, and will go back from it."""
        self._held.append(batch)
        self._shares = shares
        if len(self._held) == 1:
            self._sum = loss.detach().clone()
            self._watch.loss(loss)
            return
        self._sum += loss.detach()
        self._watch.loss(self._sum if shares else self._sum / len(self._held))

    def moves(self) -> None:
        """The optimizer is about to move by what was taken."""
        held, self._held = self._held, []
        if held:
            self._watch.probe(_whole(self, held, self._shares))

    def loss(self, *batch: Any) -> Any:
        """Compute the loss of a batch again."""
        self.again = True
        try:
            return self._compute(*batch)
        finally:
            self.again = False


def _whole(batches: StepBatches, held: list[tuple[Any, ...]], shares: bool) -> Callable[[], Any]:
    def closure() -> Any:
        losses = [batches.loss(*batch) for batch in held]
        total = sum(losses[1:], start=losses[0])
        return total if shares else total / len(losses)

    return closure
