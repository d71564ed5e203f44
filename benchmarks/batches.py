"""The stability limit with batches, stated and measured: `python -m benchmarks.batches`.

A line in four columns, 256 rows, is fitted with targets that scatter. Stated is what a report says;
measured is where descents of the program begin to diverge, at learning rates 4 % apart, each
from near the minimum and over the same number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.descent.sweep import try_rates
from steepest.measure.curvature import stability_limit
from steepest.methods.optimizers import momentum_of
from steepest.problem.options import read_options
from steepest.problem.prepare import prepare_fit
from steepest.study.batch_limit import batch_limit
from steepest.study.spectra import spectrum_at

OPTIMIZERS = ("gd", "momentum", "nesterov")
SIZES = (1, 4, 16, 64)
STEPS = 4000
APART = 1.04
FORMULA = "y ~ w1*x1 + w2*x2 + w3*x3 + w4*x4"


@dataclass(frozen=True)
class Compared:
    """Learning rates: the limit of all rows, in mean square, as stated, and where it diverges."""

    all_rows: float
    mean_square: float
    stated: float
    diverges: float


def compared(optimizer: str, size: int, seed: int = 0) -> Compared:
    """The limits of one optimizer and batch size."""
    draw = np.random.default_rng(seed)
    columns = {f"x{place}": draw.normal(size=256) for place in range(1, 5)}
    target = sum(columns.values()) + 0.1 * draw.normal(size=256)
    options = read_options({"optimizer": optimizer, "batch_size": size, "seed": seed})
    setup = prepare_fit({**columns, "y": target}, FORMULA, options)
    settings = options.settings()
    assert setup.solved is not None
    found = batch_limit(setup, settings, setup.start)
    assert not isinstance(found, str), found
    assert found.stays is not None
    momentum = momentum_of(optimizer, None)
    whole = stability_limit(
        optimizer, momentum, spectrum_at(setup, settings, None, setup.start, "start")
    )
    assert whole is not None
    rates = np.array([found.stays * APART**place for place in range(-14, 15)])
    trials = try_rates(
        setup.moving, settings, setup.solved.solution + 0.01, rates, goal=-1.0, steps=STEPS,
        seconds=60.0, scale=setup.scale,
    )  # fmt: skip
    diverging = [trial.lr for trial in trials if trial.diverged]
    return Compared(whole, found.mean_square, found.stays, min(diverging, default=np.inf))


def main() -> None:
    """Print the table."""
    print("| optimizer | batch | all rows | in mean square | stated | diverges from |")
    print("|---|---|---|---|---|---|")
    for optimizer in OPTIMIZERS:
        for size in SIZES:
            one = compared(optimizer, size)
            print(
                f"| {optimizer} | {size} | {one.all_rows:.3g} | {one.mean_square:.3g} | "
                f"{one.stated:.3g} | {one.diverges:.3g} |"
            )


if __name__ == "__main__":
    main()
