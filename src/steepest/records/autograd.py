"""The records of a PyTorch loss explained: its graph as a learner needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AutogradNode:
    """One operation between the parameters and the loss, or one parameter."""

    name: str
    """What it does, in plain words: "times", "mean", "relu"; a parameter's own name."""
    function: str
    """PyTorch's name for its backward function: "MulBackward0"."""
    inputs: tuple[int, ...]
    """The nodes that it takes its values from, by their places."""
    shape: tuple[int, ...]
    value: Numbers | None = None
    """What came out of it; None where PyTorch did not keep that, or it is large."""
    adjoint: Numbers | None = None
    """The derivative of the loss by what came out of it; None where it is large or not measured."""
    adjoint_norm: float | None = None
    leaf: bool = False


@dataclass(frozen=True)
class LossPull:
    """What one row of the batch adds to the gradient of a parameter."""

    row: int
    amount: Numbers | None
    """In the parameter's shape; None where that is large."""
    norm: float
    share: float
    """Of the lengths of all rows' pulls."""


@dataclass(frozen=True)
class ParameterGradient:
    """A parameter, and the loss's gradient by it."""

    name: str
    shape: tuple[int, ...]
    reached: bool
    """False where the loss does not depend on it."""
    gradient: Numbers | None = None
    """None where it is large."""
    norm: float | None = None
    there: float | None = None
    """The length of what is in `.grad` now; None where there is nothing."""
    pulls: tuple[LossPull, ...] = ()
    """Of the rows that pull hardest. The pulls of all rows add up to the gradient."""


@dataclass(frozen=True)
class AutogradGraph:
    """A loss explained: every operation, from the parameters to the loss, and every gradient."""

    loss: float
    nodes: tuple[AutogradNode, ...]
    """In the order in which they were computed: the loss comes last."""
    parameters: tuple[ParameterGradient, ...]
    rows: int | None = None
    """Of the batch that the loss is a mean or sum over."""
    lost_rows: tuple[int, ...] = ()
    """Its rows whose numbers are not finite, where that begins. Their pulls are left out."""
    backward_done: bool = False
    """True where the graph was let go of by backward(), so that no adjoint can be measured."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
