"""Each figure says what it said before.

`STEEPEST_SNAPSHOTS=write python -m pytest tests/browser` writes the snapshots anew.
"""

import os
from pathlib import Path

import pytest
from tests.browser.boards import every_kind, only
from tests.browser.pages import Show

from steepest.show.figures import FIGURE_KINDS

SNAPSHOTS = Path(__file__).parent / "snapshots"
FRAME = 3


@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_a_figure_says_what_it_said(kind: str, show: Show) -> None:
    said = "\n".join(show(only(every_kind(), kind) | {"at": FRAME}).says()) + "\n"
    path = SNAPSHOTS / f"{kind}.txt"
    if os.environ.get("STEEPEST_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, "utf-8")
    assert said == path.read_text("utf-8")
