"""Training a network: from rows and a network as text to a verdict and predictions."""

from __future__ import annotations

from steepest.bench.train.job import train
from steepest.bench.train.run import NetworkRun
from steepest.bench.train.sweep import NetworkSweep, sweep_network

__all__ = ["NetworkRun", "NetworkSweep", "sweep_network", "train"]
