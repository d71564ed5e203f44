"""The case that the project exists for: the quadratic that every course fits.

The oracles are the figures printed in the published tutorial, numpy on the same 20 rows, and
counts made by running. None of them is this code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as cli

CSV = str(Path(__file__).parent.parent / "examples" / "speed.csv")
FORMULA = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
START_TEXT = "a=0.0121,b=-0.6397,c=0.6416"

PUBLISHED_LOSSES = (
    679.2726,
    358.8021,
    298.1575,
    286.6799,
    284.5061,
    284.0929,
    284.0128,
    283.9958,
    283.9907,
    283.9879,
    283.9855,
)


def command(*words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON document of a command."""
    done = CliRunner().invoke(cli, [*words, "--json", "--no-save"])
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture(scope="module")
def tutorial() -> dict[str, Any]:
    """Ten steps from the published start, as the tutorial does them."""
    words = ("--start", START_TEXT, "--lr", "1e-5", "--steps", "10")
    code, document = command("fit", CSV, FORMULA, *words)
    assert code == 0
    return document


@pytest.fixture(scope="module")
def beginning() -> steepest.Run:
    """The same, explained at step 0."""
    return steepest.fit(CSV, FORMULA, start=START, lr=1e-5, steps=10, at=0, remedies=False)


def codes(document: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in document["verdict"]["findings"]}


def test_every_published_loss(tutorial: dict[str, Any]) -> None:
    assert tutorial["trace"]["step"] == list(range(11))
    assert tutorial["trace"]["loss"] == pytest.approx(PUBLISHED_LOSSES, abs=1e-4)


def test_the_published_gradient(tutorial: dict[str, Any]) -> None:
    gradient = [tutorial["trace"]["gradient"][name][0] for name in "abc"]
    assert gradient == pytest.approx((-6668.8774, -434.5187, -42.9623), abs=1e-4)


def test_the_nudge(beginning: steepest.Run) -> None:
    nudge = beginning.explain("a").nudge
    assert nudge is not None
    assert (nudge.by, nudge.predicted, nudge.actual) == pytest.approx(
        (0.001, -6.66888, -6.64074), abs=1e-5
    )


def test_the_rows_that_pull_hardest(beginning: steepest.Run) -> None:
    pulls = beginning.explain("a").pulls[:3]
    assert [pull.row for pull in pulls] == [19, 18, 17]
    assert [pull.share for pull in pulls] == pytest.approx((0.288, 0.208, 0.158), abs=5e-4)


def test_the_curvature_and_the_minimum(tutorial: dict[str, Any]) -> None:
    assert tutorial["stability_limit"] == pytest.approx(3.53986e-5, rel=1e-5)
    assert tutorial["curvature"]["condition"] == pytest.approx(218_450.6, rel=1e-6)
    assert tutorial["minimum"]["loss"] == pytest.approx(1.042836, abs=1e-6)
    found = [tutorial["minimum"]["weights"][name] for name in "abc"]
    assert found == pytest.approx((0.503028, -9.570688, 46.337525), abs=1e-6)


def test_the_verdict(tutorial: dict[str, Any]) -> None:
    assert tutorial["verdict"]["learning_rate"] == "just right"
    assert {"SD201", "SD205"} <= codes(tutorial)
    headline = tutorial["verdict"]["headline"]
    for said in ("283.99", "1.04", "218,451", "1,971,722"):
        assert said in headline, f"{said} is not in the headline: {headline}"


def test_the_forecast_is_what_happens(tutorial: dict[str, Any]) -> None:
    assert tutorial["forecast"]["steps"] == pytest.approx(1_971_722, rel=1e-3)
    run = steepest.fit(CSV, FORMULA, start=START, lr=1e-5, steps=2_000_000, remedies=False)
    assert run.record.descent.goal_step == tutorial["forecast"]["steps"]
    assert run.loss <= 1.01 * 1.042836322
    reached = run.record.descent.goal_step or 0
    before, at = run.replay(reached - 1, reached).loss
    assert before > 1.01 * 1.0428363218 >= at * (1 - 1e-9)
    exact = run.at(1_234_567)
    assert exact.loss == pytest.approx(loss_of(exact.weights), rel=1e-9)


def loss_of(weights: Any) -> float:
    rows = np.loadtxt(CSV, delimiter=",", skiprows=1)
    time, speed = rows.T
    model = weights["a"] * time**2 + weights["b"] * time + weights["c"]
    return float(np.mean((model - speed) ** 2))


def test_the_remedies(tutorial: dict[str, Any]) -> None:
    remedies = {remedy["change"]: remedy for remedy in tutorial["remedies"]}
    assert tutorial["remedies"][0]["change"] == "standardize"

    rate = remedies["better learning rate"]
    assert rate["measured_steps"] == pytest.approx(557_217, rel=5e-3)
    assert rate["predicted_steps"] == rate["measured_steps"]
    assert "--lr 3.539" in rate["command"]

    standardize = remedies["standardize"]
    assert standardize["reached"]
    assert standardize["measured_steps"] == standardize["predicted_steps"]
    assert standardize["measured_steps"] <= 22
    found = [standardize["weights"][name] for name in "abc"]
    assert found == pytest.approx((0.503028, -9.570688, 46.337525), rel=0.01)
    assert standardize["measured_loss"] == pytest.approx(loss_of(standardize["weights"]), rel=1e-9)


def test_a_remedy_is_the_command_that_it_names(tutorial: dict[str, Any]) -> None:
    import shlex

    remedy = tutorial["remedies"][0]
    code, again = command(*shlex.split(remedy["command"])[1:])
    assert code == 0
    assert again["trace"]["loss"][-1] == pytest.approx(remedy["measured_loss"], rel=1e-12)
    assert again["trace"]["loss"][0] == pytest.approx(679.2726, abs=1e-4)
    assert again["user_units"]["a"]["value"] == pytest.approx(remedy["weights"]["a"], rel=1e-12)


def test_a_learning_rate_that_is_too_large() -> None:
    words = ("--start", START_TEXT, "--lr", "5e-5", "--no-remedies")
    code, document = command("fit", CSV, FORMULA, *words)
    assert code == 3
    assert document["descent"]["stopped"] == "diverged"
    assert document["verdict"]["learning_rate"] == "too large"
    (finding,) = [f for f in document["verdict"]["findings"] if f["code"] == "SD101"]
    assert "3.53986e-05" in finding["sentence"]
    # Counted with numpy: 679, 1394, 4088, 13228 at step 3.
    assert "ten times its start at step 3" in finding["sentence"]


def test_the_tenfold_step_by_numpy() -> None:
    rows = np.loadtxt(CSV, delimiter=",", skiprows=1)
    design = np.stack([rows[:, 0] ** 2, rows[:, 0], np.ones(len(rows))], axis=1)
    weights = np.array(list(START.values()))
    losses = []
    for _ in range(6):
        residual = design @ weights - rows[:, 1]
        losses.append(np.mean(residual**2))
        weights = weights - 5e-5 * 2 * design.T @ residual / len(rows)
    assert int(np.argmax(np.array(losses) > 10 * losses[0])) == 3


def test_a_learning_rate_that_is_too_small() -> None:
    words = ("--start", START_TEXT, "--lr", "1e-7", "--no-remedies")
    code, document = command("fit", CSV, FORMULA, *words)
    assert code == 0
    assert document["verdict"]["learning_rate"] == "too small"
    assert "SD102" in codes(document)


def test_the_gradient_of_a_parabola() -> None:
    code, document = command("minimize", "x**2", "--start", "x=3")
    assert code == 0
    assert document["trace"]["gradient"]["x"][0] == 6.0


def test_a_parabola_that_bounces() -> None:
    words = ("--start", "x=-1.5", "--lr", "1.0", "--steps", "20")
    code, document = command("minimize", "x**2", *words)
    assert code == 0
    assert document["trace"]["weights"]["x"] == [-1.5, 1.5] * 10 + [-1.5]
    assert document["verdict"]["learning_rate"] == "too large"
    assert "SD103" in codes(document)
    assert "bounces between -1.5 and 1.5" in document["verdict"]["headline"]


def test_a_parabola_that_diverges() -> None:
    code, document = command("minimize", "x**2", "--start", "x=-1.5", "--lr", "1.1")
    assert code == 3
    assert document["verdict"]["learning_rate"] == "too large"
    assert "SD101" in codes(document)
