"""Words of other programs for what is called otherwise here, and may mean not quite the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPTION_WORDS: Final[Mapping[str, str]] = {
    "epochs": "A fit counts steps: --steps; with all rows in each step an epoch is one step",
    "max-epochs": "A fit counts steps: --steps; with all rows in each step an epoch is one step",
    "tol": "Write --tolerance: a share of the first gradient's length",
    "gtol": "Write --tolerance: a share of the first gradient's length",
    "ftol": "Write --tolerance: a share of the first gradient's length",
    "normalize": "Write --standardize: mean 0 and deviation 1",
    "normalise": "Write --standardize: mean 0 and deviation 1",
    "standardise": "Write --standardize",
    "scale": "Write --standardize: mean 0 and deviation 1",
    "method": "Write --optimizer",
    "optimiser": "Write --optimizer",
    "solver": "Write --optimizer",
    "algorithm": "Write --optimizer",
    "criterion": "Write --loss",
    "cost": "Write --loss",
    "batch": "Write --batch-size",
    "guess": "Write --start a=0.1,b=2",
    "beta": "Write --momentum",
    "weights": "Write --start a=0.1,b=2",
    "test-size": "Write --validation 0.2",
    "hidden": "Write --network 64-32-relu-10",
    "layers": "Write --network 64-32-relu-10",
    "label": "Write --target",
    "verbose": "Write --why",
    "quiet": "Write --json for one document, or send standard output elsewhere",
    "plot": "Write steepest lab for pictures, or steepest runs report ID -o page.html",
    "show": "Write steepest lab for pictures, or steepest runs report ID -o page.html",
    "output": "Write steepest runs report ID -o page.html of a run that is kept",
    "maximize": "Minimize the negative: -(...)",
}
"""Word, with dashes -> what to write. Words that mean the same are synonyms of the options."""

COMMAND_WORDS: Final[Mapping[str, str]] = {
    "help": "Write steepest --help, or steepest fit --help.",
    "curve-fit": "Write steepest fit DATA FORMULA.",
    "regress": "Write steepest fit DATA FORMULA.",
    "maximize": 'Write steepest minimize "-(...)": the negative of what is to be large.',
    "maximise": 'Write steepest minimize "-(...)": the negative of what is to be large.',
    "optimize": "Write steepest minimize EXPRESSION, or steepest fit DATA FORMULA.",
    "optimise": "Write steepest minimize EXPRESSION, or steepest fit DATA FORMULA.",
    "list": "Write steepest runs list.",
    "show": "Write steepest runs show ID.",
    "plot": "Write steepest lab, or steepest runs report ID -o page.html.",
    "gui": "Write steepest lab.",
    "version": "Write steepest --version.",
    "learn": "Write steepest train DATA --target COLUMN.",
    "tune": "Write steepest sweep DATA FORMULA.",
}
"""Word, with dashes -> which command is meant."""

EXTRA_WORDS: Final[Mapping[str, str]] = {
    "minimize": "Where it starts is said by --start x=3.",
    "fit": 'A formula is one argument, in quotes: "y ~ a*x + b".',
    "sweep": 'A formula is one argument, in quotes: "y ~ a*x + b".',
    "train": "The column that is to be found is said by --target.",
}
"""Command -> what may be meant by an argument too many."""
