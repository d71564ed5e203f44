"""Norms of the weights, the gradients and the moves of one optimizer's tensors.

Nothing here waits for the device: a step leaves one row of numbers on it, and rows are fetched
many at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from steepest.records.arrays import Mask, Matrix, Vector
from steepest.watching.tensors import LEAST, SAMPLE

NARROW: Final = (torch.bfloat16, torch.float16)

COLUMNS: Final = 6
"""Numbers a tensor: the norms of its weights and its gradient; then, of the entries that stand for
it, the norm of the gradient, its product with the one before, the norm of the move, and that of
its fourth powers, from which the error of an estimate is known."""


@dataclass(frozen=True)
class Measured:
    """What a number of rows say; each but the last is (k, t)."""

    weight: Matrix
    gradient: Matrix
    absent: Mask
    """Where there was no gradient."""
    update: Matrix
    error: Matrix
    """The relative standard error of `update`; 0 where all entries were measured."""
    turn: Matrix
    overall_turn: Vector
    """(k,)"""


class Norms:
    """Measures the tensors of one optimizer, before and after its steps.

    `sample`: where true, the move and the turn of a large tensor are measured on one entry in
    SAMPLE, so that no copy of the weights is needed.
    """

    def __init__(self, tensors: Sequence[torch.Tensor], *, sample: bool):
        self._tensors = list(tensors)
        self._sample = sample
        wide = any(tensor.dtype in (torch.float64, torch.complex128) for tensor in tensors)
        self._dtype = torch.float64 if wide else torch.float32
        self.device = tensors[0].device
        self._alike = all(_is_plain(t, self._dtype, self.device) for t in tensors)
        self._counts = np.array([_part(t, sample).numel() for t in tensors], dtype=np.float64)
        self._shares = self._counts / [max(_local(t).numel(), 1) for t in tensors]
        self._nan = torch.tensor(math.nan, dtype=self._dtype, device=self.device)
        self._none = torch.tensor(-1.0, dtype=self._dtype, device=self.device)
        """A length that no gradient has."""
        # As they are now: a loop without an optimizer shows only the end of its steps.
        self._weights = _copies(self._parts(self._tensors))
        self._gradients: list[torch.Tensor | None] = [None] * len(self._tensors)
        self._lent: list[tuple[torch.Tensor, int]] | None = []
        """The gradients of the step before as the loop left them, each with its version; None
        where the loop does not leave them alone."""
        self._weight_norms: list[torch.Tensor] = []
        self._compared: list[torch.Tensor] = []
        self._last_norms: Vector | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Of a row."""
        return self._dtype

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return (COLUMNS if self._sample else COLUMNS - 1) * len(self._tensors)

    @torch.no_grad()
    def before(self) -> None:
        """Measure the weights before they move."""
        self._weight_norms = self._norms(self._tensors)
        torch._foreach_copy_(self._weights, self._parts(self._tensors))

    @torch.no_grad()
    def compare(
        self, gradients: list[torch.Tensor | None], scale: torch.Tensor | None = None
    ) -> None:
        """Measure the gradients that a step uses. `scale`: they are so many times too long."""
        there = [g for g in gradients if g is not None]
        alike = (
            self._alike
            and len(there) == len(gradients)
            # A gradient is where its tensor is.
            and all(type(g) is torch.Tensor and g.dtype == self._dtype for g in there)
            and all(g.layout == torch.strided for g in there)
        )
        whole, rest = self._at_once(there) if alike else self._one_by_one(gradients)
        if scale is not None:
            whole = [w if w is self._none else w / scale.to(w) for w in whole]
        self._compared = [*whole, *rest]

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Whether every weight and every entry of a gradient that was measured last is finite."""
        known = [*self._weight_norms, *self._compared[: len(self._tensors)]]
        return not known or math.isfinite(float(torch.stack(known).sum()))

    @torch.no_grad()
    def after(self, into: torch.Tensor) -> None:
        """Measure after they have moved, and put the row into `into`."""
        self._put(into, self._weight_norms, self._moves())

    @torch.no_grad()
    def moved(self, into: torch.Tensor) -> None:
        """Measure a move after its end, from the weights as they were after the one before."""
        self._weight_norms = self._norms(self._weights)
        self._put(into, self._weight_norms, self._moves())
        torch._foreach_copy_(self._weights, self._parts(self._tensors))

    @property
    def is_narrow(self) -> bool:
        """Whether weights are numbers of 16 bits."""
        return any(tensor.dtype in NARROW for tensor in self._tensors)

    @torch.no_grad()
    def rounded_away(self) -> float | None:
        """Of weights of 16 bits with a gradient, the share that the last move left as they were."""
        still, many = 0, 0
        moves = zip(self._tensors, self._parts(self._tensors), self._weights, strict=True)
        for tensor, part, move in moves:
            if tensor.dtype in NARROW and tensor.grad is not None and part.shape == tensor.shape:
                asked = tensor.grad != 0
                still += int((asked & (move == 0)).sum())
                many += int(asked.sum())
        return still / many if many else None

    def _moves(self) -> list[torch.Tensor]:
        """Norms of the moves, which take the place of the weights before them."""
        torch._foreach_sub_(self._weights, self._parts(self._tensors))
        found = self._norms(self._weights)
        if self._sample:
            found += [self._norm(move, 4) for move in self._weights]
        return found

    def _put(
        self, into: torch.Tensor, weights: list[torch.Tensor], moves: list[torch.Tensor]
    ) -> None:
        torch.stack([*weights, *self._compared, *moves], out=into)

    def read(self, rows: Matrix) -> Measured:
        """What rows say, in the order in which they were made, each once."""
        count = len(self._tensors)
        weight, gradient, part, product, move, *fourth = (
            rows[:, place : place + count] for place in range(0, self.width, count)
        )
        first = np.full(count, math.nan) if self._last_norms is None else self._last_norms
        last = np.vstack([first, part])[:-1]
        self._last_norms = part[-1] if len(part) else self._last_norms
        with np.errstate(all="ignore"):
            turn = product / (part * last)
            known = np.isfinite(turn)
            together, own, other = (
                np.where(known, values / self._shares, 0).sum(1)
                for values in (product, part**2, last**2)
            )
            overall = together / np.sqrt(own * other)
        return Measured(
            weight=weight,
            gradient=np.where(gradient == -1, math.nan, gradient),
            absent=gradient == -1,
            update=move / np.sqrt(self._shares),
            error=self._errors(move, fourth[0]) if fourth else np.zeros_like(move),
            turn=np.clip(turn, -1, 1),
            overall_turn=np.clip(overall, -1, 1),
        )

    def _errors(self, move: Matrix, fourth: Matrix) -> Matrix:
        """Of the norms of the moves, where they are estimated from some of the entries.

        With n of them, the variance of their mean square is (mean fourth power - mean square²)/n;
        the relative error of a root is half that of its square.
        """
        n = self._counts
        with np.errstate(all="ignore"):
            square, power = move**2 / n, fourth**4 / n
            error = np.sqrt(np.maximum(power - square**2, 0) / n) / square / 2
        return np.where(self._shares < 1, error, 0.0)

    def _at_once(
        self, gradients: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Norms of the gradients; then of what stands for them, and its products with the last."""
        whole = self._norms(gradients)
        parts = self._parts(gradients)
        own = self._norms(parts) if self._sample else whole
        flat = [part.reshape(-1) for part in parts]
        last = self._lasts(flat)
        products = [torch.dot(*pair) for pair in zip(last, flat, strict=bool(last))]
        self._keep(flat)
        return whole, [*own, *(products or [self._nan] * len(parts))]

    def _lasts(self, flat: list[torch.Tensor]) -> list[torch.Tensor]:
        """The gradients of the step before: as they were lent, else as they were copied."""
        if self._lent and not _left_alone(self._lent, flat):
            self._lent = None
        copied = [gradient for gradient in self._gradients if gradient is not None]
        if len(copied) == len(flat):
            return copied
        return [] if self._lent is None else [gradient for gradient, _ in self._lent]

    def _keep(self, flat: list[torch.Tensor]) -> None:
        """Keep what the next step compares with.

        Where the loop drops its gradients after each step, as `zero_grad()` does, they are kept as
        they are. The first ones are copied too, because it is not known yet whether it does.
        """
        borrows = self._lent is not None and not self._sample
        known = bool(self._lent)
        self._lent = [(gradient, gradient._version) for gradient in flat] if borrows else None
        if borrows and known:
            self._gradients = [None] * len(self._gradients)
            return
        copied = [gradient for gradient in self._gradients if gradient is not None]
        if len(copied) < len(flat):
            self._gradients = list(_copies(flat))
        else:
            torch._foreach_copy_(copied, flat)

    def _one_by_one(
        self, gradients: list[torch.Tensor | None]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The same where some have no gradient, or another kind of it."""
        whole, own, products = [], [], []
        if self._lent and len(self._lent) == len(gradients):
            self._gradients = [
                pair[0] if new is None or new.is_sparse or _left_alone([pair], [new]) else None
                for pair, new in zip(self._lent, gradients, strict=True)
            ]
        self._lent = None
        for place, gradient in enumerate(gradients):
            last = self._gradients[place]
            if gradient is None or gradient.is_sparse:
                norm = self._none if gradient is None else self._norm(gradient.coalesce().values())
                whole.append(norm)
                own.append(self._nan)
                products.append(self._nan)
                self._gradients[place] = None
                continue
            part = _part(gradient, self._sample)
            whole.append(self._norm(_local(gradient)))
            own.append(self._norm(part))
            products.append(self._nan if last is None else _product(last, part).to(self._nan))
            self._gradients[place] = part.reshape(-1).clone()
        return whole, [*own, *products]

    def _parts(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        if self._alike and not self._sample:
            return tensors
        return [_part(tensor, self._sample) for tensor in tensors]

    def _norms(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        if self._alike:
            return list(torch._foreach_norm(tensors))
        return [self._norm(_local(tensor)) for tensor in tensors]

    def _norm(self, tensor: torch.Tensor, power: int = 2) -> torch.Tensor:
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor)
        norm: torch.Tensor = torch.linalg.vector_norm(tensor, power, dtype=self._dtype)
        return norm.to(self.device)


def _copies(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Copies that lie behind each other where they can, so that they are read in one go."""
    first = tensors[0]
    if not all(_is_plain(tensor, first.dtype, first.device) for tensor in tensors):
        return [tensor.detach().clone() for tensor in tensors]
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def _left_alone(lent: list[tuple[torch.Tensor, int]], gradients: list[torch.Tensor]) -> bool:
    """Whether the gradients of the step before are what they were, and others took their place."""
    return len(lent) == len(gradients) and all(
        old._version == version and old.data_ptr() != new.data_ptr()
        for (old, version), new in zip(lent, gradients, strict=True)
    )


def _is_plain(tensor: torch.Tensor, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether many such can be measured in one call."""
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.dtype == dtype
        and tensor.device == device
        and tensor.layout == torch.strided
    )


def _product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    if first.is_complex():
        first, second = torch.view_as_real(first), torch.view_as_real(second)
    return torch.dot(first.reshape(-1), second.reshape(-1))


def _local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor that is spread over several."""
    detached = tensor.detach()
    to_local = getattr(detached, "to_local", None)
    return detached if to_local is None else to_local()


def _part(tensor: torch.Tensor, sample: bool) -> torch.Tensor:
    """The entries that stand for a tensor: all, or one in SAMPLE of a large one."""
    local = _local(tensor)
    return local.reshape(-1)[::SAMPLE] if sample and local.numel() > LEAST else local
