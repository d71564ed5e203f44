"""The oracle is gradient descent on the quadratic itself, step by step in numpy."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from steepest.objective.quadratic import (
    FAR,
    Modes,
    best_rate,
    excess,
    modes_of,
    steps_of,
    steps_to,
)
from steepest.records.arrays import Vector

MOST = 150


def walked(eigenvalues: Vector, offset: Vector, lr: float, steps: int) -> Vector:
    """Loss above the floor at steps 0 to `steps`, each from the one before."""
    place = np.array(offset, dtype=np.float64)
    losses = []
    # What grows may overflow; where there is no curvature it adds nothing all the same.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps + 1):
            losses.append(np.sum(0.5 * eigenvalues * place**2, where=eigenvalues > 0))
            place = place - lr * eigenvalues * place
    return np.nan_to_num(np.array(losses), nan=np.inf)


def modes_from(eigenvalues: Vector, floor: float = 0.0) -> Modes:
    values = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    return Modes(values, np.eye(len(values)), floor)


def first_at_most(losses: Vector, allowed: float) -> int | None:
    at = np.flatnonzero(losses <= allowed)
    return int(at[0]) if len(at) else None


SPECTRA = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-4, 10.0), st.sampled_from([1.0, 0.5, 1e-6])),
    min_size=1,
    max_size=5,
).map(lambda values: np.sort(values)[::-1])
OFFSETS = st.lists(st.one_of(st.just(0.0), st.floats(-10, 10)), min_size=5, max_size=5).map(
    np.array
)
RATES = st.one_of(st.floats(1e-3, 1.0), st.sampled_from([2.0, 1.0, 0.5, 0.2, 4.0]))


@given(SPECTRA, OFFSETS, RATES, st.integers(0, 30))
def test_excess_is_the_loss_of_the_walk(
    eigenvalues: Vector, offsets: Vector, lr: float, steps: int
) -> None:
    offset = offsets[: len(eigenvalues)]
    wanted = walked(eigenvalues, offset, lr, steps)[-1]
    found = excess(modes_from(eigenvalues), offset, lr, steps)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-200)


@given(SPECTRA, OFFSETS, RATES, st.floats(1e-6, 2.0))
# A mode next to nothing grows, so slowly beside the others that its tangent meets the goal nowhere.
@example(np.array([2.0, 1.0]), np.array([4.4141899253898073e-157, 1.0, 0.0, 0.0, 0.0]), 2.0, 0.5)
def test_steps_to_is_the_first_step_of_the_walk(
    eigenvalues: Vector, offsets: Vector, lr: float, share: float
) -> None:
    """Rates above the limit, eigenvalues of zero and bouncing modes are among them."""
    offset = offsets[: len(eigenvalues)]
    losses = walked(eigenvalues, offset, lr, MOST)
    assume(losses[0] > 1e-100)
    allowed = share * losses[0]
    # What rounding decides is not asked.
    assume(np.min(np.abs(losses - allowed)) > 1e-7 * allowed)
    found = steps_to(modes_from(eigenvalues), offset, lr, allowed)
    wanted = first_at_most(losses, allowed)
    if wanted is None:
        assert found is None or found > MOST, f"says {found}, but the walk never got there"
    else:
        assert found == wanted


@pytest.mark.parametrize(
    ("eigenvalues", "offset", "lr", "goal", "wanted"),
    [
        ([1.0], [2.0], 0.5, 10.0, 0),
        ([1.0], [2.0], 0.5, 2.0, 0),
        ([1.0], [2.0], 0.5, 1.999, 1),
        ([1.0], [2.0], 0.5, 0.1251, 2),
        ([1.0], [2.0], 1.0, 0.0, 1),
        ([1.0], [2.0], 2.0, 1.0, None),
        ([1.0], [2.0], 2.1, 1.0, None),
        ([1.0], [2.0], 2.1, 2.0, 0),
        ([0.0], [2.0], 0.5, 0.0, 0),
        ([1.0, 0.0], [2.0, 5.0], 1.0, 0.0, 1),
        # Falls in the flat mode while it grows in the steep one, and is below for a while only.
        ([1.0, 0.1], [1e-6, 10.0], 2.1, 1.0, 4),
        ([1.0, 0.1], [1e-6, 10.0], 2.1, 1e-9, None),
    ],
    ids=[
        "already-there",
        "exactly-there",
        "just-above",
        "just-below-a-step",
        "one-step-to-the-minimum",
        "bounces",
        "grows",
        "grows-but-met-at-start",
        "no-curvature",
        "flat-direction-does-not-count",
        "passes-on-its-way-out",
        "misses-on-its-way-out",
    ],
)
def test_steps_to(
    eigenvalues: list[float], offset: list[float], lr: float, goal: float, wanted: int | None
) -> None:
    assert steps_to(modes_from(np.array(eigenvalues)), np.array(offset), lr, goal) == wanted


def test_goal_below_the_floor_is_never_reached() -> None:
    modes = modes_from(np.array([1.0]), floor=3.0)
    assert steps_to(modes, np.ones(1), 0.5, 2.9) is None
    assert steps_of(modes, np.ones(1), np.array([0.5, 1.0]), 2.9) == [None, None]
    assert steps_to(modes, np.ones(1), 0.5, 3.5) == 0


@pytest.mark.parametrize("steps", [10**6, 10**9, 10**12])
def test_many_steps_are_counted_by_their_logarithm(steps: int) -> None:
    """From 1 to just what is left after so many steps at a rate of 1e-3."""
    eigenvalue = 10.0 / steps
    lr = 1.0
    allowed = 0.5 * eigenvalue * np.exp(2 * (steps - 0.5) * np.log1p(-lr * eigenvalue))
    found = steps_to(modes_from(np.array([eigenvalue])), np.ones(1), lr, float(allowed))
    assert found == pytest.approx(steps, rel=1e-3)


def test_what_takes_longer_than_far_is_never() -> None:
    assert steps_to(modes_from(np.array([1e-14])), np.ones(1), 1e-3, 1e-30) is None
    assert FAR == 10**15


@given(SPECTRA, OFFSETS, st.floats(1e-4, 1.0), st.lists(st.floats(0.01, 2.0), min_size=1))
def test_steps_of_many_are_those_of_each(
    eigenvalues: Vector, offsets: Vector, share: float, of_limit: list[float]
) -> None:
    assume(eigenvalues[0] > 1e-5)
    offset = offsets[: len(eigenvalues)]
    modes = modes_from(eigenvalues)
    goal = share * 0.5 * float(np.sum(eigenvalues * offset**2))
    rates = np.array(of_limit) * 2 / eigenvalues[0]
    one_by_one = [steps_to(modes, offset, float(lr), goal) for lr in rates]
    assert steps_of(modes, offset, rates, goal) == one_by_one


@pytest.mark.parametrize("seed", range(3))
def test_many_modes_of_all_sizes(seed: int) -> None:
    """Sizes over twelve decades, where each slower one takes over from the one before."""
    draw = np.random.default_rng(seed)
    eigenvalues = np.sort(10.0 ** draw.uniform(-12, 0, 60))[::-1]
    offset = draw.normal(size=60) / np.sqrt(eigenvalues)
    modes = modes_from(eigenvalues)
    for share in (0.9, 0.5, 0.1, 1e-3):
        allowed = share * float(excess(modes, offset, 1.9, 0))
        found = steps_to(modes, offset, 1.9, allowed)
        assert found is not None
        assert excess(modes, offset, 1.9, found) <= allowed * (1 + 1e-9)
        assert excess(modes, offset, 1.9, found - 1) > allowed * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_no_rate_on_a_fine_grid_beats_the_best_one(seed: int) -> None:
    draw = np.random.default_rng(seed)
    size = int(draw.integers(1, 5))
    eigenvalues = np.sort(10.0 ** draw.uniform(-2, 1, size))[::-1]
    offset = draw.normal(size=size)
    goal = 10.0 ** draw.uniform(-4, -1) * 0.5 * float(np.sum(eigenvalues * offset**2))
    best = best_rate(modes_from(eigenvalues), offset, goal)
    assert best is not None
    rate, steps = best
    losses = walked(eigenvalues, offset, rate, steps)
    assert losses[-1] <= goal * (1 + 1e-9), "the walk is not there yet"
    assert steps == 0 or losses[-2] > goal * (1 - 1e-9), "the walk was there before"

    grid = np.linspace(0, 2 / eigenvalues[0], 4001)[1:-1]
    factor = (1 - grid[:, None] * eigenvalues) ** 2
    place = np.tile(0.5 * eigenvalues * offset**2, (len(grid), 1))
    for sooner in range(steps):
        lowest = float(np.min(place.sum(axis=1)))
        assert lowest > goal * (1 - 1e-9), f"a rate of the grid is there after {sooner} steps"
        place = place * factor


def test_best_rate_of_one_mode_gets_there_at_once() -> None:
    best = best_rate(modes_from(np.array([4.0])), np.ones(1), 1e-3)
    assert best is not None
    assert best[1] == 1
    assert best[0] == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize(
    ("eigenvalues", "goal"),
    [([], 1.0), ([0.0], 1.0), ([1.0], -1.0)],
    ids=["no-modes", "no-curvature", "goal-below-the-floor"],
)
def test_no_best_rate(eigenvalues: list[float], goal: float) -> None:
    modes = Modes(np.array(eigenvalues), np.eye(len(eigenvalues)), 0.0)
    assert best_rate(modes, np.ones(len(eigenvalues)), goal) is None


def test_modes_keep_the_digits_of_small_eigenvalues() -> None:
    """1e-20 beside 1: its square root is what the decomposition sees."""
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    wanted = np.array([1.0, 1e-10, 1e-20])
    modes = modes_of(np.diag(np.sqrt(wanted)) @ turned.T, 7.0)
    np.testing.assert_allclose(modes.eigenvalues, wanted, rtol=1e-5)
    np.testing.assert_allclose(np.abs(modes.vectors.T @ turned), np.eye(3), atol=1e-10)
    assert modes.floor == 7.0
