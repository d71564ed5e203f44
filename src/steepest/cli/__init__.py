"""The command `steepest`. Thin: it reads the command line, asks the jobs, and shows the answer.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

from steepest.cli.commands import steepest


def main() -> None:
    """Run the command line of this process; ends with one of the contract's exit codes."""
    steepest(prog_name="steepest")


__all__ = ["main", "steepest"]
