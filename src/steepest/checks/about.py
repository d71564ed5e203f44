"""The page about whatever is typed: a check's code or title, or a word of the field."""

from __future__ import annotations

from typing import Any

from steepest.checks.registry import CHECKS, page
from steepest.words.errors import UsageError
from steepest.words.field import by_key, folded, word_for, words
from steepest.words.suggest import suggest
from steepest.words.wording import escaped


def page_about(typed: str) -> str:
    """The page about a check, by its code or its title, or about a word. Raises UsageError."""
    code = typed.strip().upper()
    if code in CHECKS:
        return page(code)
    word = word_for(typed)
    if word is not None:
        return word.page
    titles = {folded(check.name): check.code for check in CHECKS.values()}
    if folded(typed) in titles:
        return page(titles[folded(typed)])
    looks_like_a_code = code[:2] == "SD" and code[2:].isdigit()
    near = suggest(code, CHECKS, count=1) if looks_like_a_code else _near(typed, titles)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        "There is no such check." if looks_like_a_code else "There is no page about this.",
        given=f'"{escaped(typed)}"',
        instead=f"{hint}steepest explain lists what there is.",
    )


def about(typed: str) -> dict[str, Any]:
    """The same for a program. `to_do` and `code` are None of a word. Raises UsageError."""
    text = page_about(typed)
    code, _, name = text.partition("\n")[0].removeprefix("# ").partition(" · ")
    if code in CHECKS:
        found = {"code": code, "name": name, "summary": CHECKS[code].summary}
        return {**found, "to_do": to_do(code), "page": text}
    return {
        "code": None,
        "name": code,
        "summary": words()[code].meaning,
        "to_do": None,
        "page": text,
    }


def to_do(code: str) -> str:
    """What the page of a check says to do, as Markdown."""
    return page(code).partition("## What to do\n")[2].partition("\n## ")[0].strip()


def all_pages() -> dict[str, Any]:
    """Every check and every word there is a page about, for a program."""
    return {
        "checks": [
            {"code": one.code, "name": one.name, "family": one.family, "summary": one.summary}
            for one in CHECKS.values()
        ],
        "words": [
            {"name": one.name, "also": one.also, "summary": one.meaning} for one in words().values()
        ],
    }


def _near(typed: str, titles: dict[str, str]) -> list[str]:
    """The words and titles that are nearest, as they can be typed, each page once."""
    meant = {**titles, **{key: word.name for key, word in by_key().items()}}
    return list(dict.fromkeys(meant[key] for key in suggest(folded(typed), meant, count=2)))
