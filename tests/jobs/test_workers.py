"""Work beside the event loop: bounded, stopped when nobody waits for it, and in turn."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.lab.conftest import in_a_loop

from steepest.jobs.workers import (
    BusyError,
    Stopped,
    SupersededError,
    TooLongError,
    Turns,
    Workers,
)
from steepest.lab.kept import Kept


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    in_a_loop(asyncio.wait_for(work(), 30))


class Loop:
    """Work that goes on until it is stopped, and says so."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            self.ended.set()


def test_what_is_being_imported_is_imported_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a package that was broken off parts would stay, and the next import find half of it."""
    (tmp_path / "imported_slowly.py").write_text(
        "import time\nbegun = True\nfor _ in range(100):\n    time.sleep(0.005)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    loop = Loop()

    def importing() -> None:
        importlib.import_module("imported_slowly")
        loop()

    async def work() -> None:
        workers = Workers(1)
        with pytest.raises(TooLongError):
            await workers.run(importing, 0.1)
        await workers.end(20)

    run(work)
    assert not loop.begun.is_set() or loop.ended.is_set(), "it was never stopped"
    found = sys.modules.pop("imported_slowly", None)
    assert found is not None, "the import was broken off"
    assert found.whole


def test_an_answer_comes_back() -> None:
    async def work() -> None:
        assert await Workers(1).run(lambda: 6 * 7, 5) == 42

    run(work)


def test_an_error_comes_back() -> None:
    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            await Workers(1).run(lambda: 1 / 0, 5)

    run(work)


def test_work_over_its_budget_ends() -> None:
    async def work() -> None:
        loop, workers = Loop(), Workers(1)
        with pytest.raises(TooLongError):
            await workers.run(loop, 0.05)
        assert await asyncio.to_thread(loop.ended.wait, 5)
        # Its thread is free again.
        assert await workers.run(lambda: "next", 5) == "next"

    run(work)


def test_what_others_take_from_the_machine_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hardly gets to run has four times as long, and no more."""
    began = time.process_time()
    monkeypatch.setattr("steepest.measure.deadline.time.process_time", lambda: began)

    async def work() -> None:
        await Workers(1).run(lambda: time.sleep(0.6), 0.5)
        loop = Loop()
        with pytest.raises(TooLongError):
            await Workers(1).run(loop, 0.05)
        assert await asyncio.to_thread(loop.ended.wait, 5)

    run(work)


def test_work_that_swallows_everything_is_stopped_again() -> None:
    swallowed = []

    def stubborn() -> str:
        while True:
            try:
                while True:
                    time.sleep(0.001)
            except Stopped:
                swallowed.append(1)
                if len(swallowed) == 2:
                    raise

    async def work() -> None:
        workers = Workers(1)
        with pytest.raises(TooLongError):
            await workers.run(stubborn, 0.05)
        assert await workers.run(lambda: "next", 5) == "next"
        assert len(swallowed) == 2

    run(work)


def test_work_that_nobody_waits_for_ends() -> None:
    async def work() -> None:
        loop, workers = Loop(), Workers(1)
        waiting = asyncio.create_task(workers.run(loop, 20))
        await asyncio.to_thread(loop.begun.wait, 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(loop.ended.wait, 5)
        assert await workers.run(lambda: "next", 5) == "next"

    run(work)


def test_no_more_at_once_than_there_are_threads() -> None:
    most, now, lock = [0], [0], threading.Lock()

    def job() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    async def work() -> None:
        workers = Workers(3)
        await asyncio.gather(*(workers.run(job, 5) for _ in range(30)))

    run(work)
    assert most[0] == 3


def test_too_many_that_wait_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.jobs.workers.MOST_WAITING", 2)

    async def work() -> None:
        loop, workers = Loop(), Workers(1)
        first = asyncio.create_task(workers.run(loop, 20))
        await asyncio.to_thread(loop.begun.wait, 5)
        others = [asyncio.create_task(workers.run(lambda: 1, 5)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(BusyError):
            await workers.run(lambda: 1, 5)
        first.cancel()
        assert await asyncio.gather(*others) == [1, 1]

    run(work)


def test_who_waits_too_long_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.jobs.workers.WAITING_SECONDS", 0.05)

    async def work() -> None:
        loop, workers = Loop(), Workers(1)
        first = asyncio.create_task(workers.run(loop, 20))
        await asyncio.to_thread(loop.begun.wait, 5)
        with pytest.raises(BusyError):
            await workers.run(lambda: 1, 5)
        first.cancel()
        await asyncio.to_thread(loop.ended.wait, 5)
        assert await workers.run(lambda: 1, 5) == 1

    run(work)


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "waiting"])
def test_a_later_turn_ends_the_earlier_one(is_running: bool) -> None:
    async def work() -> None:
        workers, turns, loop = Workers(1), Turns(), Loop()
        blocking = Loop()
        if not is_running:
            block = asyncio.create_task(workers.run(blocking, 20))
            await asyncio.to_thread(blocking.begun.wait, 5)
        first = asyncio.create_task(workers.run(loop, 20, turns.take("tab", "/x", 1)))
        if is_running:
            await asyncio.to_thread(loop.begun.wait, 5)
        else:
            await asyncio.sleep(0.02)
        later = asyncio.create_task(workers.run(lambda: "new", 5, turns.take("tab", "/x", 2)))
        with pytest.raises(SupersededError):
            await first
        if not is_running:
            block.cancel()
        assert await later == "new"
        assert loop.begun.is_set() is is_running

    run(work)


def test_turns_of_other_tabs_and_paths_are_others() -> None:
    async def work() -> None:
        turns = Turns()
        first = turns.take("one", "/x", 1)
        others = [turns.take("two", "/x", 1), turns.take("one", "/y", 1)]
        assert not first.done()
        with pytest.raises(SupersededError):
            turns.take("one", "/x", 1)
        assert not any(other.done() for other in others)
        turns.take("one", "/x", 5)
        assert first.done()

    run(work)


def test_all_work_ends_with_the_lab() -> None:
    async def work() -> None:
        workers, loops = Workers(4), [Loop() for _ in range(3)]
        tasks = [asyncio.create_task(workers.run(loop, 20)) for loop in loops]
        for loop in loops:
            await asyncio.to_thread(loop.begun.wait, 5)
        await workers.end(5)
        assert all(loop.ended.is_set() for loop in loops)
        await asyncio.gather(*tasks, return_exceptions=True)

    run(work)


# Kept


def test_what_is_kept_is_made_once_whoever_asks() -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        time.sleep(0.05)
        return "value"

    kept: Kept[str, str] = Kept(2)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(kept.get("key", make))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["value"] * 8
    assert made == [1]


def test_the_one_not_asked_for_longest_goes_first() -> None:
    kept: Kept[str, str] = Kept(2)
    for name in ("a", "b", "a", "c"):
        kept.get(name, lambda: "x")
    assert ("a" in kept, "b" in kept, "c" in kept) == (True, False, True)


def test_what_failed_is_tried_again() -> None:
    kept: Kept[str, str] = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: str(1 / 0))
    assert "a" not in kept
    assert kept.get("a", lambda: "now") == "now"
