"""The records of a training: what a watch writes, and what its checks look at.

`k` is the number of recorded steps, `t` the number of tensors (parameters), `g` the number of the
optimizers' parameter groups. Steps count from 0: step 0 is the first move of the optimizer. Norms
are Euclidean, over all entries of a tensor. What was not measured is NaN in an array, else None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.choices import Stopped, Word
from steepest.records.log import LogFacts
from steepest.records.loss_graph import (
    Alike,
    Birth,
    Cut,
    HalfFacts,
    LossReading,
    ModeFacts,
    RowsMix,
    ZeroFrom,
    is_beyond,
)
from steepest.records.verdict import Remedy, Verdict

Lost = Literal["gradient", "weights"]

Ended = Literal["closed", "an error in the loop", "SIGTERM", "killed", "still running"]


@dataclass(frozen=True)
class Tensor:
    """One parameter of the model."""

    name: str
    layer: str
    """The module that holds it."""
    kind: str
    """The module's class: "Linear", "Conv2d"; empty for a tensor without a module."""
    shape: tuple[int, ...]
    group: int | None = None
    """Its parameter group, counted over all optimizers; None where no optimizer has it."""
    learns: bool = True
    """Whether it asks for a gradient."""
    sampled: int | None = None
    """How many of its entries the norm of its update is estimated from; None: all."""
    part: bool = False
    """Whether it is spread over processes, and only this one's part was measured."""

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Group:
    """One parameter group of an optimizer."""

    optimizer: str
    """Its class: "SGD", "Adam"."""
    method: str | None
    """Steepest's word for it: gd, momentum, nesterov, adam …; None where it has none."""
    momentum: float | None = None
    """β, or β₁ of Adam."""
    weight_decay: float = 0.0
    maximizes: bool = False
    """Whether its steps climb, so that what rises is meant to."""


@dataclass(frozen=True)
class TrainingTrace:
    """What was recorded at each step, thinned evenly where there are many.

    At step s: the weights before the move, the gradient that the optimizer used, and the move.
    """

    step: Steps
    """(k,)"""
    loss: Vector
    """(k,)"""
    lr: Matrix
    """(k, g)"""
    weight: Matrix
    """(k, t): norms before the move."""
    gradient: Matrix
    """(k, t): norms."""
    update: Matrix
    """(k, t): norms of the change of the weights."""
    turn: Matrix
    """(k, t): cosine of the angle between this gradient and the one of the step before."""
    overall_turn: Vector
    """(k,): the same of all tensors' gradients as one vector."""
    own_gradient: Vector
    """(k,): of several processes that average their gradients, the squared length of this one's
    own over that of the average, before clipping; NaN with one, or with several passes a step."""
    seconds: Vector
    """(k,): from the end of the step before to the end of this one."""
    cost: Vector
    """(k,): of these, the seconds that were spent here."""

    def __len__(self) -> int:
        return len(self.step)


def no_steps(tensors: int, groups: int = 1) -> TrainingTrace:
    """The trace of a training before its first step."""
    none, wide = np.zeros(0), np.zeros((0, tensors))
    return TrainingTrace(
        step=np.zeros(0, dtype=np.int64),
        loss=none,
        lr=np.zeros((0, groups)),
        weight=wide,
        gradient=wide,
        update=wide,
        turn=wide,
        overall_turn=none,
        own_gradient=none,
        seconds=none,
        cost=none,
    )


@dataclass(frozen=True)
class TensorFacts:
    """What was seen of one tensor over all steps, recorded or not."""

    without_gradient: int
    """Steps at which it had none."""
    zero_gradient: int
    """Steps at which it had one that was all zeros."""
    moved: int
    """Steps at which it changed."""
    held: bool = False
    """Whether every step of it was exactly zero, as the optimizer made it."""
    update_error: float | None = None
    """Where the norm of its update is an estimate: its relative standard error, the root mean
    square over the steps."""
    lost_at: int | None = None
    """The first step at which its gradient or its weights were not finite."""
    lost: Lost | None = None
    """Which of the two that was."""
    lost_entries: int | None = None
    """How many entries were not finite; None where only the norm was seen."""


@dataclass(frozen=True)
class LossFacts:
    """What was seen of the loss over all steps at which it was given."""

    count: int = 0
    start: float = float("nan")
    """The first one that was finite."""
    first: float = float("nan")
    """The mean of the first few."""
    lowest: float = float("nan")
    lowest_at: int | None = None
    last: float = float("nan")
    """The mean of the last few."""
    tenfold_at: int | None = None
    """The first step at which it passed ten times its start."""
    lost_at: int | None = None
    """The first step at which it was not finite."""
    lost_last: bool = False
    """Whether the last one was not finite."""

    @property
    def end(self) -> float:
        """The mean of the last few; NaN where the last one was not finite."""
        return float("nan") if self.lost_last else self.last


@dataclass(frozen=True)
class InputFacts:
    """What came into the model."""

    rows: int | None = None
    """In the first step's batch: in all its passes together."""
    passes: int = 1
    """Through the model at the first step, of which the rows are the sum."""
    features: int = 0
    largest_mean: float | None = None
    """The largest |mean| of a feature in the first batches."""
    largest_deviation: float | None = None
    smallest_deviation: float | None = None
    """Of the features that vary."""
    reaching: tuple[float, float] | None = None
    """The largest |mean| and deviation of what comes into the first layer with a matrix of weights,
    in the first pass that was looked at; None: not known."""
    constant: tuple[int, ...] = ()
    """Places of the features that are the same in every row; of a watched loop not measured."""
    period: int | None = None
    """The batches came in the same order again after so many steps; None: not seen."""
    lost_at: int | None = None
    """The first step whose batch had a value that is not finite."""
    lost_rows: tuple[int, ...] = ()
    """Its rows, in the batch, at most ten."""


@dataclass(frozen=True)
class ResetFacts:
    """Whether the gradients were reset between steps."""

    steps: int = 0
    """At which it could be seen."""
    not_reset: int = 0
    """Steps that began with the gradient of the step before still there."""
    first_not_reset: int | None = None
    emptied: int = 0
    """Steps to which a backward pass had given a gradient that was gone when the optimizer came."""
    first_emptied: int | None = None
    passes: int = 0
    """Backward passes of losses that were given."""
    between: int = 0
    """Steps that followed only the last of their passes, as the gradient was reset before it."""
    first_between: int | None = None
    skipped: int = 0
    """Passes after which a GradScaler left the step out."""
    elsewhere: int = 0
    """Steps before which the loop moved the weights between two passes, and back or not."""
    taken: tuple[int, ...] = ()
    """Places of tensors at which a gradient arrived at the first step, and was None at its move."""
    scale: float | None = None
    """Of the scaler, after the last of them."""


@dataclass(frozen=True)
class Activation:
    """What came out of one layer at one step."""

    step: int
    layer: str
    kind: str
    mean: float
    deviation: float
    zeros: float
    """Share of values that are exactly zero."""
    dead: float | None
    """Share of units that were zero for every row of the batch."""
    saturated: float | None = None
    """Share of values of a sigmoid or tanh within 0.01 of its ends."""


@dataclass(frozen=True)
class Histogram:
    """How the entries of one tensor were spread at one step."""

    step: int
    tensor: int
    of: Literal["weight", "gradient"]
    edges: Vector
    counts: Steps


@dataclass(frozen=True)
class Probe:
    """The curvature and the step not taken, measured on one batch. NaN: not measured."""

    step: int
    loss: float
    largest: float = float("nan")
    """The largest eigenvalue of the Hessian (of the preconditioned one for `preconditioned`)."""
    largest_residual: float = float("nan")
    """|Hv - λv| / |λ|."""
    most_negative: float = float("nan")
    most_negative_residual: float = float("nan")
    preconditioned: bool = False
    sharpness: float = float("nan")
    """gᵀHg / |g|² of this batch."""
    limit: float | None = None
    """The largest learning rate that this curvature allows; of several, the largest group's."""
    shares: tuple[float, ...] = ()
    """Of the direction of the largest eigenvalue: how much of it lies in each parameter group, as
    squared lengths. Only where the groups' learning rates differ; the Hessian is then scaled by
    them as well, relative to the largest."""
    critical: float | None = None
    """So many times as long, the step that was taken would leave the loss of this batch where it
    was; infinite beyond all that was tried, 0 where even the shortest raises it. None: not between
    the factors, or not looked for because a limit is known."""
    noise_scale: float | None = None
    """Rows in a batch at which noise and gradient are equally long."""
    factors: tuple[float, ...] = ()
    """Of the step that was taken."""
    losses: tuple[float, ...] = ()
    """Of this batch, had the step been so many times as long."""


ONE_GROUP: Final = "learning rate of a group"
"""The kind of a change to the rate of one parameter group alone."""

FEW: Final = 5
"""So many first and last losses are averaged, because single batches differ."""

SCALED_INPUTS: Final = "scaled inputs"
"""The kind of a change to what goes into the model."""


@dataclass(frozen=True)
class Replay:
    """A training that was run again from its start, on copies, with one change."""

    change: str
    """What was changed, such as "learning rate ×0.1"."""
    kind: str
    """Of the change: "plain loop", "learning rate", "warm-up", "clipping", …"""
    lines: str
    """Of Python: what to add to the loop."""
    factor: float
    """Of the learning rates, beside what else was changed."""
    steps: int
    """Batches that it went through. One that was lost, or far behind, ended early."""
    loss: float
    """The mean over the last batches; NaN where it did not get there."""
    chance: float
    """The standard error of the difference to the loop's own losses of the same batches."""
    lower: float
    """The share of the last batches at which its loss was lower than the loop's own."""
    reached_at: int | None = None
    """How many steps it took to have the loss that the loop ended with."""
    ended: Literal["all steps", "lost", "behind", "time"] = "all steps"
    group: int | None = None
    """The parameter group whose rate alone was changed."""


@dataclass(frozen=True)
class TrainingProof:
    """What came of a training that was run again from its start, on copies, with changes."""

    steps: int
    """The first ones of the training, which were run again."""
    window: int
    """So many losses, the last ones of these steps, are averaged."""
    start: float
    """The mean of the first ten at most, or the first one where that is lower."""
    own: float
    """The mean of the loop's own last losses; of the plain loop's where the loop gave none."""
    lowest: float
    """The lowest mean of as many in a row, or the first loss where that is lower."""
    scatter: float
    """The standard error of the difference between `start` and `own`."""
    lr: float
    """Of the first group, at the first step."""
    differs_at: int | None
    """The first step whose loss in the plain loop is another than the loop's own."""
    told: bool
    """Whether the loop gave its own losses."""
    replays: tuple[Replay, ...]
    """The first is the plain loop: zero_grad, backward, step."""
    seconds: float
    failed: tuple[str, ...] = ()
    """Changes that raised an error, as one of the outputs may where they are several."""


@dataclass(frozen=True)
class Validation:
    """The loss on rows that were held out, and what else was given."""

    step: int
    loss: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the rows that are learned from."""

    number: int
    """Counted from 1."""
    step: int
    """How many steps had been taken at its end."""
    loss: float
    """The mean over the epoch's batches, each before its step."""
    lr: float
    """At its end."""
    accuracy: float | None = None
    """The share of the rows in these batches whose class was found; None: not of classes."""
    validation_loss: float | None = None
    """After the epoch, on the rows held out."""
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Trial:
    """Another learning rate from the same start on the same batches."""

    lr: float
    steps: int
    """That it took. Of many, those that lag behind are stopped early."""
    loss: float
    """The mean over its last batches."""
    reached_at: int | None = None
    """The step at which it had the loss that the training ended with; None: it had it not."""
    word: Word = "not measured"
    """Beside the other trials: too small where a larger rate, and too large where a smaller one
    had its loss in a tenth of the steps; too large also where the loss grew."""


@dataclass(frozen=True)
class RowPull:
    """One row, and what it adds to the step along the gradient of the whole batch."""

    row: int
    """Where it stands in the data, counted from 0."""
    target: float
    output: float
    """What the network gives: the place of the likeliest class, or the first number."""
    loss: float
    pull: float
    """Its own gradient along the batch's, over the length of the batch's."""
    length: float
    """Of its own gradient."""


@dataclass(frozen=True, eq=False)
class LayerGradient:
    """The gradient of one layer's tensors, and what the optimizer makes of it."""

    name: str
    shape: tuple[int, ...]
    weight: float
    """Norm, like the others."""
    gradient: float
    update: float


@dataclass(frozen=True, eq=False)
class GradientExplained:
    """The gradient of the loss of one batch: a tensor of partial derivatives for each tensor."""

    step: int
    loss: float
    rows: int
    tensors: tuple[LayerGradient, ...]
    passes: tuple[tuple[str, tuple[int, ...], float, float], ...]
    """From the inputs to the loss: what it is, its shape, the norm of its value and of the
    derivative of the loss with respect to it."""
    pulls: tuple[RowPull, ...]
    """The rows that pull hardest, the longest first."""
    units: tuple[int, ...] = ()
    """The units of the first layer with the longest gradients."""
    unit_weights: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    """(units, inputs)"""
    unit_gradients: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    """(units, inputs)"""
    pictures: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    """(pulls, inputs): the inputs of the rows that pull hardest, as the data has them."""


@dataclass(frozen=True, eq=False)
class LossPlane:
    """The loss on a plane through the last weights of a network, and the path projected on it.

    Its two directions are those in which the path was longest, filter-normalized: for each unit
    as long as the unit's own weights (Li et al., arXiv 1712.09913), so that 1 on an axis changes
    every unit by its own length. The path lies outside the plane, and is seen as a projection.
    """

    first: Vector
    """(a,): places along the first direction; 0 is where the training ended."""
    second: Vector
    """(b,)"""
    losses: Matrix
    """(b, a), the mean over `rows` rows that are learned from."""
    steps: Steps
    """(k,): at which the path was noted."""
    path: Matrix
    """(k, 2)"""
    path_losses: Vector
    """(k,): the loss where the path truly was, on the same rows."""
    share: float
    """Of the path's squared length that lies in the plane."""
    rows: int


@dataclass(frozen=True, eq=False)
class TrialSweep:
    """Many learning rates on one network, side by side."""

    version: str
    network: str
    source: str
    optimizer: str
    momentum: float | None
    batch_rows: int
    steps: int
    rows: int
    start: float
    """The loss of all rows before the first step."""
    limit: float | None
    """The stability limit at the start, on the first batch."""
    trials: tuple[Trial, ...]
    """From the smallest learning rate to the largest."""
    seconds: float


_BOUNDS: Final = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "relu": (0.0, math.inf)}
"""Between which an activation keeps what comes out."""


@dataclass(frozen=True)
class Reach:
    """What comes out for the rows that are learned from, beside their targets."""

    output_mean: float
    output_deviation: float
    target_mean: float
    target_deviation: float
    r_squared: float
    far: tuple[float, float, float] | None = None
    """The one target that is many times the range of all others away from them, and that range."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known beyond a watch of a network that was trained here."""

    network: str
    loss: str
    optimizer: str
    momentum: float | None
    lr: float
    """The first one."""
    lr_chosen: str
    """How it came about: "given", or why it was taken."""
    schedule: str
    batch_rows: int
    seed: int
    source: str
    target: str
    inputs: tuple[str, ...]
    rows: int
    """That are learned from."""
    held_out: int
    left_out: int
    """Because a value was missing or not finite."""
    classes: tuple[str, ...] | None
    picture: tuple[int, int] | None
    channels: int
    kind: Literal["table", "idx", "pictures"]
    stopped: Stopped
    stopped_why: str
    epochs: tuple[Epoch, ...]
    weights: tuple[Matrix | Vector, ...]
    """The tensors in order, in 32 bits: of the best epoch where rows are held out, else the
    last."""
    shift: Vector
    """(inputs,): subtracted from the inputs, which are then divided by `scale`."""
    scale: Vector
    best: int | None = None
    """The number of the epoch with the lowest validation loss."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of `weights` on the rows held out, else on those learned from: loss, accuracy, rmse, …"""
    confusion: Steps | None = None
    """(classes, classes): how many rows of each class, down, were given each class, across."""
    wrong: Steps | None = None
    """(w, 3): rows that were given another class, their own, and the other; at most 100."""
    wrong_inputs: Matrix | None = None
    """(v, inputs): of the first of them, as the data has them; at most 24."""
    whole: tuple[float, float] | None = None
    """The loss over all rows that are learned from: at the first weights, and where it ended."""
    reach: Reach | None = None
    """Of the last weights; None where classes are told apart."""
    trials: tuple[Trial, ...] = ()
    explained: GradientExplained | None = None
    plane: LossPlane | None = None
    call: Mapping[str, object] = field(default_factory=dict)
    """The options as the user gave them, by their long names."""

    @property
    def last_activation(self) -> str | None:
        """What the last outputs go through; None where they are a layer's own."""
        last = self.network.rpartition("-")[2]
        return None if last.isdigit() else last

    @property
    def is_out_of_bounds(self) -> bool:
        """Whether the last activation keeps the outputs from the targets, in the middle."""
        bounds = _BOUNDS.get(self.last_activation or "")
        return self.reach is not None and is_beyond(bounds, self.reach.target_mean)


@dataclass(frozen=True, eq=False)
class Seen:
    """Everything that was noted until a step, so that noting can go on from there."""

    trace: TrainingTrace
    stride: int
    counts: Steps
    """(3, t): steps without a gradient, with a zero gradient, and with a move."""
    errors: Matrix
    """(2, t): the sum of the squared errors of estimated moves, and how many."""
    lost: tuple[tuple[int, int, Lost, int | None], ...]
    """Tensors that were lost: which, at which step, what, and how many entries."""
    losses: LossFacts
    first: tuple[float, ...]
    last: tuple[float, ...]
    products: tuple[float, float]
    """The sum of the cosines between successive gradients, and how many."""


@dataclass(frozen=True, eq=False)
class Standstill:
    """Where a training of a network stands between two steps: all that it needs to go on."""

    step: int
    steps: int
    """That it was to take."""
    arrays: tuple[Matrix | Vector, ...]
    """The weights, the optimizer's memory and the last gradient, leaf by leaf."""
    lengths: Vector
    """(t,): of the last gradient."""
    seen: Seen | None
    sums: tuple[float, float, float]
    """Of the epoch that has begun: losses, rows that were right, batches."""
    best: tuple[Matrix | Vector, ...]
    """The weights of the best epoch; empty where there is none."""
    best_loss: float
    since: int
    """Epochs since the best one."""
    seconds: float
    fingerprint: str
    """Of the rows."""
    path: Matrix | None = None
    """(k, p): the weights where they were noted, at the steps `path_steps`."""
    path_steps: tuple[int, ...] = ()
    path_every: int = 1
    """Epochs from one of them to the next."""


@dataclass(frozen=True)
class TrainingRecord:
    """Everything that is known of a training."""

    version: str
    model: str
    """Its class."""
    tensors: tuple[Tensor, ...]
    groups: tuple[Group, ...]
    trace: TrainingTrace
    facts: tuple[TensorFacts, ...]
    steps: int
    every: int
    losses: LossFacts = LossFacts()
    inputs: InputFacts = InputFacts()
    resets: ResetFacts = ResetFacts()
    noise: float | None = None
    """Gradient noise over gradient, as lengths squared, in one batch: from the angles between the
    gradients of successive steps."""
    activations: tuple[Activation, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    probes: tuple[Probe, ...] = ()
    readings: tuple[LossReading, ...] = ()
    """Of the loss's graph: at the first steps, seldom after."""
    cuts: tuple[Cut, ...] = ()
    birth: Birth | None = None
    """Of the first number that was not finite."""
    zero_from: ZeroFrom | None = None
    alike: tuple[Alike, ...] = ()
    modes: ModeFacts = field(default_factory=ModeFacts)
    half: HalfFacts | None = None
    mixing: RowsMix | None = None
    rounded: tuple[int, float] | None = None
    """A step, and the share of weights of 16 bits with a gradient that it left as they were."""
    remade: bool = False
    """Another optimizer than those that are watched has its parameters at the end."""
    eps_lost: tuple[str, ...] = ()
    """Where an eps was given that is zero in the type of the numbers."""
    others_move: bool = False
    """Whether an optimizer that is not watched moved other weights meanwhile, as one network's does
    that is trained against another; seen by probes only."""
    newcomers: tuple[str, ...] = ()
    """Parameters that were put into the model after the watch began, and that no optimizer has."""
    losses_given: int = 0
    """Calls of `watch.loss`, also of those that were followed by no step."""
    validations: tuple[Validation, ...] = ()
    ended: Ended = "still running"
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What could not be recorded, and how often."""
    seconds: float = 0.0
    cost: float = 0.0
    """Of these, the seconds that were spent here."""
    rank: int | None = None
    """Of the process; None with one process, and where the records of all were merged."""
    job: str | None = None
    """What the processes of one training share."""
    processes: int = 1
    """Whose records these are, merged."""
    name: str | None = None
    run: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    not_measured: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    learned: Learned | None = None
    """What is known beyond a watch; None for a loop that was watched."""
    remedies: tuple[Remedy, ...] = ()
    in_order: bool = True
    """Whether the tensors stand in the order in which they are passed."""
    standstill: Standstill | None = None
    """From which it can be gone on with."""
    proof: TrainingProof | None = None
    """What changes would have done; None where it was not run again."""
    log: LogFacts | None = None
    """Of a training that was judged from its log; None for any other."""
