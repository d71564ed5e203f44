"""Steepest: a debugger for gradient descent.

Run any descent, see what every gradient means, know whether the learning rate is right and why,
and get advice that has been proven by running it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from steepest.bench.explaining import explain
    from steepest.bench.jobs import fit, minimize
    from steepest.bench.run import Run
    from steepest.bench.stored import load, runs
    from steepest.bench.sweep import Sweep, sweep
    from steepest.bench.train import NetworkRun, NetworkSweep, sweep_network, train
    from steepest.bench.watching import Watch, watch
    from steepest.errors import (
        FormulaError,
        InputError,
        SteepestError,
        StoreError,
        StoreWarning,
        UsageError,
    )

_HOMES = {
    "fit": "steepest.bench.jobs",
    "minimize": "steepest.bench.jobs",
    "Run": "steepest.bench.run",
    "explain": "steepest.bench.explaining",
    "load": "steepest.bench.stored",
    "runs": "steepest.bench.stored",
    "sweep": "steepest.bench.sweep",
    "Sweep": "steepest.bench.sweep",
    "train": "steepest.bench.train",
    "NetworkRun": "steepest.bench.train",
    "sweep_network": "steepest.bench.train",
    "NetworkSweep": "steepest.bench.train",
    "watch": "steepest.bench.watching",
    "Watch": "steepest.bench.watching",
    "SteepestError": "steepest.errors",
    "InputError": "steepest.errors",
    "UsageError": "steepest.errors",
    "FormulaError": "steepest.errors",
    "StoreError": "steepest.errors",
    "StoreWarning": "steepest.errors",
}

__all__ = [
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
    "load",
    "minimize",
    "runs",
    "sweep",
    "sweep_network",
    "train",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are first used, so that `import steepest` is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
