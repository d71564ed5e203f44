"""The curvature along the gradient, from the losses, gradient norms and rate of a descent."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.optimize import nnls

from steepest.records.arrays import Mask, Steps, Vector
from steepest.records.log import AlongGradient
from steepest.words.wording import count, percent

_LEAST: Final = 6
"""Consecutive steps, before it is said that they are those of plain gradient descent; and so many
that tell: whose norm falls to the share _FAST, or the loss by the share _WHOLE of lr·|g|²."""

_FAST, _WHOLE = 0.85, 0.9

_WINDOW: Final = 12
"""So many steps at a time are held against plain gradient descent."""

_WINDOWS: Final = 6

_SMALLEST, _LARGEST, _FINE = -7.0, 2.0, 0.004
"""The factors |1 - lr·curvature| by which a part of the gradient shrinks: the logarithm of the
smallest beside 0, the largest, and the steps between their logarithms."""

_SHRANK: Final = 0.8
"""The norm must have come down to this share: of steps that are all alike nothing can be told."""

_FITS: Final = 2e-4
"""A misfit of a smaller share is that of plain gradient descent."""

_SINGLE, _DOUBLE = 2.0**-22, 2.0**-48
"""By what share numbers may be off that were computed in 32 bits, and in 64."""

_PARTS: Final = 32
"""So many roundings of the largest gradient's norm may any norm be off."""

_ALIKE, _MIRRORED = 0.03, 0.01
"""Parts are alike whose factors differ by so much in the logarithm; and how much of the squared
gradient may be in such pairs."""

_SHARP: Final = 0.02
"""A curvature that may be off by a larger share is not told, and a step of such tells nothing."""


def along_gradient(
    step: Steps, loss: Vector, lr: Vector, norm: Vector, units: tuple[Vector, Vector]
) -> AlongGradient | str:
    """The curvature along the gradient, or why it does not follow from these numbers.

    Args:
        step: (k,) of the rows, each with the loss before its step, and its gradient's norm.
        loss: (k,)
        lr: (k,)
        norm: (k,) Euclidean, of all parameters.
        units: (k,) each: what the last digits of the losses and norms stand for.

    A step w - lr·g on a quadratic changes the loss by -lr·|g|² + ½lr²·gᵀHg, exactly; on other
    losses gᵀHg is the mean of the curvature over the step. In the directions of the eigenvectors
    norms and falls are sums of (1 - lr·λ)²ᵗ with the same positive parts; whether there are such
    parts is asked by non-negative least squares. One pass over the rows and a small solve.
    """
    with np.errstate(all="ignore"):
        squares = norm**2
        usable = np.isfinite(loss) & np.isfinite(lr * squares) & (lr * squares > 0)
    if not usable.any():
        return "no row has a loss, a learning rate and a gradient norm that are numbers"
    rate = float(lr[usable][0])
    if not rate > 0 or not np.allclose(lr[usable], rate, rtol=1e-6, atol=0):
        return "the learning rate is not the same at every step"
    pairs = usable[:-1] & usable[1:] & (np.diff(step) == 1)
    first, last = _longest(pairs)
    if last - first < _LEAST:
        return f"fewer than {count(_LEAST)} steps in a row were logged"
    kept = slice(first, last + 1)
    loss, norm, step, squares = loss[kept], norm[kept], step[kept], squares[kept]
    off_loss = units[0][kept] / 2 + _rounding(loss, units[0][kept]) * np.abs(loss)
    # Where a gradient nears 0, its parts are no smaller than before, and nor is what they are off.
    off_norm = units[1][kept] / (2 * norm)
    off_norm += _rounding(norm, units[1][kept]) * (1 + _PARTS * norm.max() / norm)
    fall = loss[:-1] - loss[1:]
    if norm.min() > _SHRANK * norm[0]:
        return "the gradient norm hardly fell, so what a step does to it cannot be seen"
    share = fall / (rate * squares[:-1])
    off_share = (off_loss[:-1] + off_loss[1:]) / (rate * squares[:-1])
    off_share += 2 * off_norm[:-1] * np.abs(share)
    # Steps of another length than lr·|g| may look like jumps to and fro across a valley, where
    # norm and loss both fall slowly.
    falls = (norm[1:] <= _FAST * norm[:-1]) & (off_norm[1:] <= _SHARP)
    telling = falls | ((share >= _WHOLE) & (off_share <= _SHARP))
    if np.count_nonzero(telling) < _LEAST:
        return "too few steps tell whether they are those of plain gradient descent"
    misfit = _misfit(fall, squares[:-1], rate, off_share, off_norm[:-1])
    if math.isnan(misfit):
        return (
            "losses and gradient norms can be read in two ways: as smaller steps than lr·gradient, "
            "or as jumps to and fro"
        )
    if misfit > _FITS:
        return (
            f"losses and gradient norms are {percent(misfit)} off those of plain gradient descent "
            "on a quadratic, so the loss is no quadratic, or the steps are others"
        )
    curvature, error = 2 * (1 - share) / rate, 2 * off_share / rate
    sharp = (curvature > 0) & (error <= _SHARP * curvature)
    if not sharp.any():
        return "too few digits were logged"
    top = int(np.argmax(np.where(sharp, curvature - error, -np.inf)))
    known = np.flatnonzero(error * rate <= 2 * _SHARP)
    end = int(known[-1]) if len(known) else top
    bound = float(max(curvature[end], 0) + error[end])
    return AlongGradient(
        steps=len(fall),
        lr=rate,
        step=int(step[top]),
        largest=float(curvature[top]),
        error=float(error[top]),
        limit=float(2 / curvature[top]),
        last_step=int(step[end]),
        last=bound,
        gain=float(squares[end] / (2 * bound)),
        misfit=misfit,
    )


def _longest(pairs: Mask) -> tuple[int, int]:
    """The first and last row of the longest run of consecutive steps."""
    best, begin = (0, 0), 0
    for place, joined in enumerate([*pairs.tolist(), False]):
        if not joined:
            best = max(best, (begin, place), key=lambda run: run[1] - run[0])
            begin = place + 1
    return best


def _mirrored(products: Vector, parts: Vector) -> float:
    """How much of a gradient is in pairs of parts that shrink alike, one of them to and fro."""
    there = parts > 0
    factors = np.log(np.maximum(np.abs(1 - products[there]), math.exp(_SMALLEST)))
    beyond, parts = products[there] > 1, parts[there]
    total = 0.0
    for factor, part in zip(factors[beyond], parts[beyond], strict=True):
        near = ~beyond & (np.abs(factors - factor) < _ALIKE)
        total += min(float(part), float(parts[near].sum()))
    return total


def _rounding(values: Vector, unit: Vector) -> float:
    """By what share numbers may be off as they were computed: in 32 bits, where they may be so."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.all(np.abs(values.astype(np.float32) - values) <= unit / 2)
    return _SINGLE if single else _DOUBLE


def _misfit(
    fall: Vector, squares: Vector, rate: float, off_share: Vector, off_norm: Vector
) -> float:
    """How far norms and falls are from any that plain gradient descent on a quadratic can have.

    In the worst of a few windows of steps the root mean square of what is left, as a share of
    each row's own |g|² and lr·|g|², beyond what rounding explains. NaN where two parts that shrink
    alike stand on both sides of lr·λ = 1: real curvatures do not, but falls that are a fixed share
    of what they should be look like that.
    """
    factors = np.concatenate([[0.0], np.exp(np.arange(_SMALLEST, math.log(_LARGEST), _FINE))])
    products = np.concatenate([1 - factors[factors <= 1], 1 + factors])
    powers = np.abs(1 - products)[None, :] ** (2.0 * np.arange(_WINDOW)[:, None])
    falls = powers * (1 - products / 2)[None, :]
    worst = 0.0
    starts = np.linspace(0, max(0, len(fall) - _WINDOW), _WINDOWS).astype(int)
    for start in np.unique(starts):
        rows = slice(start, start + _WINDOW)
        many = len(fall[rows])
        scale = squares[rows] / squares[start]
        wanted = np.concatenate([np.ones(many), fall[rows] / (rate * squares[rows])])
        weight = np.concatenate([1 + 2 * off_norm[rows] / _FITS, 1 + off_share[rows] / _FITS])
        table = np.concatenate([powers[:many], falls[:many]])
        table /= (np.concatenate([scale, scale]) * weight)[:, None]
        sizes = np.linalg.norm(table, axis=0)
        try:
            parts, left = nnls(table / sizes, wanted / weight, maxiter=3000)
        except RuntimeError:
            return math.inf
        if _mirrored(products, parts / sizes) > _MIRRORED:
            return math.nan
        worst = max(worst, float(left) / math.sqrt(len(wanted)))
    return worst
