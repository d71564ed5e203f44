import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def own_heap() -> Iterator[None]:
    """Keeps what other tests have built out of the garbage collector while times are measured.

    With SymPy and PyTorch loaded one collection of everything takes a quarter of a second, and it
    falls on whoever allocates next. What the measured code itself builds is still collected.
    """
    gc.freeze()
    yield
    gc.unfreeze()
