"""The words of the field: a short page about each, found by whatever a learner types.

A page is a Markdown file: its title, its synonyms behind `Also:`, what it means, an example that
was run, and where to see more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

_ALSO: Final = re.compile(r"^Also: (.*)\.$", re.MULTILINE)


@dataclass(frozen=True)
class Headword:
    """A word of the field with its page."""

    name: str
    file: str
    also: tuple[str, ...]
    page: str

    @property
    def meaning(self) -> str:
        """The first sentence of the page, on one line."""
        text = " ".join(self.page.split("\n\n")[2].split())
        return re.split(r"(?<=[.?])\s", text)[0]


@cache
def words() -> Mapping[str, Headword]:
    """The words by their names, in alphabetical order."""
    folder = resources.files("steepest.words.field") / "pages"
    found = [_read(file.name, file.read_text("utf-8")) for file in folder.iterdir()]
    return MappingProxyType({word.name: word for word in sorted(found, key=_alphabetical)})


def _alphabetical(word: Headword) -> str:
    return word.name.casefold()


def _read(file: str, page: str) -> Headword:
    title = page.partition("\n")[0].removeprefix("# ")
    also = _ALSO.search(page)
    return Headword(title, file, tuple(also[1].split(", ")) if also else (), page)


def word_for(typed: str) -> Headword | None:
    """The word that is meant: by its name or a synonym, in any case, as code writes it too.

    >>> word_for("loss.backward()").name, word_for("Learning_Rate").name
    ('backward', 'learning rate')
    """
    known = by_key()
    return next((known[key] for key in _keys(typed) if key in known), None)


@cache
def by_key() -> Mapping[str, Headword]:
    """Every name and synonym, folded, with its word. A name wins over a synonym."""
    found: dict[str, Headword] = {}
    for word in words().values():
        found[folded(word.name)] = word
    for word in words().values():
        for synonym in word.also:
            found.setdefault(folded(synonym), word)
    return MappingProxyType(found)


def _keys(typed: str) -> Iterable[str]:
    """What is typed, and parts of it that code puts a name in: `x.grad`, `optimizer.step()`."""
    whole = folded(typed)
    yield whole
    yield whole.removesuffix("s")
    called = re.sub(r"\(.*\)\s*$", "", typed.strip())
    yield folded(called)
    yield folded(called.rpartition(".")[2])


def folded(text: str) -> str:
    """Letters and digits in lower case, words apart by one blank."""
    return " ".join(re.findall(r"\w+", text.casefold().replace("_", " ").replace("²", "2")))
