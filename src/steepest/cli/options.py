"""Options that commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from steepest.cli.help import Command
from steepest.methods.names import Named, canonical, nearest
from steepest.methods.optimizers import GD, OPTIMIZER, OPTIMIZERS

LOSSES: Final = ("mse", "mae", "rmse", "huber", "cross-entropy")
GIVES: Final = ("auto", "probability", "logit")

# A minus sign that begins an expression and not an option: there are operators behind it.
_EXPRESSION: Final = re.compile(r"-(?!-).*[*+/( ].*", flags=re.DOTALL)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Expressive(Command):
    """A command whose arguments may begin with a minus sign, as in `-x**2 + x**4`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set a blank before such an argument, so that it is not taken for an option."""
        return super().parse_args(
            ctx, [f" {arg}" if _EXPRESSION.fullmatch(arg) else arg for arg in args]
        )


class Chosen(click.Choice[str]):
    """The name of one of the records, or a synonym of it."""

    def __init__(self, records: Mapping[str, Named]):
        super().__init__(list(records))
        self._records = records

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The record's own name."""
        return super().convert(canonical(self._records, value) or value, param, ctx)

    def get_invalid_choice_message(self, value: Any, ctx: Any) -> str:
        """What can be chosen, and what may have been meant."""
        near = nearest(self._records, value)
        hint = "" if near is None else f" Did you mean {near}?"
        return super().get_invalid_choice_message(value, ctx) + hint


class LearningRate(click.ParamType[Any]):
    """A number, or `auto`. Whether the number can be used is for the bench to say."""

    name = "number|auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        """The number, or "auto"."""
        if isinstance(value, float) or value == "auto":
            return value  # type: ignore[no-any-return]
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!a} is neither a number nor auto.", param, ctx)


class LearningRates(click.ParamType[Any]):
    """LOW:HIGH:COUNT, or `auto`. Whether the numbers can be used is for the bench to say."""

    name = "low:high:count"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float, int] | str:
        """The two numbers and the count, or "auto"."""
        if isinstance(value, tuple) or value == "auto":
            return value  # type: ignore[no-any-return]
        low, first, rest = value.partition(":")
        high, second, number = rest.partition(":")
        if not (first and second):
            self.fail(f"{value!a} is not LOW:HIGH:COUNT, such as 1e-6:1e-3:41.", param, ctx)
        try:
            ends = float(low), float(high)
        except ValueError:
            self.fail(f"In {value!a} the lowest or the highest is not a number.", param, ctx)
        return *ends, Whole().convert(number, param, ctx)


class Whole(click.ParamType[Any]):
    """A whole number; 2e6 and 2_000_000 are ways to write one."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number."""
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
            if number.is_integer() and abs(number) < 2**53:
                return int(number)
        except ValueError:
            pass
        if re.fullmatch(r"[+-]?[0-9]+", str(value)):
            self.fail(f"a number of {len(value):,} digits is too large.", param, ctx)
        self.fail(f"{value!a} is not a whole number.", param, ctx)


def _stacked(*decorators: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    def apply(function: _Function) -> _Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


_momentum = click.option(
    "--momentum",
    type=float,
    metavar="BETA",
    help="Share of the last step that goes into the next one, from 0 to below 1.  "
    "[default: 0.9 where the optimizer has one]",
)

_where = click.option(
    "--where", metavar="CONDITION", help='Use only the rows where this holds: "time>3".'
)

_time_limit = click.option(
    "--time-limit", type=float, metavar="SECONDS", help="Stop after so many seconds."
)

_remedies = click.option(
    "--remedies/--no-remedies",
    default=True,
    show_default=True,
    help="Run what may help, and report what did.",
)

learning_from = _stacked(
    click.option(
        "--loss",
        type=click.Choice(LOSSES),
        default="mse",
        show_default=True,
        help="What is minimized: a mean over the rows, without a hidden one half.",
    ),
    click.option(
        "--gives",
        type=click.Choice(GIVES),
        default="auto",
        show_default=True,
        help="What the formula gives, under cross-entropy. auto: a probability where its "
        "outermost function is sigmoid, else a logit.",
    ),
    _where,
    click.option(
        "--sigma",
        metavar="COLUMN",
        help="The column that says how uncertain each row's target is, as a standard deviation: "
        "a row counts by 1/sigma**2.",
    ),
    click.option(
        "--standardize",
        is_flag=True,
        help="Scale the input columns to mean 0 and deviation 1. The weights are reported in your "
        "units too.",
    ),
    click.option(
        "--batch-size",
        type=Whole(),
        metavar="ROWS",
        help="How many rows each step looks at.  [default: all rows]",
    ),
)
"""Options about the rows that a descent learns from."""

rows = _stacked(
    learning_from,
    click.option(
        "--validation",
        type=float,
        metavar="SHARE",
        help="Hold out this share of the rows, such as 0.2, to measure the loss on.",
    ),
    click.option(
        "--patience",
        type=Whole(),
        metavar="EPOCHS",
        help="Stop after so many passes over the data without a lower loss on the rows held out.",
    ),
)
"""Options about rows; only `fit` has rows."""

memory = click.option(
    "--memory",
    metavar="SIZE",
    help="What the rows may take of it, such as 2GB. Parquet data that needs more is passed over "
    "part by part.  [default: half of what is free]",
)

spreading = _stacked(
    memory,
    click.option(
        "--coordinator",
        metavar="HOST:PORT",
        help="Share the rows among processes: where process 0 runs, and a port that is free "
        "there. auto: find all three from Slurm, Open MPI, mpi4py or Kubernetes.",
    ),
    click.option("--processes", type=Whole(), metavar="N", help="How many processes there are."),
    click.option("--process", type=Whole(), metavar="I", help="Which of them this one is, from 0."),
)
"""Where the rows have room: in memory, and in how many processes."""

method = _stacked(
    click.option(
        "--optimizer",
        type=Chosen(OPTIMIZER),
        default=GD.name,
        show_default=True,
        help="How a gradient becomes a step. lbfgs and lm are solvers and need no learning rate.",
    ),
    _momentum,
)
"""How a gradient becomes a step."""

beginning = _stacked(
    click.option(
        "--start",
        metavar="a=0.1,b=2",
        help="Where weights start. Those that are not named are drawn from a normal distribution.",
    ),
    click.option(
        "--seed",
        type=Whole(),
        default=0,
        show_default=True,
        help="Another number draws other starts, rows held out and batches.",
    ),
    click.option("--fix", metavar="a=2", help="Hold these weights at these values."),
    click.option(
        "--bounds",
        metavar="b=0:,c=-1:1",
        help="Keep these weights between a lower and an upper bound; either may be left out.",
    ),
    click.option(
        "--rescale",
        is_flag=True,
        help="Count each weight in a unit of its own, so that a weight of 10,000 and one of "
        "0.0001 can share a learning rate.",
    ),
    _time_limit,
)
"""Where a descent may begin and go, and for how long."""

descent = _stacked(
    method,
    click.option(
        "--lr",
        type=LearningRate(),
        default="auto",
        show_default=True,
        help="Learning rate: how far a step goes for a gradient of 1. auto looks for the one that "
        "arrives first.",
    ),
    click.option(
        "--steps", type=Whole(), default=1000, show_default=True, help="Stop after so many steps."
    ),
    beginning,
    click.option(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="Stop when the gradient is shorter than this share of the first one, such as 1e-6.  "
        "[default: 0, off]",
    ),
)
"""Options about the descent."""

sweeping = _stacked(
    method,
    click.option(
        "--lr",
        type=LearningRates(),
        default="auto",
        metavar="LOW:HIGH:COUNT",
        show_default=True,
        help="So many learning rates from LOW to HIGH, evenly spaced in the logarithm, or auto: "
        "around the stability limit.",
    ),
    click.option(
        "--steps",
        type=Whole(),
        help="Step limit of each descent.  [default: 1000, raised until a learning rate arrives "
        "and the others had ten times its steps]",
    ),
    click.option(
        "--starts",
        type=Whole(),
        default=1,
        show_default=True,
        metavar="N",
        help="Number of starts: what fit draws with the seed, and with those after it.",
    ),
    beginning,
)
"""Options about many descents side by side."""

NETWORK_LOSSES: Final = ("cross-entropy", "mse", "mae", "huber")
SCHEDULES: Final = ("constant", "linear", "cosine", "exponential", "warmup-cosine")

network = _stacked(
    click.option(
        "--network",
        metavar="TEXT",
        help="Widths and activations from the inputs to the outputs: 64-32-relu-10.",
    ),
    click.option("--target", metavar="COLUMN", help="The column of a table that is to be found."),
    click.option(
        "--inputs", metavar="a,b", help="The columns to learn from.  [default: all others]"
    ),
    click.option(
        "--loss",
        type=click.Choice(NETWORK_LOSSES),
        default="cross-entropy",
        show_default=True,
        help="What is minimized: cross-entropy for classes, the others for numbers.",
    ),
    click.option(
        "--optimizer",
        type=Chosen({name: OPTIMIZER[name] for name in OPTIMIZERS}),
        default=GD.name,
        show_default=True,
        help="How a gradient becomes a step.",
    ),
    _momentum,
    click.option(
        "--lr",
        type=LearningRate(),
        default="auto",
        show_default=True,
        help="Learning rate. auto tries 16 side by side and takes the one that gets lowest.",
    ),
    click.option(
        "--sweep",
        type=LearningRates(),
        metavar="LOW:HIGH:COUNT",
        help="Instead of a training: try so many learning rates from LOW to HIGH side by side, or "
        "auto: 16 around the stability limit.",
    ),
    click.option(
        "--schedule",
        type=click.Choice(SCHEDULES),
        default="constant",
        show_default=True,
        help="How the learning rate changes over the steps.",
    ),
    click.option(
        "--steps",
        type=Whole(),
        help="Stop after so many steps.  [default: 1000 where --epochs is not given]",
    ),
    click.option("--epochs", type=Whole(), help="Stop after so many passes over the rows."),
    click.option(
        "--batch-size",
        type=Whole(),
        default=64,
        show_default=True,
        metavar="ROWS",
        help="How many rows each step looks at.",
    ),
    click.option(
        "--shuffle/--no-shuffle",
        default=True,
        show_default=True,
        help="Draw the batches anew in every epoch.",
    ),
    click.option("--standardize", is_flag=True, help="Scale the inputs to mean 0 and deviation 1."),
    click.option(
        "--validation",
        type=float,
        metavar="SHARE",
        help="Hold out this share of the rows, such as 0.2, to judge by. The weights of the epoch "
        "with the lowest loss on them are kept.",
    ),
    click.option(
        "--patience",
        type=Whole(),
        metavar="EPOCHS",
        help="Stop after so many epochs without a lower loss on the rows held out.",
    ),
    _time_limit,
    click.option(
        "--seed",
        type=Whole(),
        default=0,
        show_default=True,
        help="Another number draws other first weights, rows held out and batches.",
    ),
    _where,
    _remedies,
)
"""Options of the training of a network."""

as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON document on standard output and nothing else there.",
)

showing = _stacked(
    _remedies,
    click.option(
        "--at",
        type=Whole(),
        metavar="STEP",
        help="Explain the weights and their gradients at this step.  [default: the last]",
    ),
    click.option(
        "--backward",
        is_flag=True,
        help="Show the backward pass too: every value and its adjoint, by the chain rule.",
    ),
    as_json,
)
"""Options about what is tried and shown."""

store = click.option(
    "--store",
    metavar="PATH",
    help="Where runs are kept.  [default: a file in your data directory, or STEEPEST_STORE]",
)

keeping = _stacked(
    click.option("--resume", metavar="ID", help="Go on with this kept run."),
    store,
    click.option("--no-save", is_flag=True, help="Do not keep this run."),
    click.option("--name", metavar="TEXT", help="A name for this run, shown in the list of runs."),
)
"""Options about keeping runs."""

from_store = _stacked(store, as_json)
"""Options of what reads the store."""
