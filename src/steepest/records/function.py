"""What is said of a Python function at a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FunctionExplanation:
    """A function explained. Prints as a line for the value and one for each partial derivative."""

    formula: str
    point: Mapping[str, float]
    value: float
    gradient: Mapping[str, float]
    """By the chain rule, backward through the formula."""
    partials: Mapping[str, str | None]
    """The gradient function of each variable, as text; None where it would be too long."""

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value:g}" for name, value in self.point.items())
        lines = [f"{self.formula} = {self.value:g} at {at}"]
        for name, slope in self.gradient.items():
            written = self.partials[name]
            lines.append(f"  by {name}: {'' if written is None else f'{written} = '}{slope:g}")
        return "\n".join(lines)

    __repr__ = __str__
