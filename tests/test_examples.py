"""What stands behind >>> in the source is true."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
# Only these are imported, each by its own test: the rest would cost every run what PyTorch and
# Lightning take to load.
MODULES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_hold(module: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(import_module(module), optionflags=flags)
    assert found.attempted > 0
    # What was expected and what came stands in the captured output.
    assert found.failed == 0


def test_no_example_is_overlooked() -> None:
    assert len(MODULES) >= 30
