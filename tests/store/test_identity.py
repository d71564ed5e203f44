"""Names that sort by time, and processes that are told apart."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from steepest.store.identity import FRESH, Process, new_id, this_process


def test_ids_sort_by_time_and_differ() -> None:
    begin = datetime(2026, 11, 21, 23, 59, 50)
    times = [begin + timedelta(milliseconds=200 * i) for i in range(100)]
    ids = [new_id(time) for time in times]
    assert ids == sorted(ids)
    assert len({new_id(begin) for _ in range(50)}) > 45
    assert ids[0].startswith("261121-")
    assert {len(name) for name in ids} == {15}


def test_this_process_is_alive() -> None:
    assert this_process().is_alive(silent=0)
    # However long it was silent: the platform is asked.
    assert this_process().is_alive(silent=1e9)


def sleeper() -> tuple[subprocess.Popen[bytes], Process]:
    code = (
        "from steepest.store.identity import this_process as t; p = t()\n"
        "print(p.number, p.began, flush=True); import time; time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    number, began = child.stdout.readline().split()
    return child, Process(this_process().host, int(number), began.decode())


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_a_killed_process_is_gone_at_once_even_before_its_parent_noticed() -> None:
    child, process = sleeper()
    assert process.is_alive(silent=0)
    # A later process may get the same number.
    assert not replace(process, began="1").is_alive(silent=0)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_alive(silent=0)
    child.communicate()
    assert not process.is_alive(silent=0)


@pytest.mark.skipif(sys.platform == "win32", reason="there the silence decides")
def test_where_the_platform_does_not_say_since_when() -> None:
    assert replace(this_process(), began="").is_alive(silent=1e9)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not Process(this_process().host, child.pid, "").is_alive(silent=0)


def test_of_another_host_only_its_silence_is_known() -> None:
    elsewhere = replace(this_process(), host="another")
    assert elsewhere.is_alive(silent=FRESH / 2)
    assert not elsewhere.is_alive(silent=FRESH * 2)
