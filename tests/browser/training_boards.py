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
        *_network_kinds(many),
    ]


def _layers(many: int, alarms: list[Board]) -> Board:
    sizes = np.array([np.logspace(-4, -2, many), np.logspace(-3, -1, many)])
    sizes[0, 0], sizes[0, 1], sizes[1, -1] = np.nan, 0.0, np.inf
    turns = np.array([np.linspace(-1, 1, many), np.linspace(1, -1, many)])
    choices: list[Board] = [
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


def _network_kinds(many: int) -> list[Board]:
    """Of a network of two layers that tells three classes, trained for three epochs."""
    grid = np.linspace(-1.0, 1.0, 9)
    here = np.stack([np.linspace(-0.8, 0.0, many), np.linspace(0.5, 0.0, many)], axis=1)
    return [
        figure(
            "epochs",
            "The loss falls, on the rows held out until epoch 2.",
            axis("epoch"),
            axis("loss", "log"),
            z=axis("right"),
            epoch=[1, 2, 3],
            step=[4, 8, 10],
            loss=[2.0, 0.5, 0.1],
            held_out=[1.8, 0.9, 1.2],
            accuracy=[0.5, 0.75, 1.0],
            held_out_accuracy=[0.5, 0.875, 0.75],
            best=2,
        ),
        figure(
            "confusion",
            "Seven is taken for one.",
            axis("what the network says"),
            axis("what it is"),
            classes=["one", "three", "seven"],
            counts=[[9, 0, 1], [0, 12, 0], [4, 0, 8]],
            totals=[10, 12, 12],
        ),
        figure(
            "rates",
            "The learning rate 0.1 is the best of four.",
            axis("learning rate", "log"),
            axis("loss", "log"),
            lr=[0.001, 0.01, 0.1, 1.0],
            loss=[2.0, 1.0, 0.2, np.inf],
            steps=[10, 40, 80, 7],
            words=["too small", "just right", "just right", "too large"],
            early=[True, True, False, False],
            zones=[
                {"word": "too small", "low": 0.001, "high": 0.003},
                {"word": "just right", "low": 0.003, "high": 0.3},
                {"word": "too large", "low": 0.3, "high": 1.0},
            ],
            limit=0.5,
            limit_said="limit at step 0",
            own=0.1,
        ),
        _network(),
        figure(
            "pictures",
            "Row 7 pulls hardest.",
            axis(""),
            axis(""),
            width=2,
            height=2,
            channels=1,
            inked=True,
            rows=[
                {"row": 7, "is": "seven", "said": "one", "wrong": True, "share": 0.5}
                | {"pixels": [0, 255, 128, 0]},
                {"row": 2, "is": "one", "said": "one", "wrong": False, "share": -0.1}
                | {"pixels": [64, 0, 0, 0]},
            ],
            missed=[{"row": 9, "is": "three", "said": "seven", "pixels": [0, 0, 255, 0]}],
            units=[
                {"unit": 2, "length": 5.0}
                | {"weights": [50, -100, 0, 25], "asked": [-75, 100, 0, 0]},
            ],
            weight=2.0,
            asked=4.0,
        ),
        figure(
            "plane",
            "The path leads down, projected.",
            axis("first direction of the path"),
            axis("second direction"),
            grid_x=grid,
            grid_y=grid,
            grid=0.5 + grid[None, :] ** 2 + grid[:, None] ** 2,
            levels=[0.6, 0.9, 1.4, 2.0],
            path_x=here[:, 0],
            path_y=here[:, 1],
            path_step=list(range(many)),
            path_loss=np.linspace(2.0, 0.5, many),
            here=here,
            place=list(range(many)),
        ),
    ]


def _network() -> Board:
    nodes = (
        ("inputs", (), None, "8×4: 9", ""),
        ("W1", (), 0, "2×4: 2", "3"),
        ("b1", (), 1, "2: 0.5", "4"),
        ("layer 1, relu", (0, 1, 2), None, "8×2: 6", "0.2"),
        ("loss: cross-entropy", (3,), None, "0.5", "1"),
    )
    return figure(
        "network",
        "The longest gradient is that of b1.",
        axis("from the inputs to the loss"),
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
