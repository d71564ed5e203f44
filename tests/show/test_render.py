"""Figures drawn into files: every kind, light and dark, whatever the numbers and names are.

That the marks and their colours are those of the browser is seen in the tests of the browser.
"""

import io
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from tests.show.figures.networks import network_of
from tests.show.figures.test_training import PROBED, graph_of
from tests.show.figures.trainings import record_of
from tests.specimens import FORMULA, SPEED

import steepest
from steepest.records.training import Validation
from steepest.records.verdict import Finding
from steepest.show.figures import (
    FIGURE_KINDS,
    Axis,
    Figure,
    Frames,
    Theme,
    autograd_figure,
    training_board,
)
from steepest.words.errors import InputError, UsageError

START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
SVG = "{http://www.w3.org/2000/svg}"


def runs() -> Iterator[steepest.Run]:
    yield steepest.fit(SPEED, FORMULA, start=START, lr=1e-5, steps=4, remedies=False)
    yield steepest.minimize("x**2", start={"x": 3}, lr=0.9, steps=3, remedies=False)


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for run in runs():
        for figure in run.figures().figures:
            found.setdefault(figure.kind, figure)
        if run.record.problem.rows:
            found["panels"] = run.figure("panels")
    losses = [2.0 * 0.9**step for step in range(9)] + [math.inf, math.nan]
    alarm = Finding("SD406", "error", "Not finite any more.", {"step": 9})
    training = record_of(
        losses,
        probes=PROBED,
        lost_at={1: 9},
        findings=(alarm,),
        validations=(Validation(3, 1.5), Validation(7, 1.0)),
    )
    for figure in (*training_board(training).figures, autograd_figure(graph_of(3))):
        found[figure.kind] = figure
    for figure in training_board(network_of()).figures:
        found.setdefault(figure.kind, figure)
    assert set(found) == set(FIGURE_KINDS)
    return found


def words(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_the_data_are_what_the_page_takes_them_for(figures: dict[str, Figure], kind: str) -> None:
    """The types of the page are written from these records."""
    assert set(figures[kind].data) <= set(FIGURE_KINDS[kind].__annotations__)
    assert set(figures[kind].data) >= FIGURE_KINDS[kind].__required_keys__  # type: ignore[attr-defined]


NOTHING = {"nan", "inf", "-inf", "None", "Infinity", "null", "undefined", ""}


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_every_kind(figures: dict[str, Figure], kind: str, theme: Theme) -> None:
    figure = figures[kind]
    svg = figure.to_svg(theme=theme)
    said = words(svg)
    for part in figure.title.split():
        assert any(part in text for text in said)
    assert not NOTHING & set(said)
    assert len(svg) < 120_000
    # Whoever reads it needs no style sheet, and asks for nothing.
    assert not re.search(r"var\(|light-dark|color-mix|<style|<script|url\(", svg)
    assert all(address.startswith("data:image/png;") for address in re.findall('href="(.*?)"', svg))
    paper = {"light": "#ffffff", "dark": "#16181b"}[theme]
    assert re.search(rf'<rect width="\d+" height="\d+" fill="{paper}"/>', svg)
    assert figure.to_svg(theme=theme) == svg


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_every_kind_as_dots_and_as_a_page(
    figures: dict[str, Figure], kind: str, theme: Theme, tmp_path: Path
) -> None:
    size = ET.fromstring(figures[kind].to_svg()).attrib
    figures[kind].savefig(tmp_path / "a.png", theme=theme, dpi=48)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == int(size["width"]) // 2
        assert abs(picture.height - int(size["height"]) / 2) <= 1
        dots = np.asarray(picture.convert("RGB"))
    paper = {"light": (255, 255, 255), "dark": (22, 24, 27)}[theme]
    share = np.mean(np.all(dots == paper, axis=2))
    assert 0.3 < share < 0.99
    figures[kind].savefig(tmp_path / "a.pdf", theme=theme)
    page = (tmp_path / "a.pdf").read_bytes()
    assert page.startswith(b"%PDF")
    assert f"/MediaBox [0 0 {size['width']} {size['height']}]".encode() in page


def test_what_a_loss_figure_draws(figures: dict[str, Figure]) -> None:
    said = words(figures["loss"].to_svg())
    assert {"step", "loss", "minimum 1.043", "now"} <= set(said)


def test_a_step_of_choice(figures: dict[str, Figure]) -> None:
    loss = figures["loss"]

    def across(svg: str) -> float:
        """Where the ball is, in steps: read off from the axis below it."""
        root = ET.fromstring(svg)
        ticks = {
            text.text: float(text.attrib["x"])
            for text in root.iter(f"{SVG}text")
            if text.get("text-anchor") == "middle"
        }
        ball = next(mark for mark in root.iter(f"{SVG}circle") if mark.get("r") == "5")
        left = float(re.findall(r"[\d.]+", ball.attrib["transform"])[0])
        return 4 * (left - ticks["0"]) / (ticks["4"] - ticks["0"])

    assert across(loss.to_svg(step=2)) == pytest.approx(2, abs=0.02)
    assert across(loss.to_svg()) == pytest.approx(4, abs=0.02)
    with pytest.raises(UsageError, match=r"no frame at that step\. Given: 9\. The nearest is 4"):
        loss.to_svg(step=9)


@pytest.mark.parametrize("name", ["loss.png", "loss.SVG"])
def test_the_same_figure_is_the_same_file(
    figures: dict[str, Figure], name: str, tmp_path: Path
) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    figures["loss"].savefig(first, dpi=50)
    figures["loss"].savefig(str(second), dpi=50)
    assert first.read_bytes() == second.read_bytes()


def test_letters_are_drawn_where_there_are_no_fonts(figures: dict[str, Figure]) -> None:
    """The words are dark dots, also for a machine whose fonts the converter cannot find."""
    code = (
        "import sys; from pathlib import Path; from steepest.show.render import _converter;"
        "sys.stdout.buffer.write(_converter().svg_to_png(sys.stdin.read()))"
    )
    fonts = ET.fromstring(figures["loss"].to_svg()).attrib["font-family"]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="20" font-family="{fonts}">'
        '<rect width="200" height="20" fill="#fff"/><text y="15">The loss falls.</text></svg>'
    )
    bare = {"FONTCONFIG_FILE": "/nowhere", "HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code], input=svg.encode(), capture_output=True, env=os.environ | bare
    )
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert np.sum(np.asarray(picture.convert("L")) < 100) > 100


def test_a_whole_board(tmp_path: Path) -> None:
    board = next(runs()).figures()
    board.savefig(tmp_path / "all.svg", theme="dark")
    said = " ".join(words((tmp_path / "all.svg").read_text("utf-8")))
    for figure in board.figures:
        assert figure.title[:30] in said


def test_threads_draw_at_once(figures: dict[str, Figure]) -> None:
    wanted = [figures[kind].to_svg() for kind in ("loss", "contour")]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            drawn = pool.map(lambda kind: figures[kind].to_svg(), ("loss", "contour"))
            assert list(drawn) == wanted


@pytest.mark.parametrize(
    ("expression", "options"),
    [
        pytest.param("x**2 + y**2", {"lr": 2.0, "steps": 40}, id="diverged"),
        pytest.param("log(x) + x**2 + y**2", {"lr": 1.2, "steps": 9}, id="not a number"),
        pytest.param("log(x) + y", {"start": {"x": -1.0, "y": 1.0}, "lr": 0.1}, id="nothing"),
        pytest.param("x**2 + y**2", {"lr": 0.1, "steps": 0}, id="no step"),
        pytest.param("x*y", {"lr": 0.1, "steps": 30}, id="no minimum"),
    ],
)
def test_runs_that_went_otherwise(expression: str, options: dict[str, Any]) -> None:
    given = {"start": {"x": 1.0, "y": 2.0}, **options}
    board = steepest.minimize(expression, remedies=False, **given).figures()
    for figure in board.figures:
        for step in {0, board.frames.last}:
            said = words(figure.to_svg(step=step))
            assert not NOTHING & set(said)


def test_names_are_no_formulas_and_no_markup() -> None:
    x = np.linspace(0.0, 1.0, 8)
    column = "<b>$\\frac{1}{&"
    run = steepest.fit(
        {column: x, "速度": 2 * x}, f"`速度` ~ a*`{column}` + b", lr=0.5, steps=3, remedies=False
    )
    assert {column, "速度"} <= set(words(run.figure("fit").to_svg()))


def bare(kind: str, **data: Any) -> Figure:
    frames = Frames(("a",), np.arange(1), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    return Figure(kind, "Nothing.", "Nothing.", Axis("x"), Axis("y"), frames, data)


def test_nothing_to_draw_is_said() -> None:
    empty = bare(
        "loss", step=np.zeros(0), loss=np.zeros(0), validation=None, minimum=None, forecast=None
    )
    assert "no loss here is a number" in words(empty.to_svg())


@pytest.mark.parametrize(
    ("losses", "options"),
    [
        pytest.param([], {}, id="no step"),
        pytest.param([1.0], {}, id="one step"),
        pytest.param([math.nan] * 3, {"lr": math.nan}, id="nothing measured"),
        pytest.param([0.0, 0.0, -1.0], {"lr": 0.0}, id="zeros"),
        pytest.param([2.0, 1e40, math.inf], {"lost_at": {0: 0, 1: 0}}, id="lost at once"),
    ],
)
def test_trainings_that_went_otherwise(losses: list[float], options: dict[str, Any]) -> None:
    for figure in training_board(record_of(losses, **options)).figures:
        said = words(figure.to_svg())
        assert not NOTHING & set(said)


def test_what_a_training_figure_draws(figures: dict[str, Figure]) -> None:
    said = set(words(figures["training"].to_svg()))
    assert {"loss", "learning rate", "step", "SD406", "rows held out"} <= said
    assert "step 8, learning rate 0.1" in words(figures["fan"].to_svg())
    assert {"0.weight", "1.weight"} <= set(words(figures["layers"].to_svg()))


# What is asked for wrongly


def test_bad_input(figures: dict[str, Figure], tmp_path: Path) -> None:
    loss = figures["loss"]
    with pytest.raises(UsageError, match=r"written as \.png, \.svg or \.pdf"):
        loss.savefig(tmp_path / "loss.jpg")
    with pytest.raises(UsageError, match=r'"light" or "dark"\. Given: .blue.'):
        loss.savefig(tmp_path / "loss.png", theme="blue")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be written: No such file"):
        loss.savefig(tmp_path / "nowhere" / "loss.svg")


@pytest.mark.parametrize("module", ["quickjs", "vl_convert"])
def test_without_what_draws(
    figures: dict[str, Figure], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r'pip install "steepest\[figures\]"'):
        figures["loss"].to_png()
