"""What is released: the wheel's bytes, what is in it, on what terms, and what an extra is for."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "steepest"


def built(target: str, checkout: Path, into: Path, umask: int = 0o022) -> Path:
    """The wheel or the source archive of a checkout, made offline."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", into],
        cwd=checkout,
        umask=umask,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (file,) = into.iterdir()
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("dist"))


def test_another_build_has_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    # From the source archive, elsewhere, at another time, and for nobody else to read.
    archive = built("sdist", ROOT, tmp_path / "sources")
    unpack = (sys.executable, "-m", "tarfile", "--extract", archive, tmp_path / "elsewhere")
    subprocess.run(unpack, check=True)
    (checkout,) = (tmp_path / "elsewhere").iterdir()
    for path in checkout.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1e9, 1e9))
    again = built("wheel", checkout, tmp_path / "again", umask=0o077)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = {name.split(".dist-info/")[1] for name in names - package}
    assert package <= names
    assert about == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "licenses/src/steepest/lab/examples/sources.txt",
        "licenses/src/steepest/static/licenses.txt",
        "sboms/bundle.cdx.json",
    }


def test_the_terms_of_each_module_in_the_bundle_go_with_it() -> None:
    parts = json.loads((PACKAGE / "static" / "bundle.cdx.json").read_text("utf-8"))["components"]
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text("utf-8"))["packages"]
    licenses = (PACKAGE / "static" / "licenses.txt").read_text("utf-8")
    lab = (PACKAGE / "static" / "lab.js").read_text("utf-8")
    assert parts
    for part in parts:
        locked = lock[f"node_modules/{part['name']}"]
        (term,) = part["licenses"]
        assert (part["version"], term["license"]["id"]) == (locked["version"], locked["license"])
        heading = f"{part['name']} {part['version']}, {locked['license']}"
        assert heading in licenses
        assert heading in lab
    # Every dependency of the kit is there, however indirectly.
    needed = {name for name, about in lock.items() if name and not about.get("dev")}
    assert {f"node_modules/{part['name']}" for part in parts} == needed
    permission = "Permission to use, copy, modify, and/or distribute this software for any purpose"
    for name in ("lab.js", "steepest.js", "still.js"):
        assert permission in (PACKAGE / "static" / name).read_text("utf-8")[:4000]


def test_what_is_missing_says_which_extra_has_it(tmp_path: Path) -> None:
    modules = {
        *("PIL", "accelerate", "anywidget", "ipykernel", "keras", "lightning", "mcp", "mlflow"),
        *("quickjs", "tensorboardX", "torch", "transformers", "vl_convert", "wandb"),
    }
    # Python imports it first, in the processes that are started too.
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({sorted(modules)}))\n"
    (tmp_path / "sitecustomize.py").write_text(blocked, "utf-8")
    answer = subprocess.run(
        [sys.executable, ROOT / "release" / "uses.py", ROOT / "examples" / "speed.csv"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "STEEPEST_STORE": str(tmp_path / "runs.db")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    needs = {
        "torch": "Watching a training needs PyTorch",
        "figures": "Drawing a figure into a file needs quickjs-ng",
        "pictures": "Reading pictures needs Pillow",
        "tensorboard": "Error: Writing for TensorBoard needs tensorboardX",
        "mlflow": "Error: Writing for MLflow needs mlflow",
        "wandb": "Error: Writing for Weights & Biases needs wandb",
        "keras": "The callback needs Keras",
        "mcp": "Error: Answering agents needs the package mcp",
        "notebook": "A widget needs anywidget",
        "lightning": "The callback needs Lightning",
        "transformers": "The callback needs transformers",
    }
    assert answer.stdout.splitlines() == [
        f"{extra}: {problem}, which is not installed. "
        f'Install it with pip install "steepest[{extra}]".'
        for extra, problem in needs.items()
    ]
