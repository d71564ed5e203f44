"""From which step on a descent stays at its goal: against the definition, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.descent.arrival import LEAST_STAY, follow, round_steps, stays_until


def by_definition(within: np.ndarray) -> tuple[int | None, int | None]:
    """The last unbroken stretch, and the first that is long enough."""
    since: int | None = None
    stays: int | None = None
    for step, inside in enumerate(within):
        since = (step if since is None else since) if inside else None
        if stays is None and since is not None and step >= stays_until(since):
            stays = since
    return since, stays


@pytest.mark.parametrize("seed", range(40))
def test_a_stay_is_found_whatever_the_chunks(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, draw.choice([3, 15, 40, 400]), size=draw.integers(1, 30))
    first = bool(draw.integers(2))
    within = np.concatenate(
        [np.full(length, first ^ bool(place % 2)) for place, length in enumerate(lengths)]
    )
    cuts = np.unique(draw.integers(0, len(within), size=6))
    since: int | None = None
    stays: int | None = None
    for chunk in np.split(np.arange(len(within)), cuts):
        if len(chunk):
            since, found = follow(int(chunk[0]), within[chunk], since)
            stays = found if stays is None else stays
    assert (since, stays) == by_definition(within)


def test_a_stay_is_a_tenth_longer_than_the_command() -> None:
    for step in (0, 1, 7, 99, 100, 1000, 12_345, 1_971_722):
        typed = round_steps(step)
        assert step < typed <= 1.02 * step + 1
        assert stays_until(step) - typed >= max(LEAST_STAY, typed / 10)
