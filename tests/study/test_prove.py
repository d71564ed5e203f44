"""What is said of the remedies that were run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest

X = np.linspace(-1, 2, 12)


def test_where_only_the_start_is_wrong_the_tool_is_not() -> None:
    # At a = 0 the slope of abs(a) is zero, so that nothing moves from there.
    run = steepest.fit({"x": X, "y": 3 * X}, "y ~ abs(a)*x", start={"a": 0.0})
    (first, *_) = run.remedies
    assert first.change == "another start"
    assert first.reached
    assert "the descent begins within 1 % of the minimum." in first.sentence
    assert "From this start no descent that was tried gets there" in first.sentence
    assert "wrong tool" not in " ".join(remedy.sentence for remedy in run.remedies)


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_a_remedy_is_offered_with_a_learning_rate_that_was_run(optimizer: str) -> None:
    # No closed form: the learning rate is searched for.
    run = steepest.minimize("(1 - x)**2 + 100*(y - x**2)**2", start={"x": -1.5, "y": 2.0})
    (remedy,) = [remedy for remedy in run.remedies if remedy.change == optimizer]
    assert remedy.reached
    again = remedy.run
    assert again.loss == remedy.measured_loss
    assert again.record.descent.goal_step == remedy.measured_steps


def test_momentum_is_offered_where_it_stays() -> None:
    """It may be there and gone again before it stays, and counts from where it stays."""
    run = steepest.minimize("log(1 + x**2) + log(1 + y**2/1e4)", start={"x": 20.0, "y": 300.0})
    assert "1e-" not in " ".join(remedy.sentence for remedy in run.remedies)
    (remedy,) = [remedy for remedy in run.remedies if remedy.change == "nesterov"]
    assert remedy.reached
    again = remedy.run
    assert again.loss == remedy.measured_loss
    first, stays = again.record.descent.goal_step, remedy.measured_steps
    assert first is not None
    assert stays is not None
    assert first <= stays
    assert again.measurements.goal is not None
    assert (again.trace.loss[stays:] <= again.measurements.goal.loss).all()


def test_rows_can_be_held_out_of_a_rescaled_descent() -> None:
    options: dict[str, Any] = {"start": {"a": 1.0, "b": 0.1}, "validation": 0.25, "lr": 0.1}
    columns = {"x": X, "y": 2 * np.exp(0.5 * X)}
    run = steepest.fit(columns, "y ~ a*exp(b*x)", rescale=True, steps=20, remedies=False, **options)
    held_out = run.trace.validation
    assert held_out is not None
    # Until the first move the weights are the same, in whatever unit they are counted.
    plain = steepest.fit(columns, "y ~ a*exp(b*x)", steps=20, remedies=False, **options)
    assert plain.trace.validation is not None
    assert held_out[0] == pytest.approx(plain.trace.validation[0], rel=1e-12)
    assert held_out[-1] < held_out[0]


def test_a_solver_that_is_offered_to_a_descent_in_batches_has_none() -> None:
    columns = {"x": X, "y": 2 * np.exp(0.5 * X)}
    start = {"a": 1.0, "b": 0.1}
    run = steepest.fit(columns, "y ~ a*exp(b*x)", start=start, lr=1e-3, steps=50, batch_size=4)
    (remedy,) = [found for found in run.remedies if found.change == "Levenberg-Marquardt"]
    assert remedy.reached
    assert "--batch-size" not in remedy.command
    assert remedy.run.loss == remedy.measured_loss
