"""The command `steepest`. Thin: it reads the command line, asks the jobs, and shows the answer.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

import gc

from steepest.cli.commands import steepest
from steepest.cli.streams import open_closed_streams

OBJECTS = 100_000
"""New ones after which the garbage collector looks. What is imported and traced is some 170,000
that stay, and looking through them after every 700 took a twelfth of a fit."""


def main() -> None:
    """Run the command line of this process; ends with one of the contract's exit codes."""
    from steepest.jobs.ending import end_when_told

    gc.set_threshold(OBJECTS)
    open_closed_streams()
    end_when_told()
    steepest(prog_name="steepest")


__all__ = ["main", "steepest"]
