"""Lines of a page: wrapped with hanging indents, safe for any terminal, no trailing blanks."""

from __future__ import annotations

import io
import os
import re
import shutil
import tokenize
import unicodedata
from collections.abc import Iterable
from typing import Any, Final, TextIO, TypeAlias

from rich.console import Console, RenderableType
from rich.text import Text

from steepest.words.wrapping import GLUE, glued, lines_in, whole

WIDEST: Final = 100
"""Longer lines are hard to read, however wide the terminal is."""
_PIPED: Final = 80
_NARROWEST: Final = 20
INDENT: Final = 16
"""Where text begins beside a label."""

CONTINUED: Final = 4
"""How far in a row goes on that is longer than a line."""


class Whole(str):
    """A text within which no line is broken, such as a formula that stands without quotes."""


Span: TypeAlias = str | tuple[str, str]
"""A text, or a text and its style."""

# What our own sentences use beyond ASCII, for terminals that have nothing else.
_IN_ASCII: Final = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "…": "...",
        "→": "->",
        "←": "<-",
        "×": "x",
        "·": "*",
        "±": "+/-",
        "≈": "~",
        "≤": "<=",
        "≥": ">=",
        "²": "^2",
        "‖": "||",
        "∂": "d",
        "λ": "lambda",
        "η": "eta",
        "β": "beta",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\N{NO-BREAK SPACE}": " ",
        "\N{NARROW NO-BREAK SPACE}": " ",
        "\N{THIN SPACE}": " ",
    }
)
_BLOCKS: Final = " ▏▎▍▌▋▊▉"


def safe(text: str, *, ascii_only: bool = False) -> str:
    r"""The text with nothing in it that could steer a terminal: `\x1b` stands for an escape.

    Line breaks become blanks. With `ascii_only`, what is not ASCII is rewritten.
    """
    shown = "".join(_shown(c) for c in text)
    if not ascii_only:
        return shown
    return shown.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _shown(character: str) -> str:
    if character in "\n\t ":
        return " "
    # Separators are not printable in Python's sense, but harmless and used between digits.
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


class Page:
    """Takes headings, paragraphs and commands, and keeps them as lines."""

    def __init__(self, width: int = _PIPED, *, ascii_only: bool = False):
        self.width = max(_NARROWEST, min(width, WIDEST))
        self.ascii_only = ascii_only
        self.lines: list[Text] = []

    def safe(self, text: str) -> str:
        """The text as this page can show it."""
        return safe(text, ascii_only=self.ascii_only)

    def blank(self) -> None:
        """An empty line, unless there is one already or nothing yet."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def heading(self, text: str) -> None:
        """A heading, with an empty line before it."""
        self.blank()
        self.say((text, "bold"))

    def say(self, *spans: Span, label: Span | list[Span] = "", indent: int = 0) -> None:
        """A paragraph. Its first line begins with the label, the others are indented.

        A label that does not fit into the indent gets a line of its own.
        """
        indent = min(indent, self.width // 2)
        first = self._text(label if isinstance(label, list) else [label])
        if first.cell_len > max(0, indent - 1) and first.plain.strip():
            self.lines.extend(map(_unglued, self._wrapped(first, self.width)))
            first = Text()
        first.append(" " * (indent - first.cell_len))
        for number, line in enumerate(self._wrapped(self._text(spans), self.width - indent)):
            lead = first if number == 0 else Text(" " * indent)
            self.lines.append(_unglued(lead + line))

    def row(self, *spans: Span) -> None:
        """One line as it is; where it is too long, it goes on between two cells, further in."""
        text = self._text(spans)
        for number, line in enumerate(self._wrapped(text, self.width, self.width - CONTINUED)):
            self.lines.append(_unglued(Text(" " * CONTINUED * (number > 0)) + line))

    def entry(self, name: str, room: int, *cells: Span, style: str = "", indent: int = 2) -> None:
        """A row of a table: a name and its cells; a longer name has a line of its own."""
        shown = self.safe(name)
        lead = " " * indent
        if _cells(shown) > room:
            self.row(lead, (Whole(name), style))
            shown = ""
        self.row(lead, (shown, style), " " * (room - _cells(shown)), *cells)

    def command(self, command: str, *, indent: int = 4) -> None:
        r"""A shell command to copy: broken only between words, with a backslash.

        A word that is longer than the page is left whole.
        """
        room = self.width - indent
        if command.startswith("steepest."):
            self._call(command, indent)
            return
        lines = [""]
        for word in _together(words(self.safe(command)), room - 4):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and _cells(longer) > room - 2:
                lines.append("  " + word)
            else:
                lines[-1] = longer
        for number, line in enumerate(lines):
            more = " \\" if number < len(lines) - 1 else ""
            self.lines.append(
                Text(" " * indent + line + more, style="cyan", no_wrap=True, overflow="ignore")
            )

    def _call(self, call: str, indent: int) -> None:
        """A call in Python: broken only behind a comma, and not within a text."""
        lines, at = [""], 0
        tokens = tokenize.generate_tokens(io.StringIO(call).readline)
        ends = [token.end[1] for token in tokens if token.string == ","]
        for end in [*ends, len(call)]:
            part, at = self.safe(call[at:end].strip()), end
            longer = f"{lines[-1]} {part}" if lines[-1] else part
            if lines[-1] and _cells(longer) > self.width - indent:
                lines.append("    " + part)
            else:
                lines[-1] = longer
        for line in lines:
            shown = Text(" " * indent + line, style="cyan", no_wrap=True, overflow="ignore")
            self.lines.append(shown)

    def bar(self, share: float, cells: int) -> str:
        """A bar that fills the share of so many cells."""
        eighths = round(max(0.0, min(1.0, share)) * cells * 8)
        if self.ascii_only:
            return "#" * round(eighths / 8)
        return ("█" * (eighths // 8) + _BLOCKS[eighths % 8]).rstrip()

    def _text(self, spans: Iterable[Span]) -> Text:
        text = Text()
        for span in spans:
            words, style = (span, "") if isinstance(span, str) else span
            shown = self.safe(words)
            text.append(whole(shown) if isinstance(words, Whole) else shown, style)
        text.plain = glued(text.plain)
        return text

    def _wrapped(self, text: Text, width: int, later: int | None = None) -> list[Text]:
        lines = lines_in(text.plain, width, later)
        return [text[begin:end] for begin, end in lines] or [Text()]


def _unglued(line: Text) -> Text:
    """The line as it is shown."""
    line.plain = line.plain.replace(GLUE, " ")
    line.rstrip()
    return line


def words(command: str) -> list[str]:
    r"""The words of a shell command with their quotes, as they are written.

    >>> words('fit x.csv "y ~ a*x" --where \'x > 1\'')
    ['fit', 'x.csv', '"y ~ a*x"', '--where', "'x > 1'"]
    """
    return re.findall(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\])+""", command)


def _together(parts: list[str], room: int) -> Iterable[str]:
    """The words, an option and its value as one where they fit."""
    option = ""
    for part in parts:
        pair = f"{option} {part}" if option else part
        if option and (part.startswith("--") or _cells(pair) > room):
            yield option
            pair = part
        option = pair if pair.startswith("--") and " " not in pair else ""
        if not option:
            yield pair
    if option:
        yield option


def _cells(text: str) -> int:
    return Text(text).cell_len


_WITHOUT_COLOURS = ("dumb", "unknown")
"""Terminals that have none, unless they are asked for."""


def forced() -> bool:
    """Whether colours are wanted where there is no terminal, as in the log of a build."""
    return bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")


def columns_of(stream: TextIO) -> int:
    """How many columns a stream has: what COLUMNS says, those of the terminal, else 80."""
    if stream.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size((_PIPED, 24)).columns
    return _PIPED


def console_for(stream: TextIO) -> Console:
    """A console for a stream.

    No escape codes where NO_COLOR is set, or it is no terminal and FORCE_COLOR is not set.
    """
    if not (stream.isatty() or forced()):
        return Console(
            file=stream,
            width=columns_of(stream),
            color_system=None,
            force_terminal=False,
            legacy_windows=False,
        )
    width = None if stream.isatty() else columns_of(stream)
    if os.environ.get("NO_COLOR"):
        return Console(file=stream, width=width, color_system=None)
    if forced() and os.environ.get("TERM") in _WITHOUT_COLOURS:
        # Without a height it would be 80 columns wide, whatever is asked for.
        known = columns_of(stream)
        return Console(file=stream, width=known, height=24, color_system="standard")
    return Console(file=stream, width=width)


def plain(renderable: RenderableType, *, width: int = _PIPED, ascii_only: bool = False) -> str:
    """The renderable as text without any escape code, one line break at the end."""
    stream: Any = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if ascii_only else "utf-8")
    console = Console(
        file=stream,
        width=width,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(renderable, crop=False, no_wrap=True, overflow="ignore")
    return capture.get()
