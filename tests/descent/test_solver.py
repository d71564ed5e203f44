"""scipy's solvers as descents, on problems whose minimum is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.descent.run import check_settings
from steepest.descent.solver import solve_by
from steepest.formula.parse import parse_expression
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Vector
from steepest.records.problem import Settings
from steepest.words.errors import UsageError

X = np.linspace(0, 4, 30)
COLUMNS = {"x": X, "y": 2.5 * np.exp(-1.3 * X) + 0.5}
CURVE = formula_objective(formula_of("y ~ a*exp(-b*x) + c", COLUMNS), COLUMNS, loss="mse")
START = np.array([1.0, 1.0, 0.0])


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_every_step_is_lower_and_the_last_is_the_minimum(optimizer: str) -> None:
    done = solve_by(CURVE, Settings(optimizer=optimizer, steps=500), START, goal=1e-3)
    trace = done.trace
    np.testing.assert_array_equal(trace.step, np.arange(done.descent.steps + 1))
    np.testing.assert_array_equal(trace.weights[0], START)
    assert np.all(np.diff(trace.loss) < 0), "a step that is not lower"
    np.testing.assert_allclose(done.final_weights, [2.5, 1.3, 0.5], rtol=1e-6)
    for at, loss in zip(trace.weights, trace.loss, strict=True):
        wanted = np.mean((at[0] * np.exp(-at[1] * X) + at[2] - COLUMNS["y"]) ** 2)
        assert loss == pytest.approx(wanted, rel=1e-9, abs=1e-18)
    assert done.descent.goal_step == int(np.argmax(trace.loss <= 1e-3))
    assert done.descent.stopped == "converged"
    assert (done.descent.lowest_step, done.descent.final_step) == (done.descent.steps,) * 2


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_step_limit_of_a_solver(optimizer: str) -> None:
    done = solve_by(CURVE, Settings(optimizer=optimizer, steps=2), START)
    assert (done.descent.steps, done.descent.stopped) == (2, "step limit")
    assert done.descent.goal_step is None


def test_any_steps_of_a_solver_are_at_hand() -> None:
    done = solve_by(CURVE, Settings(optimizer="lm", steps=100), START)
    last = done.descent.steps
    part = done.replay(1, last)
    np.testing.assert_array_equal(part.weights, done.trace.weights[1:])
    np.testing.assert_array_equal(done.move_from(0), done.trace.weights[1] - done.trace.weights[0])
    assert done.move_from(last) is None
    with pytest.raises(UsageError, match="no such step"):
        done.replay(0, last + 1)


def test_levenberg_marquardt_needs_squares() -> None:
    objective = formula_objective(parse_expression("x**2"), {}, loss=None)
    with pytest.raises(UsageError, match="squared loss"):
        solve_by(objective, Settings(optimizer="lm"), np.ones(1))


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_an_interrupted_solver_keeps_what_it_had(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = solve_by(CURVE, Settings(optimizer=optimizer, steps=500), START)
    plain, calls = Objective.value_and_gradient, 0

    def interrupted(self: Objective, weights: Vector) -> tuple[float, Vector]:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return plain(self, weights)

    monkeypatch.setattr(Objective, "value_and_gradient", interrupted)
    done = solve_by(CURVE, Settings(optimizer=optimizer, steps=500), START)
    steps = done.descent.steps
    assert 1 <= steps < whole.descent.steps
    assert done.descent.stopped == "interrupted"
    assert done.descent.stopped_why.startswith(f"Interrupted after {steps} step")
    np.testing.assert_array_equal(done.trace.weights, whole.trace.weights[: steps + 1])


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_solver_stops_within_its_time(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    solve_by(CURVE, Settings(optimizer=optimizer, steps=500), START)  # compiles
    plain = Objective.value_and_gradient
    asked = [0.0]  # The times at which a gradient was asked for; each takes a tenth of a second.

    def slow(self: Objective, weights: Vector) -> tuple[float, Vector]:
        asked.append(asked[-1] + 0.1)
        return plain(self, weights)

    monkeypatch.setattr(Objective, "value_and_gradient", slow)
    clock = SimpleNamespace(monotonic=lambda: asked[-1], process_time=lambda: 0.0)
    for module in ("descent.solver", "measure.deadline"):
        monkeypatch.setattr(f"steepest.{module}.time", clock)
    done = solve_by(CURVE, Settings(optimizer=optimizer, steps=500, time_limit=0.45), START)
    # A step that was begun is brought to its end.
    assert sum(moment > 0.45 for moment in asked) <= 4
    assert done.descent.stopped == "time limit"
    assert "0.45 s" in done.descent.stopped_why
    assert 1 <= done.descent.steps <= 5
    assert done.descent.final_loss < done.descent.first_loss


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_solver_takes_no_learning_rate_and_no_batches(optimizer: str) -> None:
    with pytest.raises(UsageError, match="chooses the length of its steps") as caught:
        check_settings(Settings(optimizer=optimizer, lr=0.1), CURVE)
    assert "--lr 0.1" in str(caught.value)
    with pytest.raises(UsageError, match="uses all rows in every step") as caught:
        check_settings(Settings(optimizer=optimizer, batch_size=8), CURVE)
    assert "--batch-size 8" in str(caught.value)
    check_settings(Settings(optimizer=optimizer), CURVE)
    check_settings(Settings(optimizer="gd", lr=0.1), CURVE)


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_tolerance_ends_a_solver(optimizer: str) -> None:
    done = solve_by(CURVE, Settings(optimizer=optimizer, steps=500, tolerance=0.03), START)
    short = np.linalg.norm(done.trace.gradient, axis=1) < 0.03 * np.linalg.norm(
        done.trace.gradient[0]
    )
    assert short.tolist() == [False] * done.descent.steps + [True]
    assert done.descent.stopped == "converged"
    assert "shorter than 0.03 of its first length" in done.descent.stopped_why


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_rows_held_out_are_judged_at_every_step_of_a_solver(optimizer: str) -> None:
    # They want c = 0.55, which the path passes on its way to 0.5.
    columns = {"x": X + 2, "y": np.full(len(X), 0.55)}
    held_out = formula_objective(formula_of("y ~ a*exp(-b*x) + c", columns), columns, loss="mse")
    whole = solve_by(CURVE, Settings(optimizer=optimizer, steps=500), START, held_out=held_out)
    found = whole.trace.validation
    assert found is not None
    assert found.tolist() == [held_out.value(at) for at in whole.trace.weights]
    lowest = int(np.argmin(found))
    assert 0 < lowest < whole.descent.steps == len(found) - 1, "nothing rises again"
    assert whole.descent.validation_lowest_step == lowest

    settings = Settings(optimizer=optimizer, steps=500, patience=1)
    done = solve_by(CURVE, settings, START, held_out=held_out)
    risen = int(np.argmax(np.diff(found) >= 0)) + 1
    assert (done.descent.stopped, done.descent.steps) == ("patience", risen)
    assert "not fallen for 1 step; it was lowest at" in done.descent.stopped_why
