"""What holds for every test: JAX on the CPU, and examples that can be repeated."""

import os

# Before anything imports JAX or NumPy, which read them once. Where several threads share a small
# product of matrices, they mostly wait for each other, and take processor time for it.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What is printed is compared: it has 80 columns and no colours, wherever the tests run.
os.environ.pop("COLUMNS", None)
os.environ.pop("FORCE_COLOR", None)

import gc
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from steepest.store.rows import default_path

# Compiling in JAX makes a first example slow, so there is no deadline. To explain a failure
# Hypothesis traces every line, in which Python 3.11 may hang beside Playwright's greenlets.
settings.register_profile(
    "here",
    deadline=None,
    print_blob=True,
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
# A change is judged by the same examples every time; new ones are found on a developer's machine.
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

KEPT = 256 * 2**20
"""Bytes of compiled programs. A run of all tests has about 40 MiB of them."""


def pytest_configure(config: pytest.Config) -> None:
    """Programs that JAX compiled are kept, for all processes of this run and for the next run."""
    if not hasattr(config, "cache"):
        return
    compiled = config.cache.mkdir("compiled")
    begins = "PYTEST_XDIST_WORKER" not in os.environ
    if begins and sum(path.stat().st_size for path in compiled.iterdir()) > KEPT:
        shutil.rmtree(compiled)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    # In the processes that tests start too: see pyproject.toml.
    os.environ["PYTHONWARNINGS"] = "ignore:Error reading persistent compilation cache entry"


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, and is not looked through again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder into which everybody may look.

    Not one of pytest's: those are closed to others whenever another pytest begins.
    """
    with tempfile.TemporaryDirectory(prefix="steepest-") as made:
        for folder in (Path(made), *Path(made).parents):
            if folder.owner() == Path(made).owner() and str(folder).startswith("/tmp/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        yield Path(made)


@pytest.fixture(autouse=True, scope="session")
def _a_store_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the data directory of whoever runs it."""
    path = tmp_path_factory.mktemp("store") / "runs.db"
    os.environ["STEEPEST_STORE"] = str(path)
    assert default_path() == Path(path)
    yield
    del os.environ["STEEPEST_STORE"]


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_are_let_go() -> Iterator[None]:
    """What a file's tests compiled is not held to the end: two workers came to 8 GB so.

    It stays on disk, see `pytest_configure`.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
