"""Every option of `fit`, `minimize`, `sweep` and `train`, once.

From these records come the command line with its help, what Python reads and refuses, the
signatures of the package's functions, and the docs. Each record of options has beside it the types
that a caller may give, for editors and type checkers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypedDict

from steepest.methods.losses import (
    CROSS_ENTROPY,
    LOGIT,
    LOSS,
    LOSSES,
    MSE,
    NETWORK_LOSSES,
    PROBABILITY,
)
from steepest.methods.names import Word, by_name
from steepest.methods.optimizers import GD, OPTIMIZER, OPTIMIZERS, SOLVERS
from steepest.methods.option import Asked, Job, Option, option, options_of
from steepest.methods.schedules import CONSTANT, SCHEDULE

Gives = Literal["auto", "probability", "logit"]
GIVES: Final = by_name((Word("auto"), Word(PROBABILITY), Word(LOGIT)))

_ROWS: Final[tuple[Job, ...]] = ("fit", "sweep")
_ALL: Final[tuple[Job, ...]] = ("fit", "minimize", "sweep")
_ALONE: Final[tuple[Job, ...]] = ("fit", "minimize")
_LAB: Final[tuple[Job, ...]] = ("lab",)


@dataclass(frozen=True)
class FitOptions(Asked):
    """Every option of `fit` and `minimize`, with the contract's defaults."""

    loss: str = option(
        MSE.name,
        "What is minimized: a mean over the rows, without a hidden one half.",
        "choice",
        choices={name: LOSS[name] for name in LOSSES},
        refused="This loss is not known.",
        example='"mae"',
        serves=(*_ROWS, *_LAB),
    )
    gives: Gives = option(
        "auto",
        "What the formula gives, under cross-entropy. auto: a probability where its outermost "
        "function is sigmoid, else a logit.",
        "choice",
        choices=GIVES,
        example='"logit"',
        serves=_ROWS,
    )
    where: str | None = option(
        None,
        'Use only the rows where this holds: "time>3".',
        "text",
        metavar="CONDITION",
        example='"x > 0"',
        serves=_ROWS,
    )
    sigma: str | None = option(
        None,
        "The column that says how uncertain each row's target is, as a standard deviation: a row "
        "counts by 1/sigma**2.",
        "text",
        metavar="COLUMN",
        example='"error"',
        serves=_ROWS,
    )
    standardize: bool = option(
        False,
        "Scale the input columns to mean 0 and deviation 1. The weights are reported in your "
        "units too.",
        "truth",
        serves=(*_ROWS, *_LAB),
    )
    batch_size: int | None = option(
        None,
        "How many rows each step looks at.",
        "whole",
        metavar="ROWS",
        example="32",
        unset="all rows",
        serves=(*_ROWS, *_LAB),
    )
    validation: float | None = option(
        None,
        "Hold out this share of the rows, such as 0.2, to measure the loss on.",
        "real",
        metavar="SHARE",
        example="0.2",
        serves=("fit",),
        synonyms=("validation_split",),
    )
    patience: int | None = option(
        None,
        "Stop after so many passes over the data without a lower loss on the rows held out.",
        "whole",
        metavar="EPOCHS",
        example="10",
        serves=("fit",),
    )
    optimizer: str = option(
        GD.name,
        f"How a gradient becomes a step. {' and '.join(SOLVERS)} are solvers and need no learning "
        "rate.",
        "choice",
        choices=OPTIMIZER,
        refused="This optimizer is not known.",
        example='"adam"',
        serves=(*_ALL, *_LAB),
    )
    momentum: float | None = option(
        None,
        "Share of the last step that goes into the next one, from 0 to below 1.",
        "real",
        metavar="BETA",
        example="0.9",
        unset="0.9 where the optimizer has one",
        serves=(*_ALL, *_LAB),
    )
    lr: float | str | Mapping[str, float] | None = option(
        "auto",
        "Learning rate: how far a step goes for a gradient of 1. auto looks for the one that "
        "arrives first. a=1e-5,b=0.3 gives each weight its own.",
        "rate each",
        metavar="NUMBER|auto|a=1e-5,b=0.3",
        example="0.01",
        serves=(*_ALL, *_LAB),
        synonyms=("learning_rate", "eta", "alpha", "step_size"),
    )
    steps: int = option(
        1000,
        "Stop after so many steps.",
        "whole",
        example="1000",
        least=0,
        serves=(*_ALL, *_LAB),
        synonyms=("iterations", "max_iter", "maxiter", "n_iter", "num_steps"),
    )
    start: Mapping[str, float] = option(
        {},
        "Where weights start. Those that are not named are drawn from a normal distribution.",
        "numbers",
        metavar="a=0.1,b=2",
        serves=(*_ALL, *_LAB),
        synonyms=("x0", "p0", "init"),
    )
    seed: int = option(
        0,
        "Another number draws other starts, rows held out and batches.",
        "whole",
        example="1",
        least=0,
        serves=(*_ALL, *_LAB),
        synonyms=("random_state",),
    )
    fix: Mapping[str, float] = option(
        {}, "Hold these weights at these values.", "numbers", metavar="a=2", serves=_ALL
    )
    bounds: Mapping[str, tuple[float, float]] = option(
        {},
        "Keep these weights between a lower and an upper bound; either may be left out.",
        "pairs",
        metavar="b=0:,c=-1:1",
        serves=_ALL,
    )
    rescale: bool = option(
        False,
        "Count each weight in a unit of its own, so that a weight of 10,000 and one of 0.0001 can "
        "share a learning rate.",
        "truth",
        serves=(*_ALL, *_LAB),
    )
    time_limit: float | None = option(
        None,
        "Stop after so many seconds.",
        "real",
        metavar="SECONDS",
        example="5.0",
        serves=_ALL,
    )
    tolerance: float = option(
        0.0,
        "Stop when the gradient is shorter than this share of the first one, such as 1e-6.",
        "real",
        metavar="SHARE",
        example="1e-6",
        unset="0, off",
        serves=_ALONE,
    )
    memory: str | None = option(
        None,
        "What the rows may take of it, such as 2GB. Parquet data that needs more is passed over "
        "part by part.",
        "text",
        metavar="SIZE",
        example='"2GB"',
        unset="half of what is free",
        serves=_ROWS,
    )
    remedies: bool = option(True, "Run what may help, and report what did.", "truth", serves=_ALONE)
    at: int | None = option(
        None,
        "Explain the weights and their gradients at this step.",
        "whole",
        metavar="STEP",
        example="0",
        unset="the last",
        serves=_ALONE,
    )


TRAIN_STEPS: Final = 1000
"""Steps of a training that is told neither steps nor epochs."""

_FIT: Final = options_of(FitOptions)


def _as_in_fit(name: str, **changes: Any) -> Any:
    """The option of the same name, for a training."""
    same = replace(_FIT[name], **{"serves": ("train",), **changes})
    return option(**{item: getattr(same, item) for item in same.__dataclass_fields__})


@dataclass(frozen=True)
class TrainOptions(Asked):
    """Every option of `train`, with its default."""

    network: str = option(
        "",
        "Widths and activations from the inputs to the outputs: 64-32-relu-10.",
        "network",
        metavar="TEXT",
        unset="one hidden layer of 32 units, relu",
        serves=("train",),
    )
    target: str | None = option(
        None,
        "The column of a table that is to be found.",
        "text",
        metavar="COLUMN",
        example='"digit"',
        serves=("train",),
    )
    inputs: tuple[str, ...] | None = option(
        None,
        "The columns to learn from.",
        "names",
        metavar="a,b",
        example='["x", "z"]',
        unset="all others",
        serves=("train",),
    )
    loss: str = _as_in_fit(
        "loss",
        default=CROSS_ENTROPY.name,
        help=f"What is minimized: {CROSS_ENTROPY.name} for classes, the others for numbers.",
        choices={name: LOSS[name] for name in NETWORK_LOSSES},
        refused="A network is not trained with this loss.",
    )
    optimizer: str = _as_in_fit(
        "optimizer",
        help="How a gradient becomes a step.",
        choices={name: OPTIMIZER[name] for name in OPTIMIZERS},
        refused="A network is not trained with this optimizer.",
    )
    momentum: float | None = _as_in_fit("momentum")
    lr: float | str = _as_in_fit(
        "lr",
        kind="rate",
        metavar="",
        help="Learning rate. auto tries 16 side by side and takes the one that gets lowest.",
    )
    schedule: str = option(
        CONSTANT.name,
        "How the learning rate changes over the steps.",
        "choice",
        choices=SCHEDULE,
        refused="This learning-rate schedule is not known.",
        example='"cosine"',
        serves=("train",),
        synonyms=("lr_schedule",),
    )
    steps: int | None = _as_in_fit(
        "steps", default=None, unset=f"{TRAIN_STEPS} where --epochs is not given"
    )
    epochs: int | None = option(
        None,
        "Stop after so many passes over the rows.",
        "whole",
        example="20",
        least=1,
        serves=("train",),
        synonyms=("max_epochs",),
    )
    batch_size: int = _as_in_fit("batch_size", default=64, example="64", least=1, unset="")
    shuffle: bool = option(
        True, "Draw the batches anew in every epoch.", "truth", serves=("train",)
    )
    standardize: bool = _as_in_fit(
        "standardize", help="Scale the inputs to mean 0 and deviation 1."
    )
    validation: float | None = _as_in_fit(
        "validation",
        help="Hold out this share of the rows, such as 0.2, to judge by. The weights of the epoch "
        "with the lowest loss on them are kept.",
    )
    patience: int | None = _as_in_fit(
        "patience",
        help="Stop after so many epochs without a lower loss on the rows held out.",
        example="5",
        least=1,
    )
    time_limit: float | None = _as_in_fit("time_limit")
    seed: int = _as_in_fit(
        "seed", help="Another number draws other first weights, rows held out and batches."
    )
    where: str | None = _as_in_fit("where")
    rows: int | None = option(
        None,
        "Learn from so many rows, drawn with the seed.",
        "whole",
        metavar="N",
        example="1000",
        unset="all",
        least=1,
        serves=("train",),
        told="Only for `train`: so many of the rows are drawn with the seed, and the others left "
        "out, for a quick look at large data. `--validation` is a share of those that are drawn; "
        "where there are fewer, all are taken.\n\n```console\n$ steepest train "
        "examples/digits.csv --network 64-10 --target digit --rows 500\n```",
    )
    remedies: bool = _as_in_fit("remedies")


SWEEP_OPTIONS: Final[Mapping[str, Option]] = {
    **options_of(FitOptions, "sweep"),
    "lr": replace(
        _FIT["lr"],
        kind="rates",
        metavar="LOW:HIGH:COUNT",
        help="So many learning rates from LOW to HIGH, evenly spaced in the logarithm, or auto: "
        "around the stability limit.",
    ),
    "steps": replace(
        _FIT["steps"],
        default=None,
        help="Step limit of each descent.",
        unset="1000, raised until a learning rate arrives and the others had ten times its steps",
    ),
    "starts": Option(
        "Number of starts: what fit draws with the seed, and with those after it.",
        "whole",
        default=1,
        metavar="N",
    ),
}
"""Of `sweep`: those of `fit` that concern the descent, and its own."""


class _RowsGiven(TypedDict, total=False):
    loss: str
    gives: Gives
    where: str | None
    sigma: str | None
    standardize: bool
    batch_size: int | None
    memory: str | None


class _WayGiven(TypedDict, total=False):
    optimizer: str
    momentum: float | None
    steps: float | None
    start: Mapping[str, float] | Sequence[float] | float
    seed: int
    fix: Mapping[str, float]
    bounds: Mapping[str, tuple[float | None, float | None] | list[float | None]]
    rescale: bool
    time_limit: float | None


class MinimizeGiven(_WayGiven, total=False):
    """What `minimize` may be given."""

    lr: float | str | Mapping[str, float] | None
    tolerance: float
    remedies: bool
    at: int | None


class FitGiven(_RowsGiven, MinimizeGiven, total=False):
    """What `fit` may be given."""

    validation: float | None
    patience: int | None


class SweepGiven(_RowsGiven, _WayGiven, total=False):
    """What `sweep` may be given besides its learning rates and starts."""


class TrainSweepGiven(TypedDict, total=False):
    """What `sweep_network` may be given besides its data, network and learning rates."""

    target: str | None
    inputs: str | Sequence[str] | None
    loss: str
    optimizer: str
    momentum: float | None
    steps: float | None
    epochs: float | None
    batch_size: int
    shuffle: bool
    standardize: bool
    validation: float | None
    time_limit: float | None
    seed: int
    where: str | None
    rows: float | None


class TrainGiven(TrainSweepGiven, total=False):
    """What `train` may be given besides its data and network."""

    lr: float | str
    schedule: str
    patience: int | None
    remedies: bool
