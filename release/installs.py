"""Installs the built wheel into empty folders and uses it: each Python × each extra alone.

`python release/installs.py WHEEL [PYTHON…] [EXTRA…]`, where the extra `core` is none of them. It
prints a table, of which README.md has a part. What is installed is what constraints.txt says. It
runs where nothing is installed: it imports nothing but the standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CONSTRAINTS: Final = ROOT / "constraints.txt"

EXTRAS: Final = (
    *("core", "figures", "pictures", "tensorboard", "notebook"),
    *("torch", "lightning", "transformers"),
)


def main(wheel: str, *named: str) -> int:
    """Try what is named, print a row of each, and return how many did not work."""
    extras = [name for name in named if name in EXTRAS] or EXTRAS
    pythons = [name for name in named if name not in EXTRAS] or [sys.executable]
    print("| Python | extra | packages | MB | seconds | |\n|---|---|---:|---:|---:|---|")
    failed = 0
    for python in pythons:
        if which(python) is None:
            print(f"| {python} | | | | | not tried: there is none here |")
            continue
        for extra in extras:
            with TemporaryDirectory() as folder:
                row, came = _tried(python, Path(wheel).resolve(), extra, Path(folder))
            print(f"| {row} |", flush=True)
            if came.returncode:
                failed += 1
                print(came.stdout + came.stderr, file=sys.stderr)
    return failed


def _tried(
    python: str, wheel: Path, extra: str, folder: Path
) -> tuple[str, subprocess.CompletedProcess[str]]:
    """A row of the table, and what came of using it."""
    subprocess.run([python, "-m", "venv", folder / "environment"], check=True)
    own = folder / "environment" / "bin" / "python"
    pip: list[str | Path] = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The pip that is pinned is the one that holds files against the hashes of constraints.
    pinned = folder / "pip.txt"
    lines = CONSTRAINTS.read_text("utf-8").replace("\\\n", " ").splitlines()
    pinned.write_text("\n".join(line for line in lines if line.startswith("pip==")), "utf-8")
    subprocess.run([*pip, "--requirement", pinned], check=True)
    before, start = _size(folder), time.monotonic()
    wanted = str(wheel) if extra == "core" else f"{wheel}[{extra}]"
    subprocess.run([*pip, "--no-require-hashes", "--constraint", CONSTRAINTS, wanted], check=True)
    seconds, size = time.monotonic() - start, (_size(folder) - before) / 1e6
    listed = subprocess.check_output([own, "-m", "pip", "list", "--format", "freeze"], text=True)
    packages = len(listed.splitlines()) - listed.count("pip==")
    version = subprocess.check_output(
        [own, "-c", "import platform as p; print(p.python_version())"]
    )
    empty = folder / "empty"
    empty.mkdir()
    came = subprocess.run(
        [own, "-I", ROOT / "release" / "uses.py", ROOT / "examples" / "speed.csv", extra],
        cwd=empty,
        env=os.environ | {"STEEPEST_STORE": str(folder / "runs.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "works" if came.returncode == 0 else "DOES NOT WORK"
    words = [version, extra, packages, f"{size:.0f}", f"{seconds:.0f}", said]
    return " | ".join(map(str, words)), came


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
