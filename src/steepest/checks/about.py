"""The page about whatever is typed: a check's code or title, or a word of the field."""

from __future__ import annotations

from steepest.checks.registry import CHECKS, page
from steepest.words.errors import UsageError
from steepest.words.field import by_key, folded, word_for
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


def _near(typed: str, titles: dict[str, str]) -> list[str]:
    """The words and titles that are nearest, as they can be typed, each page once."""
    meant = {**titles, **{key: word.name for key, word in by_key().items()}}
    return list(dict.fromkeys(meant[key] for key in suggest(folded(typed), meant, count=2)))
