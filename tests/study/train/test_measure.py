"""What a trained network can do, and its gradient, against scikit-learn and PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steepest
from steepest.problem.options import read_train_options
from steepest.study.train.plan import plan_of
from steepest.study.train.rows import Split, read_rows

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")
NETWORK = "64-32-relu-10"


@pytest.fixture(scope="module")
def split() -> Split:
    return read_rows(
        DIGITS, read_train_options({"network": NETWORK, "target": "digit", "validation": 0.2})
    )


def test_metrics_and_confusion_are_those_of_scikit_learn(
    digits: tuple[steepest.NetworkRun, Path], split: Split
) -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

    run, _ = digits
    assert split.held is not None
    said = run.predict(split.held.inputs).astype(int)
    shares = run.probabilities(split.held.inputs)
    own = split.held.targets
    assert run.accuracy == pytest.approx(accuracy_score(own, said))
    assert run.loss == pytest.approx(log_loss(own, shares), rel=1e-4)
    assert run.confusion is not None
    assert np.array_equal(run.confusion, confusion_matrix(own, said, labels=range(10)))
    wrong = np.flatnonzero(own != said)
    assert run.learned.wrong is not None
    assert run.learned.wrong.tolist() == [
        [split.held.rows[place], own[place], said[place]] for place in wrong
    ]


def test_rows_are_held_out_once(split: Split) -> None:
    assert split.held is not None
    both = np.concatenate([split.learned.rows, split.held.rows])
    assert np.array_equal(np.sort(both), np.arange(1797))
    assert len(split.held) == round(0.2 * 1797)


def test_so_many_rows_are_drawn_before_some_are_held_out() -> None:
    given = {"network": NETWORK, "target": "digit", "validation": 0.2, "rows": 500}
    some = read_rows(DIGITS, read_train_options(given))
    assert some.held is not None
    both = np.concatenate([some.learned.rows, some.held.rows])
    assert (len(both), len(np.unique(both)), len(some.held)) == (500, 500, 100)
    whole = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(some.learned.targets, whole[some.learned.rows, -1])
    again = read_rows(DIGITS, read_train_options({**given, "seed": 1}))
    assert len(np.intersect1d(again.learned.rows, some.learned.rows)) < 300
    assert len(read_rows(DIGITS, read_train_options({**given, "rows": 9999})).learned) == 1438


def test_the_gradient_is_explained_as_pytorch_computes_it(split: Split) -> None:
    given: dict[str, Any] = {
        "network": NETWORK,
        "target": "digit",
        "lr": 0.02,
        "validation": 0.2,
        "steps": 30,
    }
    run = steepest.train(DIGITS, **given, remedies=False)
    found = run.learned.explained
    assert found is not None
    assert run.record.standstill is not None
    # The batch of the next step, and the weights where the training stands.
    asked = read_train_options(given)
    batch = plan_of(asked, split).batches.take(30, 1)[0]
    last = run.record.standstill.arrays[:4]
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    for parameter, values in zip(model.parameters(), last, strict=True):
        parameter.data = torch.tensor(np.array(values))
    inputs = torch.tensor(split.learned.inputs[batch])
    targets = torch.tensor(split.learned.targets[batch].astype(np.int64))
    hidden = model[0](inputs)
    outputs = model[2](model[1](hidden))
    hidden.retain_grad()
    outputs.retain_grad()
    loss = nn.functional.cross_entropy(outputs, targets)
    loss.backward()
    assert (found.step, found.rows) == (30, 64)
    assert found.loss == pytest.approx(loss.item(), rel=1e-4)
    slopes = [parameter.grad.numpy() for parameter in model.parameters()]  # type: ignore[union-attr]
    for tensor, values, slope in zip(found.tensors, last, slopes, strict=True):
        length = np.linalg.norm(slope)
        assert tensor.shape == slope.shape
        assert tensor.gradient == pytest.approx(length, rel=1e-3), tensor.name
        assert tensor.weight == pytest.approx(np.linalg.norm(values), rel=1e-4), tensor.name
        assert tensor.update == pytest.approx(0.02 * length, rel=1e-3), tensor.name

    # Backwards through the layers.
    names = [what for what, *_ in found.passes]
    assert names[0] == "inputs"
    assert names[-1] == "loss: cross-entropy"
    for (_, shape, value, adjoint), wanted in zip(
        found.passes[1:3], [(model[1](hidden), hidden), (outputs, outputs)], strict=True
    ):
        assert shape == tuple(wanted[0].shape)
        assert value == pytest.approx(wanted[0].detach().norm().item(), rel=1e-3)
        assert wanted[1].grad is not None
        assert adjoint == pytest.approx(wanted[1].grad.norm().item(), rel=1e-3)

    # Each row's own gradient along that of the batch.
    whole = np.concatenate([slope.ravel() for slope in slopes])
    along, lengths = [], []
    for place in range(64):
        one = nn.functional.cross_entropy(
            model(inputs[place : place + 1]), targets[place : place + 1]
        )
        parts = torch.autograd.grad(one, list(model.parameters()))
        flat = np.concatenate([part.numpy().ravel() for part in parts])
        along.append(flat @ whole / np.linalg.norm(whole))
        lengths.append(np.linalg.norm(flat))
    order = np.argsort(-np.abs(along))[:10]
    assert [pull.row for pull in found.pulls] == split.learned.rows[batch[order]].tolist()
    for pull, place in zip(found.pulls, order, strict=True):
        assert pull.pull == pytest.approx(along[place], rel=1e-3)
        assert pull.length == pytest.approx(lengths[place], rel=1e-3)
        assert pull.target == int(targets[place])
        assert pull.output == int(outputs[place].argmax())
    assert np.array_equal(found.pictures, split.learned.inputs[batch[order]])

    # The units of the first layer that are asked for most.
    assert list(found.units) == np.argsort(-np.linalg.norm(slopes[0], axis=1))[:8].tolist()
    np.testing.assert_allclose(
        found.unit_gradients, slopes[0][list(found.units)], rtol=1e-3, atol=1e-6
    )
