"""A run as a page and as a widget: whole, small, and safe with any text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.run.run import Run
from steepest.show.report import report_page
from steepest.words.errors import InputError

SPEED = Path(__file__).parents[2] / "examples" / "speed.csv"


@pytest.fixture(scope="module")
def tutorial() -> Run:
    return steepest.fit(
        SPEED,
        "speed ~ a*time**2 + b*time + c",
        start={"a": 0.0121, "b": -0.6397, "c": 0.6416},
        lr=1e-5,
        steps=10,
    )


def board_in(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="board">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    board: dict[str, object] = json.loads(found[1])
    return board


def test_the_report_is_one_small_page(tutorial: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    tutorial.report(path)
    page = path.read_text("utf-8")
    assert len(page.encode()) < 400_000
    assert board_in(page) == tutorial.figures().to_dict()
    assert "default-src 'none'; script-src 'sha256-" in page
    for outside in ("http://", "https://", "//cdn", "@import", "url("):
        allowed = page.count("http://www.w3.org/")  # the names of SVG and MathML
        assert page.count(outside) <= (allowed if outside == "http://" else 0), outside
    assert "The learning rate is within 3.54 times of the best, but 283.99" in page


def test_a_file_that_is_there_is_left_alone(tutorial: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("mine", "utf-8")
    with pytest.raises(InputError, match="exists already"):
        tutorial.report(path)
    assert path.read_text("utf-8") == "mine"
    tutorial.report(path, force=True)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(InputError, match="cannot be written"):
        tutorial.report(tmp_path / "no" / "such" / "run.html")


def test_hostile_text_stays_text() -> None:
    name = "</script><script>alert(1)</script><!--\u2028"
    page = report_page({"steepest": "0", "formula": name}, title=name, words=name)
    assert "<script>alert" not in page
    assert page.count("</script>") == 2
    assert board_in(page)["formula"] == name


def test_the_command_line_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    run = steepest.minimize("x**2", start={"x": 3}, lr=0.1, remedies=False, save=True)
    output = tmp_path / "run.html"
    report = ["runs", "report", str(run.id), "-o", str(output)]
    answer = CliRunner().invoke(command, report)
    assert answer.exit_code == 0, answer.output
    assert board_in(output.read_text("utf-8"))["formula"] == "x**2"
    again = CliRunner().invoke(command, report)
    assert again.exit_code == 1
    assert "exists already" in again.stderr
    assert CliRunner().invoke(command, [*report, "--force"]).exit_code == 0
    unknown = CliRunner().invoke(command, ["runs", "report", "nobody", "-o", str(output)])
    assert unknown.exit_code == 2


def test_a_widget_follows_its_step(tutorial: Run) -> None:
    pytest.importorskip("anywidget")
    widget = tutorial.widget()
    assert widget.step == 10
    widget.step = 3
    assert widget.board["frames"][:4] == [0, 1, 2, 3]
    assert "Steepest.mount" in str(widget._esm)
