"""Side by side: what Steepest costs next to code written here, in one run on one machine.

Each file of comparisons registers some; `python -m benchmarks --help` lists them. To add one, write
a function from Effort to Samples, decorate it with `benchmark`, and name its file below.
"""

import os

# Before anything imports JAX, which reads it once: both sides run on the CPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from benchmarks import (
    bandwidth,
    compilations,
    door,
    lab,
    landscapes,
    lr_finder,
    memory,
    one_percent,
    peers,
    rows,
    scrub,
    startup,
    steps,
    streaming,
    sweep,
    train,
    watch,
)

__all__ = [
    "bandwidth",
    "compilations",
    "door",
    "lab",
    "landscapes",
    "lr_finder",
    "memory",
    "one_percent",
    "peers",
    "rows",
    "scrub",
    "startup",
    "steps",
    "streaming",
    "sweep",
    "train",
    "watch",
]
