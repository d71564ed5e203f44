"""The loss as an equation: compared with PyTorch's losses, whole and row by row."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from tests.autograd import LOSSES, NAMED_LOSSES, ROW_COSTS

from steepest.formula.cost import cost, of_one_row
from steepest.formula.parse import parse_expression, parse_model
from steepest.formula.partial import Gives, partial
from steepest.formula.render import to_mathml, to_text
from steepest.words.errors import UsageError

COLUMNS = ("x", "y")
PREDICTION = torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)
TARGET = torch.tensor([0.0, 1.0, 1.0, 3.0], dtype=torch.float64)
CLASS = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)

WORDS: dict[str, Any] = {
    **{
        "mean": np.mean,
        "sqrt": np.sqrt,
        "abs": np.abs,
        "where": np.where,
        "log": np.log,
        "cosh": np.cosh,
    },
    "softplus": lambda x: -special.log_expit(-x),
}


@pytest.mark.parametrize("key", LOSSES, ids=NAMED_LOSSES)
def test_value_is_the_loss_of_pytorch(key: tuple[str, Gives]) -> None:
    name, gives = key
    target = TARGET if gives == "value" else CLASS
    node = cost(parse_model("y ~ a*x", COLUMNS), name, gives)
    values = {**WORDS, "prediction": PREDICTION.numpy(), "y": target.numpy()}
    wanted = LOSSES[key](PREDICTION, target).item()
    assert eval(to_text(node), {}, values) == pytest.approx(wanted)
    rows = ROW_COSTS[key](PREDICTION, target)
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
    with pytest.raises(UsageError, match="hinge"):
        cost(parse_model("y ~ a*x", COLUMNS), "hinge")
