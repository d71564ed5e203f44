"""Runs the suite where something is not as it was where the suite was written.

`python -m tests.variations` lists the variations. `python -m tests.variations NAME ...` runs the
suite under one or several at once, and prints the row of the table in docs/testing.md; what
follows `--` is for pytest: `python -m tests.variations columns-60 locale-c -- tests/cli`.
`--write` puts the row into the table.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "testing.md"


@dataclass(frozen=True)
class Change:
    """What a variation changes."""

    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Variables that are set, or with None unset."""
    arguments: tuple[str, ...] = ()
    """For pytest."""
    without: tuple[str, ...] = ()
    """Programs that are not found."""
    network: bool = True
    busy: int = 0
    """Loops that run beside it."""


@dataclass(frozen=True)
class Variation:
    """What is varied, in words, and how: given an empty folder."""

    says: str
    change: Callable[[Path], Change]


def _set(**environment: str | None) -> Callable[[Path], Change]:
    return lambda folder: Change(environment)


def _folders(folder: Path) -> Change:
    """As long as leaves room for what a socket of the system may be called: 108 bytes."""
    made = folder / "a folder with spaces" / "and-a-rather-long-name"
    made.mkdir(parents=True)
    return Change({"TMPDIR": str(made)})


def _home(folder: Path) -> Change:
    """Where not even root may write, whom permissions do not hold; at worst it is no folder."""
    places = (Path("/sys"), Path("/proc"), Path(os.devnull))
    home = next(place for place in places if _refuses(place))
    unset = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    return Change({"HOME": str(home), **dict.fromkeys(unset)})


def _refuses(folder: Path) -> bool:
    made = folder / f"steepest-{os.getpid()}"
    try:
        made.mkdir()
    except OSError:
        return True
    made.rmdir()
    return False


# What NumPy was built with and this processor has: to disable anything else is an error.
_DISPATCHED = (
    "from numpy._core._multiarray_umath import __cpu_dispatch__ as built, __cpu_features__ as has\n"
    "print(' '.join(name for name in built if has[name]))"
)


def _processor(isa: str, blas: str, keeps: Sequence[str] = ()) -> Callable[[Path], Change]:
    """Each library takes the instructions of an older processor."""

    def change(folder: Path) -> Change:
        shown = subprocess.run(
            [sys.executable, "-c", _DISPATCHED], capture_output=True, text=True, check=True
        )
        disabled = [name for name in shown.stdout.split() if name not in keeps]
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={isa}".strip()
        return Change(
            {
                "XLA_FLAGS": flags,
                "OPENBLAS_CORETYPE": blas,
                "NPY_DISABLE_CPU_FEATURES": " ".join(disabled),
                "ATEN_CPU_CAPABILITY": "default",
                "ONEDNN_MAX_CPU_ISA": "SSE41",
            }
        )

    return change


def _shuffled(seed: int, *arguments: str, busy: int = 0) -> Callable[[Path], Change]:
    """The files in another order, and the tests of each; random numbers stay as they are."""
    order = ("-p", "randomly", f"--randomly-seed={seed}", "--randomly-dont-reset-seed")
    return lambda folder: Change(arguments=(*order, *arguments), busy=busy)


VARIATIONS = {
    "plain": Variation("nothing; two workers", _set(COLUMNS=None)),
    "columns-60": Variation(
        "`COLUMNS=60`; one process", lambda folder: Change({"COLUMNS": "60"}, ("-n", "0"))
    ),
    "columns-200": Variation(
        "`COLUMNS=200`; four workers", lambda folder: Change({"COLUMNS": "200"}, ("-n", "4"))
    ),
    "locale-c": Variation(
        "`LC_ALL=C`, and Python takes it at its word",
        _set(LANG="C", LC_ALL="C", LANGUAGE=None, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
    ),
    "folders": Variation("a `TMPDIR` with spaces and a long name", _folders),
    "home": Variation("a `HOME` that nobody may write into", _home),
    "processor-sse": Variation(
        "a processor of 2008: XLA, OpenBLAS, NumPy and PyTorch with SSE 4.2 at most",
        _processor("SSE4_2", "Nehalem"),
    ),
    "processor-avx": Variation(
        "a processor of 2013: the same with AVX2, and no AVX-512",
        _processor("AVX2", "Haswell", ("AVX2", "FMA3", "X86_V3")),
    ),
    "shuffled-1": Variation("another order (seed 1)", _shuffled(1)),
    "shuffled-2": Variation(
        "another order (seed 2), and two loops that keep the machine busy", _shuffled(2, busy=2)
    ),
    "bare": Variation(
        "no npm, no Node.js, no Chromium, no network",
        lambda folder: Change(
            without=("npm", "npx", "node", "nodejs", "chromium", "chromium-browser"),
            network=False,
        ),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    passed: int
    skipped: int
    failed: int
    minutes: float
    processor_minutes: float

    def row(self, names: Sequence[str]) -> str:
        """The row of the table."""
        says = ", ".join(VARIATIONS[name].says for name in names)
        counts = f"{self.passed:,} | {self.skipped:,} | {self.failed:,}"
        return (
            f"| `{' '.join(names)}` | {says} | {counts} | {self.minutes:.1f} "
            f"| {self.processor_minutes:.1f} |"
        )


def run(names: Sequence[str], arguments: Sequence[str]) -> Outcome:
    """Run pytest under the variations, and wait for it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="varied-")))
        changes = [VARIATIONS[name].change(folder) for name in names]
        environment = dict(os.environ)
        for change in changes:
            for name, value in change.environment.items():
                environment.pop(name, None)
                if value is not None:
                    environment[name] = value
        hidden = {name for change in changes for name in change.without}
        if hidden:
            environment["PATH"] = _path_without(hidden, folder / "bin")
        for _ in range(sum(change.busy for change in changes)):
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(loop.wait)
            stack.callback(loop.kill)
        report = folder / "report.xml"
        own = [argument for change in changes for argument in change.arguments]
        workers = [] if "-n" in (*own, *arguments) else ["-n", "2"]
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *workers, *own]
        if not all(change.network for change in changes):
            command = [*_alone(), *command]
        began, before = time.monotonic(), _processor_seconds()
        code = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, check=False)
        taken, spent = time.monotonic() - began, _processor_seconds() - before
        passed, skipped, failed = _counts(report)
    return Outcome(code.returncode, passed, skipped, failed, taken / 60, spent / 60)


def _path_without(hidden: set[str], folder: Path) -> str:
    """A folder of links to every program but some."""
    folder.mkdir()
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if program.name not in hidden and not os.path.lexists(folder / program.name):
                (folder / program.name).symlink_to(program)
    return str(folder)


def _alone() -> list[str]:
    """A command before another one, which then reaches no machine but this."""
    if shutil.which("unshare") is None:
        raise SystemExit("This variation needs Linux, and the command unshare.")
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--net", *own, sys.executable, "-m", "tests.variations", "--loopback"]


def _loopback(command: Sequence[str]) -> None:
    """Raise the interface of this machine to itself, and become the command."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        up_and_running, set_flags = 0x41, 0x8914
        fcntl.ioctl(asking, set_flags, struct.pack("16sh14x", b"lo", up_and_running))
    os.execvp(command[0], list(command))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _counts(report: Path) -> tuple[int, int, int]:
    if not report.exists():
        return 0, 0, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    every, skipped, failures, errors = (
        sum(int(suite.get(name, "0")) for suite in suites)
        for name in ("tests", "skipped", "failures", "errors")
    )
    return every - skipped - failures - errors, skipped, failures + errors


def written(page: str, row: str) -> str:
    """The page with the row in its table, in place of the one about the same variations."""
    name = re.escape(row.split("|")[1])
    found = re.compile(rf"^\|{name}\|.*$", re.MULTILINE)
    if not found.search(page):
        raise SystemExit(f"The table in {TABLE.name} has no row for it.")
    return found.sub(lambda _: row, page)


def main(given: Sequence[str]) -> int:
    """Run what the command line asks for. The exit code is pytest's."""
    if given[:1] == ["--loopback"]:
        _loopback(given[1:])
    split = given.index("--") if "--" in given else len(given)
    own, arguments = given[:split], given[split + 1 :]
    parser = argparse.ArgumentParser(description="Run the suite where something is not as usual.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*VARIATIONS, []])
    parser.add_argument("--write", action="store_true", help="put the row into docs/testing.md")
    asked = parser.parse_args(own)
    if not asked.names:
        for name, variation in VARIATIONS.items():
            print(f"{name:<14} {variation.says}")
        return 0
    outcome = run(asked.names, arguments)
    row = outcome.row(asked.names)
    print(row)
    if asked.write:
        TABLE.write_text(written(TABLE.read_text("utf-8"), row), "utf-8")
    return outcome.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
