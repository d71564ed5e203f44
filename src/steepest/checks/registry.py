"""Every check that is built: its code, its name, its functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from itertools import chain

from steepest.checks import (
    between,
    data,
    fitted,
    layers,
    learning_rate,
    log,
    loop,
    loss_graph,
    numbers,
    outputs,
    shape,
    still,
    training_rate,
)
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, Measurements
from steepest.words.errors import UsageError
from steepest.words.wording import escaped

_OfTraining = Callable[[TrainingRecord], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One rule with a code. Its functions yield its findings, and may yield none."""

    code: str
    name: str
    family: str
    function: Callable[[Measurements], Iterable[Finding]] | None
    """Of a descent; None: the rule is about trainings only."""
    of_training: _OfTraining | None
    """Of a training; None: the rule is about descents only."""
    summary: str


_RATE, _SHAPE, _DATA = "learning rate", "shape of the loss", "data"
_LAYERS, _BATCHES, _HELD_OUT = "layers and numbers", "batches", "held-out rows"


def _each(*functions: _OfTraining) -> _OfTraining:
    """What all of them find."""
    return lambda record: chain.from_iterable(function(record) for function in functions)


_ALL = (
    Check("SD101", "too-large", _RATE, learning_rate.too_large, training_rate.too_large,
          "The learning rate is too large."),
    Check("SD102", "too-small", _RATE, learning_rate.too_small, training_rate.too_small,
          "The learning rate is too small: a larger one is far quicker."),
    Check("SD103", "edge-of-stability", _RATE, learning_rate.at_the_edge,
          training_rate.at_the_edge,
          "At the edge of stability: the weights jump to and fro."),
    Check("SD104", "schedule", _RATE, None, between.schedule,
          "The learning rate falls to nothing too soon, or comes back."),
    Check("SD105", "spikes", _RATE, None, log.spikes,
          "The loss jumps far up and comes back."),
    Check("SD201", "ill-conditioned", _SHAPE, shape.ill_conditioned, log.steep_and_flat,
          "The curvature differs widely between directions of the weights."),
    Check("SD202", "not-identifiable", _SHAPE, shape.not_identifiable, None,
          "A combination of weights does not change the loss."),
    Check("SD203", "saddle-point", _SHAPE, shape.saddle, None,
          "The descent stopped at a saddle point or a maximum."),
    Check("SD204", "local-minimum", _SHAPE, shape.local_minimum, None,
          "The descent is in a local minimum, and a lower one is known."),
    Check("SD205", "false-plateau", _SHAPE, shape.looks_flat, log.far,
          "The loss looks flat, but the minimum is far."),
    Check("SD206", "at-the-minimum", _SHAPE, shape.at_minimum, None,
          "The descent is at the minimum."),
    Check("SD301", "rows-left-out", _DATA, data.left_out, None,
          "Rows with missing or non-finite values were left out."),
    Check("SD302", "column-without-information", _DATA, data.says_nothing, loop.says_nothing,
          "A column is constant, or the same as another."),
    Check("SD303", "few-rows-dominate", _DATA, data.few_rows, outputs.far_row,
          "A few rows make most of the gradient."),
    Check("SD304", "inputs-not-scaled", _DATA, data.not_scaled, loop.not_scaled,
          "The inputs are not scaled."),
    Check("SD305", "row-decides", _DATA, fitted.rows_decide, None,
          "A row that lies off what the others say decides the fit."),
    Check("SD306", "does-not-follow", _DATA, fitted.does_not_follow, None,
          "The model does not follow the data."),
    Check("SD307", "targets-out-of-reach", _DATA, still.far_start, outputs.out_of_reach,
          "The targets or the start are far from what the model can reach."),
    Check("SD308", "targets-outside-the-loss", _DATA, None, loss_graph.outside,
          "Targets are outside the loss's range, or there are none."),
    Check("SD309", "every-pair", _DATA, None, loss_graph.pairs,
          "Every prediction is compared with every target."),
    Check("SD310", "rows-mix", _DATA, None, loss_graph.mixed,
          "The output of a row depends on the other rows of its batch."),
    Check("SD401", "vanishing-gradient", _LAYERS, None, layers.vanishing,
          "The gradient vanishes before it reaches the first layers."),
    Check("SD402", "exploding-gradient", _LAYERS, None, layers.exploding,
          "The gradient is far too long, or grows on its way back."),
    Check("SD403", "dead-units", _LAYERS, None, layers.dead_units,
          "Most units of a layer give zero for every row."),
    Check("SD404", "step-size", _LAYERS, None, layers.step_sizes,
          "A step is too long or too short for the weights that it changes."),
    Check("SD405", "no-gradient", _LAYERS, None, layers.no_gradient,
          "A parameter that should learn never got a gradient."),
    Check("SD406", "not-finite", _LAYERS, numbers.not_finite,
          _each(layers.not_finite, loop.lost_validation, log.hidden),
          "A loss, gradient or weight is not a finite number."),
    Check("SD407", "gradients-not-reset", _LAYERS, None, loop.resets,
          "The gradients are not reset between steps, or reset too early."),
    Check("SD408", "never-moves", _LAYERS, None, layers.never_moves,
          "A parameter never moves."),
    Check("SD409", "zero-gradient", _LAYERS, still.zero,
          _each(loss_graph.zero, loss_graph.zero_in_part, log.zero_norm),
          "The gradient is exactly zero."),
    Check("SD410", "held-by-nobody", _LAYERS, None, loss_graph.held_by_nobody,
          "The loss depends on parameters that no optimizer has."),
    Check("SD411", "cut-graph", _LAYERS, None, loss_graph.cut,
          "The loss has no graph, or a term was cut out of it."),
    Check("SD412", "squashed-twice", _LAYERS, None,
          _each(loss_graph.squashed, loss_graph.ends_squashed),
          "The output is squashed twice, or along the wrong axis."),
    Check("SD413", "not-the-gradients-step", _LAYERS, None, between.not_the_gradients,
          "The steps are not the gradient's: clipped, scaled or reset."),
    Check("SD414", "wrong-mode", _LAYERS, None, between.modes,
          "The model learned in eval mode, or frozen layers move."),
    Check("SD415", "units-alike", _LAYERS, None, layers.alike,
          "The units of a layer are all alike."),
    Check("SD416", "too-small-for-its-type", _LAYERS, None, between.too_small_for_type,
          "Numbers are too small for their type."),
    Check("SD501", "noisy-batches", _BATCHES, learning_rate.hovers, loop.noise,
          "The noise of the batches is far longer than the gradient."),
    Check("SD502", "not-shuffled", _BATCHES, None, loop.not_shuffled,
          "The batches come in the same order in every epoch."),
    Check("SD601", "overfitting", _HELD_OUT, None, loop.overfitting,
          "The loss on held-out rows rises while the training loss falls."),
    Check("SD602", "nothing-carries-over", _HELD_OUT, None, loop.by_chance,
          "The loss on held-out rows never falls; the training loss does."),
    Check("SD603", "one-answer", _HELD_OUT, None, outputs.one_answer,
          "The answer is the same for every row."),
)  # fmt: skip

CHECKS = {check.code: check for check in _ALL}


def page(code: str) -> str:
    """Return the page about one check, as Markdown.

    Raises UsageError where there is no such check.
    """
    found = CHECKS.get(code.strip().upper())
    if found is None:
        raise UsageError(
            "There is no such check.",
            given=f'"{escaped(code)}"',
            instead=f"The checks are {', '.join(CHECKS)}.",
        )
    folder = resources.files("steepest.checks") / "pages"
    return (folder / f"{found.code}.md").read_text(encoding="utf-8")
