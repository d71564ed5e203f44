"""What is kept in memory: the latest so many, each made once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

WAIT_SECONDS: Final = 0.01
"""Between two looks at whether another thread has made it: waiting can be stopped there."""


@dataclass
class _Place(Generic[V]):
    """No lock: a thread that is stopped between taking one and saying so would keep it for ever."""

    made: list[V] = field(default_factory=list)
    maker: threading.Thread | None = None
    """Who makes it, while that thread lives."""


class Kept(Generic[K, V]):
    """Values by key, at most so many: the one that was not asked for longest goes first.

    For any number of threads. Who asks for what another thread is making waits for it; where
    making fails, the next one tries again.
    """

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[K, _Place[V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: K) -> bool:
        """Whether the value is there."""
        with self._lock:
            return key in self._places and bool(self._places[key].made)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value, made if it is not there."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        while not self._is_mine(place):
            time.sleep(WAIT_SECONDS)
        if not place.made:
            try:
                place.made.append(make())
            finally:
                place.maker = None
        return place.made[0]

    def _is_mine(self, place: _Place[V]) -> bool:
        """Whether it is made, or this thread is to make it."""
        with self._lock:
            if not place.made and place.maker is not None and place.maker.is_alive():
                return False
            place.maker = threading.current_thread()
            return True
