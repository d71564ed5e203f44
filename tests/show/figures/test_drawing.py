"""Figures drawn into files: every kind, light and dark, whatever the numbers and names are."""

import math
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tests.show.figures.networks import network_of
from tests.show.figures.test_training import PROBED, graph_of
from tests.show.figures.trainings import record_of
from tests.specimens import FORMULA, SPEED

import steepest
from steepest.records.training import Validation
from steepest.records.verdict import Finding
from steepest.show.figures import (
    Axis,
    Figure,
    Frames,
    Kind,
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
    assert set(found) == set(get_args(Kind))
    return found


def words(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind(figures: dict[str, Figure], kind: str, theme: Theme) -> None:
    figure = figures[kind]
    svg = figure.to_svg(theme=theme)
    said = words(svg)
    for part in figure.title.split():
        assert any(part in text for text in said)
    assert not {"nan", "inf", "None"} & set(said)
    assert len(svg) < 120_000
    # Nothing of when, where or with what it was drawn.
    assert not re.search(r"matplotlib v|\d{4}-\d\d-\d\dT", svg, re.IGNORECASE)
    paper = {"light": "#ffffff", "dark": "#16181b"}[theme]
    assert f"fill: {paper}" in svg
    assert figure.to_svg(theme=theme) == svg


def test_what_a_loss_figure_draws(figures: dict[str, Figure]) -> None:
    said = words(figures["loss"].to_svg())
    assert {"step", "loss", "minimum 1.043", "to the goal: 1,971,722 steps"} <= set(said)


def test_a_step_of_choice(figures: dict[str, Figure]) -> None:
    fit = figures["fit"]
    assert "after 2 steps" in words(fit.to_svg(step=2))
    assert "at the start" in words(fit.to_svg(step=0))
    with pytest.raises(UsageError, match=r"no frame at that step\. Given: 9\. The nearest is 4"):
        fit.to_svg(step=9)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        pytest.param("loss.png", b"\x89PNG", id="png"),
        pytest.param("loss.SVG", b"<?xml", id="svg"),
        pytest.param("loss.pdf", b"%PDF", id="pdf"),
    ],
)
def test_files(figures: dict[str, Figure], name: str, begins: bytes, tmp_path: Path) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    figures["loss"].savefig(first, dpi=50)
    figures["loss"].savefig(str(second), dpi=50)
    assert first.read_bytes().startswith(begins)
    assert first.read_bytes() == second.read_bytes()


def test_a_whole_board(tmp_path: Path) -> None:
    board = next(runs()).figures()
    board.savefig(tmp_path / "all.svg", theme="dark")
    said = " ".join(words((tmp_path / "all.svg").read_text("utf-8")))
    for figure in board.figures:
        assert figure.title[:30] in said


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
            assert not {"nan", "inf", "-inf", "None"} & set(said)


def test_names_are_no_formulas_and_no_markup() -> None:
    x = np.linspace(0.0, 1.0, 8)
    column = "<b>$\\frac{1}{&"
    run = steepest.fit(
        {column: x, "速度": 2 * x}, f"`速度` ~ a*`{column}` + b", lr=0.5, steps=3, remedies=False
    )
    assert {column, "速度"} <= set(words(run.figure("fit").to_svg()))


def bare(kind: Kind, **parts: Any) -> Figure:
    frames = Frames(("a",), np.arange(1), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    return Figure(kind, "Nothing.", "Nothing.", Axis("x"), Axis("y"), frames, parts)


def test_nothing_to_draw_is_said() -> None:
    empty = bare(
        "loss", step=np.zeros(0), loss=np.zeros(0), validation=None, minimum=None, forecast=None
    )
    assert "There are no finite numbers to draw." in words(empty.to_svg())


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
        assert not {"nan", "inf", "-inf", "None"} & set(said)


def test_what_a_training_figure_draws(figures: dict[str, Figure]) -> None:
    said = set(words(figures["training"].to_svg()))
    assert {"loss", "learning rate", "step", "SD406", "rows held out"} <= said
    assert "probe at step 8, learning rate 0.1" in words(figures["fan"].to_svg())
    assert {"0.weight", "1.weight", "step / weights"} <= set(words(figures["layers"].to_svg()))


# What is asked for wrongly


def test_bad_input(figures: dict[str, Figure], tmp_path: Path) -> None:
    loss = figures["loss"]
    with pytest.raises(UsageError, match=r"written as \.png, \.svg or \.pdf"):
        loss.savefig(tmp_path / "loss.jpg")
    with pytest.raises(UsageError, match=r"light or dark\. Given: blue"):
        loss.savefig(tmp_path / "loss.png", theme="blue")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be written: No such file"):
        loss.savefig(tmp_path / "nowhere" / "loss.svg")


def test_without_matplotlib(figures: dict[str, Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "steepest\[figures\]"'):
        figures["loss"].to_svg()


def test_the_settings_of_others_stay(figures: dict[str, Figure]) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    mpl.rcParams["font.size"] = 20
    try:
        svg = figures["loss"].to_svg()
        assert mpl.rcParams["font.size"] == 20
    finally:
        mpl.rcParams.update(before)
    assert figures["loss"].to_svg() == svg


def test_a_slice_out_of_the_picture_says_so(figures: dict[str, Figure]) -> None:
    figure = figures["slice"]
    away = replace(figure, parts={**figure.parts, "here": np.full(5, 1e9)})
    assert "Here a is 1e+09, outside of this picture." in words(away.to_svg())
