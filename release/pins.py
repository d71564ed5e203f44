"""Writes `constraints.txt`: the versions that the Makefile installs, and the hashes of their files.

`make pins` keeps each version that still fits; options of `uv pip compile` may follow, as in
`make pins ARGS="--upgrade-package rich"`. The hashes are the package index's own, one for each
wheel that a supported system could take. A release without a wheel for one of them is refused.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from itertools import product, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.pylock import Package, Pylock
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT: Final = Path(__file__).parent.parent
CONSTRAINTS: Final = ROOT / "constraints.txt"

HEADER: Final = """\
# The exact versions that the Makefile installs: what the package and its extras need, everything
# that those need in turn, pip, and what builds the package. Of these, pip takes no file whose hash
# does not stand here. Written by `make pins`.
"""

SYSTEMS: Final = {
    "manylinux.*_x86_64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "manylinux.*_aarch64": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "macosx.*_(arm64|universal2)": {"sys_platform": "darwin", "platform_machine": "arm64"},
    "win_amd64": {"sys_platform": "win32", "platform_machine": "AMD64"},
}
"""What wheels call a platform, as a pattern -> what markers call it."""

ELSEWHERE: Final = {
    # For processors alone, for Linux on x86-64 and Python 3.11. It needs no CUDA libraries.
    "torch==2.13.0": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
}
"""Builds of the same release that PyTorch's own index has, and the package index has not."""


def main(arguments: Sequence[str]) -> None:
    """Resolve pyproject.toml and the packages named, and write what was found."""
    names = [*takewhile(lambda word: not word.startswith("-"), arguments)]
    lock = _resolved(names, arguments[len(names) :])
    pins = dict(_pin(package) for package in lock.packages)
    gone = ELSEWHERE.keys() - pins.keys()
    if gone:
        sys.exit(f"ELSEWHERE names what is not pinned: {', '.join(gone)}.")
    CONSTRAINTS.write_text(HEADER + "".join(pins[pin] for pin in sorted(pins)), "utf-8")


def _resolved(names: Sequence[str], options: Sequence[str]) -> Pylock:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    with TemporaryDirectory() as folder:
        wanted, pins, lock = (Path(folder, name) for name in ("in.txt", "pins.txt", "pylock.toml"))
        wanted.write_text("\n".join([*names, *project["build-system"]["requires"]]), "utf-8")
        # uv keeps what stands in the file that it writes to, where it can.
        pins.write_text(CONSTRAINTS.read_text("utf-8"), "utf-8")
        compiling = (
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"),
            *("--python-version", "3.11", "--no-emit-package", "torchvision"),
        )
        everything = ("pyproject.toml", "--all-extras", "--group", "release", wanted)
        subprocess.run([*compiling, *everything, *options, "-o", pins], cwd=ROOT, check=True)
        subprocess.run([*compiling, pins, "--no-deps", "-o", lock], cwd=ROOT, check=True)
        return Pylock.from_dict(tomllib.loads(lock.read_text("utf-8")))


def _pin(package: Package) -> tuple[str, str]:
    """A package's name and version, and the lines that pin it."""
    pin = f"{package.name}=={package.version}"
    hashes = {ELSEWHERE[pin]} if pin in ELSEWHERE else set()
    for minor, platform in product(range(11, 15), SYSTEMS):
        served = {
            wheel.hashes["sha256"]
            for wheel in package.wheels or ()
            if _serves(wheel.filename, minor, platform)
        }
        python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
        needed = package.marker is None or package.marker.evaluate(SYSTEMS[platform] | python)
        if needed and not served:
            sys.exit(f"{pin} has no wheel for Python 3.{minor} on {platform}.")
        hashes |= served
    words = [pin, *(f"--hash=sha256:{value}" for value in sorted(hashes))]
    return pin, " \\\n    ".join(words) + "\n"


def _serves(wheel: str, minor: int, platform: str) -> bool:
    fitting = {
        *((tag.interpreter, tag.abi) for tag in cpython_tags((3, minor), [f"cp3{minor}"], ["-"])),
        *((tag.interpreter, tag.abi) for tag in compatible_tags((3, minor), platforms=["-"])),
    }
    return any(
        (tag.interpreter, tag.abi) in fitting and re.fullmatch(f"any|{platform}", tag.platform)
        for tag in parse_wheel_filename(wheel)[3]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
