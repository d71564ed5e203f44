"""Weights and their values, as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.words.wording import count, number


def values_of(values: Mapping[str, float], most: int = 8) -> str:
    """`a = 1, b = 2 and 3 more`."""
    shown = [f"{name} = {number(value)}" for name, value in list(values.items())[:most]]
    rest = len(values) - len(shown)
    return ", ".join(shown) + (f" and {count(rest)} more" if rest else "")


def sentence(text: str) -> str:
    """The text with a full stop."""
    return text if text.endswith((".", "?")) else f"{text}."
