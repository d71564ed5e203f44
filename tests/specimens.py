"""Runs made by hand, with numbers from NumPy: what is shown and kept needs no descent of ours."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.descent import (
    Descent,
    Forecast,
    Goal,
    RateStudy,
    RateTrial,
    Trace,
)
from steepest.records.point import (
    BackwardNode,
    Explanation,
    Minimum,
    Nudge,
    Partial,
    Pull,
    Spectrum,
    Taylor,
)
from steepest.records.problem import Problem, Settings
from steepest.records.run import RunRecord
from steepest.records.verdict import (
    Finding,
    Measurements,
    Remedy,
    Statistics,
    Verdict,
    WeightStatistics,
)

SPEED = Path(__file__).parent.parent / "examples" / "speed.csv"
FORMULA = "speed ~ a*time**2 + b*time + c"
NAMES = ("a", "b", "c")
START = np.array([0.0121, -0.6397, 0.6416])
LR = 1e-5


def _data() -> tuple[Vector, Vector, Vector]:
    with SPEED.open(encoding="utf-8") as file:
        rows = [(float(row["time"]), float(row["speed"])) for row in csv.DictReader(file)]
    time, speed = np.array(rows).T
    return time, speed, np.stack([time**2, time, np.ones_like(time)], axis=1)


TIME, SPEEDS, INPUTS = _data()
HESSIAN = 2 * INPUTS.T @ INPUTS / len(TIME)


def loss(weights: Vector) -> float:
    return float(np.mean((INPUTS @ weights - SPEEDS) ** 2))


def gradient(weights: Vector) -> Vector:
    return np.asarray(2 * INPUTS.T @ (INPUTS @ weights - SPEEDS) / len(TIME))


def descent_path(lr: float, steps: int) -> Vector:
    path = [START]
    for _ in range(steps):
        path.append(path[-1] - lr * gradient(path[-1]))
    return np.array(path, dtype=np.float64)


def explanation(step: int, weights: Vector) -> Explanation:
    slope = gradient(weights)
    amounts = 2 * INPUTS * (INPUTS @ weights - SPEEDS)[:, None] / len(TIME)
    texts = (
        "mean(2*(a*time**2 + b*time + c - speed)*time**2)",
        "mean(2*(a*time**2 + b*time + c - speed)*time)",
        "mean(2*(a*time**2 + b*time + c - speed))",
    )
    partials = []
    for i, name in enumerate(NAMES):
        raised = weights.copy()
        raised[i] += 0.001
        hardest = np.argsort(-np.abs(amounts[:, i]), kind="stable")[:10]
        partials.append(
            Partial(
                weight=name,
                value=float(weights[i]),
                amount=float(slope[i]),
                text=texts[i],
                latex=rf"\frac{{\partial L}}{{\partial {name}}}",
                nudge=Nudge(0.001, 0.001 * float(slope[i]), loss(raised) - loss(weights)),
                pulls=tuple(
                    Pull(int(r), float(amounts[r, i]), float(amounts[r, i] / slope[i]))
                    for r in hardest
                ),
            )
        )
    move = -LR * slope
    first = float(slope @ move)
    return Explanation(
        step=step,
        loss=loss(weights),
        partials=tuple(partials),
        taylor=Taylor(
            first, first + 0.5 * float(move @ HESSIAN @ move), loss(weights + move) - loss(weights)
        ),
        backward=backward(weights),
        row_numbers=np.arange(len(TIME), dtype=np.int64),
    )


def backward(weights: Vector) -> tuple[BackwardNode, ...]:
    a, b, c = (np.asarray(w) for w in weights)
    prediction = INPUTS @ weights
    residual = prediction - SPEEDS
    by_prediction = 2 * residual / len(TIME)
    slope = gradient(weights)
    nodes = [
        ("a", "weight", (), a, np.asarray(slope[0])),
        ("time", "column", (), TIME, by_prediction * (2 * a * TIME + b)),
        ("time**2", "**", (1,), TIME**2, by_prediction * a),
        ("a*time**2", "*", (0, 2), a * TIME**2, by_prediction),
        ("b", "weight", (), b, np.asarray(slope[1])),
        ("b*time", "*", (4, 1), b * TIME, by_prediction),
        ("a*time**2 + b*time", "+", (3, 5), a * TIME**2 + b * TIME, by_prediction),
        ("c", "weight", (), c, np.asarray(slope[2])),
        ("a*time**2 + b*time + c", "+", (6, 7), prediction, by_prediction),
        ("prediction - target", "subtract", (8,), residual, by_prediction),
        ("residual**2", "power", (9,), residual**2, np.full(len(TIME), 1 / len(TIME))),
        ("mean over rows", "mean", (10,), np.asarray(loss(weights)), np.asarray(1.0)),
    ]
    return tuple(BackwardNode(*node) for node in nodes)


def statistics(best: Vector, inputs: Vector = INPUTS) -> Statistics:
    """By the textbook: s² (XᵀX)⁻¹."""
    rows, size = inputs.shape
    rss = float(np.sum((inputs @ best - SPEEDS) ** 2))
    total = float(np.sum((SPEEDS - SPEEDS.mean()) ** 2))
    covariance = np.linalg.inv(inputs.T @ inputs) * rss / (rows - size)
    errors = np.sqrt(np.diag(covariance))
    return Statistics(
        rows=rows,
        free_weights=size,
        degrees_of_freedom=rows - size,
        residual_sum=rss,
        residual_deviation=math.sqrt(rss / (rows - size)),
        reduced_chi_square=rss / (rows - size),
        r_squared=1 - rss / total,
        adjusted_r_squared=1 - rss / total * (rows - 1) / (rows - size),
        aic=rows * math.log(rss / rows) + 2 * size,
        bic=rows * math.log(rss / rows) + size * math.log(rows),
        weights=tuple(
            WeightStatistics(name, float(value), float(error))
            for name, value, error in zip(NAMES, best, errors, strict=True)
        ),
        correlations=np.asarray(covariance / np.outer(errors, errors), dtype=np.float64),
    )


def tutorial() -> RunRecord:
    """Ten steps from the published start: just right, and far from the minimum."""
    path = descent_path(LR, 10)
    best = np.asarray(np.linalg.lstsq(INPUTS, SPEEDS)[0], dtype=np.float64)
    values, vectors = np.linalg.eigh(HESSIAN)
    minimum = Minimum(loss(best), dict(zip(NAMES, map(float, best), strict=True)), "least squares")
    slopes = np.array([gradient(weights) for weights in path])
    losses = np.array([loss(weights) for weights in path])
    descent = Descent(
        optimizer="gd",
        lr=LR,
        lr_chosen="given",
        momentum=None,
        steps=10,
        stopped="step limit",
        stopped_why="The limit of 10 steps was reached.",
        seconds=0.01,
        final_loss=float(losses[-1]),
        final_step=10,
        first_loss=float(losses[0]),
        lowest_loss=float(losses[-1]),
        lowest_step=10,
    )
    problem = Problem(
        command="fit",
        formula=FORMULA,
        weights=NAMES,
        linear_in_weights=True,
        loss="mse",
        target="speed",
        columns=("time",),
        source="examples/speed.csv",
        rows=20,
        rows_read=20,
    )
    start = dict(zip(NAMES, map(float, START), strict=True))
    settings = Settings(lr=LR, steps=10, start=start)
    goal = Goal(1.01 * minimum.loss, "within 1 % of the minimum")
    own = RateTrial(LR, 1971722, None, goal.loss, diverged=False, measured=False)
    condition = float(values[-1] / values[0])
    measurements = Measurements(
        problem=problem,
        settings=settings,
        descent=descent,
        first_gradient=dict(zip(NAMES, map(float, slopes[0]), strict=True)),
        final_gradient=dict(zip(NAMES, map(float, slopes[-1]), strict=True)),
        final_weights=dict(zip(NAMES, map(float, path[-1]), strict=True)),
        spectrum=Spectrum(
            at="end",
            values=values[::-1].copy(),
            vectors=vectors[:, ::-1].copy(),
            residuals=np.full(3, 1e-12),
            complete=True,
        ),
        stability_limit=float(2 / values[-1]),
        minimum=minimum,
        goal=goal,
        forecast=Forecast(goal.to, 1971722, "from the curvatures, which are constant"),
        rates=RateStudy(goal, own, (own,), own),
        not_measured={"lower_minimum": "a sum of squares of a linear model has one minimum"},
        statistics=statistics(best),
    )
    command = (
        'steepest fit examples/speed.csv "speed ~ a*time**2 + b*time + c" '
        "--start a=0.0121,b=-0.6397,c=0.6416"
    )
    return RunRecord(
        version="0.1.0",
        command="fit",
        problem=problem,
        settings=settings,
        start=start,
        descent=descent,
        trace=Trace(NAMES, np.arange(11, dtype=np.int64), losses, path, slopes),
        beginning=explanation(0, path[0]),
        explanation=explanation(10, path[-1]),
        measurements=measurements,
        verdict=Verdict(
            "just right",
            "The loss of 283.99 is not the minimum, which is 1.04: the learning rate is just right "
            "for a and hopeless for c.",
            (
                Finding(
                    "SD201",
                    "warning",
                    "The weights need different learning rates: the curvatures differ by a factor "
                    "of 218,451.",
                    {"condition": condition, "largest": float(values[-1])},
                ),
                Finding("SD205", "warning", "The loss looks flat, and the minimum is far.", {}),
            ),
        ),
        remedies=(
            Remedy(
                change="standardize",
                sentence="Scale time to mean 0 and deviation 1.",
                command=f"{command} --standardize --steps 22",
                python='steepest.fit("examples/speed.csv", "...", standardize=True, steps=22)',
                predicted_steps=22,
                measured_steps=22,
                measured_loss=1.0531,
                reached=True,
                weights=minimum.weights,
                settings=settings,
            ),
            Remedy(
                change="better learning rate",
                sentence="Take 3.53985e-05, just below the stability limit.",
                command=f"{command} --lr 3.53985e-05 --steps 557217",
                python="",
                predicted_steps=557217,
                measured_steps=557217,
                measured_loss=goal.loss,
                reached=True,
            ),
        ),
        seconds=0.9,
        call={"lr": LR, "steps": 10, "start": start},
    )


def diverged() -> RunRecord:
    """The same with --lr 5e-5: the loss passes every bound."""
    record = tutorial()
    path = descent_path(5e-5, 60)
    slopes = np.array([gradient(weights) for weights in path])
    losses = np.array([loss(weights) for weights in path])
    losses[-1] = math.inf
    descent = replace(
        record.descent,
        lr=5e-5,
        steps=60,
        stopped="diverged",
        stopped_why="At step 60 the loss or its gradient was not finite.",
        final_loss=float(losses[-2]),
        final_step=59,
        lowest_loss=float(losses[0]),
        lowest_step=0,
        tenfold_step=4,
        non_finite_step=60,
        growing=True,
    )
    return replace(
        record,
        settings=replace(record.settings, lr=5e-5, steps=60),
        descent=descent,
        trace=Trace(NAMES, np.arange(61, dtype=np.int64), losses, path, slopes),
        explanation=explanation(59, path[-2]),
        measurements=replace(
            record.measurements,
            descent=descent,
            spectrum=None,
            forecast=None,
            final_gradient=dict(zip(NAMES, map(float, slopes[-2]), strict=True)),
        ),
        verdict=Verdict(
            "too large",
            "The learning rate 5e-05 is too large: it is 1.41 times the stability limit.",
            (Finding("SD101", "error", "The loss passed ten times its start at step 4.", {}),),
        ),
    )


def parabola() -> RunRecord:
    """`minimize "x**2" --start x=3 --lr 0.25`, four steps."""
    steps = np.arange(5, dtype=np.int64)
    x = np.asarray(3 * 0.5**steps, dtype=np.float64)
    values, slopes = x**2, 2 * x
    problem = Problem("minimize", "x**2", ("x",), linear_in_weights=False)
    settings = Settings(lr=0.25, steps=4, start={"x": 3.0})
    descent = Descent(
        "gd",
        0.25,
        "given",
        None,
        4,
        "step limit",
        "The limit of 4 steps was reached.",
        0.001,
        float(values[-1]),
        4,
        9.0,
        float(values[-1]),
        4,
    )

    def at(step: int) -> Explanation:
        here = float(x[step])
        return Explanation(
            step,
            here**2,
            (
                Partial(
                    "x",
                    here,
                    2 * here,
                    "2*x",
                    "2 x",
                    Nudge(0.001, 0.002 * here, 0.002 * here + 1e-6),
                ),
            ),
            Taylor(-here * here, -0.75 * here * here, -0.75 * here * here),
            (
                BackwardNode("x", "weight", (), np.asarray(here), np.asarray(2 * here)),
                BackwardNode("x**2", "**", (0,), np.asarray(here**2), np.asarray(1.0)),
            ),
        )

    return RunRecord(
        version="0.1.0",
        command="minimize",
        problem=problem,
        settings=settings,
        start={"x": 3.0},
        descent=descent,
        trace=Trace(("x",), steps, values, x[:, None], slopes[:, None]),
        beginning=at(0),
        explanation=at(4),
        measurements=Measurements(
            problem,
            settings,
            descent,
            final_gradient={"x": float(slopes[-1])},
            first_gradient={"x": 6.0},
            final_weights={"x": float(x[-1])},
            spectrum=Spectrum(
                "end", np.array([2.0]), np.array([[1.0]]), np.array([0.0]), complete=True
            ),
            stability_limit=1.0,
            minimum=Minimum(0.0, {"x": 0.0}, "BFGS from the end"),
        ),
        verdict=Verdict("just right", "The loss halves its distance with every step.", ()),
        remedies=(),
        seconds=0.2,
    )
