"""IDX files: read as they are shipped, and one sentence about each way to break them."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.picture_files import IMAGES, LABELS, NAMES, PIXELS, idx, write_idx

from steepest.data.samples.idx import names_of, read_idx
from steepest.words.errors import InputError


def test_pictures_and_labels(tmp_path: Path) -> None:
    samples = read_idx(write_idx(tmp_path), "train")
    assert samples.inputs.dtype == np.float32
    np.testing.assert_allclose(samples.inputs, PIXELS.reshape(6, 12) / 255, rtol=1e-7)
    assert samples.classes == ("0", "3", "7")
    assert samples.targets.tolist() == [2, 1, 1, 2, 0, 1]
    assert samples.picture == (3, 4)
    assert samples.names[:5] == ("r0c0", "r0c1", "r0c2", "r0c3", "r1c0")
    assert samples.rows.tolist() == list(range(6))
    assert (samples.kind, samples.channels, samples.target) == ("idx", 1, "label")


def test_all_values_of_a_pixel_are_scaled_to_0_to_1(tmp_path: Path) -> None:
    every = np.arange(512, dtype=np.uint16).astype(np.uint8).reshape(2, 16, 16)
    samples = read_idx(write_idx(tmp_path, idx(every), idx(LABELS[:2])), "train")
    np.testing.assert_array_equal(samples.inputs[0], (np.arange(256) / 255).astype(np.float32))


@pytest.mark.parametrize("spelling", range(4), ids=["plain", "with a point", "gz", "point and gz"])
def test_every_spelling_of_the_names(tmp_path: Path, spelling: int) -> None:
    for what, content in (("images", IMAGES), ("labels", NAMES)):
        name = names_of("test", what)[spelling]  # type: ignore[arg-type]
        packed = gzip.compress(content) if name.endswith(".gz") else content
        (tmp_path / name).write_bytes(packed)
    assert len(read_idx(tmp_path, "test")) == 6


def test_the_test_has_the_classes_of_the_training(tmp_path: Path) -> None:
    write_idx(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(PIXELS[:2]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[:2]))
    samples = read_idx(tmp_path, "test")
    assert samples.classes == ("0", "3", "7")
    assert samples.targets.tolist() == [2, 1]
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([7, 200], dtype=np.uint8)))
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.*never seen.*200"):
        read_idx(tmp_path, "test")


PACKED = gzip.compress(IMAGES)
HUGE = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**16, 2**16)
BOMB = gzip.compress(IMAGES[:16] + bytes(50_000_000))

# id: the file of pictures, whether it is packed, and what the message must name
BROKEN: dict[str, tuple[bytes, str, list[str]]] = {
    "empty": (b"", "", ["an empty file", "00 00 08 03"]),
    "labels instead": (NAMES, "", ["no IDX file of pictures", "00 00 08 01"]),
    "floats instead": (b"\0\0\x0d\x03" + IMAGES[4:], "", ["00 00 0d 03"]),
    "packed but not named so": (PACKED, "", ["1f 8b", ".gz"]),
    "header breaks off": (IMAGES[:9], "", ["16 bytes", "9"]),
    "a byte too few": (IMAGES[:-1], "", ["6 pictures of 3×4 pixels", "88 bytes", "it has 87"]),
    "a byte too many": (IMAGES + b"\0", "", ["88 bytes", "it has more"]),
    "no pictures": (idx(PIXELS[:0]), "", ["holds nothing", "0 × 3 × 4"]),
    "no pixels": (idx(PIXELS[:, :0]), "", ["holds nothing"]),
    "sizes beyond reason": (HUGE, "", ["2,147,483,648 × 65,536 × 65,536"]),
    "packed, cut": (PACKED[:-20], ".gz", ["not a whole gzip", "of 88 unpacked bytes"]),
    "packed, changed": (PACKED[:-8] + b"\1" + PACKED[-7:], ".gz", ["not a whole gzip"]),
    "not packed": (IMAGES, ".gz", ["not a whole gzip", "after 0"]),
    "unpacks to 50 MB": (BOMB, ".gz", ["88 bytes", "it has more"]),
    "one picture fewer": (idx(PIXELS[:5]), "", ["5 pictures", "6 labels"]),
}


@pytest.mark.parametrize(("images", "end", "named"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_said(tmp_path: Path, images: bytes, end: str, named: list[str]) -> None:
    write_idx(tmp_path, images, gzip.compress(NAMES) if end else NAMES, end)
    with pytest.raises(InputError) as caught:
        read_idx(tmp_path, "train")
    for name in [f"train-images-idx3-ubyte{end}", *named]:
        assert name in caught.value.message


LABEL_FILES: dict[str, tuple[bytes, list[str]]] = {
    "a label too few": (NAMES[:-1], ["6 labels take 14 bytes", "it has 13"]),
    "pictures instead": (IMAGES, ["no IDX file of labels", "00 00 08 03"]),
    "one class only": (idx(LABELS * 0), ["one class only", '"0"']),
}


@pytest.mark.parametrize(("labels", "named"), LABEL_FILES.values(), ids=LABEL_FILES)
def test_what_is_broken_about_labels(tmp_path: Path, labels: bytes, named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_idx(write_idx(tmp_path, labels=labels), "train")
    for name in ["train-labels-idx1-ubyte", *named]:
        assert name in caught.value.message


MISSING: dict[str, tuple[Callable[[Path], object], str]] = {
    "pictures": (lambda p: (p / "train-images-idx3-ubyte").unlink(), "train-images.idx3-ubyte.gz"),
    "labels": (lambda p: (p / "train-labels-idx1-ubyte").unlink(), "train-labels-idx1-ubyte.gz"),
}


@pytest.mark.parametrize(("lose", "named"), MISSING.values(), ids=MISSING)
def test_a_missing_file_is_named_as_it_was_looked_for(
    tmp_path: Path, lose: Callable[[Path], object], named: str
) -> None:
    lose(write_idx(tmp_path))
    with pytest.raises(InputError, match=r"has no file of training") as caught:
        read_idx(tmp_path, "train")
    assert named in caught.value.message


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(NAMES)
    with pytest.raises(InputError, match="is not a file"):
        read_idx(tmp_path, "train")


def refused(error: InputError) -> None:
    assert error.message.isprintable()


@given(st.binary(max_size=60), st.integers(0, len(IMAGES)), st.booleans(), st.booleans())
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, packed: bool, keep: bool
) -> None:
    changed = IMAGES[:at] + data + (IMAGES[at + len(data) :] if keep else b"")
    end = ".gz" if packed else ""
    folder = tmp_path_factory.mktemp("idx")
    content = gzip.compress(changed)[: None if keep else -4] if packed else changed
    write_idx(folder, content, gzip.compress(NAMES) if packed else NAMES, end)
    try:
        samples = read_idx(folder, "train")
    except InputError as error:
        refused(error)
        return
    assert samples.inputs.shape[0] == 6
    assert samples.inputs.min() >= 0
    assert samples.inputs.max() <= 1
