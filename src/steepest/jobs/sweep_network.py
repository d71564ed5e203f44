"""Many learning rates on one network, side by side in one computation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from steepest.engine.xla import plainly
from steepest.methods.option import options_of
from steepest.methods.options import TrainOptions, TrainSweepGiven
from steepest.methods.schedules import CONSTANT
from steepest.problem.options import read_train_options
from steepest.problem.spelled import spelled_out
from steepest.problem.values import own_names
from steepest.records.training import Trial, TrialSweep
from steepest.records.training_document import sweep_document
from steepest.show.figures import Figure, trials_figure
from steepest.show.terminal import TrialReport
from steepest.study.train.budget import Budget
from steepest.study.train.plan import Progress, no_progress, plan_of, with_network
from steepest.study.train.rates import MANY, MOST_NUMBERS, first_limit, lowest, rate_span, try_rates
from steepest.study.train.rows import read_rows
from steepest.words.errors import UsageError
from steepest.words.gate import gated
from steepest.words.given import number, whole, wrong
from steepest.words.version import version

_MOST_RATES = 1000


@gated
class NetworkSweep:
    """Many learning rates that were tried on one network."""

    def __init__(self, record: TrialSweep):
        self.record = record
        """All of it as plain data."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Each learning rate: how far it came, and the word about it."""
        return self.record.trials

    @property
    def best(self) -> Trial | None:
        """The one with the lowest loss; None where each lost it."""
        return lowest(self.record.trials)

    def figure(self) -> Figure:
        """The loss by learning rate as a figure: `.title` says it, `.savefig(path)` draws it."""
        return trials_figure(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, in terms of Python."""
        return sweep_document(self.record)

    def __rich__(self) -> TrialReport:
        return TrialReport(self.record)

    def __repr__(self) -> str:
        best = self.best
        return f"NetworkSweep({len(self.trials)} rates, best {best.lr if best else None})"


@spelled_out(options_of(TrainOptions), TrainSweepGiven)
@gated
@plainly()
def sweep_network(
    data: Any,
    network: Any = None,
    *,
    lr: Any = "auto",
    progress: Progress | None = None,
    **options: Unpack[TrainSweepGiven],
) -> NetworkSweep:
    """Train a network with many learning rates at once, from one start and on the same batches.

    `lr` is (lowest, highest, count), or "auto": around the stability limit. Rates that lag behind
    are stopped early, after an eighth or a half of the steps. The other options are those of
    `train`. Raises SteepestError.
    """
    say, began = progress or no_progress, time.perf_counter()
    others = own_names(options_of(TrainOptions), options)
    lr = others.pop("lr", lr)
    asked = read_train_options({**_without_rate(others), "network": network})
    split = read_rows(data, asked)
    asked = with_network(asked, split)
    plan = plan_of(asked, split)
    if not plan.steps:
        raise UsageError("A sweep needs steps.", given="0 steps", instead="Give one or more.")
    budget = Budget(asked.time_limit)
    limit = first_limit(plan, budget.left / 2)
    rates = _rates(lr, rate_span(plan, limit), plan.network.size)
    trials = try_rates(plan, rates, plan.steps, say, budget=budget)
    return NetworkSweep(
        TrialSweep(
            version=version(),
            network=plan.network.text,
            source=split.learned.source,
            optimizer=plan.optimizer,
            momentum=plan.momentum,
            batch_rows=plan.batch_rows,
            steps=plan.steps,
            rows=len(split.learned),
            start=plan.trainer.judge(
                plan.first_weights(), plan.trainer.inputs, plan.trainer.targets
            )[0],
            limit=limit,
            trials=trials,
            seconds=time.perf_counter() - began,
        )
    )


def _without_rate(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if options.get("schedule", CONSTANT.name) != CONSTANT.name:
        raise UsageError(
            "A sweep tries constant learning rates.",
            given=f"schedule {options['schedule']}",
            instead="Leave the schedule out.",
        )
    return options


def _rates(given: Any, span: tuple[float, float], size: int) -> Any:
    if given == "auto":
        low, high, many = *span, MANY
    elif isinstance(given, tuple) and len(given) == 3:
        low, high = (number("lr", end) for end in given[:2])
        many = whole("lr", given[2], "16")
    else:
        raise wrong("lr", "auto or (lowest, highest, count)", given, "for example lr=(1e-3, 1, 16)")
    if not (0 < low < high < np.inf and 2 <= many <= _MOST_RATES):
        raise UsageError(
            "A sweep needs a lower and a higher learning rate above 0, and from 2 to "
            f"{_MOST_RATES:,} of them.",
            given=f"{low:g}:{high:g}:{many}",
            instead="Write 1e-3:1:16.",
        )
    if many * size > MOST_NUMBERS:
        raise UsageError(
            f"Side by side these networks would have {many * size:,} weights.",
            instead=f"Try {max(2, MOST_NUMBERS // size):,} learning rates or fewer.",
        )
    return np.array([float(f"{rate:.3g}") for rate in np.geomspace(low, high, many)])
