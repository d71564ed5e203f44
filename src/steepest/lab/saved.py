"""The lab in a file: one page without a server, which lives from the answers that stand in it.

It is the same page. What it would ask of a server it finds beside itself; what it does not find
needs the engine, and the page says which command opens it live.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any, Final

import orjson

from steepest.lab.answers import Answers
from steepest.lab.problem import Asked, examples, read_problem
from steepest.methods.optimizers import RACERS, SOLVERS
from steepest.show.report import hashed, in_script

MOST_REMEDIES: Final = 1
"""Remedies that can be tried in the file: each is half as large again as the rest of it."""

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


def saved_lab(answers: Answers, asked: Asked) -> bytes:
    """The page of a problem: its descents at every learning rate, judged, with what helps.

    The first remedy is in it with all that one sees of it. Raises SteepestError.
    """
    remedies = answers.remedies(asked)
    tried = [one["problem"] for one in orjson.loads(remedies)["remedies"] if one["problem"]]
    helped = [read_problem(problem) for problem in tried]
    kept = [_kept("/api/remedies", asked, remedies)]
    for problem in [asked, *helped[:MOST_REMEDIES]]:
        kept.append(_kept("/api/live", problem, answers.live(problem)))
        kept.append(_kept("/api/board", problem, answers.board(problem)))
    if asked.options.optimizer not in SOLVERS:
        kept.append(_kept("/api/race", asked, answers.race(asked, RACERS)))
    known = examples().get(asked.example or "")
    shown = {
        "id": asked.example or "saved",
        "title": known.title if known else asked.formula,
        "says": known.says if known else "",
        "problem": asked.to_dict(),
    }
    return _page({"examples": [shown], "answers": kept}, str(shown["title"])).encode()


def first_problem() -> Asked:
    """What the lab opens with: the first example."""
    return next(iter(examples().values())).problem


def _kept(path: str, asked: Asked, answer: bytes) -> dict[str, Any]:
    """An answer as the server sends it, to the byte: read and written again it would be longer."""
    return {"path": path, "problem": asked.to_dict(), "answer": orjson.Fragment(answer)}


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
