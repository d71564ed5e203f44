"""Colours and settings of a drawing, light and dark, as the figure kit has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from steepest.figures.figure import Theme

WEIGHTS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Of Okabe and Ito, told apart whatever colours one sees; a weight has one everywhere."""


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
    zones: dict[str, str]
    weights: tuple[str, ...] = WEIGHTS

    def weight(self, index: int) -> str:
        """The colour of a weight."""
        return self.weights[index % len(self.weights)]


PALETTES: Final[dict[Theme, Palette]] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1f2328",
        muted="#656d76",
        hairline="#d0d7de",
        warm="#c2410c",
        zones={
            "too small": "#eef2f6",
            "just right": "#e3f1e8",
            "too large": "#fbe9e3",
            "not measured": "#ffffff",
        },
        # On white the yellow of the palette can hardly be seen.
        weights=(*WEIGHTS[:6], "#8f8400"),
    ),
    "dark": Palette(
        paper="#15181c",
        ink="#e6e8eb",
        muted="#9aa3ad",
        hairline="#343a42",
        warm="#fb8c5a",
        zones={
            "too small": "#1d242b",
            "just right": "#1b2c23",
            "too large": "#33211b",
            "not measured": "#15181c",
        },
        # On black its blue.
        weights=("#4aa3df", *WEIGHTS[1:]),
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
