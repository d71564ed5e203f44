"""Write the lab with its lesson as a page of the docs: `lab.html`.

`python -m docs.saved` computes its descents and writes it. `--check` sees only that it is the page
that the lab is now, with the stops that the lesson has: digits differ from machine to machine.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from steepest.lab.answers import Answers
from steepest.lab.lesson import own_lesson, read_lesson
from steepest.lab.saved import first_problem, page_of, saved_lab
from steepest.lab.uploads import Uploads

PAGE = Path(__file__).parent / "lab.html"
_SAVED = re.compile('(<script type="application/json" id="saved">)(.*?)(</script>)', re.DOTALL)


def parts(page: str) -> tuple[str, Any]:
    """The page without what stands in it, and that."""
    found = _SAVED.search(page)
    if found is None:
        raise ValueError("this page holds no saved lab")
    return _SAVED.sub(r"\1\3", page), json.loads(found[2])


def main() -> int:
    """Write the page, or with --check say that it is out of date; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/lab.html.")
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    uploads = Uploads()
    stops = read_lesson(own_lesson(), uploads)
    if not check:
        PAGE.write_bytes(saved_lab(Answers(uploads), first_problem(), stops))
        return 0
    page, saved = parts(PAGE.read_text("utf-8"))
    now, empty = parts(page_of(first_problem(), stops, []).decode())
    if (page, saved["lesson"], saved["examples"]) == (now, empty["lesson"], empty["examples"]):
        return 0
    print("Out of date in docs: lab.html. Run: python -m docs.saved", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
