"""Peak memory of ten million steps above that of ten, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np

from benchmarks.problem import DATA, FORMULA, LR, START, TOLERANCE, columns
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark

FEW = 10
MANY = 10_000_000
FEW_LOSS = 283.9855
"""As the tutorial prints it."""

# The peak of the process itself: that of getrusage is inherited from whoever started it.
_PEAK = """
def peak():
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""

_FIT = """
import json, sys
import steepest
data, formula, start, lr, steps = json.loads(sys.argv[1])
run = steepest.fit(data, formula, start=start, lr=lr, steps=steps)
print(json.dumps([run.record.descent.steps, run.loss, peak()]))
"""

_FORMULA = """
import json, sys
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.descent.run import descend
from steepest.records.problem import Settings
data, formula, start, lr, steps = json.loads(sys.argv[1])
setup = prepare_fit(data, formula, Options(start=start, lr=lr))
run = descend(setup.objective, Settings(lr=lr, steps=steps), setup.start, scale=setup.scale)
print(json.dumps([run.descent.steps, run.descent.final_loss, peak()]))
"""


def _peak_of(script: str, steps: int, loss: float, tolerance: float) -> int:
    """Bytes, of a process that took `steps` steps and ended at `loss`."""
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            _PEAK + script,
            json.dumps([str(DATA), FORMULA, START, LR, steps]),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found: list[Any] = json.loads(answer.stdout)
    if found[0] != steps or not abs(found[1] - loss) <= tolerance:
        raise DifferentWorkError(f"step {found[0]:,} with a loss of {found[1]:.9g}, not {loss:.9g}")
    return int(found[2])


def _lowest_loss() -> float:
    time, speed = columns()
    design = np.stack([time**2, time, np.ones_like(time)], axis=1)
    solution = np.linalg.lstsq(design, speed)[0]
    return float(np.mean((design @ solution - speed) ** 2))


def _register(name: str, what: str, script: str) -> None:
    @benchmark(
        f"memory-{name}",
        f"peak memory of {what} with {MANY:,} steps, above that with {FEW}",
        bound=200,
        unit="MB",
    )
    def measure(effort: Effort) -> Samples:
        lowest = _lowest_loss()
        rounds = [
            (
                _peak_of(script, FEW, FEW_LOSS, 1e-4),
                _peak_of(script, MANY, lowest, TOLERANCE * lowest),
            )
            # Memory hardly varies; the first round decides.
            for _ in range(max(1, effort.rounds // 3))
        ]
        few, many = rounds[-1]
        return Samples(
            tuple((many - few) / 1e6 for few, many in rounds),
            f"{many / 1e6:.0f} MB against {few / 1e6:.0f} MB",
        )


_register("fit", "steepest.fit on the tutorial's rows", _FIT)
_register("formula", "a descent on the formula", _FORMULA)
