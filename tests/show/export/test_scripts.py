"""How exported scripts read, and that nothing from outside gets into them as code."""

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import specimens
from tests.scripts import EXPORTS, check_names, check_path, descent, printed

from steepest.formula.names import quoted
from steepest.formula.parse import parse_condition, parse_model
from steepest.show.export import CsvFile, Inline
from steepest.show.export.layout import identifiers, text

RUFF = Path(sys.executable).with_name("ruff")


ROWS = Inline({"time": specimens.TIME, "speed": specimens.SPEEDS})


def tutorial(library: str) -> str:
    formula = parse_model(specimens.FORMULA, ("time", "speed"))
    return EXPORTS[library](specimens.tutorial(), formula, ROWS)


def without_data(script: str) -> list[str]:
    before, _, rest = script.partition("# fmt: off\n")
    return (before + rest.partition("# fmt: on\n")[2]).splitlines()


@pytest.mark.parametrize("library", EXPORTS)
def test_the_tutorial_is_short(library: str) -> None:
    assert len(without_data(tutorial(library))) <= 30


def test_the_tutorial_reads_as_in_the_course() -> None:
    script = "\n".join(without_data(tutorial("pytorch")))
    places = [
        script.index(part)
        for part in (
            ".requires_grad_()",
            'prediction = a * data["time"] ** 2 + b * data["time"] + c',
            'loss = ((prediction - data["speed"]) ** 2).mean()',
            "loss.backward()",
            "with torch.no_grad():\n        weights -= lr * weights.grad",
            "weights.grad.zero_()",
        )
    ]
    assert places == sorted(places)


def check_layout(script: str) -> None:
    answer = subprocess.run(
        [RUFF, "format", "--isolated", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout == script


LAID_OUT = {
    "plain": {},
    "adam": {"optimizer": "adam"},
    "bounded": {"bounds": {"a": (0.0, 1.0)}, "optimizer": "momentum"},
    "scaled": {"standardize": True, "loss": "huber"},
    "rescaled": {"rescale": True, "loss": "rmse"},
    "batches": {"batch_size": 3},
    "mae": {"loss": "mae"},
    "held": {"fix": {"b": 2.0}},
}
SMALL = {"x": np.array([0.1, 0.9, 1.7, 2.3]), "y": np.array([-1.0, 0.5, 0.25, 3.0])}


@pytest.mark.parametrize("options", LAID_OUT.values(), ids=LAID_OUT)
def test_a_formatter_changes_nothing(options: dict[str, object]) -> None:
    # With rows of batches as long as a line may be: a formatter breaks what is longer.
    power = "y ~ x**a*2**-b - a**2"
    formula = "y ~ a*x + b" if "standardize" in options else power
    found = descent(formula, SMALL, **{"steps": 2, **options})
    for library in EXPORTS:
        check_layout(found.script(library))


@pytest.mark.parametrize("more", [(), ("a column",), tuple(map(str, range(40)))], ids=len)
def test_a_formatter_leaves_a_script_that_reads_a_file_alone(more: tuple[str, ...]) -> None:
    rows = CsvFile(
        "speed.csv",
        delimiter=";",
        columns=("time", "speed", *more),
        gaps=True,
        where=parse_condition("time > 3 or not speed < 2", ("time", "speed")),
        held_out=4,
    )
    formula = parse_model(specimens.FORMULA, ("time", "speed"))
    for to_library in EXPORTS.values():
        check_layout(to_library(specimens.tutorial(), formula, rows))


def test_a_name_in_the_data_is_never_code(tmp_path: Path) -> None:
    bad = [
        'a"b',
        "it's",
        "both ' and \"",
        '"""',
        "line\nbreak",
        "carriage\rreturn",
        "coding: utf-7",
        "]); import os; os.abort() #",
        "import os",
        "température",
        "\u202eright to left",
        "back\\slash",
        "\u2028",
        "{x}",
        "%s",
        "class",
        "torch",
    ]
    rows = 6
    draw = np.random.default_rng(1)
    values = [draw.normal(size=rows) for _ in bad]
    target = draw.normal(size=rows)
    weights = [f"w{i}" for i in range(len(bad))]

    def script(names: list[str], library: str) -> str:
        model = " + ".join(f"{w}*{quoted(n)}" for w, n in zip(weights, names, strict=True))
        data = {**dict(zip(names, values, strict=True)), "y": target}
        found = descent(f"y ~ {model}", data, steps=3, lr=0.01, standardize=False)
        made = found.script(library)
        check_path(printed(made), found.trace)
        check_names(made, found.formula)
        return made

    for library in EXPORTS:
        hostile = script(bad, library)
        harmless = script([f"c{i}" for i in range(len(bad))], library)
        kinds = [Counter(type(n) for n in ast.walk(ast.parse(s))) for s in (hostile, harmless)]
        assert kinds[0] == kinds[1]
        assert all(c.isprintable() or c == "\n" for c in hostile)
        # As a file, whose first lines could name an encoding.
        path = tmp_path / f"{library}.py"
        path.write_text(hostile, "utf-8")
        assert ast.dump(ast.parse(path.read_bytes())) == ast.dump(ast.parse(hostile))


@pytest.mark.parametrize(
    "names",
    [
        ("torch", "data", "weights"),
        ("step", "loss", "lr"),
        ("print", "range", "zip"),
        ("jnp", "jax", "gradient"),
        ("optimizer", "state", "updates"),
        ("rows", "batches", "np"),
        ("__name__", "__debug__", "_"),
        ("β", "größe", "ﬁ"),
        ("data_", "data", "data__"),
        ("table", "len", "target"),
    ],
    ids=", ".join,
)
def test_weights_may_be_called_anything(names: tuple[str, str, str]) -> None:
    a, b, c = names
    formula = parse_model(f"speed ~ {a}*time**2 + {b}*time + {c}", ("time", "speed"))
    tutorial = specimens.tutorial()
    names = formula.weights[0], formula.weights[1], formula.weights[2]
    record = replace(
        tutorial,
        problem=replace(tutorial.problem, weights=names),
        start=dict(zip(names, tutorial.start.values(), strict=True)),
        trace=replace(tutorial.trace, names=names),
    )
    for to_library in EXPORTS.values():
        script = to_library(record, formula, ROWS)
        check_names(script, formula)
        check_path(printed(script), record.trace)


def test_identifiers_are_safe_and_apart() -> None:
    names = ["lambda", "None", "import", "a b", "a-b", "1x", "", "__builtins__", "x", "ｘ", "\n"]
    found = identifiers(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    for safe in found.values():
        tree = ast.parse(f"{safe} = 1")
        assert isinstance(tree.body[0], ast.Assign)
        assert not safe.startswith("__")
    assert found["x"] == "x"


@pytest.mark.parametrize("value", ["x", "it's", 'say "x"', "'\"", "\\", "\n", "\ud800", "é", "\0"])
def test_text_comes_back(value: str) -> None:
    assert ast.literal_eval(text(value)) == value
    assert text(value).isprintable()
