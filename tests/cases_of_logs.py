"""Logs of trainings made sick on purpose, each beside its healthy twin, by closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tests import specimens

Rows = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Case:
    """A sick log, its twin, and what is to be said of the sick one."""

    name: str
    sick: Callable[[int], Rows]
    well: Callable[[int], Rows]
    code: str | None = None
    """The check that finds it."""
    unknown: str | None = None
    """Or the question that the log leaves open."""


def descend(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, lr: float, steps: int,
    momentum: float = 0.0,
) -> Rows:  # fmt: skip
    """Full-batch descent of a mean squared error: what a loop would log."""
    rows = []
    move = np.zeros(len(weights))
    for step in range(steps):
        with np.errstate(all="ignore"):
            off = inputs @ weights - targets
            gradient = 2 * inputs.T @ off / len(targets)
            rows.append(
                {"step": step, "loss": float(np.mean(off**2)), "lr": lr,
                 "grad_norm": float(np.linalg.norm(gradient))}
            )  # fmt: skip
            move = momentum * move + gradient
            weights = weights - lr * move
    return rows


def tutorial(steps: int) -> Rows:
    return descend(specimens.INPUTS, specimens.SPEEDS, np.array(specimens.START), 1e-5, steps)


def scaled(steps: int) -> Rows:
    time = (specimens.TIME - specimens.TIME.mean()) / specimens.TIME.std()
    inputs = np.stack([time**2, time, np.ones_like(time)], axis=1)
    return descend(inputs, specimens.SPEEDS, np.array(specimens.START), 0.2, steps)


def regression(share: float, steps: int = 80, momentum: float = 0.0) -> Callable[[int], Rows]:
    """A random regression at a share of its stability limit."""

    def made(seed: int) -> Rows:
        random = np.random.default_rng(seed)
        inputs, targets = random.normal(size=(40, 4)), random.normal(size=40) + 3
        limit = 2 / np.linalg.eigvalsh(2 * inputs.T @ inputs / 40)[-1]
        return descend(inputs, targets, random.normal(size=4), share * limit, steps, momentum)

    return made


def at_the_edge(share: float) -> Callable[[int], Rows]:
    """A quadratic at a share of its limit whose other directions are gone in some twenty steps.

    Before they are, norms fall too fast for jumps to and fro, and so the steps are known to be
    those of plain gradient descent.
    """

    def made(seed: int) -> Rows:
        random = np.random.default_rng(seed)
        inputs = np.linalg.qr(random.normal(size=(40, 4)))[0]
        inputs *= np.sqrt(20 * np.array([1, 0.25, 0.2, 0.15]))
        return descend(inputs, np.zeros(40), np.array([1e-4, 1, 1, 1]), 2 * share, 300)

    return made


def curve(seed: int, steps: int = 200, noise: float = 0.05) -> np.ndarray:
    """A loss as mini-batches have it: from 2.3 to about 0.3, with noise."""
    random = np.random.default_rng(seed)
    falls = 0.3 + 2 * np.exp(-np.arange(steps) / (steps / 6))
    return np.asarray(falls * np.exp(noise * random.normal(size=steps)))


def logged(
    seed: int,
    change: Callable[[dict[str, np.ndarray], np.random.Generator], None],
    steps: int = 200,
) -> Rows:
    """The columns of a healthy training, changed."""
    random = np.random.default_rng(seed + 100)
    loss = curve(seed, steps)
    columns = {
        "step": np.arange(steps, dtype=float), "loss": loss, "lr": np.full(steps, 0.1),
        "grad_norm": loss * np.exp(0.3 * random.normal(size=steps)),
    }  # fmt: skip
    change(columns, random)
    return [{name: float(part[row]) for name, part in columns.items()} for row in range(steps)]


def healthy(seed: int) -> Rows:
    return logged(seed, lambda columns, random: None)


def without(rows: Callable[[int], Rows], *names: str) -> Callable[[int], Rows]:
    return lambda seed: [
        {name: value for name, value in row.items() if name not in names} for row in rows(seed)
    ]


def put(name: str, where: slice, value: float) -> Callable[[int], Rows]:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns[name][where] = value

    return lambda seed: logged(seed, change)


def hidden(seed: int) -> Rows:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns["loss"][60:], columns["grad_norm"][60:] = 0.0, math.nan

    return logged(seed, change)


def scheduled(period: float, least: float = 0.0) -> Callable[[int], Rows]:
    """A cosine over a share of the training; beyond it the rate stays, or comes back."""

    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        done = np.arange(200) / (200 * abs(period))
        done = np.minimum(done, 1) if period > 0 else done
        columns["lr"] = 0.1 * (least + (1 - least) * (1 + np.cos(np.pi * done)) / 2)

    return lambda seed: logged(seed, change)


def clipped(seed: int) -> Rows:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns["grad_norm"] = np.full(200, 0.1)

    return logged(seed, change)


def sometimes_clipped(seed: int) -> Rows:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns["grad_norm"] = np.minimum(columns["grad_norm"], 1.0)

    return logged(seed, change)


def spiky(seed: int) -> Rows:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        for place in random.choice(np.arange(40, 190), 3, replace=False):
            columns["loss"][place] *= 12
            columns["grad_norm"][place - 1] *= 60

    return logged(seed, change)


def rough(seed: int) -> Rows:
    """Batches of few rows: their losses differ severalfold."""

    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns["loss"] *= np.exp(0.7 * random.normal(size=200))

    return logged(seed, change)


def held_out(rise: float, *, falls: bool = True) -> Callable[[int], Rows]:
    """A row an epoch, as Keras writes them."""

    def made(seed: int) -> Rows:
        random = np.random.default_rng(seed)
        epochs = np.arange(40)
        loss = 0.02 + 2 * np.exp(-epochs / 7)
        low = 0.5 + 1.8 * np.exp(-epochs / 4) if falls else np.full(40, 2.3)
        validation = low + rise * np.maximum(0, epochs - 10) + 0.01 * random.normal(size=40)
        return [
            {"epoch": int(at), "loss": float(loss[at]), "val_loss": float(validation[at])}
            for at in epochs
        ]

    return made


def rising(seed: int) -> Rows:
    def change(columns: dict[str, np.ndarray], random: np.random.Generator) -> None:
        columns["loss"] = columns["loss"][::-1].copy()

    return logged(seed, change)


def warmed(top: float) -> Callable[[int], Rows]:
    """The rate rises over the training, beyond the limit or not."""

    def made(seed: int) -> Rows:
        random = np.random.default_rng(seed)
        curvature, w, rows = 4.0 + random.random(), 3.0, []
        for step in range(120):
            lr = top * 2 / curvature * min(1, step / 60)
            loss, gradient = 1 + curvature * w**2 / 2, curvature * w
            rows.append({"step": step, "loss": loss, "lr": lr, "grad_norm": abs(gradient)})
            w += 0.01 - lr * gradient
        return rows

    return made


CASES = [
    Case("diverges", regression(1.2, 200), regression(0.5), "SD101"),
    Case("diverges with momentum", regression(2.6, 200, 0.9), regression(0.3, 80, 0.9), "SD101"),
    Case("diverges, only the loss", without(regression(1.2, 200), "lr", "grad_norm"),
         without(regression(0.5), "lr", "grad_norm"), "SD101"),
    Case("out of the numbers", regression(3.0, 1200), regression(0.9), "SD406"),
    Case("rises", rising, healthy, "SD101"),
    Case("warmed up beyond the limit", warmed(1.3), warmed(0.5), "SD101"),
    Case("NaN from some step on", put("loss", slice(120, None), math.nan), healthy, "SD406"),
    Case("NaN at once", put("loss", slice(0, None), math.nan), healthy, "SD406"),
    Case("infinite once", put("loss", slice(70, 71), math.inf), healthy, "SD406"),
    Case("NaN behind a loss of 0", hidden, put("grad_norm", slice(60, 62), math.inf), "SD406"),
    Case("NaN behind a loss", put("grad_norm", slice(80, None), math.nan), healthy, "SD406"),
    Case("a loss of exactly 0", without(put("loss", slice(20, None), 0.0), "grad_norm"), healthy,
         unknown="whether the loss of exactly 0 is real"),
    Case("the rate dies", scheduled(0.25), scheduled(1.0), "SD104"),
    Case("the rate comes back", scheduled(-0.25), scheduled(1.0, 0.1), "SD104"),
    Case("clipped at every step", clipped, sometimes_clipped, "SD413"),
    Case("no gradient", put("grad_norm", slice(0, None), 0.0), healthy, "SD409"),
    Case("spikes", spiky, rough, "SD105"),
    Case("spikes, only the loss", without(spiky, "grad_norm", "lr"), without(rough, "grad_norm"),
         "SD105"),
    Case("overfits", held_out(0.03), held_out(0.0), "SD601"),
    Case("nothing carries over", held_out(0.01, falls=False), held_out(0.0), "SD602"),
    Case("stands at 284", lambda seed: tutorial(200 + seed), lambda seed: scaled(200 + seed),
         "SD205"),
    Case("stands at 284 for two reasons", lambda seed: tutorial(60 + seed),
         lambda seed: scaled(60 + seed), "SD201"),
    Case("stands, only the loss", without(lambda seed: tutorial(200 + seed), "lr", "grad_norm"),
         without(lambda seed: scaled(200 + seed), "lr", "grad_norm"),
         unknown="whether the loss stays because it is at a minimum"),
    Case("stands, with momentum", regression(0.5, 400, 0.9), regression(0.5, 80),
         unknown="curvature and stability limit"),
    Case("at the edge", at_the_edge(0.96), at_the_edge(0.4), "SD103"),
    Case("at the edge, and nothing else", regression(0.96, 300), regression(0.5),
         unknown="curvature and stability limit"),
]  # fmt: skip
