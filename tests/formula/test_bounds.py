"""The text of `--bounds`."""

import math

import pytest

from steepest.formula.assignments import parse_bounds
from steepest.words.errors import FormulaError

inf = math.inf


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        pytest.param("b=0:", {"b": (0.0, inf)}, id="below"),
        pytest.param("b=:0", {"b": (-inf, 0.0)}, id="above"),
        pytest.param("b=0:,c=-1:1", {"b": (0.0, inf), "c": (-1.0, 1.0)}, id="two"),
        pytest.param(" b = -1e-3 : .5 ", {"b": (-0.001, 0.5)}, id="blanks"),
    ],
)
def test_bounds(text: str, bounds: dict[str, tuple[float, float]]) -> None:
    assert parse_bounds(text) == bounds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "name=low:high", id="empty"),
        pytest.param("b", "name=low:high", id="name only"),
        pytest.param("b=1", "name=low:high", id="no colon"),
        pytest.param("b=:", "name=low:high", id="no side"),
        pytest.param("=0:1", "name=low:high", id="no name"),
        pytest.param("b=0:1,", "name=low:high", id="comma at the end"),
        pytest.param("b=0:1,b=0:2", "given twice", id="twice"),
        pytest.param("b=1:0", "below", id="turned round"),
        pytest.param("b=1:1", "below", id="no room"),
        pytest.param("b=x:1", "not a number", id="text"),
        pytest.param("b=nan:1", "not a number", id="nan"),
        pytest.param("b=0:1e400", "too large", id="too large"),
        pytest.param("b c=0:1", "not the name of a weight", id="no name of a weight"),
    ],
)
def test_what_is_no_bounds(text: str, told: str) -> None:
    with pytest.raises(FormulaError, match=told):
        parse_bounds(text)
