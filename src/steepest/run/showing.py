"""A run or a training as a page: the report in a file, the figures in a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from steepest.show.figures import Board, Figure
from steepest.show.notebook import html_of, widget_of
from steepest.show.report import report_page
from steepest.show.written import check_new, write_file
from steepest.words.errors import UsageError
from steepest.words.version import version
from steepest.words.wording import number

PICTURED: Final = (
    "fit",
    "function",
    "loss",
    "contour",
    "epochs",
    "confusion",
    "training",
    "layers",
    "pictures",
    "fan",
)
"""Kinds of figures in a notebook's picture."""

_PICTURE_DPI: Final = 80


def page_of(board: Board, name: str, words: str) -> str:
    """The report as HTML."""
    return report_page(board.to_dict(), title=f"{name} · Steepest", words=words)


def write_page(page: Callable[[], str], path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the report. Raises InputError where the file is there or cannot be written."""
    check_new(path, force=force)
    write_file(path, page().encode("utf-8"))


def bundle_of(board: Board, name: str, words: str) -> dict[str, Any]:
    """What a notebook may show, by MIME type."""
    page = page_of(board, name, words)
    html = html_of(page, title=board.headline, picture=_picture(board))
    return {"text/plain": words, "text/html": html}


def bundle_of_loss(figure: Figure, loss: float, text: str) -> dict[str, Any]:
    """What a notebook may show of a loss explained, by MIME type."""
    try:
        picture = figure.to_png(dpi=_PICTURE_DPI)
    except UsageError:
        picture = None
    headline = f"The loss is {number(loss)}."
    page = {**figure.to_dict(), "steepest": version(), "headline": headline}
    html = report_page(page, title="A loss explained · Steepest", words=text)
    return {"text/plain": text, "text/html": html_of(html, title=figure.title, picture=picture)}


def widget(board: Board) -> Any:
    """The figures as a widget whose `step` is read and set from Python."""
    return widget_of(board.to_dict())


def _picture(board: Board) -> bytes | None:
    """Some of the figures as PNG; None without the extra `figures`."""
    chosen = [figure for figure in board.figures if figure.kind in PICTURED]
    first = {figure.kind: figure for figure in reversed(chosen)}
    figures = tuple(first[kind] for kind in PICTURED if kind in first)
    try:
        return replace(board, figures=figures).to_png(dpi=_PICTURE_DPI)
    except UsageError:
        return None
