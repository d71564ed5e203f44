"""`steepest runs`: the runs that a store keeps."""

from __future__ import annotations

from typing import Any

import click

from steepest.cli import options
from steepest.cli.failures import Commands


@click.group(cls=Commands, short_help="List, show, compare, export and delete kept runs.")
def runs() -> None:
    """Show what the store keeps.

    An ID may be shortened to its first characters where that is clear.
    """


@runs.command("list", short_help="List the runs, the newest first.")
@options.from_store
def list_runs(**given: Any) -> None:
    """List the runs, the newest first.

    A run is running, finished, interrupted, or killed: its process ended before it could say how.
    What was kept of a killed or interrupted one can be gone on with: steepest fit --resume ID.
    """
    from steepest.cli.kept import show_list

    show_list(given)


@runs.command(cls=options.Explaining, short_help="Show a run as it was shown when it ended.")
@click.argument("run", metavar="ID")
@options.why
@click.option("--backward", is_flag=True, help="Show the backward pass too.")
@options.fail_on
@options.from_store
def show(run: str, **given: Any) -> None:
    """Show the run ID as it was shown when it ended.

    A training that is watched can be shown while it goes on.
    """
    from steepest.cli.kept import show_run

    show_run(run, given)


@runs.command(short_help="Show two runs side by side.")
@click.argument("first", metavar="ID")
@click.argument("second", metavar="ID")
@options.from_store
def compare(first: str, second: str, **given: Any) -> None:
    """Show what is the same about two runs, what differs, and which ended lower."""
    from steepest.cli.kept import show_comparison

    show_comparison(first, second, given)


@runs.command(short_help="Write a run for other programs.")
@click.argument("run", metavar="ID")
@click.option(
    "--to",
    type=click.Choice(
        ["json", "csv", "parquet", "pytorch", "jax", "tensorboard", "mlflow", "wandb-offline"]
    ),
    required=True,
    help="json: the document of the run. csv, parquet: every recorded step, of a training its "
    "epochs too. "
    "pytorch, jax: a script that walks the same path, of a fit or a minimization. "
    "tensorboard, mlflow, wandb-offline: verdict, steps, figures and report, in the folder that "
    "-o names; for MLflow it may be a tracking URI.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="Write to this file or folder.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@options.from_store
def export(run: str, **given: Any) -> None:
    """Write the run ID for other programs.

    The trace of a killed run can be written too.
    """
    from steepest.cli.kept import export_run

    export_run(run, given)


@runs.command(short_help="Write a run as a page for a browser.")
@click.argument("run", metavar="ID")
@click.option("--output", "-o", metavar="FILE", required=True, help="Write the page to this file.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@options.from_store
def report(run: str, **given: Any) -> None:
    """Write the run ID as one page of HTML with all its figures.

    The page needs no network and nothing beside it; open it in any browser, or print it.
    """
    from steepest.cli.kept import report_run

    report_run(run, given)


@runs.command(short_help="Take runs out of the store.")
@click.argument("run", nargs=-1, required=True, metavar="ID...")
@options.from_store
def delete(run: tuple[str, ...], **given: Any) -> None:
    """Take runs out of the store. They cannot be brought back."""
    from steepest.cli.kept import delete_runs

    delete_runs(run, given)
