"""How long it takes to come within 1 % of the tutorial's minimum, given data and formula alone.

Each way is a process of its own, timed by the clock from its start to its end: what is imported and
compiled counts. Nothing is known beforehand but what the way's own documentation says. Each prints
what it found, weights or predictions; the loss is computed from that here, the same for all.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.peers import ONE_PERCENT, demand_installed, loss_at, lowest_loss
from benchmarks.problem import DATA, FORMULA, LR, ROOT, START, columns
from benchmarks.registry import (
    FULL,
    DifferentWorkError,
    Effort,
    NotMeasuredError,
    Samples,
    benchmark,
)
from benchmarks.timing import duration
from steepest.records.arrays import Vector

LOOP_STEPS = 1_971_722
"""So many does the tutorial's loop need; that the last one is within 1 % is checked."""

TIMED_STEPS = 20_000
"""Of the loop, where it is not run to its end."""

LONGEST = 240.0
"""Seconds that its whole run may be expected to take."""


@dataclass(frozen=True)
class Found:
    """What a process took, and where it ended."""

    seconds: float
    loss: float | None
    """None where it was not run to its end."""
    steps: str
    """How many of what it counts."""


@dataclass(frozen=True)
class Way:
    """One way to the minimum, and its runs, or why there are none."""

    name: str
    runs: tuple[Found, ...] = ()
    note: str = ""

    @property
    def seconds(self) -> float:
        """The median."""
        return median(run.seconds for run in self.runs)

    @property
    def loss(self) -> float | None:
        """The highest at the end of a run; None where that was not measured."""
        losses = [run.loss for run in self.runs if run.loss is not None]
        return max(losses) if losses and len(losses) == len(self.runs) else None

    @property
    def missed(self) -> bool:
        """Whether a run ended above the goal."""
        # Not "loss > goal": a loss that is no number has missed it too.
        return self.loss is not None and not self.loss <= ONE_PERCENT.loss


def _timed(*command: str, store: Path | None = None) -> tuple[float, str]:
    """Seconds, and what it printed."""
    kept = {} if store is None else {"STEEPEST_STORE": str(store)}
    began = clock.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **kept},
        timeout=600,
        check=False,
    )
    seconds = clock.perf_counter() - began
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise DifferentWorkError(f"a process ended with {done.returncode}: {' '.join(last)}")
    return seconds, done.stdout


# Steepest, from the command line

WITH_REMEDY = "steepest fit, and then the command of its best remedy"
REMEDY = "the command of steepest's best remedy alone"
INSIDE = "steepest fit alone, with the weights that its best remedy found when it was run"


Ran = tuple[float, str]


def _in_a_process(arguments: Sequence[str], store: Path) -> Ran:
    return _timed(sys.executable, "-m", "steepest", *arguments, store=store)


def steepest_ways(
    run: Callable[[Sequence[str], Path], Ran] = _in_a_process,
) -> dict[str, Found]:
    """The first run proposes a command; its document says where the remedy ended too.

    `run` takes the arguments of a `steepest` and where runs are kept, and gives seconds and output.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "runs.db")
        first, answer = run(["fit", str(DATA.relative_to(ROOT)), FORMULA, "--json"], store)
        proposed = json.loads(answer)["remedies"]
        if not proposed:
            raise DifferentWorkError("no remedy was proposed")
        best = proposed[0]
        second, answer = run([*shlex.split(best["command"])[1:], "--json"], store)
    document = json.loads(answer)
    ends = document["user_units"] or document["weights"]
    loss = loss_at(_weights({name: ends[name]["value"] for name in START}))
    inside = loss_at(_weights(best["weights"]))
    steps = f"{document['descent']['steps']:,} steps"
    return {
        INSIDE: Found(first, inside, f"{best['measured_steps']:,} steps"),
        WITH_REMEDY: Found(first + second, loss, steps),
        REMEDY: Found(second, loss, steps),
    }


def _weights(named: dict[str, float]) -> Vector:
    return np.array([named[name] for name in START])


# Others, as scripts

SGD = """
import json, sys, warnings
import numpy as np
from sklearn.linear_model import SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
warnings.simplefilter("ignore")
time, speed = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, unpack=True)
scaled, options = json.loads(sys.argv[2])
powers = PolynomialFeatures(2, include_bias=False)
before = [StandardScaler(), powers] if scaled else [powers]
model = make_pipeline(*before, SGDRegressor(random_state=0, **options))
model.fit(time[:, None], speed)
predictions = model.predict(time[:, None]).tolist()
print(json.dumps([predictions, f"{model[-1].n_iter_:,} passes"]))
"""

CURVE_FIT = """
import json, sys
import numpy as np
from scipy.optimize import curve_fit
time, speed = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, unpack=True)
(a, b, c), _, details, _, _ = curve_fit(
    lambda t, a, b, c: a * t**2 + b * t + c, time, speed, full_output=True
)
print(json.dumps([(a * time**2 + b * time + c).tolist(), f"{details['nfev']:,} evaluations"]))
"""

LOOP = """
import json, sys, time as clock
import numpy as np
import torch
torch.set_num_threads(1)
time, speed = map(torch.tensor, np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, unpack=True))
start, lr, steps = json.loads(sys.argv[2])
weights = torch.tensor(start, dtype=torch.float64).requires_grad_()
began = clock.perf_counter()
for step in range(steps):
    a, b, c = weights
    loss = ((a * time**2 + b * time + c - speed) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        weights -= lr * weights.grad
    weights.grad.zero_()
spent = clock.perf_counter() - began
a, b, c = weights.detach()
print(json.dumps([(a * time**2 + b * time + c).tolist(), f"{steps:,} steps", spent]))
"""

PASSES = math.ceil(1e6 / 20)
"""Of 20 rows, so that a million are seen: the first guess that scikit-learn's guide gives."""

UNSCALED = "SGDRegressor as it comes, on time and its square"
ADVISED = f"SGDRegressor, scaled, max_iter={PASSES:,} as advised, its default tolerance"
ALL_PASSES = f"SGDRegressor, scaled, max_iter={PASSES:,} as advised, tol=None: all of them"
ADAPTIVE = 'SGDRegressor, scaled, as advised, learning_rate="adaptive"'
SCIPY = "scipy.optimize.curve_fit, which is no gradient descent"
LOOP_NAME = f"the tutorial's loop in eager PyTorch, learning rate {LR:g}, one thread"

Options = dict[str, str | int | None]

SGD_WAYS: dict[str, tuple[bool, Options]] = {
    UNSCALED: (False, {}),
    ADVISED: (True, {"max_iter": PASSES}),
    ALL_PASSES: (True, {"max_iter": PASSES, "tol": None}),
    ADAPTIVE: (True, {"max_iter": PASSES, "learning_rate": "adaptive"}),
}


def _script(text: str, *arguments: object) -> tuple[Found, list[float]]:
    given = [json.dumps(arguments)] if arguments else []
    seconds, answer = _timed(sys.executable, "-c", text, str(DATA), *given)
    predictions, steps, *more = json.loads(answer)
    return Found(seconds, _loss_of(predictions), steps), more


def _loss_of(predictions: Sequence[float]) -> float:
    return float(np.mean((np.array(predictions) - columns()[1]) ** 2))


def sgd_way(name: str) -> Found:
    """One of SGD_WAYS."""
    demand_installed("sklearn")
    return _script(SGD, *SGD_WAYS[name])[0]


def curve_fit_way() -> Found:
    """From the start that it takes by itself, ones."""
    return _script(CURVE_FIT)[0]


def loop_way(steps: int) -> tuple[Found, float]:
    """The tutorial's loop with so many steps, and the seconds that these took of the process's."""
    demand_installed("torch")
    found, (spent,) = _script(LOOP, list(START.values()), LR, steps)
    return found, spent


def _loop(effort: Effort) -> Way:
    """Once to its end where there is time for it, else so many steps times what one takes."""
    part, spent = loop_way(TIMED_STEPS)
    each = spent / TIMED_STEPS
    whole = part.seconds - spent + LOOP_STEPS * each
    if effort == FULL and whole <= LONGEST:
        return Way(LOOP_NAME, (loop_way(LOOP_STEPS)[0],), "run once, to its end")
    note = f"extrapolated from {TIMED_STEPS:,} steps of {duration(each)}"
    return Way(LOOP_NAME, (Found(whole, None, f"{LOOP_STEPS:,} steps"),), note)


# All of them


@cache
def measured(effort: Effort) -> dict[str, Way]:
    """Every way by its name, in turns."""
    others: dict[str, Callable[[], Found]] = {
        **{name: partial(sgd_way, name) for name in SGD_WAYS},
        SCIPY: curve_fit_way,
    }
    runs: dict[str, list[Found]] = {name: [] for name in (WITH_REMEDY, REMEDY, INSIDE, *others)}
    missing: dict[str, str] = {}
    for _ in range(max(1, effort.rounds // 2)):
        for name, found in steepest_ways().items():
            runs[name].append(found)
        for name, way in others.items():
            try:
                runs[name].append(way())
            except NotMeasuredError as reason:
                missing[name] = str(reason)
    ways = {name: Way(name, tuple(found), missing.get(name, "")) for name, found in runs.items()}
    return {**ways, LOOP_NAME: _loop(effort)}


def section(ways: Sequence[Way]) -> str:
    """The table of all, quickest first; those that do not arrive and those not measured last."""
    lines = [
        "## Time to 1 % above the minimum",
        "",
        f"`{DATA.relative_to(ROOT)}` and `{FORMULA}`, nothing else given. Each way is a process of "
        "its own, timed by the clock from its start to its end, importing and compiling included; "
        f"the median of its runs. The goal is a loss of {ONE_PERCENT.loss:.6g}, 1 % above the "
        f"{lowest_loss():.6g} of least squares. The losses are computed from the weights or "
        "predictions that each printed.",
        "",
        "| way | seconds | spread | took | loss | within 1 % |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(_row(way))} |" for way in sorted(ways, key=_place)]
    return "\n".join(lines)


def _place(way: Way) -> tuple[bool, bool, float]:
    return (not way.runs, way.missed, way.seconds if way.runs else 0.0)


def _row(way: Way) -> tuple[str, ...]:
    if not way.runs:
        return (way.name, f"not measured: {way.note}", "-", "-", "-", "-")
    times = [run.seconds for run in way.runs]
    spread = f"{min(times):.3g} to {max(times):.3g}, {len(times)} runs"
    return (
        way.name,
        f"{way.seconds:.3g}",
        way.note or (spread if len(times) > 1 else "1 run"),
        way.runs[0].steps,
        "not measured" if way.loss is None else f"{way.loss:.6g}",
        "not measured" if way.loss is None else "no" if way.missed else "yes",
    )


WHAT = (
    f"to 1 % above the tutorial's minimum, each process by the clock, begun anew: {WITH_REMEDY}, "
    "against"
)


def _against(name: str, other: str, *, shows_all: bool = False) -> None:
    @benchmark(f"one-percent-{name}", f"{WHAT} {other}", bound=None)
    def measure(effort: Effort) -> Samples:
        ways = measured(effort)
        ours, theirs = ways[WITH_REMEDY], ways[other]
        if not theirs.runs:
            raise NotMeasuredError(theirs.note)
        for way in (ours, theirs):
            if way.missed:
                raise DifferentWorkError(f"{way.name}: not within 1 %")
        detail = f"{duration(ours.seconds)} against {duration(theirs.seconds)}"
        return Samples(
            tuple(run.seconds / theirs.seconds for run in ours.runs),
            f"{detail}, {theirs.note}" if theirs.note else detail,
            section(list(ways.values())) if shows_all else "",
        )


_against("loop", LOOP_NAME, shows_all=True)
_against("sgd", ALL_PASSES)
_against("curve-fit", SCIPY)
