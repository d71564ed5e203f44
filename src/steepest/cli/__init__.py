"""The command `steepest`. Thin: it reads the command line, asks the jobs, and shows the answer.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

from steepest.cli.commands import steepest
from steepest.cli.streams import open_closed_streams


def main() -> None:
    """Run the command line of this process; ends with one of the contract's exit codes."""
    from steepest.jobs.ending import end_when_told

    open_closed_streams()
    end_when_told()
    steepest(prog_name="steepest")


__all__ = ["main", "steepest"]
