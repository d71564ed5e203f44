"""What is minimized, and how to descend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from steepest.methods.optimizers import GD
from steepest.records.choices import Command


@dataclass(frozen=True)
class Categories:
    """The weights that the categories of a column have, where a formula says C(column)."""

    column: str
    weights: Mapping[str, str]
    """Weight -> its category, in the order of the categories."""
    left_out: str | None = None
    """The category without a weight: the others' weights say how they differ from it."""
    beside: str | None = None
    """What stands for it in the formula: a weight, or the weights of other categories."""

    @property
    def known(self) -> tuple[str, ...]:
        """All categories, the one without a weight first."""
        return (*([] if self.left_out is None else [self.left_out]), *self.weights.values())


@dataclass(frozen=True)
class Problem:
    """What is minimized."""

    command: Command
    formula: str
    weights: tuple[str, ...]
    linear_in_weights: bool
    loss: str | None = None
    gives: Literal["value", "logit", "probability"] = "value"
    target: str | None = None
    columns: tuple[str, ...] = ()
    source: str | None = None
    rows: int | None = None
    rows_read: int | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    non_finite: Mapping[str, int] = field(default_factory=dict)
    excluded_by_where: int = 0
    validation_rows: int = 0
    standardized: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Column -> (subtracted, divided by); empty where the columns were left alone."""
    rescaled: Mapping[str, float] = field(default_factory=dict)
    """Weight -> the unit it is counted in; empty where all are counted as they are."""
    doubtful_names: tuple[tuple[str, str], ...] = ()
    """(weight, column with nearly the same name)."""
    sigma: str | None = None
    drawn: int | None = None
    """Rows that were drawn evenly and held, where the others were only passed over; else None."""
    processes: int = 1
    """Over how many the rows were spread."""
    constant: bool = False
    """No column is in the model, so that it predicts the same for every row."""
    number_e: bool = False
    """`e` stands beside a weight `d` and is no base of a power: perhaps a weight was meant."""
    categories: tuple[Categories, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How to descend. `lr` None means: choose it from what was measured."""

    optimizer: str = GD.name
    lr: float | None = None
    """Where each weight has its own, the largest of them."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """The learning rate of each weight; empty where all have the same."""
    momentum: float | None = None
    steps: int = 1000
    start: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    batch_size: int | None = None
    validation: float | None = None
    patience: int | None = None
    time_limit: float | None = None
    tolerance: float = 0.0
