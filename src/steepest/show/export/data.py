"""The rows of a run as a script has them: written out, or read from a plain CSV file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from steepest.formula.names import indicated
from steepest.formula.nodes import Node
from steepest.records.arrays import Vector
from steepest.show.export.expression import Library, Names, expression
from steepest.show.export.layout import WIDTH, indented, listing, text


@dataclass(frozen=True)
class Inline:
    """The columns in use on the rows that the descent learns from, each (n,), not scaled."""

    columns: Mapping[str, Vector]


@dataclass(frozen=True)
class CsvFile:
    """A UTF-8 file that Python's csv module reads as the run did."""

    path: str
    delimiter: str
    columns: tuple[str, ...]
    """In use, in the formula or in `where`."""
    gaps: bool
    """Some rows are left out, for a value that is missing or not finite."""
    where: Node | None = None
    """Only rows for which this holds are kept."""
    held_out: int = 0
    """Of the rows that are kept, these many are for validation,"""
    seed: int = 0
    """drawn with this seed."""


Source = Inline | CsvFile | None
"""Where the rows come from; None for an expression, which has none."""


def key(name: str) -> str:
    """A column of `data`."""
    return f"data[{text(name)}]"


def imports_of(source: Source) -> list[str]:
    """The modules of Python that reading needs."""
    if not isinstance(source, CsvFile):
        return []
    return ["import csv", *(["import math"] if source.gaps else [])]


def data_lines(source: Source, library: Library) -> list[str]:
    """Lines that make `data`: column -> array."""
    match source:
        case Inline(columns):
            return _inline(columns, library)
        case CsvFile():
            return _from_file(source, library)
        case _:
            return []


def _inline(columns: Mapping[str, Vector], library: Library) -> list[str]:
    lines = ["# fmt: off", "data = {"]
    for name, values in columns.items():
        numbers = textwrap.wrap(", ".join(repr(float(value)) for value in values), 80)
        lines += [f"    {text(name)}: {library.array}([", *indented(indented(numbers)), "    ]),"]
    return [*lines, "}", "# fmt: on"]


def _from_file(file: CsvFile, library: Library) -> list[str]:
    lines = []
    if file.gaps:
        lines = [
            "",
            "",
            "def number(cell):",
            "    try:",
            "        return float(cell)",
            "    except ValueError:",
            "        return math.nan  # missing",
            "",
            "",
        ]
    delimiter = "" if file.delimiter == "," else f", delimiter={text(file.delimiter)}"
    lines += [
        *listing(
            "with open(", [text(file.path), 'encoding="utf-8-sig"', 'newline=""'], ") as file:"
        ),
        f"    table = list(csv.DictReader(file{delimiter}))",
        *_columns(file, library),
        *_indicators(file, library),
    ]
    kept = []
    if file.gaps:
        finite = f"{library.module}.isfinite(column) for column in data.values()"
        kept.append(f"keep = {library.module}.stack([{finite}]).all({library.along_rows})")
    if file.where is not None:
        condition = expression(file.where, library, Names({}, key))
        kept.append(f"keep &= {condition}" if kept else f"keep = {condition}")
    if kept:
        lines += [*kept, "data = {name: column[keep] for name, column in data.items()}"]
    if file.held_out:
        rows = f"len({key(file.columns[0])})"
        lines += [
            f"order = np.random.default_rng([{file.seed}, 2]).permutation({rows})",
            f"rows = np.sort(order[{file.held_out}:])  # the others are for validation",
            "data = {name: column[rows] for name, column in data.items()}",
        ]
    return lines


def _indicators(file: CsvFile, library: Library) -> list[str]:
    """Columns that are 1 on the rows where another has a category."""
    lines = []
    for name in file.columns:
        found = indicated(name)
        if found is not None:
            cell = f"row[{text(found[0])}].strip()"
            rows = f"[float({cell} == {text(found[1])}) for row in table]"
            lines.append(f"{key(name)} = {library.array}({rows})")
    return lines


def _columns(file: CsvFile, library: Library) -> list[str]:
    plain = [name for name in file.columns if indicated(name) is None]
    reader = "number" if file.gaps else "float"
    item = f"name: {library.array}([{reader}(row[name]) for row in table])"
    each = listing("for name in [", [text(name) for name in plain], "]")
    whole = " ".join([item, *each])
    if len(each) == 1 and len(f"data = {{{whole}}}") <= WIDTH:
        return [f"data = {{{whole}}}"]
    if len(each) == 1 and len(whole) + 4 <= WIDTH:
        return ["data = {", f"    {whole}", "}"]
    return ["data = {", *indented([item, *each]), "}"]
