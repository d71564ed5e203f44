"""A learning rate for each weight: what is refused, the limit, the words, and the remedy.

Every number is run with a loop of NumPy's, in which each weight has its own rate.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.records.arrays import Vector
from steepest.show.terminal import Report, plain
from steepest.words.errors import SteepestError

SPEED = str(Path(__file__).parents[2] / "examples" / "speed.csv")
FORMULA = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
RATES = {"a": 1e-5, "b": 2e-3, "c": 0.3}
TIME, TARGET = np.loadtxt(SPEED, delimiter=",", skiprows=1).T
COLUMNS = np.stack([TIME**2, TIME, np.ones_like(TIME)], axis=1)
POINT = np.array(list(START.values()))


def losses(rates: Vector, steps: int) -> Vector:
    """Of the plain loop, at steps 0 to `steps`."""
    at, found = POINT, []
    for _ in range(steps + 1):
        residual = COLUMNS @ at - TARGET
        found.append(np.mean(residual**2))
        at = at - rates * (2 * COLUMNS.T @ residual / len(TARGET))
    return np.array(found)


def inverse() -> Any:
    """Rates in inverse proportion to the weights' own curvatures."""
    return 1 / np.mean(COLUMNS**2, axis=0)


@pytest.fixture(scope="module")
def own() -> Any:
    return steepest.fit(SPEED, FORMULA, start=START, lr=RATES, steps=10)


def test_the_path_and_the_document(own: Any) -> None:
    np.testing.assert_allclose(own.trace.loss, losses(np.array(list(RATES.values())), 10), 1e-12)
    document = own.to_dict()
    assert document["descent"]["rates"] == RATES
    assert document["descent"]["lr"] == 0.3
    goal = 1.01 * document["minimum"]["loss"]
    walked = losses(np.array(list(RATES.values())), 1000)
    assert document["forecast"]["steps"] == int(np.argmax(walked <= goal))


def test_the_limit_is_that_of_all_rates_together(own: Any) -> None:
    factor = own.measurements.stability_limit / 0.3
    rates = np.array(list(RATES.values()))
    below, above = losses(0.999 * factor * rates, 3000), losses(1.01 * factor * rates, 3000)
    assert below[-1] < below[0]
    assert above[-1] > 100 * above[0]
    assert f"{factor:.4g} times these learning rates" in " ".join(plain(Report(own.record)).split())


@pytest.mark.parametrize(
    ("share", "steps", "says"),
    [
        (0.01, 200, r"The learning rates are too small: (\S+) times as large they get within 1 % "),
        (3.0, 300, r"The learning rates are too large: from (\S+) times as large on every step "),
    ],
    ids=["small", "large"],
)
def test_the_words_are_true_when_it_is_done(share: float, steps: int, says: str) -> None:
    rates = {name: share * rate for name, rate in RATES.items()}
    found: Any = steepest.fit(SPEED, FORMULA, start=START, lr=rates, steps=steps, remedies=False)
    read = re.match(says, found.verdict.headline)
    assert read is not None, found.verdict.headline
    factor = float(read[1])
    named = np.array(list(rates.values()))
    if share > 1:
        assert losses(1.02 * factor * named, 3000)[-1] > losses(named, 0)[0]
        assert losses(0.98 * factor * named, 3000)[-1] < losses(named, 0)[0]
    else:
        counted = re.search(r"in ([\d,]+) steps", found.verdict.headline)
        assert counted is not None
        wanted = int(counted[1].replace(",", ""))
        walked = losses(factor * named, 2 * wanted)
        there = int(np.argmax(walked <= 1.01 * found.measurements.minimum.loss))
        assert there == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("lr", [1e-5, "auto"])
def test_a_rate_for_each_weight_is_the_remedy_for_scale(lr: Any) -> None:
    found: Any = steepest.fit(SPEED, FORMULA, start=START, lr=lr, steps=10)
    remedies = {remedy.change: remedy for remedy in found.remedies}
    scale, both = remedies["a rate per weight"], remedies["standardize"]
    assert scale.reached
    rates = np.array([float(one) for one in scale.options["lr"].values()])
    np.testing.assert_allclose(rates / inverse() / (rates / inverse())[0], 1, 1e-5)
    goal = 1.01 * found.measurements.minimum.loss
    walked = losses(rates, 2 * scale.measured_steps)
    assert int(np.argmax(walked <= goal)) == scale.measured_steps == scale.predicted_steps
    # Why scaling the columns is quicker: what correlation makes of the condition number.
    assert both.measured_steps < scale.measured_steps / 10
    left = np.linalg.cond(COLUMNS * np.sqrt(inverse())) ** 2
    assert f"to {left:.3g}, which is correlation's" in scale.sentence
    scaled = (TIME - TIME.mean()) / TIME.std()
    design = np.stack([scaled**2, scaled, np.ones_like(scaled)], axis=1)
    assert f"to {np.linalg.cond(design) ** 2:.3g}." in both.sentence
    assert scale.run.loss == scale.measured_loss
    typed = CliRunner().invoke(command, [*_words(scale.command), "--json", "--no-save"])
    assert typed.exit_code == 0
    assert json.loads(typed.stdout)["verdict"]["headline"].startswith("At the minimum")


def _words(line: str) -> list[str]:
    import shlex

    return shlex.split(line)[1:]


def test_where_the_scales_agree_it_is_not_tried() -> None:
    x = np.linspace(9, 11, 30)
    found = steepest.fit({"x": x, "y": 3 * x + 1 + np.sin(9 * x)}, "y ~ a*x/10 + b", lr=0.01)
    assert "a rate per weight" not in {remedy.change for remedy in found.remedies}


def test_adam_sees_to_scale_itself() -> None:
    found = steepest.fit(SPEED, FORMULA, start=START, optimizer="adam", lr=0.01, steps=10)
    assert "a rate per weight" not in {remedy.change for remedy in found.remedies}


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "not a weight": ({**RATES, "d": 1.0}, {}, "--lr names a weight that is not in the formula"),
    "missing": ({"a": 1e-5}, {}, "none to b and c"),
    "held": (RATES, {"fix": {"c": 1.0}}, "c is held by --fix"),
    "zero": ({**RATES, "c": 0.0}, {}, "must be a positive finite number"),
    "auto": ({**RATES, "c": "auto"}, {}, "must be a number"),
    "rescaled": (RATES, {"rescale": True}, "cannot be used together with --rescale"),
    "a solver": (RATES, {"optimizer": "lm"}, "chooses the length of its steps by itself"),
}


@pytest.mark.parametrize(("lr", "options", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(lr: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(SteepestError, match=says):
        steepest.fit(SPEED, FORMULA, lr=lr, remedies=False, **options)


def test_it_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    steepest.fit(SPEED, FORMULA, start=START, lr=RATES, steps=5, remedies=False, store=store)
    (summary,) = steepest.runs(store=store)
    kept = steepest.load(summary.id, store=store)
    assert kept.to_dict()["descent"]["rates"] == RATES
    on = steepest.fit(resume=summary.id, steps=10, store=store)
    np.testing.assert_allclose(on.trace.loss, losses(np.array(list(RATES.values())), 10), 1e-12)
