"""What a machine keeps true of the house: one word, one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "steepest"

# Names of public classes and constants that still stand for two things or more, with how many.
# The list may only shrink: whoever mends one takes it out.
SHARED: dict[str, int] = {
    "Asked": 2,
    "BETTER": 2,
    "CLEAR": 2,
    "CLOSE": 2,
    "COLUMNS": 2,
    "Call": 2,
    "Choice": 2,
    "Column": 2,
    "Command": 2,
    "Comparison": 2,
    "DECADES": 2,
    "DIVERGED": 2,
    "EDGE": 2,
    "EFFORT": 2,
    "ENTRIES": 3,
    "EPSILON": 2,
    "Ended": 2,
    "Extremes": 2,
    "FACTORS": 2,
    "FALLS": 2,
    "FAR": 3,
    "FEW": 7,
    "Floats": 3,
    "Gives": 2,
    "Guard": 4,
    "INTERRUPTED": 2,
    "Kind": 3,
    "LEAST": 5,
    "LEAST_ROWS": 3,
    "LEVEL": 4,
    "LINE": 2,
    "LONGEST": 5,
    "Loss": 2,
    "MANY": 2,
    "MARGIN": 4,
    "MAX_NODES": 2,
    "MOST_BYTES": 2,
    "MOST_CLASSES": 2,
    "MOST_EPOCHS": 2,
    "MOST_FRAMES": 2,
    "MOST_NAMED": 3,
    "MOST_NODES": 3,
    "MOST_NUMBERS": 3,
    "MOST_POINTS": 3,
    "MOST_PULLS": 6,
    "MOST_ROWS": 3,
    "MOST_STEPS": 3,
    "MOST_UNITS": 2,
    "MOST_WEIGHTS": 4,
    "MOST_WRONG": 2,
    "NEAR": 4,
    "Part": 2,
    "Place": 2,
    "Product": 2,
    "Progress": 6,
    "QUICK": 2,
    "ROUNDING": 3,
    "ROWS": 3,
    "Rate": 2,
    "Recorder": 2,
    "Rows": 6,
    "SAME": 6,
    "SHARE": 2,
    "SIGNED": 2,
    "STEP_WORK": 2,
    "Scaling": 2,
    "Seen": 3,
    "Span": 3,
    "Stopped": 2,
    "UNEVEN": 2,
    "VANISHED": 2,
    "WIDTH": 2,
    "WatchCallback": 3,
    "Way": 2,
    "Word": 2,
}


def names_in(path: Path) -> set[str]:
    """Of public classes, and of constants and types by their capital letter."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if name[0].isupper()}


def test_a_public_name_is_that_of_one_thing() -> None:
    places = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for name in names_in(path):
            places[name].append(path.relative_to(SOURCE).as_posix())
    shared = {name: where for name, where in places.items() if len(where) > 1}
    more = {name: where for name, where in shared.items() if len(where) > SHARED.get(name, 1)}
    assert more == {}, "find another name, or make it private to its file by a leading _"
