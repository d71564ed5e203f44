"""Installs the built wheel into empty folders and uses it: each Python, each extra alone.

`python release/installs.py WHEEL [PYTHON…] [EXTRA…]`, where the extra `core` is none of them. It
prints what each takes as a table, of which README.md has a part; the rows of the extras are what
they add to the core. The versions are those of constraints.txt. It runs where nothing is
installed: it imports nothing but the standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import copytree, which
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CONSTRAINTS: Final = ROOT / "constraints.txt"

EXTRAS: Final = (
    *("figures", "pictures", "tensorboard", "mlflow", "wandb", "keras", "mcp"),
    "notebook",
    *("torch", "lightning", "transformers"),
)


def main(wheel: str, *named: str) -> int:
    """Try what is named, print a row of each, and return how many did not work."""
    extras = [name for name in named if name in ("core", *EXTRAS)] or EXTRAS
    pythons = [name for name in named if name not in ("core", *EXTRAS)] or [sys.executable]
    print("| Python | extra | packages | MB | processor time | |\n|---|---|---:|---:|---:|---|")
    failed = 0
    for python in pythons:
        if which(python) is None:
            print(f"| {python} | | | | | not tried: there is none here |")
            continue
        with TemporaryDirectory() as folder:
            for row, said in _tried(python, Path(wheel).resolve(), extras, Path(folder)):
                print(f"| {row} | {'DOES NOT WORK' if said else 'works'} |", flush=True)
                print(said, file=sys.stderr, end="")
                failed += bool(said)
    return failed


def _tried(
    python: str, wheel: Path, extras: Sequence[str], folder: Path
) -> Iterator[tuple[str, str]]:
    """A row of the table, and what was said where it does not work."""
    core = folder / "core"
    subprocess.run([python, "-m", "venv", core], check=True)
    # The pip that is pinned is the one that holds files against the hashes of the constraints.
    pinned = folder / "pip.txt"
    lines = CONSTRAINTS.read_text("utf-8").replace("\\\n", " ").splitlines()
    pinned.write_text("\n".join(line for line in lines if line.startswith("pip==")), "utf-8")
    _pip(core, "install", "--requirement", pinned)
    command = (core / "bin/python", "--version")
    version = subprocess.check_output(command, text=True).split()[1]
    for extra in ("core", *(name for name in extras if name != "core")):
        place = core
        if extra != "core":
            place = Path(copytree(core, folder / extra, symlinks=True, copy_function=os.link))
        packages, size = _packages(place), _size(place)
        wanted = wheel if extra == "core" else f"{wheel}[{extra}]"
        held = ("--no-require-hashes", "--constraint", CONSTRAINTS)
        seconds = _pip(place, "install", *held, wanted)
        row = (version, extra, _packages(place) - packages, (_size(place) - size) // 10**6)
        yield (
            f"{' | '.join(map(str, row))} | {seconds:.0f} s",
            _use(place, folder / f"with {extra}", extra),
        )


def _pip(place: Path, *arguments: str | Path) -> float:
    """Run pip, and return the seconds that it took of a processor."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([place / "bin/python", "-m", "pip", "--quiet", *arguments], check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _packages(place: Path) -> int:
    return len(list(place.glob("lib/python*/site-packages/*.dist-info")))


def _size(place: Path) -> int:
    return sum(path.lstat().st_size for path in place.rglob("*") if not path.is_dir())


def _use(place: Path, empty: Path, extra: str) -> str:
    """What is said where it does not work; empty where it does."""
    empty.mkdir()
    came = subprocess.run(
        [place / "bin/python", "-I", ROOT / "release/uses.py", ROOT / "examples/speed.csv", extra],
        cwd=empty,
        env=os.environ | {"STEEPEST_STORE": str(empty / "runs.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    return came.stdout + came.stderr if came.returncode else ""


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
