"""Steepest: a debugger for gradient descent.

Run any descent, see what every gradient means, know whether the learning rate is right and why,
and get advice that has been proven by running it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from steepest.integrations.sklearn import judge_estimator
    from steepest.jobs.fit import fit, minimize
    from steepest.jobs.judge import judge
    from steepest.jobs.load import load, runs
    from steepest.jobs.sweep import Sweep, sweep
    from steepest.jobs.sweep_network import NetworkSweep, sweep_network
    from steepest.jobs.train import train
    from steepest.jobs.watch import Watch, watch
    from steepest.jobs.watch_optax import watch_optax
    from steepest.records import ranks as ranks
    from steepest.run.explaining import explain
    from steepest.run.network import NetworkRun
    from steepest.run.run import Run
    from steepest.words.errors import (
        DataWarning,
        FormulaError,
        InputError,
        SteepestError,
        StoreError,
        StoreWarning,
        UsageError,
    )

_HOMES = {
    "fit": "steepest.jobs.fit",
    "minimize": "steepest.jobs.fit",
    "Run": "steepest.run.run",
    "explain": "steepest.run.explaining",
    "judge": "steepest.jobs.judge",
    "judge_estimator": "steepest.integrations.sklearn",
    "load": "steepest.jobs.load",
    "runs": "steepest.jobs.load",
    "sweep": "steepest.jobs.sweep",
    "Sweep": "steepest.jobs.sweep",
    "train": "steepest.jobs.train",
    "NetworkRun": "steepest.run.network",
    "sweep_network": "steepest.jobs.sweep_network",
    "NetworkSweep": "steepest.jobs.sweep_network",
    "watch": "steepest.jobs.watch",
    "Watch": "steepest.jobs.watch",
    "watch_optax": "steepest.jobs.watch_optax",
    "ranks": "steepest.records.ranks",
    "SteepestError": "steepest.words.errors",
    "InputError": "steepest.words.errors",
    "UsageError": "steepest.words.errors",
    "FormulaError": "steepest.words.errors",
    "StoreError": "steepest.words.errors",
    "DataWarning": "steepest.words.errors",
    "StoreWarning": "steepest.words.errors",
}

__all__ = [
    "DataWarning",
    "FormulaError",
    "InputError",
    "NetworkRun",
    "NetworkSweep",
    "Run",
    "SteepestError",
    "StoreError",
    "StoreWarning",
    "Sweep",
    "UsageError",
    "Watch",
    "__version__",
    "explain",
    "fit",
    "judge",
    "judge_estimator",
    "load",
    "minimize",
    "runs",
    "sweep",
    "sweep_network",
    "train",
    "watch",
    "watch_optax",
]

for _needed, _names in (("torch", {"Watch", "watch"}), ("sklearn", {"judge_estimator"})):
    if find_spec(_needed) is None:
        # `from steepest import *` takes what can be had. `steepest.watch` says what is missing.
        __all__[:] = [name for name in __all__ if name not in _names]


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are first used, so that `import steepest` is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_HOMES[name])
    return module if name == "ranks" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
