"""What a caller asks of a fit, a minimization or a training: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from steepest.methods.optimizers import check_rate, momentum_of
from steepest.methods.option import options_of
from steepest.methods.options import FitOptions, TrainOptions
from steepest.problem.values import check_least, check_share, read_values
from steepest.records.problem import Settings
from steepest.words.errors import UsageError


@dataclass(frozen=True)
class Options(FitOptions):
    """Every option of `fit` and `minimize`."""

    def settings(self) -> Settings:
        """The part that a descent needs."""
        return Settings(
            optimizer=self.optimizer,
            lr=self.rate,
            rates=dict(self.rates),
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

    def changed(self, **changes: Any) -> Options:
        """The same options with some changed."""
        return replace(self, **changes)


def read_options(given: Mapping[str, Any]) -> Options:
    """Options from keyword arguments; those that are None are left out.

    Raises UsageError for a name that is not one, and for a value of a kind that it cannot have.

    >>> read_options({"steps": 1e6, "fix": {"a": 2}}).given()
    {'steps': 1000000, 'fix': {'a': 2.0}}
    """
    return Options(**read_values(options_of(Options), given))


def read_call(call: Mapping[str, Any]) -> Options:
    """The options of a run that is kept, as they were given."""
    return read_options({name: value for name, value in call.items() if name != "data"})


def check(options: Options) -> None:
    """Raise for values that no problem could use, with one sentence each."""
    check_rates(options)
    check_least(options)
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


def check_rates(options: Options) -> None:
    """Raise for learning rates that cannot be used."""
    for rate in options.rates.values() or [options.rate]:
        check_rate(rate)
    if options.rates and options.rescale:
        raise UsageError(
            "A learning rate for each weight cannot be used together with --rescale, which counts "
            "each weight in a unit of its own to the same end.",
            given="--rescale --lr " + ",".join(f"{n}={r:g}" for n, r in options.rates.items()),
            instead="Leave one of them out.",
        )


def read_train_options(given: Mapping[str, Any]) -> TrainOptions:
    """Options of a training from keyword arguments; those that are None are left out.

    Raises UsageError for a name that is not one, and for a value that it cannot have.
    """
    options = TrainOptions(**read_values(options_of(TrainOptions), given))
    momentum_of(options.optimizer, options.momentum)
    check_rate(options.rate)
    check_least(options)
    if options.time_limit is not None and not options.time_limit > 0:
        raise UsageError("--time-limit must be above 0.", given=f"{options.time_limit:g} seconds")
    check_share(options.validation)
    return options
