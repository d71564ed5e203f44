"""A run as what trackers of experiments keep of one: parameters, curves, verdict, figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from steepest.records.verdict import Verdict
from steepest.show.export.tables import Columns
from steepest.words.wording import escaped

PROJECT: Final = "steepest"
"""Where a tracker puts a run for which the user named nothing."""


@dataclass(frozen=True)
class Drawn:
    """A figure, drawn."""

    name: str
    title: str
    step: int
    """At which it was drawn."""
    png: bytes


@dataclass(frozen=True)
class Tracked:
    """A run for a tracker."""

    run: str | None
    """Its id in the store."""
    name: str
    version: str
    parameters: Mapping[str, str | int | float]
    verdict: Verdict
    table: Columns
    figures: tuple[Drawn, ...]
    page: str
    """The report as HTML."""
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Those of the findings, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.verdict.findings))

    @property
    def told(self) -> str:
        """Headline, findings and notes as Markdown."""
        parts = [
            _plain(self.verdict.headline),
            f"Learning rate: {self.verdict.learning_rate}",
            "\n".join(
                f"- **{finding.code}** ({finding.severity}) {_plain(finding.sentence)}"
                for finding in self.verdict.findings
            ),
            *map(_plain, self.notes),
            f"Steepest {self.version}" + ("" if self.run is None else f", run {self.run}"),
        ]
        return "\n\n".join(part for part in parts if part)

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Each recorded step with what was recorded of it: `loss`, `gradient/NAME` and so on."""
        columns = {_tag(name): part.tolist() for name, part in self.table.items()}
        for place, step in enumerate(columns.pop("step")):
            values = {tag: part[place] for tag, part in columns.items()}
            yield step, {tag: value for tag, value in values.items() if value is not None}


def write_files(tracked: Tracked, folder: Path) -> None:
    """Write `verdict.md`, `report.html` and a picture of each figure. Raises OSError."""
    (folder / "verdict.md").write_text(tracked.told, "utf-8")
    (folder / "report.html").write_text(tracked.page, "utf-8")
    for drawn in tracked.figures:
        (folder / f"{drawn.name}.png").write_bytes(drawn.png)


def _tag(column: str) -> str:
    """Trackers group by what stands before a slash."""
    group, dot, name = column.partition(".")
    return f"{'weights' if group == 'weight' else group}/{name}" if dot else column


def _plain(text: str) -> str:
    """Text in which Markdown finds no markup: it may hold names that a file gave."""
    marks: dict[int, Any] = {ord(mark): f"\\{mark}" for mark in "\\`*_[]<>#|"}
    return escaped(text, 10_000).translate(marks)
