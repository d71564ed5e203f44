"""`explain`: the pages about the checks."""

from __future__ import annotations

import difflib

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown

from steepest.checks import CHECKS, page
from steepest.cli.output import is_terminal, write, write_text
from steepest.show.terminal import Page
from steepest.words.errors import UsageError
from steepest.words.wording import escaped


class _List:
    """The checks by family. A rich renderable."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        text = Page(options.max_width, ascii_only=options.ascii_only)
        family = None
        for check in CHECKS.values():
            if check.family != family:
                family = check.family
                text.heading(family[:1].upper() + family[1:])
            text.say(check.summary, label=(f"  {check.code}", "bold cyan"), indent=9)
        text.blank()
        text.say("steepest explain CODE shows the page about one of them.")
        yield from text.lines


def show_checks() -> None:
    """List the checks."""
    write(_List())


def show_page(code: str) -> None:
    """Show the page about a check: laid out on a terminal, else its Markdown as it is.

    Raises UsageError for a code that no check has.
    """
    known = code.strip().upper()
    if known not in CHECKS:
        raise UsageError(
            "There is no such check.",
            given=f'"{escaped(code)}"',
            instead=f"{_hint(known)}steepest explain lists them.",
        )
    text = page(known)
    if is_terminal():
        write(Markdown(text), wrap=True)
    else:
        write_text(text)


def _hint(code: str) -> str:
    near = difflib.get_close_matches(code, CHECKS, n=1)
    return f"Did you mean {near[0]}? " if near else ""
