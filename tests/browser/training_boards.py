"""The figures of a training, by hand: two tensors, ten steps, of which the last is lost."""

from __future__ import annotations

from typing import Any

import numpy as np

Board = dict[str, Any]
NAMES = ("0.weight", "0.bias")
FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def axis(label: str, scale: str = "linear") -> dict[str, str]:
    return {"label": label, "scale": scale}


def figure(kind: str, title: str, x: Any, y: Any, **parts: Any) -> Board:
    return {"kind": kind, "title": title, "text": f"{title} In words.", "x": x, "y": y} | {
        "notes": [],
        **parts,
    }


def training_kinds(frames: list[int]) -> list[Board]:
    """One figure of each kind, for a cursor that stands at `frames`."""
    many = len(frames)
    loss = 2.0 * 0.7 ** np.arange(many)
    alarms = [
        {"step": 4, "code": "SD403", "severity": "warning", "sentence": "Units are dead."},
        {"step": 5, "code": "SD406", "severity": "error", "sentence": "Not finite any more."},
    ]
    return [
        figure(
            "training",
            "The loss falls, at half of the limit.",
            axis("step"),
            axis("loss", "log"),
            z=axis("learning rate", "log"),
            step=frames,
            loss=np.where(np.arange(many) == many - 1, np.inf, loss),
            mean=loss,
            top=None,
            validation={"step": [1, 5, 9], "loss": [1.9, 0.6, 0.4]},
            rates=[[0.1] * many, [0.1 / (1 + step) for step in range(many)]],
            limits={"step": [0, 8], "lr": [0.2, 0.3]},
            alarms=alarms,
        ),
        _layers(many, alarms),
        _fan(many),
        _autograd(),
    ]


def _layers(many: int, alarms: list[Board]) -> Board:
    sizes = np.array([np.logspace(-4, -2, many), np.logspace(-3, -1, many)])
    sizes[0, 0], sizes[0, 1], sizes[1, -1] = np.nan, 0.0, np.inf
    turns = np.array([np.linspace(-1, 1, many), np.linspace(1, -1, many)])
    choices = [
        {
            "of": of,
            "label": of,
            "scale": scale,
            "low": low,
            "high": high,
            "title": f"The {of} of both.",
            "text": f"The {of} of both. In words.",
            "values": values,
        }
        for of, scale, low, high, values in (
            ("update ratio", "log", 1e-4, 1e-1, sizes),
            ("gradient", "log", 1e-4, 1e-1, sizes[::-1]),
            ("turn", "linear", -1.0, 1.0, turns),
        )
    ]
    return figure(
        "layers",
        choices[0]["title"],
        axis("step"),
        axis("tensor"),
        shown=0,
        rows=NAMES,
        edges=list(range(many + 1)),
        choices=choices,
        alarms=alarms,
    )


def _fan(many: int) -> Board:
    factors = np.array(FACTORS)
    relative = np.array([1 - 0.2 * factors + 0.05 * factors**2, 1 - 0.1 * factors])
    return figure(
        "fan",
        "A step twice as long would be better.",
        axis("times the step that was taken"),
        axis("loss / loss at ×0"),
        factors=FACTORS,
        step=[0, 8],
        losses=relative * [[2.0], [0.5]],
        relative=relative,
        lr=[0.1, 0.1],
        level=1.0,
        probe=[0 if frame < 4 else 1 for frame in range(many)],
    )


def _autograd() -> Board:
    nodes = (
        ("w", (), 0, "1×2: [0.5, -1]", "[2, 4]"),
        ("matrix product plus bias", (0,), None, "8×2", ""),
        ("mean", (1,), None, "1.25", "1"),
    )
    return figure(
        "autograd",
        "A loss from one parameter.",
        axis("from the parameters to the loss"),
        axis(""),
        adjoints=True,
        nodes=[
            {
                "id": place,
                "text": text,
                "inputs": list(inputs),
                "depth": place,
                "weight": weight,
                "forward": forward,
                "back": back,
            }
            for place, (text, inputs, weight, forward, back) in enumerate(nodes)
        ],
    )
