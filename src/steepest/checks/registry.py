"""Every check that is built: its code, its name, its function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources

from steepest.checks import data, learning_rate, numbers, shape
from steepest.errors import UsageError
from steepest.records import Finding, Measurements
from steepest.wording import escaped


@dataclass(frozen=True)
class Check:
    """One rule with a code. `function` yields its findings, and may yield none."""

    code: str
    name: str
    family: str
    function: Callable[[Measurements], Iterable[Finding]]
    summary: str


_RATE, _SHAPE, _DATA, _NUMBERS = "learning rate", "shape of the loss", "data", "numbers"

_ALL = (
    Check("SD101", "too-large", _RATE, learning_rate.too_large,
          "The learning rate is too large: the descent diverges."),
    Check("SD102", "too-small", _RATE, learning_rate.too_small,
          "The learning rate is too small: a larger one needs a tenth of the steps."),
    Check("SD103", "edge-of-stability", _RATE, learning_rate.at_the_edge,
          "The learning rate is at the edge of stability: the weights jump to and fro."),
    Check("SD201", "ill-conditioned", _SHAPE, shape.ill_conditioned,
          "The weights need different learning rates."),
    Check("SD202", "not-identifiable", _SHAPE, shape.not_identifiable,
          "A combination of weights does not change the loss."),
    Check("SD203", "saddle-point", _SHAPE, shape.saddle,
          "The descent stopped at a saddle point."),
    Check("SD204", "local-minimum", _SHAPE, shape.local_minimum,
          "The descent is in a local minimum, and a lower one is known."),
    Check("SD205", "false-plateau", _SHAPE, shape.looks_flat,
          "The loss looks flat, but the minimum is far."),
    Check("SD206", "at-the-minimum", _SHAPE, shape.at_minimum,
          "The descent is at the minimum."),
    Check("SD301", "rows-left-out", _DATA, data.left_out,
          "Rows with missing or non-finite values were left out."),
    Check("SD302", "column-without-information", _DATA, data.says_nothing,
          "A column is constant, or the same as another."),
    Check("SD303", "few-rows-dominate", _DATA, data.few_rows,
          "A few rows make most of the gradient."),
    Check("SD304", "inputs-not-scaled", _DATA, data.not_scaled,
          "The inputs are not scaled."),
    Check("SD406", "not-finite", _NUMBERS, numbers.not_finite,
          "A loss, gradient or weight is not a finite number, and where that began."),
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
