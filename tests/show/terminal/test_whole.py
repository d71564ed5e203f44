"""Of what a report says nothing is cut or torn apart, however narrow the terminal."""

import re
import shlex
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, ConsoleOptions, RenderResult
from tests import specimens
from tests.show.terminal.test_network import network
from tests.show.terminal.test_report import held, standardized

from steepest.checks import CHECKS, page
from steepest.cli.explaining import Explained
from steepest.show.terminal import Page, Report, TrainingReport, plain

REPORTS: dict[str, Report | TrainingReport] = {
    "tutorial": Report(specimens.tutorial(), backward=True),
    "standardized": Report(standardized()),
    "held": Report(held()),
    "diverged": Report(specimens.diverged()),
    "network": TrainingReport(network()),
    "one screen": Report(specimens.tutorial(), why="print(run.why())"),
}
WIDTHS = range(40, 101, 3)
NUMBER = r"[-−]?\d[\d,.]*(?:e[-+]\d+)?"
UNIT = r"(?:%|of it|(?:step|row|epoch)s?\b(?! \d)|times\b|million\b)"


@pytest.mark.parametrize("name", REPORTS)
def test_numbers_are_whole_and_keep_their_units(name: str) -> None:
    widest = Counter(re.findall(NUMBER, plain(REPORTS[name], width=100)))
    for width in WIDTHS:
        shown = plain(REPORTS[name], width=width)
        assert Counter(re.findall(NUMBER, shown)) == widest
        assert not re.search(rf"{NUMBER}\n +{UNIT}", shown), width


@pytest.mark.parametrize("name", REPORTS)
def test_commands_are_whole(name: str) -> None:
    report = REPORTS[name]
    for width in WIDTHS:
        shown = plain(report, width=width)
        found = re.findall(r"^ +(steepest (?:fit|minimize|train) (?:.*\\\n)*.*)$", shown, re.M)
        remedies = report.record.remedies if report.why is None else report.record.remedies[:1]
        wanted = [remedy.command for remedy in remedies]
        scripts = [command.replace("\\\n", "") for command in found]
        assert list(map(shlex.split, scripts)) == list(map(shlex.split, wanted))
    assert wanted or name != "tutorial"


def test_names_in_tables_are_whole() -> None:
    record = network()
    long = "encoder.layers.0.self_attention.in_projection_weight"
    tensors = tuple(replace(tensor, name=f"{long}.{tensor.name}") for tensor in record.tensors)
    watched = replace(record, tensors=tensors, learned=None)
    for width in WIDTHS:
        shown = plain(TrainingReport(watched), width=width)
        for tensor in tensors:
            assert re.search(rf"^{re.escape(tensor.name)}\n +{NUMBER}", shown, re.M), width


class Lines:
    """Some rows of a page. A rich renderable."""

    def __init__(self, rows: list[list[str]]):
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Page(options.max_width)
        for row in self.rows:
            page.row("  ".join(row))
        yield from page.lines


cells = st.from_regex(r"[\w.]{1,30}", fullmatch=True)


@given(st.lists(st.lists(cells, min_size=1)), st.integers(40, 100))
def test_a_row_that_is_too_long_goes_on(rows: list[list[str]], width: int) -> None:
    shown = plain(Lines(rows), width=width)
    assert shown.split() == [cell for row in rows for cell in row]
    starts = [line.split()[0] for line in shown.splitlines() if not line.startswith("    ")]
    assert starts == [row[0] for row in rows]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_pages_about_checks_say_all_they_say(width: int) -> None:
    for code in CHECKS:
        written = page(code)
        lines = [line for line in written.splitlines() if not line.startswith("```")]
        wanted = [word for line in lines for word in line.replace("`", "").split()]
        shown = plain(Explained(written), width=width)
        assert [w for w in shown.split() if w != "-"] == [
            w for w in wanted if w not in ("#", "##", "-")
        ]
        for piece in re.findall("`([^`\n]+)`", written.replace("```", "")):
            assert piece in shown, code
