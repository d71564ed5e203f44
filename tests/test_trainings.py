"""The example trainings: what is watched is what runs, bit for bit, and nobody is warned."""

from __future__ import annotations

import logging
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import steepest  # noqa: E402

FOLDER = Path(__file__).parent.parent / "examples" / "trainings"
PAGE = FOLDER.parent.parent / "docs" / "trainings.md"

Parts = list[tuple[dict[str, Any], Any]]
"""Of each network its weights by name, and what was said of it."""


def pairs(found: dict[str, Any], **watches: str) -> Parts:
    """Models and the watches that they have."""
    return [(found[model].state_dict(), found[watch].run) for model, watch in watches.items()]


def of_lightning(found: dict[str, Any]) -> Parts:
    model = found["model"]
    parts = (model.generator, model.made), (model.judge, model.judged)
    return [(network.state_dict(), watch.run) for network, watch in parts]


def of_equinox(found: dict[str, Any]) -> Parts:
    import jax

    leaves = jax.tree.leaves(found["model"])
    arrays = [torch.tensor(np.asarray(leaf)) for leaf in leaves if hasattr(leaf, "shape")]
    return [({str(place): one for place, one in enumerate(arrays)}, found["run"])]


# How far each is run, and the weights and runs of each.
TRAININGS: dict[str, tuple[str, Callable[[dict[str, Any]], Parts]]] = {
    "characters": ("12", partial(pairs, model="watch")),
    "diffusion": ("60", partial(pairs, model="watch")),
    "equinox_regression": ("40", of_equinox),
    "gan": ("60", partial(pairs, generator="made", judge="judged")),
    "lightning_gan": ("20", of_lightning),
    "lora": (
        "20",
        lambda found: [(found["model"].state_dict(), found["callback"].watch.run)],
    ),
    "policy": ("3", partial(pairs, model="watch")),
}


class Unwatched:
    """A watch that does nothing."""

    run = None

    def __enter__(self) -> Unwatched:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def loss(self, loss: Any) -> None:
        pass

    def close(self) -> None:
        pass


def test_each_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(TRAININGS)


class UnwatchedOptimizer:
    """The optimizer alone."""

    def __init__(self, optimizer: Any):
        self._optimizer = optimizer
        self.init = optimizer.init

    def update(self, gradient: Any, state: Any, params: Any, *, value: Any) -> Any:
        return self._optimizer.update(gradient, state, params)

    def run(self, state: Any, **_: Any) -> None:
        pass


def unwatch(name: str, patched: pytest.MonkeyPatch) -> None:
    """Let what watches do nothing."""
    patched.setattr(steepest, "watch", lambda *_, **__: Unwatched())
    patched.setattr(steepest, "watch_optax", lambda optimizer, **_: UnwatchedOptimizer(optimizer))
    if name == "lora":
        import transformers

        class Callback(transformers.TrainerCallback):
            watch = Unwatched()

            def __init__(self, **_: Any):
                pass

        patched.setattr("steepest.integrations.transformers.WatchCallback", Callback)


@pytest.mark.filterwarnings("ignore")  # of the libraries' own
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, (steps, parts) = FOLDER / f"{name}.py", TRAININGS[name]
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    monkeypatch.setattr("sys.argv", [str(path), steps])
    watched = parts(runpy.run_path(str(path)))
    logging.disable(logging.NOTSET)
    unwatch(name, monkeypatch)
    alone = parts(runpy.run_path(str(path)))
    logging.disable(logging.NOTSET)
    for (ours, run), (theirs, none) in zip(watched, alone, strict=True):
        assert none is None
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            if name == "equinox_regression":
                # What is compiled otherwise is rounded otherwise.
                torch.testing.assert_close(value, theirs[key], rtol=1e-4, atol=1e-5)
            else:
                assert torch.equal(value, theirs[key]), f"{name}: {key} differs"
        assert run.record.dropped == {}
        assert run.record.losses_given >= int(steps)
        warned = [one for one in run.verdict.findings if one.severity != "info"]
        assert not warned, [one.sentence for one in warned]


@pytest.mark.parametrize("name", TRAININGS)
def test_the_page_shows_each(name: str) -> None:
    assert f"examples/trainings/{name}.py" in PAGE.read_text("utf-8")
