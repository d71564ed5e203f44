"""Which tests notice a fault: plants the mutants of mutants.toml, one at a time, and says.

    python -m tests.mutants                    all of them
    python -m tests.mutants ID ...             these
    python -m tests.mutants --into FILE        and keeps what came out, as JSON
    python -m tests.mutants --against FILE     those that were caught there: 1 where one is not now
    python -m tests.mutants --table FILE ...   runs nothing: what was kept, as Markdown

A mutant is planted in a copy of the package, never in the checkout, and its judges, files of
tests, run against that copy until one test fails. A test that fails without the mutant too catches
nothing: it is left out, and the judges are asked again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COPY = "STEEPEST_MUTANT_COPY"
"""The environment variable that names the copy of the package to the tests' process."""

MOST_SECONDS = 1200
"""Of one circle of judges: a fault may keep a loop from ending."""


@dataclass(frozen=True)
class Mutant:
    """A fault. `old` stands once in one file of the package; `judges` and `wider` are files."""

    id: str
    floor: str
    fault: str
    old: str
    new: str
    judges: Sequence[str]
    wider: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """The first test that failed, None where all passed, and the processor's seconds."""

    caught_by: str | None
    seconds: float


def all_mutants() -> list[Mutant]:
    """Those of mutants.toml."""
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["mutant"]
    return [Mutant(**entry) for entry in entries]


# In the process of the tests, of which this module is a plugin


def pytest_collection_finish(session: pytest.Session) -> None:
    """End where the tests are not about the copy."""
    import steepest

    if not Path(steepest.__file__).is_relative_to(os.environ[COPY]):
        pytest.exit(f"steepest is {steepest.__file__}, not the copy", returncode=3)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test that fails."""
    _note_failed(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file of tests that cannot even be read."""
    _note_failed(report)


def _note_failed(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.failed:
        with (Path(os.environ[COPY]) / "failed").open("a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(report.nodeid)}\n")


# In the process that plants


@contextmanager
def planted(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The copy with the fault in it. Raises LookupError where it has no single place."""
    texts = {path: path.read_text("utf-8") for path in sorted(copy.rglob("*.py"))}
    places = [path for path, text in texts.items() for _ in range(text.count(mutant.old))]
    if len(places) != 1:
        raise LookupError(f"its old text stands {len(places)} times in the package, not once")
    path = places[0]
    try:
        _write(path, texts[path].replace(mutant.old, mutant.new))
        yield
    finally:
        _write(path, texts[path])


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    # Python tells compiled files by the second and the size, which a fault may leave as they were.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def run(copy: Path, tests: Sequence[str], *options: str) -> tuple[list[str], float]:
    """Run tests against the copy: which failed, and the processor's seconds."""
    failed = copy / "failed"
    failed.unlink(missing_ok=True)
    # Hypothesis draws the same examples each time where CI is set.
    environment = {**os.environ, COPY: str(copy), "PYTHONPATH": str(copy), "CI": "1"}
    began = _processor_seconds()
    command = ["-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.mutants"]
    try:
        done = subprocess.run(
            [sys.executable, *command, *options, *tests],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, said = 1, f"{MOST_SECONDS} seconds were not enough."
    lines = failed.read_text("utf-8").splitlines() if failed.exists() else []
    found = list(dict.fromkeys(map(json.loads, lines)))
    if code and not found:
        raise RuntimeError(f"pytest ended with {code}, and no test failed:\n{said[-2000:]}")
    return found, _processor_seconds() - began


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def files_of(names: Iterable[str]) -> list[str]:
    """The files of tests that are called so, wherever they lie. Says which there are none of."""
    found: list[str] = []
    for name in names:
        here = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob(name))]
        if not here:
            print(f"There is no file of tests called {name} any more.", file=sys.stderr)
        found += here
    return list(dict.fromkeys(found))


def judge(copy: Path, mutant: Mutant, left_out: Iterable[str], *, everywhere: bool) -> Outcome:
    """Ask the judges, then the wider circle, then, if `everywhere`, all tests there are."""
    options = ["-x"]
    for test in left_out:
        options.append(f"--deselect={test}" if "::" in test else f"--ignore={test}")
    seconds = 0.0
    circles = [files_of(mutant.judges), files_of(mutant.wider), ["tests"] if everywhere else []]
    with planted(copy, mutant):
        for files in filter(None, circles):
            failed, spent = run(copy, files, *options)
            seconds += spent
            if failed:
                return Outcome(failed[0], round(seconds, 1))
    return Outcome(None, round(seconds, 1))


def outcomes(mutants: Sequence[Mutant], *, everywhere: bool) -> dict[str, Outcome]:
    """Judge each; tests that fail without a mutant too are not believed."""
    found: dict[str, Outcome] = {}
    failing: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "src" / "steepest", copy / "steepest")
        waiting = list(mutants)
        while waiting:
            for mutant in waiting:
                try:
                    outcome = judge(copy, mutant, failing, everywhere=everywhere)
                    said = outcome.caught_by or "NOT CAUGHT"
                except LookupError as error:
                    outcome, said = Outcome(None, 0.0), f"NOT PLANTED: {error}"
                found[mutant.id] = outcome
                print(f"{mutant.id:28} {outcome.seconds:6.1f} s  {said}", flush=True)
            catching = sorted({o.caught_by for o in found.values() if o.caught_by} - failing)
            failing |= set(run(copy, catching)[0]) if catching else set()
            waiting = [m for m in mutants if found[m.id].caught_by in failing]
            for mutant in waiting:
                print(f"{found[mutant.id].caught_by} fails without {mutant.id} too.", flush=True)
    return found


def kept(path: Path) -> dict[str, Outcome]:
    """What a file of outcomes says; nothing where there is none."""
    if not path.exists():
        return {}
    return {name: Outcome(**entry) for name, entry in json.loads(path.read_text("utf-8")).items()}


def table(mutants: Sequence[Mutant], columns: Sequence[dict[str, Outcome]]) -> str:
    """What was kept, as a table of Markdown: a mutant a line, a column for each file."""

    def cell(outcome: Outcome | None) -> str:
        if outcome is None:
            return "not run"
        if outcome.caught_by is None:
            return f"not caught, {outcome.seconds:g} s"
        file, _, test = outcome.caught_by.partition("::")
        return f"`{Path(file).name}`: {test.partition('[')[0]}, {outcome.seconds:g} s"

    lines = []
    for mutant in mutants:
        cells = (cell(column.get(mutant.id)) for column in columns)
        lines.append(" | ".join((f"| {mutant.floor}", mutant.fault, *cells)) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--into", type=Path, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE")
    parser.add_argument(
        "--everywhere", action="store_true", help="ask all tests where the judges catch nothing"
    )
    given = parser.parse_args(arguments)
    known = all_mutants()
    if given.table:
        print(table(known, [kept(path) for path in given.table]))
        return 0
    unknown = set(given.ids) - {mutant.id for mutant in known}
    if unknown:
        parser.error(f"There is no mutant called {', '.join(sorted(unknown))}.")
    before = kept(given.against) if given.against else {}
    caught_before = {name for name, outcome in before.items() if outcome.caught_by}
    wanted = set(given.ids) or (caught_before if given.against else {m.id for m in known})
    chosen = [mutant for mutant in known if mutant.id in wanted]
    found = outcomes(chosen, everywhere=given.everywhere)
    if given.into:
        _keep(given.into, {**kept(given.into), **found}, known)
    caught = sum(outcome.caught_by is not None for outcome in found.values())
    spent = sum(outcome.seconds for outcome in found.values())
    print(f"{caught} of {len(found)} caught, in {spent:.0f} s of processor time.")
    lost = [m.id for m in chosen if not found[m.id].caught_by and m.id in caught_before]
    for name in lost:
        print(f"{name} was caught by {before[name].caught_by}, and no longer is.")
    return bool(lost)


def _keep(path: Path, found: dict[str, Outcome], known: Sequence[Mutant]) -> None:
    entries: dict[str, Any] = {m.id: asdict(found[m.id]) for m in known if m.id in found}
    path.write_text(f"{json.dumps(entries, indent=2)}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
