"""The layers of a network in training: SD401 to SD406, and SD408."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np

from steepest.methods.optimizers import ADAPTIVE
from steepest.records.arrays import Vector
from steepest.records.loss_graph import Birth
from steepest.records.training import Tensor, TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, escaped, listed, names, number, percent, times

VANISHED = 1e-4
"""A gradient so much shorter than the longest, entry for entry, teaches its layer little."""

FADED = 2e-3
"""The same of a training that does not learn, though its last layers take steps."""

LEARNED, LEAST_LOSSES = 0.9, 20
"""A loss above this share of its start, after so many, was not brought down."""

EXPLODED = 100.0
"""A gradient so many times as long as the weights it belongs to."""

UNEVEN = 1000.0
"""The gradients of two layers, entry for entry, this far apart."""

DEAD = 0.5
"""Share of dead units from which it is said."""

_MOSTLY = 0.9
"""Up to this share of dead units a layer may well do what it is for, where the loss falls."""

AMONG = 3.0
"""Outputs within so many deviations of the targets are of their size."""

FELL = 0.5
"""A loss that fell below this share of its start has been learned from."""

LARGE_UPDATE, USUAL, SMALL_UPDATE = 0.1, 1e-3, 1e-6
"""Length of a step over that of the weights: outside of the first and the last it is said."""

FROM_NOTHING = 20
"""A weight that began at zero is the sum of its steps, so the n-th is about 1/n as long: until this
step that says nothing."""

NEXT_TO_NOTHING = 0.05
"""A smaller R² is no more than the mean of the targets."""

EXPLAINED = 0.5
"""An R² above this one has been learned, whatever the first gradients were."""

SMALL_START = 0.1
"""Weights whose outputs are so small for inputs of the size of one begin small on purpose."""

MOVED = 0.3
"""A tensor whose steps are so many times as long as itself, all together, is no longer the same."""

LEAST_ROWS = 16
"""In fewer rows a unit may well be zero for all of them, and yet alive."""

ALL_DEAD, ALIVE = 0.95, 0.5
"""Shares of dead units of a layer through which nothing passes, and of one that works."""

ROUNDING = 1e-5
"""A gradient so much smaller than the largest, entry for entry, is what rounding leaves of zero:
that of a bias before a batch norm, for one."""

LEAST_STEPS = 5
"""After fewer steps nothing is said about what never happened."""

MOST_NAMED = 3

_LONGEST_LINE = 120
"""Of a line of the user's code so many characters are shown."""


_DECOUPLED = ("AdamW", "Lion", "NAdamW", "Adafactor")
"""Optimizers that take weight decay from the weights themselves, not from the gradient."""

TAKES = 0.01
"""A decay that takes a larger share of a weight at every step leaves little of what is learned."""

LITTLE_LEFT = 0.1
"""A loss below this share of its start has a short gradient, as it must."""

OUTWEIGHS = 5.0
"""A decay so many times as long as the gradient of the loss decides where the weights go."""


def vanishing(record: TrainingRecord) -> Iterator[Finding]:
    """SD401: the gradient gets so small on its way back that the first layers do not learn."""
    layers = _layers(record)
    if len(layers) < 3 or not record.in_order or _lost(record) is not None:
        return
    sizes = _entry_sizes(record, layers)
    known = np.isfinite(sizes) & (sizes > 0)
    if known.sum() < 3:
        return
    places = np.flatnonzero(known)
    first, longest = places[0], places[int(np.argmax(sizes[places]))]
    share = float(sizes[first] / sizes[longest])
    if longest <= first or share > FADED:
        return
    if share > VANISHED and not _stuck(record, layers[first], layers[longest]):
        return
    # Adam takes usual steps along the smallest of gradients, as those of queries in attention.
    moves = _moves(record, layers[first])
    usual = update_ratios(record)[layers[first]] >= USUAL or moves > MOVED
    if usual and record.losses.last < LEARNED * record.losses.start:
        return
    name, other = record.tensors[layers[first]].name, record.tensors[layers[longest]].name
    yield Finding(
        "SD401",
        "warning",
        f"An entry of the gradient of {escaped(name)} is {times(1 / share)} smaller than one of "
        f"{escaped(other)}, so the first layers hardly learn.",
        {"layer": name, "longest": other, "share": share},
    )


def _moves(record: TrainingRecord, place: int) -> float:
    """How far a tensor goes in all steps together, in its own lengths; 0: not known."""
    with np.errstate(all="ignore"):
        ratios = record.trace.update[:, place] / record.trace.weight[:, place]
    ratios = ratios[np.isfinite(ratios)]
    return float(ratios.mean()) * record.steps if len(ratios) else 0.0


def _stuck(record: TrainingRecord, first: int, last: int) -> bool:
    """Whether the loss stays where it was, while of two tensors only the last takes usual steps."""
    seen, steps = record.losses, update_ratios(record)
    stays = seen.count >= LEAST_LOSSES and seen.last > LEARNED * seen.start
    # A loss may fall because the last bias learns the mean, and nothing more.
    reach = None if record.learned is None else record.learned.reach
    stays = stays or (reach is not None and reach.r_squared < NEXT_TO_NOTHING)
    return bool(stays and steps[first] < USUAL <= steps[last])


def exploding(record: TrainingRecord) -> Iterator[Finding]:
    """SD402: the gradient grows so much on its way back that the first steps throw weights away."""
    layers = _layers(record)
    trace = record.trace
    if not layers or not len(trace) or any(group.optimizer == "LBFGS" for group in record.groups):
        return  # what LBFGS leaves after its first step comes of many that it took inside
    early = slice(0, 1)  # later on it may be the learning rate that has thrown them far away
    with np.errstate(all="ignore"):
        shares = trace.gradient[early][:, layers] / trace.weight[early][:, layers]
    if not np.isfinite(shares).any():
        return
    worst = int(np.nanargmax(np.where(np.isfinite(shares), shares, -1).max(0)))
    share = float(np.nanmax(np.where(np.isfinite(shares[:, worst]), shares[:, worst], np.nan)))
    sizes = _entry_sizes(record, layers, early)
    known = np.isfinite(sizes) & (sizes > 0)
    last = sizes[known][-1] if known.any() else math.nan
    ordered = record.in_order and len(layers) >= 3
    grows = ordered and sizes[known][0] > UNEVEN * last if known.any() else False
    if share < EXPLODED and not grows:
        return
    tensor = record.tensors[layers[worst]]
    losses = record.losses
    # A head that begins small on purpose is short beside its gradient, and grows at once.
    size = float(trace.weight[0, layers[worst]]) / math.sqrt(tensor.size)
    small = size * math.sqrt(tensor.size / tensor.shape[0]) < SMALL_START
    learned = small and losses.count >= LEAST_LOSSES and losses.last < LEARNED * losses.start
    reach = None if record.learned is None else record.learned.reach
    learned = learned or (reach is not None and reach.r_squared > EXPLAINED)
    # Steps of most optimizers are as long whatever the gradient's length.
    adaptive = all(group.method in ADAPTIVE for group in record.groups) and bool(record.groups)
    learned = learned or (adaptive and not grows and _begins_among_targets(record))
    growth = (
        " On its way back from the last layer to the first it grows "
        f"{times(sizes[known][0] / last)}, entry for entry."
        if grows
        else ""
    )
    yield Finding(
        "SD402",
        "error" if _lost(record) is not None else "info" if learned else "warning",
        f"At the first step the gradient of {escaped(tensor.name)} is {times(share)} as long as "
        f"its weights.{growth}",
        {"layer": tensor.name, "ratio": share, "growth": float(sizes[known][0] / last)},
    )


def _begins_among_targets(record: TrainingRecord) -> bool:
    """Whether the first outputs are of the targets' size, so that a long gradient is of a unit."""
    first = next((reading.compared[0] for reading in record.readings if reading.compared), None)
    if first is None or first.classes is not None or not first.target_deviation > 0:
        return False
    apart = abs(first.output_mean - first.target_mean)
    return max(apart, first.output_deviation) <= AMONG * first.target_deviation


def dead_units(record: TrainingRecord) -> Iterator[Finding]:
    """SD403: units give zero for every row, so no gradient reaches what is before them."""
    if record.inputs.rows is not None and record.inputs.rows < LEAST_ROWS:
        return
    found = []
    for layer, seen in _dead_shares(record).items():
        share = min(dead for _, dead in seen[-2:])
        if share >= DEAD:
            found.append((share, layer, seen[-1][0]))
    if not found:
        return
    share, layer, step = max(found)
    others = f", and {count(len(found) - 1, 'more layer')} like it" if len(found) > 1 else ""
    losses = record.losses
    learns = losses.count >= LEAST_LOSSES and losses.last < LEARNED * losses.start
    yield Finding(
        "SD403",
        "info" if learns and share < _MOSTLY else "warning",
        f"{percent(share)} of the units of {escaped(layer)} give zero for every row of the batch "
        f"at step {count(step)}{others}: no gradient passes through them.",
        {"layer": layer, "share": share, "step": step, "layers": [name for _, name, _ in found]},
    )


def killed_layer(record: TrainingRecord) -> tuple[str, int] | None:
    """A layer whose units worked at first and are dead now, and the step at which that was seen."""
    for layer, seen in _dead_shares(record).items():
        gone = [step for step, dead in seen if dead >= ALL_DEAD]
        if len(seen) > 1 and seen[0][1] < ALIVE and gone and seen[-1][1] >= ALL_DEAD:
            return layer, gone[0]
    return None


def is_blocked(record: TrainingRecord) -> bool:
    """Whether nothing passes through a layer."""
    return any(seen[-1][1] >= ALL_DEAD for seen in _dead_shares(record).values())


def _dead_shares(record: TrainingRecord) -> dict[str, list[tuple[int, float]]]:
    """Of each ReLU, the steps at which it was sampled and the shares of dead units."""
    found: dict[str, list[tuple[int, float]]] = {}
    for sample in record.activations:
        if sample.dead is not None and "ReLU" in sample.kind:
            found.setdefault(sample.layer, []).append((sample.step, sample.dead))
    return found


def step_sizes(record: TrainingRecord) -> Iterator[Finding]:
    """SD404: a step is too long or too short beside the weights that it changes."""
    layers = _layers(record)
    if record.trace.step.size < LEAST_STEPS or not layers:
        return
    ratios = update_ratios(record, grown=True)[layers]
    decay = decay_of(record)
    if decay is not None:
        yield Finding(
            "SD404",
            "warning",
            f"{decay[:1].upper()}{decay[1:]}: what the loss asks for hardly counts. Take a "
            "smaller weight_decay.",
            {"weight_decay": max(group.weight_decay for group in record.groups)},
        )
    # What steps far too long have led to is a standstill, too.
    always = _largest_ratios(record)[layers] < USUAL
    for severe, outside, word in (
        (ratios > LARGE_UPDATE, np.nanmax, "long"),
        ((ratios < SMALL_UPDATE) & (ratios > 0) & always, np.nanmin, "short"),
    ):
        if not severe.any():
            continue
        value = float(outside(ratios[severe]))
        chosen = [record.tensors[place].name for place in np.array(layers)[severe]]
        much = "much" if word == "long" else "little"
        harmless = word == "long" and record.losses.end < FELL * record.losses.start
        yield Finding(
            "SD404",
            "info" if harmless else "warning",
            f"A step is as {much} as {number(value, 3)} times as long as the weights of "
            f"{names(chosen, MOST_NAMED)} that it changes: too {word} for them (a thousandth is "
            "usual).",
            {"tensors": chosen, "ratio": value},
        )


def no_gradient(record: TrainingRecord) -> Iterator[Finding]:
    """SD405: a parameter that asks for a gradient never got one."""
    recorded = _recorded(record)
    if not recorded or _emptied(record):
        return
    called = {sample.layer for sample in record.activations}
    found, unused, taken = list[str](), list[str](), list[str]()
    for place, (tensor, facts) in enumerate(zip(record.tensors, record.facts, strict=True)):
        if not tensor.learns or facts.without_gradient < recorded:
            continue
        if place in record.resets.taken:
            taken.append(tensor.name)
        elif tensor.name not in record.newcomers:
            idle = bool(called) and tensor.layer != "" and tensor.layer not in called
            (unused if idle and _has_layers(record, tensor) else found).append(tensor.name)
    if unused:
        yield Finding(
            "SD405",
            "info",
            f"No gradient ever reached {names(unused, MOST_NAMED)}, in {count(recorded, 'step')}: "
            f"{'its layer is' if len(unused) == 1 else 'their layers are'} never called. Where "
            "that is meant, it does no harm.",
            {"tensors": unused, "steps": recorded},
        )
    if taken:
        yield Finding(
            "SD405",
            "info",
            f"{names(taken, MOST_NAMED)} had no gradient at any of {count(recorded, 'step')}: "
            "backward() brings one, and the loop takes it away before step(). Where that is meant, "
            "as of a layer that is held, it does no harm.",
            {"tensors": taken, "steps": recorded},
        )
    if found:
        yield Finding(
            "SD405",
            "error",
            f"No gradient ever reached {names(found, MOST_NAMED)}, in {count(recorded, 'step')}: "
            f"the loss does not depend on {_it(found)}, or the way back to {_it(found)} was cut "
            "(detach, no_grad, a NumPy array in between).",
            {"tensors": found, "steps": recorded},
        )


def not_finite(record: TrainingRecord) -> Iterator[Finding]:
    """SD406: a loss, gradient or weight is not finite, and where that began."""
    lost = _lost(record)
    at = [s for s in (record.losses.lost_at, None if lost is None else lost[0]) if s is not None]
    if not at:
        return
    step = min(at)
    where = "the loss"
    tensor: Tensor | None = None
    entries = None
    if lost is not None and lost[0] <= step:
        tensor, facts = record.tensors[lost[1]], record.facts[lost[1]]
        entries = facts.lost_entries
        many = "" if entries is None else f" ({count(entries)} of {count(tensor.size)} entries)"
        where = f"the {facts.lost} of {escaped(tensor.name)}{many}"
    again = _is_again(record, None if tensor is None or lost is None else lost[1])
    sentence = (
        f"At step {count(step)} {where} was not a finite number, and later it was again."
        if again
        else f"At step {count(step)} {where} is not a finite number{' any more' * (step > 0)}."
    )
    inputs = record.inputs
    if inputs.lost_at is not None and inputs.lost_at <= step:
        rows = listed([count(row) for row in inputs.lost_rows])
        sentence = (
            f"At step {count(inputs.lost_at)} the batch itself has a value that is not a finite "
            f"number, in row {rows} of the batch (rows are counted from 0). From there on nothing "
            "is a number."
        )
    elif (birth := record.birth) is not None and birth.step <= step:
        where = where if tensor is not None or not birth.left_out else "a gradient"
        sentence = (
            f"At step {count(birth.step)} {where} is not a finite number: "
            f"{birth_in_words(birth, grew=gradients_grew(record))}."
        )
        step = birth.step
    yield Finding(
        "SD406",
        "error",
        sentence,
        {
            "step": step,
            "tensor": None if tensor is None else tensor.name,
            "layer": None if tensor is None else tensor.layer,
            "entries": entries,
            "rows": list(inputs.lost_rows),
            "in_the_batch": inputs.lost_at is not None,
            "birth": None if record.birth is None else asdict(record.birth),
        },
    )


def _is_again(record: TrainingRecord, place: int | None) -> bool:
    """Whether the loss, or a tensor and its gradient, are finite numbers at the end."""
    if place is None:
        return not record.losses.lost_last
    ends = [rows[-1:, place] for rows in (record.trace.weight, record.trace.gradient)]
    return all(bool(np.isfinite(end).all()) for end in ends)


def gradients_grew(record: TrainingRecord) -> bool:
    """Whether gradients had grown before numbers were lost."""
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.nansum(record.trace.gradient**2, axis=1))
    lengths = lengths[np.isfinite(lengths)]
    return len(lengths) > 1 and bool(lengths[-1] > 10 * lengths[0])


def birth_in_words(birth: Birth, *, grew: bool = False) -> str:
    """What was made that is no finite number: where, of what, in which row.

    `grew`: whether gradients had grown before.
    """
    what = f" ({birth.cause})" if birth.cause is not None else ""
    row = "" if birth.row is None else f", for row {count(birth.row)} of the batch (counted from 0)"
    layer = "" if birth.layer is None else f" in {escaped(birth.layer)}"
    line = "" if birth.line is None else f", at {escaped(birth.line, _LONGEST_LINE)}"
    ways = {"forward": "in the forward pass", "backward": "on the way back"}
    if birth.phase == "optimizer":
        return (
            "the optimizer's own step made a weight that is no finite number, of gradients that are"
        )
    text = f"it begins {ways[birth.phase]}, at {birth.operation}{layer}{what}{row}{line}"
    if birth.left_out:
        text += "; the loss itself is finite"
    cure = next((cure for part, cure in _CURES if part in (birth.cause or "")), "")
    if "had grown" in cure and not grew:
        cure = ". Look for numbers of that size among those that go into it"
    return text + cure


_CURES = (
    ("softmax over -inf", ". Leave one entry of it unmasked, or leave such rows out"),
    ("every key", ". Leave one key unmasked, or leave such rows out"),
    ("where()", ". where() hides a value, not its slope: bound what goes into it, as in "
     "sqrt(x.clip(min=1e-6))"),
    ("square root", ". Bound what goes into it: sqrt(x.clip(min=1e-6))"),
    ("determinant", ". Add a small number to its diagonal"),
    ("log of a softmax", ". Take log_softmax, or the cross-entropy of the logits"),
    ("log of", ". Bound what goes into it: log(x.clip(min=1e-6)); of a softmax take log_softmax"),
    ("power", ". Bound what goes into it: x.clip(min=1e-6)"),
    ("ivi", ". Add a small number to what is divided by"),
    ("deviation of one", ". It needs two numbers or more; with correction=0 one number has 0"),
    ("deviation of 0", ". Give a larger eps"),
    ("float16", ". Take bfloat16, or a GradScaler with a smaller scale"),
    ("length of 0", ". Add a small number inside of the root"),
    ("fit a target", ". Leave such rows out, or give zero_infinity=True"),
    ("too large for its type", ". The gradients had grown: take a smaller learning rate, or clip"),
)  # fmt: skip
"""What helps, by a part of the cause."""


def alike(record: TrainingRecord) -> Iterator[Finding]:
    """SD415: the units of a layer are all alike."""
    found = [seen for seen in record.alike if record.facts[seen.tensor].moved]
    if not found:
        return
    layers = [
        record.tensors[seen.tensor].layer or record.tensors[seen.tensor].name for seen in found
    ]
    first = found[0]
    yield Finding(
        "SD415",
        "error",
        f"All {count(first.units)} units of {escaped(layers[0])} are the same at step "
        f"{count(first.step)}"
        + (f", and so are those of {names(layers[1:], MOST_NAMED)}" if layers[1:] else "")
        + ": with equal weights they get equal gradients and stay equal, as if each layer had one "
        "unit. Start from random weights.",
        {"layers": layers, "units": first.units, "step": first.step},
    )


def no_step(record: TrainingRecord) -> Iterator[Finding]:
    """SD408, where nothing ever moved because no step was taken."""
    if record.losses_given < LEAST_STEPS or record.resets.skipped:
        return
    if record.remade:
        yield Finding(
            "SD408",
            "error" if not record.steps else "warning",
            f"The watched optimizer took {count(record.steps, 'step')}, though "
            f"{count(record.losses_given)} losses were given, and another optimizer has its "
            "parameters: it was made anew after the watch began, and nothing of its steps is seen. "
            "Watch the one that steps; one that is made anew also forgets its moments.",
            {"losses": record.losses_given, "steps": record.steps},
        )
        return
    if record.steps:
        return
    call = "optimizer.step()" if record.groups else "watch.step(loss)"
    yield Finding(
        "SD408",
        "error",
        f"No step was taken, though {count(record.losses_given)} losses were given: "
        f"{call} was never called, so nothing moves. Call it after backward().",
        {"losses": record.losses_given},
    )


def never_moves(record: TrainingRecord) -> Iterator[Finding]:
    """SD408: a parameter that should learn never moves."""
    yield from no_step(record)
    recorded = _recorded(record)
    if recorded < LEAST_STEPS:
        return
    if record.newcomers:
        one = len(record.newcomers) == 1
        yield Finding(
            "SD408",
            "error",
            f"{names(record.newcomers, MOST_NAMED)} came into the model after the watch began, "
            f"and no optimizer has {_it(record.newcomers)}: {'it' if one else 'they'} never moved. "
            "Make the optimizer once the model has all its layers, and watch it then.",
            {"tensors": list(record.newcomers), "steps": recorded},
        )
    frozen, forgotten, idle, held, still = [], [], [], [], []
    sizes = _entry_sizes(record, range(len(record.tensors)))
    felt = sizes > ROUNDING * np.nanmax(sizes, initial=0.0)
    for place, (tensor, facts) in enumerate(zip(record.tensors, record.facts, strict=True)):
        if facts.moved or facts.lost_at is not None or tensor.name in record.newcomers:
            continue
        if _is_moved_by_others(record, place):
            continue
        if tensor.group is not None and not tensor.learns:
            frozen.append(tensor.name)
        elif tensor.learns and tensor.group is None and record.groups:
            forgotten.append(tensor.name)
        elif tensor.learns and np.isnan(record.trace.weight[:, place]).all():
            idle.append(tensor.name)
        elif facts.held and facts.zero_gradient < recorded:
            held.append(tensor.name)
        elif (
            tensor.learns
            and facts.without_gradient + facts.zero_gradient < recorded
            and felt[place]
            and (tensor.group is None or _rate(record, tensor.group) > 0)
        ):
            still.append(place)
    of_still = [record.tensors[place].name for place in still]
    for chosen, why in (
        (
            frozen,
            f"the optimizer has {_it(frozen)}, but no gradient is asked for (requires_grad is "
            "False). Where that is meant, as of frozen layers, it does no harm",
        ),
        (forgotten, f"no optimizer that is watched has {_it(forgotten)}"),
        (idle, f"the optimizer that has {_it(idle)} took no step, as no step() of it was called"),
        (of_still, f"{_its(of_still)} steps are too short to change {_its(of_still)} numbers"),
        (held, f"{_its(held)} steps are zero, as of what is held (set_to_zero)"),
    ):
        if chosen:
            yield Finding(
                "SD408",
                "info" if chosen is held else "warning",
                f"{names(chosen, MOST_NAMED)} never moved in {count(recorded, 'step')}: {why}.",
                {"tensors": chosen, "steps": recorded},
            )


def _is_moved_by_others(record: TrainingRecord, place: int) -> bool:
    """Whether its length changes though no optimizer's step changes it, as of a moving average."""
    lengths = record.trace.weight[:, place]
    lengths = lengths[np.isfinite(lengths)]
    return len(lengths) > 1 and bool(np.ptp(lengths) > ROUNDING * lengths.max())


def _has_layers(record: TrainingRecord, tensor: Tensor) -> bool:
    """Whether its module is one that is looked at when it is called: it has none inside."""
    inside = f"{tensor.layer}."
    return not any(other.layer.startswith(inside) for other in record.tensors)


def _it(chosen: Sequence[str]) -> str:
    return "it" if len(chosen) == 1 else "them"


def _its(chosen: Sequence[str]) -> str:
    return "its" if len(chosen) == 1 else "their"


def update_ratios(record: TrainingRecord, *, grown: bool = False) -> Vector:
    """For each tensor the median of |step| / |weights|; NaN where not measured.

    With `grown`, not of the first steps of a tensor that began at zero.
    """
    trace = record.trace
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        ratios = _finite(trace.update / trace.weight)
        if grown and len(trace):
            grows = (trace.weight[0] == 0) & (trace.step[:, None] < FROM_NOTHING)
            ratios = np.where(grows, np.nan, ratios)
        return np.nanmedian(ratios, axis=0)


MOSTLY_SAME = 0.8
"""A gradient of one length at more of the steps was clipped to it."""


def same_length(record: TrainingRecord) -> tuple[float, float] | None:
    """The gradient's usual length, and at which share of the steps it is that; None: not known."""
    trace = record.trace
    lengths = np.sqrt(np.nansum(np.where(np.isfinite(trace.gradient), trace.gradient, 0) ** 2, 1))
    if record.log is not None:
        lengths = np.nan_to_num(record.log.gradient_norm, posinf=0)
    lengths = lengths[lengths > 0]
    usual = float(np.median(lengths)) if len(lengths) else math.nan
    # What is clipped to a length is never much longer, but for a scale: this has come to rest.
    if len(lengths) < LEAST_LENGTHS or not math.isfinite(usual) or lengths.max() > LONGER * usual:
        return None
    return usual, float((np.abs(lengths - usual) <= SAME_LENGTH * usual).mean())


LEAST_LENGTHS = 20
"""Recorded steps, before their lengths are compared."""

SAME_LENGTH = 1e-3
"""Lengths that differ by a smaller share are the same."""

LONGER = 1e3
"""A gradient so many times as long as the usual one was not clipped to that length."""


def decay_of(record: TrainingRecord) -> str | None:
    """That weight decay outweighs the loss, in words; None where it does not.

    Where it is a part of the gradient (Adam, SGD): in the middle of the matrices it is several
    times as long as the gradient of the loss, which has not fallen far. Else (AdamW): what it takes
    at each step.
    """
    for place, group in enumerate(record.groups):
        held = [p for p in _layers(record) if record.tensors[p].group == place]
        rate = _rate(record, place)
        if not group.weight_decay or not held or not rate > 0:
            continue
        if group.optimizer in _DECOUPLED:
            taken = rate * group.weight_decay
            if taken > TAKES:
                return (
                    f"a weight_decay of {number(group.weight_decay)} takes {percent(taken)} of "
                    f"each weight away at every step, at a learning rate of {number(rate, 3)}"
                )
            continue
        if (same := same_length(record)) is not None and same[1] > MOSTLY_SAME:
            continue  # it was clipped, and not what the loss asks for
        if record.losses.last < LITTLE_LEFT * record.losses.start:
            continue  # little is left of the gradient, as it must be
        late = record.trace.step >= record.steps // 2
        with np.errstate(all="ignore"):
            pulls = group.weight_decay * record.trace.weight / record.trace.gradient
        pulls = pulls[late][:, held]
        pulls = pulls[np.isfinite(pulls)]
        if len(pulls) and (pull := float(np.median(pulls))) > OUTWEIGHS:
            return (
                f"a weight_decay of {number(group.weight_decay)} pulls at the weights "
                f"{times(pull)} as hard as the loss does"
            )
    return None


def _largest_ratios(record: TrainingRecord) -> Vector:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: Vector = np.nanmax(_finite(record.trace.update / record.trace.weight), axis=0)
        return found


def _layers(record: TrainingRecord) -> list[int]:
    """The places of the tensors that are matrices: biases and scales begin at zero or one."""
    return [
        place
        for place, tensor in enumerate(record.tensors)
        if len(tensor.shape) >= 2 and tensor.learns and "Embedding" not in tensor.kind
    ]


def _entry_sizes(
    record: TrainingRecord, layers: Sequence[int], when: slice = slice(None)
) -> Vector:
    """The root mean square of an entry of each gradient, its median over the steps."""
    roots = np.sqrt([record.tensors[place].size for place in layers])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(_finite(record.trace.gradient[when][:, list(layers)]), axis=0) / roots


def _finite(values: Vector) -> Vector:
    return np.where(np.isfinite(values), values, np.nan)


def _lost(record: TrainingRecord) -> tuple[int, int] | None:
    """Step and place of the tensor that was lost first."""
    found = [
        (facts.lost_at, place)
        for place, facts in enumerate(record.facts)
        if facts.lost_at is not None
    ]
    return min(found, default=None)


def _recorded(record: TrainingRecord) -> int:
    return -(-record.steps // record.every)


def _emptied(record: TrainingRecord) -> bool:
    return record.resets.emptied > 0


def _rate(record: TrainingRecord, group: int) -> float:
    rates = record.trace.lr[:, group]
    rates = rates[np.isfinite(rates)]
    return float(rates.max()) if len(rates) else math.nan
