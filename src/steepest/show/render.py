"""Figures drawn into a file by the figure kit, without a browser: the extra `figures`.

The kit is what draws in a browser too; here it runs in QuickJS, an engine that is embedded and
reaches nothing outside of itself. What it is given is JSON, what it gives is the text of an SVG.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from steepest.show.written import write_file
from steepest.words.errors import UsageError, needing
from steepest.words.given import shown_value
from steepest.words.wording import escaped

Theme = Literal["light", "dark"]

FORMATS: Final = (".png", ".svg", ".pdf")
_PIXELS: Final = 96
"""Pixels of an SVG in an inch; the converter takes them for points, of which there are 72."""

_LEAST_DPI: Final = 10
_MOST_DPI: Final = 1200

_DRAWING: Final = "Drawing a figure into a file needs"
_EXTRA: Final = "steepest[figures]"

_engines: Final = threading.local()
"""An engine is one thread's."""


def save(
    board: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    frame: int,
    theme: Theme,
    dpi: int,
) -> None:
    """Draw a board, or a figure alone, into a file. Raises UsageError, InputError."""
    name = os.fsdecode(path)
    ending = Path(name).suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            "A figure is written as .png, .svg or .pdf.",
            given=escaped(name, 200),
            instead="End the name of the file with one of them.",
        )
    if ending == ".svg":
        content = to_svg(board, frame=frame, theme=theme).encode("utf-8")
    elif ending == ".pdf":
        content = to_pdf(board, frame=frame, theme=theme)
    else:
        content = to_png(board, frame=frame, theme=theme, dpi=dpi)
    write_file(name, content)


def to_svg(board: Mapping[str, Any], *, frame: int, theme: Theme) -> str:
    """The text of an SVG of what `Board.to_dict()` or `Figure.to_dict()` gave, at a frame."""
    asked = orjson.dumps({"board": board, "at": frame, "theme": theme}).decode("utf-8")
    drawn: str = _engine()(asked)
    return drawn


def to_png(board: Mapping[str, Any], *, frame: int, theme: Theme, dpi: int) -> bytes:
    """The same as the bytes of a PNG. Raises UsageError for a resolution that makes no picture."""
    if not _LEAST_DPI <= dpi <= _MOST_DPI:
        raise UsageError(
            f"dpi must be from {_LEAST_DPI} to {_MOST_DPI:,}.",
            given=shown_value(dpi),
            instead="150 is usual.",
        )
    drawn = to_svg(board, frame=frame, theme=theme)
    png: bytes = _converter().svg_to_png(drawn, scale=72 / _PIXELS, ppi=dpi)
    return png


def to_pdf(board: Mapping[str, Any], *, frame: int, theme: Theme) -> bytes:
    """The same as the bytes of a PDF, in which the order of fonts may differ from call to call."""
    drawn = to_svg(board, frame=frame, theme=theme)
    pdf: bytes = _converter().svg_to_pdf(drawn)
    return pdf


def _engine() -> Any:
    """What draws: JSON in, SVG out."""
    with needing("quickjs", f"{_DRAWING} quickjs-ng", install=_EXTRA):
        import quickjs
    if not hasattr(_engines, "still"):
        context = quickjs.Context()
        kit = resources.files("steepest") / "static" / "still.js"
        context.eval(kit.read_text(encoding="utf-8"))
        _engines.still = context.eval("Steepest.still")
    return _engines.still


def _converter() -> Any:
    with needing("vl_convert", f"{_DRAWING} vl-convert-python", install=_EXTRA):
        import vl_convert
    return vl_convert
