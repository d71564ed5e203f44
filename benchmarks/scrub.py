"""Moving the step cursor: from the move to the painted picture, in one browser, beside Plotly.

Painted: the first task after the frame in which the page was laid out and painted. A move begins at
any moment between two frames of the screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

import steepest
from benchmarks.baselines import by_hand
from benchmarks.chromium import CHROMIUM, launched
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark

ROWS = 200
STEPS = 60
CELLS = 60
LR = 2e-4
MOVES = 120
"""A round and a side. The judged 95th percentile has six moves above it."""

STATIC = Path(steepest.__file__).parent / "static"
PLOTLY = Path(__file__).parent.parent / "frontend/node_modules/plotly.js-dist-min/plotly.min.js"
# Without it a move waits up to 16.7 ms for the screen, whatever the work: that hides a ratio.
UNCAPPED = ("--disable-frame-rate-limit", "--disable-gpu-vsync")

MEASURE = """
async ({ moves, seed }) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const taken = [];
  let random = seed;
  for (let index = 0; index < moves; index += 1) {
    random = (random * 48271) % 2147483647;
    const frame = (window.at + 1 + (random % (window.frames - 1))) % window.frames;
    // A hand does not wait for the screen: moves begin anywhere between two of its pictures.
    await new Promise((done) => setTimeout(done, random % 17));
    const began = performance.now();
    await window.move(frame);
    await painted();
    taken.push(performance.now() - began);
    window.at = frame;
  }
  return { taken, at: window.at, shown: window.shown() };
}
"""

OURS = """
(board) => {
  const place = document.getElementById("place");
  Steepest.mount(place, board);
  const slider = place.querySelector("input");
  window.frames = board.frames.length;
  window.at = board.at;
  // What a hand on the slider does: the browser moves it, and says so.
  window.move = (frame) => {
    slider.value = frame;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };
  window.shown = () => place.querySelector("output").textContent;
}
"""

THEIRS = """
async (board) => {
  const [loss, fit, contour] = ["loss", "fit", "contour"].map((kind) =>
    board.figures.find((figure) => figure.kind === kind));
  const layout = (more) => ({
    width: 380, height: 260, margin: { l: 50, r: 10, t: 10, b: 40 }, showlegend: false, ...more });
  const add = async (traces, more) => {
    const place = document.getElementById("place").appendChild(document.createElement("div"));
    return Plotly.newPlot(place, traces, layout(more), { displayModeBar: false });
  };
  const line = (x, y, color) => ({ x, y, mode: "lines", line: { color }, hoverinfo: "none" });
  const dot = (x, y) => ({ x: [x], y: [y], mode: "markers", marker: { size: 10 } });
  const sticks = (predicted) => fit.data_y.flatMap((y, row) => [y, predicted[row], null]);
  const at = board.at;
  const lossPlot = await add([
    line(loss.step, loss.loss, "#fbd3b8"), line(loss.step, loss.loss, "#d55e00"),
    dot(board.frames[at], board.loss[at]),
  ], { yaxis: { type: "log" } });
  const fitPlot = await add([
    { x: fit.data_x, y: fit.data_y, mode: "markers" },
    line(fit.data_x.flatMap((x) => [x, x, null]), sticks(fit.predicted[at]), "#eab"),
    line(fit.curve_x, fit.best_y, "#777"),
    line(fit.curve_x, fit.curve_y[at], "#d55e00"),
  ]);
  const contourPlot = await add([
    { type: "contour", x: contour.grid_x, y: contour.grid_y, z: contour.grid, showscale: false },
    line(contour.path_x, contour.path_y, "#fbd3b8"),
    line(contour.path_x, contour.path_y, "#d55e00"),
    dot(...contour.here[at]), dot(...contour.next[at]),
  ]);
  window.frames = board.frames.length;
  window.at = at;
  window.move = (frame) => {
    const walked = (values) => values.slice(0, frame + 1);
    const [x, y] = contour.here[frame];
    const [nextX, nextY] = contour.next[frame];
    return Promise.all([
      Plotly.restyle(lossPlot, {
        x: [walked(loss.step), [board.frames[frame]]], y: [walked(loss.loss), [board.loss[frame]]],
      }, [1, 2]),
      Plotly.restyle(fitPlot, { y: [sticks(fit.predicted[frame]), fit.curve_y[frame]] }, [1, 3]),
      Plotly.restyle(contourPlot, {
        x: [walked(contour.path_x), [x], [nextX]], y: [walked(contour.path_y), [y], [nextY]],
      }, [2, 3, 4]),
    ]);
  };
  window.shown = () => lossPlot.data[2].x[0];
}
"""


def _board() -> dict[str, Any]:
    """A descent as a board, of a size that no other part of Steepest decides."""
    random = np.random.default_rng(1)
    x = np.linspace(0.0, 10.0, ROWS)
    design = np.stack([x**2, x, np.ones_like(x)])
    y = np.array([0.3, -2.0, 7.0]) @ design + random.normal(0.0, 1.0, ROWS)
    best = np.linalg.lstsq(design.T, y, rcond=None)[0]
    # One step further than the frames: where the last of them would lead.
    path = by_hand(design.T, y, np.array([0.5, -1.0, 4.0]), np.array([LR]), STEPS + 1)
    weights, loss = path.weights[:, 0], path.loss[:, 0]
    at, following = weights[:-1], weights[1:]
    frames = list(range(STEPS + 1))
    a, c = np.linspace(0.0, 0.6, CELLS), np.linspace(0.0, 12.0, CELLS)
    grid = np.empty((CELLS, CELLS, 3))
    grid[..., 0], grid[..., 1], grid[..., 2] = a, best[1], c[:, None]
    losses = np.mean((y - grid @ design) ** 2, axis=-1)
    shared = {"title": "-", "text": "-", "notes": []}
    linear = {"label": "-", "scale": "linear"}
    return {
        "frames": frames,
        "at": STEPS,
        "weights": ["a", "b", "c"],
        "values": at.tolist(),
        "gradient": path.gradient[:-1, 0].tolist(),
        "loss": loss[:-1].tolist(),
        "figures": [
            {
                "kind": "loss",
                **shared,
                "x": linear,
                "y": {"label": "loss", "scale": "log"},
                "step": frames,
                "loss": loss[:-1].tolist(),
                "minimum": None,
                "goal": None,
                "forecast": None,
                "validation": None,
            },
            {
                "kind": "fit",
                **shared,
                "x": linear,
                "y": linear,
                "mode": "curve",
                "row": list(range(ROWS)),
                "data_x": x.tolist(),
                "data_y": y.tolist(),
                "curve_x": x.tolist(),
                "curve_y": (at @ design).tolist(),
                "best_y": (best @ design).tolist(),
                "predicted": (at @ design).tolist(),
            },
            {
                "kind": "contour",
                **shared,
                "x": linear,
                "y": linear,
                "grid_x": a.tolist(),
                "grid_y": c.tolist(),
                "grid": losses.tolist(),
                "levels": np.quantile(losses, np.linspace(0.02, 0.95, 12)).tolist(),
                "held": None,
                "path_x": at[:, 0].tolist(),
                "path_y": at[:, 2].tolist(),
                "path_step": frames,
                "here": at[:, [0, 2]].tolist(),
                "next": following[:, [0, 2]].tolist(),
                "minimum": best[[0, 2]].tolist(),
            },
        ],
    }


@contextmanager
def _pages(board: dict[str, Any], *flags: str) -> Iterator[tuple[Page, Page]]:
    """Ours and theirs, in one browser."""
    if CHROMIUM is None or not PLOTLY.is_file():
        raise DifferentWorkError("Chromium or Plotly is missing: `make test` installs them")
    with sync_playwright() as playwright:
        browser = launched(playwright, *flags)
        sides = []
        for script, style, build in (
            (STATIC / "steepest.js", STATIC / "steepest.css", OURS),
            (PLOTLY, None, THEIRS),
        ):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_content('<!doctype html><title>-</title><div id="place"></div>')
            if style is not None:
                page.add_style_tag(path=style)
            page.add_script_tag(path=script)
            page.evaluate(build, board)
            sides.append(page)
        yield sides[0], sides[1]
        browser.close()


def _moved(page: Page, seed: int, moves: int = MOVES) -> tuple[list[float], str]:
    """Milliseconds of each move, and the step that the page shows after the last one."""
    page.bring_to_front()
    answer = page.evaluate(MEASURE, {"moves": moves, "seed": seed})
    shown = str(answer["shown"]).removeprefix("step ").partition(" ")[0]
    if shown != str(answer["at"]):
        raise DifferentWorkError(f"step {answer['at']} is wanted and {shown} shown")
    return answer["taken"], shown


def _p95(taken: list[float]) -> float:
    return float(np.quantile(taken, 0.95))


@benchmark(
    "scrub",
    f"from a move of the step cursor to the painted update, 95th percentile of {MOVES} moves: loss,"
    f" fit of {ROWS} rows and contour of {CELLS} by {CELLS} on a screen of 60 Hz",
    bound=20.0,
    unit="ms",
)
def to_paint(effort: Effort) -> Samples:
    with _pages(_board()) as (ours, theirs):
        _moved(ours, 1, 10)
        _moved(theirs, 1, 10)
        mine: list[list[float]] = []
        others: list[list[float]] = []
        for number in range(effort.rounds):
            mine.append(_moved(ours, number + 1)[0])
            others.append(_moved(theirs, number + 1)[0])
    return Samples(tuple(map(_p95, mine)), _medians(mine, others))


@benchmark(
    "scrub-plotly",
    f"the same moves with no screen to wait for, 95th percentile of {MOVES}, against Plotly's"
    " restyle of the same three figures",
    bound=0.25,
)
def against_plotly(effort: Effort) -> Samples:
    with _pages(_board(), *UNCAPPED) as (ours, theirs):
        _moved(ours, 1, 10)
        _moved(theirs, 1, 10)
        mine: list[list[float]] = []
        others: list[list[float]] = []
        for number in range(effort.rounds):
            # Who begins changes from round to round.
            pages = ((ours, mine), (theirs, others))
            for page, into in pages if number % 2 == 0 else reversed(pages):
                into.append(_moved(page, number + 1)[0])
    ratios = tuple(_p95(a) / _p95(b) for a, b in zip(mine, others, strict=True))
    return Samples(ratios, _medians(mine, others))


def _medians(mine: list[list[float]], others: list[list[float]]) -> str:
    both = [float(np.median([_p95(taken) for taken in side])) for side in (mine, others)]
    middles = [float(np.median(np.concatenate(side))) for side in (mine, others)]
    return (
        f"{both[0]:.3g} ms against Plotly's {both[1]:.3g} ms;"
        f" half of the moves within {middles[0]:.3g} ms against {middles[1]:.3g} ms"
    )
