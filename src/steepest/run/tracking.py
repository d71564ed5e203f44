"""A run handed to a tracker of experiments, beside the others that are kept there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from steepest.records.verdict import Verdict
from steepest.run.showing import page_of
from steepest.show.export import Columns, Drawn, Tracked, write_events, write_mlflow, write_wandb
from steepest.show.figures import Board
from steepest.words.errors import NotInstalledError, UsageError

_WRITERS: Final[Mapping[str, Callable[[Tracked, str, bool], str]]] = {
    "tensorboard": write_events,
    "mlflow": lambda tracked, output, _: write_mlflow(tracked, output),
    "wandb-offline": lambda tracked, output, _: write_wandb(tracked, output),
}

TRACKERS: Final = tuple(_WRITERS)

_PARAMETERS: Final = (
    *("command", "problem.formula", "problem.loss", "problem.rows", "descent.optimizer"),
    *("descent.lr", "descent.momentum", "model", "steps", "every", "groups", "learned.options"),
    *("log.source", "log.kind", "options"),
)
"""What a tracker compares runs by, as it stands in the document."""


def track(tracked: Callable[[], Tracked], to: str, output: str, *, force: bool) -> str:
    """Write a run for one of TRACKERS, and say where it is.

    Raises UsageError for another, or where its library is not installed; InputError where it
    cannot be written.
    """
    if to not in TRACKERS:
        raise UsageError(
            "A run cannot be exported to this.",
            given=ascii(to)[:40],
            instead=f"It can to {', '.join(TRACKERS)}.",
        )
    return _WRITERS[to](tracked(), output, force)


def tracked_of(
    run: str | None,
    name: str,
    verdict: Verdict,
    table: Columns,
    board: Board,
    document: Mapping[str, Any],
    words: str,
) -> Tracked:
    """A run with all figures of its board; `notes` say so where they cannot be drawn."""
    notes = board.notes
    try:
        figures = tuple(_drawn(board))
    except NotInstalledError as error:
        figures, notes = (), (*notes, error.sentence)
    return Tracked(
        run=run,
        name=name,
        version=board.version,
        parameters=dict(_parameters(document)),
        verdict=verdict,
        table=table,
        figures=figures,
        page=page_of(board, name, words),
        notes=notes,
    )


def _drawn(board: Board) -> Iterator[Drawn]:
    seen: dict[str, int] = {}
    for figure in board.figures:
        seen[figure.kind] = seen.get(figure.kind, 0) + 1
        number = "" if seen[figure.kind] == 1 else f"-{seen[figure.kind]}"
        frames = figure.frames
        step = int(frames.step[frames.opens]) if len(frames) else 0
        yield Drawn(f"{figure.kind}{number}", figure.title, step, figure.to_png())


def _parameters(document: Mapping[str, Any]) -> Iterator[tuple[str, str | int | float]]:
    for path in _PARAMETERS:
        found: Any = document
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        yield from _flat(path, found)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str | int | float]]:
    """The numbers and words in a value, each by its path."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(f"{path}.{name}", part)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _flat(f"{path}.{place}", part)
    elif value is not None:
        yield path, value
