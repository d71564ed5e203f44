"""What a caller may ask for: the contract's options by their long names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, Final, Literal, get_args

from steepest.methods.losses import LOSS, MSE
from steepest.methods.optimizers import GD, OPTIMIZER, check_rate
from steepest.problem.values import (
    check_share,
    choice,
    differing,
    is_truth,
    rate,
    read_values,
    real,
    shown_value,
    text,
    truth,
    whole,
    wrong,
)
from steepest.records.problem import Settings
from steepest.words.errors import UsageError

Gives = Literal["auto", "logit", "probability"]

MOST_STEPS = 10**18
"""Steps are counted in 64 bits."""


@dataclass(frozen=True)
class Options:
    """Every option of `fit` and `minimize`, with the contract's defaults."""

    loss: str = MSE.name
    gives: Gives = "auto"
    optimizer: str = GD.name
    momentum: float | None = None
    lr: float | str | None = "auto"
    steps: int = 1000
    start: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    batch_size: int | None = None
    standardize: bool = False
    rescale: bool = False
    validation: float | None = None
    patience: int | None = None
    time_limit: float | None = None
    tolerance: float = 0.0
    remedies: bool = True
    where: str | None = None
    fix: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sigma: str | None = None
    at: int | None = None
    memory: str | None = None

    @property
    def rate(self) -> float | None:
        """The learning rate as a number, None where it is to be chosen."""
        return None if self.lr is None or self.lr == "auto" else float(self.lr)

    def settings(self) -> Settings:
        """The part that a descent needs."""
        return Settings(
            optimizer=self.optimizer,
            lr=self.rate,
            momentum=self.momentum,
            steps=self.steps,
            start=dict(self.start),
            seed=self.seed,
            batch_size=self.batch_size,
            validation=self.validation,
            patience=self.patience,
            time_limit=self.time_limit,
            tolerance=self.tolerance,
        )

    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, for a command that does the same."""
        return differing(self)

    def changed(self, **changes: Any) -> Options:
        """The same options with some changed."""
        return replace(self, **changes)


def read_options(given: Mapping[str, Any]) -> Options:
    """Options from keyword arguments; those that are None are left out.

    Raises UsageError for a name that is not one, and for a value of a kind that it cannot have.

    >>> read_options({"steps": 1e6, "fix": {"a": 2}}).given()
    {'steps': 1000000, 'fix': {'a': 2.0}}
    """
    return Options(**read_values(_KINDS, given))


FAR = (-math.inf, math.inf)


def _gives(name: str, value: Any) -> Any:
    if value not in get_args(Gives):
        raise wrong(name, "auto, logit or probability", value, f'for example {name}="logit"')
    return value


def _by_weight(
    name: str, value: Any, what: str, example: str, read: Callable[[str, Any], Any]
) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(name, f"a dict of {what} by weight", value, f"for example {name}={example}")
    return {key: read(f"{name}[{key!a}]", part) for key, part in value.items()}


def _numbers(name: str, value: Any) -> dict[str, float]:
    def read(place: str, part: Any) -> float:
        if not isinstance(part, Real) or is_truth(part):
            raise wrong(place, "a number", part, f'for example {name}={{"a": 2.0}}')
        return float(part)

    return _by_weight(name, value, "numbers", '{"a": 2.0}', read)


def _pairs(name: str, value: Any) -> dict[str, tuple[float, float]]:
    def read(place: str, part: Any) -> tuple[float, float]:
        if isinstance(part, tuple | list) and len(part) == 2:
            sides = [far if side is None else side for side, far in zip(part, FAR, strict=True)]
            if all(isinstance(side, Real) and not is_truth(side) for side in sides):
                return float(sides[0]), float(sides[1])
        what = "a lower and an upper bound, None where a side is open"
        raise wrong(place, what, part, f'for example {name}={{"a": (0, None)}}')

    return _by_weight(name, value, "pairs", '{"a": (0, None)}', read)


_KINDS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "loss": choice(LOSS, "loss"),
    "gives": _gives,
    "optimizer": choice(OPTIMIZER, "optimizer"),
    "momentum": real("0.9"),
    "lr": rate,
    "steps": whole("1000"),
    "start": _numbers,
    "seed": whole("1"),
    "batch_size": whole("32"),
    "standardize": truth,
    "rescale": truth,
    "validation": real("0.2"),
    "patience": whole("10"),
    "time_limit": real("5.0"),
    "tolerance": real("1e-6"),
    "remedies": truth,
    "where": text("x > 0"),
    "fix": _numbers,
    "bounds": _pairs,
    "sigma": text("error"),
    "at": whole("0"),
    "memory": text("2GB"),
}
"""How the value of each option is read."""


def check(options: Options) -> None:
    """Raise for values that no problem could use, with one sentence each."""
    check_rate(options.rate)
    for name, value in (("--steps", options.steps), ("--seed", options.seed)):
        if value < 0:
            raise UsageError(
                f"{name} must not be negative.",
                given=shown_value(value),
                instead="Write a whole number, 0 or more.",
            )
    if options.steps > MOST_STEPS:
        raise UsageError(
            f"--steps must not be above {MOST_STEPS:.0e}.",
            given=f"a number of {len(str(options.steps))} digits",
            instead="--time-limit ends a descent after so many seconds.",
        )
    check_share(options.validation)
    if options.patience is not None and options.validation is None:
        raise UsageError(
            "Patience needs rows held out to judge by.",
            given="--patience without --validation",
            instead="Add --validation 0.2.",
        )
    for name, (low, high) in options.bounds.items():
        if not low < high:
            raise UsageError(
                f"The lower bound of {name} must lie below its upper bound.",
                given=f"{low:g}:{high:g}",
                instead="Write b=0:1, or leave one side empty.",
            )
