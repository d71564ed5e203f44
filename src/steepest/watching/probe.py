"""Curvature of the loss on one batch, and the losses that other steps would have had."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from steepest.stability import stability_factor
from steepest.training import Group, Probe
from steepest.watching.undisturbed import undisturbed

Closure = Callable[[], torch.Tensor]

FACTORS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)

FIRST: Final = 40
"""Products with the Hessian in the first probe; the later ones begin where the last one ended."""

LATER: Final = 8

GOOD: Final = 0.05
"""Relative residual up to which an eigenvalue is said to be known; it is then at most so far off,
and mostly by the square of it."""


class Prober:
    """Probes one training, each time beginning from the eigenvectors of the time before."""

    def __init__(
        self,
        model: nn.Module | None,
        tensors: Sequence[torch.Tensor],
        groups: Sequence[Group],
        optimizers: Sequence[torch.optim.Optimizer],
    ):
        self._model = model
        self._tensors = [tensor for tensor in tensors if tensor.requires_grad]
        self._groups = groups
        self._optimizers = optimizers
        self._devices = list({tensor.device for tensor in self._tensors})
        self._start: torch.Tensor | None = None
        self._before: list[torch.Tensor] | None = None
        self._closure: Closure | None = None
        self._waiting: Probe | None = None
        self.probes: list[Probe] = []

    def measure(self, step: int, closure: Closure) -> None:
        """Measure the curvature where the weights are; the next move completes the probe."""
        with undisturbed(self._model, self._devices), sdpa_kernel(SDPBackend.MATH):
            self._waiting = self._curvature(step, closure)
        self._closure = closure
        self._before = [tensor.detach().clone() for tensor in self._tensors]

    @property
    def waits(self) -> bool:
        """Whether the next move is to be compared with shorter and longer ones."""
        return self._waiting is not None

    @torch.no_grad()
    def complete(self) -> Probe | None:
        """The weights have moved: measure what shorter and longer moves would have given."""
        waiting, before, closure = self._waiting, self._before, self._closure
        self._waiting = self._before = self._closure = None
        if waiting is None or before is None or closure is None:
            return None
        after = [tensor.detach().clone() for tensor in self._tensors]
        losses = []
        try:
            for factor in FACTORS:
                for tensor, old, new in zip(self._tensors, before, after, strict=True):
                    tensor.copy_(torch.lerp(old, new, factor))
                with undisturbed(self._model, self._devices):
                    losses.append(float(closure().detach().mean()))
        finally:
            for tensor, new in zip(self._tensors, after, strict=True):
                tensor.copy_(new)
        done = replace(waiting, factors=FACTORS, losses=tuple(losses))
        self.probes.append(done)
        return done

    def _curvature(self, step: int, closure: Closure) -> Probe:
        scale = self._preconditioner()
        rows, loss, slopes = _slopes(closure, self._tensors)
        gradient = _flat(slopes, self._tensors).detach()
        product = self._product(closure, slopes)
        found = Probe(step=step, loss=float(loss.detach()), noise_scale=_noise(rows, self._tensors))
        length = float(gradient @ gradient)
        if length > 0 and math.isfinite(length):
            sharpness = float(gradient @ product(gradient)) / length
            found = replace(found, sharpness=sharpness)

        def scaled(vector: torch.Tensor) -> torch.Tensor:
            return vector if scale is None else vector * scale

        first = self._start is None
        start = gradient + torch.randn_like(gradient) * _rms(gradient) if first else self._start
        assert start is not None
        largest, lowest, self._start = _ends(
            lambda vector: scaled(product(scaled(vector))),
            start,
            FIRST if first else LATER,
            1e-5 if first else GOOD / 4,
        )
        found = replace(
            found,
            largest=largest[0],
            largest_residual=largest[1],
            most_negative=lowest[0],
            most_negative_residual=lowest[1],
            preconditioned=scale is not None,
        )
        return replace(found, limit=self._limit(found))

    def _product(
        self, closure: Closure, slopes: Sequence[torch.Tensor | None]
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """The Hessian times a vector: by a second backward pass, where there is one."""
        reached = [slope for slope in slopes if slope is not None and slope.requires_grad]

        def by_backward(vector: torch.Tensor) -> torch.Tensor:
            parts = _split(vector, self._tensors)
            chosen = [
                part
                for part, slope in zip(parts, slopes, strict=True)
                if slope is not None and slope.requires_grad
            ]
            products = torch.autograd.grad(
                reached, self._tensors, chosen, retain_graph=True, allow_unused=True
            )
            return _flat(products, self._tensors)

        def by_difference(vector: torch.Tensor) -> torch.Tensor:
            return self._difference(closure, vector)

        probe = torch.zeros(sum(t.numel() for t in self._tensors), device=self._tensors[0].device)
        try:
            by_backward(_flat(_split(probe, self._tensors), self._tensors))
        except (RuntimeError, NotImplementedError):
            return by_difference
        return by_backward

    def _difference(self, closure: Closure, vector: torch.Tensor) -> torch.Tensor:
        """The same by the difference of two gradients."""
        kept = [tensor.detach().clone() for tensor in self._tensors]
        length = float(torch.linalg.vector_norm(vector))
        if not length:
            return torch.zeros_like(vector)
        size = max(float(torch.linalg.vector_norm(_flat(kept, self._tensors))), 1.0)
        by = size * float(torch.finfo(vector.dtype).eps) ** (1 / 3) / length
        found = []
        try:
            for sign in (1, -1):
                parts = _split(vector, self._tensors)
                with torch.no_grad():
                    for tensor, old, part in zip(self._tensors, kept, parts, strict=True):
                        tensor.copy_(old + sign * by * part)
                with undisturbed(self._model, self._devices):
                    loss = closure().mean()
                    slopes = torch.autograd.grad(loss, self._tensors, allow_unused=True)
                found.append(_flat(slopes, self._tensors))
        finally:
            with torch.no_grad():
                for tensor, old in zip(self._tensors, kept, strict=True):
                    tensor.copy_(old)
        product: torch.Tensor = (found[0] - found[1]) / (2 * by)
        return product

    def _preconditioner(self) -> torch.Tensor | None:
        """P to the power -1/2 of an adaptive optimizer, where it has taken steps."""
        methods = {group.method for group in self._groups}
        if not methods <= {"adam", "adamw", "rmsprop"} or not methods:
            return None
        parts: dict[int, torch.Tensor] = {}
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                for tensor in group["params"]:
                    found = _root(optimizer.state.get(tensor, {}), group)
                    if found is not None:
                        parts[id(tensor)] = found
        if any(id(tensor) not in parts for tensor in self._tensors):
            return None
        whole = torch.cat([parts[id(t)].reshape(-1).to(self._dtype) for t in self._tensors])
        return torch.rsqrt(whole)

    @property
    def _dtype(self) -> torch.dtype:
        return _dtype(self._tensors)

    def _limit(self, probe: Probe) -> float | None:
        kinds = {(group.method, group.momentum) for group in self._groups}
        if len(kinds) != 1 or not probe.largest_residual <= GOOD or probe.largest <= 0:
            return None
        ((method, momentum),) = kinds
        if method is None or (method in ("adam", "adamw", "rmsprop")) != probe.preconditioned:
            return None
        factor = stability_factor(method, momentum)
        return None if factor is None else factor / probe.largest


def _root(state: Any, group: dict[str, Any]) -> torch.Tensor | None:
    """By what an adaptive optimizer divides the gradient."""
    epsilon = group.get("eps", 0.0)
    if "exp_avg_sq" in state:
        done = float(state["step"])
        mean = state["exp_avg_sq"] / (1 - group["betas"][1] ** done)
        divisor: torch.Tensor = torch.sqrt(mean) + epsilon
        return divisor
    if "square_avg" in state:
        divisor = torch.sqrt(state["square_avg"]) + epsilon
        return divisor
    return None


def _slopes(
    closure: Closure, tensors: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor | None, ...]]:
    """The losses of the rows (or the batch's), their mean, and its differentiable slopes."""
    with torch.enable_grad():
        rows = closure()
        loss = rows.mean()
        return rows, loss, torch.autograd.grad(loss, tensors, create_graph=True, allow_unused=True)


def _noise(rows: torch.Tensor, tensors: Sequence[torch.Tensor]) -> float | None:
    """The noise scale tr Σ / |G|² from two halves of the batch, where it gives a loss a row.

    The halves' gradients g₁ and g₂, of n/2 rows each, have E[g₁·g₂] = |G|² and
    E|g₁ - g₂|² = 4 tr Σ / n (McCandlish et al., arXiv 1812.06162, appendix A).
    """
    count = rows.numel()
    if rows.dim() == 0 or count < 2:
        return None
    flat = rows.reshape(-1)
    first, second = (
        _flat(
            torch.autograd.grad(half.mean(), tensors, retain_graph=True, allow_unused=True), tensors
        )
        for half in (flat[: count // 2], flat[count // 2 : 2 * (count // 2)])
    )
    squared = float(first @ second)
    spread = float((first - second).square().sum()) * (count // 2) / 2
    return spread / squared if squared > 0 else math.inf


def _ends(
    product: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, most: int, good: float
) -> tuple[tuple[float, float], tuple[float, float], torch.Tensor]:
    """The largest and the smallest eigenvalue with relative residuals, by Lanczos' method.

    Also a vector to begin with the next time: the two eigenvectors added up. Every new vector is
    made orthogonal to all before it, twice.
    """
    nothing = (math.nan, math.nan)
    length = torch.linalg.vector_norm(start)
    if not bool(torch.isfinite(length)) or not bool(length > 0):
        return nothing, nothing, torch.ones_like(start)
    basis = [start / length]
    T = np.zeros((0, 0))
    off = 0.0
    for count in range(1, min(most, len(start)) + 1):
        image = product(basis[-1])
        T = np.pad(T, (0, 1))
        T[-1, -1] = float(image @ basis[-1])
        if count > 1:
            T[-1, -2] = T[-2, -1] = off
        if not np.isfinite(T).all():
            return nothing, nothing, basis[0]
        for _ in range(2):
            for vector in basis:
                image = image - (image @ vector) * vector
        off = float(torch.linalg.vector_norm(image))
        values, vectors = np.linalg.eigh(T)
        size = max(abs(values[0]), abs(values[-1]))
        residuals = off * np.abs(vectors[-1])
        done = max(
            residuals[0] / max(abs(values[0]), 1e-3 * size or 1), residuals[-1] / (size or 1)
        )
        if done < good or off <= 1e-7 * size:
            break
        if count < most:
            basis.append(image / off)
    found = []
    for place in (-1, 0):
        value = float(values[place])
        found.append((value, float(residuals[place]) / abs(value) if value else 0.0))
    ends = sum(
        sum(float(part) * vector for part, vector in zip(vectors[:, place], basis, strict=False))
        for place in (-1, 0)
    )
    return found[0], found[1], ends if isinstance(ends, torch.Tensor) else basis[0]


def _dtype(tensors: Sequence[torch.Tensor]) -> torch.dtype:
    wide = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if wide else torch.float32


def _flat(parts: Sequence[torch.Tensor | None], tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    kind, device = _dtype(tensors), tensors[0].device
    return torch.cat(
        [
            (torch.zeros_like(tensor) if part is None else part.detach())
            .reshape(-1)
            .to(dtype=kind, device=device)
            for part, tensor in zip(parts, tensors, strict=True)
        ]
    )


def _split(vector: torch.Tensor, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    pieces = torch.split(vector, [tensor.numel() for tensor in tensors])
    return [
        piece.reshape(tensor.shape).to(tensor)
        for piece, tensor in zip(pieces, tensors, strict=True)
    ]


def _rms(vector: torch.Tensor) -> float:
    return float(vector.square().mean().sqrt())
