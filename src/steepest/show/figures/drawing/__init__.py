"""Figures drawn into a file by matplotlib, without a browser: the extra `figures`."""

from __future__ import annotations

import io
import os
import re
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from steepest.show.figures.figure import Figure, Kind, Theme
from steepest.words.errors import InputError, UsageError, needing
from steepest.words.wording import escaped, pathname

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS: Final = (".png", ".svg", ".pdf")
WIDTH: Final = 6.4
"""Inches."""
TITLE: Final = 78
"""Characters in a line of a title."""
NOTE: Final = 110

_NUMBERS: Final = re.compile(r'(?<= )(d|x|y|x1|x2|y1|y2|points|transform)="([^"]*)"')
_LONG: Final = re.compile(r"-?\d+\.\d{3,}")


def save(
    figures: Sequence[Figure],
    path: str | os.PathLike[str],
    *,
    step: int | None,
    theme: Theme,
    dpi: int,
) -> None:
    """Draw figures one below the other into a file. Raises UsageError, InputError."""
    name = os.fsdecode(path)
    ending = Path(name).suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            "A figure is written as .png, .svg or .pdf.",
            given=pathname(name, bare=True),
            instead="End the name of the file with one of them.",
        )
    content = _drawn(figures, ending, step, theme, dpi)
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise InputError(
            f"The file cannot be written: {error.strerror or error}.",
            given=pathname(name, bare=True),
        ) from error


def to_svg(figures: Sequence[Figure], *, step: int | None, theme: Theme) -> str:
    """The same as the text of an SVG."""
    return _drawn(figures, ".svg", step, theme, 150).decode("utf-8")


def to_png(figures: Sequence[Figure], *, step: int | None, theme: Theme, dpi: int) -> bytes:
    """The same as the bytes of a PNG."""
    return _drawn(figures, ".png", step, theme, dpi)


def _drawn(
    figures: Sequence[Figure], ending: str, step: int | None, theme: Theme, dpi: int
) -> bytes:
    with needing(
        "matplotlib", "Drawing a figure into a file needs matplotlib", install="steepest[figures]"
    ):
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    from steepest.show.figures.drawing.theme import PALETTES, settings

    if theme not in PALETTES:
        raise UsageError("A theme is light or dark.", given=str(theme))
    drawers = _drawers()
    palette = PALETTES[theme]
    heights = [drawers[figure.kind][1](figure) for figure in figures]
    stream = io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        if ending == ".svg":
            # Its text is text: whoever looks at it has other fonts than the layout.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, settings(palette)))
        canvas = Canvas(figsize=(WIDTH, sum(heights)), layout="constrained")
        parts: Any = canvas.subfigures(len(figures), 1, height_ratios=heights, squeeze=False)
        for figure, part in zip(figures, parts[:, 0], strict=True):
            drawers[figure.kind][0](part, figure, figure.frames.place(step), palette)
            _words(part, figure, palette)
        _write(canvas, stream, ending, figures, dpi)
    content = stream.getvalue()
    return _short(content.decode("utf-8")).encode("utf-8") if ending == ".svg" else content


def _drawers() -> dict[Kind, tuple[Callable[..., None], Callable[[Figure], float]]]:
    """Kind -> what draws it, and its height in inches."""
    from steepest.show.figures.drawing import (
        curves,
        data,
        graph,
        learned,
        pictures,
        plane,
        planes,
        rates,
        training,
    )

    def usual(figure: Figure) -> float:
        return 3.9

    return {
        "loss": (curves.draw_loss, usual),
        "slice": (curves.draw_curve, usual),
        "function": (curves.draw_curve, usual),
        "fit": (data.draw_fit, usual),
        "residuals": (data.draw_residuals, usual),
        "pulls": (data.draw_pulls, data.pulls_height),
        "contour": (planes.draw_contour, lambda figure: 4.6),
        "surface": (planes.draw_surface, lambda figure: 4.8),
        "sweep": (rates.draw_sweep, usual),
        "spectrum": (rates.draw_spectrum, rates.spectrum_height),
        "backward": (graph.draw_backward, graph.backward_height),
        "epochs": (learned.draw_epochs, learned.epochs_height),
        "confusion": (learned.draw_confusion, learned.confusion_height),
        "rates": (learned.draw_trials, usual),
        "training": (training.draw_training, lambda figure: 5.2),
        "layers": (training.draw_layers, training.layers_height),
        "network": (graph.draw_autograd, graph.backward_height),
        "pictures": (pictures.draw_pictures, pictures.pictures_height),
        "plane": (plane.draw_plane, lambda figure: 4.8),
        "fan": (training.draw_fan, usual),
        "autograd": (graph.draw_autograd, graph.backward_height),
    }


def _words(part: Any, figure: Figure, palette: Any) -> None:
    """The title above, the notes below."""
    title = "\n".join(textwrap.wrap(escaped(figure.title, 400), TITLE))
    part.suptitle(title, x=0.015, ha="left", fontsize=10, color=palette.ink)
    if figure.notes:
        notes = "\n".join(textwrap.wrap(escaped(" ".join(figure.notes), 600), NOTE))
        part.supxlabel(notes, x=0.015, ha="left", fontsize=7.5, color=palette.muted)


def _write(
    canvas: Canvas, stream: io.BytesIO, ending: str, figures: Sequence[Figure], dpi: int
) -> None:
    # No date, no version: the same figure is the same file.
    metadata: dict[str, Any] = {}
    if ending == ".svg":
        metadata = {"Date": None, "Creator": None, "Title": escaped(figures[0].title, 400)}
    elif ending == ".pdf":
        metadata = {"CreationDate": None, "Creator": None, "Producer": None}
    else:
        metadata = {"Software": None}
    canvas.savefig(stream, format=ending[1:], dpi=dpi, metadata=metadata)


def _short(svg: str) -> str:
    """The same drawing with coordinates to a hundredth of a point, a third of the size."""

    def short(found: re.Match[str]) -> str:
        return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")

    return _NUMBERS.sub(lambda part: f'{part[1]}="{_LONG.sub(short, part[2])}"', svg)
