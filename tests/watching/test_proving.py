"""Trainings run again with changes, against loops that are run anew, by hand, from the seed."""

from __future__ import annotations

import copy
import math
import random
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

import steepest
from steepest.checks.proof import PLAIN_LINES, offered, word_of
from steepest.records.training import Replay, TrainingProof

SGD, Adam = torch.optim.SGD, torch.optim.Adam


def mlp(act: type[nn.Module] = nn.ReLU, *, out: int = 1, last: nn.Module | None = None) -> Any:
    layers = [nn.Linear(8, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, out)]
    return nn.Sequential(*layers, *([] if last is None else [last]))


def alike() -> Any:
    """All weights of a layer are equal, so that all units stay the same."""
    model = mlp(nn.Tanh)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.05)
    return model


def dead() -> Any:
    """Its output is 0 for every row."""
    model = mlp(last=nn.ReLU())
    nn.init.constant_(model[4].bias, -9.0)
    return model


def squares(model: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return mse_loss(model(x).squeeze(1), y)


@dataclass(frozen=True)
class Loop:
    """A training as a user writes it. `between`: what it does after backward()."""

    lr: float
    model: Callable[[], Any] = mlp
    optimizer: Any = Adam
    loss: Callable[[Any, torch.Tensor, torch.Tensor], Any] = squares
    steps: int = 80
    shift: float = 0.0
    scale: float = 1.0
    inputs: float = 1.0
    between: Callable[[Any], None] = lambda model: None
    classes: bool = False

    def rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        source = torch.Generator().manual_seed(3)
        x = torch.randn(256, 8, generator=source)
        y = torch.sin(x @ torch.randn(8, generator=source)) + x[:, 0] * x[:, 1]
        y = (y > 0).long() + (y > 1).long() if self.classes else y * self.scale + self.shift
        return x * self.inputs, y

    def run(
        self, seed: int, *, prove: float | bool = False, lines: str | None = None
    ) -> tuple[list[float], Any, Any]:
        """The losses, the watch and the model; with the lines of a remedy where they belong."""
        torch.manual_seed(seed)
        model, (x, y) = self.model(), self.rows()
        weights: Any = model.parameters()
        optimizer = self.optimizer(weights, lr=self.lr)
        names: dict[str, Any] = {"torch": torch, "model": model, "optimizer": optimizer}
        parts = placed(lines or "")
        exec(parts.get("when the optimizer is made", ""), names)
        losses, watch = [], steepest.watch(model, optimizer, store=False, prove=prove)
        order = torch.Generator().manual_seed(seed)
        for step in range(self.steps):
            rows = torch.randperm(256, generator=order)[:32]
            closure: Any = lambda: self.loss(model, x[rows], y[rows])  # noqa: E731, B023
            loss = closure()
            losses.append(float(loss.detach()))
            watch.loss(loss)
            if prove:
                watch.probe(closure)
            every = 4 if "every fourth batch" in (lines or "") else 1
            (loss / every).backward()
            if "in the place of the loop's own lines" not in parts:
                self.between(model)
            if (step + 1) % every == 0:
                exec(parts.get("after loss.backward()", ""), names)
                optimizer.step()
                exec(parts.get("after optimizer.step()", ""), names)
                optimizer.zero_grad()
        watch.close()
        return losses, watch, model


def placed(lines: str) -> dict[str, str]:
    """The lines of a remedy by the comment above them, which says where they go."""
    found: dict[str, str] = {}
    place = ""
    for line in lines.splitlines(keepends=True):
        if line.startswith("# "):
            place = line[2:].strip().rstrip(":")
            found[place] = ""
        else:
            found[place] += line
    return found


def clipped_twice(model: Any) -> None:
    """As where a gradient is clipped that is still scaled."""
    for parameter in model.parameters():
        parameter.grad *= 2.0**-14


def forgets(model: Any) -> None:
    """A reset at the wrong place."""
    for parameter in model.parameters():
        parameter.grad.zero_()


def signs(model: Any) -> None:
    for parameter in model.parameters():
        parameter.grad.neg_()


def sums(model: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    return (model(x).squeeze(1) - y).square().sum()


def classes(model: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return cross_entropy(model(x), y)


def three(last: nn.Module | None = None) -> Callable[[], Any]:
    return lambda: mlp(out=3, last=last)


def one_fast_group(weights: Any, lr: float) -> Any:
    """Of the first layer the rate is 300 times as large."""
    first, *rest = weights
    return Adam([{"params": [first], "lr": 300 * lr}, {"params": rest}], lr=lr)


SICK: dict[str, tuple[Loop, set[str]]] = {
    "rate too large, adam": (Loop(1.0), {"learning rate"}),
    "rate too large, sgd": (Loop(5.0, optimizer=SGD), {"learning rate"}),
    "rate too small, adam": (Loop(1e-6), {"learning rate"}),
    "rate too small, sgd": (Loop(1e-5, optimizer=SGD), {"learning rate", "momentum"}),
    "a sum over the rows": (Loop(0.1, optimizer=SGD, loss=sums), {"learning rate"}),
    "targets far away": (Loop(1e-3, scale=8e4, shift=2e5), {"scaled outputs"}),
    "targets far away, sgd": (
        Loop(1e-2, optimizer=SGD, scale=8e4, shift=2e5),
        {"scaled outputs"},
    ),
    "inputs not scaled": (Loop(0.02, optimizer=SGD, inputs=40.0), {"scaled inputs"}),
    "all units alike": (Loop(1e-2, alike), {"initialization"}),
    "a dead output": (Loop(3e-3, dead, shift=3.0), {"initialization"}),
    "scaled away": (Loop(0.1, optimizer=SGD, between=clipped_twice), {"plain loop"}),
    "reset too soon": (Loop(3e-3, between=forgets), {"plain loop"}),
    "uphill": (Loop(3e-3, between=signs), {"plain loop"}),
    "the rate of one group": (Loop(1e-2, optimizer=one_fast_group), {"learning rate of a group"}),
    "softmax twice": (
        Loop(1e-2, three(nn.Softmax(1)), SGD, classes, classes=True),
        {"learning rate"},
    ),
}


def kinds(watch: Any) -> list[str]:
    by_name = {found.change: found.kind for found in watch.run.record.proof.replays}
    by_name["a plain loop"] = "plain loop"
    return [by_name[remedy.change] for remedy in watch.run.record.remedies]


@cache
def proven(name: str) -> Any:
    """The watch of a sick loop that was run again."""
    return SICK[name][0].run(0, prove=60.0)[1]


@pytest.mark.parametrize("name", SICK)
def test_a_remedy_does_what_was_said_when_it_is_pasted(name: str) -> None:
    loop, expected = SICK[name]
    watch = proven(name)
    record = watch.run.record
    assert not record.dropped
    assert record.proof is not None, record.not_measured["proof"]
    assert expected & set(kinds(watch))
    assert all(found.ended != "time" for found in record.proof.replays)
    for remedy in record.remedies:
        losses, _, _ = loop.run(0, lines=remedy.command)
        end = float(np.mean(losses[-record.proof.window :]))
        assert end == pytest.approx(remedy.measured_loss, rel=0.05), remedy.change
        own = record.proof.own
        assert not np.isfinite(own) or end < own
    faults = [found for found in watch.verdict.findings if "plain" in found.evidence]
    assert bool(faults) == ("plain loop" in expected)


def test_a_group_whose_rate_is_too_large_is_named() -> None:
    (found,) = [f for f in proven("the rate of one group").verdict.findings if f.code == "SD101"]
    assert "the learning rate of parameter group 0 (0.weight) alone" in found.sentence


def test_a_loss_that_falls_well_is_no_warning() -> None:
    """A larger rate is quicker, which is said; nothing is amiss."""
    for loop, severity in ((Loop(1e-3), "info"), (Loop(3e-3, optimizer=SGD), "warning")):
        verdict = loop.run(0, prove=60.0)[1].verdict
        assert verdict.learning_rate == "too small"
        assert [(f.code, f.severity) for f in verdict.findings] == [("SD102", severity)]


@pytest.mark.parametrize("name", ["rate too large, adam", "rate too small, sgd", "softmax twice"])
def test_the_plain_loop_is_the_loop_to_the_bit(name: str) -> None:
    """Where it is a plain one; every other rate is the loop with that rate, run anew."""
    loop, _ = SICK[name]
    proof: TrainingProof = proven(name).run.record.proof
    assert proof.differs_at is None
    for found in proof.replays:
        if found.kind == "learning rate" and found.ended == "all steps":
            changed, _, _ = copy.copy(loop).run(0, lines=found.lines)
            assert float(np.mean(changed[-proof.window :])) == pytest.approx(found.loss, rel=1e-6)


class Everything(nn.Module):
    """Buffers, dropout, and random numbers of all three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3))
        self.head = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> Any:
        noise = random.random() * 0.1 + np.random.rand() * 0.1
        return self.head(self.body(x + noise)).squeeze(1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "one cycle", "frozen"])
def test_nothing_of_the_training_changes(optimizer: str) -> None:
    """Proven in mid-training and after it: all is as in the loop that nobody watches."""

    def run(prove: bool) -> tuple[Any, ...]:
        torch.manual_seed(5)
        random.seed(5)
        np.random.seed(5)
        model = Everything()
        if optimizer == "frozen":
            model.body[0].requires_grad_(False)
        chosen = (
            SGD(model.parameters(), 0.05, momentum=0.9)
            if optimizer == "sgd"
            else Adam(model.parameters(), 0.01)
        )
        schedule = (
            torch.optim.lr_scheduler.OneCycleLR(chosen, 0.02, total_steps=50)
            if optimizer == "one cycle"
            else torch.optim.lr_scheduler.StepLR(chosen, 20, 0.5)
        )
        x, y = Loop(0.1).rows()
        watch = steepest.watch(model, chosen, store=False, prove=True) if prove else None
        losses = []
        for step in range(40):
            rows = torch.randperm(256)[:32]
            if step == 30:
                model.eval()
            loss: Any = mse_loss(model(x[rows]), y[rows])
            losses.append(float(loss.detach()))
            if watch is not None:
                watch.loss(loss)
                watch.probe(partial(lambda rows: mse_loss(model(x[rows]), y[rows]), rows))
            chosen.zero_grad()
            loss.backward()
            if watch is not None and step == 25:
                watch.prove(30)
            chosen.step()
            schedule.step()
        if watch is not None:
            watch.close()
            watch.prove(30)
            record = watch.run.record
            assert not record.dropped
            assert record.proof is not None, record.not_measured
            # To the bit, with dropout, buffers, modes and the schedule.
            assert record.proof.differs_at is None
            assert record.proof.steps == 40
        state = chosen.state_dict()
        memory = [v for s in state["state"].values() for v in s.values() if v is not None]
        return (
            losses,
            list(model.state_dict().values()),
            memory,
            [p.grad for p in model.parameters() if p.grad is not None],
            [m.training for m in model.modules()],
            [g["lr"] for g in chosen.param_groups],
            (torch.rand(3), random.random(), np.random.rand()),
            len(chosen._optimizer_step_pre_hooks), len(model._forward_pre_hooks),
            len(model._forward_hooks),
        )  # fmt: skip

    def flat(found: Any) -> list[Any]:
        if isinstance(found, list | tuple):
            return [part for value in found for part in flat(value)]
        return [found]

    for here, there in zip(flat(run(False)), flat(run(True)), strict=True):
        assert torch.equal(here, there) if isinstance(here, torch.Tensor) else here == there


def reasons(case: str) -> str:
    torch.manual_seed(0)
    model, (x, y) = mlp(), Loop(0.1).rows()
    optimizer = SGD(model.parameters(), 0.01)
    more = [SGD([model[0].bias], 0.01)] if case == "two optimizers" else []
    prove = case != "not kept"
    watch = steepest.watch(model, [optimizer, *more], store=False, prove=prove)
    buffer, array = torch.empty(32, 8), np.empty((32, 8), np.float32)
    holder: dict[str, Any] = {}

    class Batch:
        rows = x[:32]

    for step in range(12):
        rows = torch.randperm(256)[:32]
        holder["rows"], Batch.rows = rows, x[rows]
        buffer.copy_(x[rows])
        array[:] = x[rows].numpy()
        closure: Any = {
            "overwritten": lambda: squares(model, buffer, y[:32]),
            "an attribute": lambda: squares(model, Batch.rows, y[:32]),
            "another loss": partial(lambda rows: 2 * squares(model, x[rows], y[rows]), rows),
        }.get(case, partial(lambda rows: squares(model, x[rows], y[rows]), rows))
        loss = closure() / (2 if case == "another loss" else 1)
        watch.loss(loss)
        if case != "no closure" and not (case == "not every step" and step % 2):
            watch.probe(closure)
        if case == "two closures":
            watch.probe(closure)
        if case == "few" and step == 5:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch.close()
    assert watch.prove(5) == ()
    assert watch.run.record.proof is None
    return str(watch.run.record.not_measured["proof"])


REASONS = {
    "not kept": "prove=True",
    "no closure": "no closure was given",
    "not every step": "not called before step 1",
    "two closures": "a second closure was given before the optimizer moved, at step 0",
    "two optimizers": "several optimizers",
    "overwritten": "the batch of step 0 was overwritten",
    "an attribute": "called again, the closure of step 0 gives",
    "another loss": "or is another loss",
    "few": "only 6 steps were kept",
}


@pytest.mark.parametrize("case", REASONS)
def test_what_cannot_be_run_again_is_said(case: str) -> None:
    assert REASONS[case] in reasons(case)


def test_names_that_the_loop_binds_anew() -> None:
    """In a script or a notebook they are globals; arrays of NumPy and lists may be written to."""
    script = types.ModuleType("script")
    exec(
        compile(
            "import numpy as np, torch\n"
            "array = np.empty((32, 8), np.float32)\n"
            "batch = []\n"
            "def target(): return y[rows]\n"
            "def closure():\n"
            "    given = torch.from_numpy(array) + batch[0]\n"
            "    return torch.nn.functional.mse_loss(model(given).squeeze(1), target())\n",
            "script", "exec",
        ),
        script.__dict__,
    )  # fmt: skip
    here: Any = script
    torch.manual_seed(0)
    here.model, (x, here.y) = mlp(), Loop(0.1).rows()
    optimizer = Adam(here.model.parameters(), 1e-2)
    watch = steepest.watch(here.model, optimizer, store=False, prove=True)
    for _ in range(20):
        here.rows = torch.randperm(256)[:32]
        here.array[:] = x[here.rows].numpy()
        here.batch[:] = [torch.randn(1)]
        loss = here.closure()
        watch.loss(loss)
        watch.probe(here.closure)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch.close()
    watch.prove(20)
    proof = watch.run.record.proof
    assert proof is not None, watch.run.record.not_measured["proof"]
    assert proof.differs_at is None


def test_a_rate_that_gets_there_and_leaves_again_is_no_proof() -> None:
    """Only what stays is quicker; a loss that falls at once has fallen; best first, NaN or not."""

    def run(factor: float, loss: float, at: int | None, ended: Any = "all steps") -> Replay:
        return Replay("", "learning rate", "", factor, 100, loss, 0.001, 1.0, at, ended)

    record = proven("rate too large, adam").run.record
    proof = replace(
        record.proof, steps=100, start=2.0, own=1.0, scatter=0.01, lr=0.1, differs_at=None,
        replays=(
            replace(run(1.0, 1.0, 100), kind="plain loop"), run(0.1, math.nan, None, "behind"),
            run(100.0, 1.4, 9), run(3.0, 0.8, 60), run(1000.0, math.nan, None, "lost"),
            run(10.0, 0.5, 20),
        ),
    )  # fmt: skip
    word, why = word_of(proof)
    assert word == "not measured"
    assert "10 times as large (1 instead of 0.1 at the first step) the loss is down to 1" in why
    assert "after 20 steps (here after 100), and ends at 0.5: quicker, but not ten times" in why
    assert [r.measured_loss for r in offered(replace(record, proof=proof))] == [0.5]
    stays = replace(proof, replays=(*proof.replays[:2], run(100.0, 0.9, 9)))
    assert word_of(stays)[0] == "too small"


def test_no_rate_helps_where_none_does() -> None:
    """Every prediction compared with every target: only the mean is learned, at any rate."""

    def pairs(model: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = (model(x) - y).square().mean()
        return found

    loop = Loop(3e-3, loss=pairs)
    _, watch, _ = loop.run(0, prove=60.0)
    assert watch.run.record.remedies == ()
    assert watch.verdict.learning_rate == "not measured"
    assert "every target" in watch.verdict.headline
    assert "No learning rate helps" in str(watch.run)


def test_it_is_shown_and_kept(tmp_path: Any) -> None:
    loop, _ = SICK["rate too large, adam"]
    torch.manual_seed(0)
    model, (x, y) = loop.model(), loop.rows()
    optimizer = Adam(model.parameters(), loop.lr)
    watch = steepest.watch(model, optimizer, store=tmp_path / "runs.db", prove=True)
    for _ in range(40):
        rows = torch.randperm(256)[:32]
        loss = squares(model, x[rows], y[rows])
        watch.loss(loss)
        watch.probe(partial(squares, model, x[rows], y[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch.close()
    assert watch.verdict.learning_rate != "just right"
    remedies = watch.prove(20)
    assert watch.verdict.learning_rate == "too large"
    assert watch.run.id is not None
    kept = steepest.load(watch.run.id, store=tmp_path / "runs.db")
    for run in (watch.run, kept):
        document = run.to_dict()
        assert document["verdict"]["learning_rate"] == "too large"
        assert document["remedies"][0]["python"] == remedies[0].python
        assert document["proof"]["replays"][0]["kind"] == "plain loop"
        text = str(run)
        assert "Run again on copies, with changes" in text
        for line in remedies[0].command.splitlines():
            assert line in text
        assert PLAIN_LINES not in text


@pytest.mark.parametrize("by", ["in place", "by way of data"])
def test_a_step_that_is_meant_to_follow_a_gradient_of_elsewhere_is_no_fault(by: str) -> None:
    """Sharpness-aware minimization, which ends higher than a plain loop on these batches."""
    torch.manual_seed(0)
    model, source = mlp(), torch.Generator().manual_seed(3)
    x = torch.randn(256, 8, generator=source)
    y = torch.sin(x @ torch.randn(8, generator=source)) + x[:, 0] * x[:, 1]
    optimizer, losses = SGD(model.parameters(), 0.05), []
    watch = steepest.watch(model, optimizer, store=False, prove=20)

    def moved(parts: list[torch.Tensor]) -> None:
        for weight, part in zip(model.parameters(), parts, strict=True):
            if by == "in place":
                with torch.no_grad():
                    weight.add_(part)
            else:
                weight.data.add_(part)

    for _ in range(60):
        rows = torch.randperm(256, generator=source)[:32]
        closure: Any = lambda: squares(model, x[rows], y[rows])  # noqa: E731, B023
        watch.probe(closure)
        loss = closure()
        watch.loss(loss)
        loss.backward()
        slopes = [weight.grad.clone() for weight in model.parameters()]
        length = torch.cat([slope.flatten() for slope in slopes]).norm()
        away = [2.0 * slope / length for slope in slopes]
        moved(away)
        optimizer.zero_grad()
        closure().backward()
        moved([-part for part in away])
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    watch.close()
    record = watch.run.record
    assert [one.sentence for one in watch.run.verdict.findings if one.code == "SD413"] == []
    assert record.resets.elsewhere > 50
    assert record.proof is None
    assert "moves the weights itself" in record.not_measured["proof"]
