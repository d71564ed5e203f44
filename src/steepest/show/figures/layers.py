"""A heat map of a training: what happened in each tensor, or layer, at each step."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.training import TrainingRecord
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.training import AlarmData, alarms, evenly
from steepest.words.wording import count, escaped, number, percent, times

Seen = Literal["update ratio", "gradient", "turn"]


class ChoiceData(TypedDict):
    """What a heat map can show; infinite is what was lost, NaN what was not measured."""

    of: str
    label: str
    scale: Literal["linear", "log"]
    low: float
    high: float
    title: str
    text: str
    values: Matrix


class LayersData(TypedDict):
    """What `layers` draws; `edges` are where the columns begin, and where the last one ends."""

    shown: int
    rows: list[str]
    edges: Vector
    choices: list[ChoiceData]
    alarms: list[AlarmData]


MOST_COLUMNS: Final = 200
MOST_ROWS: Final = 40
DECADES: Final = 8
"""The colours cover so many powers of ten at most."""
LONGEST: Final = 60
"""Characters of a name."""

LABELS: Final[dict[Seen, str]] = {
    "update ratio": "step / weights",
    "gradient": "gradient",
    "turn": "cosine of the turn",
}
LONG_STEP: Final = 1.0
"""A step as long as the weights has the last colour, and so have longer ones."""
NOUNS: Final[dict[Seen, str]] = {
    "update ratio": "length of a step",
    "gradient": "length of the gradient",
    "turn": "turn of the gradient",
}


def layers_figure(
    frames: Frames, record: TrainingRecord, of: Seen = "update ratio"
) -> Figure | str:
    """The update ratio, the gradient's length and its turn of every row and column; `of` is shown.

    A row is a tensor, or a layer where there are many. A column is one recorded step, or several
    where there are many. NaN: not measured; infinite: no longer a finite number.
    """
    if not len(frames) or not record.tensors:
        return "No step was recorded."
    trace = record.trace
    with np.errstate(all="ignore"):
        ratio = np.where(trace.weight > 0, trace.update / trace.weight, np.nan)
    names, groups, by = _rows(record)
    told = [f"layer {name}" for name in names] if by == "layer" else names
    large = {
        row
        for row, group in enumerate(groups)
        if any(len(record.tensors[place].shape) > 1 for place in group)
    }
    many = min(len(trace), MOST_COLUMNS)
    starts = np.arange(many) * len(trace) // max(many, 1)
    choices = []
    measured: dict[Seen, Matrix] = {
        "update ratio": ratio,
        "gradient": trace.gradient,
        "turn": trace.turn,
    }
    for name, values in measured.items():
        grid = _grid(_lost(record, values), groups, starts, mean=name == "turn")
        choices.append(_choice(name, grid, _whole(values, groups), told, large, record))
    shown = [choice["of"] for choice in choices].index(of)
    chosen = choices[shown]
    return Figure(
        kind="layers",
        title=chosen["title"],
        text=chosen["text"],
        x=Axis("step"),
        y=Axis(by),
        z=Axis(chosen["label"], chosen["scale"]),
        frames=frames,
        data={
            "shown": shown,
            "rows": names,
            "edges": _edges(trace.step, starts, record.every),
            "choices": choices,
            "alarms": alarms(record),
        },
        notes=_notes(record, names, by, starts),
    )


def _rows(record: TrainingRecord) -> tuple[list[str], list[list[int]], str]:
    """Names, the places of the tensors in each row, and what a row is."""
    tensors = record.tensors
    if len(tensors) <= MOST_ROWS:
        found = [[place] for place in range(len(tensors))]
        return [escaped(t.name, LONGEST) for t in tensors], found, "tensor"
    layers: dict[str, list[int]] = {}
    for place, tensor in enumerate(tensors):
        layers.setdefault(tensor.layer or tensor.name, []).append(place)
    names = list(layers)
    told = _told(record)
    named = [
        place
        for place, name in enumerate(names)
        if name in told or told & {tensors[one].name for one in layers[name]}
    ][: MOST_ROWS // 2]
    kept = sorted({*named, *evenly(len(names), MOST_ROWS - len(named)).tolist()})
    return (
        [escaped(names[place], LONGEST) for place in kept],
        [layers[names[place]] for place in kept],
        "layer",
    )


def _told(record: TrainingRecord) -> set[object]:
    """Whatever the findings name."""
    findings = () if record.verdict is None else record.verdict.findings
    found: set[object] = set()
    for finding in findings:
        for value in finding.evidence.values():
            found |= set(value) if isinstance(value, list | tuple) else {str(value)}
    return found


def _lost(record: TrainingRecord, values: Matrix) -> Matrix:
    """The values, infinite where a tensor was lost: not a number is what was not measured."""
    found = np.array(values, dtype=np.float64)
    for place, facts in enumerate(record.facts):
        if facts.lost_at is not None:
            after = record.trace.step >= facts.lost_at
            found[after & ~np.isfinite(found[:, place]), place] = np.inf
    return found


def _grid(values: Matrix, groups: list[list[int]], starts: Steps, *, mean: bool) -> Matrix:
    """The largest of each row and column, or the mean; of what was not measured nothing counts."""
    if not len(starts):
        return np.zeros((len(groups), 0))
    known = ~np.isnan(values)
    joined, found = (np.add, np.where(known, values, 0.0)) if mean else (np.fmax, values)
    with np.errstate(all="ignore"):
        columns = joined.reduceat(found, starts, axis=0)
        counts = np.add.reduceat(known.astype(np.int64), starts, axis=0)
        rows = [joined.reduce(columns[:, group], axis=1) for group in groups]
        many = np.array([counts[:, group].sum(axis=1) for group in groups])
        return np.asarray(np.array(rows) / many if mean else np.array(rows))


def _whole(values: Matrix, groups: list[list[int]]) -> list[float]:
    """The median of each row over all its steps."""
    found = []
    for group in groups:
        known = values[:, group]
        known = known[np.isfinite(known)]
        found.append(float(np.median(known)) if len(known) else math.nan)
    return found


def _edges(step: Steps, starts: Steps, every: int) -> list[int]:
    """Where the columns begin, and where the last one ends."""
    if not len(starts):
        return [0, 1]
    stride = int(step[-1] - step[-2]) if len(step) > 1 else every
    return [*step[starts].tolist(), int(step[-1]) + max(1, stride)]


def _choice(
    of: Seen,
    grid: Matrix,
    middles: list[float],
    names: list[str],
    large: set[int],
    record: TrainingRecord,
) -> dict[str, Any]:
    known = grid[np.isfinite(grid)]
    if of == "turn":
        low, high = -1.0, 1.0
    else:
        above = known[known > 0]
        high = float(above.max()) if len(above) else 1.0
        if of == "update ratio":
            high = min(high, LONG_STEP)
        low = max(float(above.min()), high * 10.0**-DECADES) if len(above) else 0.1
        low = min(low, high / 10)
    title = _title(of, middles, names, large, record)
    each = [
        f"{name}: {number(middle, 3)}"
        for name, middle in zip(names, middles, strict=True)
        if math.isfinite(middle)
    ]
    return {
        "of": of,
        "label": LABELS[of],
        "scale": "linear" if of == "turn" else "log",
        "low": low,
        "high": high,
        "title": title,
        "text": f"{title} Medians: {'; '.join(each)}." if each else title,
        "values": curve(grid, 3),
    }


def _title(
    of: Seen,
    middles: list[float],
    names: list[str],
    large: set[int],
    record: TrainingRecord,
) -> str:
    known = [place for place, middle in enumerate(middles) if math.isfinite(middle)]
    matrices = [place for place in known if place in large]
    # Biases begin at zero, and single numbers turn to and fro: they would be named every time.
    told, of_which = (matrices, "Of the matrices ") if matrices else (known, "")
    lost = [facts.lost_at for facts in record.facts if facts.lost_at is not None]
    ended = ""
    if lost:
        many, are = count(len(lost), "tensor"), "is" if len(lost) == 1 else "are"
        ended = f" From step {count(min(lost))} on {many} {are} not finite."
    if not known:
        return f"The {NOUNS[of]} was not measured.{ended}"
    most = max(told, key=lambda place: middles[place])
    least = min(told, key=lambda place: middles[place])
    top, low = middles[most], middles[least]
    if top == 0 and of != "turn":
        what = "matrix" if matrices else "tensor"
        still = f"no {what} moves" if of == "update ratio" else f"the gradient of every {what} is 0"
        return f"In most steps {still}.{ended}"
    if top == low:
        each = names[most] if len(told) == 1 else f"every {'matrix' if matrices else 'tensor'}"
        amount = _of_its_length(top) if of == "update ratio" else number(top, 3)
        return f"The {NOUNS[of]} of {each} is {amount} (a median).{ended}"
    if of == "update ratio":
        said = f"{names[most]} moves most in a step, by {_of_its_length(top)}, and "
        said += f"{names[least]} least, by {percent(low)}"
    elif of == "gradient":
        said = f"{names[most]} has the longest gradient, {number(top, 3)}, and {names[least]} the "
        said += f"shortest, {number(low, 3)}"
    else:
        said = f"{names[most]} has the gradient that turns least from step to step, by a cosine of "
        said += f"{number(top, 2)}, and {names[least]} the one that turns most, {number(low, 2)}"
    return f"{of_which}{said} (medians).{ended}"


def _of_its_length(ratio: float) -> str:
    return f"{percent(ratio)} of its length" if ratio < 1 else f"{times(ratio)} its length"


def _notes(record: TrainingRecord, names: list[str], by: str, starts: Steps) -> tuple[str, ...]:
    found = []
    wide = np.diff(np.append(starts, len(record.trace)))
    if len(wide) and wide.max() > 1:
        stride = int(record.trace.step[1] - record.trace.step[0])
        steps = count(int(wide.max()) * stride, "step")
        found.append(
            f"A column is {'' if wide.min() == wide.max() else 'up to '}{steps}: their largest "
            "value, and of the cosine their mean."
        )
    if by == "layer":
        several = {tensor.layer or tensor.name for tensor in record.tensors}
        found.append(
            "A row is a layer: the largest value of its tensors, and of the cosine their mean."
        )
        if len(several) > len(names):
            found.append(
                f"Drawn are {count(len(names))} of {count(len(several), 'layer')}, evenly chosen "
                "and with those that the findings name."
            )
    found.append("Hatched: not measured. Blank: zero.")
    if any(facts.lost_at is not None for facts in record.facts):
        found.append("Orange: not a finite number.")
    return tuple(found)
