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

from steepest.records import Mask, Matrix, Vector
from steepest.watching.tensors import LEAST, SAMPLE

COLUMNS: Final = 5
"""Numbers a tensor: the norms of its weights and its gradient; then, of the entries that stand for
it, the norm of the gradient, its product with the one before, and the norm of the move."""


@dataclass(frozen=True)
class Measured:
    """What a number of rows say; each but the last is (k, t)."""

    weight: Matrix
    gradient: Matrix
    absent: Mask
    """Where there was no gradient."""
    update: Matrix
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
        self._shares = np.array(
            [_part(t, sample).numel() / max(_local(t).numel(), 1) for t in tensors]
        )
        self._nan = torch.tensor(math.nan, dtype=self._dtype, device=self.device)
        self._none = torch.tensor(-1.0, dtype=self._dtype, device=self.device)
        """A length that no gradient has."""
        # As they are now: a loop without an optimizer shows only the end of its steps.
        self._weights = [part.detach().clone() for part in self._parts(self._tensors)]
        self._gradients: list[torch.Tensor | None] = [None] * len(self._tensors)
        self._row: list[torch.Tensor] = []
        self._last_norms: Vector | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Of a row."""
        return self._dtype

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return COLUMNS * len(self._tensors)

    @torch.no_grad()
    def before(self, gradients: list[torch.Tensor | None]) -> None:
        """Measure before the tensors move. `gradients`: theirs, as they are used."""
        self._row = [*self._norms(self._tensors), *self._compared(gradients)]
        torch._foreach_copy_(self._weights, self._parts(self._tensors))

    @torch.no_grad()
    def after(self, into: torch.Tensor) -> None:
        """Measure after they have moved, and put the row into `into`."""
        torch._foreach_sub_(self._weights, self._parts(self._tensors))
        torch.stack([*self._row, *self._norms(self._weights)], out=into)

    @torch.no_grad()
    def moved(self, gradients: list[torch.Tensor | None], into: torch.Tensor) -> None:
        """Measure all of a step after its end, from the weights as they were after the last one."""
        weights = self._norms(self._weights)
        row = [*weights, *self._compared(gradients)]
        parts = self._parts(self._tensors)
        torch._foreach_sub_(self._weights, parts)
        torch.stack([*row, *self._norms(self._weights)], out=into)
        torch._foreach_copy_(self._weights, parts)

    def read(self, rows: Matrix) -> Measured:
        """What rows say, in the order in which they were made, each once."""
        count = len(self._tensors)
        weight, gradient, part, product, move = (
            rows[:, place * count : (place + 1) * count] for place in range(COLUMNS)
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
            turn=np.clip(turn, -1, 1),
            overall_turn=np.clip(overall, -1, 1),
        )

    def _compared(self, gradients: list[torch.Tensor | None]) -> list[torch.Tensor]:
        """Norms of the gradients, of what stands for them, and its products with the last."""
        there = [g for g in gradients if g is not None]
        if (
            self._alike
            and len(there) == len(gradients)
            and all(_is_plain(g, self._dtype, self.device) for g in there)
        ):
            return self._compared_at_once(there)
        return self._compared_one_by_one(gradients)

    def _compared_at_once(self, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
        whole = self._norms(gradients)
        parts = self._parts(gradients)
        own = self._norms(parts) if self._sample else whole
        last = [g for g in self._gradients if g is not None]
        if len(last) < len(parts):
            self._gradients = [part.clone() for part in parts]
            return [*whole, *own, *([self._nan] * len(parts))]
        products = [_product(old, part) for old, part in zip(last, parts, strict=True)]
        torch._foreach_copy_(last, parts)
        return [*whole, *own, *products]

    def _compared_one_by_one(self, gradients: list[torch.Tensor | None]) -> list[torch.Tensor]:
        """The same where some have no gradient, or another kind of it."""
        whole, own, products = [], [], []
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
            self._gradients[place] = part.clone()
        return [*whole, *own, *products]

    def _parts(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        if self._alike and not self._sample:
            return tensors
        return [_part(tensor, self._sample) for tensor in tensors]

    def _norms(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        if self._alike:
            return list(torch._foreach_norm(tensors))
        return [self._norm(_local(tensor)) for tensor in tensors]

    def _norm(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor)
        norm: torch.Tensor = torch.linalg.vector_norm(tensor, dtype=self._dtype)
        return norm.to(self.device)


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
