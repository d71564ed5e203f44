"""What holds for every test: JAX on the CPU, and examples that can be repeated."""

import os

# Before anything imports JAX, which reads it once.
os.environ["JAX_PLATFORMS"] = "cpu"

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from steepest.store import default_path

# Compiling in JAX makes a first example slow, so there is no deadline.
settings.register_profile("here", deadline=None, print_blob=True)
# A change is judged by the same examples every time; new ones are found on a developer's machine.
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True, scope="session")
def _a_store_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the data directory of whoever runs it."""
    path = tmp_path_factory.mktemp("store") / "runs.db"
    os.environ["STEEPEST_STORE"] = str(path)
    assert default_path() == Path(path)
    yield
    del os.environ["STEEPEST_STORE"]
