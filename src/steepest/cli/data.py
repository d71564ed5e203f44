"""`steepest data`: rows that are made, those of examples, and data sets too large to ship."""

from __future__ import annotations

import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli.failures import INTERRUPTED, Commands

if TYPE_CHECKING:
    from steepest.data.datasets import Dataset


def _examples() -> dict[str, Traversable]:
    """The files of the lab's examples, by their names."""
    folder = resources.files("steepest.lab") / "examples"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name[:-4]: file for file in files if file.name.endswith(".csv")}


def _examples_begun(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """What a shell may complete the beginning of a name to."""
    return [name for name in _examples() if name.startswith(begun)]


@click.group(cls=Commands, short_help="Make, list and fetch data to learn from.")
def data() -> None:
    """Make rows from a formula, write those of an example; list and fetch data sets."""


@data.command(short_help="Make rows from a formula, with noise.")
@click.argument("formula", metavar="FORMULA")
@click.option("--rows", type=int, default=20, show_default=True, metavar="N", help="How many.")
@click.option(
    "--noise",
    type=float,
    default=0.0,
    metavar="DEVIATION",
    help="The standard deviation of what is added to the target.  [default: 0]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Another number draws other noise.",
)
@click.option(
    "--range",
    "ranges",
    metavar="time=0:19",
    help="From where to where columns go.  [default: 0 to rows - 1]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def make(
    formula: str,
    rows: int,
    noise: float,
    seed: int,
    ranges: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """Make rows of FORMULA, such as "speed ~ 0.5*(time - 9.5)**2 + 1", as CSV.

    Every name right of ~ is a column: the first goes evenly over its range, further ones are drawn
    evenly from theirs. Without a target it is called y.
    """
    from steepest.cli.output import write_text
    from steepest.data.made import made
    from steepest.formula.assignments import parse_bounds

    given = None if ranges is None else parse_bounds(ranges, option="--range")
    text = made(formula, rows=rows, noise=noise, seed=seed, ranges=given).csv()
    if output is None:
        write_text(text)
    else:
        _write(output, text, force)


@data.command(short_help="Write the rows of an example of the lab to a file.")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=_examples_begun)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file, or - for standard output.  [default: NAME.csv]",
)
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def example(name: str | None, output: Path | None, force: bool) -> None:
    """Write the rows of the example NAME to NAME.csv, so that the lab's commands run here.

    Without a name, the examples are listed.
    """
    from steepest.cli.output import write_text
    from steepest.words.errors import UsageError
    from steepest.words.wording import escaped, listed

    known = _examples()
    if name is None:
        write_text("".join(f"{one}\n" for one in known))
        return
    name = name.removesuffix(".csv")
    if name not in known:
        raise UsageError(
            "There is no such example.",
            given=escaped(name),
            instead=f"The examples are {listed(list(known))}.",
        )
    text = known[name].read_text("utf-8")
    if output == Path("-"):
        write_text(text)
        return
    place = output or Path(f"{name}.csv")
    _write(place, text, force)
    write_text(f"{place}\n")


def _write(output: Path, text: str, force: bool) -> None:
    from steepest.words.errors import InputError
    from steepest.words.wording import pathname

    try:
        with output.open("w" if force else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(
            f"{pathname(output)} is there already.", instead="Add --force to write over it."
        ) from None
    except OSError as error:
        raise InputError(f"{pathname(output)} cannot be written: {error.strerror}.") from None


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
