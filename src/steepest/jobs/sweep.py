"""Many learning rates, and starts where wanted, in one compiled batch: the whole job."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Unpack

import numpy as np

from steepest.descent.arrival import stays_until
from steepest.descent.run import CEILING, check_settings
from steepest.descent.sweep import try_rates
from steepest.jobs.fit import Progress
from steepest.measure.curvature import stability_limit
from steepest.methods.contract import TENTH
from steepest.methods.optimizers import ADAPTIVE, SOLVERS, momentum_of
from steepest.methods.option import options_of
from steepest.methods.options import SWEEP_OPTIONS, FitOptions, SweepGiven
from steepest.objective.quadratic import FAR, excess, steps_of
from steepest.problem.options import Options, read_options
from steepest.problem.prepare import fine_start
from steepest.problem.setup import Setup
from steepest.problem.spelled import spelled_out
from steepest.problem.streamed import prepare
from steepest.problem.values import own_names
from steepest.records.arrays import Matrix, Vector
from steepest.records.choices import Word
from steepest.records.descent import Goal, RateTrial, SweepRecord, SweptRate
from steepest.records.document import sweep_document
from steepest.records.point import Minimum
from steepest.records.problem import Settings
from steepest.show.figures import Figure, Frames, sweep_figure
from steepest.show.terminal import SweepReport
from steepest.study.aim import aim_at, known_minimum
from steepest.study.batch_limit import batch_limit, in_batches
from steepest.study.rates import (
    EFFORT,
    GUARD,
    affordable,
    calmer,
    evenly,
    has_closed_form,
    past,
    rate_grid,
    rounded_rate,
    run_past,
)
from steepest.study.spectra import spectrum_at
from steepest.study.zones import edge, headline_of, judged, lowest, quickest, why_no_word
from steepest.words.errors import InputError, UsageError
from steepest.words.gate import gated
from steepest.words.given import shown_value
from steepest.words.version import version

NOT_HERE = ("at", "patience", "remedies", "tolerance", "validation")
"""Options of `fit` that mean nothing to a sweep."""

MOST_DESCENTS = 100_000
_MOST_STEPS = 10_000_000
"""Where no limit was given, it is not raised beyond this."""

RAISING_EFFORT = 2e10
"""What all descents together may cost with a raised limit, in elementary operations: some seconds.
Counted and not timed, so that a busy machine finds the same."""

AROUND = 41
_NEAR = (0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.999, 1.01)
"""Shares of the stability limit that are tried besides the grid."""


@gated
class Sweep:
    """A finished sweep. `record` holds all of it as plain data; the rest are ways to read it."""

    def __init__(self, record: SweepRecord):
        self.record = record

    @property
    def rates(self) -> tuple[SweptRate, ...]:
        """The learning rates, smallest first, each with its trials and its word."""
        return self.record.rates

    @property
    def trials(self) -> tuple[RateTrial, ...]:
        """Every descent: the learning rates from the first start, then from the next."""
        starts = range(len(self.record.starts))
        return tuple(rate.trials[place] for place in starts for rate in self.rates)

    @property
    def best(self) -> SweptRate | None:
        """The quickest to the goal; the one with the lowest loss where none arrived."""
        return self.record.best

    @property
    def zones(self) -> dict[float, Word]:
        """Learning rate -> too small, just right, too large or not measured."""
        return {rate.lr: rate.zone for rate in self.rates}

    @property
    def limit(self) -> float | None:
        """The predicted stability limit, None where there is no prediction."""
        return self.record.stability_limit

    def figure(self) -> Figure:
        """Steps to the goal by learning rate, as plain data; `.savefig(path)` draws it."""
        record = self.record
        weights = record.problem.weights
        nowhere = np.zeros((0, len(weights)))
        frames = Frames(weights, np.zeros(0, dtype=np.int64), nowhere, nowhere, np.zeros(0))
        return sweep_figure(frames, record.rates, goal=record.goal, limit=record.stability_limit)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return sweep_document(self.record)

    def __rich__(self) -> Any:
        return SweepReport(self.record)

    def __repr__(self) -> str:
        first, last = self.rates[0].lr, self.rates[-1].lr
        return (
            f"<steepest.Sweep {self.record.problem.formula!r}: {len(self.rates):,} learning rates "
            f"from {first:.6g} to {last:.6g}. {self.record.headline}>"
        )


@spelled_out(SWEEP_OPTIONS, SweepGiven)
@gated
def sweep(
    data: Any,
    formula: str,
    lr: Any = None,
    *,
    starts: int = 1,
    progress: Progress | None = None,
    **options: Unpack[SweepGiven],
) -> Sweep:
    """Try many learning rates on a fit: how many steps each takes to the minimum, and why.

    `lr` is a tuple (low, high, count), spaced evenly in the logarithm and rounded to six digits
    (more where that would make two of them equal); or a list or array of learning rates; or None
    for a range around the stability limit. With several `starts`, start k is the one that fit
    draws with the seed plus k. `options` are those of `fit` that concern the descent. Without
    `steps`, the limit is 1000, raised until a learning rate arrives and the others had ten times
    its steps, or all of it would take longer than some seconds on an ordinary machine. Plain
    gradient descent on a quadratic is computed from there on, and said to be. Raises SteepestError.
    """
    began = time.monotonic()
    others = own_names(options_of(FitOptions), options)
    lr = others.pop("lr", lr)
    asked = _read(others)
    given = None if lr is None or (isinstance(lr, str) and lr == "auto") else _given_rates(lr)
    _check_size(1 if given is None else len(given), starts)
    whole = prepare(data, formula, asked)
    setup = replace(whole.for_trials, problem=whole.problem)
    settings = replace(asked.settings(), lr=None)
    check_settings(settings, setup.objective)
    begins = _starts(setup, asked, starts)
    _say(progress, "looking for the minimum")
    minimum = known_minimum(setup, asked.seed)
    goal = aim_at(setup, minimum).goal
    limits = _limits(setup, settings, minimum)
    rates = _default_rates(setup, settings, limits) if given is None else given
    _check_size(len(rates), starts)
    found, steps = _race(
        setup,
        settings,
        begins,
        rates,
        goal,
        raising=others.get("steps") is None,
        progress=progress,
    )
    calm = _calm(setup, settings, quickest(found), goal)
    swept = judged(found, lucky=calm is not None)
    missing = _not_measured(setup, settings, swept, goal, limits, steps, calm)
    place, limit = next(iter(limits.items()), (None, None))
    stable, diverging = edge(swept)
    source = os.fspath(data) if isinstance(data, str | os.PathLike) else None
    return Sweep(
        SweepRecord(
            version=version(),
            problem=setup.problem,
            settings=replace(settings, steps=steps),
            momentum=momentum_of(settings.optimizer, settings.momentum),
            starts=tuple(setup.in_user_units(start) for start in begins),
            rates=swept,
            best=quickest(swept) or lowest(swept),
            headline=headline_of(swept, goal, limit, steps, calm),
            seconds=time.monotonic() - began,
            goal=goal,
            minimum=minimum,
            stability_limit=limit,
            stability_limit_at=place,
            largest_stable=stable,
            smallest_diverging=diverging,
            not_measured=missing,
            call={
                "data": None if source is None else str(source),
                "lr": None if given is None else lr,
                "starts": starts,
                **asked.given(),
            },
        )
    )


def _say(progress: Progress | None, phase: str) -> None:
    if progress is not None:
        progress(phase, 0, None, None)


def _read(options: Mapping[str, Any]) -> Options:
    for name in NOT_HERE:
        if options.get(name) is not None:
            raise UsageError(
                "A sweep has no such option.",
                given=name,
                instead="Leave it out, or use steepest fit.",
            )
    asked = read_options(options)
    if asked.optimizer in SOLVERS:
        raise UsageError(
            f"{asked.optimizer} chooses the length of its steps by itself, so there is no "
            "learning rate to sweep.",
            instead="Choose another optimizer, such as gd or adam.",
        )
    return asked


# Learning rates


def _given_rates(lr: Any) -> Vector:
    """Learning rates (m,) from (low, high, count), or from numbers; ascending, each once."""
    if isinstance(lr, tuple):
        if len(lr) != 3:
            raise UsageError(
                "A tuple of learning rates is (low, high, count).",
                given=f"a tuple of {len(lr)}",
                instead="For the learning rates themselves, give a list or an array.",
            )
        return rates_between(*lr)
    try:
        rates = np.atleast_1d(np.asarray(lr, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        rates = np.zeros((0, 0))
    if rates.ndim != 1 or not len(rates):
        raise UsageError(
            "The learning rates must be (low, high, count), or a list of numbers.",
            instead="Write for example lr=(1e-6, 1e-3, 41).",
        )
    for rate in rates:
        _check_rate(float(rate))
    return np.unique(rates)


def rates_between(low: Any, high: Any, count: Any) -> Vector:
    """`count` learning rates, spaced evenly in the logarithm; `low` and `high` are the ends.

    Rounded to six digits, or as many as it takes to keep them apart. Raises SteepestError.

    >>> rates_between(1e-5, 1e-4, 3)
    array([1.00000e-05, 3.16228e-05, 1.00000e-04])
    """
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise UsageError(
            "The number of learning rates must be a whole number, 1 at least.",
            given=shown_value(count),
            instead="Write for example 41.",
        )
    try:
        low, high = float(low), float(high)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            "The lowest and the highest learning rate must be numbers.",
            given=f"{shown_value(low)} and {shown_value(high)}",
            instead="Write for example 1e-6 and 1e-3.",
        ) from None
    _check_rate(low)
    _check_rate(high)
    if low > high or (low == high) != (count == 1):
        raise UsageError(
            "The lowest learning rate must lie below the highest, unless there is only one.",
            given=f"{low:g} to {high:g}, {count:,} of them",
            instead="Write for example 1e-6:1e-3:41.",
        )
    _check_size(int(count), 1)
    exact = np.geomspace(low, high, int(count))
    for digits in range(6, 17):
        rounded = np.array([float(f"{rate:.{digits}g}") for rate in exact])
        rounded[0], rounded[-1] = low, high
        if np.all(np.diff(rounded) > 0):
            return rounded
    return np.unique(exact)


def _check_rate(rate: float) -> None:
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(
            "A learning rate must be a positive finite number.",
            given=f"{rate:g}",
            instead="Write for example 1e-6:1e-3:41.",
        )


def _check_size(rates: int, starts: Any) -> None:
    if not isinstance(starts, int) or isinstance(starts, bool) or starts < 1:
        raise UsageError(
            "The number of starts must be a whole number, 1 at least.",
            given=f"{starts!a}",
            instead="Leave it out for one start.",
        )
    if rates * starts > MOST_DESCENTS:
        raise UsageError(
            f"A sweep has at most {MOST_DESCENTS:,} descents.",
            given=f"{rates:,} learning rates times {starts:,} starts",
            instead="Ask for fewer.",
        )


def _default_rates(
    setup: Setup, settings: Settings, limits: Mapping[Literal["start", "minimum"], float]
) -> Vector:
    """From a thousandth of the stability limit to ten times it; close to it more of them."""
    if not limits:
        return rate_grid(setup, settings, None, None)
    grid = evenly(min(limits.values()) * 1e-3, max(limits.values()) * 10, AROUND)
    near = [limit * share for limit in limits.values() for share in _NEAR]
    return np.unique([rounded_rate(float(rate)) for rate in (*grid, *near)])


def _limits(
    setup: Setup, settings: Settings, minimum: Minimum | None
) -> dict[Literal["start", "minimum"], float]:
    """The predicted stability limit at the minimum and at the start, where there is one.

    At the minimum first: there the descent must settle.
    """
    if settings.optimizer in ADAPTIVE:
        return {}
    if in_batches(setup, settings):
        batched = batch_limit(setup, settings, setup.start)
        if isinstance(batched, str) or batched.stays is None:
            return {}
        return {"minimum": batched.stays}
    momentum = momentum_of(settings.optimizer, settings.momentum)
    places: dict[Literal["start", "minimum"], Vector] = {}
    if minimum is not None and not minimum.unbounded:
        places["minimum"] = setup.objective.vector(minimum.weights)
    places["start"] = setup.start
    found: dict[Literal["start", "minimum"], float] = {}
    for place, weights in places.items():
        spectrum = spectrum_at(setup, settings, None, weights, place)
        limit = stability_limit(settings.optimizer, momentum, spectrum)
        if limit is not None and math.isfinite(limit):
            found[place] = limit
    return found


def _calm(
    setup: Setup, settings: Settings, best: SweptRate | None, goal: Goal | None
) -> RateTrial | None:
    """A tenth of the quickest, from the only start, where that ends in another valley."""
    if best is None or goal is None or len(best.trials) > 1 or in_batches(setup, settings):
        return None
    found = calmer(setup, settings, best.middle, goal, GUARD)
    return found if found is not None and found.stands_short else None


def _not_measured(
    setup: Setup,
    settings: Settings,
    rates: tuple[SweptRate, ...],
    goal: Goal | None,
    limits: Mapping[Literal["start", "minimum"], float],
    steps: int,
    calm: RateTrial | None,
) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if not limits:
        reasons["stability_limit"] = (
            f"{settings.optimizer} scales its steps by the gradients it has seen, so its limit is "
            "known only along a run; steepest fit measures it."
            if settings.optimizer in ADAPTIVE
            else "With batches of rows the limit of all of them says nothing, and that of batches "
            "is computed for models that are linear in their weights, and mse."
            if in_batches(setup, settings)
            else "The loss does not curve upward in any direction there."
        )
    if goal is None:
        reasons["goal"] = "No minimum is known: the loss falls without end, or no solver found one."
    why = why_no_word(rates, goal, steps, calm)
    if why is not None:
        reasons["zones"] = why
    return reasons


# Starts


def _starts(setup: Setup, options: Options, count: int) -> Matrix:
    """Where the descents begin, (count, p): what fit draws with this seed and those after it."""
    names = setup.objective.names
    if count > 1 and all(name in options.start for name in names):
        raise UsageError(
            "Every weight's start is given, so all starts would be the same.",
            given=f"--starts {count:,}",
            instead="Leave a weight out of --start, so that it is drawn.",
        )
    drawn = [setup.start]
    for seed in range(options.seed + 1, options.seed + count):
        start = fine_start(setup, options.changed(seed=seed))
        drawn.append(start if setup.scaling is None else setup.scaling.to_scaled(start))
    return np.array(drawn)


# Running


def _race(
    setup: Setup,
    settings: Settings,
    begins: Matrix,
    rates: Vector,
    goal: Goal | None,
    *,
    raising: bool,
    progress: Progress | None,
) -> tuple[list[SweptRate], int]:
    """Run every learning rate (m,) from every start (s, p); also the step limit they had."""
    closed = goal is not None and has_closed_form(setup, settings)
    raising = raising and goal is not None and not closed
    ends = time.monotonic() + (settings.time_limit or math.inf)
    count, steps = len(begins) * len(rates), settings.steps
    most = min(affordable(setup, RAISING_EFFORT, settings.batch_size) // count, _MOST_STEPS)
    phase = f"running {count:,} {'descent' if count == 1 else 'descents'}"

    def between(done: int) -> None:
        if progress is not None:
            progress(phase, min(done, steps), steps, None)

    before: list[SweptRate] = []
    run = 0
    while True:
        trials = try_rates(
            setup.moving,
            settings,
            np.repeat(begins, len(rates), axis=0),
            np.tile(rates, len(begins)),
            goal=-np.inf if goal is None else goal.loss,
            steps=steps,
            seconds=ends - time.monotonic(),
            scale=setup.scale,
            on_chunk=between,
        )
        if closed and goal is not None:
            trials = beyond(setup, begins, rates, trials, goal.loss)
        found = [
            SweptRate(float(lr), "not measured", tuple(trials[place :: len(rates)]))
            for place, lr in enumerate(rates)
        ]
        if any(_cut_short(trial, run) for trial in trials):
            # The time limit left it fewer steps than the run before had.
            return before, run
        if goal is not None and not closed:
            found = _staying(setup, settings, begins, found, goal, steps)
        wanted = min(_enough(found, steps), most) if raising else steps
        if wanted <= steps or time.monotonic() >= ends:
            return found, steps
        before, run, steps = found, steps, wanted


def _staying(
    setup: Setup,
    settings: Settings,
    begins: Matrix,
    rates: list[SweptRate],
    goal: Goal,
    steps: int,
) -> list[SweptRate]:
    """The same, those that arrived run past the goal: with the steps from which on they stay.

    The quickest first, as far as that can be afforded.
    """
    left = affordable(setup, EFFORT, settings.batch_size)
    stays: dict[float, list[RateTrial]] = {}
    for rate in sorted(rates, key=lambda rate: rate.needed):
        trials = list(rate.trials)
        for row, trial in enumerate(trials):
            if trial.steps is None or left < 0:
                continue
            begun = replace(setup, start=begins[row])
            # In batches it may come upon the goal by chance, and is looked at for longer.
            least = 0 if settings.batch_size is None else past(settings, trial.steps)
            most = least or steps
            trials[row] = run_past(begun, settings, trial, goal.loss, least, most, GUARD)
            left -= stays_until(trials[row].limit or trial.steps)
        stays[rate.lr] = trials
    return [replace(rate, trials=tuple(stays[rate.lr])) for rate in rates]


def _cut_short(trial: RateTrial, steps: int) -> bool:
    waiting = trial.steps is None and not trial.diverged
    return waiting and trial.limit is not None and trial.limit < steps


def _enough(rates: list[SweptRate], steps: int) -> int:
    """The step limit that tells more: ten times as many, or ten times those of the quickest."""
    if all(rate.steps is not None or rate.diverged for rate in rates):
        return steps
    best = quickest(rates)
    wanted = 10 * max(steps, 1) if best is None else TENTH * (best.steps or 0) + 1
    return max(wanted, steps)


def beyond(
    setup: Setup, begins: Matrix, rates: Vector, trials: list[RateTrial], goal: float
) -> list[RateTrial]:
    """The closed form's answer where a run of gradient descent on a quadratic had none."""
    known = setup.modes
    if known is None:
        return trials
    found = list(trials)
    for row, start in enumerate(begins):
        offset = setup.from_minimum(start)
        places = [
            place
            for place in range(row * len(rates), (row + 1) * len(rates))
            if trials[place].steps is None and not trials[place].diverged
        ]
        answers = steps_of(known, offset, np.array([trials[p].lr for p in places]), goal)
        ceiling = CEILING * max(float(known.floor + excess(known, offset, 0.0, 0)), setup.scale)
        for place, steps in zip(places, answers, strict=True):
            trial = trials[place]
            grows = steps is None and bool(excess(known, offset, trial.lr, FAR) > ceiling)
            found[place] = replace(trial, steps=steps, limit=None, diverged=grows, measured=False)
    return found
