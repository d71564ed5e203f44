"""Colours and settings of the benchmarks' pictures, light and dark: as in the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from steepest.show.figures import Theme


@dataclass(frozen=True)
class Palette:
    """What is drawn in which colour."""

    paper: str
    ink: str
    """Data and text."""
    muted: str
    hairline: str
    warm: str
    """The descent: its path, where it stands, its model."""
    weights: tuple[str, ...]
    """In the order of Okabe and Ito, told apart whatever colours one sees. Their vermillion is the
    descent's, and the yellow comes last."""

    def weight(self, index: int) -> str:
        """The colour that a weight has everywhere."""
        return self.weights[index % len(self.weights)]


PALETTES: Final[dict[Theme, Palette]] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1b1d20",
        muted="#5b6067",
        hairline="#d5d8dc",
        warm="#d55e00",
        weights=("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#cc79a7", "#b5a900", "#7a7f86"),
    ),
    "dark": Palette(
        paper="#16181b",
        ink="#e7e7e3",
        muted="#a2a7ae",
        hairline="#3b4046",
        warm="#ff8b3d",
        weights=("#e69f00", "#56b4e9", "#009e73", "#4a9fd8", "#cc79a7", "#f0e442", "#b9bec5"),
    ),
}


def settings(palette: Palette) -> dict[str, Any]:
    """What matplotlib is told, for one drawing only."""
    return {
        "figure.facecolor": palette.paper,
        "savefig.facecolor": palette.paper,
        "axes.facecolor": palette.paper,
        "axes.edgecolor": palette.hairline,
        "axes.labelcolor": palette.muted,
        "axes.labelsize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,
        "axes.unicode_minus": True,
        "text.color": palette.ink,
        # Names come from outside: a dollar in them begins no formula.
        "text.parse_math": False,
        "xtick.color": palette.hairline,
        "ytick.color": palette.hairline,
        "xtick.labelcolor": palette.muted,
        "ytick.labelcolor": palette.muted,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "font.size": 9,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
        "legend.frameon": False,
        "legend.fontsize": 8,
        "lines.linewidth": 1.5,
        "lines.solid_capstyle": "round",
        "svg.fonttype": "none",
        "svg.hashsalt": "steepest",
        "pdf.fonttype": 42,
    }
