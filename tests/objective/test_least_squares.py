"""Oracles: numpy's least squares, and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.formula.parse import parse_expression
from steepest.objective.least_squares import centred, is_quadratic, solve
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Vector
from steepest.words.errors import InputError

DRAW = np.random.default_rng(31)
COLUMNS = {"x": DRAW.uniform(0.1, 2, 12), "z": DRAW.normal(size=12), "y": DRAW.normal(size=12)}
ROW_WEIGHT = DRAW.uniform(0.1, 3, 12)


def fitted(text: str, loss: str = "mse", **more: object) -> Objective:
    return formula_objective(formula_of(text, COLUMNS), COLUMNS, loss=loss, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "loss", "wanted"),
    [
        ("y ~ a*x + b", "mse", True),
        ("y ~ a*exp(x) + b*z**2", "mse", True),
        ("y ~ where(x > 1, a*x, b)", "mse", True),
        ("y ~ a*x + b", "rmse", False),
        ("y ~ a*x + b", "mae", False),
        ("y ~ a*b*x", "mse", False),
        ("y ~ exp(a*x)", "mse", False),
    ],
)
def test_what_is_a_quadratic(text: str, loss: str, wanted: bool) -> None:
    assert is_quadratic(fitted(text, loss)) is wanted


def test_an_expression_is_not_solved_as_a_quadratic() -> None:
    assert not is_quadratic(formula_objective(parse_expression("2*x + y"), {}, loss=None))


@pytest.mark.parametrize("row_weight", [None, ROW_WEIGHT], ids=["equal-rows", "weighted-rows"])
def test_solved_quadratic(row_weight: Vector | None) -> None:
    objective = fitted("y ~ a*x + b*z + c + 2*x**2", row_weight=row_weight)
    solved = solve(objective)
    share = np.ones(12) if row_weight is None else row_weight
    design = np.stack([COLUMNS["x"], COLUMNS["z"], np.ones(12)], axis=1)
    target = COLUMNS["y"] - 2 * COLUMNS["x"] ** 2
    hessian = 2 * (design.T * share) @ design / share.sum()
    np.testing.assert_allclose(solved.root.T @ solved.root, hessian, rtol=1e-12, atol=1e-13)
    wanted = np.linalg.solve(hessian, 2 * (design.T * share) @ target / share.sum())
    np.testing.assert_allclose(solved.solution, wanted, rtol=1e-11)
    floor = np.average((design @ wanted - target) ** 2, weights=share)
    assert solved.floor == pytest.approx(floor, rel=1e-12)
    assert solved.flat.shape == (3, 0)


@pytest.mark.parametrize("row_weight", [None, ROW_WEIGHT], ids=["equal-rows", "weighted-rows"])
def test_centred_quadratic_is_the_same_function(row_weight: Vector | None) -> None:
    objective = fitted("y ~ a*x + b*z + c", row_weight=row_weight)
    moved = centred(objective, solve(objective))
    for at in DRAW.normal(size=(5, 3)) * [[1], [1], [100], [1e4], [1e-3]]:
        value, gradient = objective.value_and_gradient(at)
        found, slopes = moved.value_and_gradient(at)
        assert found == pytest.approx(value, rel=1e-11)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-9, atol=1e-11 * np.max(abs(gradient)))


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_quadratic_that_is_not_finite_on_every_row_is_said() -> None:
    columns = {"x": np.array([3.0, 0.0, 2.0, 0.0]), "y": np.ones(4)}
    objective = formula_objective(formula_of("y ~ a*log(x) + b", columns), columns, loss="mse")
    with pytest.raises(InputError, match="not finite on every row") as caught:
        solve(objective)
    assert "x = 0 on kept row 1 " in str(caught.value)


@pytest.mark.parametrize("column", ["x", "y"])
def test_squares_beyond_64_bits_are_said(column: str) -> None:
    columns = {"x": np.arange(3.0), "y": np.ones(3)}
    columns[column] = columns[column] * 1e160
    objective = formula_objective(formula_of("y ~ a*x + b", columns), columns, loss="mse")
    with pytest.raises(InputError, match="squares of the numbers"):
        solve(objective)


def test_flat_directions_of_tiny_columns() -> None:
    columns = {"x": np.array([1e-200, 2e-200]), "y": np.ones(2)}
    objective = formula_objective(formula_of("y ~ a*x + b*x", columns), columns, loss="mse")
    flat = solve(objective).flat
    np.testing.assert_allclose(np.abs(flat), np.full((2, 1), np.sqrt(0.5)), rtol=1e-12)


BLOCK = 64
"""Rows of a block, so that few rows make several; the last one is not whole."""

MANY = 5 * BLOCK + 7
FAR = {"x": 1e6 + np.random.default_rng(2).normal(size=MANY), "z": np.linspace(0, 5, MANY)}
FAR["x"][3] = 1e9
FAR["y"] = 2 * FAR["x"] - 3 * FAR["z"] + 7 + 1e-3 * np.sin(np.arange(MANY))


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of BLOCK rows, and nothing that makes all rows at once."""

    def whole(self: Objective, weights: Vector) -> None:
        raise AssertionError("the design of all rows was made")

    monkeypatch.setattr("steepest.objective.least_squares.BLOCK_ROWS", BLOCK)
    monkeypatch.setattr(Objective, "jacobian", whole)
    monkeypatch.setattr(Objective, "predictions", whole)


def exactly(columns: dict[str, Vector], weight: Vector | None) -> tuple[list[Fraction], Fraction]:
    """The weights of y ~ a*x + b*z + c and the loss there, in fractions, by elimination."""
    counted = [Fraction(w) for w in (np.ones(MANY) if weight is None else weight)]
    table = [[Fraction(v) for v in columns[name]] for name in "xzy"]
    table.insert(2, [Fraction(1)] * MANY)

    def product(one: list[Fraction], other: list[Fraction]) -> Fraction:
        terms = (w * a * b for w, a, b in zip(counted, one, other, strict=True))
        return sum(terms, Fraction())

    sums = [[product(one, other) for other in table] for one in table]
    left = [row[:] for row in sums[:3]]
    for i in range(3):
        for j in {0, 1, 2} - {i}:
            share = left[j][i] / left[i][i]
            left[j] = [a - share * b for a, b in zip(left[j], left[i], strict=True)]
    found = [left[i][3] / left[i][i] for i in range(3)]
    explained = sum((found[i] * sums[3][i] for i in range(3)), Fraction())
    return found, (sums[3][3] - explained) / sum(counted)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
def test_many_rows_are_solved_in_blocks_to_the_last_digits(weighted: bool) -> None:
    """A column far from zero, with an outlier: as a whole ten digits would be lost."""
    weight = np.random.default_rng(4).uniform(0.1, 3, MANY) if weighted else None
    formula = formula_of("y ~ a*x + b*z + c", FAR)
    solved = solve(formula_objective(formula, FAR, loss="mse", row_weight=weight))
    wanted, floor = exactly(FAR, weight)
    np.testing.assert_allclose(solved.solution, [float(w) for w in wanted], rtol=1e-14)
    assert solved.floor == pytest.approx(float(floor), rel=1e-13)
    assert solved.flat.shape == (3, 0)
    design = np.stack([FAR["x"], FAR["z"], np.ones(MANY)], axis=1)
    share = np.ones(MANY) if weight is None else weight
    hessian = 2 * (design.T * share) @ design / share.sum()
    np.testing.assert_allclose(solved.root.T @ solved.root, hessian, rtol=1e-12)


@pytest.mark.parametrize("rows", [BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1])
def test_blocks_say_what_the_whole_says(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(rows)
    x = random.normal(size=rows)
    columns = {"x": x, "z": 2 * x, "y": x + random.normal(size=rows)}
    formula = formula_of("y ~ a*x + b*z + c + x**2", columns)
    objective = formula_objective(formula, columns, loss="mse")
    whole = solve(objective)
    monkeypatch.setattr("steepest.objective.least_squares.BLOCK_ROWS", BLOCK)
    found = solve(objective)
    np.testing.assert_allclose(found.solution, whole.solution, rtol=1e-12)
    assert found.floor == pytest.approx(whole.floor, rel=1e-13)
    np.testing.assert_allclose(
        found.root.T @ found.root, whole.root.T @ whole.root, rtol=1e-12, atol=1e-14
    )
    assert found.flat.shape == whole.flat.shape == (3, 1)
    np.testing.assert_allclose(abs(found.flat.T @ whole.flat), 1, rtol=1e-12)


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("row", [0, BLOCK, 2 * BLOCK + 5, MANY - 1])
def test_a_row_of_a_block_that_is_not_finite_is_named(row: int) -> None:
    columns = {"x": np.full(MANY, 3.0), "y": np.ones(MANY)}
    columns["x"][[row, MANY - 1]] = 0
    objective = formula_objective(formula_of("y ~ a*log(x) + b", columns), columns, loss="mse")
    with pytest.raises(InputError, match="not finite on every row") as caught:
        solve(objective)
    assert f"x = 0 on kept row {row} " in str(caught.value)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("column", ["x", "y"])
@pytest.mark.parametrize("weight", [None, np.full(MANY, 4.0)], ids=["equal-rows", "weighted-rows"])
def test_squares_beyond_64_bits_in_blocks_are_said(column: str, weight: Vector | None) -> None:
    columns = {"x": np.arange(1.0, MANY + 1), "y": np.linspace(1, 2, MANY)}
    columns[column][2 * BLOCK :] *= 1e155
    formula = formula_of("y ~ a*x + b", columns)
    objective = formula_objective(formula, columns, loss="mse", row_weight=weight)
    largest = columns[column][-1] * (1 if weight is None else 2)
    with pytest.raises(InputError, match="squares of the numbers") as caught:
        solve(objective)
    assert f"{largest:.3g}" in str(caught.value)
