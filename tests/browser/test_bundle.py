"""The committed bundle: small, in the package, and what the sources give."""

import gzip
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"


def test_the_bundle_is_in_the_package_and_small() -> None:
    static = files("steepest") / "static"
    sizes = [len(gzip.compress((static / f"steepest.{end}").read_bytes())) for end in ("js", "css")]
    # A report with its data has to stay under 150 kB.
    assert sum(sizes) < 40_000


def test_the_bundle_is_what_the_sources_give() -> None:
    if shutil.which("node") is None or not (FRONTEND / "node_modules").is_dir():
        pytest.skip("There is no Node.js here, or nothing is installed: npm ci --prefix frontend")
    for command in (["tsc", "--noEmit"], ["node", "build.mjs", "--check"]):
        program = FRONTEND / "node_modules/.bin" / command[0]
        answer = subprocess.run(
            [program if program.exists() else command[0], *command[1:]],
            cwd=FRONTEND,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    lock = (FRONTEND / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    package = (FRONTEND / "package.json").read_text("utf-8")
    assert not any(loose in package for loose in ('"^', '"~', '"*', "latest"))
