"""Help texts, with no name, option, value or command broken between two lines."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Collection, Iterable
from typing import Final

import click

from steepest.words.wrapping import wrapped

_WIDEST: Final = 100
"""Columns; longer lines are hard to read, however wide the terminal is."""
_PIPED: Final = 80
"""Columns of what is no terminal, wherever it is made."""
_NARROWEST: Final = 52


class HelpFormatter(click.HelpFormatter):
    """Click's, which breaks within words and at hyphens: it is given lines that are broken."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ):
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED
        fitting = max(_NARROWEST, min(columns, max_width or _WIDEST)) - 2
        super().__init__(indent_increment, width or fitting)

    def write_text(self, text: str) -> None:
        """A text of paragraphs."""
        room = self.width - self.current_indent
        super().write_text("\n\n".join(_broken(part, room) for part in text.split("\n\n")))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Names and what they mean."""
        rows = list(rows)
        first = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        room = max(self.width - first - 2, 10)
        super().write_dl([(name, _broken(text, room)) for name, text in rows], col_max, col_spacing)


def _broken(paragraph: str, width: int) -> str:
    r"""The paragraph behind click's mark `\b` for one whose lines are not to be filled."""
    if paragraph.startswith("\b") or not paragraph:
        return paragraph
    return "\n".join(["\b", *wrapped(" ".join(paragraph.splitlines()), width)])


class Context(click.Context):
    """A context whose help is broken as all other text is."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command whose help is broken as all other text is."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read long options with one dash, as in `-lr 0.1`, and with underscores."""
        known = {name for one in self.get_params(ctx) for name in (*one.opts, *one.secondary_opts)}
        return super().parse_args(ctx, [_as_known(arg, known) for arg in args])


def _as_known(arg: str, known: Collection[str]) -> str:
    """The argument as one of the options is written; as it is where none is meant."""
    name, equals, value = arg.partition("=")
    if name in known or not re.fullmatch(r"--?[A-Za-z][\w-]+", name):
        return arg
    meant = "--" + name.lstrip("-").replace("_", "-").lower()
    return f"{meant}{equals}{value}" if meant in known else arg
