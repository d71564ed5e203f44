"""`explain`: the pages about the checks, and about the words of the field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from steepest.cli.output import is_terminal, write, write_text
from steepest.words.field import word_for, words

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from steepest.show.terminal.page import Span

_PAGES: Final = Path(__file__).parent.parent / "checks" / "pages"
"""Where `steepest.checks` has its pages: a page alone needs no check to be imported."""

CODE: Final = "bold cyan"


class _List:
    """The checks by family, then the words. A rich renderable."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        from steepest.checks import CHECKS
        from steepest.show.terminal import Page

        text = Page(options.max_width, ascii_only=options.ascii_only)
        family = None
        for check in CHECKS.values():
            if check.family != family:
                family = check.family
                text.heading(family[:1].upper() + family[1:])
            text.say(check.summary, label=(f"  {check.code}", "bold cyan"), indent=9)
        text.heading("Words")
        text.say(", ".join(words()), label="  ", indent=2)
        text.blank()
        text.say("steepest explain CODE or WORD shows the page about one of them.")
        yield from text.lines


class Explained:
    """A page about a check or a word, laid out from its Markdown. A rich renderable."""

    def __init__(self, text: str):
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        from steepest.show.terminal.page import Page, Whole

        page = Page(options.max_width, ascii_only=options.ascii_only)
        for block in self.text.strip().split("\n\n"):
            page.blank()
            if block.startswith("#"):
                page.heading(block.lstrip("# "))
            elif block.startswith("```"):
                for line in block.splitlines()[1:-1]:
                    page.row("    ", (Whole(line), CODE))
            elif block.startswith("|"):
                for line in block.splitlines():
                    page.row("  ", Whole(line))
            elif block.startswith("- "):
                for item in block[2:].split("\n- "):
                    page.say(*_spans(item), label="  -", indent=4)
            else:
                page.say(*_spans(block))
        yield from page.lines


def _spans(text: str) -> list[Span]:
    """A text of one or more lines with its code, which stands between backticks, in one piece."""
    from steepest.show.terminal.page import Whole

    parts = " ".join(line.strip() for line in text.splitlines()).split("`")
    return [(Whole(part), CODE) if place % 2 else part for place, part in enumerate(parts)]


def show_list(as_json: bool) -> None:
    """List the checks and the words."""
    if as_json:
        from steepest.checks.about import all_pages

        _write_json(all_pages())
    else:
        write(_List())


def show_page(typed: str, as_json: bool) -> None:
    """Show the page about a check or a word: laid out on a terminal, else its Markdown as it is.

    Raises UsageError for what is neither.
    """
    if as_json:
        from steepest.checks.about import about

        _write_json(about(typed))
        return
    text = _page(typed)
    if is_terminal():
        write(Explained(text))
    else:
        write_text(text)


def _write_json(found: dict[str, Any]) -> None:
    import json

    from steepest import __version__

    document = {"steepest": __version__, "command": "explain", **found}
    write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


def _page(typed: str) -> str:
    code = typed.strip().upper()
    path = _PAGES / f"{code}.md"
    if re.fullmatch(r"SD\d+", code) and path.is_file():
        return path.read_text("utf-8")
    word = word_for(typed)
    if word is not None:
        return word.page
    from steepest.checks.about import page_about

    return page_about(typed)
