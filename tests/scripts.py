"""Runs exported scripts: what they print, and that they use no name but their own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import torch
from tests import specimens

from steepest.descent import Descended
from steepest.descent.run import descend
from steepest.formula.nodes import Formula
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit, prepare_minimize
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.descent import Trace
from steepest.records.run import RunRecord
from steepest.run.exporting import source_of
from steepest.show.export import to_jax, to_pytorch
from steepest.show.export.layout import OWN_NAMES, identifiers

EXPORTS = {"pytorch": to_pytorch, "jax": to_jax}


@dataclass(frozen=True)
class Descent:
    """A descent without its judgement, which an export does not need."""

    record: RunRecord
    setup: Setup
    options: Options
    trace: Trace

    @property
    def formula(self) -> Formula:
        return self.setup.formula

    def script(self, library: str) -> str:
        source = source_of(self.setup, self.options, None, None)
        return EXPORTS[library](self.record, self.formula, source)


def descent(formula: str, data: Mapping[str, Vector] | None = None, **options: Any) -> Descent:
    """Descend as `steepest.fit` does; without data as `steepest.minimize` does."""
    asked = Options(**{"steps": 25, "lr": 0.05, **options})
    setup = prepare_minimize(formula, asked) if data is None else prepare_fit(data, formula, asked)
    settings = asked.settings()
    walked: Descended = descend(
        setup.moving, settings, setup.start, scale=setup.scale, held_out=setup.held_out
    )
    record = replace(
        specimens.tutorial(),
        problem=setup.problem,
        settings=settings,
        start=setup.objective.named(setup.start),
        descent=walked.descent,
        trace=walked.trace,
        call=asked.given(),
    )
    return Descent(record, setup, asked, walked.trace)


@contextmanager
def settings_kept() -> Iterator[None]:
    """What a script sets for its whole process is set back."""
    kind, wide = torch.get_default_dtype(), jax.config.values["jax_enable_x64"]
    try:
        yield
    finally:
        torch.set_default_dtype(kind)
        jax.config.update("jax_enable_x64", wide)


def printed(script: str) -> list[tuple[Any, ...]]:
    """The rows that a script prints, run in this process."""
    lines: list[tuple[Any, ...]] = []
    with settings_kept():
        code = compile(script, "script.py", "exec")
        exec(code, {"print": lambda *values: lines.append(values), "__name__": "script"})
    return lines


def check_path(found: list[tuple[Any, ...]], trace: Trace, *, atol: float = 0.0) -> None:
    """Every step that was printed is that of the trace, to 1e-9."""
    head, *rows = found
    assert head == ("step", "loss", *trace.names)
    assert [row[0] for row in rows] == trace.step.tolist()
    numbers = np.array([row[1:] for row in rows])
    np.testing.assert_allclose(numbers[:, 0], trace.loss, rtol=1e-9, atol=atol)
    np.testing.assert_allclose(numbers[:, 1:], trace.weights, rtol=1e-9, atol=atol)


def check_names(script: str, formula: Formula) -> None:
    """A script uses its own names, those of the weights, and Python's."""
    tree = ast.parse(script)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    used -= {"_", "x"}  # the argument of a function of one line, and what nobody reads
    weights = set(identifiers(formula.weights).values())
    pythons = set(dir(builtins)) - {"_"}  # which an interactive session sets, and a doctest
    assert used - weights - pythons <= OWN_NAMES
    assert weights & (OWN_NAMES | pythons) == set()
