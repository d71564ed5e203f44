"""How words stand out on a terminal."""

from __future__ import annotations

from typing import Final

WORD_STYLE: Final = {
    "too small": "bold magenta",
    "just right": "bold green",
    "too large": "bold red",
    "not measured": "bold",
}
SEVERITY_STYLE: Final = {"error": "bold red", "warning": "bold magenta", "info": "bold cyan"}
