"""Figures and boards as JSON: whatever the numbers and the names are, they come back."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from steepest.records.document import to_json
from steepest.records.verdict import Finding
from steepest.show.figures import (
    Axis,
    Board,
    Figure,
    Frames,
)
from steepest.show.figures.figure import curve
from steepest.words.errors import UsageError

NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

numbers = some.floats(allow_nan=True, allow_infinity=True, width=64)
names = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def read(value: Any) -> Any:
    """Numbers as a browser reads them."""
    if isinstance(value, list):
        return [read(part) for part in value]
    return NAMED.get(value, value) if isinstance(value, str) else value


@some.composite
def boards(draw: some.DrawFn) -> Board:
    frames = draw(some.integers(0, 3))
    weights = tuple(draw(some.lists(names, min_size=0, max_size=3, unique=True)))

    def matrix(*shape: int) -> Any:
        return draw(arrays.arrays(np.float64, shape, elements=numbers))

    cursor = Frames(
        weights,
        np.arange(frames),
        matrix(frames, len(weights)),
        matrix(frames, len(weights)),
        matrix(frames),
        matrix(frames, len(weights)),
    )
    column = draw(names)
    figure = Figure(
        "fit",
        f"{column} fits.",
        f"{column}.",
        Axis(column),
        Axis("loss", "log"),
        cursor,
        {"curve_y": matrix(frames, 2), "data_x": matrix(frames), "best_y": None, "row": [1, 2]},
        notes=(column,),
    )
    finding = Finding("SD205", "warning", column)
    return Board("0.1.0", column, column, "just right", (finding,), (), cursor, (figure,))


@given(boards())
def test_a_board_comes_back(board: Board) -> None:
    text = to_json(board.to_dict())
    assert "\n" not in text
    found = json.loads(text)
    frames = board.frames
    assert found["frames"] == frames.step.tolist()
    assert found["weights"] == list(frames.weights)
    for name, wanted in (
        ("values", frames.values),
        ("gradient", frames.gradient),
        ("loss", frames.loss),
    ):
        back = np.array(read(found[name]), dtype=np.float64).reshape(wanted.shape)
        assert back.tobytes() == wanted.tobytes() or np.array_equal(back, wanted, equal_nan=True)
    (figure,), (wanted_figure,) = found["figures"], board.figures
    assert figure["x"] == {"label": wanted_figure.x.label, "scale": "linear"}
    assert figure["title"] == wanted_figure.title
    assert figure["best_y"] is None
    drawn: Any = np.array(read(figure["curve_y"]), dtype=np.float64).reshape(len(frames), 2)
    assert np.array_equal(drawn, wanted_figure.data["curve_y"], equal_nan=True)
    alone = json.loads(to_json(wanted_figure.to_dict()))
    assert set(alone) - set(figure) == {"frames", "at", "weights"}


@given(arrays.arrays(np.float64, some.integers(0, 20), elements=numbers))
def test_curves_have_five_digits(values: Any) -> None:
    found = curve(values)
    known = np.isfinite(values)
    assert np.array_equal(found[~known], values[~known], equal_nan=True)
    # The largest numbers may be rounded beyond them.
    usual = known & (np.abs(values) < 1e308) & (np.abs(values) > 1e-300)
    np.testing.assert_allclose(found[usual], values[usual], rtol=5.1e-5)
    assert all(f"{value!r}" == repr(float(f"{value:.4e}")) for value in found.tolist())


FRAMES = Frames(
    ("a",), np.array([0, 10, 100]), np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), at=1
)


def test_a_step_of_the_cursor() -> None:
    assert FRAMES.place(None) == 1
    assert FRAMES.place(100) == 2
    with pytest.raises(UsageError, match=r"Given: 80. The nearest is 100; run.figure\(kind, step"):
        FRAMES.place(80)
