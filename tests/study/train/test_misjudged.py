"""Trainings and logs that were once misjudged: rates beyond the grid, outputs, rows, columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steepest
from steepest.records.verdict import Finding

DRAW = np.random.default_rng(41)


def prices(rows: int = 400) -> dict[str, Any]:
    """Numbers in the millions from three columns of the size of one."""
    x = DRAW.normal(size=(rows, 3))
    cost = 1.8e6 + 4e5 * x[:, 0] - 2e5 * x[:, 1] * x[:, 2] + 1e4 * DRAW.normal(size=rows)
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": cost}


def two(rows: int = 300) -> dict[str, Any]:
    x = DRAW.normal(size=(rows, 3))
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": (x[:, 0] * x[:, 1] > 0).astype(int)}


def found(run: Any, code: str) -> list[Finding]:
    return [finding for finding in run.verdict.findings if finding.code == code]


@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
def test_a_rate_is_looked_for_beyond_the_largest_where_that_was_the_best(optimizer: str) -> None:
    """Adaptive steps are as long as the rate, and millions away from where they begin."""
    data = prices()
    run = steepest.train(
        data, "3-16-relu-1", target="y", loss="mse", optimizer=optimizer, steps=500, remedies=False
    )
    assert run.learned.lr > 1
    assert run.learned.reach is not None
    assert run.learned.reach.r_squared > 0.5
    if optimizer == "adam":
        return
    # PyTorch at 1, which was once the largest, is nowhere near.
    torch.manual_seed(0)
    x = torch.tensor(np.stack([data[name] for name in "abc"], axis=1), dtype=torch.float32)
    y = torch.tensor(data["y"], dtype=torch.float32)[:, None]
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
    steps = torch.optim.Adagrad(model.parameters(), lr=1.0)
    for _ in range(500):
        steps.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        steps.step()
    assert float(loss.detach()) > y.var()
    assert run.learned.whole is not None
    assert run.learned.whole[1] < 0.5 * float(y.var())


def test_a_given_rate_is_compared_with_ones_as_large_as_are_needed() -> None:
    """What is offered for it is not too small itself."""
    data = two()
    run = steepest.train(
        data, "3-16-relu-2", target="y", lr=1e-7, steps=400, batch_size=300, shuffle=False
    )
    assert run.verdict.learning_rate == "too small"
    again: Any = run.record.remedies[0].options
    assert again["lr"] > 1e-7 * 100
    offered = steepest.train(data, **{**again, "remedies": True})
    assert offered.verdict.learning_rate != "too small", offered.verdict.headline


@pytest.mark.parametrize(
    ("network", "said"), [("3-16-relu-1-sigmoid", "between 0 and 1"), ("3-16-1-tanh", "-1 and 1")]
)
def test_targets_that_the_last_activation_cannot_reach(network: str, said: str) -> None:
    data = prices()
    run = steepest.train(data, network, target="y", loss="mse", steps=150, remedies=False)
    (named,) = found(run, "SD307")
    assert said in named.sentence
    plain = network.rpartition("-")[0]
    assert f"--network {plain}" in named.sentence
    assert run.verdict.learning_rate != "too small"
    better = steepest.train(data, plain, target="y", loss="mse", steps=150, remedies=False)
    assert better.metrics["loss"] < run.metrics["loss"]


def test_an_activation_before_cross_entropy_is_named() -> None:
    data = two()
    shares = {}
    for network in ("3-16-relu-1", "3-16-relu-1-sigmoid"):
        run = steepest.train(data, network, target="y", steps=600, remedies=False)
        shares[network] = run.accuracy
        assert bool(found(run, "SD412")) == network.endswith("sigmoid")
    (plain, squashed) = shares.values()
    assert plain is not None
    assert squashed is not None
    assert plain > squashed


def test_one_target_far_from_all_others_is_named_with_squares_alone() -> None:
    x = DRAW.normal(size=200)
    y = 2 * x + 0.1 * DRAW.normal(size=200)
    y[5] = 1000.0
    for loss in ("mse", "huber"):
        run = steepest.train(
            {"x": x, "y": y}, "1-8-relu-1", target="y", loss=loss, steps=200, remedies=False
        )
        assert bool(found(run, "SD303")) == (loss == "mse")
        assert not found(run, "SD307")


def test_what_diverged_is_offered_the_steps_that_were_asked_for() -> None:
    x = DRAW.normal(size=(300, 2))
    x[7, 0] = 1e6
    data = {"a": x[:, 0], "b": x[:, 1], "y": x[:, 1] + 0.1 * DRAW.normal(size=300)}
    run = steepest.train(data, "2-16-relu-1", target="y", loss="mse", lr=0.1, steps=300)
    assert run.learned.stopped == "diverged"
    for remedy in run.record.remedies:
        assert remedy.options is not None
        assert remedy.options["steps"] == 300


def test_words_are_no_targets_of_a_loss_for_numbers() -> None:
    data = {"x": [1.0, 2, 3, 4], "y": ["yes", "no", "yes", "no"]}
    with pytest.raises(steepest.InputError, match="leave --loss out"):
        steepest.train(data, "1-4-relu-1", target="y", loss="mse", steps=10)
    assert steepest.train(data, "1-4-relu-1", target="y", steps=10, remedies=False).accuracy


# Logs


def judged(tmp_path: Path, columns: dict[str, Any], name: str = "metrics.csv") -> Any:
    path = tmp_path / name
    names = list(columns)
    rows = zip(*(np.asarray(columns[one]).tolist() for one in names), strict=True)
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return steepest.judge(str(path))


def test_a_rate_that_comes_back_is_seen_though_it_is_rounded(tmp_path: Path) -> None:
    """As PyTorch's cosine schedule, whose second top is a last digit above the first."""
    steps = np.arange(1500)
    rate = 0.0015 * (1 + np.cos(np.pi * steps / 500))
    rate[1000:] += 4e-19
    loss = 0.7 * np.exp(-steps / 700) + 0.01 * np.random.default_rng(1).normal(size=1500)
    run = judged(tmp_path, {"step": steps, "loss": loss, "lr": rate})
    (seen,) = found(run, "SD104")
    assert "came back 1 time" in seen.sentence


def test_a_validation_loss_that_is_no_number_is_told(tmp_path: Path) -> None:
    steps = np.arange(40)
    held = np.where(steps < 20, 0.5 - 0.01 * steps, np.nan)
    run = judged(tmp_path, {"epoch": steps, "loss": 0.6 - 0.01 * steps, "val_loss": held})
    (seen,) = found(run, "SD406")
    assert "at 20 of 40 validations, first at step 20" in seen.sentence


def test_a_loss_that_falls_from_part_to_part_is_not_said_to_stand(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    steps = np.arange(2000)
    loss = (0.72 - 8e-5 * steps) * draw.gamma(4.0, 0.25, 2000)
    loss[0] = 0.2
    run = judged(tmp_path, {"step": steps, "loss": loss})
    assert "does not fall" not in run.verdict.headline
    flat = judged(tmp_path, {"step": steps, "loss": 0.7 * draw.gamma(4.0, 0.25, 2000)}, "flat.csv")
    assert "the loss falls, from" not in flat.verdict.headline


def test_a_rate_of_zero_is_why_nothing_falls(tmp_path: Path) -> None:
    loss = 0.7 + 0.01 * np.random.default_rng(2).normal(size=200)
    run = judged(tmp_path, {"step": np.arange(200), "loss": loss, "lr": np.zeros(200)})
    assert "the learning rate is 0 at every step" in run.verdict.headline


def test_zeros_that_a_filter_left_are_no_losses(tmp_path: Path) -> None:
    """As Hugging Face's Trainer writes where the loss is no number."""
    history = [
        {"step": 10 * at, "loss": loss, "grad_norm": norm, "learning_rate": 30.0}
        for at, (loss, norm) in enumerate(
            [(0.7, 1.0), (4.2e14, 1e9), (9.7e34, float("nan")), *[(0.0, float("nan"))] * 30]
        )
    ]
    state = {"log_history": history, "global_step": 330, "max_steps": 330}
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps(state), encoding="utf-8")
    run = steepest.judge(str(path))
    assert run.verdict.learning_rate == "too large"
    assert run.record.losses.lowest == 0.7
    said = " ".join(finding.sentence for finding in found(run, "SD406"))
    assert "0 at the end" in said


@pytest.mark.parametrize("between", ["sigmoid", "tanh"])
def test_a_stack_of_sigmoids_that_learns_the_mean_alone_vanishes(between: str) -> None:
    """Its loss falls, as the last bias learns the mean, and R² says that nothing else does."""
    x = np.linspace(-3, 3, 300)
    data = {"x": x, "y": 3 + np.sin(2 * x)}
    network = f"1-{'-'.join(f'32-{between}' for _ in range(4))}-1"
    run = steepest.train(data, network, target="y", loss="mse", lr=0.05, steps=400, remedies=False)
    assert bool(found(run, "SD401")) == (between == "sigmoid")
