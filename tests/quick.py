"""The tests nearest to a change, for a minute: `make quick`.

What was changed: since the branch left main, and what is not committed. What that touches: who
imports it, one import after the other, nearest first. Almost everything is behind `steepest.fit`,
so a minute seldom holds all that a change touches; what was left out is said. `make test` runs all.
"""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import grimp
import pytest

import steepest

ROOT = Path(__file__).parents[1]
SECONDS = 55
"""For the tests: to look for them takes the rest of the minute."""


def git(*arguments: str) -> list[str]:
    """The lines that it answers; none where it knows no such thing."""
    command = ["git", "-C", str(ROOT), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def changed() -> list[str]:
    """Files that this branch and this checkout changed, by their paths, or else the last commit."""
    base = next(iter(git("merge-base", "main", "HEAD")), "HEAD")
    found = git("diff", "--name-only", base) + git("ls-files", "--others", "--exclude-standard")
    return sorted(set(found or git("diff", "--name-only", "HEAD~1")))


def module_of(path: Path) -> str:
    """The name that imports a file of the repository."""
    parts = path.with_suffix("").parts
    return ".".join(part for part in parts[parts[0] == "src" :] if part != "__init__")


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules, or names in them, that a file imports; `steepest.fit` is imported from its home."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (homes.get(a.name, f"{module}.{a.name}") for a in names)
            case ast.Attribute(value=ast.Name("steepest"), attr=name) if name in homes:
                yield homes[name]


homes: Mapping[str, str] = steepest._HOMES


def imports() -> dict[str, set[str]]:
    """What each module of the repository imports directly."""
    graph = grimp.build_graph("steepest")
    found = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    for path in sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]):
        inside = path.relative_to(ROOT)
        found[module_of(inside)] = {
            *imported(ast.parse(path.read_text("utf-8"))),
            # A conftest holds for all tests beside and below it.
            *(module_of(folder / "conftest.py") for folder in inside.parents),
        } - {module_of(inside)}
    return found


def touched(changes: Iterable[str], graph: Mapping[str, set[str]]) -> list[str]:
    """Modules from which an import leads to a change, those that changed themselves first."""
    importers: dict[str, set[str]] = {}
    for module, others in graph.items():
        for other in others:
            importers.setdefault(other, set()).add(module)
    order = dict.fromkeys(change for change in changes if change in graph)
    for module in (waiting := list(order)):
        for importer in sorted(importers.get(module, ())):
            if importer not in order:
                order[importer] = None
                waiting.append(importer)
    return list(order)


def readers(path: Path) -> Iterator[str]:
    """Test files that name a file which is no module, or the folder at the root that it is in."""
    names = (path.name, f'"{path.parts[0]}"')
    for test in sorted(ROOT.glob("tests/**/test_*.py")):
        if any(name in test.read_text("utf-8") for name in names):
            yield module_of(test.relative_to(ROOT))


def chosen(changes: Iterable[str]) -> list[str]:
    """Paths of test files, nearest to the change first."""
    graph, modules = imports(), []
    for path in map(Path, changes):
        modules += [module_of(path)] if path.suffix == ".py" else list(readers(path))
    names = [name.replace(".", "/") + ".py" for name in touched(modules, graph)]
    return [name for name in names if Path(name).name.startswith("test_")]


class Minute:
    """Ends a run of pytest when its time is over, and says what was not run."""

    def __init__(self, seconds: int):
        self.seconds = seconds
        self.waiting: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.waiting = [item.nodeid for item in session.items]

        def over(*_: object) -> None:
            pytest.exit(self.left(), returncode=int(session.testsfailed > 0))

        signal.signal(signal.SIGALRM, over)
        signal.alarm(self.seconds)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.waiting.remove(nodeid)

    def pytest_sessionfinish(self) -> None:
        signal.alarm(0)

    def left(self) -> str:
        """A sentence about the tests that had no time."""
        files = dict.fromkeys(nodeid.split("::")[0] for nodeid in self.waiting)
        some = ", ".join(list(files)[:5]) + (", …" if len(files) > 5 else "")
        return f"The minute is over. Not run: {len(self.waiting)} tests of {some}"


def main() -> int:
    """Run them; the exit code of pytest."""
    changes = changed()
    files = chosen(changes)
    print(f"{len(changes)} changed files touch {len(files)} files of tests, nearest first.")
    return pytest.main(["-q", *sys.argv[1:], *files], plugins=[Minute(SECONDS)]) if files else 0


if __name__ == "__main__":
    raise SystemExit(main())
