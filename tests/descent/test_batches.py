"""The oracle is counting: every row once an epoch, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.descent.batches import Batches

SIZES = st.integers(1, 40).flatmap(lambda rows: st.tuples(st.just(rows), st.integers(1, rows)))


@given(SIZES, st.integers(0, 5))
def test_every_row_is_used_once_an_epoch(sizes: tuple[int, int], seed: int) -> None:
    rows, size = sizes
    # As many steps as it takes until an epoch and a batch end together.
    steps = rows * 3
    stream = Batches(rows, size, seed).take(0, steps).ravel()
    for epoch in range(3 * size):
        once = np.sort(stream[epoch * rows : (epoch + 1) * rows])
        np.testing.assert_array_equal(once, np.arange(rows), err_msg=f"epoch {epoch}")


@given(SIZES, st.integers(0, 100), st.integers(1, 20))
def test_any_range_is_a_part_of_the_whole(sizes: tuple[int, int], first: int, length: int) -> None:
    batches = Batches(*sizes, seed=3)
    whole = batches.take(0, first + length)
    np.testing.assert_array_equal(batches.take(first, length), whole[first:])
    assert whole.shape == (first + length, sizes[1])


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    first, second = Batches(100, 100, seed=0).take(0, 2)
    other = Batches(100, 100, seed=1).take(0, 1)[0]
    assert not np.array_equal(first, second), "two epochs in the same order"
    assert not np.array_equal(first, other), "two seeds in the same order"
    assert not np.array_equal(first, np.arange(100)), "not shuffled"
    np.testing.assert_array_equal(first, Batches(100, 100, seed=0).take(0, 1)[0])


@pytest.mark.parametrize(
    ("rows", "size", "steps"), [(10, 5, 2), (10, 3, 4), (10, 10, 1), (7, 1, 7)]
)
def test_steps_in_an_epoch(rows: int, size: int, steps: int) -> None:
    assert Batches(rows, size, 0).per_epoch == steps
