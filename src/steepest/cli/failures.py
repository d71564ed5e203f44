"""What a user sees when something is wrong: one sentence on standard error, and an exit code."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

import click

from steepest.cli.help import Command, Context
from steepest.jobs.ending import is_told
from steepest.methods.elsewhere import COMMAND_WORDS, EXTRA_WORDS, OPTION_WORDS
from steepest.words.errors import FormulaError, LostProcessError, SteepestError, UsageError
from steepest.words.wording import pathname
from steepest.words.wrapping import wrapped

INTERRUPTED = 130
TERMINATED = 143

_JSON: Final = "steepest.json"
"""Where a context keeps whether --json was typed."""

# Words of what was typed that are longer than 200 characters; their two ends are shown.
_ENDLESS = re.compile(r"(\S{100})\S{51,}(\S{50})")

_PIPED = 80
"""Columns of a formula with its caret where no terminal says how many it has."""


class Commands(click.Group):
    """A group that turns errors into messages, and offers the nearest command."""

    context_class = Context
    command_class = Command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **more: Any,
    ) -> click.Context:
        """Read the options of the group itself."""
        asked = _asks_for_json(args) if parent is None else parent.meta[_JSON]
        try:
            context = super().make_context(info_name, args, parent, **more)
        except click.UsageError as error:
            _tell_usage(error, asked and parent is None)
            raise _fitted(error) from error
        context.meta[_JSON] = asked
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What is broken off before there is a result ends with 130 or 143."""
        asked = ctx.meta[_JSON]
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _tell_usage(error, asked and ctx.parent is None)
            raise _fitted(error) from error
        except SteepestError as error:
            report(error, sys.stderr)
            tell(error, ctx)
            if isinstance(error, LostProcessError):
                _end_at_once(error.exit_code)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as error:
            said = str(error) or "Interrupted before anything was done."
            click.echo(said, err=True)
            tell(_InterruptionError(said), ctx)
            ctx.exit(code_of_interruption())
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # Its traceback says more. A program learns at least that there is no result.
            tell(_FaultError("Steepest is at fault.", given=type(error).__name__), ctx)
            raise

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


def _end_at_once(code: int) -> NoReturn:
    """Without what JAX does at the end: it would wait for the process that is gone, or abort."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


class _InterruptionError(SteepestError):
    """Broken off before there was a result."""

    kind = "interrupted"

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """130, or 143 where the system ended it."""
        return code_of_interruption()


class _FaultError(SteepestError):
    """What must not happen."""

    kind = "internal"


def _asks_for_json(args: Sequence[str]) -> bool:
    """Whether an answer is to be JSON, as far as that can be seen of a line that is at fault."""
    return not {"--json", "-json"}.isdisjoint(takewhile("--".__ne__, args))


def tell(error: SteepestError, ctx: click.Context) -> None:
    """With --json: the document in place of a result. `ctx` is that of the command or its group."""
    if ctx.meta[_JSON]:
        path = " ".join([ctx.command_path, *filter(None, [ctx.invoked_subcommand])])
        _write_refusal(error, path.partition(" ")[2] or None)


def _tell_usage(error: click.UsageError, asked: bool) -> None:
    if asked and not isinstance(error, click.exceptions.NoArgsIsHelpError):
        said, hint = " ".join(_said(error).split()), _hint(error)
        said += "." if hint.startswith(".") else ""
        refusal = UsageError(said, instead=hint.lstrip(". ") or None)
        path = "" if error.ctx is None else error.ctx.command_path
        _write_refusal(refusal, path.partition(" ")[2] or None)


def _write_refusal(error: SteepestError, command: str | None) -> None:
    from steepest import __version__
    from steepest.cli.output import write_text

    found = {"steepest": __version__, "command": command, "error": error.to_dict()}
    write_text(json.dumps(found) + "\n", encoding="utf-8")


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
    text = _ENDLESS.sub(r"\1...\2", _said(error) + _hint(error))
    lines = _wrapped(text, columns, ascii_only)
    return click.UsageError("\n".join(lines).removeprefix("Error: "), error.ctx)


def _said(error: click.UsageError) -> str:
    """Click's message, without the nearest options: a hint names the one that is meant."""
    if isinstance(error, click.NoSuchOption):
        return click.NoSuchOption(error.option_name, ctx=error.ctx).format_message()
    return error.format_message()


def _hint(error: click.UsageError) -> str:
    """What is meant by a word of another program, as a sentence behind the message."""
    if isinstance(error, click.NoSuchOption):
        meant = OPTION_WORDS.get(error.option_name.lstrip("-").replace("_", "-").lower())
        near = difflib.get_close_matches(error.option_name, error.possibilities or (), n=1)
        guess = f" Did you mean {near[0]}?" if near else ""
        return guess if meant is None else f" {meant}."
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
