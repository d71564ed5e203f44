"""Trainings made sick on purpose, each beside its healthy twin: the right finding, and none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import steepest
from steepest.checks.training import judge_training
from steepest.records.training import TrainingRecord, Validation
from steepest.records.verdict import Finding, Verdict
from steepest.watching import Attached


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """On networks this small, several only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SEED = 0
ROWS = 1500
"""Rows to learn from; the rest is held out."""

SGD, Adam = torch.optim.SGD, torch.optim.Adam


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images of 64 pixels from -1 to 1, and what they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = torch.randperm(len(found.data), generator=torch.Generator().manual_seed(1))
    x = torch.tensor(found.data, dtype=torch.float32)[order] / 8 - 1
    return x, torch.tensor(found.target)[order]


def mlp(act: type[nn.Module] = nn.ReLU, hidden: int = 1, width: int = 32) -> nn.Sequential:
    layers = [nn.Linear(64, width), act()]
    for _ in range(hidden - 1):
        layers += [nn.Linear(width, width), act()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Cut(nn.Module):
    """The way back to the first layer is cut."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__()
        self.first, self.second, self.cut = nn.Linear(64, 32), nn.Linear(32, 10), cut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.first(x))
        return self.second(hidden.detach() if self.cut else hidden)  # type: ignore[no-any-return]


def frozen() -> nn.Module:
    model = mlp()
    model[0].requires_grad_(False)
    return model


def exploding() -> nn.Module:
    model = mlp(hidden=4)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 3.0)
    return model


def dead() -> nn.Module:
    model = mlp()
    nn.init.constant_(model[0].bias, -30.0)  # type: ignore[arg-type]
    return model


def convolutions(*, norm: bool = False) -> nn.Module:
    """The biases before the norms get no gradient but rounding."""
    norms = [nn.BatchNorm2d(8), nn.BatchNorm2d(16)] if norm else [nn.Identity(), nn.Identity()]
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), norms[0], nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3), norms[1], nn.ReLU(), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.lstm(x.view(-1, 8, 8))[0][:, -1])


class Transformer(nn.Module):
    """A word for each row of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Linear(8, 32), nn.Parameter(torch.randn(8, 32) * 0.02)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "gelu", batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.block(self.words(x.view(-1, 8, 8)) + self.places).mean(1))


@dataclass(frozen=True)
class Training:
    """A loop over the digits. The defaults are healthy."""

    model: Callable[[], nn.Module] = mlp
    optimizer: Callable[..., torch.optim.Optimizer] = SGD
    options: Mapping[str, Any] = field(default_factory=dict)
    lr: float = 0.1
    epochs: int = 8
    batch: int = 64
    rows: int = ROWS
    shuffle: bool = True
    sorted: bool = False
    strange_labels: bool = False
    zero: str = "before"
    """When the gradients are reset: before backward, after it, never."""
    factor: float = 1.0
    """By which the inputs are multiplied, once they are all above zero."""
    planted: bool = False
    """A NaN in row 7 of batch 3."""
    chosen: Callable[[nn.Module], Any] = nn.Module.parameters

    def run(self, seed: int = SEED) -> TrainingRecord:
        """Train, watched."""
        torch.manual_seed(seed)
        x, y = digits()
        if self.factor != 1:
            x = (x + 1) * self.factor
        if self.strange_labels:
            y = y[torch.randperm(len(y))]
        held_out = x[ROWS:], y[ROWS:]
        x, y = x[: self.rows], y[: self.rows]
        if self.sorted:
            order = torch.argsort(y)
            x, y = x[order], y[order]
        model = self.model()
        optimizer = self.optimizer(self.chosen(model), self.lr, **self.options)
        watch = Attached(model, [optimizer], probe_every=32)
        for epoch in range(self.epochs):
            order = torch.randperm(self.rows) if self.shuffle else torch.arange(self.rows)
            for number, rows in enumerate(order.split(self.batch)):
                inputs, targets = x[rows], y[rows]
                if self.planted and epoch == 0 and number == 3:
                    inputs[7, 3] = float("nan")
                loss: Any = cross_entropy(model(inputs), targets)
                watch.loss(loss)
                if self.zero == "before":
                    optimizer.zero_grad()
                loss.backward()
                if self.zero == "after":
                    optimizer.zero_grad()
                watch.probe(lambda x=inputs, y=targets: cross_entropy(model(x), y))  # type: ignore[misc]
                optimizer.step()
            with torch.no_grad():
                watch.validation(cross_entropy(model(held_out[0]), held_out[1]))
        watch.detach()
        return watch.record("0")


SGD_1 = Training()
MOMENTUM = Training(optimizer=SGD, options={"momentum": 0.9}, lr=0.02)
ADAM = Training(optimizer=Adam, lr=1e-3, epochs=12)
DEEP = Training(model=lambda: mlp(hidden=4), optimizer=Adam, lr=1e-3)
FIVE = Training(model=lambda: mlp(nn.Sigmoid, 5), optimizer=Adam, lr=3e-3)
"""Adam scales the short gradients, and learns."""

CASES: dict[str, tuple[Training, Mapping[str, Any], str]] = {
    # name: the healthy twin, what makes it sick, the code of the finding
    "too large, sgd": (SGD_1, {"lr": 20.0}, "SD101"),
    "too large, momentum": (MOMENTUM, {"lr": 5.0}, "SD101"),
    "too large, adam": (ADAM, {"lr": 1.0}, "SD101"),
    "too small, sgd": (SGD_1, {"lr": 1e-5}, "SD102"),
    "too small, momentum": (MOMENTUM, {"lr": 1e-6}, "SD102"),
    "too small, adam": (ADAM, {"lr": 1e-7}, "SD102"),
    "inputs not scaled": (
        replace(SGD_1, model=lambda: mlp(nn.Tanh)),
        {"factor": 1000.0, "lr": 1e-3},
        "SD304",
    ),
    "sigmoids that vanish": (DEEP, {"model": lambda: mlp(nn.Sigmoid, 8)}, "SD401"),
    "five sigmoids": (FIVE, {"optimizer": SGD, "lr": 0.3}, "SD401"),
    "a start that explodes": (DEEP, {"model": exploding}, "SD402"),
    "dead units": (SGD_1, {"model": dead}, "SD403"),
    "steps too short for the weights": (ADAM, {"lr": 1e-7}, "SD404"),
    "a detached layer": (
        replace(SGD_1, model=lambda: Cut(cut=False)),
        {"model": lambda: Cut(cut=True)},
        "SD405",
    ),
    "not a number in the data": (SGD_1, {"planted": True}, "SD406"),
    "gradients never reset": (replace(SGD_1, lr=0.05), {"zero": "never"}, "SD407"),
    "gradients reset too soon": (SGD_1, {"zero": "after"}, "SD407"),
    "a frozen layer": (SGD_1, {"model": frozen}, "SD408"),
    "a forgotten layer": (SGD_1, {"chosen": lambda m: m[2].parameters()}, "SD408"),
    "batches of one row": (SGD_1, {"batch": 1, "epochs": 1}, "SD501"),
    "not shuffled": (SGD_1, {"shuffle": False, "sorted": True}, "SD502"),
    "overfitting": (
        replace(ADAM, lr=3e-3, model=lambda: mlp(width=128), epochs=10),
        {"rows": 80, "batch": 16, "epochs": 150, "lr": 1e-2},
        "SD601",
    ),
    "labels that do not belong": (
        replace(ADAM, lr=5e-3),
        {"strange_labels": True, "epochs": 30},
        "SD602",
    ),
}
USUAL = {
    "batch norm": Training(
        model=lambda: convolutions(norm=True), optimizer=SGD, options={"momentum": 0.9}, lr=0.01
    ),
    "convolutions": Training(model=convolutions, optimizer=Adam, lr=2e-3),
    "dropout and weight decay": Training(
        model=lambda: nn.Sequential(nn.Dropout(0.2), mlp(width=64)),
        optimizer=torch.optim.AdamW,
        options={"weight_decay": 0.05},
        lr=3e-3,
    ),
    "lstm": Training(model=Recurrent, optimizer=Adam, lr=1e-2),
    "transformer": Training(model=Transformer, optimizer=torch.optim.AdamW, lr=3e-3),
}
SICK = {name: replace(twin, **changes) for name, (twin, changes, _) in CASES.items()}
HEALTHY = {name: twin for name, (twin, _, _) in CASES.items()}


def grave(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings if finding.severity != "info"]


def finding(verdict: Verdict, code: str) -> Finding:
    return next(found for found in verdict.findings if found.code == code)


@cache
def record_of(name: str) -> TrainingRecord:
    return SICK[name].run()


@pytest.mark.parametrize("name", CASES)
def test_the_right_finding(name: str) -> None:
    record = record_of(name)
    verdict = judge_training(record)
    assert CASES[name][2] in [found.code for found in verdict.findings]
    # Noise alone is no fault as long as the loss falls.
    assert grave(verdict) or name == "batches of one row"
    assert not record.dropped
    word = name.partition(",")[0]
    if word in ("too large", "too small"):
        assert verdict.learning_rate == word


TWINS = {repr(twin): (name, twin) for name, twin in {**HEALTHY, **USUAL}.items()}


@pytest.mark.parametrize("twin", [pytest.param(t, id=name) for name, t in TWINS.values()])
def test_none_on_the_healthy_twin(twin: Training) -> None:
    record = twin.run()
    verdict = judge_training(record)
    assert grave(verdict) == []
    assert verdict.learning_rate == "not measured"  # no other rate was run
    assert not record.dropped


def test_where_it_began() -> None:
    found = finding(judge_training(record_of("not a number in the data")), "SD406")
    assert found.evidence["step"] == 3
    assert found.evidence["rows"] == [7]
    assert "step 3" in found.sentence
    assert "row 7" in found.sentence
    found = finding(judge_training(record_of("a start that explodes")), "SD402")
    assert found.severity in ("error", "warning")
    found = finding(judge_training(record_of("overfitting")), "SD601")
    step: Any = found.evidence["step"]
    assert 0 < step < 400


@pytest.mark.parametrize("high", [0.0, 3.0])
def test_a_loss_that_was_high_in_between_fell_all_the_same(high: float) -> None:
    """Held out from 1 to 3, learned from .5 to .1, and in between higher or not."""
    record = record_of("overfitting")
    place = np.linspace(0, 1, len(record.trace.step))
    loss = np.interp(place, [0, 0.1, 1], [2.0, 0.5, 0.1]) + high * ((place > 0.57) & (place < 0.69))
    held_out = tuple(
        Validation(step=int(at), loss=float(one))
        for at, one in zip(
            record.trace.step[:: len(place) // 9], [2, *np.linspace(1, 3, 9)], strict=False
        )
    )
    made = replace(record, trace=replace(record.trace, loss=loss), validations=held_out)
    found = finding(judge_training(made), "SD601")
    assert ("over the last third of the steps" in found.sentence) == bool(high)
    assert "fell on" in found.sentence or high


def test_the_loop_of_the_course() -> None:
    """Without an optimizer, as it is written there; and with the reset forgotten."""

    def run(*, reset: bool) -> TrainingRecord:
        torch.manual_seed(0)
        time = torch.arange(20.0)
        speed = torch.randn(20) * 3 + 0.75 * (time - 9.5) ** 2 + 1
        params = torch.randn(3).requires_grad_()
        watch = Attached([params], [])
        for _ in range(30):
            a, b, c = params
            loss: Any = ((a * time**2 + b * time + c - speed) ** 2).mean()
            loss.backward()
            assert params.grad is not None
            params.data -= 1e-5 * params.grad.data
            if reset:
                params.grad = None
            watch.step(loss)
        watch.detach()
        return watch.record("0")

    healthy = run(reset=True)
    verdict = judge_training(healthy)
    assert grave(verdict) == []
    # The best rate is 3.5 times as large, and the minimum at 1.04 is two million steps away.
    assert verdict.learning_rate == "not measured"
    assert healthy.trace.lr[:, 0] == pytest.approx(1e-5, rel=1e-3)
    forgotten = judge_training(run(reset=False))
    assert grave(forgotten)[0] == "SD407"
    assert finding(forgotten, "SD407").evidence["first"] == 1


def test_one_number_of_the_course() -> None:
    x = torch.tensor(3.0).requires_grad_()
    watch = Attached([x], [])
    for _ in range(20):
        loss: Any = x**2
        loss.backward()
        assert x.grad is not None
        x.data -= 1.1 * x.grad
        x.grad.data.zero_()  # A reset that leaves no mark on the tensor.
        watch.step(loss)
    watch.detach()
    record = watch.record("0")
    verdict = judge_training(record)
    assert verdict.learning_rate == "too large"
    assert record.resets.not_reset == 0
    assert record.tensors[0].shape == ()


def test_two_networks_that_share_a_loss_need_no_reset() -> None:
    """The second network's loss leaves gradients in the first, reset before they count."""
    maker, judge = nn.Linear(4, 4), nn.Linear(4, 1)
    first, second = SGD(judge.parameters(), 0.01), SGD(maker.parameters(), 0.01)
    watch = Attached(nn.ModuleList([maker, judge]), [first, second])
    for _ in range(20):
        first.zero_grad()
        made = maker(torch.randn(8, 4))
        one: Any = judge(made.detach()).square().mean()
        one.backward()
        first.step()
        second.zero_grad()
        two: Any = judge(made).mean()
        two.backward()
        second.step()
    watch.detach()
    resets = watch.record("0").resets
    assert (resets.not_reset, resets.emptied) == (0, 0)
    assert resets.steps == 19


def test_units_that_the_steps_killed() -> None:
    """What is wrong is the learning rate, not the start."""
    record = replace(SGD_1, lr=5.0, model=lambda: mlp(hidden=3), epochs=5).run()
    verdict = judge_training(record)
    assert grave(verdict)[0] == "SD101"
    assert verdict.learning_rate == "too large"
    assert "SD403" not in grave(judge_training(replace_samples(record, 0.0)))
    # Dead from the beginning, they say nothing about the learning rate.
    assert "SD101" not in grave(judge_training(record_of("dead units")))


def replace_samples(record: TrainingRecord, dead: float) -> TrainingRecord:
    return replace(
        record, activations=tuple(replace(sample, dead=dead) for sample in record.activations)
    )


@pytest.mark.parametrize("lr", [0.1, 0.5], ids=["slowly", "diverging"])
def test_a_sum_of_gradients_is_not_blamed_on_the_learning_rate(lr: float) -> None:
    record = Training(lr=lr, optimizer=SGD, options={"momentum": 0.9}, zero="never").run()
    verdict = judge_training(record)
    assert "SD407" in grave(verdict)
    assert "SD101" not in grave(verdict)
    assert verdict.learning_rate == "not measured"


def test_what_an_optimizer_does_not_have_it_need_not_reset() -> None:
    record = record_of("a forgotten layer")
    assert grave(judge_training(record)) == ["SD408"]
    # The hidden gradients of the forgotten layer do add up.
    assert record.resets.not_reset == 0
    assert record.resets.steps > 100


def test_steps_that_are_short_everywhere_are_not_blamed_on_the_depth() -> None:
    """The first of ten layers has a thousandth of the last one's gradient, and none moves."""
    verdict = judge_training(Training(model=lambda: mlp(hidden=10), lr=1e-5, epochs=2).run())
    assert verdict.learning_rate == "too small"
    assert "SD401" not in grave(verdict)


@pytest.mark.parametrize(
    ("lr", "steps", "said"), [(0.05, 8, False), (0.05, 60, False), (500.0, 60, True)]
)
def test_what_begins_at_zero_grows_by_its_steps(lr: float, steps: int, said: bool) -> None:
    """As the second matrix of a LoRA: its n-th step is about 1/n as long as it is by then.

    Steps that are too large lead anywhere, on each processor elsewhere, so several are looked at.
    """
    images, labels = digits()
    found = []
    for seed in range(4):
        torch.manual_seed(seed)
        model = nn.Linear(64, 10)
        nn.init.zeros_(model.weight)
        optimizer = SGD(model.parameters(), lr=lr)
        with steepest.watch(model, optimizer, store=False) as watch:
            for step in range(steps):
                rows = slice(20 * step, 20 * step + 20)
                optimizer.zero_grad()
                loss = cross_entropy(model(images[rows]), labels[rows])
                watch.loss(loss)
                loss.backward()
                optimizer.step()
        assert watch.run is not None
        found += [one for one in watch.run.verdict.findings if one.code == "SD404"]
    assert bool(found) is said, found


CURVES = {
    # validation losses, training loss at the end; what is found
    "rises by little and by heart": ([2.0, 0.7, 0.5, 0.53, 0.56, 0.59, 0.62], 0.01, ["SD601"]),
    "rises by little": ([2.0, 0.7, 0.5, 0.53, 0.56, 0.59, 0.62], 0.4, []),
    "rises": ([2.0, 0.7, 0.5, 0.6, 0.7, 0.8, 0.9], 0.4, ["SD601"]),
    "one bad moment": ([2.0, 0.7, 0.5, 0.4, 0.3, 1.2], 0.01, []),
    "to and fro": ([2.0, 0.7, 0.3, 0.6, 0.4, 0.7, 0.5], 0.01, []),
    "falls": ([2.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1], 0.01, []),
    "first when all was learned": ([0.4, 0.42, 0.45, 0.48, 0.5, 0.52], 0.01, ["SD601"]),
    "never falls": ([2.3, 2.4, 2.6, 3.0, 3.4, 3.8], 0.01, ["SD602"]),
}


@pytest.mark.parametrize("name", CURVES)
def test_what_given_curves_say(name: str) -> None:
    losses, last, expected = CURVES[name]
    record = HEALTHY["too large, sgd"].run()
    steps = np.linspace(0, record.steps, len(losses) + 1)[1:]
    changed = replace(
        record,
        validations=tuple(
            Validation(int(step), loss) for step, loss in zip(steps, losses, strict=True)
        ),
        losses=replace(record.losses, last=last),
    )
    verdict = judge_training(changed)
    assert grave(verdict) == expected
    if "SD602" in expected:
        assert "learned by heart" in finding(verdict, "SD602").sentence


def test_the_noise_at_the_end_of_a_training_is_no_fault() -> None:
    """A regression ends where its noise is, and a larger batch would end there, too."""
    torch.manual_seed(0)
    x = torch.randn(640, 4)
    y = x.sum(1, keepdim=True) + 2 * torch.randn(640, 1)
    model = nn.Linear(4, 1)
    optimizer = SGD(model.parameters(), 0.02)
    watch = Attached(model, [optimizer])
    for _ in range(20):
        for rows in torch.randperm(640).split(32):
            loss: Any = (model(x[rows]) - y[rows]).square().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    watch.detach()
    verdict = judge_training(watch.record("0"))
    assert [(f.code, f.severity) for f in verdict.findings] == [("SD501", "info")]


def test_a_loss_that_rises_or_falls_well_is_not_said_to_need_longer_steps() -> None:
    """Though every probe says that longer steps lower the loss of their own batch more."""
    record = record_of("too small, adam")
    assert "SD102" in grave(judge_training(record))
    start = record.losses.start
    for last, expected in ((1.15, False), (0.6, False), (1.0, True)):
        losses = np.linspace(start, last * start, len(record.trace))
        changed = replace(
            record,
            trace=replace(record.trace, loss=losses),
            losses=replace(record.losses, last=float(losses[-1]), lowest=float(losses.min())),
        )
        assert ("SD102" in grave(judge_training(changed))) == expected


def test_without_probes_nothing_is_said_of_a_loss_that_falls_slowly() -> None:
    record = replace(record_of("too small, sgd"), probes=())
    assert judge_training(record).learning_rate == "not measured"
    slow = replace(SGD_1, lr=0.01, epochs=4).run()
    assert slow.losses.last < 0.98 * slow.losses.start
    assert judge_training(slow).learning_rate == "too small"
    assert judge_training(replace(slow, probes=())).learning_rate == "not measured"


def test_pixels_on_their_raw_scale_come_before_the_constant_ones() -> None:
    """As in MNIST, whose margins are 0 in every picture: that is not why it learns badly."""
    draw = np.random.default_rng(0)
    pixels = {f"p{i}": draw.integers(0, 256, 300).astype(float) for i in range(6)}
    darker = (pixels["p0"] + pixels["p1"] > pixels["p2"] + pixels["p3"]).astype(int)
    rows = {**pixels, "p6": np.zeros(300), "p7": np.zeros(300), "darker": darker}
    given: dict[str, Any] = {"target": "darker", "validation": 0.2, "steps": 60, "lr": 1e-4}
    verdict = steepest.train(rows, "8-8-relu-2", remedies=False, **given).verdict
    assert grave(verdict) == ["SD302", "SD304"]
    assert "The inputs are not scaled" in verdict.headline
