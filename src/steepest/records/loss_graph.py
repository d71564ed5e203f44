"""The records of what a loss's graph says: facts that a watch reads, and its checks judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_OUTSIDE: Final = 0.1
"""So far outside of an output's bounds the middle of the targets is out of its reach."""

GraphState = Literal["there", "told to ask", "none"]
"""`told to ask`: the loss depends on nothing, and `requires_grad_()` was called on it."""

Phase = Literal["forward", "backward", "optimizer"]


def is_beyond(bounds: tuple[float, float] | None, middle: float) -> bool:
    """Whether the middle of the targets is outside of what outputs within `bounds` can be."""
    return bounds is not None and not bounds[0] - _OUTSIDE <= middle <= bounds[1] + _OUTSIDE


@dataclass(frozen=True)
class Stranger:
    """A parameter behind the loss that neither the watched model nor an optimizer has."""

    shape: tuple[int, ...]
    place: str | None
    """Where the model holds it without having registered it: "layers[0].weight"; None: not found
    there."""


@dataclass(frozen=True)
class Squash:
    """A softmax or sigmoid on the way to the loss, and what is amiss with it."""

    what: Literal[
        "twice", "along the batch", "over one number", "log by hand", "no log", "no softmax"
    ]
    inner: str
    """The operation, in plain words."""
    outer: str = ""
    """What is taken of it."""
    shape: tuple[int, ...] = ()
    at_output: bool = True
    """Whether the loss is taken of it entry by entry: no layer comes after it."""


@dataclass(frozen=True)
class Pairs:
    """Predictions and targets of different shapes, of which every pair is compared."""

    operation: str
    rows: int
    prediction: tuple[int, ...]


@dataclass(frozen=True)
class Compared:
    """Predictions and targets as the loss compares them."""

    loss: str
    """The operation, in plain words."""
    rows: int
    output_mean: float
    output_deviation: float
    """Between rows: of classes the largest of any, of a regression that of the column in which it
    is the largest share of the targets'."""
    target_mean: float
    """Not a number for classes by their places, like the other three."""
    target_deviation: float
    """Between rows, of the same column."""
    target_least: float
    target_largest: float
    classes: int | None = None
    """In the targets of this batch; None for a regression."""
    answers: int | None = None
    """Different classes that the outputs give."""
    frequent: float | None = None
    """The share of the commonest class among the targets."""
    floor: float | None = None
    """Of classes: the lowest loss that one answer for every row can have, by their shares."""
    correlation: float | None = None
    """Of outputs and targets over the rows, of a regression, in that column."""
    far: tuple[int, float, float, float] | None = None
    """A row whose target is far from all others (counted from 0), that target, and between which
    numbers the others lie."""
    bounds: tuple[float, float] | None = None
    """Between which a tanh or sigmoid keeps the outputs of a regression."""

    @property
    def is_out_of_bounds(self) -> bool:
        """Whether the targets lie outside of what the outputs can be, in the middle."""
        return is_beyond(self.bounds, self.target_mean)


@dataclass(frozen=True)
class LossReading:
    """What the graph of the loss of one step says."""

    step: int
    loss: float
    graph: GraphState = "there"
    nodes: int = 0
    reached: tuple[int, ...] = ()
    """Places of the tensors that it depends on."""
    strangers: tuple[Stranger, ...] = ()
    constant_terms: int = 0
    """Terms that were added to the loss and have no graph."""
    squashes: tuple[Squash, ...] = ()
    pairs: Pairs | None = None
    compared: tuple[Compared, ...] = ()
    summed: int | None = None
    """Rows over which the loss is a sum; None: it is not seen to be one."""
    nothing: str | None = None
    """The operation that takes an average over nothing."""
    others: bool = False
    """It depends on parameters that an optimizer moves which is not watched."""
    level: tuple[str, ...] = ()
    """Operations whose slope is zero wherever they have one: sign, round and their like."""
    half: bool = False
    """Whether a value behind it is in float16."""
    scaled: bool = False
    """Whether the last operation takes it times, or divided by, a number."""
    turned: bool = False
    """Whether it is minus a loss that is at least 0."""
    adjoint: float | None = None
    """Of the loss itself in the loop's backward pass: 1, unless something is made of it before."""


@dataclass(frozen=True)
class Birth:
    """Where the first number was made that is not finite."""

    step: int
    phase: Phase
    operation: str
    """In plain words."""
    function: str
    """As PyTorch calls it."""
    cause: str | None = None
    """What was there: "the log of 0". None: not known."""
    layer: str | None = None
    """The module in which it was made; None: outside of every module, or not known."""
    line: str | None = None
    """The user's line of code, with its file and number."""
    row: int | None = None
    """Of the batch, counted from 0."""
    entries: int | None = None
    """How many were not finite there."""
    left_out: bool = False
    """Whether the loss was finite nevertheless."""
    source: Literal["the closure", "the model on the batch", "the loss's graph"] = "the closure"
    """What was looked at to find it; the first two were run again."""


@dataclass(frozen=True)
class Cut:
    """A call through which no gradient passes, on the way from parameters to the loss."""

    call: str
    line: str | None
    """The user's line of code, with its file and number."""
    behind: tuple[int, ...]
    """Places of the tensors behind it."""
    then: str | None = None
    """The call that cuts the way where this one is left out; None: not known, or none does."""


@dataclass(frozen=True)
class ZeroFrom:
    """Where a gradient became exactly zero on its way back."""

    step: int
    operation: str
    function: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Alike:
    """A layer whose units are all the same."""

    tensor: int
    units: int
    step: int


@dataclass(frozen=True)
class ModeFacts:
    """Whether the model learned in eval mode, and frozen layers whose buffers moved."""

    passes: int = 0
    """Forward passes that were learned from."""
    in_eval: int = 0
    first_in_eval: int | None = None
    """The step of the first of them."""
    affected: tuple[str, ...] = ()
    """Layers that do something else in eval mode: dropout, batch norm."""
    moved_buffers: tuple[str, ...] = ()
    """Layers all of whose parameters are frozen, and whose buffers change all the same."""


@dataclass(frozen=True)
class HalfFacts:
    """How much of a gradient float16 has rounded away."""

    step: int
    zero: float
    """Share of entries that are exactly zero."""
    subnormal: float
    """Share of entries that have less than float16's ten bits."""


@dataclass(frozen=True)
class RowsMix:
    """A row of a batch that gets another output beside other rows, in eval mode as well."""

    step: int
    row: int
    """The one that was looked at, counted from 0."""
    rows: int
    moved: float
    """How far its output moved, in deviations of what the outputs of the rows differ by."""
    layer: str | None
    """The first layer that makes something else of the same row; None: it is between layers."""
    kind: str = ""
    """The class of that layer."""
    of_sequences: bool = False
    """Whether that layer takes steps along its first axis, unless it is told otherwise."""
    maybe_time: bool = False
    """Whether the first axis may be one of time, on purpose."""
