"""The end that a system asks for: SIGTERM, as Slurm and Kubernetes send it before they kill."""

from __future__ import annotations

import signal
from typing import Any


class Terminated(KeyboardInterrupt):
    """The system asks this process to end. What was done is kept, as where Ctrl-C is pressed."""


_told: list[int] = []
"""The signal, once it has come."""


def end_when_told() -> None:
    """From now on SIGTERM ends what is computed as Ctrl-C does. Only the first one counts."""
    signal.signal(signal.SIGTERM, _end)


def is_told() -> bool:
    """Whether it has come: then there is little time left."""
    return bool(_told)


def _end(number: int, _: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _told.append(number)
    raise Terminated


def broken_off(error: KeyboardInterrupt, command: str, run: str | None, step: int) -> BaseException:
    """The same error, saying what is kept and how to go on."""
    how = "Ended by SIGTERM" if isinstance(error, Terminated) else "Interrupted"
    if run is None or not step:
        return type(error)(f"{how} before anything was done.")
    return type(error)(
        f"{how}. The run {run} is kept up to step {step:,}; "
        f"steepest {command} --resume {run} goes on with it."
    )
