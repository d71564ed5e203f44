"""The loss as an equation: compared with PyTorch's losses, whole and row by row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special

from steepest.formula import cost, of_one_row, parse_expression, parse_model, to_mathml, to_text
from steepest.formula.partial import Gives, partial

COLUMNS = ("x", "y")
PREDICTION = torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)
TARGET = torch.tensor([0.0, 1.0, 1.0, 3.0], dtype=torch.float64)
CLASS = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)

F = torch.nn.functional
LOSSES: dict[str, tuple[Gives | None, torch.Tensor, Callable[..., torch.Tensor]]] = {
    "mse": (None, TARGET, F.mse_loss),
    "mae": (None, TARGET, F.l1_loss),
    "rmse": (None, TARGET, lambda p, y, **by: F.mse_loss(p, y, **by).sqrt()),
    "huber": (None, TARGET, F.huber_loss),
    "logit": ("logit", CLASS, F.binary_cross_entropy_with_logits),
    "probability": ("probability", CLASS, F.binary_cross_entropy),
}
WORDS: dict[str, Any] = {
    **{"mean": np.mean, "sqrt": np.sqrt, "abs": np.abs, "where": np.where, "log": np.log},
    "softplus": lambda x: -special.log_expit(-x),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_value_is_the_loss_of_pytorch(loss: str) -> None:
    gives, target, torchs = LOSSES[loss]
    name = "cross-entropy" if gives else loss
    node = cost(parse_model("y ~ a*x", COLUMNS), name, gives)
    values = {**WORDS, "prediction": PREDICTION.numpy(), "y": target.numpy()}
    assert eval(to_text(node), {}, values) == pytest.approx(torchs(PREDICTION, target).item())
    rows = torchs(PREDICTION, target, reduction="none")
    rows = rows**2 if loss == "rmse" else rows
    assert eval(to_text(of_one_row(node)), {}, values) == pytest.approx(rows.numpy())


@pytest.mark.parametrize(
    ("formula", "loss", "weight", "row"),
    [
        ("y ~ a*x", "mse", "a", "2*(prediction - y)*x"),
        ("y ~ a*x", "rmse", "a", "(prediction - y)*x/rmse"),
        ("y ~ a**0", "mse", "a", "0"),
    ],
    ids=["mean", "root", "nothing"],
)
def test_one_row_of_a_partial(formula: str, loss: str, weight: str, row: str) -> None:
    node = partial(parse_model(formula, COLUMNS), weight, loss)
    assert node is not None
    assert to_text(of_one_row(node)) == row


@pytest.mark.parametrize(
    ("formula", "loss", "gives", "text"),
    [
        ("y ~ prediction*x", "mse", None, "mean((prediction*x - y)**2)"),
        ("log(y) ~ a*x", "mae", None, "mean(abs(prediction - log(y)))"),
        ("y ~ sigmoid(a*x)", "cross-entropy", None, None),
    ],
    ids=["a-weight-called-prediction", "target", "sigmoid"],
)
def test_reads_well(formula: str, loss: str, gives: Gives | None, text: str | None) -> None:
    written = "mean(-(y*log(prediction)) - (1 - y)*log(1 - prediction))"
    assert to_text(cost(parse_model(formula, COLUMNS), loss, gives)) == (text or written)


def test_bare_expression_is_its_own_loss() -> None:
    formula = parse_expression("x**2")
    assert to_text(cost(formula)) == "x**2"
    assert of_one_row(formula.model) == formula.model


def test_in_mathml() -> None:
    drawn = to_mathml(cost(parse_model("y ~ a*x", COLUMNS), "huber"))
    assert "<mtext>if </mtext>" in drawn


def test_unknown_loss() -> None:
    with pytest.raises(ValueError, match="hinge"):
        cost(parse_model("y ~ a*x", COLUMNS), "hinge")
