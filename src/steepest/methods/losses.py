"""The losses: what each is called, and what a row costs.

What a row costs is a formula of `p`, the prediction, `t`, the target, and `r`, the residual p - t.
From it come the descent, the written equations and derivatives, the exported scripts and the lab.
All losses are means over rows; there is no hidden one half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from steepest.methods.names import by_name, not_known


@dataclass(frozen=True)
class Form:
    """What one row costs, where the model gives one kind of value."""

    cost: str
    """As a formula, for people."""
    slope: str
    """Its derivative by the prediction, for people; `clip` and `sign` may stand in it."""
    operation: str
    """What the step from a prediction or residual to the cost is called in the backward pass."""
    text: str
    passes: str
    """How it passes an adjoint on."""
    computed: str = ""
    """The same cost written so that nothing overflows or cancels, where that differs."""
    through_sigmoid: str = ""
    """The slope by what is inside, where the prediction is a sigmoid and the slopes cancel."""

    @property
    def safe(self) -> str:
        """The formula to compute with."""
        return self.computed or self.cost


@dataclass(frozen=True)
class Loss:
    """How wrong predictions are, in one number."""

    name: str
    convention: Mapping[str, str]
    """By what the model gives: the whole loss in words."""
    forms: Mapping[str, Form]
    """By what the model gives: value, or logit and probability."""
    means: str
    """The loss in a few words."""
    written: str
    """The whole loss and its slope by a prediction, for the docs."""
    slope: str = ""
    kink: str = "none"
    synonyms: tuple[str, ...] = ()
    root: bool = False
    """The root of the mean is taken."""
    squared: bool = False
    """A row costs its residual squared."""
    robust: bool = False
    """The best constant prediction is near the median rather than the mean."""
    of_classes: bool = False
    """Targets are classes, or shares between 0 and 1."""
    serves: frozenset[str] = field(default_factory=lambda: frozenset({"fit", "train"}))
    """The jobs that minimize it."""

    def form(self, gives: str | None) -> Form:
        """The form for what the model gives."""
        return self.forms.get(gives or VALUE) or next(iter(self.forms.values()))

    @property
    def is_quadratic(self) -> bool:
        """Whether the loss of a model that is linear in its weights is a quadratic."""
        return self.squared and not self.root

    @property
    def stages(self) -> int:
        """Operations between a prediction and the loss."""
        return (2 if self.of_classes else 3) + self.root


VALUE: Final = "value"
LOGIT: Final = "logit"
PROBABILITY: Final = "probability"

SQUARE: Final = Form(
    cost="r**2",
    slope="2*r",
    operation="power",
    text="residual**2",
    passes="a square passes it on times 2*residual",
)
SIZE: Final = Form(
    cost="abs(r)",
    slope="sign(r)",
    operation="abs",
    text="|residual|",
    passes="|residual| passes it on times the residual's sign",
)
OF_HUBER: Final = Form(
    cost="where(abs(r) <= 1, r**2/2, abs(r) - 1/2)",
    slope="clip(r, -1, 1)",
    operation="huber",
    text="huber(residual)",
    passes="huber passes it on times the residual, cut off at -1 and 1",
)
OF_LOG_COSH: Final = Form(
    cost="log(cosh(r))",
    slope="tanh(r)",
    operation="log-cosh",
    text="log(cosh(residual))",
    passes="log-cosh passes it on times the residual's hyperbolic tangent",
    computed="r + softplus(-2*r) - log(2)",
)
OF_LOGIT: Final = Form(
    cost="softplus(p) - t*p",
    slope="sigmoid(p) - t",
    operation="cross-entropy",
    text="log(1 + exp(logit)) - target*logit",
    passes="cross-entropy passes it on times its slope on this row",
    computed="(1 - t)*softplus(p) + t*softplus(-p)",
)
OF_PROBABILITY: Final = Form(
    cost="-(t*log(p)) - (1 - t)*log(1 - p)",
    slope="r/(p*(1 - p))",
    operation="cross-entropy",
    text="-(target*log(p) + (1 - target)*log(1 - p))",
    passes="cross-entropy passes it on times its slope on this row",
    computed="-(xlogy(t, p) + xlog1py(1 - t, -p))",
    through_sigmoid="r",
)

MSE: Final = Loss(
    name="mse",
    synonyms=("l2", "squared-error", "mean-squared-error"),
    forms={VALUE: SQUARE},
    convention={VALUE: "the mean over rows of (prediction - target)**2, without a hidden one half"},
    means="the mean of the squared residuals",
    written="mean(r²)",
    slope="2r",
    squared=True,
)
MAE: Final = Loss(
    name="mae",
    synonyms=("l1", "mad", "absolute-error", "mean-absolute-error"),
    forms={VALUE: SIZE},
    convention={VALUE: "the mean over rows of |prediction - target|"},
    means="the mean of the residuals' sizes",
    written=r"mean(\|r\|)",
    slope="the sign of r",
    kink="at r = 0 the slope taken is 0",
    robust=True,
)
RMSE: Final = Loss(
    name="rmse",
    synonyms=("root-mean-squared-error",),
    forms={VALUE: SQUARE},
    convention={VALUE: "the square root of the mean over rows of (prediction - target)**2"},
    means="the root of the mean of the squared residuals",
    written="√mean(r²)",
    slope="r / loss",
    kink="where all r are 0 the slope taken is 0",
    squared=True,
    root=True,
    serves=frozenset({"fit"}),
)
HUBER: Final = Loss(
    name="huber",
    synonyms=("smooth-l1",),
    forms={VALUE: OF_HUBER},
    convention={
        VALUE: "the mean over rows of r**2/2 where the residual r = prediction - target is at "
        "most 1 in size, and of |r| - 1/2 elsewhere"
    },
    means="the mean of the Huber cost of the residuals",
    written=r"mean(r²/2 where \|r\| ≤ 1, else \|r\| - 1/2)",
    slope="r, held between -1 and 1",
    robust=True,
)
LOG_COSH: Final = Loss(
    name="log-cosh",
    synonyms=("logcosh",),
    forms={VALUE: OF_LOG_COSH},
    convention={VALUE: "the mean over rows of log(cosh(prediction - target))"},
    means="the mean of the log-cosh of the residuals",
    written="mean(log(cosh(r))), about r²/2 near 0 and \\|r\\| - log(2) far from it",
    slope="tanh(r)",
    robust=True,
)
CROSS_ENTROPY: Final = Loss(
    name="cross-entropy",
    synonyms=("log-loss", "bce"),
    forms={LOGIT: OF_LOGIT, PROBABILITY: OF_PROBABILITY},
    convention={
        LOGIT: "the mean over rows of log(1 + exp(z)) - target*z, in nats; "
        "the formula gives z, the logit of target 1",
        PROBABILITY: "the mean over rows of -(target*log(p) + (1 - target)*log(1 - p)), in nats; "
        "the formula gives p, the probability of target 1",
    },
    means="the mean cross-entropy",
    written="see [below](#cross-entropy)",
    of_classes=True,
)

LOSS: Final[Mapping[str, Loss]] = by_name((MSE, MAE, RMSE, HUBER, LOG_COSH, CROSS_ENTROPY))
"""Every one by its name."""

LOSSES: Final = tuple(name for name, one in LOSS.items() if "fit" in one.serves)
NETWORK_LOSSES: Final = tuple(
    sorted(
        (name for name, one in LOSS.items() if "train" in one.serves),
        key=lambda name: not LOSS[name].of_classes,
    )
)
"""Those that a network is trained with, that of classes first."""

SQUARED: Final = tuple(name for name, one in LOSS.items() if one.squared)


def loss_named(name: str) -> Loss:
    """The loss of that name. Raises UsageError."""
    if name not in LOSS:
        raise not_known("This loss is not known.", LOSS, name)
    return LOSS[name]
