"""A run as a page: the report in a file, the figures in a notebook."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from steepest.bench.run import Run
from steepest.errors import InputError, SteepestError, UsageError
from steepest.figures import Board
from steepest.notebook import html_of, widget_of
from steepest.report import report_page
from steepest.terminal import Report, plain
from steepest.wording import escaped

PICTURED: Final = ("fit", "function", "loss", "contour")
"""Kinds of figures in a notebook's picture."""

_PICTURE_DPI: Final = 80


def page_of(run: Run) -> str:
    """The report as HTML."""
    return _page(run, run.figures())


def write_report(run: Run, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the report. Raises InputError where the file is there or cannot be written."""
    name = os.fsdecode(path)
    if os.path.lexists(name) and not force:
        raise InputError(
            "The file exists already.",
            given=escaped(name, 200),
            instead="Name another one, or write over it with --force (force=True in Python).",
        )
    page = page_of(run)
    try:
        Path(name).write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The file cannot be written: {error.strerror or error}.", given=escaped(name, 200)
        ) from error


def bundle_of(run: Run) -> dict[str, Any]:
    """What a notebook may show, by MIME type. What fails is left out: the text stays."""
    text = plain(Report(run.record))
    try:
        board = run.figures()
    except SteepestError:
        return {"text/plain": text}
    html = html_of(_page(run, board), title=board.headline, picture=_picture(board))
    return {"text/plain": text, "text/html": html}


def widget(run: Run) -> Any:
    """The figures as a widget whose `step` is read and set from Python."""
    return widget_of(run.figures().to_dict())


def _page(run: Run, board: Board) -> str:
    title = f"{run.record.problem.formula} · Steepest"
    return report_page(board.to_dict(), title=title, words=plain(Report(run.record)))


def _picture(board: Board) -> bytes | None:
    """Some of the figures as PNG; None where matplotlib is not installed."""
    chosen = [figure for figure in board.figures if figure.kind in PICTURED]
    first = {figure.kind: figure for figure in reversed(chosen)}
    figures = tuple(first[kind] for kind in PICTURED if kind in first)
    try:
        return replace(board, figures=figures).to_png(dpi=_PICTURE_DPI)
    except UsageError:
        return None
