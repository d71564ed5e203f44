"""Titles of the other kinds, from figures made by hand."""

import math

import numpy as np
import pytest

from steepest.records.arrays import Vector
from steepest.records.choices import Word
from steepest.records.descent import Goal, RateTrial, SweptRate
from steepest.records.point import BackwardNode, Spectrum
from steepest.show.figures import (
    Frames,
    Passed,
    Plane,
    Quality,
    Rows,
    backward_figure,
    contour_figure,
    fit_figure,
    function_figure,
    pulls_figure,
    residuals_figure,
    slice_figure,
    spectrum_figure,
    surface_figure,
    sweep_figure,
)
from steepest.show.figures.contour import levels_of
from steepest.show.figures.slice import slope_title

NAN = math.nan


def frames(
    values: list[float], slopes: list[float] | None = None, weights: tuple[str, ...] = ("x",)
) -> Frames:
    """One weight, a step a frame."""
    points = np.array(values)[:, None] * np.ones(len(weights))
    slope = np.array(slopes or [1.0] * len(values))[:, None] * np.ones(len(weights))
    return Frames(weights, np.arange(len(values)), points, slope, points[:, 0] ** 2, points)


@pytest.mark.parametrize(
    ("values", "slopes", "minimum", "title"),
    [
        pytest.param(
            [3.0, 2.0],
            [6.0, 4.0],
            0.0,
            "At step 1 x is 2 and the slope 4: lowering it lowers the loss; at the minimum it is "
            "0.",
            id="above",
        ),
        pytest.param(
            [-3.0],
            [-6.0],
            None,
            "At step 0 x is -3 and the slope -6: raising it lowers the loss.",
            id="below",
        ),
        pytest.param(
            [3.0, 1e-12],
            [6.0, 0.0],
            0.0,
            "At step 1 x is 1e-12 and the loss is level along it, and it is at the minimum.",
            id="level",
        ),
        pytest.param(
            [NAN],
            [1.0],
            0.0,
            "At step 0 x is not a number, so the loss has no slope along it.",
            id="nowhere",
        ),
        pytest.param(
            [1.0], [math.inf], 0.0, "At step 0 the slope along x is infinity.", id="no slope"
        ),
    ],
)
def test_slices(
    values: list[float], slopes: list[float], minimum: float | None, title: str
) -> None:
    cursor = frames(values, slopes)
    assert slope_title(cursor, 0, minimum) == title
    axis = np.linspace(-1, 1, 5)
    found = slice_figure(cursor, 0, axis, np.full((len(values), 5), NAN), np.full(len(values), NAN))
    assert "nowhere a finite number" in found.text


@pytest.mark.parametrize(
    ("values", "minimum", "title"),
    [
        pytest.param(
            [3.0, 2.0, 1.0], 0.0, "In 2 steps x goes from 3 to 1; the minimum is at 0.", id="on"
        ),
        pytest.param([3.0], None, "x starts at 3.", id="no step"),
        pytest.param([3.0, 0.0], 0.0, "In 1 step x goes from 3 to 0, the minimum.", id="there"),
        pytest.param(
            [3.0, -3.1, 3.2, -3.3],
            0.0,
            "In 3 steps x goes from 3 to -3.3, jumping to and fro in 2 of them; the minimum is at "
            "0.",
            id="to and fro",
        ),
    ],
)
def test_functions(values: list[float], minimum: float | None, title: str) -> None:
    axis = np.linspace(-4, 4, 9)
    found = function_figure(frames(values), axis, axis**2, np.zeros(len(values)), minimum=minimum)
    assert found.title == title
    assert "lowest is 0 at 0." in found.text


ROWS = Rows(np.arange(3), np.arange(3.0), np.array([0.0, 1.0, 1.0]), "time", "speed", 9)


@pytest.mark.parametrize(
    ("quality", "title"),
    [
        pytest.param(
            Quality(9.0, 3.0, 1.0),
            "After 1 step the model misses the data by 3 (root mean square); at the minimum by 1.",
            id="missed",
        ),
        pytest.param(
            Quality(9.0, 1.0001, 1.0),
            "After 1 step the model misses the data by 1 (root mean square), as at the minimum.",
            id="there",
        ),
        pytest.param(
            Quality(9.0, 3.0, None),
            "After 1 step the model misses the data by 3 (root mean square); at the start by 9.",
            id="no minimum",
        ),
        pytest.param(
            Quality(9.0, math.inf, 1.0),
            "After 1 step the predictions are not finite numbers.",
            id="not finite",
        ),
        pytest.param(
            Quality(4.0, 6.0, 8.0, right=True),
            "After 1 step the model tells 6 of 9 rows right; at the minimum 8.",
            id="classes",
        ),
    ],
)
def test_fits(quality: Quality, title: str) -> None:
    found = fit_figure(frames([1.0, 2.0]), ROWS, np.zeros((2, 3)), quality)
    assert found.title == title
    assert found.notes == ("Drawn are 3 of 9 rows, evenly chosen.",)
    assert found.data["mode"] == "predicted"


@pytest.mark.parametrize(
    ("reach", "title"),
    [
        pytest.param((-2.0, 5.0), "After 1 step the residuals reach from -2 to 5.", id="both"),
        pytest.param((1.0, 5.0), "After 1 step the model lies below every row, by 1 to 5.", id="+"),
        pytest.param(
            (-5.0, -1.0), "After 1 step the model lies above every row, by 1 to 5.", id="-"
        ),
        pytest.param((0.0, 0.0), "After 1 step every residual is 0.", id="none"),
        pytest.param((NAN, NAN), "After 1 step the residuals are not finite numbers.", id="nan"),
    ],
)
def test_residuals(reach: tuple[float, float], title: str) -> None:
    found = residuals_figure(frames([1.0, 2.0]), ROWS, np.zeros((2, 3)), reach=reach)
    assert found.title == title


def plane(minimum: tuple[float, float] | None, held: str = "") -> Plane:
    axis = np.linspace(-1, 1, 9)
    loss = axis[None, :] ** 2 + axis[:, None] ** 2
    return Plane((0, 1), axis, axis, loss, held, np.zeros((2, 2)), np.arange(2), minimum)


@pytest.mark.parametrize(
    ("points", "minimum", "title"),
    [
        pytest.param(
            [[0.0, 0.0], [0.5, 0.001]],
            (1.0, 1.0),
            "In 1 step x goes 50 % of the way to the minimum, and y 0.1 %.",
            id="on the way",
        ),
        pytest.param(
            [[0.0, 0.0], [0.5, 0.5]],
            (1.0, 1.0),
            "In 1 step x and y go 50 % of the way to the minimum.",
            id="together",
        ),
        pytest.param(
            [[0.0, 0.0], [2.0, -1.0]],
            (1.0, 1.0),
            "In 1 step x goes past the minimum, and y goes away from the minimum.",
            id="past and away",
        ),
        pytest.param(
            [[0.0, 1.0], [1.0, 1.0]],
            (1.0, 1.0),
            "After 1 step the path is at x = 1, y = 1; the minimum is at x = 1, y = 1.",
            id="began there",
        ),
        pytest.param(
            [[0.0, 0.0], [NAN, 1.0]],
            None,
            "In 1 step the path goes from x = 0, y = 0 to x that is not a number, y = 1.",
            id="no minimum",
        ),
        pytest.param(
            [[0.0, 0.0]],
            (1.0, 2.0),
            "The descent starts at x = 0, y = 0; the minimum is at x = 1, y = 2.",
            id="no step",
        ),
    ],
)
def test_contours(
    points: list[list[float]], minimum: tuple[float, float] | None, title: str
) -> None:
    at = np.array(points)
    cursor = Frames(("x", "y"), np.arange(len(at)), at, at, at[:, 0])
    found = contour_figure(cursor, plane(minimum))
    assert found.title == title
    assert "from 0 near x = 0, y = 0 up to 2." in found.text


def test_surfaces() -> None:
    at = np.array([[1.0, 0.0], [0.5, 0.0]])
    cursor = Frames(("x", "y"), np.arange(2), at, at, at[:, 0])
    shown = plane((0.0, 0.0), "z as at the minimum")
    found = surface_figure(cursor, shown, np.ones(2), np.array([1.0, 0.25]), 0.0)
    assert found.title == (
        "On the surface with z as at the minimum, 1 step leads down from 1 to 0.25; "
        "its lowest point is 0."
    )
    level = surface_figure(cursor, plane(None), np.ones(2), np.array([1.0, 1.0]), None)
    assert level.title == "On the surface of the loss, 1 step stays at a height of 1."


def test_levels_leave_out_valleys_that_the_grid_cannot_show() -> None:
    axis = np.linspace(-1, 1, 41)
    bowl = axis[None, :] ** 2 + axis[:, None] ** 2
    ditch = (axis[None, :] - axis[:, None] + 0.013) ** 2
    assert len(levels_of(bowl)) > len(levels_of(ditch))
    assert np.all(np.diff(levels_of(bowl)) > 0)
    for losses in (np.full((3, 3), NAN), np.ones((3, 3))):
        assert levels_of(losses).tolist() == []


def rate(
    lr: float,
    steps: int | None,
    *,
    zone: Word = "just right",
    diverged: bool = False,
    limit: int | None = 100,
) -> SweptRate:
    return SweptRate(lr, zone, (RateTrial(lr, steps, limit, 1.0, diverged, True),))


RATES = [
    rate(1e-4, None, zone="too small"),
    rate(1e-3, 500, zone="too small"),
    rate(1e-2, 50),
    rate(1e-1, None, zone="too large", diverged=True),
]
GOAL = Goal(1.5, "within 1 % of the minimum")


def test_a_sweep() -> None:
    own = RateTrial(1e-3, 500, 500, 1.0, diverged=False, measured=True)
    found = sweep_figure(frames([1.0]), RATES[::-1], goal=GOAL, limit=0.05, own=own)
    assert found.title == (
        "The quickest learning rate is 0.01 with 50 steps; this run's 0.001 needs 500 steps."
    )
    assert found.data["lr"] == [1e-4, 1e-3, 1e-2, 1e-1]
    np.testing.assert_array_equal(found.data["steps"], [NAN, 500, 50, NAN])
    assert found.data["outcome"] == ["not yet", "arrived", "arrived", "diverged"]
    assert found.data["zones"] == [
        {"word": "too small", "low": 1e-4, "high": 0.0031623},
        {"word": "just right", "low": 0.0031623, "high": 0.05},
        {"word": "too large", "low": 0.05, "high": 0.1},
    ]
    assert found.data["here"] == {"lr": 1e-3, "steps": 500}
    assert "From 0.0001 to 0.001: too small." in found.text


@pytest.mark.parametrize(
    ("rates", "own", "title"),
    [
        pytest.param(RATES[-1:], None, "The learning rate 0.1 diverges.", id="all diverge"),
        pytest.param(
            RATES[:1],
            None,
            "The learning rate 0.0001 does not reach a loss of 1.5 in 100 steps.",
            id="nobody",
        ),
        pytest.param(
            RATES,
            RateTrial(0.2, None, 5, 1.0, diverged=True, measured=True),
            "The quickest learning rate is 0.01 with 50 steps; this run's 0.2 diverges.",
            id="diverges",
        ),
        pytest.param(
            RATES,
            RateTrial(0.001, None, None, 1.0, diverged=False, measured=False),
            "The quickest learning rate is 0.01 with 50 steps; this run's 0.001 never gets there.",
            id="never",
        ),
        pytest.param(
            RATES,
            RateTrial(0.01, 50, 50, 1.0, diverged=False, measured=True),
            "This run's learning rate 0.01 is the quickest: 50 steps.",
            id="itself",
        ),
    ],
)
def test_what_a_sweep_says(rates: list[SweptRate], own: RateTrial | None, title: str) -> None:
    assert sweep_figure(frames([1.0]), rates, goal=GOAL, own=own).title == title


def pulls(amount: list[float], rest: float) -> str:
    return pulls_figure(
        frames([1.0]), np.array([4, 7]), np.array([[amount]]), np.array([[rest]]), of=9
    ).title


@pytest.mark.parametrize(
    ("amount", "rest", "title"),
    [
        pytest.param(
            [3.0, 1.0],
            1.0,
            "At step 0 row 4 pulls hardest: it makes 60 % of the partial of x, 5.",
            id="a share",
        ),
        pytest.param(
            [3.0, -2.0],
            -0.5,
            "At step 0 row 4 pulls hardest: at x with 3, while all rows together make 0.5.",
            id="more than all",
        ),
        pytest.param([0.0, 0.0], 0.0, "At step 0 no row pulls at any weight.", id="none"),
        pytest.param([NAN, 1.0], 0.0, "At step 0 the pulls are not finite numbers.", id="nan"),
    ],
)
def test_pulls(amount: list[float], rest: float, title: str) -> None:
    assert pulls(amount, rest) == title


def spectrum(values: list[float]) -> Spectrum:
    size = len(values)
    return Spectrum("end", np.array(values), np.eye(size), np.zeros(size), complete=True)


@pytest.mark.parametrize(
    ("values", "bound", "title"),
    [
        pytest.param(
            [2.0],
            20.0,
            "The curvature where the descent ended is 2; this learning rate allows up to 20.",
            id="one",
        ),
        pytest.param(
            [100.0, 1.0],
            50.0,
            "The curvature is 100 times larger along one direction than along another: 100 against "
            "1, above the 50 that this learning rate allows.",
            id="above",
        ),
        pytest.param(
            [2.0, -2.0],
            None,
            "The loss curves downward along one direction where the descent ended, by -2; the "
            "largest curvature is 2.",
            id="saddle",
        ),
        pytest.param(
            [2.0, 0.0],
            20.0,
            "The largest curvature where the descent ended is 2; this learning rate allows up to "
            "20.",
            id="flat",
        ),
    ],
)
def test_spectra(values: list[float], bound: float | None, title: str) -> None:
    cursor = frames([1.0], weights=("a", "b")[: len(values)])
    found = spectrum_figure(cursor, spectrum(values), bound=bound, bound_text="Why.")
    assert found.title == title
    assert found.data["eigenvalues"].tolist() == sorted(values)
    assert np.all(np.argmax(found.data["vectors"], axis=1) == np.arange(len(values))[::-1])


def test_many_curvatures_are_thinned() -> None:
    names = tuple(f"w{place}" for place in range(60))
    found = spectrum_figure(
        frames([1.0], weights=names),
        spectrum([float(value) for value in range(60, 0, -1)]),
        bound=None,
        bound_text="",
    )
    assert found.data["eigenvalues"].tolist() == [*range(1, 21), *range(41, 61)]
    assert found.notes == ("Drawn are the 20 smallest and the 20 largest of 60 curvatures.",)


def test_the_depth_of_a_node_is_its_longest_way_from_a_leaf() -> None:
    def node(text: str, operation: str, *inputs: int) -> BackwardNode:
        return BackwardNode(text, operation, inputs, np.asarray(1.0), np.asarray(2.0))

    nodes = [node("x", "weight"), node("x**2", "**", 0), node("x**2 + x", "+", 1, 0)]
    values: Vector = np.ones((1, 3))
    through = Passed(values, 2 * values)
    found = backward_figure(
        frames([1.0]), nodes, row=None, of=0, one=through, slopes=values, every=through
    )
    assert [entry["depth"] for entry in found.data["nodes"]] == [0, 1, 2]
    assert [entry["weight"] for entry in found.data["nodes"]] == [0, None, None]
    assert found.title == (
        "At step 0 the backward pass, from an adjoint of 1 at the loss, ends with 2 for x."
    )
