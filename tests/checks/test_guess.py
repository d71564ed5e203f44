"""A share of right rows stands beside what always the same answer would get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import steepest


def table(path: Path, labels: np.ndarray, seed: int) -> str:
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(len(labels), 2))
    rows = [f"{x:.4f},{y:.4f},{kind}" for (x, y), kind in zip(inputs, labels, strict=True)]
    path.write_text("x,y,kind\n" + "\n".join(rows) + "\n", "utf-8")
    return str(path)


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_class_is_not_learned_by_never_saying_it(tmp_path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = np.where(draw.uniform(size=300) < 0.04, "yes", "no")
    data = table(tmp_path / "rare.csv", labels, seed)
    run = steepest.train(data, "2-4-relu-2", target="kind", epochs=3, validation=0.3)
    learned = run.record.learned
    assert learned is not None
    assert learned.confusion is not None
    share = learned.confusion.sum(axis=1).max() / learned.confusion.sum()
    said = f'of the rows held out are right; always saying "no" gets {100 * share:.3g} %. '
    assert said in run.verdict.headline


def test_what_is_learned_needs_no_guess_beside_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=300)
    rows = [f"{value:.4f},{'up' if value > 0 else 'down'}" for value in x]
    (tmp_path / "sign.csv").write_text("x,kind\n" + "\n".join(rows) + "\n", "utf-8")
    run = steepest.train(str(tmp_path / "sign.csv"), "1-4-relu-2", target="kind", epochs=10)
    assert "always saying" not in run.verdict.headline
    assert "of the rows learned from are right. " in run.verdict.headline
