"""The lab in a file: one page without a server, which lives from the answers that stand in it.

It is the same page. What it would ask of a server it finds beside itself; what it does not find
needs the engine, and the page says which command opens it live.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping, Sequence, Set
from html import escape
from importlib import resources
from typing import Any, Final

import numpy as np
import orjson

from steepest.lab.answers import Answers
from steepest.lab.lesson import Stop
from steepest.lab.problem import Asked, examples, read_problem
from steepest.methods.optimizers import RACERS, SOLVERS
from steepest.show.report import hashed, in_script

MOST_REMEDIES: Final = 1
"""Remedies that can be tried in the file: each is half as large again as the rest of it."""

EVERY: Final = 5
"""Of the learning rates of a stop so many are one: a lesson has many problems."""

DRAWN_LIVE: Final = frozenset({"fit", "loss", "sweep", "function", "surface"})
"""Figures of a judged run that the page draws from its descents: of these it reads the title."""

WHEN_LOOKING_AROUND: Final = frozenset({"contour", "slice", "residuals", "spectrum", "backward"})
"""Figures for who looks around: a file has them of the problem that it is of, and no other."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main id="lab" class="steepest lab">
<noscript>This page needs JavaScript.</noscript>
</main>
<script type="application/json" id="saved">{saved}</script>
<script>{script}</script>
</body>
</html>
"""


def saved_lab(
    answers: Answers, asked: Asked, stops: Sequence[Stop] = (), *, opens: bool = False
) -> bytes:
    """The page of a problem: its descents at every learning rate, judged, with what helps.

    The first remedy is in it with all that one sees of it, and a lesson with all that its `stops`
    show; with `opens` the page begins with the first. Raises SteepestError.
    """
    remedies = answers.remedies(asked)
    tried = [one["problem"] for one in orjson.loads(remedies)["remedies"] if one["problem"]]
    kept = [_kept("/api/remedies", asked, remedies)]
    for problem in [asked, *map(read_problem, tried[:MOST_REMEDIES])]:
        board = orjson.loads(answers.board(problem))
        shown = _with_figures(
            board, without=frozenset() if problem is asked else WHEN_LOOKING_AROUND
        )
        kept.append(_kept("/api/board", problem, shown))
        kept.append(_kept("/api/live", problem, _coarse(answers.live(problem))))
    if asked.options.optimizer not in SOLVERS:
        kept.append(_kept("/api/race", asked, answers.race(asked, RACERS)))
    kept += _of_stops(answers, stops, but=asked)
    return page_of(asked, stops, kept, opens=opens)


def page_of(
    asked: Asked, stops: Sequence[Stop], kept: Sequence[Mapping[str, Any]], *, opens: bool = False
) -> bytes:
    """The page with the answers that are `kept`."""
    known = examples().get(asked.example or "")
    shown = {
        "id": asked.example or "saved",
        "title": known.title if known else asked.formula,
        "says": known.says if known else "",
        "problem": asked.to_dict(),
    }
    lesson = {"opens": opens, "stops": [stop.to_dict() for stop in stops]}
    saved = {"examples": [shown], "lesson": lesson, "answers": kept}
    return _page(saved, str(shown["title"])).encode()


def _of_stops(answers: Answers, stops: Sequence[Stop], but: Asked) -> Iterator[dict[str, Any]]:
    """What the stops show: problems that differ in the learning rate alone share their descents."""
    alike: dict[bytes, dict[bytes, Asked]] = {}
    for problem in (shown.problem for stop in stops for shown in (stop.state, stop.then)):
        if problem.key() != but.key():
            alike.setdefault(problem.key("lr"), {})[problem.key()] = problem
    for problems in alike.values():
        own = []
        for problem in problems.values():
            board = orjson.loads(answers.board(problem))
            own.append(board["document"]["descent"]["lr"])
            yield _kept("/api/board", problem, _with_figures(board, WHEN_LOOKING_AROUND))
        first = next(iter(problems.values()))
        rates = answers.rates(first)
        if len(rates):
            rates = np.unique([*rates[::EVERY], *own])
        yield _kept("/api/live", first, _coarse(answers.live(first, rates=rates)))


def _coarse(live: bytes) -> bytes:
    """A quick view whose contour has heights of four digits: they are seen as hues and lines."""
    view = orjson.loads(live)
    if view["contour"] is not None:
        grid = view["contour"]["grid"]
        view["contour"]["grid"] = [
            [None if height is None else float(f"{height:.4g}") for height in row] for row in grid
        ]
    return orjson.dumps(view)


def _with_figures(board: dict[str, Any], without: Set[str]) -> bytes:
    """A judged run `without` figures of some kinds, and of those that are live their titles."""
    figures = [one for one in board["board"]["figures"] if one["kind"] not in without]
    board["board"]["figures"] = [
        {"kind": one["kind"], "title": one["title"]} if one["kind"] in DRAWN_LIVE else one
        for one in figures
    ]
    return orjson.dumps(board)


def first_problem() -> Asked:
    """What the lab opens with: the first example."""
    return next(iter(examples().values())).problem


def _kept(path: str, asked: Asked, answer: bytes) -> dict[str, Any]:
    """An answer as the server sends it, packed: numbers as text take a third of it so."""
    packed = base64.b64encode(gzip.compress(answer, mtime=0)).decode()
    return {"path": path, "problem": asked.to_dict(), "answer": packed}


def _page(saved: Mapping[str, Any], title: str) -> str:
    folder = resources.files("steepest") / "static"
    script, style = ((folder / name).read_text("utf-8").strip() for name in ("lab.js", "lab.css"))
    policy = (
        f"default-src 'none'; script-src {hashed(script)}; style-src {hashed(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=escape(f"{title} - Steepest lab"),
        style=style,
        saved=in_script(orjson.dumps(saved).decode()),
        script=script,
    )
