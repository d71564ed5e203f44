"""What `methods/` owns stands nowhere else, and everything that is chosen there is offered."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import steepest
from steepest.methods.losses import LOSS
from steepest.methods.names import Named, canonical
from steepest.methods.optimizers import OPTIMIZER
from steepest.methods.option import options_of
from steepest.methods.options import (
    SWEEP_OPTIONS,
    FitGiven,
    FitOptions,
    MinimizeGiven,
    SweepGiven,
    TrainGiven,
    TrainOptions,
)
from steepest.methods.schedules import SCHEDULE

ROOT = Path(__file__).parent.parent
PYTHON = sorted((ROOT / "src/steepest").rglob("*.py"))
TYPESCRIPT = sorted((ROOT / "frontend/src").rglob("*.ts"))

OWNED = {*OPTIMIZER, *LOSS, *SCHEDULE}
WORDS = {"momentum", "constant", "linear", "exponential", "cosine"}
"""Names that are also options, keys or scales: alone they say nothing of an optimizer or schedule.

Of these only what is compared with, and what stands in one collection with another name, counts.
"""

OWN_WORDS: dict[str, set[str]] = {
    "src/steepest/data/logs/columns.py": {"mse"},  # what columns are called
    "src/steepest/integrations/estimator_loss.py": {"huber"},  # scikit-learn's words
    "src/steepest/integrations/keras_torch.py": {"momentum", "nesterov"},  # attributes of Keras
    "src/steepest/integrations/sklearn.py": {"lbfgs"},
    "src/steepest/show/export/layout.py": {"mse"},  # a variable of the scripts
    "src/steepest/measure/refits.py": {"huber", "lm"},  # scipy's words
    "src/steepest/measure/solvers.py": {"lm"},  # scipy's word
    "src/steepest/watching/tensors.py": {"nesterov"},  # PyTorch's key
}


def _docstrings(tree: ast.AST) -> set[int]:
    """Texts that stand for themselves: docstrings, and those below attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _texts(nodes: list[ast.expr | None]) -> set[str]:
    return {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _literals(tree: ast.AST) -> Iterator[str]:
    """Names that `methods/` owns, where they are written as texts."""
    left_out = _docstrings(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str() as value) if id(node) not in left_out:
                if value in OWNED - WORDS:
                    yield value
            case ast.Compare(left, _, others):
                yield from _texts([left, *others]) & WORDS - {"linear"}  # a scale of an axis
            case ast.MatchValue(value):
                yield from _texts([value]) & WORDS
            case ast.Tuple(elements) | ast.List(elements) | ast.Set(elements):
                found = _texts([*elements])
                if len(found & OWNED) > 1:
                    yield from found & WORDS
            case ast.Dict(keys, _):
                found = _texts(keys)
                if len(found & OWNED) > 1:
                    yield from found & WORDS


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_that_methods_owns_stands_nowhere_else_in_python(path: Path) -> None:
    if path.parent.name == "methods":
        return
    allowed = OWN_WORDS.get(str(path.relative_to(ROOT)), set())
    assert {*_literals(ast.parse(path.read_text("utf-8")))} - allowed == set()


QUOTED = re.compile(r"""["'`]([a-z0-9-]+)["'`]|[{,]\s*([a-z]+):""")


@pytest.mark.parametrize("path", TYPESCRIPT, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_that_methods_owns_stands_nowhere_else_in_typescript(path: Path) -> None:
    if path.name == "methods.ts":
        return
    found = {one or other for one, other in QUOTED.findall(path.read_text("utf-8"))}
    assert found & (OWNED - WORDS) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('x == "gd"', {"gd"}),
        ('x == "momentum"', {"momentum"}),
        ('x in ("momentum", "nesterov")', {"momentum", "nesterov"}),
        ('given["momentum"]', set()),
        ('{"constant": 1, "rows": 2}', set()),
        ('"""gd"""', set()),
    ],
)
def test_the_rule_finds_what_it_is_for(text: str, found: set[str]) -> None:
    assert {*_literals(ast.parse(text))} == found


def test_no_synonym_means_two_things() -> None:
    for records in (OPTIMIZER, LOSS, SCHEDULE):
        words = [word for name, one in records.items() for word in (name, *one.synonyms)]
        assert len(words) == len({*words})
    for record in (FitOptions, TrainOptions):
        options = options_of(record)
        words = [word for name, one in options.items() for word in (name, *one.synonyms)]
        assert len(words) == len({*words})


@pytest.mark.parametrize(
    ("records", "word", "name"),
    [
        (OPTIMIZER, "sgd", "gd"),
        (OPTIMIZER, "Adam", "adam"),
        (LOSS, "l1", "mae"),
        (LOSS, "mad", "mae"),
        (LOSS, "l2", "mse"),
        (LOSS, "cross_entropy", "cross-entropy"),
        (LOSS, "l3", None),
    ],
)
def test_words_of_other_libraries(records: dict[str, Named], word: str, name: str | None) -> None:
    assert canonical(records, word) == name


def test_what_may_be_given_is_what_is_read() -> None:
    """The types beside the records name the same options, and each record's defaults fit them."""
    assert {*get_type_hints(FitGiven)} == {*options_of(FitOptions, "fit")}
    assert {*get_type_hints(MinimizeGiven)} == {*options_of(FitOptions, "minimize")}
    assert {*get_type_hints(SweepGiven)} == {*SWEEP_OPTIONS} - {"lr", "starts"}
    assert {*get_type_hints(TrainGiven)} == {*options_of(TrainOptions)} - {"network"}


@pytest.mark.parametrize(
    ("function", "record"),
    [(steepest.fit, FitOptions), (steepest.train, TrainOptions)],
    ids=["fit", "train"],
)
def test_a_signature_names_every_option_with_its_default(
    function: Callable[..., Any], record: type
) -> None:
    shown = inspect.signature(function).parameters
    told = inspect.getdoc(function) or ""
    for name, option in options_of(record).items():
        assert name in shown
        if name != "network":
            assert shown[name].default == option.default
            assert shown[name].annotation is not inspect.Parameter.empty
            assert f"{name}: {option.help}" in told


def test_options_by_the_words_of_other_libraries() -> None:
    run = steepest.minimize("x**2", start={"x": 1.0}, learning_rate=0.1, max_iter=3, remedies=False)  # type: ignore[call-arg]
    assert (run.record.settings.lr, run.record.settings.steps) == (0.1, 3)
    x = [1.0, 2.0, 3.0]
    swept = steepest.sweep({"x": x, "y": x}, "y ~ a*x", learning_rate=[0.01, 0.1], max_iter=7)  # type: ignore[call-arg]
    assert [rate.lr for rate in swept.rates] == [0.01, 0.1]
    assert swept.record.settings.steps == 7
    with pytest.raises(steepest.UsageError, match="given twice"):
        steepest.minimize("x**2", lr=0.1, eta=0.2)  # type: ignore[call-arg]
