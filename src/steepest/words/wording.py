"""How numbers, counts and names stand in a sentence."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterable, Sequence
from typing import Final

LONGEST_PATH: Final = 4096
"""Characters of a path, as many as a system takes; of a longer text, no path, 200 are shown."""

# Sources of a table that are not files, as a sentence names them.
_PLACES: Final = {
    "data frame": "the data frame",
    "mapping": "the mapping",
    "standard input": "standard input",
}

_SCALES = ((10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


def number(value: float, digits: int = 6) -> str:
    """Write a number with at most `digits` significant digits.

    Plain from 1e-4 up to 1e7, with a comma between thousands; beyond, with an exponent.

    >>> number(283.98554), number(56499.36, 5), number(3.539863e-5), number(2e9), number(-0.0)
    ('283.986', '56,499', '3.53986e-05', '2e+09', '0')
    >>> number(math.nan), number(-math.inf)
    ('not a number', 'minus infinity')
    """
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if not 1e-4 <= abs(rounded) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_trimmed(mantissa)}e{exponent}"
    exponent_of_ten = math.floor(math.log10(abs(rounded)))
    return _trimmed(f"{rounded:,.{max(0, digits - 1 - exponent_of_ten)}f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def together(first: float, second: float) -> tuple[str, str]:
    """Write two numbers that are compared, with as many decimals as tell them apart.

    The smaller one has three significant digits at least, and both have the same decimals. Where
    that would give the larger one more than five digits, each has its own three.

    >>> together(283.98554, 1.0428363), together(366.68956, 0.0089)
    (('283.99', '1.04'), ('367', '0.0089'))
    >>> together(1.04999, 1.0428363), together(679.27, 636.93), together(1e-9, 12.0)
    (('1.05', '1.04'), ('679', '637'), ('1e-09', '12'))
    """
    sizes = [abs(value) for value in (first, second)]
    plain = all(math.isfinite(size) and (size == 0 or 1e-4 <= size < 1e7) for size in sizes)
    small = min((size for size in sizes if size > 0), default=0.0)
    if not plain or small == 0 or max(sizes) / small > 1e6:
        return _apart(first, second)
    least = max(0, 2 - math.floor(math.log10(small)))
    if least and math.floor(math.log10(max(sizes))) + 1 + least > 5:
        return _apart(first, second)
    for decimals in range(least, least + 5):
        texts = (f"{first:,.{decimals}f}", f"{second:,.{decimals}f}")
        if texts[0] != texts[1]:
            return _trimmed(texts[0]), _trimmed(texts[1])
    return _apart(first, second)


def _apart(first: float, second: float) -> tuple[str, str]:
    for digits in range(3, 16):
        texts = (number(first, digits), number(second, digits))
        if texts[0] != texts[1]:
            break
    return texts


def count(many: int, noun: str | None = None) -> str:
    """Write a count in full, with its noun where one is given.

    >>> count(1971722), count(1, "step"), count(20, "row")
    ('1,971,722', '1 step', '20 rows')
    """
    if noun is None:
        return f"{many:,}"
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"


def roughly(many: int, noun: str | None = None) -> str:
    """Write a count that is too large to be read digit by digit in words, from ten million on.

    >>> roughly(1971722, "step"), roughly(197172392, "step"), roughly(10**40), roughly(0, "step")
    ('1,971,722 steps', '197 million steps', '1e+40', 'no step')
    """
    if many == 0 and noun is not None:
        return f"no {noun}"
    if abs(many) < 10**7:
        return count(many, noun)
    if abs(many) >= 10**18:
        text = f"{many:.3g}" if abs(many) < 10**300 else "more than 1e+300"
    else:
        scale, name = next(entry for entry in _SCALES if abs(many) >= entry[0])
        text = f"{number(many / scale, 3)} {name}"
    return text if noun is None else f"{text} {noun}s"


def percent(share: float, digits: int = 2) -> str:
    """Write a share of one as a percentage.

    >>> percent(0.6183), percent(8.41e-6), percent(1.0)
    ('62 %', '0.00084 %', '100 %')
    """
    return f"{number(100 * share, digits)} %"


def times(factor: float) -> str:
    """Write how many times: three digits below 1000, whole from there on.

    >>> times(1.41248), times(218450.6), times(math.inf)
    ('1.41 times', '218,451 times', 'more than 1e+308 times')
    """
    if math.isinf(factor):
        return "more than 1e+308 times"
    plain = 1000 <= factor < 1e7
    return f"{count(round(factor))} times" if plain else f"{number(factor, 3)} times"


def listed(items: Sequence[str], most: int | None = None) -> str:
    """Write a list as it is spoken; beyond `most` items the rest is counted.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    shown = list(items)
    if most is not None and len(shown) > most:
        shown = [*shown[:most], f"{count(len(shown) - most)} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def escaped(text: str, limit: int = 40) -> str:
    r"""Cut `text` to `limit` characters, its unprintable characters written as escapes.

    No terminal sequence, line break or direction mark of the data reaches the reader's screen.

    >>> escaped("a" + chr(27) + "[31m"), escaped("abcdef", 4)
    ('a\\x1b[31m', 'abc…')
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut
    )


def pathname(where: str | os.PathLike[str], *, bare: bool = False) -> str:
    """Write a path in quotes, whole and as a shell reads it.

    With `bare`, one that needs no quotes in a shell has none. What is not printable is written as
    `escaped` does; such a path cannot be copied.

    >>> pathname("data.csv"), pathname("data.csv", bare=True), pathname("a b.csv", bare=True)
    ('"data.csv"', 'data.csv', '"a b.csv"')
    >>> pathname("$5.csv")
    "'$5.csv'"
    """
    raw = os.fspath(where)
    text = escaped(raw, LONGEST_PATH if len(raw) <= LONGEST_PATH else 200)
    if os.name == "nt":
        return text if bare and " " not in text else f'"{text}"'
    quoted = shlex.quote(text)
    if bare and quoted == text:
        return text
    return quoted if set(raw) & set('"$`\\!') else f'"{text}"'


def origin(source: str) -> str:
    """Write the source of a table as it stands in a sentence: a path, or what is no file.

    >>> origin("data.csv"), origin("data frame")
    ('data.csv', 'the data frame')
    """
    return _PLACES.get(source) or pathname(source, bare=True)


def opening(source: str) -> str:
    """Write the source of a table as a sentence begins with it."""
    place = origin(source)
    return place[0].upper() + place[1:] if source in _PLACES else place


def names(items: Iterable[str], most: int | None = None) -> str:
    """Write names that come from outside as a list.

    >>> names(["time", "speed"])
    'time and speed'
    """
    return listed([escaped(item) for item in items], most)
