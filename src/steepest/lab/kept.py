"""What is kept in memory: the latest so many, each made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

WAIT_SECONDS: Final = 0.05
"""Between two looks at whether another thread has made it: waiting can be stopped there."""


@dataclass
class _Place(Generic[V]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: list[V] = field(default_factory=list)


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
        while not place.lock.acquire(timeout=WAIT_SECONDS):
            pass
        try:
            if not place.made:
                place.made.append(make())
            return place.made[0]
        finally:
            place.lock.release()
