"""The example trainings: what is watched is what runs, bit for bit, and nobody is warned."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import steepest  # noqa: E402

FOLDER = Path(__file__).parent.parent / "examples" / "trainings"
PAGE = FOLDER.parent.parent / "docs" / "trainings.md"

# How far each is run, and the models and watches of each.
TRAININGS = {
    "characters": ("12", {"model": "watch"}),
    "diffusion": ("60", {"model": "watch"}),
    "gan": ("60", {"generator": "made", "judge": "judged"}),
    "policy": ("3", {"model": "watch"}),
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


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, (steps, watched) = FOLDER / f"{name}.py", TRAININGS[name]
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    monkeypatch.setattr("sys.argv", [str(path), steps])
    found = runpy.run_path(str(path))
    monkeypatch.setattr(steepest, "watch", lambda *_, **__: Unwatched())
    alone = runpy.run_path(str(path))
    for model, watch in watched.items():
        for ours, theirs in zip(
            found[model].state_dict().items(), alone[model].state_dict().items(), strict=True
        ):
            assert ours[0] == theirs[0]
            assert torch.equal(ours[1], theirs[1]), f"{name}: {model}.{ours[0]} differs"
        run = found[watch].run
        assert run.record.dropped == {}
        assert run.record.losses_given >= int(steps)
        warned = [one for one in run.verdict.findings if one.severity != "info"]
        assert not warned, [one.sentence for one in warned]


@pytest.mark.parametrize("name", TRAININGS)
def test_the_page_shows_each(name: str) -> None:
    assert f"examples/trainings/{name}.py" in PAGE.read_text("utf-8")
