"""What is kept in memory, asked for by many threads, some of which are stopped at any moment."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import count

from steepest.jobs.workers import Stopped, _raise_in
from steepest.lab.kept import Kept


def test_each_is_made_once_and_the_oldest_goes() -> None:
    kept: Kept[int, int] = Kept(2)
    made: list[int] = []

    def make() -> int:
        time.sleep(0.02)
        made.append(1)
        return len(made)

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get(1, make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, made) == ([1] * 8, [1])
    for key in (2, 3):
        kept.get(key, lambda: 0)
    assert (1 in kept, 3 in kept, len(kept)) == (False, True, 2)


def test_whoever_is_stopped_leaves_it_to_the_next() -> None:
    """Wherever that is: while it is taken, made, or given back."""
    for attempt in range(100):
        kept: Kept[int, int] = Kept(2)
        begun = threading.Event()

        def ask(kept: Kept[int, int] = kept, begun: threading.Event = begun) -> None:
            with suppress(Stopped):
                begun.set()
                for number in count():
                    kept.get(number % 3, lambda: 1)

        thread = threading.Thread(target=ask)
        thread.start()
        begun.wait()
        time.sleep(attempt * 2e-6)
        _raise_in(thread, Stopped)
        thread.join()
        for key in range(3):
            done = threading.Event()
            asker = threading.Thread(
                target=lambda key=key, done=done, kept=kept: (kept.get(key, lambda: 1), done.set()),
                daemon=True,
            )
            asker.start()
            assert done.wait(10), f"attempt {attempt}: nobody gets what a stopped thread had taken"
