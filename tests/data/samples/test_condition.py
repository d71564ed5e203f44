"""Which rows fulfil a condition."""

import numpy as np
import pytest

from steepest.data.table.condition import rows_where
from steepest.data.table.source import read_table
from steepest.words.errors import FormulaError, InputError

X = np.array([0.0, 1.0, np.nan, 3.0, np.inf])
Y = np.array([1.0, np.nan, 1.0, 1.0, 1.0])
TABLE = read_table({"x": X, "y": Y, "word": list("abcde")})

CASES = {
    "a comparison": ("x >= 1", [1, 3]),
    "a missing value fulfils nothing": ("not (x > 2)", [0, 1]),
    "nor does one beside it": ("x >= 0 or y > 0", [0, 3]),
}


@pytest.mark.parametrize(("text", "rows"), CASES.values(), ids=CASES)
def test_rows(text: str, rows: list[int]) -> None:
    fulfilled = rows_where(TABLE, text)
    assert fulfilled.dtype == bool
    assert np.flatnonzero(fulfilled).tolist() == rows


def test_what_is_no_condition() -> None:
    for text in ("x + 1", "1 < 2"):
        with pytest.raises(FormulaError):
            rows_where(TABLE, text)
    with pytest.raises(InputError, match='"word"'):
        rows_where(TABLE, "word > 1")
