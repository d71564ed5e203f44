"""What a caller may ask of the training of a network: the options by their long names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from steepest.descent.schedules import check_schedule
from steepest.methods.losses import CROSS_ENTROPY, LOSS, NETWORK_LOSSES
from steepest.methods.optimizers import GD, OPTIMIZER, OPTIMIZERS, check_rate, momentum_of
from steepest.problem.options import MOST_STEPS
from steepest.problem.values import (
    check_share,
    choice,
    differing,
    rate,
    read_values,
    real,
    text,
    truth,
    whole,
    wrong,
)
from steepest.words.errors import UsageError
from steepest.words.wording import escaped


@dataclass(frozen=True)
class TrainOptions:
    """Every option of `train`, with its default."""

    network: str = ""
    target: str | None = None
    inputs: tuple[str, ...] | None = None
    loss: str = CROSS_ENTROPY.name
    optimizer: str = GD.name
    momentum: float | None = None
    lr: float | str = "auto"
    schedule: str = "constant"
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 64
    shuffle: bool = True
    standardize: bool = False
    validation: float | None = None
    patience: int | None = None
    time_limit: float | None = None
    seed: int = 0
    where: str | None = None
    remedies: bool = True

    @property
    def rate(self) -> float | None:
        """The learning rate as a number, None where it is to be chosen."""
        return None if self.lr == "auto" else float(self.lr)

    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return differing(self)


STEPS: Final = 1000
"""Steps of a training that is told neither steps nor epochs."""


def read_train_options(given: Mapping[str, Any]) -> TrainOptions:
    """Options from keyword arguments; those that are None are left out.

    Raises UsageError for a name that is not one, and for a value that it cannot have.
    """
    options = TrainOptions(**read_values(_KINDS, given))
    _check(options)
    return options


def _network(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    # Bytes are a sequence of whole numbers too.
    if isinstance(value, list | tuple) and all(isinstance(part, int | str) for part in value):
        return "-".join(str(part) for part in value)
    raise wrong(name, "text or a list of widths and activations", value, '"64-32-relu-10"')


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if isinstance(value, Sequence) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise wrong(name, "a list of column names", value, f'{name}=["x", "z"]')


_KINDS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "network": _network,
    "target": text("digit"),
    "inputs": _names,
    "loss": choice(LOSS, "loss"),
    "optimizer": choice(OPTIMIZER, "optimizer"),
    "momentum": real("0.9"),
    "lr": rate,
    "schedule": text("cosine"),
    "steps": whole("1000"),
    "epochs": whole("20"),
    "batch_size": whole("64"),
    "shuffle": truth,
    "standardize": truth,
    "validation": real("0.2"),
    "patience": whole("5"),
    "time_limit": real("5.0"),
    "seed": whole("1"),
    "where": text("x > 0"),
    "remedies": truth,
}
"""How the value of each option is read."""


def _check(options: TrainOptions) -> None:
    """Raise for values that no training could use, with one sentence each."""
    if options.loss not in NETWORK_LOSSES:
        raise UsageError(
            "A network is not trained with this loss.",
            given=escaped(options.loss),
            instead=f"Write one of {', '.join(NETWORK_LOSSES)}.",
        )
    if options.optimizer not in OPTIMIZERS:
        raise UsageError(
            "A network is not trained with this optimizer.",
            given=escaped(options.optimizer),
            instead=f"Write one of {', '.join(OPTIMIZERS)}.",
        )
    momentum_of(options.optimizer, options.momentum)
    check_schedule(options.schedule)
    check_rate(options.rate)
    counts = (
        ("--steps", options.steps, 0),
        ("--epochs", options.epochs, 1),
        ("--batch-size", options.batch_size, 1),
        ("--patience", options.patience, 1),
        ("--seed", options.seed, 0),
    )
    for name, value, least in counts:
        if value is not None and not least <= value <= MOST_STEPS:
            raise UsageError(
                f"{name} must be at least {least}"
                + ("." if value < least else f" and at most {MOST_STEPS:.0e}."),
                given=str(value)[:40],
            )
    if options.time_limit is not None and not options.time_limit > 0:
        raise UsageError("--time-limit must be above 0.", given=f"{options.time_limit:g} seconds")
    check_share(options.validation)
