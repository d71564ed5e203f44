"""The project's own files agree with each other, and its rules hold."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import steepest

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def pinned() -> list[list[str]]:
    """What constraints.txt says, word by word: NAME==VERSION and the hashes of its files."""
    text = (ROOT / "constraints.txt").read_text("utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, Version]:
    pairs = [words[0].split("==") for words in pinned()]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def declared() -> Iterator[tuple[str, Requirement]]:
    """Every (where, requirement) that pyproject.toml names."""
    groups = {
        "build": PYPROJECT["build-system"]["requires"],
        "core": PROJECT["dependencies"],
        **EXTRAS,
        **PYPROJECT["dependency-groups"],
    }
    for group, lines in groups.items():
        for line in lines:
            requirement = Requirement(line)
            if requirement.name != PROJECT["name"]:
                yield group, requirement


def needed() -> set[str]:
    """Names of what the package and the installed extras need here, however indirectly."""
    # What PyTorch brings depends on its build: a CPU build brings none of the CUDA libraries.
    found = {"torch"}
    waiting = [Requirement(f"{PROJECT['name']}[{','.join(EXTRAS)}]")]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == "torch" or str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found.add(name)
        try:
            children = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # the extra `bench` need not be there
            continue
        waiting += [
            child
            for child in children
            if child.marker is None
            or any(child.marker.evaluate({"extra": e}) for e in ("", *requirement.extras))
        ]
    return found - {PROJECT["name"]}


def files() -> Iterator[Path]:
    """Every file that belongs to the project: what .gitignore leaves over."""
    lines = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    ignored = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in ignored):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path


@pytest.mark.parametrize(
    ("group", "requirement"),
    [pytest.param(*pair, id=f"{pair[0]}-{pair[1].name}") for pair in declared()],
)
def test_a_dependency_has_a_floor_and_a_pin_above_it(group: str, requirement: Requirement) -> None:
    assert any(part.operator == ">=" for part in requirement.specifier), group
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_everything_that_gets_installed_is_pinned() -> None:
    assert needed() - pins().keys() == set()


def test_every_pin_says_what_its_files_hash_to() -> None:
    hashed = re.compile(r"--hash=sha256:[0-9a-f]{64}")
    lacking = [
        pin for pin, *hashes in pinned() if not hashes or not all(map(hashed.fullmatch, hashes))
    ]
    assert lacking == []


def test_make_installs_no_file_with_another_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "downloaded-1.0-py3-none-any.whl"
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: downloaded\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"downloaded-1.0.dist-info/{name}", text)
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    # As the Makefile does it, from what lies there.
    command = subprocess.check_output(
        [
            "make",
            "--silent",
            "--eval=shown:;@echo $(INSTALL)",
            "shown",
            f"BIN={Path(sys.executable).parent}",
        ],
        cwd=ROOT,
        text=True,
    ).split()
    constraints = tmp_path / "constraints.txt"

    def installed(hash: str) -> subprocess.CompletedProcess[str]:
        constraints.write_text(f"downloaded==1.0 --hash=sha256:{hash}\n", "utf-8")
        own = ["--constraint", str(constraints), "--target", str(tmp_path / hash)]
        near = ["--no-index", "--find-links", str(tmp_path), "downloaded"]
        return subprocess.run([*command, *own, *near], cwd=ROOT, capture_output=True, text=True)

    refused = installed("0" * 64)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    taken = installed(right)
    assert taken.returncode == 0, taken.stderr
    assert (tmp_path / right / "downloaded-1.0.dist-info").is_dir()


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, flags=re.MULTILINE)
    assert newest is not None
    found = {
        "the changelog": newest[1],
        "the package": steepest.__version__,
        "what is installed": version("steepest"),
    }
    assert found == dict.fromkeys(found, PROJECT["version"])


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(steepest.__file__).parent / "py.typed").is_file()


def test_help_answers_before_anything_heavy_is_imported() -> None:
    script = """
import contextlib, json, runpy, sys
sys.argv = ["steepest", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("steepest", run_name="__main__")
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    imported = set(json.loads(answer.stderr))
    assert "steepest.cli" in imported
    assert "minimize" in answer.stdout
    heavy = {"jax", "jaxlib", "optax", "pandas", "polars", "scipy", "sklearn", "sympy", "torch"}
    assert imported & heavy == set()


def test_modules_keep_to_their_floors() -> None:
    # The contract is exhaustive: a module that stands on no floor breaks it too.
    assert PYPROJECT["tool"]["importlinter"]["contracts"][0]["exhaustive"] is True
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


# In pieces, so that this file is no find of its own.
FORBIDDEN = {
    "unfinished work": r"\b(?:TO" r"DO|FIX" r"ME)\b",
    "a path of one machine": r"(?<![\w./~$}-])/(?:ro" r"ot|ho" r"me|Us" r"ers|wo" r"rk|op" r"t)/\w",
    "the host of a package registry": (
        r"py" r"pi\.org|pythonho" r"sted\.org|npm" r"js\.org|pytor" r"ch\.org/whl"
    ),
}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_no_file_has(pattern: str) -> None:
    finds = []
    for path in files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if re.search(pattern, line):
                finds.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert finds == []
