"""Where a line may be broken: what someone copies from a terminal stays whole.

A line is broken at a blank, never within a word, and not at a blank within what belongs together:
a quoted name, path or formula, a number and its unit, an equation, an option and its value, a
command. What is longer than a line goes over its end rather than be broken.
"""

from __future__ import annotations

import re
from typing import Final

GLUE: Final = "\ue000"
"""Stands for a blank at which no line is broken. It is not printable, so no text from outside
that was made safe holds one."""

_START: Final = rf"(?<![^ {GLUE}(\[=])"
_NUMBER: Final = r"[-−+]?\d(?:[\d,.:/]*\d)?(?:e[-+]?\d+)?"
# What follows a number and is no unit of it: another number, or how the sentence goes on.
_UNIT: Final = (
    r"(?! |$|\(|[-−+]?\d|(?:a|above|after|against|and|are|at|below|by|for|from|in|is|on|or|should"
    r"|than|the|to|with)\b)"
)

TOGETHER: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # A name, a path, a formula or a value in quotes: several where a shell quotes a quote.
        rf"""{_START}(?:"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`|'[^']*')+(?=[^\w"'`]|$)""",
        # What an option is where it is left out: [default: all rows].
        r"\[\w+: (?:[^\[\]]{1,24}\])?",
        # An equation, a size: a = 1, 28 × 28.
        r" (?:[=×±≈≤≥<>]|\+/-|<=|>=) ",
        r"(?<=\d) x (?=\d)",
        # A number and its unit: 20 rows, 62 % of it, 1.2 million steps.
        rf"{_START}{_NUMBER} (?:(?:million|billion|trillion|quadrillion) )?"
        rf"(?:(?:% )?of (?=it\b))?{_UNIT}",
        r"\b(?:not a|plus|minus) (?=number\b|infinity\b)",
        # An option and its value.
        rf"{_START}--?[a-z][\w-]* (?=[^ ])",
        # A command, with what follows it that is no plain word: steepest explain SD201.
        rf"{_START}(?:(?:steepest|python3? -m) (?:(?:runs|data) )?|pip )[a-z.]+"
        r"(?: (?=[^ ]*(?:[^a-z ,.;:)]|\.\w))[^ ]*[^ ,.;:])*",
    )
)
"""What keeps its blanks, each as a pattern of a text in which they stand as they are or as GLUE."""


def glued(text: str) -> str:
    """The text with GLUE for each blank at which no line may be broken; as long as before.

    >>> glued("lr is 3.54e-05 of it").replace(GLUE, "_")
    'lr is 3.54e-05_of_it'
    >>> glued('There is no file "a b.csv": 3 of 20 rows have no "x y".').replace(GLUE, "_")
    'There is no file "a_b.csv": 3_of 20_rows have no "x_y".'
    >>> glued("steepest explain SD201 is it; steepest runs list shows them").replace(GLUE, "_")
    'steepest_explain_SD201 is it; steepest_runs_list shows them'
    """
    for pattern in TOGETHER:
        text = pattern.sub(lambda found: found[0].replace(" ", GLUE), text)
    return text


def whole(text: str) -> str:
    """The text as one word, for what no rule can see to belong together."""
    return text.replace(" ", GLUE)


def lines_in(text: str, width: int, later: int | None = None) -> list[tuple[int, int]]:
    """Where each line begins and ends in a glued text, in places of it.

    The first takes `width` cells, the others `later` or as many. Blanks around a break belong to
    no line; those at the front of the text to the first.
    """
    lines: list[tuple[int, int]] = []
    for word in re.finditer("[^ ]+", text):
        begin, end = word.span()
        room = width if len(lines) < 2 or later is None else later
        if lines and _cells(text[lines[-1][0] : end]) <= room:
            lines[-1] = lines[-1][0], end
        else:
            lines.append((begin if lines else 0, end))
    return lines


def _cells(text: str) -> int:
    """How many cells of a terminal the text takes."""
    text = text.replace(GLUE, " ")
    if text.isascii():
        return len(text)
    # The command line is read, and its help is shown, before anything is imported.
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int | None, indent: int = 0) -> list[str]:
    """The lines of a text, the later ones indented. One without words has none.

    Without a width, the text is one line.

    >>> wrapped("It takes 1,971,722 steps to get there.", 16)
    ['It takes', '1,971,722 steps', 'to get there.']
    >>> wrapped("/a/path/longer/than/the/line.csv is no file.", 16, indent=2)
    ['/a/path/longer/than/the/line.csv', '  is no file.']
    """
    if width is None:
        return [text] if text else []
    text = glued(text)
    lines = [text[begin:end] for begin, end in lines_in(text, width, width - indent)]
    return [(" " * indent * (n > 0) + line).replace(GLUE, " ") for n, line in enumerate(lines)]
