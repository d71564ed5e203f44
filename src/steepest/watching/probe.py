"""Curvature of the loss on one batch, and the losses that other steps would have had."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from steepest.measure.other_steps import FACTORS, critical
from steepest.methods.optimizers import ADAPTIVE, OPTIMIZER, Scaling, stability_factor
from steepest.records.training import Group, Probe
from steepest.watching.extremes import NotSymmetricError, extremes
from steepest.watching.own_gradient import is_averaged, processes
from steepest.watching.undisturbed import put, undisturbed

Closure = Callable[[], torch.Tensor]

PRODUCTS: Final = (40, 6)
"""Of the Hessian with vectors: in the first probe, and in a later one. From the gradient, in which
the most curved direction is strong, six lead to the largest eigenvalue."""

CURVATURE_FIRST: Final = (0, 1, 2, 4)
CURVATURE_EVERY: Final = 8
"""These probes, and then one in so many, measure the curvature, which costs most: a product with
the Hessian takes as long as two or three steps."""

GOOD: Final = 0.2
"""Relative residual up to which an eigenvalue gives a limit; it is then at most so far off, and
mostly by the square of it."""

ROUGH: Final = 0.5
"""Beyond this one not even its sign is known."""


class Prober:
    """Probes one training.

    `products`: how many products with the Hessian the first probe and a later one may take;
    `good`: the relative residual at which an eigenvalue is good enough to stop.
    """

    def __init__(
        self,
        model: nn.Module | None,
        tensors: Sequence[torch.Tensor],
        groups: Sequence[Group],
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        products: tuple[int, int] = PRODUCTS,
        good: float = 0.01,
    ):
        self._model = model
        moved = {id(t) for o in optimizers for group in o.param_groups for t in group["params"]}
        self._tensors = [
            tensor
            for tensor in tensors
            if tensor.requires_grad and tensor.is_leaf and (id(tensor) in moved or not optimizers)
        ]
        self._groups = groups
        self._optimizers = optimizers
        self._products = products
        self._good = good
        self._devices = list({tensor.device for tensor in self._tensors})
        self._has_second = True
        """Whether a second backward pass is there. Where it is not, some functions say so; others
        give products from which a part is missing, and which are therefore not symmetric."""
        self._of_slopes = False
        self._before: list[torch.Tensor] | None = None
        self._closure: Closure | None = None
        self._waiting: Probe | None = None
        self.probes: list[Probe] = []

    def refused(self) -> str | None:
        """Why nothing is measured; None where it can be.

        Where processes wait for each other in a pass through the model, one that probes more
        passes than another would wait for ever.
        """
        if not self._tensors:
            return "no tensor learns"
        if any(tensor.is_complex() for tensor in self._tensors):
            return "a parameter is of complex numbers"
        if processes() == 1:
            return None
        if not is_averaged(self._model):
            return "several processes train: give the watch the model as DistributedDataParallel"
        modules = () if self._model is None else self._model.modules()
        if any(isinstance(module, nn.SyncBatchNorm) for module in modules):
            return "the processes wait for each other in SyncBatchNorm"
        return None

    def measure(self, step: int, closure: Closure) -> None:
        """Measure the curvature where the weights are; the next move completes the probe."""
        with self._undisturbed(), sdpa_kernel(SDPBackend.MATH):
            self._waiting = self._measured(step, closure)
        self._closure = closure
        self._before = [tensor.detach().clone() for tensor in self._tensors]

    @property
    def _is_due(self) -> bool:
        """Whether this probe looks for the limit."""
        number = len(self.probes)
        return number in CURVATURE_FIRST or number % CURVATURE_EVERY == 0

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

        def at(factor: float) -> float:
            there = [torch.lerp(o, n, factor) for o, n in zip(before, after, strict=True)]
            put(self._tensors, there)
            with self._undisturbed():
                return self._loss_of(closure)

        try:
            losses = {factor: at(factor) for factor in FACTORS}
            along = critical(losses, at if self._is_unknown(waiting) else None)
        finally:
            put(self._tensors, after)
        done = replace(waiting, factors=FACTORS, losses=tuple(losses.values()), critical=along)
        self.probes.append(done)
        return done

    def _is_unknown(self, probe: Probe) -> bool:
        """Whether a probe that looked for a limit found none, and none will be known."""
        methods = {group.method for group in self._groups}
        return self._is_due and probe.limit is None and (None in methods or len(methods) != 1)

    def _loss_of(self, closure: Closure) -> float:
        """Without a graph, unless the loss is made of slopes, as in physics."""
        if not self._of_slopes:
            try:
                return float(closure().detach().mean())
            except RuntimeError:
                self._of_slopes = True
        with torch.enable_grad():
            return float(closure().detach().mean())

    def _undisturbed(self) -> AbstractContextManager[None]:
        return undisturbed(self._model, self._tensors, self._devices)

    def _measured(self, step: int, closure: Closure) -> Probe:
        rows, loss, slopes = _slopes(closure, self._tensors)
        gradient = _flat(slopes, self._tensors)
        found = Probe(
            step=step,
            loss=float(loss.detach()),
            noise_scale=_noise(rows, gradient, self._tensors),
        )
        length = float(torch.linalg.vector_norm(gradient))
        if not self._is_due or not math.isfinite(length):
            return found
        if self._has_second:
            try:
                return self._curvature(found, gradient, self._by_backward(slopes))
            except NotSymmetricError:
                pass
            except (RuntimeError, NotImplementedError):
                self._has_second = False
        return self._curvature(
            found, gradient, lambda vector: self._difference(closure, vector), exact=False
        )

    def _curvature(
        self,
        found: Probe,
        gradient: torch.Tensor,
        product: Callable[[torch.Tensor], torch.Tensor],
        *,
        exact: bool = True,
    ) -> Probe:
        scale = self._scales()

        def scaled(vector: torch.Tensor) -> torch.Tensor:
            return vector if scale is None else vector * scale

        first = not self.probes
        # Beside the gradient a direction at random, where there is time to follow both.
        other = [torch.randn_like(gradient)] if first else []
        ends = extremes(
            lambda vector: scaled(product(scaled(vector))),
            [scaled(gradient), *other],
            most=self._products[0 if first else 1],
            good=self._good,
            exact=exact,
        )
        if ends is None:
            return found
        sharpness = ends.along
        if scale is not None:
            sharpness = float(gradient @ product(gradient)) / float(gradient @ gradient)
        found = replace(
            found,
            preconditioned=scale is not None,
            sharpness=sharpness,
            largest=ends.values[0],
            largest_residual=ends.residuals[0],
        )
        if ends.residuals[1] <= ROUGH:
            found = replace(
                found,
                most_negative=ends.values[1],
                most_negative_residual=ends.residuals[1],
            )
        if len(self._rates()) > 1 and scale is not None:
            found = replace(found, shares=self._shares(ends.top))
        return replace(found, limit=self._limit(found))

    def _by_backward(
        self, slopes: Sequence[torch.Tensor | None]
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """The Hessian times a vector, by a second backward pass."""
        reached = [slope for slope in slopes if slope is not None and slope.requires_grad]

        def product(vector: torch.Tensor) -> torch.Tensor:
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

        return product

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
                moved = [o + sign * by * part for o, part in zip(kept, parts, strict=True)]
                put(self._tensors, moved)
                with self._undisturbed(), torch.enable_grad():
                    loss = closure().mean()
                    slopes = torch.autograd.grad(loss, self._tensors, allow_unused=True)
                found.append(_flat(slopes, self._tensors))
        finally:
            put(self._tensors, kept)
        product: torch.Tensor = (found[0] - found[1]) / (2 * by)
        return product

    def _rates(self) -> set[float]:
        return {float(group["lr"]) for o in self._optimizers for group in o.param_groups}

    def _shares(self, direction: torch.Tensor) -> tuple[float, ...]:
        """How much of a direction lies in each group."""
        parts = {
            id(tensor): float(part.square().sum())
            for tensor, part in zip(self._tensors, _split(direction, self._tensors), strict=True)
        }
        return tuple(
            sum(parts.get(id(tensor), 0.0) for tensor in group["params"])
            for optimizer in self._optimizers
            for group in optimizer.param_groups
        )

    def _scales(self) -> torch.Tensor | None:
        """By what the Hessian is scaled on both sides: as the optimizer and the groups' rates do.

        None: by nothing.
        """
        found, rates = self._preconditioner(), self._rates()
        adaptive = {group.method for group in self._groups} & set(ADAPTIVE)
        if len(rates) < 2 or not max(rates) > 0 or (adaptive and found is None):
            return found
        of = {
            id(tensor): float(group["lr"]) / max(rates)
            for optimizer in self._optimizers
            for group in optimizer.param_groups
            for tensor in group["params"]
        }
        beside = [torch.full_like(t, of.get(id(t), 0.0) ** 0.5) for t in self._tensors]
        flat = _flat(beside, self._tensors)
        return flat if found is None else found * flat

    def _preconditioner(self) -> torch.Tensor | None:
        """P to the power -1/2 of an adaptive optimizer, where it has taken steps.

        Zero for what it has not moved.
        """
        known = [OPTIMIZER.get(group.method or "") for group in self._groups]
        scalings = {one.scaling if one is not None and one.factor else None for one in known}
        if not scalings or None in scalings:
            return None
        parts: dict[int, torch.Tensor] = {}
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                for tensor in group["params"]:
                    state = optimizer.state.get(tensor, {})
                    for scaling in filter(None, scalings):
                        if scaling.torchs in state:
                            parts[id(tensor)] = _divisor(state, group, scaling)
        if not parts:
            return None
        divisors = [parts.get(id(t), torch.full_like(t, math.inf)) for t in self._tensors]
        return torch.rsqrt(_flat(divisors, self._tensors))

    def _limit(self, probe: Probe) -> float | None:
        """The largest learning rate; None where methods differ, or the curvature is not known."""
        kinds = {(group.method, group.momentum) for group in self._groups}
        if len(kinds) != 1 or not probe.largest_residual <= GOOD or probe.largest <= 0:
            return None
        ((method, momentum),) = kinds
        if method is None or (method in ADAPTIVE and not probe.preconditioned):
            return None
        factor = stability_factor(method, momentum)
        return None if factor is None else factor / probe.largest


def _divisor(state: Any, group: dict[str, Any], scaling: Scaling) -> torch.Tensor:
    """By what an adaptive optimizer divides the gradient."""
    memory: torch.Tensor = state.get(f"max_{scaling.torchs}", state[scaling.torchs])
    if scaling.decay is not None:
        memory = memory / (1 - group["betas"][1] ** float(state["step"]))
    return (memory.sqrt() + group.get("eps", 0.0)) if scaling.root else memory


def _slopes(
    closure: Closure, tensors: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor | None, ...]]:
    """The losses of the rows (or the batch's), their mean, and its slopes.

    The slopes can be differentiated, unless the model was compiled for one backward pass only; then
    the losses of the rows cannot either.
    """
    with torch.enable_grad():
        rows = closure()
        loss = rows.mean()
        try:
            slopes = torch.autograd.grad(loss, tensors, create_graph=True, allow_unused=True)
        except RuntimeError:
            rows = closure()
            loss = rows.mean()
            slopes = torch.autograd.grad(loss, tensors, allow_unused=True)
            rows = rows.detach()
        return rows, loss, slopes


def _noise(
    rows: torch.Tensor, gradient: torch.Tensor, tensors: Sequence[torch.Tensor]
) -> float | None:
    """The noise scale tr Σ / |G|² from two parts of the batch, where it gives a loss a row.

    The gradients g₁ and g₂ of k and m rows have E[g₁·g₂] = |G|² and
    E|g₁ - g₂|² = (1/k + 1/m) tr Σ (McCandlish et al., arXiv 1812.06162, appendix A).
    """
    count = rows.numel()
    if rows.dim() == 0 or count < 2 or not rows.requires_grad:
        return None
    k = count // 2
    m = count - k
    half = rows.reshape(-1)[:k].mean()
    slopes = torch.autograd.grad(half, tensors, retain_graph=True, allow_unused=True)
    first = _flat(slopes, tensors)
    second = (count * gradient - k * first) / m
    squared = float(first @ second)
    spread = float((first - second).square().sum()) / (1 / k + 1 / m)
    return spread / squared if squared > 0 else math.inf


def _dtype(tensors: Sequence[torch.Tensor]) -> torch.dtype:
    wide = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if wide else torch.float32


def _flat(parts: Sequence[torch.Tensor | None], tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    kind, device = _dtype(tensors), tensors[0].device
    return torch.cat(
        [
            (torch.zeros_like(tensor) if part is None else part.detach().to_dense())
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
