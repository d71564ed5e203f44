"""Exported scripts are run, and every step is that of the run: an engine of its own as oracle."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import specimens
from tests.scripts import EXPORTS, check_names, check_path, descent, printed, settings_kept

import steepest
from steepest.formula.functions import CANONICAL_FUNCTIONS
from steepest.formula.nodes import Call, walk
from steepest.formula.parse import parse_model
from steepest.methods.losses import LOSSES
from steepest.methods.optimizers import OPTIMIZERS
from steepest.run.exporting import source_of
from steepest.show.export import Inline, to_parts
from steepest.words.errors import UsageError

DRAW = np.random.default_rng(5)
ROWS = 14
X = DRAW.uniform(0.2, 1.6, ROWS)
Z = DRAW.uniform(-0.9, 0.9, ROWS)
DATA = {
    "x": X,
    "z": Z,
    "y": 0.6 * X - 0.4 * Z + 0.3 + DRAW.normal(0, 0.2, ROWS),
    "share": DRAW.uniform(0.05, 0.95, ROWS),
    "error": DRAW.uniform(0.5, 2, ROWS),
}
START = {"a": 0.7, "b": -0.45, "c": 0.3}
LINE = "y ~ a*x + b*z + c"
CURVE = "y ~ a*exp(-b*x) + c*tanh(z)"

FORMULAS = {
    "exponentials": "y ~ a*exp(-b*x) + log(2 + c**2)*expm1(0.1*x) - log1p(a**2)",
    "logarithms": "y ~ a*log2(1 + x) + b*log10(2 + x**2) + log(3)*c",
    "powers": "y ~ a*x**2 + b*x**-1.5 + 2**(c*x) - (a*x)**2/3 + -b**2",
    "roots": "y ~ sqrt(a**2 + x)*sign(z) + b*abs(z) + c*abs(a - x)",
    "trigonometry": "y ~ a*sin(2*pi*x + b) + cos(c*x) + tan(0.3*z*b)/2",
    "arcs": "y ~ a*arcsin(z) - arccos(b*z)/4 + arctan(c*x) + arctan2(a, x) + arctan2(z, 2)",
    "hyperbolic": "y ~ a*sinh(z) + b*cosh(z) - tanh(c*x + e)",
    "networks": "y ~ a*sigmoid(b*x) + softplus(c*z) - 0.2*relu(x - 0.5)*c + a*erf(z/2)",
    "steep softplus": "y ~ a*softplus(30*c*x) + b",
    "pieces": "y ~ minimum(a*x, 0.5) + maximum(b, z) + maximum(1 - x, 0)*c",
    "conditions": "y ~ where(0.5 < x <= 1.2 and not z > 0.3 or x == 7, a, b*x) + c",
    "branches without a value elsewhere": "y ~ where(z > 0.1, a*sqrt(z - 0.1), b/(x - 0.5)**2) + "
    "where(x > 1 and z > 0, c*log(x - 1), where(x > 0.7, arctan2(z, b)*x**-c, b))",
    "arguments that no weight moves": "y ~ sqrt(c*relu(x - 0.7)) + "
    "where(z > 0, (relu(x - 1)/c)**0.6, arctan2(a*relu(z), b*relu(z)))",
    "a threshold": "y ~ where(x > c, a*x, b)",
    "constants": "y ~ where(1 < 2, a, b)*(1/3) + (2*pi - 6)*b + 2**53*0*c + 2**0.5*x",
    "numbers as branches": "y ~ a*where(z > 0, 2, 3)**-1 + b",
    "no column": "y ~ a - c*b",
    "long": " + ".join(["y ~ a*x", *(f"b*sin({k}*x)*cos({k}*z)" for k in range(1, 9)), "c"]),
}


def test_every_function_is_in_a_case() -> None:
    models = [parse_model(text, tuple(DATA)).model for text in FORMULAS.values()]
    used = {node.function for model in models for node in walk(model) if isinstance(node, Call)}
    assert used == set(CANONICAL_FUNCTIONS)


def check(formula: str, data: Any, *, atol: float = 0.0, **options: Any) -> str:
    """Export to both, run both, and return the script of PyTorch."""
    found = descent(formula, data, **options)
    for library in EXPORTS:
        script = found.script(library)
        check_names(script, found.formula)
        check_path(printed(script), found.trace, atol=atol)
    return found.script("pytorch")


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_formulas(formula: str) -> None:
    start = {name: value for name, value in START.items() if name in formula}
    check(formula, DATA, start=start, lr=0.02)


PARTED: dict[str, dict[str, Any]] = {
    "plain": {},
    "rmse": {"loss": "rmse", "optimizer": "momentum"},
    "batches": {"batch_size": 5},
    "units": {"rescale": True, "lr": 0.3},
    "bounds": {"bounds": {"a": (0.65, 0.72)}, "optimizer": "adam"},
}


@pytest.mark.parametrize("options", PARTED.values(), ids=PARTED)
def test_the_lines_of_the_parts_run_one_after_the_other(options: dict[str, Any]) -> None:
    found = descent(LINE, DATA, start=START, **options)
    source = source_of(found.setup, found.options, None, None)
    parts = to_parts(found.record, found.formula, source)
    names: dict[str, Any] = {"print": lambda *_: None}
    walked: dict[str, Any] = {}
    del parts["length"], parts["reset"]  # of a gradient that is not reset yet
    with settings_kept():
        for part, lines in parts.items():
            exec(compile("\n".join(lines), part, "exec"), names)
            if part != "data":
                moved = names["unit"] * names["counts"] if "unit" in names else names["weights"]
                walked[part] = moved.detach().clone()
    for part, step in (("initialize", 0), ("step", 1), ("repeat", -1)):
        np.testing.assert_allclose(walked[part], found.trace.weights[step], rtol=1e-9)
    assert names["loss"].item() == pytest.approx(found.trace.loss[-1], rel=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer: str) -> None:
    check(CURVE, DATA, start=START, optimizer=optimizer, steps=40)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "options", [{}, {"bounds": {"a": (0.6, 0.72)}, "batch_size": 5}], ids=["", "bounded batches"]
)
def test_a_rate_for_each_weight(optimizer: str, options: dict[str, Any]) -> None:
    rates = {"a": 0.05, "b": 0.002, "c": 0.01}
    script = check(CURVE, DATA, start=START, optimizer=optimizer, lr=rates, **options)
    assert '"params": [one], "lr": lr' in script


def test_momentum_is_the_run_s() -> None:
    script = check(LINE, DATA, start=START, optimizer="momentum", momentum=0.5)
    assert "momentum=0.5" in script


LOSS_CASES = {
    **{name: (name, "y*4 ~ a*x + b*z + c") for name in LOSSES if name != "cross-entropy"},
    "cross-entropy of logits": ("cross-entropy", "share ~ a*x + b*z + c"),
    "cross-entropy of sigmoids": ("cross-entropy", "share ~ sigmoid(a*x + b*z + c)"),
}


@pytest.mark.parametrize(("loss", "formula"), LOSS_CASES.values(), ids=LOSS_CASES)
def test_losses(loss: str, formula: str) -> None:
    check(formula, DATA, start=START, loss=loss)


def test_probabilities_that_no_sigmoid_makes() -> None:
    formula = "share ~ 0.5 + arctan(a*x + b*z + c)/pi"
    check(formula, DATA, start=START, loss="cross-entropy", gives="probability")


@pytest.mark.parametrize("library", EXPORTS)
def test_a_sigmoid_that_rounds_to_1_costs_what_its_logit_says(library: str) -> None:
    """The logits are 800, -800 and 400, the first two of them of the other class."""
    data = {"x": np.array([1.0, -1.0, 0.5]), "hit": np.array([0.0, 1.0, 1.0])}
    found = descent(
        "hit ~ sigmoid(a*x)", data, start={"a": 800.0}, lr=3.0, steps=2, loss="cross-entropy"
    )
    # Their slopes by a are 1/3 each, to the last digit.
    assert printed(found.script(library))[1:] == [
        (step, pytest.approx(2 * weight / 3, rel=1e-15), pytest.approx(weight, rel=1e-15))
        for step, weight in enumerate((800.0, 798.0, 796.0))
    ]


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_rows_that_count_differently(loss: str) -> None:
    check(LINE, DATA, start=START, loss=loss, sigma="error")


PERFECT = {"x": np.array([0.0, 1.0, 2.0]), "y": np.array([0.0, 2.0, 4.0])}


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "cross-entropy"])
def test_a_perfect_fit_stays(loss: str) -> None:
    check("y ~ a*x", PERFECT, start={"a": 2.0}, loss=loss, steps=3)


SETTINGS: dict[str, dict[str, Any]] = {
    "standardized": {"standardize": True},
    "rescaled adamw": {"rescale": True, "optimizer": "adamw"},
    "rescaled with bounds": {"rescale": True, "bounds": {"a": (0.65, 0.75), "b": (-0.5, np.inf)}},
    "fixed": {"fix": {"c": 0.3}, "start": {"a": 0.7, "b": -0.45}},
    "bounds": {"bounds": {"a": (0.6, 0.72), "c": (-np.inf, 0.31)}},
    "bounds with momentum": {"bounds": {"a": (0.6, 0.72)}, "optimizer": "nesterov"},
    "held out": {"validation": 0.3, "seed": 4},
    "a condition": {"where": "x > 0.4 and z < 0.8"},
    "drawn start": {"start": {"b": 0.1}, "seed": 9},
    "batches": {"batch_size": 5, "seed": 3},
    "batches of all rows": {"batch_size": 14},
    "batches, standardized, adam": {
        "batch_size": 4,
        "standardize": True,
        "optimizer": "adam",
        "sigma": "error",
    },
    "batches, rescaled, bounded": {"batch_size": 7, "rescale": True, "bounds": {"a": (0.6, 0.72)}},
    "no step": {"steps": 0},
    "a rate each, standardized": {"standardize": True, "lr": {"a": 0.1, "b": 0.02, "c": 0.3}},
    "a rate each, no slope": {"lr": {"a": 0.1, "b": 0.02, "c": 0.3}, "steps": 2, "fix": {}},
}


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
def test_settings(options: dict[str, Any]) -> None:
    check(LINE, DATA, **{"start": START, **options})


def test_a_held_weight_within_functions() -> None:
    check(
        "y ~ a*exp(c)*x + where(not c > x, b, minimum(c, b))",
        DATA,
        start={"a": 0.7, "b": -0.45},
        fix={"c": -0.3},
    )


def test_a_target_that_is_computed() -> None:
    script = check("log(share) ~ a*x + b", DATA, start={"a": 0.1, "b": 0.2}, batch_size=4)
    assert 'target = torch.log(data["share"])' in script


def test_one_weight() -> None:
    check("y ~ a*x", DATA, start={"a": 0.1})


def test_an_expression() -> None:
    script = check("(1 - x)**2 + 5*(y - x**2)**2", None, start={"x": -0.5, "y": 0.7}, lr=0.01)
    assert "data" not in script


def test_an_expression_without_a_slope() -> None:
    check("where(x > 1, 3, 2)", None, start={"x": 0.5}, steps=3, optimizer="adamw")


def test_a_descent_that_diverges() -> None:
    found = descent(LINE, DATA, start=START, lr=5.0, steps=200)
    assert found.record.descent.stopped == "diverged"
    for library in EXPORTS:
        # Rounding grows with everything else.
        rows = np.array([row[:2] for row in printed(found.script(library))[1:]], dtype=float)
        assert rows[:, 0].tolist() == found.trace.step.tolist()
        np.testing.assert_allclose(rows[:, 1], found.trace.loss, rtol=1e-6)


def test_a_long_run_prints_every_so_often() -> None:
    found = descent("(x - 1)**2", None, start={"x": 3}, lr=0.001, steps=2500)
    for library in EXPORTS:
        steps = [row[0] for row in printed(found.script(library))[1:]]
        assert steps == [*range(0, 2500, 3), 2500]


@pytest.mark.parametrize("solver", ["lm", "lbfgs"])
def test_a_solver_has_no_script(solver: str) -> None:
    run = steepest.fit(DATA, LINE, optimizer=solver, remedies=False)
    with pytest.raises(UsageError, match=f"The solver {solver} chooses its steps by itself"):
        run.to_pytorch()
    with pytest.raises(UsageError, match="Export a run of gd"):
        run.to_jax()


def run_alone(script: str, folder: Path) -> list[tuple[Any, ...]]:
    """What a script prints where nothing of Steepest is loaded."""
    path = folder / "script.py"
    path.write_text(script, "utf-8")
    answer = subprocess.run(
        [sys.executable, "-W", "error", path.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    head, *lines = answer.stdout.splitlines()
    return [tuple(head.split()), *(tuple(map(float, line.split())) for line in lines)]


@pytest.mark.parametrize("library", EXPORTS)
def test_the_tutorial_by_itself(library: str, tmp_path: Path) -> None:
    record = specimens.tutorial()
    formula = parse_model(specimens.FORMULA, ("time", "speed"))
    rows = Inline({"time": specimens.TIME, "speed": specimens.SPEEDS})
    script = EXPORTS[library](record, formula, rows)
    assert "steepest" not in script
    check_path(run_alone(script, tmp_path), record.trace)
