"""The text is compared by eye, once, here; its value with PyTorch's gradient of the loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from tests.autograd import LOSSES as THEIRS

from steepest.formula.nodes import Formula, Node
from steepest.formula.parse import parse_expression, parse_model
from steepest.formula.partial import Gives, partial
from steepest.formula.render import to_latex, to_mathml, to_text
from steepest.words.errors import UsageError

COLUMNS = ("x", "y", "time", "speed")


def text_of(
    formula: Formula,
    weight: str,
    loss: str | None = None,
    gives: Gives | None = None,
    how: Callable[[Node], str] = to_text,
) -> str | None:
    found = partial(formula, weight, loss, gives)
    return None if found is None else how(found)


WRITTEN: dict[tuple[str, str, str, Gives | None], str] = {
    ("speed ~ a*time**2 + b*time + c", "a", "mse", None): ("mean(2*(prediction - speed)*time**2)"),
    ("speed ~ a*time**2 + b*time + c", "c", "mse", None): "mean(2*(prediction - speed))",
    ("y ~ a*x", "a", "mae", None): "mean(sign(prediction - y)*x)",
    ("y ~ a*x", "a", "rmse", None): "mean((prediction - y)*x)/rmse",
    ("y ~ a*x", "a", "huber", None): "mean(clip(prediction - y, -1, 1)*x)",
    ("y ~ a*x", "a", "cross-entropy", None): "mean((sigmoid(prediction) - y)*x)",
    ("y ~ a*x", "a", "cross-entropy", "logit"): "mean((sigmoid(prediction) - y)*x)",
    ("y ~ a*x", "a", "cross-entropy", "probability"): (
        "mean((prediction - y)/(prediction*(1 - prediction))*x)"
    ),
    ("y ~ sigmoid(a*x + b)", "a", "cross-entropy", None): "mean((prediction - y)*x)",
    ("y ~ sigmoid(a*x + b)", "b", "cross-entropy", "probability"): "mean(prediction - y)",
    ("y ~ sigmoid(a*x)", "a", "cross-entropy", "logit"): (
        "mean((sigmoid(prediction) - y)*x*sigmoid(a*x)*(1 - sigmoid(a*x)))"
    ),
    ("log(y) ~ a - b*x", "b", "mse", None): "mean(-2*(prediction - log(y))*x)",
    ("y - 1 ~ a*x", "a", "mae", None): "mean(sign(prediction - (y - 1))*x)",
    ("y ~ -a*x", "a", "mae", None): "mean(-sign(prediction - y)*x)",
    ("y ~ a/x", "a", "rmse", None): "mean((prediction - y)/x)/rmse",
    ("y ~ sqrt(a)", "a", "mse", None): "mean((prediction - y)/sqrt(a))",
    ("y ~ prediction*x", "prediction", "mse", None): "mean(2*(prediction*x - y)*x)",
    ("y ~ a*x + rmse", "a", "rmse", None): (
        "mean((prediction - y)*x)/sqrt(mean((prediction - y)**2))"
    ),
    ("y ~ a**0", "a", "mse", None): "0",
}


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: " / ".join(map(str, case)))
def test_reads_well(case: tuple[str, str, str, Gives | None]) -> None:
    text, weight, loss, gives = case
    assert text_of(parse_model(text, COLUMNS), weight, loss, gives) == WRITTEN[case]


LOSSES = {name if gives == "value" else gives: loss for (name, gives), loss in THEIRS.items()}
MODELS: dict[str, Callable[..., torch.Tensor]] = {
    "a*x + b": lambda a, b, x: a * x + b,
    "a*(1 - exp(-b*x))": lambda a, b, x: a * (1 - torch.exp(-b * x)),
    "sigmoid(a*x - b)": lambda a, b, x: torch.sigmoid(a * x - b),
    "a/(b + x)/9": lambda a, b, x: a / (b + x) / 9,
}


# A straight line gives no probability.
PAIRS = [(m, loss) for m in MODELS for loss in LOSSES if (m, loss) != ("a*x + b", "probability")]


@pytest.mark.parametrize(("model", "loss"), PAIRS)
def test_value_is_the_gradient_of_pytorch(model: str, loss: str) -> None:
    x = torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    if loss not in ("logit", "probability"):
        y = 3 * y + x
    weights = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in (("a", 0.7), ("b", 0.3))
    }
    prediction = MODELS[model](weights["a"], weights["b"], x)
    value = LOSSES[loss](prediction, y)
    value.backward()
    names: dict[str, Any] = {
        **{word: getattr(np, word) for word in ("mean", "sign", "clip", "exp", "tanh")},
        **{"sigmoid": special.expit, "rmse": value.item(), "x": x.numpy(), "y": y.numpy()},
        **{"prediction": prediction.detach().numpy(), "a": 0.7, "b": 0.3},
    }
    formula = parse_model(f"y ~ {model}", COLUMNS)
    gives: Gives | None = {"logit": "logit", "probability": "probability"}.get(loss)  # type: ignore[assignment]
    named = "cross-entropy" if gives else loss
    for weight, tensor in weights.items():
        text = text_of(formula, weight, named, gives)
        assert text is not None
        assert tensor.grad is not None
        assert eval(text, {}, names) == pytest.approx(tensor.grad.item(), rel=1e-12)


def test_bare_expression_is_its_own_loss() -> None:
    formula = parse_expression("x**2")
    assert text_of(formula, "x") == "2*x"
    assert text_of(formula, "x", how=to_latex) == r"2 \cdot x"
    assert "<mn>2</mn><mo>⋅</mo><mi>x</mi>" in (text_of(formula, "x", how=to_mathml) or "")


def test_in_latex() -> None:
    formula = parse_model("speed ~ a*time", COLUMNS)
    assert text_of(formula, "a", "mse", how=to_latex) == (
        r"\operatorname{mean}\left(2 \cdot \left(\mathrm{prediction} - \mathrm{speed}\right)"
        r" \cdot \mathrm{time}\right)"
    )


def test_too_long_to_write_is_none() -> None:
    formula = parse_model("y ~ " + "*".join(f"(a+x{i})" for i in range(45)), COLUMNS)
    assert text_of(formula, "a", "mse") is None


def test_unknown_loss() -> None:
    with pytest.raises(UsageError, match="hinge"):
        text_of(parse_model("y ~ a", COLUMNS), "a", "hinge")
