"""Numbers go through the store bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from steepest.store.arrays import pack, unpack
from steepest.words.errors import StoreError

KINDS = ["<f8", "<f4", ">f8", "<i8", "<i4", "|u1", "|b1"]


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.sampled_from(KINDS).flatmap(
            lambda kind: arrays.arrays(
                kind, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
            )
        ),
        max_size=3,
    )
)
def test_what_is_packed_is_unpacked(given: dict[str, np.ndarray]) -> None:
    found = unpack(pack(given))
    assert list(found) == list(given)
    for name, array in given.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("=")
        # As bytes, because NaN is not equal to itself and its payload counts too.
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_numbers_near_each_other_take_less_room() -> None:
    path = np.exp(-np.linspace(0, 1, 10_000))
    assert len(pack({"loss": path})) < 0.8 * path.nbytes


def test_objects_are_not_kept() -> None:
    with pytest.raises(TypeError, match="object"):
        pack({"x": np.array([object()])})


WHOLE = pack({"x": np.arange(3.0)})


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(b"", id="empty"),
        pytest.param(WHOLE[:-4], id="cut short"),
        pytest.param(WHOLE.replace(b"[3]", b"[9]"), id="another shape"),
        pytest.param(WHOLE.replace(b"<f8", b"|O8"), id="objects"),
        pytest.param(WHOLE.replace(b"[[", b"[{"), id="no header"),
        pytest.param(b"[1]\n" + WHOLE.partition(b"\n")[2], id="no names"),
    ],
)
def test_a_damaged_blob_is_an_error(blob: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        unpack(blob)
