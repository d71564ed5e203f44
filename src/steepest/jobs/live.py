"""The quick view of a problem, for dragging: many learning rates side by side, from any start.

What does not depend on the start is prepared once: the problem, its minimum, the stability limit,
the learning rates. Then a start costs one compiled call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from steepest.descent.run import check_settings
from steepest.descent.sampled import MOST_SEEN, Sampled, sampled
from steepest.jobs.sweep import beyond
from steepest.measure.curvature import stability_limit
from steepest.measure.landscape import over, span_around
from steepest.methods.optimizers import ADAPTIVE, SOLVERS, momentum_of, optimizer_of
from steepest.objective.recurrence import Inertia, steps_beyond
from steepest.problem.options import Options
from steepest.problem.prepare import fine_start, prepare_fit, prepare_minimize
from steepest.problem.setup import Setup
from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.choices import Command
from steepest.records.descent import Goal, RateTrial, SweptRate
from steepest.records.point import Minimum
from steepest.records.problem import Settings
from steepest.run.figures.scene import telling
from steepest.study.aim import aim_at, known_minimum
from steepest.study.batch_limit import batch_limit, in_batches
from steepest.study.lanes import EFFORT, STEPS, affordable, rates_of
from steepest.study.rates import has_closed_form, is_recurrence
from steepest.study.spectra import spectrum_at
from steepest.study.zones import is_lucky, judged, lowest, quickest
from steepest.words.errors import UsageError
from steepest.words.wording import count

_NUMBERS: Final = 32_000
"""Numbers in a view: they are less than 400 kB of JSON."""

_MOST_WEIGHTS: Final = 24
_SIDE: Final = 48


@dataclass(frozen=True)
class Window:
    """What is seen of a plane: two weights, of each (lowest, highest)."""

    weights: tuple[str, str]
    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True)
class Contour:
    """The loss over two weights: `loss` (n, m) at `y` (n,) and `x` (m,)."""

    weights: tuple[str, str]
    x: Vector
    y: Vector
    loss: Matrix


@dataclass(frozen=True)
class View:
    """Descents (m,) with all learning rates from one start, seen at the steps `frames` (F,)."""

    start: Mapping[str, float]
    """In the user's own units."""
    goal: Goal | None
    swept: tuple[SweptRate, ...]
    best: int | None
    """The place of the quickest learning rate, else of the one with the lowest loss."""
    staying: SweptRate | None
    """The quickest that is at the goal at the end too."""
    lucky: bool
    """Whether the quickest arrives by jumping out of a valley that calmer ones end in."""
    weights: tuple[str, ...]
    """Those that are shown."""
    frames: Steps
    loss: Vector
    """(m, F)"""
    values: Vector
    """(m, F, p), the weights of the descent."""
    walked: Steps
    """(m,) steps that each had before it diverged."""
    contour: Contour | None


@dataclass(frozen=True)
class Live:
    """A problem ready to be looked at from any start."""

    setup: Setup
    settings: Settings
    minimum: Minimum | None
    limit: float | None
    """The predicted stability limit; None where there is no prediction."""
    limit_at: Literal["start", "minimum"] | None
    """Where the curvature of the limit was taken; None where it is the same everywhere."""
    lanes: int
    """How many learning rates are run side by side; none where the optimizer has no such thing."""
    steps: int
    """How many steps each of them has."""
    slopes: Vector
    """The gradient (p,) where the problem was prepared."""
    order: tuple[int, ...]
    """Places of the weights, the most telling first."""
    notes: tuple[str, ...]

    def start_of(self, options: Options, drag: Mapping[str, float] | None = None) -> Vector:
        """Where a descent with these options starts, (p,); `drag` moves some of the weights.

        The start is in the user's own units, `drag` in those of the descent. Raises SteepestError.
        """
        setup = self.setup
        names = setup.objective.names
        _known("start", options.start, names)
        start = fine_start(setup, options)
        if setup.scaling is not None:
            start = setup.scaling.to_scaled(start)
        _known("drag", drag or {}, names)
        return setup.objective.vector({**setup.objective.named(start), **(drag or {})})

    def rates(self, own: float | None = None) -> Vector:
        """The learning rates, ascending, `own` among them."""
        if not self.lanes:
            return np.zeros(0)
        return rates_of(self.setup, self.settings, self.limit, own, self.slopes, self.lanes)

    def view(
        self,
        start: Vector,
        rates: Vector,
        steps: int,
        *,
        plane: Window | None = None,
        contour: bool = True,
        goal: Goal | None = None,
    ) -> View:
        """Descend from `start` (p,) with `rates`, as many as `lanes`; seen are the first `steps`.

        `plane` is that of the contour, None for the most telling one around paths and minimum. The
        `goal` is within 1 % of the minimum, unless there is another.
        """
        setup = self.setup
        first = setup.objective.value(start)
        goal = goal or aim_at(setup, self.minimum, first).goal
        frames = self._frames(min(steps, self.steps))
        shown = sorted(self.order[:_MOST_WEIGHTS])
        swept: tuple[SweptRate, ...] = ()
        staying: SweptRate | None = None
        lucky = False
        found = _none_of(start, frames)
        if len(rates):
            found = sampled(
                setup.moving,
                self.settings,
                start,
                rates,
                seen=frames,
                steps=self.steps,
                goal=-math.inf if goal is None else goal.loss,
                scale=setup.scale,
            )
            swept = self._swept(start, rates, found, goal)
            there = zip(swept, found.stays, found.passes, strict=True)
            ending = [(r, passes) for r, stays, passes in there if stays or not r.measured]
            staying = quickest([rate for rate, passes in ending if not passes])
            staying = staying or quickest([rate for rate, _ in ending])
            lucky = setup.solved is None and is_lucky(swept, staying)
            swept = judged(swept, staying, lucky=lucky)
            staying = next((rate for rate in swept if staying and rate.lr == staying.lr), None)
        best = staying or lowest(swept)
        place = None if best is None else next(i for i, r in enumerate(swept) if r.lr == best.lr)
        # Whichever of them is chosen, its whole descent is seen, if it does not diverge.
        walked = (
            found.weights[~found.diverged].reshape(-1, len(start)) if len(rates) else start[None]
        )
        return View(
            start=setup.in_user_units(start),
            goal=goal,
            swept=swept,
            best=place,
            staying=staying,
            lucky=lucky,
            weights=tuple(setup.objective.names[i] for i in shown),
            frames=frames,
            loss=found.loss,
            values=found.weights[:, :, shown],
            walked=found.walked,
            contour=self._contour(start, walked, plane) if contour else None,
        )

    def _frames(self, steps: int) -> Steps:
        """Steps that are seen: all of a few, else evenly by their logarithm."""
        shown = min(len(self.order), _MOST_WEIGHTS)
        most = int(np.clip(_NUMBERS // (max(self.lanes, 1) * (shown + 1)), 8, MOST_SEEN))
        if steps < most:
            return np.arange(steps + 1, dtype=np.int64)
        spread = np.expm1(np.linspace(0.0, math.log1p(steps), most))
        # Never two alike: the first ones are one apart.
        least = np.arange(most, dtype=np.int64)
        return np.maximum(np.round(spread).astype(np.int64), least)

    def _swept(
        self, start: Vector, rates: Vector, found: Sampled, goal: Goal | None
    ) -> tuple[SweptRate, ...]:
        trials = [
            RateTrial(
                lr=float(lr),
                steps=None if diverged or arrived < 0 else int(arrived),
                limit=None if still and arrived < 0 else int(walked),
                lowest_loss=float(low),
                diverged=bool(diverged),
                measured=True,
                left=not stays and not diverged and arrived >= 0,
            )
            for lr, arrived, walked, low, diverged, still, stays in zip(
                rates,
                found.arrived,
                found.walked,
                found.lowest,
                found.diverged,
                found.still,
                found.stays,
                strict=True,
            )
        ]
        if goal is not None and has_closed_form(self.setup, self.settings):
            trials = beyond(self.setup, start[None, :], rates, trials, goal.loss)
        elif goal is not None and is_recurrence(self.setup, self.settings):
            trials = self._carried_on(start, trials, goal)
        return tuple(SweptRate(trial.lr, "not measured", (trial,)) for trial in trials)

    def _carried_on(self, start: Vector, trials: list[RateTrial], goal: Goal) -> list[RateTrial]:
        """The trials of momentum on a quadratic, with what more steps would have come to."""
        modes, settings = self.setup.modes, self.settings
        left = [place for place, one in enumerate(trials) if one.steps is None and not one.diverged]
        if modes is None or not left:
            return trials
        inertia = Inertia(
            momentum_of(settings.optimizer, settings.momentum) or 0.0,
            optimizer_of(settings.optimizer).looks_ahead,
        )
        rates = np.array([trials[place].lr for place in left])
        offset = self.setup.from_minimum(start)
        more = steps_beyond(modes, offset, rates, inertia, goal.loss, self.steps)
        found = list(trials)
        for place, steps in zip(left, more, strict=True):
            if steps is not None:
                found[place] = replace(trials[place], steps=steps, limit=None, measured=False)
        return found

    def _contour(self, start: Vector, walked: Matrix, plane: Window | None) -> Contour | None:
        setup, names = self.setup, self.setup.objective.names
        if len(names) < 2:
            return None
        best = _place_of(self.minimum, names)
        if plane is None:
            pair = sorted(self.order[:2])
            near = [start, *([] if best is None else [best])]
            seen = np.concatenate([near, _inside(walked, near)])
            spans = [span_around(seen[:, place]) for place in pair]
            plane = Window((names[pair[0]], names[pair[1]]), spans[0], spans[1])
        _known("plane", dict.fromkeys(plane.weights, 0.0), names)
        one, two = (names.index(weight) for weight in plane.weights)
        side = int(np.clip(math.sqrt(EFFORT / 5 / max(setup.moving.work, 1)), 12, _SIDE))
        x, y = np.linspace(*plane.x, side), np.linspace(*plane.y, side)
        held = start if best is None else best
        return Contour(plane.weights, x, y, over(setup.moving, held, (one, two), x, y))


def live(command: Command, data: Any, formula: str, options: Options) -> Live:
    """Prepare a problem. `data` is that of `fit`, None for an expression. Raises SteepestError."""
    if command == "fit":
        setup = prepare_fit(data, formula, options)
    else:
        setup = prepare_minimize(formula, options)
    settings = replace(options.settings(), lr=None)
    check_settings(settings, setup.objective)
    minimum = known_minimum(setup, options.seed)
    limit = None
    best = _place_of(minimum, setup.objective.names)
    at = setup.start if best is None else best
    place: Literal["start", "minimum"] = "start" if best is None else "minimum"
    spectrum = spectrum_at(setup, settings, None, at, place)
    if settings.optimizer not in (*ADAPTIVE, *SOLVERS):
        momentum = momentum_of(settings.optimizer, settings.momentum)
        limit = stability_limit(settings.optimizer, momentum, spectrum)
        limit = limit if limit is not None and math.isfinite(limit) else None
    if in_batches(setup, settings):
        batched = batch_limit(setup, settings, at)
        limit = None if isinstance(batched, str) else batched.stays
    vectors = None if spectrum is None else spectrum.vectors
    slopes = setup.objective.value_and_gradient(setup.start)[1]
    notes: list[str] = []
    lanes, steps = 0, STEPS
    if settings.optimizer in SOLVERS:
        notes.append(
            f"{settings.optimizer} chooses the length of its steps by itself, so there is no "
            "learning rate to choose."
        )
    else:
        lanes, steps = affordable(setup, settings)
        if steps < STEPS:
            notes.append(
                f"The data is large: while dragging, each of {count(lanes)} learning rates "
                f"has {count(steps, 'step')}."
            )
    if setup.scaling is not None:
        notes.append("The weights are those for the columns after scaling.")
    return Live(
        setup=setup,
        settings=settings,
        minimum=minimum,
        limit=limit,
        limit_at=None if setup.solved is not None else place,
        lanes=lanes,
        steps=steps,
        slopes=slopes,
        order=tuple(telling(len(setup.objective.names), vectors, slopes)),
        notes=tuple(notes),
    )


def _none_of(start: Vector, frames: Steps) -> Sampled:
    """No descents, for an optimizer without a learning rate."""
    nobody = np.zeros(0, dtype=np.int64)
    return Sampled(
        seen=frames,
        loss=np.zeros((0, len(frames))),
        weights=np.zeros((0, len(frames), len(start))),
        arrived=nobody,
        stays=np.zeros(0, dtype=np.bool_),
        passes=np.zeros(0, dtype=np.bool_),
        still=np.zeros(0, dtype=np.bool_),
        walked=nobody,
        lowest=np.zeros(0),
        diverged=np.zeros(0, dtype=np.bool_),
    )


def _place_of(minimum: Minimum | None, names: tuple[str, ...]) -> Vector | None:
    """All weights at the minimum, where there is one."""
    if minimum is None or not minimum.exists:
        return None
    found = np.array([minimum.weights.get(name, math.nan) for name in names])
    return found if np.all(np.isfinite(found)) else None


def _inside(points: Matrix, near: list[Vector]) -> Matrix:
    """Those of the points (n, p) that do not run away from the others."""
    low, high = np.min(near, axis=0), np.max(near, axis=0)
    reach = 2.0 * np.maximum(high - low, 1e-12)
    return points[np.all((points >= low - reach) & (points <= high + reach), axis=1)]


def _known(what: str, given: Mapping[str, float], names: tuple[str, ...]) -> None:
    for name, value in given.items():
        if name not in names:
            raise UsageError(
                f"{what} names a weight that this problem does not have.",
                given=ascii(name)[:60],
                instead=f"The weights are {', '.join(names)}.",
            )
        if not math.isfinite(value):
            raise UsageError(f"{what} needs finite numbers.", given=f"{name} = {value:g}")
