"""The report of a run: one page of HTML that needs nothing else, and no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Steepest {version}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="steepest"></main>
<script type="application/json" id="board">{board}</script>
<script>{script}</script>
{words}</body>
</html>
"""

_WORDS = """<details class="report-words"><summary>The report in words</summary>
<pre tabindex="0">{words}</pre>
</details>
"""


def report_page(board: Mapping[str, Any], *, title: str, words: str = "") -> str:
    """The page: the board's figures linked by their cursor, and the report in words below.

    `board` is that of `Board.to_dict()`; `words` is plain text. Every text may be hostile: nothing
    of it is HTML here, and the page's policy lets no script run but the figure kit.
    """
    script, style = kit()
    data = json.dumps(board, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    policy = (
        f"default-src 'none'; script-src {hashed(script)}; style-src {hashed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        version=escape(str(board["steepest"])),
        title=escape(title),
        style=style,
        board=in_script(data),
        script=script,
        words=_WORDS.format(words=escape(words)) if words else "",
    )


@cache
def kit() -> tuple[str, str]:
    """The figure kit: its script and its style."""
    folder = resources.files("steepest") / "static"
    script, style = (
        (folder / name).read_text(encoding="utf-8").strip()
        for name in ("steepest.js", "steepest.css")
    )
    return script, style


def hashed(text: str) -> str:
    """By what a policy allows exactly this script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def in_script(text: str) -> str:
    r"""JSON that cannot end the element it stands in.

    >>> in_script('["</script>"]')
    '["\\u003c/script>"]'
    """
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
