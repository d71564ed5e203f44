"""The rules of the house: what stands where, and who may know whom."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "steepest"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
LINES = 80
"""A function of more of them has parts that deserve names."""

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
    "WatchCallback": 4,
    "Way": 2,
    "Word": 2,
}


@cache
def imports() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, wherever in its text."""
    graph = grimp.build_graph("steepest", exclude_type_checking_imports=False, cache_dir=None)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def between(first: str, second: str) -> list[tuple[str, str]]:
    """The imports from one package into another."""
    return sorted(
        (name, other)
        for name, others in imports().items()
        for other in others
        if f"{name}.".startswith(f"{first}.") and f"{other}.".startswith(f"{second}.")
    )


def functions(folder: Path) -> Iterator[tuple[str, int]]:
    """Every function by file and name, with the lines that it takes."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{path.relative_to(ROOT)}: {node.name}", lines


def test_the_list_of_folders_is_the_list_of_floors() -> None:
    floors = next(one for one in CONTRACTS["contracts"] if one["type"] == "layers")["layers"]
    rooms = {room.strip() for floor in floors for room in floor.split("|")} - {"__main__"}
    seen = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert {path.name for path in seen if path.is_dir()} == rooms | {"static"}
    # py.typed says that the package is typed, and holds nothing.
    files = {path.name for path in seen if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}


def test_no_circle_of_files() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    ("room", "other"),
    [
        pytest.param("steepest.store", "steepest.checks", id="what-keeps-never-judges"),
        pytest.param("steepest.show", "steepest.descent", id="what-shows-never-moves"),
        pytest.param("steepest.run.figures", "steepest.descent", id="figures-never-move"),
    ],
)
def test_a_room_never_imports_another(room: str, other: str) -> None:
    assert any(f"{name}.".startswith(f"{room}.") for name in imports())
    assert between(room, other) == []


def test_no_function_is_longer_than_a_screen_and_a_half() -> None:
    found = {name: lines for name, lines in functions(PACKAGE) if lines > LINES}
    assert found == {}


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
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in names_in(path):
            places[name].append(path.relative_to(PACKAGE).as_posix())
    shared = {name: where for name, where in places.items() if len(where) > 1}
    more = {name: where for name, where in shared.items() if len(where) > SHARED.get(name, 1)}
    assert more == {}, "find another name, or make it private to its file by a leading _"
