"""The commands, each with its options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click

from steepest import __version__
from steepest.cli import options
from steepest.cli.agents import mcp
from steepest.cli.data import data
from steepest.cli.failures import Commands
from steepest.cli.lab import lab
from steepest.cli.runs import runs

_HEAD: Final = 65_536
"""Bytes of a file in which its header is looked for."""

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# The first character keeps click from filling the lines.
_EXAMPLES = """\b
Examples:
  steepest fit data.csv "speed ~ a*time**2 + b*time + c" --lr 1e-5
  steepest minimize "x**2" --start x=3
  steepest train digits.csv --network 64-32-relu-10 --target digit
  steepest sweep data.csv "speed ~ a*time**2 + b*time + c" --lr 1e-6:1e-4:41
  steepest judge metrics.csv
  steepest explain SD201
  steepest explain gradient
  steepest lab"""


@click.group(cls=Commands, context_settings=_CONTEXT, epilog=_EXAMPLES)
@click.version_option(__version__, prog_name="steepest", message="%(prog)s %(version)s")
def steepest() -> None:
    """A debugger for gradient descent.

    It runs a descent, shows what every gradient means, and says whether the learning rate is too
    small, just right or too large, and why.
    """


def _column_begun(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """The formula so far, its last name completed to those columns of the data that begin so."""
    from steepest.data.table.delimited import read_delimited
    from steepest.formula.names import quoted
    from steepest.words.errors import SteepestError

    path, name = context.params.get("data"), re.search(r"`[^`]*$|\w*$", begun)
    if not path or path == "-" or name is None:
        return []
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
        columns = read_delimited(head.rpartition(b"\n")[0] or head, path).names
    except (OSError, SteepestError):
        return []  # What is amiss with the file is said once the command runs.
    start, stem = begun[: name.start()], name[0].removeprefix("`")
    return [start + quoted(column) for column in columns if column.startswith(stem)]


@steepest.command(cls=options.Expressive, short_help="Fit a formula to data, and explain it.")
@click.argument("data", metavar="DATA", required=False)
@click.argument("formula", metavar="FORMULA", required=False, shell_complete=_column_begun)
@options.fit
@options.together
@options.keeping
@options.showing
def fit(data: str | None, formula: str | None, **given: Any) -> None:
    """Fit FORMULA to the rows of DATA by gradient descent, and explain it.

    DATA is a .csv, .tsv or .parquet file, a folder or glob of Parquet files, or - for CSV on
    standard input.

    FORMULA is "target ~ model". Names in it that are no columns are weights. A column whose name
    is no identifier stands in backticks. Quote the formula for your shell.

    With --resume, both are those of the kept run and may be left out.

    With --coordinator, the same command runs in several processes, on one machine or many. Each
    reads its share of the rows; process 0 shows and keeps the result.
    """
    from steepest.cli.running import show_fit

    if given["process"] in (None, 0):
        # The others are told what to fit.
        _require(given, DATA=data, FORMULA=formula)
    show_fit(data, formula, given)


@steepest.command(cls=options.Expressive, short_help="Minimize an expression, and explain it.")
@click.argument("expression", metavar="EXPRESSION", required=False)
@options.minimize
@options.keeping
@options.showing
def minimize(expression: str | None, **given: Any) -> None:
    """Minimize EXPRESSION over its variables by gradient descent, and explain it.

    EXPRESSION is for example "x**2" or "(1-x)**2 + 100*(y-x**2)**2". Quote it for your shell.
    """
    from steepest.cli.running import show_minimize

    _require(given, EXPRESSION=expression)
    show_minimize(expression, given)


@steepest.command(
    cls=options.Explaining, short_help="Train a network on rows or pictures, and explain it."
)
@click.argument("data", metavar="DATA", required=False)
@options.train
@options.keeping
@options.why
@options.as_json
def train(data: str | None, **given: Any) -> None:
    """Train a network on the rows of DATA in mini-batches, and explain it.

    DATA is a table as in steepest fit, a folder of pictures in folders by class, or a folder of
    IDX files, as MNIST comes. Of a table --target names the column to be found.

    With --resume, DATA and --network are those of the kept run and may be left out.
    """
    from steepest.cli.training import show_training

    _require(given, DATA=data)
    show_training(data, given)


@steepest.command(cls=options.Expressive, short_help="Try many learning rates on a fit.")
@click.argument("data", metavar="DATA")
@click.argument("formula", metavar="FORMULA", shell_complete=_column_begun)
@options.sweep
@options.why
@options.as_json
def sweep(data: str, formula: str, **given: Any) -> None:
    """Fit FORMULA to the rows of DATA with many learning rates at once.

    It shows how many steps each takes to within 1 % of the minimum, which are too small, just
    right and too large, and where the predicted stability limit lies. DATA and FORMULA are those
    of steepest fit.
    """
    from steepest.cli.running import show_sweep

    show_sweep(data, formula.strip(), given)


@steepest.command(short_help="Judge a training that is over, from its log.")
@click.argument("log", metavar="LOG")
@options.columns
@click.option(
    "--follow", is_flag=True, help="Judge a log that grows, until Ctrl-C or what --fail-on names."
)
@options.why
@options.fail_on
@options.kept_as
@options.as_json
def judge(log: str, **given: Any) -> None:
    """Judge a training that is over, from its LOG.

    LOG is a table with a loss (Lightning's metrics.csv, Keras's CSVLogger, an export of MLflow or
    Weights & Biases), JSON lines, Hugging Face's trainer_state.json, a TensorBoard event file, or
    a folder that holds one of these.

    Which column is what is guessed from the names and said. Only what the log proves is said, and
    what cannot be known from it, with the line that would record it.
    """
    from steepest.cli.judging import show_judged

    show_judged(log, given)


def _require(given: dict[str, Any], **arguments: str | None) -> None:
    """What a new run needs; one that goes on has it already."""
    for name, value in arguments.items():
        if value is None and given["resume"] is None:
            raise click.UsageError(f"Missing argument '{name}'.", click.get_current_context())


def _explained(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """What a shell may complete the beginning of a code or a word to."""
    from steepest.checks import CHECKS
    from steepest.words.field import words

    known = (*CHECKS, *words())
    return [name for name in known if name.lower().startswith(begun.lower())]


@steepest.command(short_help="Show the page about a check or a word, or list them.")
@click.argument("what", metavar="[CODE|WORD]", nargs=-1, shell_complete=_explained)
@options.as_json
def explain(what: tuple[str, ...], as_json: bool) -> None:
    """Show the page about a check or about a word of the field; without either, the list.

    CODE is as findings show it, such as SD201. WORD is for example gradient, learning rate, l1,
    zero_grad or overfitting.
    """
    from steepest.cli.explaining import show_list, show_page

    if what:
        show_page(" ".join(what), as_json)
    else:
        show_list(as_json)


steepest.add_command(data)
steepest.add_command(lab)
steepest.add_command(mcp)
steepest.add_command(runs)
