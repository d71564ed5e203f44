"""Trainings that the watch once misread: healthy ones that it blamed, sick ones it did not name."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.watching.test_illnesses import Loop, adam, mlp
from torch import nn
from torch.nn import functional

import steepest
from steepest.checks.training import judge_training
from steepest.records.verdict import Verdict

ROWS, INPUTS = 256, 8


def rows(noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(ROWS, INPUTS)
    return x, torch.sin(x @ torch.randn(INPUTS)) + 0.5 * x[:, 0] + noise * torch.randn(ROWS)


def groups() -> tuple[torch.Tensor, torch.Tensor]:
    classes = torch.randint(0, 4, (ROWS,))
    return 1.5 * torch.randn(4, INPUTS)[classes] + torch.randn(ROWS, INPUTS), classes


def some(i: int, many: int = 32) -> torch.Tensor:
    return torch.randperm(ROWS, generator=torch.Generator().manual_seed(i))[:many]


def take_step(watch: Any, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> None:
    """One step of a loop that is watched and probed."""
    loss = closure()
    watch.loss(loss)
    watch.probe(closure)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def of_classes(model: nn.Module) -> Loop:
    x, y = groups()
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(x[some(i)]), y[some(i)])
    )


def judged(loop: Loop, *, probes: bool = False) -> Verdict:
    record = loop.run(probes=probes)
    assert record is not None
    return judge_training(record)


def blamed(verdict: Verdict) -> list[str]:
    return [f"{one.code}: {one.sentence}" for one in verdict.findings if one.severity != "info"]


# Healthy


def climbing() -> Loop:
    x, y = groups()
    model = mlp(INPUTS, 32, 4)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, maximize=True)

    def right(i: int) -> Any:
        taken = some(i)
        return functional.softmax(model(x[taken]), 1)[torch.arange(32), y[taken]].mean()

    return Loop(model, optimizer, right, steps=150)


def partial_likelihood() -> Loop:
    """Cox: each row beside all those at risk, summed along one axis."""
    x, y = rows()
    model = mlp(INPUTS, 32, 1)
    when = torch.exp(-y)

    def loss(i: int) -> Any:
        taken = some(i, 64)
        score = model(x[taken]).squeeze(1)
        risk = (when[taken][None] >= when[taken][:, None]).float()
        return (torch.log((risk * torch.exp(score)).sum(1)) - score).mean()

    return Loop(model, adam(model), loss)


def energy_distance() -> Loop:
    """Pairs of predictions beside pairs of predictions and targets."""
    model = mlp(4, 32, 1)

    def loss(i: int) -> Any:
        made, real = model(torch.randn(64, 4)), torch.randn(64) * 0.5 + 2
        return 2 * (made - real).abs().mean() - (made - made.T).abs().mean()

    return Loop(model, adam(model), loss)


def kernel_distance() -> Loop:
    model = mlp(4, 32, 1)

    def near(apart: torch.Tensor) -> torch.Tensor:
        return torch.exp(-apart.square())

    def loss(i: int) -> Any:
        made, real = model(torch.randn(64, 4)), torch.randn(1, 64) * 0.5 + 1
        return near(made - made.T).mean() - 2 * near(made - real).mean()

    return Loop(model, adam(model), loss)


def neighbours_summed() -> Loop:
    """The last layer of a graph network: a matrix of neighbours times the nodes' own numbers."""
    beside = (torch.rand(40, 40) < 0.1).float() + torch.eye(40)
    x = torch.randn(40, INPUTS)
    y = (beside @ x[:, :1]).squeeze(1)
    model = mlp(INPUTS, 32, 1)
    return Loop(
        model, adam(model), lambda i: ((beside * model(x).T).sum(1) - y).square().mean(), steps=150
    )


class Twins(nn.Module):
    """Two encoders whose rows are compared with each other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = mlp(INPUTS, 32, 16), mlp(INPUTS, 32, 16)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        first, second = (
            functional.normalize(net(v), dim=1) for net, v in ((self.one, x), (self.other, y))
        )
        return first @ second.T / 0.1


def both_ways() -> Loop:
    model, own = Twins(), torch.arange(32)

    def loss(i: int) -> Any:
        x = torch.randn(32, INPUTS)
        alike = model(x, x + 0.3 * torch.randn_like(x))
        return -sum(functional.log_softmax(alike, axis)[own, own].mean() for axis in (0, 1))

    return Loop(model, adam(model), loss, steps=150)


def a_list_ranked() -> Loop:
    model, wanted = mlp(INPUTS, 32, 1), torch.randn(INPUTS)

    def loss(i: int) -> Any:
        x = torch.randn(20, INPUTS)
        aim = torch.softmax(x @ wanted, 0)[:, None]
        return -(aim * functional.log_softmax(model(x), 0)).sum()

    return Loop(model, adam(model), loss, steps=150)


def judge_in_a_list() -> Loop:
    """The generator holds its judge where PyTorch does not look, and the judge has an optimizer."""
    judge = mlp(2, 32, 1)
    learns = torch.optim.Adam(judge.parameters(), 1e-3)
    model = mlp(4, 32, 2)
    model.judge = [judge]  # type: ignore[assignment]
    optimizer = adam(model, 1e-3)

    def move(loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learns.zero_grad()
        made = judge(model(torch.randn(64, 4)).detach())
        real = functional.softplus(-judge(torch.randn(64, 2) + 2))
        (real + functional.softplus(made)).mean().backward()
        learns.step()

    return Loop(
        model,
        optimizer,
        lambda i: functional.softplus(-judge(model(torch.randn(64, 4)))).mean(),
        steps=150,
        move=move,
    )


def two_targets_far_apart() -> Loop:
    x, y = rows()
    targets = torch.stack([15 + y, 1013 + x[:, 1]], 1)
    model = mlp(INPUTS, 32, 2)
    last = model[2]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.copy_(targets.mean(0))
    return Loop(
        model,
        adam(model, 1e-2),
        lambda i: functional.mse_loss(model(x[some(i)]), targets[some(i)]),
        steps=300,
    )


def constant_in_the_loss() -> Loop:
    """And layers whose gradient comes from a graph that is built on the way back."""
    x, y = rows()

    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.inner = nn.Linear(INPUTS, 32), mlp(32, 32, 32)
            self.last = nn.Linear(32, 1)

        def forward(self, values: torch.Tensor) -> Any:
            from torch.utils.checkpoint import checkpoint

            hidden = checkpoint(self.inner, torch.relu(self.first(values)), use_reentrant=True)
            return self.last(torch.relu(hidden)).squeeze(1)

    model = Again()
    half = 0.5 * math.log(2 * math.pi)
    return Loop(
        model,
        adam(model),
        lambda i: 0.5 * functional.mse_loss(model(x[some(i)]), y[some(i)]) + half,
        steps=120,
    )


def nothing_left_to_learn() -> Loop:
    """The weights are the true ones: what is left is the scatter of the targets."""
    true = torch.randn(INPUTS)
    model = mlp(INPUTS, 1)
    only = model[0]
    assert isinstance(only, nn.Linear)
    with torch.no_grad():
        only.weight.copy_(true[None])
        only.bias.zero_()
    # The closure that probes is given the same rows as the loop.
    x = torch.randn(150, 64, INPUTS)
    y = x @ true + torch.randn(150, 64)
    return Loop(
        model,
        torch.optim.SGD(model.parameters(), 1e-4),
        lambda i: functional.mse_loss(model(x[i]).squeeze(1), y[i]),
        steps=150,
    )


def harder_by_and_by() -> Loop:
    """What comes in is made noisier from step to step, so the loss rises at any rate."""
    x, y = rows()
    model = mlp(INPUTS, 32, 1)
    before = adam(model, 1e-2)
    for _ in range(200):
        before.zero_grad()
        functional.mse_loss(model(x).squeeze(1), y).backward()
        before.step()
    noise = torch.randn(200, 64, INPUTS)
    return Loop(
        model,
        adam(model, 3e-3),
        lambda i: functional.mse_loss(
            model(x[some(i, 64)] + i / 200 * noise[i]).squeeze(1), y[some(i, 64)]
        ),
        steps=200,
    )


class Scales(nn.Module):
    """Takes pixels as they are, and brings them to the size of one by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = mlp(INPUTS, 32, 4)

    def forward(self, pixels: torch.Tensor) -> Any:
        return self.inner((pixels - 127.5) / 74)


def pixels(make: Callable[[], nn.Module]) -> Callable[[], Loop]:
    def loop() -> Loop:
        usual, classes = torch.rand(4, INPUTS) * 200, torch.randint(0, 4, (ROWS,))
        x = (usual[classes] + 30 * torch.randn(ROWS, INPUTS)).clamp(0, 255)
        model = make()
        return Loop(
            model,
            adam(model, 3e-3),
            lambda i: functional.cross_entropy(model(x[some(i)]), classes[some(i)]),
        )

    return loop


def one_row_at_a_time_too() -> Loop:
    """A curve on many rows, and its ends on one row each, the last of them in the last pass."""
    model = mlp(1, 64, 64, 1, act=nn.ReLU)
    t, end = torch.linspace(0, 2, 64)[:, None], torch.zeros(1, 1)

    def loss(i: int) -> Any:
        inside = (model(t) - torch.sin(3 * t)).square().mean()
        last = (model(end + 2) - math.sin(6)).square().mean()
        return inside + model(end).square().mean() + last

    return Loop(model, adam(model, 3e-3), loss, steps=210)


def small_head() -> Loop:
    model, true = mlp(INPUTS, 256, 4, act=nn.ReLU), torch.randn(INPUTS, 4)
    head = model[2]
    assert isinstance(head, nn.Linear)
    nn.init.normal_(head.weight, std=1e-3)
    nn.init.zeros_(head.bias)

    def loss(i: int) -> Any:
        x = torch.randn(64, INPUTS, generator=torch.Generator().manual_seed(i)) * 1.5
        return functional.smooth_l1_loss(model(x), x @ true + 2, reduction="sum") / 64

    return Loop(model, torch.optim.SGD(model.parameters(), 0.01, momentum=0.9), loss, steps=200)


HEALTHY: dict[str, tuple[Callable[[], Loop], tuple[bool, ...]]] = {
    "climbing": (climbing, (False, True)),
    "partial likelihood": (partial_likelihood, (False, True)),
    "energy distance": (energy_distance, (False,)),
    "kernel distance": (kernel_distance, (False,)),
    "neighbours summed": (neighbours_summed, (False, True)),
    "both ways": (both_ways, (False,)),
    "a list ranked": (a_list_ranked, (False,)),
    "judge in a list": (judge_in_a_list, (False,)),
    "two targets far apart": (two_targets_far_apart, (False, True)),
    "constant in the loss": (constant_in_the_loss, (False,)),
    "nothing left to learn": (nothing_left_to_learn, (True,)),
    "harder by and by": (harder_by_and_by, (True,)),
    "scaled inside": (pixels(Scales), (False,)),
    "scaled by a norm": (
        pixels(lambda: nn.Sequential(nn.BatchNorm1d(INPUTS), *mlp(INPUTS, 32, 4))),
        (False,),
    ),
    "one row at a time too": (one_row_at_a_time_too, (False,)),
    "small head": (small_head, (False,)),
}


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad:UserWarning")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("loop", "probes"),
    [
        pytest.param(loop, probes, id=f"{name}{', probed' * probes}")
        for name, (loop, ways) in HEALTHY.items()
        for probes in ways
    ],
)
def test_the_healthy_are_not_blamed(loop: Callable[[], Loop], seed: int, *, probes: bool) -> None:
    torch.manual_seed(seed)
    assert blamed(judged(loop(), probes=probes)) == []


# Sick


def one_target_far_away() -> Loop:
    x, y = rows()
    y[7] = 1e4
    model = mlp(INPUTS, 32, 1)
    return Loop(
        model,
        adam(model, 3e-3),
        lambda i: functional.mse_loss(model(x[some(i, 64)]).squeeze(1), y[some(i, 64)]),
        steps=100,
    )


def squashed_out_of_reach() -> Loop:
    x, y = rows()
    model = nn.Sequential(*mlp(INPUTS, 32, 1), nn.Tanh())
    return Loop(
        model,
        adam(model, 1e-2),
        lambda i: functional.mse_loss(model(x[some(i)]).squeeze(1), 20 + y[some(i)]),
        steps=100,
    )


def targets_too_wide() -> Loop:
    x, y = rows()
    targets = 1e4 * (y - y.mean())
    model = mlp(INPUTS, 64, 1)
    return Loop(
        model,
        adam(model, 5e-3),
        lambda i: functional.mse_loss(model(x[some(i, 64)]).squeeze(1), targets[some(i, 64)]),
        steps=200,
    )


def decays(optimizer: Callable[..., torch.optim.Optimizer], decay: float) -> Callable[[], Loop]:
    def loop() -> Loop:
        x, y = rows()
        model = mlp(INPUTS, 32, 1)
        return Loop(
            model,
            optimizer(model.parameters(), lr=3e-3, weight_decay=decay),
            lambda i: functional.mse_loss(model(x[some(i)]).squeeze(1), y[some(i)]),
            steps=200,
        )

    return loop


class Overwritten(nn.Module):
    """What one branch computes is written over by the other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(INPUTS, 16), nn.Linear(INPUTS, 16)
        self.last = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> Any:
        hidden = torch.relu(self.one(x)).clone()
        hidden[:] = self.other(x)
        return self.last(hidden)


def overwritten() -> Loop:
    return of_classes(Overwritten())


def probabilities_without_a_log() -> Loop:
    x, y = groups()
    model = nn.Sequential(*mlp(INPUTS, 32, 4), nn.Softmax(1))
    return Loop(model, adam(model), lambda i: functional.nll_loss(model(x[some(i)]), y[some(i)]))


def constant_inputs() -> Loop:
    _, y = groups()
    x = torch.full((ROWS, INPUTS), 0.5)
    model = mlp(INPUTS, 32, 4)
    return Loop(
        model,
        adam(model),
        lambda i: functional.cross_entropy(model(x[some(i)]), y[some(i)]),
        steps=140,
    )


def unscaled() -> Loop:
    return pixels(lambda: mlp(INPUTS, 32, 4))()


SICK: dict[str, tuple[Callable[[], Loop], str, str]] = {
    "one target far away": (one_target_far_away, "SD303", "is 10,000, and those of the 63 others"),
    "squashed out of reach": (squashed_out_of_reach, "SD307", "no weights reach them"),
    "targets too wide": (targets_too_wide, "SD307", "far wider than what comes out"),
    "decay in the gradient": (decays(torch.optim.Adam, 5.0), "SD404", "as hard as the loss does"),
    "decay of the weights": (decays(torch.optim.AdamW, 50.0), "SD404", "takes 15 % of each weight"),
    "overwritten": (overwritten, "SD409", "one.weight and one.bias is exactly zero"),
    "no log": (probabilities_without_a_log, "SD412", "without a log"),
    "unscaled": (unscaled, "SD304", "The inputs are not scaled"),
    "constant inputs": (constant_inputs, "SD603", "inputs themselves are the same"),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("loop", "code", "said"), SICK.values(), ids=SICK)
def test_the_cause_is_named(loop: Callable[[], Loop], code: str, said: str, seed: int) -> None:
    torch.manual_seed(seed)
    verdict = judged(loop())
    found = [one for one in verdict.findings if one.code == code]
    assert found, blamed(verdict)
    assert said in found[0].sentence
    assert verdict.learning_rate != "too large"


def test_a_minus_before_the_loss_is_told_and_no_rate_is_offered() -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = mlp(INPUTS, 32, 4)
    optimizer = adam(model, 1e-2)
    with steepest.watch(model, optimizer, store=False, prove=1) as watch:
        for i in range(60):
            taken = some(i)

            def closure(taken: torch.Tensor = taken) -> Any:
                return -functional.cross_entropy(model(x[taken]), y[taken])

            take_step(watch, optimizer, closure)
    assert watch.run is not None
    assert watch.verdict.learning_rate == "not measured"
    assert "take the minus away" in watch.verdict.headline
    assert watch.run.record.remedies == ()
    assert "worse" in watch.run.record.not_measured["proof"]


def test_a_layer_that_comes_after_the_watch_is_named() -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = mlp(INPUTS, 32, 4)
    optimizer = adam(model)
    with steepest.watch(model, optimizer, store=False) as watch:
        model[2] = nn.Linear(32, 4)
        before = copy.deepcopy(model[2].state_dict())
        for i in range(30):
            loss = functional.cross_entropy(model(x[some(i)]), y[some(i)])
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert all(torch.equal(before[name], now) for name, now in model[2].state_dict().items())
    assert [(one.code, one.severity) for one in watch.verdict.findings] == [("SD408", "error")]
    assert "2.weight and 2.bias came into the model after the watch began" in watch.verdict.headline


@pytest.mark.parametrize("length", [5e-4, 2.0**-11])
def test_a_clipped_gradient_is_laid_to_no_scaler_where_none_is(length: float) -> None:
    torch.manual_seed(0)
    x, y = rows()
    model = mlp(INPUTS, 32, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def move(loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), length)
        optimizer.step()

    verdict = judged(
        Loop(
            model,
            optimizer,
            lambda i: functional.mse_loss(model(x[some(i)]).squeeze(1), y[some(i)]),
            move=move,
        )
    )
    (found,) = [one for one in verdict.findings if one.code == "SD413"]
    assert found.severity == "info"
    assert "Scaler" not in found.sentence


def rankers() -> Loop:
    """Of two scores only the difference counts, so the last bias has no gradient, as it must."""
    x, y = rows()
    model = mlp(INPUTS, 32, 1)

    def loss(i: int) -> Any:
        one, other = some(i), some(i + 1000)
        apart = model(x[one]) - model(x[other])
        return functional.softplus(-apart.squeeze(1) * torch.sign(y[one] - y[other])).mean()

    return Loop(model, adam(model), loss, steps=120)


def moving_average() -> Loop:
    """A target network in the optimizer's list, frozen, that follows the learner."""
    model = nn.ModuleDict({"learner": mlp(INPUTS, 16, 4), "target": mlp(INPUTS, 16, 4)})
    model["target"].requires_grad_(False)
    optimizer = adam(model)
    x, _ = rows()

    def loss(i: int) -> Any:
        taken = x[some(i)]
        aim = model["target"](taken + 0.1 * torch.randn_like(taken))
        return 1 - functional.cosine_similarity(model["learner"](taken), aim).mean()

    def move(lost: torch.Tensor) -> None:
        optimizer.zero_grad()
        lost.backward()
        optimizer.step()
        with torch.no_grad():
            pairs = zip(model["target"].parameters(), model["learner"].parameters(), strict=True)
            for behind, ahead in pairs:
                behind.lerp_(ahead, 0.05)

    return Loop(model, optimizer, loss, move=move, steps=120)


class Pooler(nn.Module):
    """With a head that this task has no use for."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.pooler = mlp(INPUTS, 32, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.body(x)


def unused_head() -> Loop:
    return of_classes(Pooler())


@pytest.mark.parametrize("loop", [rankers, moving_average, unused_head])
def test_what_does_not_move_by_its_own_gradient_is_let_be(loop: Callable[[], Loop]) -> None:
    torch.manual_seed(1)
    assert blamed(judged(loop())) == []


def test_two_eps_of_one_optimizer_are_no_trouble() -> None:
    torch.manual_seed(0)
    x, y = rows()
    model = mlp(INPUTS, 16, 1)
    optimizer = torch.optim.Adafactor(model.parameters(), lr=1e-2)
    loop = Loop(
        model, optimizer, lambda i: functional.mse_loss(model(x[some(i)])[:, 0], y[some(i)])
    )
    assert loop.run(probes=True) is not None


def test_a_group_that_is_added_on_the_way_loses_no_step() -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = mlp(INPUTS, 16, 4)
    optimizer = torch.optim.SGD(model[2].parameters(), 0.1)
    with steepest.watch(model, optimizer, store=False) as watch:
        for i in range(128):
            if i == 65:
                optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 0.01})
            loss = functional.cross_entropy(model(x[some(i)]), y[some(i)])
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert watch.run is not None
    assert len(watch.run.record.trace) == 128
    assert not watch.run.record.dropped


def test_weights_that_were_lost_before_any_step_are_no_step_s() -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = mlp(INPUTS, 16, 4)
    last = model[2]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight[0, 0] = math.inf
    loop = Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(x[some(i)]), y[some(i)])
    )
    said = " ".join(one.sentence for one in judged(loop).findings)
    assert "step -1" not in said
    assert "the optimizer's own step made" not in said


def test_a_proof_survives_a_change_that_does_not_suit_the_model() -> None:
    """Its outputs are two, which no hook can scale as one; and its loss is one of derivatives."""
    torch.manual_seed(0)
    x, y = rows()

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(INPUTS, 16, 1)

        def forward(self, values: torch.Tensor) -> Any:
            out = self.body(values).squeeze(1)
            return out, out.mean()

    model = Two()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with steepest.watch(model, optimizer, store=False, prove=4) as watch:
        for i in range(30):

            def closure(i: int = i) -> Any:
                values = x[some(i)].clone().requires_grad_()
                out, _ = model(values)
                (slope,) = torch.autograd.grad(out.sum(), values, create_graph=True)
                aim = 50 + 9 * y[some(i)]
                return functional.mse_loss(out, aim) + 1e-3 * slope.square().mean()

            take_step(watch, optimizer, closure)
    assert watch.run is not None
    proof = watch.run.record.proof
    assert proof is not None, watch.run.record.not_measured
    assert len(proof.replays) > 3
    assert proof.failed
