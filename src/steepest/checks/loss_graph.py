"""What a loss is made of: SD308, SD309, and SD409 to SD412."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from steepest.records.loss_graph import Cut, LossReading, Squash, ZeroFrom
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, escaped, listed, names, number, percent

_LEAST_STEPS = 5
"""After fewer steps nothing is said about what never happened."""

_MOST_NAMED = 3

ALL = 0.99
"""Share of a gradient's entries that float16 has rounded to zero where that is all that is left."""

RANGES = {
    "tanh": "between -1 and 1", "sigmoid": "between 0 and 1", "softmax": "between 0 and 1",
    "relu": "at 0 and above",
}  # fmt: skip
"""Where an activation leaves what comes out."""

_LONGEST_LINE = 120
"""Of a line of the user's code so many characters are shown."""


def pairs(record: TrainingRecord) -> Iterator[Finding]:
    """SD309: predictions and targets do not pair up."""
    readings = _with_graph(record)
    found = [reading.pairs for reading in readings if reading.pairs is not None]
    if not found or len(found) * 2 < len(readings):
        return
    first = found[0]
    flat = len(first.prediction) == 1
    cure = (
        "targets.squeeze(1), or output.unsqueeze(1)"
        if flat
        else "targets.unsqueeze(1), or output.squeeze(1)"
    )
    yield Finding(
        "SD309",
        "error",
        f"Every prediction is compared with every target: predictions of shape "
        f"{_shape(first.prediction)} and {first.rows} targets of another shape make {first.rows} × "
        f"{first.rows} numbers in the loss ({first.operation}), so only the mean of the targets "
        f"can be learned. Give both the same shape: {cure}.",
        {"rows": first.rows, "prediction": list(first.prediction), "operation": first.operation},
    )


def mixed(record: TrainingRecord) -> Iterator[Finding]:
    """SD310: rows of a batch mix."""
    seen = record.mixing
    if seen is None:
        return
    where = (
        "between its layers" if seen.layer is None else f"in {escaped(seen.layer)} ({seen.kind})"
    )
    cure = (
        "which takes the first axis for time: give it batch_first=True."
        if seen.of_sequences
        else "look there for a view or reshape in the place of a transpose, and for a softmax, "
        "mean or sum along axis 0."
    )
    doubt = ""
    if seen.maybe_time:
        doubt = " Where the first axis is one of time, that is as it must be."
    elif record.inputs.period == 1:
        doubt = (
            " Where the same rows come at every step, as the nodes of one graph, it may be meant."
        )
    yield Finding(
        "SD310",
        "info" if doubt else "warning",
        f"Rows of a batch mix: row {count(seen.row)} of {count(seen.rows)} gets another output "
        f"where the other rows are others, in eval mode too. It moves by {percent(seen.moved)} of "
        f"the deviation between rows. It begins {where}{',' if seen.of_sequences else ':'} {cure}"
        f"{doubt}",
        {"row": seen.row, "rows": seen.rows, "moved": seen.moved, "layer": seen.layer},
    )


def outside(record: TrainingRecord) -> Iterator[Finding]:
    """SD308: targets outside of what the loss is made for, or an average over nothing."""
    birth = record.birth
    nothing = next((r for r in record.readings if r.nothing is not None), None)
    cause = None if birth is None else birth.cause
    if birth is not None and cause is not None and cause.startswith("an average over nothing"):
        step, what = birth.step, cause
    elif nothing is not None:
        step, what = nothing.step, "an average over nothing"
    else:
        yield from _out_of_range(record)
        return
    when = f"At step {count(step)} the" if record.steps else "The"
    yield Finding(
        "SD308",
        "error",
        f"{when} loss is {what}, and 0 divided by 0 is not a number. Leave such "
        "a batch out, or divide a sum by the number of targets that count, and at least by 1.",
        {"step": step},
    )


def _out_of_range(record: TrainingRecord) -> Iterator[Finding]:
    for reading in record.readings:
        for aim in reading.compared:
            if "binary" not in aim.loss or 0 <= aim.target_least <= aim.target_largest <= 1:
                continue
            if not math.isfinite(aim.target_mean):
                continue
            yield Finding(
                "SD308",
                "error",
                f"The targets reach from {number(aim.target_least, 4)} to "
                f"{number(aim.target_largest, 4)}, and {aim.loss} is made for targets from 0 to 1: "
                "outside of them it falls without end. Scale the targets, or take another loss.",
                {"step": reading.step, "least": aim.target_least, "largest": aim.target_largest},
            )
            return


def zero(record: TrainingRecord) -> Iterator[Finding]:
    """SD409: the gradient is exactly zero."""
    since = zero_since(record)
    if since is None or (record.half is not None and record.half.zero > ALL):
        return
    steps = len(record.trace)
    when = (
        f"at each of {count(record.steps, 'step')}"
        if since == 0
        else f"from step {count(int(record.trace.step[since]))} on"
    )
    yield _all_zero(f", {when}", record.zero_from, int(record.trace.step[since]), steps)


def zero_in_part(record: TrainingRecord) -> Iterator[Finding]:
    """SD409: the gradient of some parameters is exactly zero at every step, though it arrives."""
    recorded = -(-record.steps // record.every)
    if recorded < _LEAST_STEPS or zero_since(record) is not None or record.resets.emptied:
        return
    still = [
        tensor
        for tensor, facts in zip(record.tensors, record.facts, strict=True)
        if tensor.learns and facts.zero_gradient >= recorded and facts.lost_at is None
    ]
    # The last bias alone, where only differences of outputs count, cancels as it must.
    matrices = {tensor.layer for tensor in still if len(tensor.shape) > 1}
    found = [tensor.name for tensor in still if tensor.layer in matrices]
    if not found or len(still) == len(record.tensors):
        return
    them = "it" if len(found) == 1 else "them"
    level = next((reading.level for reading in record.readings if reading.level), ())
    if level:
        graph = (
            f"the loss is computed from {them} by way of {listed(level)}, whose slope is zero "
            "wherever it has one. Take what has a slope (tanh, a softmax), or pass the gradient "
            "on as it comes: h + (sign(h) - h).detach()."
        )
    elif record.readings:
        graph = (
            f"the loss depends on {them} in its graph, and its slope by {them} is nothing. Look "
            "for values that are overwritten or multiplied by 0 on the way, and for units that "
            "are dead from the start."
        )
    else:
        graph = f"the loss does not depend on {them}, or the way back is stopped (stop_gradient)."
    yield Finding(
        "SD409",
        "warning",
        f"The gradient of {names(found, _MOST_NAMED)} is exactly zero at each of "
        f"{count(recorded, 'step')}: {graph}",
        {"since": 0, "steps": recorded, "operation": None, "tensors": found},
    )


def zero_at_hand(record: TrainingRecord) -> Iterator[Finding]:
    """SD409 of one loss, before any step."""
    if record.zero_from is not None and not record.steps:
        yield _all_zero("", record.zero_from, 0, 0)


def _all_zero(when: str, place: ZeroFrom | None, since: int, steps: int) -> Finding:
    why = "" if place is None else f" On its way back it ends at {place.operation}"
    cure = ""
    if place is not None and "relu" in place.operation:
        why += f" {_shape(place.shape)}, which gives 0 for every row of the batch"
        cure = (
            " Where that is the output, take the ReLU away (or use softplus); else start with "
            "smaller steps or larger biases."
        )
    elif place is not None and place.operation == "softmax":
        why += f" {_shape(place.shape)}, which gives the same whatever comes in"
        cure = " Take a sigmoid, or give it two units or more."
    elif place is not None and place.shape:
        why += f" {_shape(place.shape)}"
    return Finding(
        "SD409",
        "error",
        f"The gradient is exactly zero in every parameter{when}: nothing is learned"
        f".{why}{'.' if why else ''}{cure}",
        {
            "since": since,
            "steps": steps,
            "operation": None if place is None else place.function,
        },
    )


def zero_since(record: TrainingRecord) -> int | None:
    """The row of the trace from which on every gradient is exactly zero; None: it is not."""
    trace = record.trace
    if len(trace) < _LEAST_STEPS or record.resets.emptied or record.losses.last == 0:
        return None
    if any(facts.lost_at is not None for facts in record.facts):
        return None
    there = np.isfinite(trace.gradient)
    none = there.any(1) & (np.where(there, trace.gradient, 0) == 0).all(1)
    since = len(trace) - int(np.argmin(none[::-1])) if not none.all() else 0
    finite = np.asarray(np.isfinite(trace.weight).all(axis=1))
    if since < len(trace) and finite[0] and not finite[since]:
        return None  # a ReLU lets nothing back from what is no number any more
    return since if len(trace) - since >= max(_LEAST_STEPS, len(trace) // 4) else None


def held_by_nobody(record: TrainingRecord) -> Iterator[Finding]:
    """SD410: the loss depends on parameters that no optimizer holds."""
    readings = _with_graph(record)
    if not readings:
        return
    first = next((r for r in readings if r.strangers), None)
    if first is not None:
        hidden = [stranger.place for stranger in first.strangers if stranger.place is not None]
        many = count(len(hidden) or len(first.strangers), "parameter")
        where = f" ({names(hidden, _MOST_NAMED)})" if hidden else ""
        yield Finding(
            "SD410",
            "error" if hidden else "info",
            f"The loss depends on {many} that belong neither to the model nor to an optimizer"
            f"{where}, so they never change. "
            + (
                "PyTorch looks for layers in attributes, not in lists and mappings: hold them in "
                "nn.ModuleList or nn.ModuleDict, and make the optimizer after that."
                if hidden
                else "Where they are to learn, give them to an optimizer."
            ),
            {"places": hidden, "shapes": [list(s.shape) for s in first.strangers]},
        )
    reached = {place for reading in readings for place in reading.reached}
    held = {place for place, tensor in enumerate(record.tensors) if tensor.group is not None}
    learned = {place for place in reached if record.tensors[place].learns}
    if not held or not learned or reached & held:
        return
    yield Finding(
        "SD410",
        "error",
        f"None of the {count(len(learned), 'parameter')} behind the loss is in the optimizer, and "
        f"the loss depends on none of the {count(len(held))} that it has: it was made for another "
        "model, or before this one was made anew. Make the optimizer from the model that is "
        "trained, after it.",
        {"behind_the_loss": len(learned), "in_the_optimizer": len(held)},
    )


_GIVEN_AWAY = ("item", "tolist", "numpy", "__float__", "__int__", "__array__")
"""Calls that give the numbers away without a graph."""


def cut(record: TrainingRecord) -> Iterator[Finding]:
    """SD411: the loss has no graph, or a term was cut out of it."""
    readings = record.readings
    if not readings:
        return
    told = [reading for reading in readings if reading.graph == "told to ask"]
    place = ""
    if record.cuts:
        first = record.cuts[0]
        place = f" {first.call}" + (f" ({_code(first.line)})" if first.line else "")
    if told and len(told) * 2 >= len(readings):
        by = (
            f"It was cut by{place}."
            if place
            else "An argmax, a comparison, round(), detach(), item() or NumPy cuts it."
        )
        yield Finding(
            "SD411",
            "error",
            "The loss has no graph: it depends on no parameter, and was only told to ask for a "
            f"gradient (requires_grad_), so backward() reaches nothing. {by} Make the loss of the "
            "outputs themselves, and leave requires_grad_() out.",
            {"call": record.cuts[0].call if record.cuts else None},
        )
        return
    reached = {p for reading in readings for p in reading.reached}
    missing = [p for p, t in enumerate(record.tensors) if t.learns and p not in reached]
    if record.steps:
        # What is computed again on the way back is not in the graph, and gets its gradient there.
        recorded = -(-record.steps // record.every)
        missing = [p for p in missing if record.facts[p].without_gradient >= recorded]
    behind = ({p for found in record.cuts for p in found.behind} - reached) & set(missing)
    terms = max(reading.constant_terms for reading in readings)
    if record.activations:
        # Of a layer that nobody calls no term is made.
        called = {sample.layer for sample in record.activations}
        missing = [p for p in missing if record.tensors[p].layer in called]
    if not reached or not (behind or (missing and terms)):
        return
    who = names([record.tensors[p].name for p in sorted(behind) or missing], _MOST_NAMED)
    by = (
        f"the way to the loss is cut by{place}"
        if place
        else "a term of the loss is a plain number without a graph (item(), float() or detach())"
    )
    yield Finding(
        "SD411",
        "error",
        f"{who} {'get' if len(behind or missing) > 1 else 'gets'} no gradient: {by}. "
        f"{_uncut(record.cuts[0] if record.cuts else None, terms)}",
        {
            "call": record.cuts[0].call if record.cuts else None,
            "tensors": [record.tensors[p].name for p in sorted(behind) or missing],
        },
    )


def _uncut(found: Cut | None, terms: int) -> str:
    """What to do about a cut."""
    smooth = (
        "take something smooth, as a softmax in the place of an argmax, or pass the gradient on "
        "as it comes (straight-through)"
    )
    if found is not None and found.then is not None:
        return f"Without it the way is cut by {escaped(found.then)}, which has no slope: {smooth}."
    if found is not None and found.call in ("detach", "data"):
        return "Leave that call out."
    if found is None or found.call in _GIVEN_AWAY:
        return "Add the tensor itself to the loss." if terms else "Leave that call out."
    return f"It has no slope: {smooth}."


def squashed(record: TrainingRecord) -> Iterator[Finding]:
    """SD412: squashed twice, or along the wrong axis."""
    seen: dict[tuple[str, str], Squash] = {}
    readings = _with_graph(record)
    for reading in readings:
        for found in reading.squashes:
            seen.setdefault((found.what, found.inner), found)
    for found in seen.values():
        if sum(any(s.what == found.what for s in r.squashes) for r in readings) * 2 < len(readings):
            continue
        grave = found.at_output and found.what != "log by hand"
        yield Finding(
            "SD412",
            "error" if grave else "info",
            _squash_in_words(found),
            {"what": found.what, "operation": found.inner, "shape": list(found.shape)},
        )


def ends_squashed(record: TrainingRecord) -> Iterator[Finding]:
    """SD412 of a network that was trained here: its last activation stands before cross-entropy."""
    learned = record.learned
    if learned is None or learned.classes is None or learned.last_activation is None:
        return
    last, plain = learned.last_activation, learned.network.rpartition("-")[0]
    between = RANGES.get(last)
    yield Finding(
        "SD412",
        "warning",
        f"The network ends in a {last}, and cross-entropy takes what comes out for logits"
        f"{f', which then lie {between}' if between else ''}. Leave it out: --network {plain}.",
        {"what": "twice", "operation": last, "shape": [], "network": plain},
    )


def _squash_in_words(found: Squash) -> str:
    shape = _shape(found.shape)
    if found.what == "along the batch":
        return (
            f"The {found.inner} of the output {shape} is taken along the rows of the batch, not "
            "along the classes, so the rows are compared with each other. Give it dim=1."
        )
    if found.what == "over one number":
        return (
            f"A {found.inner} is taken over one number, in shape {shape}: it is the same whatever "
            "comes in, and no gradient passes through it. Take a sigmoid, or give it two units or "
            "more."
        )
    if found.what == "no softmax":
        return (
            "What goes into nll_loss is no log of probabilities, which is 0 at most: some are "
            "above 0, and the loss falls without end as they grow. Take log_softmax of the "
            "outputs, or the cross-entropy of them."
        )
    if found.what == "no log":
        return (
            f"The output goes through a {found.inner} into {found.outer} without a log: "
            "nll_loss takes the log of probabilities. Take log_softmax in its place, or the "
            "cross-entropy of the logits."
        )
    if found.what == "log by hand":
        return (
            "The log of a softmax is taken by hand: it is -inf as soon as the softmax is 0. Take "
            "log_softmax, or the cross-entropy of the logits."
        )
    floor = ""
    if found.outer == "log of softmax" and len(found.shape) > 1:
        classes = found.shape[1]
        inner_sum = math.e + classes - 1 if found.inner == "softmax" else None
        if inner_sum is not None:
            floor = (
                f" With {count(classes)} classes no row's loss can get below "
                f"{number(math.log(inner_sum) - 1, 4)}."
            )
    elif found.inner == "sigmoid":
        floor = f" A row of class 0 cannot get below {number(math.log(2), 3)}."
    loss = (
        "cross-entropy, which takes a softmax itself"
        if found.outer == "log of softmax"
        else f"{found.outer}, which takes a sigmoid itself"
    )
    return (
        f"The output is squashed twice: a {found.inner} goes into {loss}.{floor} Give the loss the "
        f"numbers before the {found.inner}."
    )


def _with_graph(record: TrainingRecord) -> Sequence[LossReading]:
    return [reading for reading in record.readings if reading.graph == "there"]


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _code(line: str) -> str:
    return escaped(line, _LONGEST_LINE)
