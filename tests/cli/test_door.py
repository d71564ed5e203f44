"""What a command imports and compiles, so that it answers soon: counted, not timed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import specimens
from tests.cli.test_runs import keep

from steepest.store.store import Store

HEAVY = {"jax", "optax", "scipy", "polars", "numpy", "rich", "sympy", "torch", "msgspec", "http"}
CODE = (
    "import sys; from steepest.cli import steepest\n"
    "try: steepest(sys.argv[1:])\n"
    "except SystemExit: pass\n"
    "sys.stderr.write('\\n' + ' '.join(sys.modules))"
)
RUN = "the run"
"""Stands for the id of the run that is kept."""
FIT = ("fit", str(specimens.SPEED))
CASES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "version": (("--version",), set()),
    "a page": (("explain", "SD201"), set()),
    "a word": (("explain", "momentum"), set()),
    "the list of runs": (("runs", "list"), {"rich"}),
    "a run": (("runs", "show", RUN), {"numpy", "rich", "msgspec", "polars"}),
    "a run, unfolded": (("runs", "show", RUN, "--why"), {"numpy", "rich", "msgspec", "polars"}),
    "a run for programs": (("runs", "show", RUN, "--json"), {"numpy", "rich", "msgspec", "polars"}),
    "two runs": (("runs", "compare", RUN, RUN), {"numpy", "rich", "msgspec"}),
    "a run's steps": (("runs", "export", RUN, "--to", "csv"), {"numpy", "rich", "msgspec"}),
    "no such run": (("runs", "show", "nowhere"), set()),
    "no such run to write": (("runs", "export", "nowhere", "--to", "csv"), set()),
    "no such file": (("fit", "nowhere.csv", "y ~ a*x"), set()),
    "a formula that ends early": ((*FIT, "speed ~ a*"), set()),
    "a name that is nearly a column": ((*FIT, "sped ~ a*time"), set()),
}


def imported(*arguments: str) -> tuple[str, set[str]]:
    """What is said, and the modules that are there at the end."""
    answer = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said, _, modules = answer.stderr.rpartition("\n")
    return answer.stdout + said, set(modules.split())


@pytest.mark.parametrize(("arguments", "allowed"), CASES.values(), ids=CASES)
def test_what_is_imported(
    arguments: tuple[str, ...], allowed: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    run = str(keep(Store(tmp_path / "runs.db"), specimens.tutorial()).run)
    said, modules = imported(*(run if word is RUN else word for word in arguments))
    assert said.strip()
    assert "click" in modules
    assert modules & HEAVY <= allowed


PARABOLA = ("speed ~ a*time**2 + b*time + c", "--lr", "1e-5", "--steps", "10", "--no-save")


@pytest.mark.parametrize(
    "more",
    [(), ("--json",), ("--standardize", "--why"), ("--rescale",), ("--steps", "100000")],
    ids=" ".join,
)
def test_a_fit_in_closed_form_imports_no_solver_and_no_compiler(more: tuple[str, ...]) -> None:
    _, modules = imported(*FIT, *PARABOLA, *more)
    assert "numpy" in modules
    heavy = {"jax", "optax", "scipy"}
    assert modules.isdisjoint(heavy)


@pytest.mark.parametrize(
    ("arguments", "most"),
    [((*FIT, *PARABOLA), 0), ((*FIT, "speed ~ a*exp(-b*time) + c", "--no-save"), 8)],
    ids=["the example", "a curve"],
)
def test_a_fit_compiles_few_programs_and_none_the_second_time(
    arguments: tuple[str, ...], most: int, tmp_path: Path
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JAX_COMPILATION", "JAX_PERSISTENT"))
    }
    cache = tmp_path / "cache"
    environment |= {"XDG_CACHE_HOME": str(cache), "STEEPEST_STORE": str(tmp_path / "runs.db")}

    def programs() -> dict[str, float]:
        answer = subprocess.run(
            [sys.executable, "-m", "steepest", *arguments],
            env=environment,
            capture_output=True,
            check=True,
            timeout=120,
        )
        assert answer.stderr == b""
        found = cache.glob("steepest/compiled/*/*-cache")
        return {path.name: path.stat().st_mtime_ns for path in found}

    first = programs()
    assert len(first) <= most
    assert bool(first) == bool(most)
    assert programs() == first
