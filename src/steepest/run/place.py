"""Where runs are kept: a store, or the path of one."""

from __future__ import annotations

import os

from steepest.store.store import Store

Place = str | os.PathLike[str] | Store | None
"""A store, or the path of one; None is the default store."""


def store_at(place: Place) -> Store:
    """The store that is meant."""
    return place if isinstance(place, Store) else Store(place)
