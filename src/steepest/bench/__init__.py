"""The bench: the whole job of fitting, measuring, judging and proving."""

from steepest.bench.jobs import fit, minimize
from steepest.bench.run import Moment, ProvenRemedy, Run

__all__ = ["Moment", "ProvenRemedy", "Run", "fit", "minimize"]
