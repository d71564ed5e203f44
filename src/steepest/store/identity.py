"""What a run is called in the store, and which process writes it."""

from __future__ import annotations

import os
import platform
import secrets
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, in the order of ASCII, without letters that look like digits."""

FRESH: Final = 60.0
"""Seconds without a sign of life after which a process on another host counts as gone."""

BEAT: Final = 10.0
"""Seconds between signs of life."""


def new_id(now: datetime) -> str:
    """Date, time of day and four random digits, so that names sort by time: `261121-04kzm7qa`."""
    second = now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
    tick = int(second / 86400 * 32**4)
    return f"{now:%y%m%d}-{_base32(tick)}{_base32(secrets.randbelow(32**4))}"


def _base32(value: int) -> str:
    return "".join(_DIGITS[value >> shift & 31] for shift in (15, 10, 5, 0))


@dataclass(frozen=True)
class Process:
    """One process, so that no later one with the same number is taken for it."""

    host: str
    """The machine, since when it runs, and whose numbers its processes have."""
    number: int
    began: str
    """Empty where the platform does not say."""

    def is_alive(self, silent: float) -> bool:
        """Whether it still runs; `silent` is how many seconds ago it last wrote.

        On this machine the platform is asked; of another machine only the silence is known.
        """
        if self.host != _host() or sys.platform == "win32":
            return silent < FRESH
        if self.began:
            return _began(self.number) == self.began
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


def this_process() -> Process:
    """The process that asks."""
    return Process(_host(), os.getpid(), _began(os.getpid()))


@cache
def _host() -> str:
    marks = [platform.node()]
    try:
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        pass  # no Linux
    return " ".join(marks)


def _began(number: int) -> str:
    try:
        text = Path(f"/proc/{number}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # The name of the program stands in parentheses and may hold anything; the 3rd field follows.
    fields = text.rpartition(")")[2].split()
    # A zombie has ended; only its parent has not noticed yet.
    return "" if fields[0] == "Z" else fields[19]
