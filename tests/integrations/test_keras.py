"""Keras's own `fit`, watched on each backend in a process of its own, as a backend is one's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

import steepest
from steepest.run.training import TrainingRun

pytestmark = pytest.mark.skipif(find_spec("keras") is None, reason="Keras is not installed")

SCRIPT: Final = """
import json, sys, warnings
warnings.simplefilter("ignore")
import keras, numpy as np
from steepest.integrations.keras import WatchCallback
from steepest.words.errors import UsageError

draw = np.random.default_rng(0)
x = draw.normal(size=(64, 4)).astype("float32")
y = x.sum(1, keepdims=True)

def train(optimizer, callbacks):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(8, "tanh"), layers.Dropout(0.1), layers.Dense(1)]
    )
    model.compile(optimizer=optimizer, loss="mse")
    rows = {"batch_size": 16, "validation_split": 0.25, "epochs": 4, "verbose": 0}
    history = model.fit(x, y, callbacks=callbacks, **rows).history
    saved = [np.asarray(one) for one in [*model.get_weights(), *model.optimizer.variables]]
    return history, [one.tobytes().hex() for one in saved]

schedule = keras.optimizers.schedules.ExponentialDecay(0.02, 1, 0.9)
plain = train(keras.optimizers.Adam(schedule), [])
well = WatchCallback(store=sys.argv[1], name="well")
watched = train(keras.optimizers.Adam(schedule), [well])
sick = WatchCallback(store=False)
train(keras.optimizers.SGD(5.0), [sick])
said = []
late = WatchCallback(store=False)
for tried in (
    lambda: late.run,
    lambda: train(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), [late]),
):
    try:
        tried()
    except UsageError as error:
        said.append(str(error))
print(json.dumps({
    "said": said,
    "same": plain == watched,
    "history": plain[0],
    "well": well.run.to_dict(),
    "sick": sick.run.to_dict(),
}))
"""


def in_keras(backend: str, script: str, *words: str) -> str:
    surroundings = {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, *words]
    answer = subprocess.run(
        command, env=surroundings, capture_output=True, text=True, check=False, timeout=300
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras")


@pytest.fixture(params=["torch", "jax"])
def trained(request: pytest.FixtureRequest, stores: Path) -> dict[str, Any]:
    return of(request.param, stores / f"{request.param}.db")


@cache
def of(backend: str, store: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(in_keras(backend, SCRIPT, str(store)))
    return {**found, "backend": backend, "store": store}


def test_nothing_is_changed(trained: dict[str, Any]) -> None:
    """Weights, the optimizer's own numbers and the history, to the bit, with dropout."""
    assert trained["same"]


def test_what_is_recorded(trained: dict[str, Any]) -> None:
    told = trained["well"]
    assert told["steps"] == 12
    assert [one["name"].partition(".")[2] for one in told["tensors"]] == ["kernel", "bias"] * 2
    assert [one["shape"] for one in told["tensors"]] == [[4, 8], [8], [8, 1], [1]]
    (group,) = told["groups"]
    assert (group["optimizer"], group["method"], group["momentum"]) == ("Adam", "adam", 0.9)
    assert told["trace"]["lr"][0] == pytest.approx([0.02 * 0.9**step for step in range(12)])
    # Keras tells the mean of an epoch, whose batches are as large as each other.
    losses = told["trace"]["loss"]
    means = [sum(losses[first : first + 3]) / 3 for first in range(0, 12, 3)]
    assert means == pytest.approx(trained["history"]["loss"], rel=1e-5)
    held_out = [(one["step"], one["loss"]) for one in told["validations"]]
    assert held_out == list(zip((3, 6, 9, 12), trained["history"]["val_loss"], strict=True))


def test_the_well_one_is_not_warned_and_kept(trained: dict[str, Any]) -> None:
    assert [one["code"] for one in trained["well"]["verdict"]["findings"]] == []
    run = steepest.load(trained["well"]["run"], trained["store"])
    assert isinstance(run, TrainingRun)
    assert run.record.name == "well"
    assert run.record.dropped == {}


def test_the_sick_one_is_named(trained: dict[str, Any]) -> None:
    assert trained["sick"]["verdict"]["learning_rate"] == "too large"
    assert {"SD101"} <= {one["code"] for one in trained["sick"]["verdict"]["findings"]}
    assert "watch.prove" not in json.dumps(trained["well"]["verdict"])
    assert trained["sick"]["versions"].keys() >= {"keras", trained["backend"]}


def test_what_is_not_watched_is_said(trained: dict[str, Any]) -> None:
    assert trained["said"] == [
        "The training has not ended. Ask after model.fit(…).",
        "Gradients that are added up over several batches are not watched.",
    ]
