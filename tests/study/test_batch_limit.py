"""The stability limit with batches: by brute force in mean square, and by descents at its edge."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from benchmarks.batches import OPTIMIZERS, compared

import steepest
from steepest.measure.mini_batches import mean_square_limit, rows_of
from steepest.records.arrays import Matrix
from steepest.run.run import Run


def enumerated_radius(design: Matrix, size: int, lr: float, beta: float, ahead: bool) -> float:
    """The spectral radius of E[A ⊗ A] over every batch there is; A is a step of torch's SGD."""
    width = design.shape[1]
    eye, total, many = np.eye(width), np.zeros((4 * width**2,) * 2), 0
    for chosen in itertools.combinations(range(len(design)), size):
        rows = design[list(chosen)]
        hessian = 2 * rows.T @ rows / size
        memory = np.concatenate([hessian, beta * eye], axis=1)  # v ← H e + β v
        move = memory
        if ahead:
            move = np.concatenate([hessian, 0 * eye], axis=1) + beta * memory
        distance = np.concatenate([eye, 0 * eye], axis=1) - lr * move
        step = np.concatenate([distance, memory], axis=0)
        total, many = total + np.kron(step, step), many + 1
    return float(np.max(np.abs(np.linalg.eigvals(total / many))))


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize(("optimizer", "beta"), [("gd", 0.0), ("momentum", 0.9), ("nesterov", 0.7)])
def test_the_limit_in_mean_square_is_where_all_batches_together_begin_to_grow(
    optimizer: str, beta: float, size: int
) -> None:
    for seed in (0, 1):
        design = np.random.default_rng(seed).normal(size=(6, 2)) * [1.0, 3.0]
        limit = mean_square_limit(rows_of(design, size), optimizer, beta or None)
        assert limit is not None
        radii = [
            enumerated_radius(design, size, share * limit, beta, optimizer == "nesterov")
            for share in (0.999, 1.001)
        ]
        assert radii[0] < 1 < radii[1]


def test_columns_of_any_scale_have_a_limit() -> None:
    x = np.linspace(1, 9, 40)
    for scale in (1e-9, 1e-6, 1e9):
        data = {"x": x * scale, "y": x}
        run = steepest.fit(data, "y ~ a*x + b", batch_size=4, lr=1e-20, steps=2, remedies=False)
        limit, curvature = run.measurements.batch_limit, run.measurements.spectrum
        assert limit is not None
        assert curvature is not None
        assert 0.1 < limit.mean_square * curvature.largest / 2 <= 1


def test_with_all_rows_it_is_the_limit_of_all_rows() -> None:
    design = np.random.default_rng(0).normal(size=(9, 3))
    top = float(np.linalg.eigvalsh(2 * design.T @ design / 9)[-1])
    assert mean_square_limit(rows_of(design, 9), "gd", None) == pytest.approx(2 / top)
    assert mean_square_limit(rows_of(design, 9), "momentum", 0.9) == pytest.approx(3.8 / top)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [1, 16])
def test_descents_diverge_where_the_limit_is(optimizer: str, size: int) -> None:
    """Descents of the program itself, with noise in the targets, at many learning rates."""
    found = compared(optimizer, size)
    assert found.stated == pytest.approx(found.diverges, rel=0.2)
    assert size > 1 or found.stated < 0.3 * found.all_rows


def fitted(formula: str = "y ~ a*x + b", **options: Any) -> Run:
    x = np.linspace(-1, 2, 60)
    y = 3 * x + 1 + 0.1 * np.random.default_rng(0).normal(size=60)
    given: dict[str, Any] = {"steps": 30, "lr": 0.01, "remedies": False, "batch_size": 4, **options}
    return steepest.fit({"x": x, "y": y}, formula, **given)


def test_the_report_tells_the_limit_of_these_batches() -> None:
    run, whole = fitted(optimizer="momentum"), fitted(optimizer="momentum", batch_size=None)
    limit, of_all = run.measurements.stability_limit, whole.measurements.stability_limit
    assert limit is not None
    assert of_all is not None
    assert limit < 0.9 * of_all
    assert run.to_dict()["batch_limit"]["stays"] == limit
    assert whole.to_dict()["batch_limit"] is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"optimizer": "adam"}, "the scaling of the steps of adam changes from step to step"),
        ({"formula": "y ~ a*exp(b*x)"}, "a model that is linear in its weights, and mse"),
        ({"loss": "huber"}, "a model that is linear in its weights, and mse"),
    ],
)  # fmt: skip
def test_where_it_is_not_known_the_limit_of_all_rows_does_not_stand_in(
    options: dict[str, Any], why: str
) -> None:
    m = fitted(**options).measurements
    assert m.stability_limit is None
    assert (
        "The limit of all rows together says nothing of batches of 4 rows"
        in m.not_measured["stability_limit"]
    )
    assert why in m.not_measured["stability_limit"]
    run = fitted(**options, batch_size=60)
    assert "batches" not in run.measurements.not_measured.get("stability_limit", "")
