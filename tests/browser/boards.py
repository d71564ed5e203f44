"""Boards by hand: a parabola through twenty points, descended in NumPy, in every kind of figure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.browser.training_boards import axis, figure, training_kinds

Array = npt.NDArray[np.float64]
Board = dict[str, Any]

WEIGHTS = ("a", "b", "c")
STEPS = 10
LR = 1e-5
TIME = np.arange(20.0)
SPEED = np.round(0.5 * TIME**2 - 9.6 * TIME + 46.3 + 1.5 * np.sin(7.0 * TIME), 3)
DESIGN = np.stack([TIME**2, TIME, np.ones_like(TIME)], axis=1)
MINIMUM = np.linalg.lstsq(DESIGN, SPEED, rcond=None)[0]
HESSIAN = 2.0 * DESIGN.T @ DESIGN / len(TIME)


def loss(weights: Array) -> Array:
    """Of weights (..., 3), one number each."""
    return np.asarray(np.mean((SPEED - weights @ DESIGN.T) ** 2, axis=-1))


def gradient(weights: Array) -> Array:
    return np.asarray(-2.0 * (SPEED - weights @ DESIGN.T) @ DESIGN / len(TIME))


def descent() -> Array:
    """The weights (STEPS + 2, 3): one step further than the frames."""
    path = [np.array([0.0121, -0.6397, 0.6416])]
    for _ in range(STEPS + 1):
        path.append(path[-1] - LR * gradient(path[-1]))
    return np.array(path)


def plain(value: Any) -> Any:
    """As Steepest's JSON has it: numbers that are not finite are their names."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _along(weight: int, at: Array, after: Array) -> Board:
    values = np.linspace(-1.0, 1.0, 41) * (abs(MINIMUM[weight]) * 1.2)
    through = np.repeat(at[:, None, :], len(values), axis=1)
    through[:, :, weight] = values
    landed = at.copy()
    landed[:, weight] = after[:, weight]
    name = WEIGHTS[weight]
    return figure(
        "slice",
        f"The loss along {name}.",
        axis(name),
        axis("loss"),
        weight=name,
        index=weight,
        values=values,
        losses=loss(through),
        here=at[:, weight],
        loss_here=loss(at),
        slope=gradient(at)[:, weight],
        next=after[:, weight],
        next_loss=loss(landed),
        minimum=float(MINIMUM[weight]),
    )


def _plane(at: Array, after: Array, cells: int = 21) -> Board:
    x, y = np.linspace(-0.1, 0.7, cells), np.linspace(-5.0, 60.0, cells)
    grid = np.empty((cells, cells, 3))
    grid[..., 0], grid[..., 1], grid[..., 2] = x[None, :], MINIMUM[1], y[:, None]
    return {
        "weights": ["a", "c"],
        "grid_x": x,
        "grid_y": y,
        "grid": loss(grid),
        "held": {"text": "b as at the minimum"},
        "levels": [10.0, 50.0, 200.0, 800.0, 2000.0],
        "path_x": at[:, 0],
        "path_y": at[:, 2],
        "path_step": list(range(len(at))),
        "here": at[:, [0, 2]],
        "next": after[:, [0, 2]],
        "minimum": MINIMUM[[0, 2]],
    }


def _on_plane(weights: Array) -> Array:
    held = weights.copy()
    held[..., 1] = MINIMUM[1]
    return loss(held)


NODES = (
    ("time", (), None),
    ("a", (), 0),
    ("time**2", (0,), None),
    ("a*time**2", (1, 2), None),
    ("b", (), 1),
    ("b*time", (4, 0), None),
    ("c", (), 2),
    ("prediction", (3, 5, 6), None),
    ("residual**2", (7,), None),
)


def _backward(at: Array) -> Board:
    time, target = TIME[19], SPEED[19]
    a, b, c = at.T
    said = a * time**2 + b * time + c
    pull = 2.0 * (said - target)
    one = np.ones_like(a)
    value = [time * one, a, time**2 * one, a * time**2, b, b * time, c, said, (said - target) ** 2]
    adjoint = [
        pull * (2 * a * time + b),
        pull * time**2,
        pull * a,
        pull,
        pull * time,
        pull,
        pull,
        pull,
        one,
    ]
    return figure(
        "backward",
        "The partials of one row.",
        axis("from the weights to the loss"),
        axis(""),
        row=19,
        of=20,
        nodes=[
            {"id": place, "text": text, "inputs": list(inputs), "depth": 0, "weight": weight}
            for place, (text, inputs, weight) in enumerate(NODES)
        ],
        value=np.stack(value, axis=1),
        adjoint=np.stack(adjoint, axis=1),
        slopes=np.stack([time**2 * one, a, time * one, b, one, one, one, one], axis=1),
        value_mean=np.stack(value, axis=1) / 2,
        adjoint_sum=np.stack(adjoint, axis=1) * 20,
    )


def _sweep() -> Board:
    rates = np.logspace(-8, -3, 26)
    limit = 2.0 / float(np.linalg.eigvalsh(HESSIAN)[-1])
    arrived = rates < limit
    return figure(
        "sweep",
        "Steps by learning rate.",
        axis("learning rate", "log"),
        axis("steps to the goal", "log"),
        lr=rates,
        steps=np.where(arrived, 20.0 / rates, np.nan),
        outcome=["arrived" if yes else "diverged" for yes in arrived],
        zones=[
            {"word": "too small", "low": 1e-8, "high": 1e-5},
            {"word": "just right", "low": 1e-5, "high": limit},
            {"word": "too large", "low": limit, "high": 1e-3},
        ],
        limit=limit,
        here={"lr": LR, "steps": 20.0 / LR},
        run_steps=[None] * len(rates),
    )


def _parabola() -> Board:
    values = np.linspace(-2.0, 4.0, 61)
    here = 3.0 * 0.8 ** np.arange(STEPS + 1)
    return figure(
        "function",
        "The parabola and the ball on it.",
        axis("x"),
        axis("loss"),
        values=values,
        losses=values**2,
        here=here,
        loss_here=here**2,
        slope=2 * here,
        next=0.8 * here,
        next_loss=(0.8 * here) ** 2,
        minimum=0.0,
    )


def every_kind() -> Board:
    """All kinds, and a second fit whose model has several columns."""
    path = descent()
    at, after = path[:-1], path[1:]
    frames = list(range(STEPS + 1))
    losses = loss(at)
    predicted = at @ DESIGN.T
    along = np.linspace(0.0, 19.0, 39)
    curves = np.stack([along**2, along, np.ones_like(along)])
    eigenvalues, vectors = np.linalg.eigh(HESSIAN)
    plane = _plane(at, after)
    rows = list(range(20))
    fit = figure("fit", "The model misses the data.", axis("time"), axis("speed"), row=rows)
    spectrum = {
        "eigenvalues": eigenvalues,
        # Their signs are arbitrary, and no picture shows them.
        "vectors": np.abs(vectors.T),
        "bound": 2.0 / LR,
        "bound_text": "gd stays stable while every curvature is below 2/1e-05 = 200,000",
        "where": "end",
    }
    raw = {
        "steepest": "0.1.0",
        "formula": "speed ~ a*time**2 + b*time + c",
        "headline": "The learning rate is right; the loss looks flat long before the minimum.",
        "learning_rate": "just right",
        "findings": [
            {"code": "SD205", "severity": "error", "sentence": "The loss looks settled."},
            {"code": "SD304", "severity": "info", "sentence": "The inputs are not scaled."},
        ],
        "remedies": [
            {
                "change": "standardize",
                "sentence": "With scaled columns 15 steps are enough.",
                "command": "steepest fit speed.csv 'speed ~ a*time**2 + b*time + c' --standardize",
            },
            {"change": "wait", "sentence": "Or take 1,971,722 steps.", "command": None},
        ],
        "frames": frames,
        "at": STEPS,
        "weights": list(WEIGHTS),
        "values": at,
        "gradient": gradient(at),
        "loss": losses,
        "notes": ["One picture is missing"],
        "figures": [
            figure(
                "loss",
                "The loss falls, then stays.",
                axis("step"),
                axis("loss", "log"),
                step=frames,
                loss=losses,
                minimum=float(loss(MINIMUM)),
                goal=float(loss(MINIMUM)) * 1.01,
                forecast={"step": 25, "low": 21, "high": 29, "basis": "the eigenvalues"},
                validation=losses * 1.1,
            ),
            figure(
                "gradient",
                "The gradient shrinks.",
                axis("step"),
                axis("length of the gradient", "log"),
                step=frames,
                length=np.linalg.norm(gradient(at), axis=1),
            ),
            fit
            | {
                "mode": "curve",
                "data_x": TIME,
                "data_y": SPEED,
                "curve_x": along,
                "curve_y": at @ curves,
                "best_y": MINIMUM @ curves,
                "predicted": predicted,
            },
            fit
            | {
                "x": axis("prediction"),
                "mode": "predicted",
                "data_x": TIME,
                "data_y": SPEED,
                "predicted": predicted,
            },
            figure(
                "panels",
                "It comes nearer.",
                axis("time"),
                axis("speed"),
                step=[0, 2, 5],
                row=rows,
                mode="curve",
                data_x=TIME,
                data_y=SPEED,
                predicted=predicted[[0, 2, 5]],
                curve_x=along,
                curve_y=(at @ curves)[[0, 2, 5]],
                range=[-20.0, 40.0],
            ),
            figure(
                "residuals",
                "The residuals bend.",
                axis("time"),
                axis("speed - prediction"),
                row=rows,
                data_x=TIME,
                residual=SPEED - predicted,
            ),
            *(_along(weight, at, after) for weight in range(3)),
            figure("contour", "The path goes along a.", axis("a"), axis("c"), **plane),
            figure(
                "surface",
                "The same from the side.",
                axis("a"),
                axis("c"),
                z=axis("loss", "log"),
                **plane,
                path_height=_on_plane(at),
                height=_on_plane(at),
                minimum_height=float(loss(MINIMUM)),
            ),
            _sweep(),
            figure(
                "pulls",
                "The last rows pull hardest.",
                axis("row"),
                axis("part of the partial"),
                row=rows[10:],
                weights=list(WEIGHTS),
                amount=_pulls(at)[:, :, 10:],
                rest=_pulls(at)[:, :, :10].sum(axis=2),
            ),
            figure("spectrum", "Curved alike?", axis("curvature", "log"), axis(""), **spectrum),
            _backward(at),
            _parabola(),
            *training_kinds(frames),
        ],
    }
    board: Board = json.loads(json.dumps(plain(raw)))
    return board


def _pulls(at: Array) -> Array:
    """What each row adds to each partial: (frames, 3, rows)."""
    residual = SPEED - at @ DESIGN.T
    return np.asarray(-2.0 * residual[:, None, :] * DESIGN.T[None] / len(TIME))


def only(board: Board, *kinds: str) -> Board:
    """The board with the figures of these kinds alone."""
    return board | {"figures": [given for given in board["figures"] if given["kind"] in kinds]}


def spoilt(value: Any, broken: str, every: int = 3) -> Any:
    """The board with `broken` instead of every third fraction among its numbers."""
    seen = iter(range(10**9))

    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: walk(entry) for key, entry in part.items()}
        if isinstance(part, list):
            return [walk(entry) for entry in part]
        return broken if isinstance(part, float) and next(seen) % every == 0 else part

    return walk(value)


def renamed(value: Any, name: str) -> Any:
    """The board with `name` for whatever a user has named, and for every sentence."""
    if isinstance(value, dict):
        kept = {"kind", "scale", "mode", "at", "outcome", "severity"}
        return {key: entry if key in kept else renamed(entry, name) for key, entry in value.items()}
    if isinstance(value, list):
        return [renamed(entry, name) for entry in value]
    return name if isinstance(value, str) else value
