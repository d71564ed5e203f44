"""What a user sees when something is wrong: one sentence on standard error, and an exit code."""

from __future__ import annotations

import difflib
import re
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from steepest.cli.help import Command, Context
from steepest.jobs.ending import is_told
from steepest.methods.elsewhere import COMMAND_WORDS, EXTRA_WORDS, OPTION_WORDS
from steepest.words.errors import FormulaError, SteepestError
from steepest.words.wording import pathname
from steepest.words.wrapping import wrapped

INTERRUPTED = 130
TERMINATED = 143

# Words of what was typed that are longer than 200 characters; their two ends are shown.
_ENDLESS = re.compile(r"(\S{100})\S{51,}(\S{50})")

_PIPED = 80
"""Columns of a formula with its caret where no terminal says how many it has."""


class Commands(click.Group):
    """A group that turns errors into messages, and offers the nearest command."""

    context_class = Context
    command_class = Command

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the options of the group itself."""
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise _fitted(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What is broken off before there is a result ends with 130 or 143."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _fitted(error) from error
        except SteepestError as error:
            report(error, sys.stderr)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as error:
            click.echo(str(error) or "Interrupted before anything was done.", err=True)
            ctx.exit(code_of_interruption())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; for one that does not exist, the nearest is offered."""
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        meant = COMMAND_WORDS.get(name.lower().replace("_", "-"))
        if meant is None and Path(name).suffix and not name.startswith("http"):
            meant = f"Write steepest fit {pathname(name, bare=True)} FORMULA."
        if meant is not None:
            raise click.UsageError(f"There is no command {_visible(name)!r}. {meant}", ctx)
        near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"{ctx.command_path} --help lists them."
        raise click.UsageError(f"There is no command {_visible(name)!r}. {hint}", ctx)


def code_of_interruption() -> int:
    """Of what was broken off: by Ctrl-C, or by the system."""
    return TERMINATED if is_told() else INTERRUPTED


def _fitted(error: click.UsageError) -> click.UsageError:
    """The same error with its message wrapped to the terminal, and long words shortened.

    Without an argument there is no error to show: click raises one to print the help.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    columns, ascii_only = _room(sys.stderr)
    hint = _hint(error)
    said = error.format_message()
    if hint and isinstance(error, click.NoSuchOption):
        said = click.NoSuchOption(error.option_name, ctx=error.ctx).format_message()
    text = _ENDLESS.sub(r"\1...\2", said + hint)
    lines = _wrapped(text, columns, ascii_only)
    return click.UsageError("\n".join(lines).removeprefix("Error: "), error.ctx)


def _hint(error: click.UsageError) -> str:
    """What is meant by a word of another program, as a sentence behind the message."""
    if isinstance(error, click.NoSuchOption):
        meant = OPTION_WORDS.get(error.option_name.lstrip("-").replace("_", "-").lower())
        return "" if meant is None else f" {meant}."
    if error.ctx is not None and "unexpected extra argument" in error.message:
        meant = EXTRA_WORDS.get(error.ctx.info_name or "")
        return "" if meant is None else f". {meant}"
    return ""


def report(error: SteepestError, stream: TextIO) -> None:
    """Print the message, wrapped to the terminal; a formula keeps its caret.

    What is no terminal gets the message on one line, as programs and logs look for it.
    """
    columns, ascii_only = _room(stream)
    click.echo("\n".join(lines_of(error, columns, ascii_only)), file=stream)


def note(text: str, stream: TextIO) -> None:
    """Print something to know that is no error, wrapped to the terminal."""
    columns, ascii_only = _room(stream)
    click.echo("\n".join(_wrapped(text, columns, ascii_only, "Note")), file=stream)


def _room(stream: TextIO) -> tuple[int | None, bool]:
    """The columns of a terminal, None for what is none; and whether it has only ASCII."""
    columns = max(20, shutil.get_terminal_size().columns) if stream.isatty() else None
    return columns, "utf" not in (stream.encoding or "utf-8").lower()


def lines_of(error: SteepestError, columns: int | None, ascii_only: bool = False) -> list[str]:
    """The message, wrapped to so many columns, with nothing in it that steers a terminal."""
    if not isinstance(error, FormulaError) or error.column is None:
        return _wrapped(error.message, columns, ascii_only)
    text = error.message.split("\n", 1)[0]
    room = (columns or _PIPED) - 2
    # The place in the formula stands in the middle where the formula is longer than the line.
    first = max(0, min(error.column - room // 2, len(error.formula) - room))
    shown = "".join(
        c if c.isprintable() and (c.isascii() or not ascii_only) else "?"
        for c in error.formula[first : first + room]
    )
    caret = "^" * max(1, min(error.length, room - (error.column - first)))
    return [
        *_wrapped(text, columns, ascii_only),
        f"  {shown}",
        " " * (2 + error.column - first) + caret,
    ]


def _wrapped(message: str, columns: int | None, ascii_only: bool, kind: str = "Error") -> list[str]:
    text = _visible(" ".join(message.splitlines()), ascii_only)
    return wrapped(f"{kind}: {text}", columns, indent=2)


def _visible(text: str, ascii_only: bool = False) -> str:
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return shown.encode("ascii", "backslashreplace").decode("ascii") if ascii_only else shown
