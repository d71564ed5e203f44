"""Where a descent starts that was not told where."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit, prepare_minimize

X = np.linspace(0, 10, 30)
COLUMNS = {"x": X, "y": 3 * np.log(X + 2)}


@pytest.mark.parametrize("seed", range(12))
def test_a_start_is_drawn_where_the_model_is_a_number(seed: int) -> None:
    first = np.random.default_rng(seed).normal(size=2)
    setup = prepare_fit(COLUMNS, "y ~ a*log(x + b)", Options(seed=seed))
    assert setup.start[1] > 0
    assert bool((setup.start == first).all()) == (first[1] > 0), "the first that will do"


def test_what_is_given_stays_as_it_is() -> None:
    first = np.random.default_rng(0).normal(size=2)
    given = prepare_fit(COLUMNS, "y ~ a*log(x + b)", Options(start={"b": -1.0}))
    assert given.start.tolist() == [first[0], -1.0]
    whole = prepare_minimize("log(x)", Options(start={"x": -1.0}))
    assert whole.start.tolist() == [-1.0]


def test_a_linear_model_takes_the_first_draw() -> None:
    drawn = prepare_fit(COLUMNS, "y ~ a*x + b", Options(seed=3))
    assert drawn.start.tolist() == np.random.default_rng(3).normal(size=2).tolist()
