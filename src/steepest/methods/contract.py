"""Numbers of the contract that several floors keep to."""

from __future__ import annotations

from typing import Final

TENTH: Final = 10
"""A learning rate is too small or too large where another one gets to the goal in at most one part
in so many of the steps."""
