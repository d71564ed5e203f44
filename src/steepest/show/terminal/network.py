"""What is known beyond a watch of a network that was trained, in words for a terminal."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from steepest.methods.losses import MAE, RMSE
from steepest.methods.schedules import CONSTANT
from steepest.records.arrays import Vector
from steepest.records.training import Epoch, GradientExplained, Learned, TrainingRecord
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, escaped, number, origin, percent

MOST_EPOCHS: Final = 8
MOST_MISTAKES: Final = 5
MOST_PULLS: Final = 5
LONGEST_CLASS: Final = 16
"""Characters of a class's name that stand in a line with others."""
_SHADES: Final = " ░▒▓█"
_TALLEST: Final = 28
"""Pixels of a picture that is shown in the terminal."""


def show_data(page: Page, learned: Learned) -> None:
    """The rows, and how many of them were found."""
    held = f", {count(learned.held_out)} held out" if learned.held_out else ""
    left = f", {count(learned.left_out)} left out" if learned.left_out else ""
    scaled = "" if (learned.scale == 1).all() else ", standardized"
    what = f"{len(learned.classes):,} classes" if learned.classes is not None else learned.target
    page.say(
        f"{count(learned.rows, 'row')} of {origin(learned.source)} to learn from{held}{left}; "
        f"{count(len(learned.inputs), 'input')}{scaled}; {what} to be found",
        label=("Data", "bold"),
        indent=INDENT,
    )
    momentum = "" if learned.momentum is None else f" (momentum {number(learned.momentum)})"
    schedule = "" if learned.schedule == CONSTANT.name else f", schedule {learned.schedule}"
    page.say(
        f"{learned.optimizer}{momentum}, lr {number(learned.lr)}{schedule}, "
        f"batches of {count(learned.batch_rows, 'row')}",
        label=("Descent", "bold"),
        indent=INDENT,
    )
    if learned.lr_chosen != "given":
        page.say(f"{number(learned.lr)} is {learned.lr_chosen}.", indent=INDENT)


def show_result(page: Page, learned: Learned) -> None:
    """How well the network does, and why it stopped."""
    if learned.metrics:
        show_metrics(page, learned)
        page.say(learned.stopped_why, label=("Stopped", "bold"), indent=INDENT)


def show_metrics(page: Page, learned: Learned) -> None:
    """How well the network does, and on which rows."""
    where = "rows held out" if learned.held_out else "rows learned from"
    rows = learned.held_out or learned.rows
    metrics = learned.metrics
    parts = [f"loss {number(metrics['loss'], 4)}"]
    words_of = {RMSE.name: RMSE.name, MAE.name: "mean absolute error", "r_squared": "r²"}
    for name, words in words_of.items():
        if name in metrics and math.isfinite(metrics[name]):
            parts.append(f"{words} {number(metrics[name], 4)}")
    if "accuracy" in metrics:
        right = round(metrics["accuracy"] * rows)
        share = percent(metrics["accuracy"], 3)
        parts.insert(0, f"{share} right ({count(right)} of {count(rows)})")
    page.say(
        (", ".join(parts), "bold"), f" on the {where}", label=("Result", "bold"), indent=INDENT
    )
    if learned.best is not None and learned.epochs and learned.best < len(learned.epochs):
        last = learned.epochs[-1].validation_accuracy
        more = last is not None and last > metrics.get("accuracy", math.inf)
        page.say(
            f"with the weights of epoch {learned.best}, where the loss on them was lowest"
            + (f"; {percent(last or 0, 3)} with those of the last epoch" if more else ""),
            indent=INDENT,
        )


def show_epochs(page: Page, learned: Learned) -> None:
    """A row an epoch; of many only some, the best and the last always."""
    epochs = learned.epochs
    if not epochs:
        return
    page.heading("Epochs")
    classes, held = epochs[0].accuracy is not None, epochs[0].validation_loss is not None
    titles = ["epoch", "step", "loss", *(["right"] if classes else [])]
    titles += ["held out", *(["right"] if classes else [])] if held else []
    page.row(("".join(f"{title:>11}" for title in titles), "bold"))
    places = np.unique(np.linspace(0, len(epochs) - 1, MOST_EPOCHS).round().astype(int)).tolist()
    best = None if learned.best is None else learned.best - 1
    for place in sorted({*places, *([] if best is None else [best])}):
        cells = _cells(epochs[place], classes, held)
        page.row("".join(f"{cell:>11}" for cell in cells), "  best" if place == best else "")


def _cells(epoch: Epoch, classes: bool, held: bool) -> list[str]:
    def loss(value: float | None) -> str:
        return "none" if value is None else number(value, 4)

    def share(value: float | None) -> str:
        return "none" if value is None else percent(value, 3)

    cells = [count(epoch.number), count(epoch.step), loss(epoch.loss)]
    cells += [share(epoch.accuracy)] if classes else []
    if held:
        cells += [loss(epoch.validation_loss)]
        cells += [share(epoch.validation_accuracy)] if classes else []
    return cells


def show_confusion(page: Page, learned: Learned) -> None:
    """Which classes are taken for which; of many classes only the commonest mistakes."""
    table, classes = learned.confusion, learned.classes
    if table is None or classes is None:
        return
    names = [page.safe(name) for name in classes]
    if 16 + 6 * len(names) <= page.width and max(map(len, names)) <= 5:
        page.heading("Classes: down what they are, across what the network says")
        page.row((f"{'':7}" + "".join(f"{name:>6}" for name in names) + f"{'right':>9}", "bold"))
        for place, (name, row) in enumerate(zip(names, table, strict=True)):
            cells = "".join(f"{value if value else '.':>6}" for value in row.tolist())
            share = percent(row[place] / row.sum()) if row.sum() else "none"
            page.row((f"{name:>6} ", "bold"), f"{cells}{share:>9}")
        return
    off = table - np.diag(np.diag(table))
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_MISTAKES]
    pairs = [divmod(int(place), len(names)) for place in order if off.flat[place]]
    if pairs:
        page.heading("Classes that are mistaken most")
        for own, other in pairs:
            many = count(int(table[own, other]), "row")
            taken = f"{many} of {escaped(classes[own])} taken for {escaped(classes[other])}"
            page.say(taken, indent=2)


def show_gradient(page: Page, record: TrainingRecord) -> None:
    """The gradient as a tree of tensors, and the rows that pull hardest."""
    learned = record.learned
    found = None if learned is None else learned.explained
    if learned is None or found is None:
        return
    page.heading(f"The gradient at step {count(found.step)}")
    weights = sum(tensor.size for tensor in record.tensors)
    page.say(
        f"It has {count(weights, 'partial derivative')}, one for each weight, in tensors of the "
        f"same shapes as the weights. The loss is that of the next batch, "
        f"{number(found.loss, 4)} on {count(found.rows, 'row')}. How long the tensors are:"
    )
    page.blank()
    page.row((f"{'':8}{'shape':>12}{'weights':>11}{'gradient':>11}{'step':>11}", "bold"))
    for part in found.tensors:
        shape = " x ".join(str(size) for size in part.shape)
        page.row(
            (f"{part.name:<8}", "bold"),
            f"{shape:>12}{number(part.weight, 4):>11}{number(part.gradient, 4):>11}"
            f"{number(part.update, 4):>11}",
        )
    _pulls(page, learned, found)


def _pulls(page: Page, learned: Learned, found: GradientExplained) -> None:
    if not found.pulls:
        return
    page.blank()
    length = math.sqrt(sum(part.gradient**2 for part in found.tensors))
    if not length > 0:
        page.say("No row of it pulls at any weight.")
        return
    against = any(pull.pull < 0 for pull in found.pulls[:MOST_PULLS])
    page.say(
        "The rows that pull hardest, by their share of the gradient's length"
        f"{' (below zero: against it)' if against else ''}:"
    )
    for pull in found.pulls[:MOST_PULLS]:
        share = pull.pull / (found.rows * length)
        says = _called(learned, pull.output)
        page.row(
            f"  row {count(pull.row):>7}  {percent(share):>7}  loss {number(pull.loss, 4):>9}  "
            f"is {_called(learned, pull.target)}, the network says {says}"
        )


def _called(learned: Learned, value: float) -> str:
    if learned.classes is None:
        return number(value, 4)
    return escaped(learned.classes[int(value)], LONGEST_CLASS)


def show_picture(page: Page, learned: Learned) -> None:
    """The row that pulls hardest and what it asks of the first layer, drawn with letters."""
    found, shape = learned.explained, learned.picture
    if found is None or shape is None or learned.channels != 1 or page.ascii_only:
        return
    cells = 2 if 3 * (2 * shape[1] + 3) <= page.width else 1
    if (
        not found.pulls
        or not np.any(found.unit_gradients)
        or max(shape) > _TALLEST
        or 3 * (cells * shape[1] + 3) > page.width
    ):
        return
    page.blank()
    page.say(
        f"The row that pulls hardest; the weights of unit {found.units[0] + 1} of the first layer, "
        "which has the longest gradient; and minus that gradient, which is what this batch asks "
        "the unit to see more of (the fuller, the larger):"
    )
    page.blank()
    pictures = found.pictures[0], found.unit_weights[0], -found.unit_gradients[0]
    for lines in zip(*(_drawn(values, shape, cells) for values in pictures), strict=True):
        page.row("  " + "   ".join(lines))


def _drawn(values: Vector, shape: tuple[int, int], cells: int) -> list[str]:
    low, high = float(values.min()), float(values.max())
    shares = (values.reshape(shape) - low) / (high - low) if high > low else np.zeros(shape)
    places = np.minimum((shares * len(_SHADES)).astype(int), len(_SHADES) - 1)
    return ["".join(cells * _SHADES[place] for place in row) for row in places]
