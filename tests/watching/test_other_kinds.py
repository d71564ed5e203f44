"""Kinds of trainings that were blamed falsely: against another network, of few rows, of densities.

And what is not finite for a reason that has nothing to do with the steps.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from tests.watching.test_illnesses import Loop, adam, mlp
from tests.watching.test_misread import INPUTS, blamed, groups, judged, rows, some, take_step
from torch import nn
from torch.nn import functional

import steepest
from steepest.records.verdict import Verdict


def one(verdict: Verdict, code: str) -> str:
    found = [finding.sentence for finding in verdict.findings if finding.code == code]
    assert found, blamed(verdict)
    return found[0]


# Against another network


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lr", [1e-3, 1e-4, 1e-5])
def test_a_loss_that_another_network_raises_says_nothing_of_the_rate(lr: float, seed: int) -> None:
    """A hinge GAN: at the smaller rates the judge is ahead, and the maker's loss rises."""
    torch.manual_seed(seed)
    judge = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(), nn.Linear(32, 1))
    maker = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    theirs, ours = (
        torch.optim.Adam(part.parameters(), rate, betas=(0.5, 0.9))
        for part, rate in ((judge, 1e-3), (maker, lr))
    )
    with steepest.watch(maker, ours, store=False) as watch:
        for _ in range(200):
            loss = -judge(maker(torch.randn(64, 4))).mean()
            watch.loss(loss)
            ours.zero_grad()
            loss.backward()
            ours.step()
            real, made = 0.3 * torch.randn(64, 2) + 2, maker(torch.randn(64, 4)).detach()
            theirs.zero_grad()
            (functional.relu(1 - judge(real)) + functional.relu(1 + judge(made))).mean().backward()
            theirs.step()
    assert watch.verdict.learning_rate == "not measured"
    assert blamed(watch.verdict) == []


# Of few rows


@pytest.mark.parametrize("seed", [*range(6), 8, 11, 22])
def test_one_row_is_not_all_targets(seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(256, INPUTS)
    y = torch.sin(x @ torch.randn(INPUTS)) + 0.5 * x[:, 0]
    model = nn.Sequential(nn.Linear(INPUTS, 16), nn.Tanh(), nn.Linear(16, 1))
    taken = torch.randint(0, 256, (160, 1))

    def loss(i: int) -> Any:
        return functional.mse_loss(model(x[taken[i]]).squeeze(1), y[taken[i]])

    assert blamed(judged(Loop(model, adam(model, 3e-3), loss, steps=160))) == []


@pytest.mark.parametrize("seed", range(6))
def test_losses_that_scatter_have_not_stopped_falling(seed: int) -> None:
    torch.manual_seed(seed)
    x, y = groups()
    model = nn.Sequential(nn.Linear(INPUTS, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
    whole = []

    def loss(i: int) -> Any:
        if i in (100, 199):
            with torch.no_grad():
                whole.append(float(functional.cross_entropy(copy.deepcopy(model)(x), y)))
        return functional.cross_entropy(model(x[some(i, 4)]), y[some(i, 4)])

    verdict = judged(Loop(model, adam(model, 3e-3), loss, steps=200))
    assert whole[1] < 0.8 * whole[0]
    assert blamed(verdict) == []


@pytest.mark.parametrize("outputs", [2, 4])
def test_a_sum_over_outputs_is_none_over_rows(outputs: int) -> None:
    """With a rate so large that it diverges, for which another cause is looked for."""
    torch.manual_seed(0)
    x, _ = rows()
    model, true = mlp(INPUTS, 32, outputs), torch.randn(INPUTS, outputs)

    def loss(i: int) -> Any:
        return (model(x[some(i)]) - x[some(i)] @ true).square().mean(0).sum()

    verdict = judged(Loop(model, torch.optim.SGD(model.parameters(), 5.0), loss))
    assert "SD413" not in {finding.code for finding in verdict.findings}
    assert verdict.learning_rate == "too large"


# Of densities


def test_inputs_of_a_density_are_not_scaled() -> None:
    """Scaled inputs have another density: its logarithm is higher, and nothing is learned."""

    class Flow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean, self.log = (nn.Parameter(torch.zeros(2)) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = (x - self.mean) * torch.exp(-self.log)
            return 0.5 * z.square().sum(1) + self.log.sum()

    torch.manual_seed(0)
    x = torch.randn(512, 2) * torch.tensor([6.0, 8.0]) + torch.tensor([3.0, -5.0])
    model = Flow()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with steepest.watch(model, optimizer, store=False, prove=10) as watch:
        for i in range(60):

            def closure(i: int = i) -> Any:
                return model(x[some(i)]).mean()

            take_step(watch, optimizer, closure)
    assert watch.run is not None
    proof = watch.run.record.proof
    assert proof is not None
    assert any(found.kind == "scaled inputs" for found in proof.replays)
    assert not any("scaled inputs" in remedy.change for remedy in watch.run.record.remedies)


# What is not finite


def of_a_row(kind: str, i: int, x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    if kind == "no number" and i == 20:
        x[5, 2] = math.nan
    return x


@pytest.mark.parametrize("kind", ["no number", "no row counts"])
def test_losses_of_single_rows_are_no_average_over_nothing(kind: str) -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = nn.ModuleDict({"only": nn.Linear(INPUTS, 4)})

    def loss(i: int) -> Any:
        out = model["only"](of_a_row(kind, i, x[some(i)]))
        each = functional.cross_entropy(out, y[some(i)], reduction="none")
        counts = torch.zeros(32) if kind == "no row counts" and i == 20 else torch.ones(32)
        return (each * counts).sum() / counts.sum()

    verdict = judged(Loop(model, adam(model), loss, steps=40))
    said = " ".join(blamed(verdict))
    assert "SD406: At step 20" in said
    assert "ignored" not in said
    assert "SD308" not in said


def alignments(x: torch.Tensor) -> tuple[nn.Module, Any]:
    model = nn.Linear(INPUTS, 5)
    targets = x[:, :5].abs().long().clamp(1, 4)

    def loss(i: int) -> Any:
        frames = torch.full((32,), 10)
        frames[3] = 3 if i == 20 else 10
        out = model(x[some(i)])[:, None].expand(-1, 10, -1)
        return functional.ctc_loss(
            out.log_softmax(2).transpose(0, 1), targets[some(i)], frames, torch.full((32,), 5)
        )

    return model, loss


def determinants(x: torch.Tensor) -> tuple[nn.Module, Any]:
    model = nn.Linear(INPUTS, 4)

    def loss(i: int) -> Any:
        found = model(x[some(i)]).view(-1, 2, 2)
        found = (
            found
            @ found.transpose(1, 2)
            * (torch.arange(32) != (6 if i == 20 else -1))[:, None, None]
        )
        return torch.logdet(found).square().mean()

    return model, loss


def far_away(x: torch.Tensor) -> tuple[nn.Module, Any]:
    model = nn.Linear(INPUTS, 1)

    def loss(i: int) -> Any:
        given = x[some(i)].clone()
        given[9] *= 1e25 if i == 20 else 1
        return functional.mse_loss(model(given)[:, 0], x[some(i), 0])

    return model, loss


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (alignments, "no way to fit a target into its frames"),
        (determinants, "the log of a determinant of 0), for row 6"),
        (far_away, "Look for numbers of that size among those that go into it"),
    ],
)
def test_what_is_too_large_without_having_grown(made: Any, said: str) -> None:
    torch.manual_seed(0)
    x, _ = rows()
    model, loss = made(x)
    verdict = judged(Loop(model, adam(model, 1e-2), loss, steps=40), probes=True)
    sentence = one(verdict, "SD406")
    assert sentence.startswith("At step 20 ")
    assert said in sentence
    assert "had grown" not in sentence
    assert verdict.headline == sentence


# What cuts a graph


def test_the_call_that_cuts_is_named_and_what_would_cut_after_it() -> None:
    class Codes(nn.Module):
        def __init__(self, *, detached: bool) -> None:
            super().__init__()
            self.into, self.out = nn.Linear(INPUTS, 4), nn.Linear(4, INPUTS)
            self.codes, self.detached = nn.Embedding(16, 4), detached

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = self.into(x)
            apart = torch.cdist(z.detach() if self.detached else z, self.codes.weight)
            found: torch.Tensor = self.out(self.codes(apart.argmin(1)))
            return found

    torch.manual_seed(0)
    x, _ = rows()
    said = []
    for detached in (True, False):
        model = Codes(detached=detached)

        def loss(i: int, model: nn.Module = model) -> Any:
            return functional.mse_loss(model(x[some(i)]), x[some(i)])

        said.append(one(judged(Loop(model, adam(model), loss), probes=True), "SD411"))
    assert "cut by detach" in said[0]
    assert "Without it the way is cut by argmin, which has no slope" in said[0]
    assert "cut by argmin" in said[1]
    assert "It has no slope" in said[1]


def test_a_comparison_that_only_checks_cuts_nothing() -> None:
    """Inside of Categorical the targets are checked by a comparison without a gradient."""
    torch.manual_seed(0)
    x, y = groups()
    model = nn.ModuleDict({"policy": nn.Linear(INPUTS, 4), "value": nn.Linear(INPUTS, 1)})

    def loss(i: int) -> Any:
        drawn = torch.distributions.Categorical(logits=model["policy"](x[some(i)]))
        chosen = drawn.log_prob(y[some(i)]).detach()
        value = functional.mse_loss(model["value"](x[some(i)])[:, 0], x[some(i), 0])
        return value - chosen.mean()

    sentence = one(judged(Loop(model, adam(model), loss), probes=True), "SD411")
    assert "cut by detach" in sentence
    assert sentence.endswith("Leave that call out.")


@pytest.mark.parametrize("call", [torch.sign, torch.round])
def test_an_operation_without_a_slope_is_named(call: Any) -> None:
    class Level(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return call(x)

    torch.manual_seed(0)
    x, y = groups()
    model = nn.Sequential(nn.Linear(INPUTS, 16), Level(), nn.Linear(16, 4))
    verdict = judged(
        Loop(model, adam(model), lambda i: functional.cross_entropy(model(x[some(i)]), y[some(i)]))
    )
    assert f"by way of {call.__name__}, whose slope is zero" in one(verdict, "SD409")


def test_layers_that_learn_later_and_that_no_optimizer_has_are_named() -> None:
    torch.manual_seed(0)
    x, y = groups()
    model = mlp(INPUTS, 16, 4)
    first = model[0]
    first.requires_grad_(False)

    def loss(i: int) -> Any:
        first.requires_grad_(i >= 20)
        return functional.cross_entropy(model(x[some(i)]), y[some(i)])

    verdict = judged(Loop(model, adam(model), loss))
    assert "0.weight and 0.bias never moved" in one(verdict, "SD408")


def test_complex_parameters_are_not_probed() -> None:
    torch.manual_seed(0)
    weights = nn.Parameter(torch.randn(4, 4, dtype=torch.cfloat))
    optimizer = torch.optim.SGD([weights], 1e-4)
    with steepest.watch([weights], optimizer, store=False) as watch:
        for _ in range(30):

            def closure() -> Any:
                return (100 * weights.imag**2 + weights.real**2).sum()

            take_step(watch, optimizer, closure)
    assert watch.run is not None
    assert watch.run.record.probes == ()
    assert "complex" in watch.run.record.not_measured["probes"]


# Steps that are rounded away


@pytest.mark.parametrize(
    ("lr", "narrow", "severity"),
    [(1e-4, True, "warning"), (4e-4, True, "info"), (1e-4, False, None)],
)
def test_steps_that_weights_of_16_bits_round_away(
    lr: float, narrow: bool, severity: str | None
) -> None:
    """In float32 the same training falls at the smaller rate too; in bfloat16 it stays."""
    torch.manual_seed(0)
    x, y = groups()
    kind = torch.bfloat16 if narrow else torch.float32
    model, x = mlp(INPUTS, 32, 4, act=nn.ReLU).to(kind), x.to(kind)
    optimizer = adam(model, lr)
    same: list[float] = []

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        before = [weight.detach().clone() for weight in model.parameters()]
        optimizer.step()
        still = [(a == b).sum() for a, b in zip(before, model.parameters(), strict=True)]
        same.append(float(sum(still)) / sum(weight.numel() for weight in before))

    def loss(i: int) -> Any:
        return functional.cross_entropy(model(x[some(i)]), y[some(i)])

    verdict = judged(Loop(model, optimizer, loss, steps=150, move=move))
    found = [one for one in verdict.findings if one.code == "SD416"]
    assert [one.severity for one in found] == ([] if severity is None else [severity])
    if found:
        told = found[0].evidence["share"]
        assert isinstance(told, float)
        assert told == pytest.approx(same[64], abs=0.05)
        assert "Keep the weights in float32" in found[0].sentence


# Loops with one slip in them


def in_epochs(slip: str) -> Verdict:
    torch.manual_seed(0)
    x, y = torch.randn(640, 12), torch.zeros(640)
    y = (x[:, 0] + x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 2))
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    if slip == "clipped":
        optimizer = torch.optim.SGD(model.parameters(), 0.05, weight_decay=1e-2)
    with steepest.watch(model, optimizer, store=False) as watch:
        for epoch in range(6):
            if slip == "made anew" or (slip == "made anew later" and epoch == 3):
                optimizer = torch.optim.Adam(model.parameters(), 3e-3)
            for taken in torch.randperm(640).split(32):
                out = model(x[taken])
                nll = slip == "no softmax"
                loss = (functional.nll_loss if nll else functional.cross_entropy)(out, y[taken])
                watch.loss(loss)
                optimizer.zero_grad()
                loss.backward()
                if slip == "clipped":
                    nn.utils.clip_grad_norm_(model.parameters(), 1e-4)
                optimizer.step()
            if slip == "held out unscaled":
                with torch.no_grad():
                    out = model(40 * x[:64] + 100)
                    watch.validation(functional.cross_entropy(out, y[:64]))
    return watch.verdict


@pytest.mark.parametrize(("slip", "steps"), [("made anew", 0), ("made anew later", 60)])
def test_an_optimizer_that_was_made_anew_is_named(slip: str, steps: int) -> None:
    sentence = one(in_epochs(slip), "SD408")
    assert f"took {steps} step" in sentence
    assert "though 120 losses were given" in sentence
    assert "made anew after the watch began" in sentence
    assert "never called" not in sentence


def test_a_gradient_that_was_clipped_is_not_outweighed_by_weight_decay() -> None:
    verdict = in_epochs("clipped")
    assert "SD404" not in {finding.code for finding in verdict.findings}
    assert "the same length" in one(verdict, "SD413")


def test_outputs_that_are_no_logs_of_probabilities_are_named() -> None:
    assert "Take log_softmax" in one(in_epochs("no softmax"), "SD412")
    assert in_epochs("") is not None
    assert "SD412" not in {finding.code for finding in in_epochs("").findings}


def test_held_out_rows_of_another_scale_are_thought_of() -> None:
    verdict = in_epochs("held out unscaled")
    said = [f.sentence for f in verdict.findings if f.code in ("SD601", "SD602")]
    assert said
    assert all("scaled otherwise" in sentence for sentence in said)


@pytest.mark.parametrize("scale", [1.0, 20_000.0])
def test_a_gradient_s_length_is_nothing_to_steps_that_do_not_follow_it(scale: float) -> None:
    torch.manual_seed(0)
    x, _ = rows()
    y = torch.sin(x @ torch.randn(INPUTS)) + 0.5 * x[:, 0]
    model = mlp(INPUTS, 48, 1, act=nn.ReLU)

    def loss(i: int) -> Any:
        out = model(x[some(i)])[:, 0] * scale + 2.5 * scale
        return functional.mse_loss(out, scale * y[some(i)] + 2.5 * scale)

    verdict = judged(Loop(model, adam(model, 3e-3), loss, steps=160))
    assert blamed(verdict) == []
