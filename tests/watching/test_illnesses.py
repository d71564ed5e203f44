"""Trainings that people reported as going wrong, made small, each beside its healthy twin.

What is wrong is named, and on the twin nothing is said: with the two lines of a watch alone, and
with a closure as well.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import steepest
from steepest.checks.training import judge_training
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, Verdict
from steepest.watching import Attached

ROWS, WIDE = 32, 8


@dataclass
class Loop:
    """One training: the loss of step i, and how it moves."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[int], Any]
    steps: int = 60
    move: Callable[[torch.Tensor], None] | None = None
    resets: bool = True
    """Whether each pass begins with a reset; else `move` does what there is to reset."""

    def run(self, *, probes: bool, watched: bool = True) -> TrainingRecord | None:
        """Train."""
        watch = Attached(self.model, [self.optimizer], probe_every=40) if watched else None
        for step in range(self.steps):

            def closure(step: int = step) -> Any:
                return self.loss(step)

            loss = closure()
            if watch is not None:
                watch.loss(loss)
                if probes:
                    watch.probe(closure)
            if self.resets:
                self.optimizer.zero_grad()
            if self.move is not None:
                self.move(loss)
            else:
                loss.backward()
                self.optimizer.step()
        if watch is None:
            return None
        watch.detach()
        return watch.record("0")


def mlp(
    *sizes: int, act: type[nn.Module] = nn.Tanh, last: nn.Module | None = None
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), act()]
    return nn.Sequential(*layers[:-1], *([] if last is None else [last]))


def adam(model: nn.Module, lr: float = 5e-3) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)


def numbers() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of a regression."""
    slope = torch.randn(WIDE)
    while True:
        x = torch.randn(ROWS, WIDE)
        yield x, torch.sin(x @ slope) + 0.5 * x[:, 0]


def classes(many: int = 10, rare: float = 0.5) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of classes; of two, the second has the share `rare`."""
    centres = 2 * torch.randn(many, WIDE)
    shares = torch.tensor([1 - rare, rare]) if many == 2 else torch.ones(many)
    while True:
        y = torch.multinomial(shares, ROWS, replacement=True)
        yield centres[y] + torch.randn(ROWS, WIDE), y


def taken(batches: Iterator[Any], many: int = 60) -> list[Any]:
    return [next(batches) for _ in range(many)]


def every_pair(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 1), taken(numbers())

    def loss(i: int) -> Any:
        x, y = data[i]
        return (model(x) - (y if sick else y.unsqueeze(1))).square().mean()

    return Loop(model, adam(model), loss)


def softmax_twice(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10, last=nn.Softmax(1) if sick else None), taken(classes())
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(data[i][0]), data[i][1])
    )


def sigmoid_twice(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 1, last=nn.Sigmoid() if sick else None), taken(classes(2))
    logits = functional.binary_cross_entropy_with_logits
    return Loop(
        model, adam(model), lambda i: logits(model(data[i][0]).squeeze(1), data[i][1].float())
    )


def along_the_batch(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())

    def loss(i: int) -> Any:
        x, y = data[i]
        return functional.nll_loss(functional.log_softmax(model(x), 0 if sick else 1), y)

    return Loop(model, adam(model), loss)


def softmax_of_one(sick: bool) -> Loop:
    model = mlp(WIDE, 16, 1, last=nn.Softmax(1) if sick else nn.Sigmoid())
    data = taken(classes(2))
    return Loop(
        model,
        torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True),
        lambda i: functional.mse_loss(model(data[i][0]), data[i][1].float().unsqueeze(1)),
    )


class Listed(nn.Module):
    """Layers in a plain list."""

    def __init__(self, *, plain: bool):
        super().__init__()
        layers = [nn.Linear(WIDE, 16), nn.Linear(16, 4)]
        self.layers: Any = {"hidden": layers} if plain else nn.ModuleList(layers)
        self.head = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> Any:
        layers = self.layers["hidden"] if isinstance(self.layers, dict) else self.layers
        for layer in layers:
            x = torch.tanh(layer(x))
        return self.head(x)


def layers_in_a_list(sick: bool) -> Loop:
    model, data = Listed(plain=sick), taken(numbers())
    return Loop(
        model,
        adam(model),
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1]),
    )


def another_model(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = adam(model)
    trained = copy.deepcopy(model) if sick else model
    return Loop(
        trained, optimizer, lambda i: functional.cross_entropy(trained(data[i][0]), data[i][1])
    )


def clipped_while_scaled(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = torch.optim.SGD(model.parameters(), 0.3)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)

    def move(loss: torch.Tensor) -> None:
        scaler.scale(loss).backward()
        if not sick:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    return Loop(
        model,
        optimizer,
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1]),
        move=move,
    )


def root_under_where(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 1), taken(numbers())
    nn.init.constant_(model[2].bias, 0.3)  # type: ignore[arg-type]

    def loss(i: int) -> Any:
        x, y = data[i]
        z = model(x).squeeze(1)
        root = torch.sqrt(z if sick else z.clamp(min=1e-2))
        return functional.mse_loss(torch.where(z > 0, root, 0.1 * z), y)

    return Loop(model, adam(model), loss, steps=40)


class Attention(nn.Module):
    """Looks at the words that are no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x: torch.Tensor, pad: torch.Tensor) -> Any:
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = (q @ k.transpose(1, 2) / 4).masked_fill(pad[:, None], float("-inf"))
        return torch.softmax(scores, -1) @ v


class Reader(nn.Module):
    """Words through attention."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.attention = nn.Embedding(12, 16), Attention()
        self.head = nn.Linear(16, 12)

    def forward(self, words: torch.Tensor, pad: torch.Tensor) -> Any:
        x = self.words(words)
        return self.head(x + self.attention(x, pad))


def all_is_padding(sick: bool) -> Loop:
    model = Reader()
    data = []
    for i in range(40):
        words, length = torch.randint(1, 12, (8, 10)), torch.randint(3, 11, (8,))
        if sick and i == 12:
            length[3] = 0
        pad = torch.arange(10)[None] >= length[:, None]
        data.append((words.masked_fill(pad, 0), pad))

    def loss(i: int) -> Any:
        words, pad = data[i]
        return functional.cross_entropy(model(words, pad)[~pad], words[~pad])

    return Loop(model, adam(model), loss, steps=40)


def log_by_hand(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10, act=nn.ReLU), taken(classes())
    data[20][0][5] *= 3000

    def loss(i: int) -> Any:
        x, y = data[i]
        out = model(x)
        log = torch.log(torch.softmax(out, 1)) if sick else functional.log_softmax(out, 1)
        return functional.nll_loss(log, y)

    return Loop(model, adam(model), loss, steps=40)


def all_ignored(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    for i, (_, y) in enumerate(data):
        y[torch.rand(ROWS) < 0.5] = -100
        if sick and i == 30:
            y[:] = -100
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(data[i][0]), data[i][1])
    )


def far_targets(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 1), taken(numbers(), 140)
    far, wide = (2e5, 8e4) if sick else (0.0, 1.0)
    return Loop(
        model,
        adam(model),
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), far + wide * data[i][1]),
        steps=140,
    )


def last_relu(sick: bool) -> Loop:
    model = mlp(WIDE, 16, 1, last=nn.ReLU() if sick else None)
    nn.init.constant_(model[2].bias, -9.0 if sick else 0.5)  # type: ignore[arg-type]
    data = taken(numbers())
    return Loop(
        model,
        adam(model),
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1]),
    )


def stays_in_eval(sick: bool) -> Loop:
    model = nn.Sequential(
        nn.Linear(WIDE, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10)
    )
    data = taken(classes())

    def loss(i: int) -> Any:
        if i % 20 == 10:
            model.eval()
            with torch.no_grad():
                model(data[0][0])
            model.train(not sick)
        return functional.cross_entropy(model(data[i][0]), data[i][1])

    return Loop(model, adam(model), loss)


def of_argmax(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())

    def loss(i: int) -> Any:
        x, y = data[i]
        if sick:
            found = model(x).argmax(1).float()
            return functional.mse_loss(found, y.float()).requires_grad_()
        return functional.cross_entropy(model(x), y)

    return Loop(model, adam(model), loss)


def constant_start(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 16, 1), taken(numbers())
    if sick:
        for tensor in model.parameters():
            nn.init.constant_(tensor, 0.05)
    return Loop(
        model,
        adam(model),
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1]),
    )


def summed_up(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10, act=nn.ReLU), taken(classes())
    kind = "sum" if sick else "mean"
    return Loop(
        model,
        torch.optim.SGD(model.parameters(), 0.2, momentum=0.9),
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1], reduction=kind),
    )


def no_step(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = adam(model)

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        if not sick:
            optimizer.step()

    return Loop(
        model,
        optimizer,
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1]),
        move=move,
    )


class TwoHeads(nn.Module):
    """Classes, and one number beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = mlp(WIDE, 32, 16), nn.Linear(16, 10)
        self.aux = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> Any:
        hidden = torch.tanh(self.body(x))
        return self.head(hidden), self.aux(hidden).squeeze(1)


def term_as_a_number(sick: bool) -> Loop:
    model, data = TwoHeads(), taken(classes())

    def loss(i: int) -> Any:
        x, y = data[i]
        out, aux = model(x)
        term = functional.mse_loss(aux, x[:, 0])
        return functional.cross_entropy(out, y) + (term.item() if sick else term)

    return Loop(model, adam(model), loss)


def underflow(sick: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = adam(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14, enabled=not sick)

    def loss(i: int) -> Any:
        with torch.autocast("cpu", torch.float16):
            out = model(data[i][0])
        return functional.cross_entropy(out.float(), data[i][1]) * 3e-5

    def move(loss: torch.Tensor) -> None:
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return Loop(model, optimizer, loss, move=move)


def one_class_for_all(sick: bool) -> Loop:
    model = mlp(WIDE, 8, 8, 8, 1, act=nn.Sigmoid if sick else nn.ReLU)
    data = taken(classes(2, 0.06), 140)
    weight = torch.tensor(1.0 if sick else 15.0)
    return Loop(
        model,
        torch.optim.SGD(model.parameters(), 0.05),
        lambda i: functional.binary_cross_entropy_with_logits(
            model(data[i][0]).squeeze(1), data[i][1].float(), pos_weight=weight
        ),
        steps=140,
    )


def out_of_range(sick: bool) -> Loop:
    model, data = mlp(WIDE, 16, 1), taken(classes(2))
    scale = 2.0 if sick else 1.0
    return Loop(
        model,
        adam(model),
        lambda i: functional.binary_cross_entropy_with_logits(
            model(data[i][0]).squeeze(1), scale * data[i][1].float()
        ),
    )


def rate_gone(sick: bool) -> Loop:
    """A schedule for epochs is called once a batch."""
    model, data = mlp(WIDE, 32, 10), taken(classes(), 100)
    optimizer = adam(model)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3 if sick else 60)

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        optimizer.step()
        schedule.step()

    return Loop(
        model,
        optimizer,
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1]),
        steps=100,
        move=move,
    )


def frozen_norm_moves(sick: bool) -> Loop:
    model = nn.Sequential(nn.Linear(WIDE, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    model[:2].requires_grad_(False)
    if not sick:
        model[1].eval()
    data = taken(classes())
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(data[i][0]), data[i][1])
    )


def accumulated(
    reset: bool = False, divided: bool = True, lr: float = 0.1, scaler: Any = None
) -> Loop:
    """Four batches a step."""
    model, data = mlp(WIDE, 32, 1, act=nn.ReLU), taken(numbers(), 120)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    passes = itertools.count(1)

    def move(loss: torch.Tensor) -> None:
        last = next(passes) % 4 == 0
        loss = loss / 4 if divided else loss
        (loss if scaler is None else scaler.scale(loss)).backward()
        if last and scaler is not None:
            scaler.step(optimizer)
            scaler.update()
        elif last:
            nn.utils.clip_grad_norm_(model.parameters(), 100.0)
            optimizer.step()
        if last and not reset:
            optimizer.zero_grad()

    return Loop(
        model,
        optimizer,
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1]),
        steps=120,
        move=move,
        resets=reset,
    )


def reset_between(sick: bool) -> Loop:
    return accumulated(reset=sick)


def added_up(sick: bool) -> Loop:
    return accumulated(divided=not sick, lr=0.2)


def scaler_skips(sick: bool) -> Loop:
    """One row in each batch has a gradient that no scale makes finite."""
    model, data = mlp(WIDE, 16, 1), taken(numbers())
    optimizer = adam(model)
    # A start that is far too high is found out in as many steps as it takes to halve it.
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16 if sick else 2.0**127)

    def loss(i: int) -> Any:
        x, y = data[i]
        off = (model(x).squeeze(1) - y).square()
        return torch.sqrt(off * (torch.arange(ROWS) > 0) if sick else off + 1e-6).mean()

    def move(loss: torch.Tensor) -> None:
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return Loop(model, optimizer, loss, move=move)


class Steps(nn.Module):
    """Sequences through a recurrent layer, of which the last step counts."""

    def __init__(self, **how: Any):
        super().__init__()
        self.body, self.head = nn.GRU(4, 16, **how), nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.body(x)[0][:, -1]).squeeze(1)


def sequences(many: int = 60) -> list[tuple[torch.Tensor, torch.Tensor]]:
    drawn = [torch.randn(ROWS, 5, 4) for _ in range(many)]
    return [(x, x.mean(1).sum(1) + x[:, -1, 0]) for x in drawn]


def batch_as_time(sick: bool) -> Loop:
    model, data = Steps(batch_first=not sick), sequences()
    return Loop(model, adam(model), lambda i: functional.mse_loss(model(data[i][0]), data[i][1]))


class Pooled(nn.Module):
    """Weighs the steps of a sequence, or those of all rows, and has them in another order."""

    def __init__(self, what: str):
        super().__init__()
        self.what = what
        self.body, self.score, self.head = nn.Linear(4, 16), nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> Any:
        h = torch.tanh(self.body(x))
        if self.what == "view":
            h = h.view(5, len(x), 16).transpose(0, 1)
        share = torch.softmax(self.score(h), 0 if self.what == "axis" else 1)
        return self.head((share * h).sum(1)).squeeze(1)


def view_for_transpose(sick: bool) -> Loop:
    model, data = Pooled("view" if sick else ""), sequences()
    return Loop(model, adam(model), lambda i: functional.mse_loss(model(data[i][0]), data[i][1]))


def weighed_along_rows(sick: bool) -> Loop:
    model, data = Pooled("axis" if sick else ""), sequences()
    return Loop(model, adam(model), lambda i: functional.mse_loss(model(data[i][0]), data[i][1]))


def attends_to_rows(sick: bool) -> Loop:
    model = nn.Sequential(
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=not sick),
        nn.Flatten(),
        nn.Linear(40, 1),
    )
    data = [(torch.cat((x, x), 2), y) for x, y in sequences()]
    return Loop(
        model, adam(model), lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1])
    )


CASES: dict[str, tuple[Callable[[bool], Loop], str, str]] = {
    # name: the training, the code of the finding, words that say why or what to do
    "every pair": (every_pair, "SD309", "targets.unsqueeze(1)"),
    "softmax twice": (softmax_twice, "SD412", "below 1.461"),
    "sigmoid twice": (sigmoid_twice, "SD412", "numbers before the sigmoid"),
    "along the batch": (along_the_batch, "SD412", "dim=1"),
    "softmax of one": (softmax_of_one, "SD412", "one number"),
    "layers in a list": (layers_in_a_list, "SD410", "layers['hidden'][0].weight"),
    "another model": (another_model, "SD410", "Make the optimizer from the model"),
    "clipped while scaled": (clipped_while_scaled, "SD413", "unscale_"),
    "root under where": (root_under_where, "SD406", "square root"),
    "all is padding": (all_is_padding, "SD406", "attention"),
    "log by hand": (log_by_hand, "SD406", "log"),
    "all ignored": (all_ignored, "SD308", "step 30"),
    "far targets": (far_targets, "SD307", "Scale the targets"),
    "last relu": (last_relu, "SD409", "take the ReLU away"),
    "stays in eval": (stays_in_eval, "SD414", "model.train()"),
    "of argmax": (of_argmax, "SD411", "requires_grad_"),
    "constant start": (constant_start, "SD415", "random weights"),
    "summed up": (summed_up, "SD413", "divide the learning rate by 32"),
    "no step": (no_step, "SD408", "optimizer.step() was never called"),
    "term as a number": (term_as_a_number, "SD411", "aux.weight and aux.bias"),
    "underflow": (underflow, "SD416", "GradScaler"),
    "one class for all": (one_class_for_all, "SD603", "pos_weight"),
    "out of range": (out_of_range, "SD308", "0 to 2"),
    "rate gone": (rate_gone, "SD104", "once an epoch"),
    "frozen norm moves": (frozen_norm_moves, "SD414", "frozen"),
    "reset between": (reset_between, "SD413", "of about 4 batches"),
    "added up": (added_up, "SD413", "Divide each loss by 4"),
    "scaler skips": (scaler_skips, "SD413", "A GradScaler left out 59 of 60"),
    "batch as time": (batch_as_time, "SD310", "body (GRU), which takes the first axis"),
    "view for transpose": (view_for_transpose, "SD310", "between its layers"),
    "weighed along rows": (weighed_along_rows, "SD310", "axis 0"),
    "attends to rows": (attends_to_rows, "SD310", "batch_first=True"),
}


def judged(name: str, seed: int, *, sick: bool, probes: bool) -> Verdict:
    torch.manual_seed(seed)
    record = CASES[name][0](sick).run(probes=probes)
    assert record is not None
    assert not record.dropped
    return judge_training(record)


def grave(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.severity != "info"]


@pytest.mark.parametrize(("seed", "probes"), [(0, False), (1, True)], ids=["two lines", "probes"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named(name: str, seed: int, *, probes: bool) -> None:
    _, code, says = CASES[name]
    verdict = judged(name, seed, sick=True, probes=probes)
    found = [finding.sentence for finding in grave(verdict) if finding.code == code]
    assert found, [finding.sentence for finding in verdict.findings]
    assert any(says in sentence for sentence in found), found


def test_the_watched_weights_are_those_of_a_training_that_nobody_watches() -> None:
    """Also where a step is run again, a cut is looked for, or a zero."""
    for make in (all_is_padding, root_under_where, log_by_hand, term_as_a_number, last_relu,
                 constant_start, stays_in_eval, underflow, attends_to_rows, moody):  # fmt: skip
        found = []
        for watched in (True, False):
            torch.manual_seed(3)
            loop = make(True)
            loop.run(probes=make is not moody, watched=watched)
            found.append([*loop.model.state_dict().values(), torch.get_rng_state()])
            found[-1] += [
                torch.tensor(getattr(loop.model, "seen", ())),
                *(getattr(loop.model, name) for name in ("hidden",) if hasattr(loop.model, name)),
            ]
        for one, other in zip(*found, strict=True):
            assert torch.equal(torch.nan_to_num(one), torch.nan_to_num(other)), make
            assert torch.equal(torch.isnan(one), torch.isnan(other)), make


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_of_the_healthy_twin(name: str) -> None:
    assert not grave(judged(name, 2, sick=False, probes=True))


# Near misses: what looks like an illness, and is none.


def ranked(_: bool) -> Loop:
    """All pairs of predictions, which is what is meant."""
    model, data = mlp(WIDE, 16, 1), taken(numbers())

    def loss(i: int) -> Any:
        x, y = data[i]
        out = model(x)
        order = torch.sign(y[:, None] - y[None])
        return functional.softplus(-order * (out - out.T)).mean()

    return Loop(model, adam(model), loss)


def attended(_: bool) -> Loop:
    """A softmax over the rows of one bag, before the last layer."""
    model = nn.ModuleList([nn.Linear(WIDE, 1), nn.Linear(WIDE, 1)])
    data = taken(numbers())

    def loss(i: int) -> Any:
        x, y = data[i]
        bag = (torch.softmax(model[0](x), 0) * x).sum(0)
        return (model[1](bag) - y.mean()).square().sum()

    return Loop(model, adam(model), loss)


def contrasted(_: bool) -> Loop:
    """A cross-entropy of N × N similarities, by rows and by columns."""
    model, data = mlp(WIDE, 16), taken(numbers())

    def loss(i: int) -> Any:
        x, _ = data[i]
        one, other = (functional.normalize(model(x + 0.1 * torch.randn_like(x))) for _ in "ab")
        alike, place = one @ other.T / 0.2, torch.arange(ROWS)
        return functional.cross_entropy(alike, place) + functional.cross_entropy(alike.T, place)

    return Loop(model, adam(model), loss)


def against_a_judge(_: bool) -> Loop:
    """Another network stands behind the loss, which an optimizer of its own has."""
    model, judge, data = mlp(WIDE, 16, WIDE), mlp(WIDE, 16, 1), taken(numbers())
    model.other = adam(judge)  # type: ignore[assignment]
    return Loop(model, adam(model), lambda i: functional.softplus(-judge(model(data[i][0]))).mean())


def physical(_: bool) -> Loop:
    """A loss of derivatives by the inputs, which ask for gradients."""
    model = mlp(1, 16, 1)

    def loss(i: int) -> Any:
        t = torch.rand(ROWS, 1).requires_grad_()
        u = model(t)
        (slope,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        return (slope + u).square().mean() + (model(torch.zeros(1, 1)) - 1).square().mean()

    return Loop(model, adam(model), loss)


def zero_head(_: bool) -> Loop:
    """A last layer that begins at zero, as in many residual networks."""
    model, data = mlp(WIDE, 32, 10), taken(classes())
    nn.init.zeros_(model[2].weight)  # type: ignore[arg-type]
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(data[i][0]), data[i][1])
    )


def clipped(_: bool) -> Loop:
    """Clipped to a usual length at most steps, on purpose."""
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = torch.optim.SGD(model.parameters(), 0.3)

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()

    return Loop(
        model,
        optimizer,
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1]),
        move=move,
    )


def summed_and_healthy(_: bool) -> Loop:
    """A sum over rows with a rate that suits a sum."""
    model, data = mlp(WIDE, 32, 10), taken(classes())
    return Loop(
        model,
        torch.optim.SGD(model.parameters(), 0.003),
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1], reduction="sum"),
    )


def warm_restarts(_: bool) -> Loop:
    model, data = mlp(WIDE, 32, 10), taken(classes())
    optimizer = adam(model)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 15)

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        optimizer.step()
        schedule.step()

    return Loop(
        model,
        optimizer,
        lambda i: functional.cross_entropy(model(data[i][0]), data[i][1]),
        move=move,
    )


def time_first(_: bool) -> Loop:
    """Batches of shape (time, rows, features), as PyTorch's layers take them."""
    model, data = nn.GRU(4, 1), sequences()

    def loss(i: int) -> Any:
        x = data[i][0].transpose(0, 1)
        return functional.mse_loss(model(x)[0].squeeze(2), x.sum(2).cumsum(0).sin())

    return Loop(model, adam(model, 0.05), loss)


class Tagger(nn.Module):
    """One sequence of words, and a class for each, as in PyTorch's tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.body = nn.Embedding(12, 8), nn.LSTM(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, words: torch.Tensor) -> Any:
        return self.head(self.body(self.words(words).view(len(words), 1, -1))[0].squeeze(1))


def one_sentence(_: bool) -> Loop:
    model = Tagger()
    data = [torch.randint(0, 12, (int(torch.randint(5, 9, ())),)) for _ in range(60)]
    return Loop(model, adam(model), lambda i: functional.cross_entropy(model(data[i]), data[i] % 3))


class Graph(nn.Module):
    """Two layers over the neighbours of each node, which are given or known."""

    def __init__(self, edges: torch.Tensor | None):
        super().__init__()
        self.edges = edges
        self.one, self.two = nn.Linear(WIDE, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, edges: torch.Tensor | None = None) -> Any:
        chosen = self.edges if edges is None else edges
        assert chosen is not None
        return self.two(chosen @ torch.relu(self.one(chosen @ x)))


def graph(known: bool) -> Callable[[bool], Loop]:
    def nodes(_: bool) -> Loop:
        near = ((torch.rand(ROWS, ROWS) < 0.1) | torch.eye(ROWS).bool()).float()
        edges = near / near.sum(1, keepdim=True)
        model, (x, y) = Graph(edges if known else None), next(classes(3))
        given = () if known else (edges,)
        return Loop(
            model, adam(model), lambda i: functional.cross_entropy(model(x, *given), y), steps=40
        )

    nodes.__name__ = "nodes_known" if known else "nodes_given"
    return nodes


class Moody(nn.Module):
    """Keeps a count, a list and a hidden state between its passes, and draws from its own dice."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(WIDE, 16), nn.BatchNorm1d(16), nn.Linear(16, 1)
        self.passes, self.seen = 0, [0.0]
        self.hidden, self.dice = torch.zeros(16), torch.Generator().manual_seed(1)

    def forward(self, x: torch.Tensor) -> Any:
        self.passes += 1
        self.seen.append(float(x[0, 0]))
        noise = 0.01 * torch.rand(16, generator=self.dice)
        h = torch.tanh(self.norm(self.body(x))) + self.hidden + noise * len(self.seen)
        self.hidden.mul_(0.9).add_(0.01 * h.detach().mean(0))
        return self.head(h).squeeze(1)


def moody(_: bool) -> Loop:
    model, data = Moody(), taken(numbers())
    return Loop(model, adam(model), lambda i: functional.mse_loss(model(data[i][0]), data[i][1]))


def accumulated_and_scaled(_: bool) -> Loop:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    return accumulated(scaler=scaler)


def surgery(_: bool) -> Loop:
    """A gradient for each of two tasks, put together by hand."""
    model, data = mlp(WIDE, 16, 1), taken(numbers(), 120)
    optimizer, kept = adam(model), []

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        kept.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
        if len(kept) == 2:
            for p, one, other in zip(model.parameters(), *kept, strict=True):
                p.grad = (one + other) / 2
            optimizer.step()
            kept.clear()

    return Loop(
        model,
        optimizer,
        lambda i: functional.mse_loss(model(data[i][0]).squeeze(1), data[i][1]),
        steps=120,
        move=move,
    )


def sharpness_aware(_: bool) -> Loop:
    """A pass to climb by, and one from there, whose gradient moves the weights."""
    model, data = mlp(WIDE, 16, 1), taken(numbers(), 120)
    optimizer = adam(model)
    up: list[torch.Tensor] = []

    def move(loss: torch.Tensor) -> None:
        loss.backward()
        with torch.no_grad():
            if up:
                for p, by in zip(model.parameters(), up, strict=True):
                    p.sub_(by)
                up.clear()
                optimizer.step()
                return
            for p in model.parameters():
                assert p.grad is not None
                up.append(0.01 * p.grad / (p.grad.norm() + 1e-9))
                p.add_(up[-1])

    return Loop(
        model,
        optimizer,
        lambda i: functional.mse_loss(model(data[i // 2][0]).squeeze(1), data[i // 2][1]),
        steps=120,
        move=move,
    )


class Looks(nn.Module):
    """Attention from weights so small that its queries hardly get a gradient, as BERT's begin."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(16, 16) for _ in "qkv")
        self.words, self.norm, self.head = nn.Embedding(12, 16), nn.LayerNorm(16), nn.Linear(16, 2)
        for tensor in self.parameters():
            if tensor.dim() > 1:
                nn.init.normal_(tensor, std=0.01)

    def forward(self, words: torch.Tensor) -> Any:
        x = self.norm(self.words(words))
        scores = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) / 4, -1)
        return self.head((x + scores @ self.value(x))[:, 0])


def small_queries(_: bool) -> Loop:
    model, data = Looks(), [torch.randint(0, 12, (ROWS, 6)) for _ in range(60)]
    return Loop(
        model, adam(model), lambda i: functional.cross_entropy(model(data[i]), data[i][:, 0] % 2)
    )


NEAR = (
    small_queries,    accumulated_and_scaled, surgery, sharpness_aware,
    ranked, attended, contrasted, against_a_judge, physical, zero_head, clipped,
    summed_and_healthy, warm_restarts, time_first, one_sentence, graph(True), graph(False), moody,
)  # fmt: skip


@pytest.mark.parametrize("loop", NEAR, ids=lambda loop: loop.__name__)
def test_what_only_looks_like_it_is_let_be(loop: Callable[[bool], Loop]) -> None:
    for seed in (0, 1):
        torch.manual_seed(seed)
        record = loop(False).run(probes=True)
        assert record is not None
        assert not record.dropped
        assert not grave(judge_training(record))


AT_HAND = {
    # The step whose loss is explained.
    "every pair": 0, "softmax twice": 0, "sigmoid twice": 0, "along the batch": 0,
    "softmax of one": 0, "layers in a list": 0, "all ignored": 30, "last relu": 0,
    "term as a number": 0, "out of range": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", AT_HAND)
def test_one_loss_explained_says_what_the_watch_says(name: str) -> None:
    make, code, _ = CASES[name]
    for sick in (True, False):
        torch.manual_seed(4)
        loop = make(sick)
        found = steepest.explain(loop.loss(AT_HAND[name]), loop.model)
        codes = [finding.code for finding in found.findings if finding.severity != "info"]
        assert (code in codes) if sick else not codes
        for finding in found.findings:
            assert finding.sentence.split()[0] in str(found)


def test_nothing_is_said_of_a_loss_that_is_only_unusual() -> None:
    torch.manual_seed(5)
    for make in NEAR:
        loop = make(False)
        found = steepest.explain(loop.loss(0), loop.model).findings
        assert all(finding.severity == "info" for finding in found), make


ROOM = 0.05


def test_reading_graphs_costs_little() -> None:
    """About a hundredth of 1,000 steps, as the processor's time within one run.

    Who shares the machine made up to four of it.
    """
    shares: list[float] = []
    while len(shares) < 3 and (not shares or shares[-1] >= ROOM):
        shares.append(share_of_reading())
    assert shares[-1] < ROOM, shares


def share_of_reading() -> float:
    torch.manual_seed(0)
    loop = softmax_twice(False)
    watch = Attached(loop.model, [loop.optimizer])
    read = watch._reader.loss
    spent = 0.0

    def timed(step: int, loss: torch.Tensor) -> None:
        nonlocal spent
        began = time.process_time()
        read(step, loss)
        spent += time.process_time() - began

    watch._reader.loss = timed  # type: ignore[method-assign]
    began = time.process_time()
    for step in range(1000):
        loss = loop.loss(step % 60)
        watch.loss(loss)
        loop.optimizer.zero_grad()
        loss.backward()
        loop.optimizer.step()
    whole = time.process_time() - began
    watch.detach()
    assert len(watch.record("0").readings) == 7
    return spent / whole
