"""`steepest data`: the data sets that are too large to ship."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli.failures import INTERRUPTED, Commands

if TYPE_CHECKING:
    from steepest.data.datasets import Dataset


@click.group(cls=Commands, short_help="List and fetch data sets to learn from.")
def data() -> None:
    """List and fetch data sets to learn from."""


@data.command("list", short_help="List the data sets, and whether they are here.")
def list_datasets() -> None:
    """List the data sets, and whether they are in the folder where they are kept."""
    from steepest.cli.output import write_text
    from steepest.data.datasets import DATASETS

    write_text("".join(_listed(dataset) for dataset in DATASETS.values()))


@data.command(short_help="Fetch the handwritten digits MNIST.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the files go.  [default: a folder in your data directory]",
)
def mnist(to: Path | None) -> None:
    """Fetch the handwritten digits MNIST, 11.6 MB, unless they are here.

    Where a connection breaks off, the same command goes on from there. Each file gets its name
    once its SHA-256 is right. Standard output has one line: the folder.
    """
    from steepest.data.datasets import DATASETS

    _fetch(DATASETS["mnist"], to)


def _fetch(dataset: Dataset, to: Path | None) -> None:
    from steepest.cli.output import write_text
    from steepest.cli.progress import Progress
    from steepest.data.datasets import default_folder, fetch
    from steepest.words.wording import count, escaped, pathname

    folder = default_folder(dataset) if to is None else _home(to)
    try:
        with Progress(sys.stderr) as progress:
            fetched = fetch(
                dataset,
                folder,
                lambda name, done, total: progress(
                    f"{name}, kB", done // 1000, total // 1000, None
                ),
            )
    except KeyboardInterrupt:
        click.echo("Interrupted. The same command goes on from here.", err=True)
        click.get_current_context().exit(INTERRUPTED)
    write_text(f"{escaped(str(folder), 4096)}\n")
    said = f"{count(len(fetched), 'file')} fetched" if fetched else "Every file was here already"
    click.echo(f"{said}; each has its SHA-256. To learn from them:", err=True)
    quoted = pathname(folder, bare=True)
    click.echo(f"  steepest train {quoted} --network 784-128-10", err=True)


def _home(folder: Path) -> Path:
    """The folder, its ~ in full. Raises InputError where there is no such user."""
    from steepest.words.errors import InputError
    from steepest.words.wording import pathname

    try:
        return folder.expanduser()
    except RuntimeError:
        raise InputError(
            "The folder cannot be written: there is no such user.", given=pathname(folder)
        ) from None


def _listed(dataset: Dataset) -> str:
    from steepest.data.datasets import default_folder, files_in
    from steepest.words.wording import count, pathname

    folder = default_folder(dataset)
    here, files = len(files_in(folder, dataset)), len(dataset.files)
    state = {
        0: f"not here: steepest data {dataset.name} fetches it into",
        files: "in",
    }.get(here, f"{here} of them in")
    return (
        f"{dataset.name}  {dataset.what}\n"
        f"       {count(files, 'file')}, {dataset.size / 1e6:.1f} MB, {state}\n"
        f"       {pathname(folder, bare=True)}\n"
    )
