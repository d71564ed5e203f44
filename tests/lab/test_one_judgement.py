"""Slider, title, zones, headline, race and the document of a run say the same.

Some of the examples with some of the optimizers, each of either at least once; all of them with
STEEPEST_TABLE=whole in the environment.
"""

from __future__ import annotations

import os
import re
from itertools import product
from typing import Any

import numpy as np
import orjson
import pytest

from steepest.lab.answers import Answers, example_table
from steepest.lab.problem import examples, read_problem
from steepest.lab.uploads import Uploads
from steepest.methods.optimizers import OPTIMIZERS, SOLVERS

METHODS = [name for name in OPTIMIZERS if name not in SOLVERS]
SOME = [
    ("speed", "momentum"),
    ("speed", "nesterov"),
    ("parabola", "adamax"),
    ("rosenbrock", "rmsprop"),
    ("collinear", "adam"),
    ("scales", "adamw"),
    ("logistic", "gd"),
    ("local", "gd"),
    ("local", "adagrad"),
]
TABLE = list(product(examples(), METHODS)) if os.environ.get("STEEPEST_TABLE") else SOME


@pytest.fixture(scope="module")
def known() -> Answers:
    return Answers(Uploads())


@pytest.mark.parametrize(("example", "optimizer"), TABLE)
def test_all_say_the_same(known: Answers, example: str, optimizer: str) -> None:
    given = {"example": example, "optimizer": optimizer}
    # At the learning rate of the example, and at the one that suits another optimizer.
    asked = read_problem(given if optimizer == "gd" else {**given, "lr": "auto"})
    live = orjson.loads(known.live(asked))
    board = orjson.loads(known.board(asked))
    [racer] = orjson.loads(known.race(asked, [optimizer]))["racers"]
    rated, document = board["rated"], board["document"]
    word, headline = (document["verdict"][key] for key in ("learning_rate", "headline"))
    lr, study, forecast = document["descent"]["lr"], document["rates"], document["forecast"]
    place = rated["rates"].index(lr)
    title = rated["said"][place]

    # The zone under the ball, the title over it, and the document.
    assert word in {zone["word"] for zone in rated["zones"] if zone["low"] <= lr <= zone["high"]}
    assert (", just right" in title or ", stable, but slow" in title) == (word == "just right")
    assert (", too small" in title, ", too large" in title) == (
        word == "too small",
        word == "too large",
    )
    same_goal = study is not None and study["goal"]["to"].startswith("within")
    if same_goal and forecast is not None and forecast["steps"] is not None:
        assert f": {forecast['steps']:,} step" in title
    # What was not run is not said to be missing: how far it was run stands beside it.
    for said in (*live["said"], *rated["said"], racer["said"]):
        assert "not there" not in said or re.search(r"in [\d,]+ steps?, and not run further", said)
    # Before it is judged, nothing else is said than afterwards, if it is measured.
    before = {zone["word"] for zone in live["zones"] if zone["low"] <= lr <= zone["high"]}
    if same_goal and (example, optimizer) != ("local", "rmsprop"):
        assert before & {word, "not measured"} or not before
    # Who is quickest.
    lucky = study is not None and study["calm"] is not None and is_short(study["calm"])
    assert racer["lucky"] == lucky
    assert lucky or "luck" not in headline
    assert not lucky or "luck" in headline or not headline.startswith("At the minimum")
    assert ("by luck" in title) == (lucky and rated["steps"][place] is not None)
    if racer["steps"] is not None:
        assert "no learning rate that was tried" not in headline
        if same_goal and not lucky and rated["steps"][place] is not None:
            assert racer["steps"] <= rated["steps"][place]
            assert word != "just right" or rated["steps"][place] < 10 * max(racer["steps"], 1)


def is_short(calm: dict[str, Any]) -> bool:
    return calm["steps"] is None and calm["limit"] is None


def test_the_race_of_the_first_example_is_that_of_numpy(known: Answers) -> None:
    """Steps until the loss is within 1 % of the minimum, walked or by the powers of the modes."""
    asked = read_problem({"example": "speed"})
    found = orjson.loads(known.race(asked, ["gd", "momentum", "nesterov"]))["racers"]
    table = example_table("speed")
    time, speed = (table.numbers(name) for name in ("time", "speed"))
    inputs = np.stack([time**2, time, np.ones_like(time)], 1)
    best = np.linalg.lstsq(inputs, speed, rcond=None)[0]
    hessian = 2 * inputs.T @ inputs / len(speed)
    least = np.mean((inputs @ best - speed) ** 2)
    offset = np.array([0.0121, -0.6397, 0.6416]) - best

    def above(offset: Any) -> bool:
        return bool(0.5 * offset @ hessian @ offset > 0.01 * least)

    for racer in found:
        lr, steps, beta = racer["lr"], racer["steps"], 0.0 if racer["optimizer"] == "gd" else 0.9
        ahead = beta if racer["optimizer"] == "nesterov" else 0.0
        one, gradient = np.eye(3), lr * hessian
        # Of (offset, learning rate times velocity).
        step = np.block(
            [[one - (1 + ahead) * gradient, -(ahead or 1) * beta * one], [gradient, beta * one]]
        )
        start = np.concatenate([offset, np.zeros(3)])
        at = [(np.linalg.matrix_power(step, n) @ start)[:3] for n in (steps - 1, steps)]
        assert (above(at[0]), above(at[1])) == (True, False)
        assert racer["loss"][-1] == pytest.approx(1.01 * least, rel=1e-3)
