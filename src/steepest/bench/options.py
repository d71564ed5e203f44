"""What a caller may ask for: the contract's options by their long names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from steepest.errors import InputError, UsageError
from steepest.records import Settings

Gives = Literal["auto", "logit", "probability"]

MOST_STEPS = 10**18
"""Steps are counted in 64 bits."""


@dataclass(frozen=True)
class Options:
    """Every option of `fit` and `minimize`, with the contract's defaults."""

    loss: str = "mse"
    gives: Gives = "auto"
    optimizer: str = "gd"
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

    @property
    def rate(self) -> float | None:
        """The learning rate as a number, None where it is to be chosen."""
        if self.lr is None or self.lr == "auto":
            return None
        try:
            return float(self.lr)
        except (TypeError, ValueError):
            raise UsageError(
                "The learning rate must be a number or auto.",
                given=str(self.lr),
                instead="Write a number such as 0.01.",
            ) from None

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
        plain = Options()
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != getattr(plain, item.name)
        }

    def changed(self, **changes: Any) -> Options:
        """The same options with some changed."""
        return replace(self, **changes)


def check(options: Options) -> None:
    """Raise for values that no problem could use, with one sentence each."""
    rate = options.rate
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise InputError(
            "The learning rate must be a positive finite number.",
            given=f"{rate:g}",
            instead="Write a number such as 0.01, or leave it out to have one chosen.",
        )
    for name, value in (("--steps", options.steps), ("--seed", options.seed)):
        if value < 0:
            raise UsageError(
                f"{name} must not be negative.",
                given=f"{value}",
                instead="Write a whole number, 0 or more.",
            )
    if options.steps > MOST_STEPS:
        raise UsageError(
            f"--steps must not be above {MOST_STEPS:.0e}.",
            given=f"a number of {len(str(options.steps))} digits",
            instead="--time-limit ends a descent after so many seconds.",
        )
    share = options.validation
    if share is not None and not 0 < share < 1:
        raise UsageError(
            "The share of rows held out for validation must lie between 0 and 1.",
            given=f"{share:g}",
            instead="0.2 holds out every fifth row.",
        )
    if options.patience is not None and share is None:
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
