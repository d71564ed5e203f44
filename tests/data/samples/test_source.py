"""One entry for every kind of samples, and new rows in the form that a training had them."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.picture_files import GRAY, LABELS, PIXELS, idx, save, write_idx

from steepest.data.samples import Samples, as_given, read_samples
from steepest.words.errors import InputError, SteepestError, UsageError

FLOWERS = {"a": [1, 2, 3], "b": ["u", "v", "u"]}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder of pictures in two classes."""
    for name, pixels in zip(["3/a.png", "7/a.png"], GRAY[:2], strict=True):
        save(tmp_path / "train", name, pixels)
    return tmp_path / "train"


def test_tables_of_every_kind(tmp_path: Path) -> None:
    pl.DataFrame(FLOWERS).write_parquet(tmp_path / "part.parquet")
    (tmp_path / "b.csv").write_text("a,b\n1,u\n2,v\n3,u\n")
    for data in (FLOWERS, pl.DataFrame(FLOWERS), tmp_path, str(tmp_path / "b.csv")):
        samples = read_samples(data, "b")
        assert samples.kind == "table"
        assert samples.targets.tolist() == [0, 1, 0]


def test_folders(tmp_path: Path, classes: Path) -> None:
    assert read_samples(classes).kind == "pictures"
    (tmp_path / "mnist").mkdir()
    assert read_samples(str(write_idx(tmp_path / "mnist"))).kind == "idx"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "target": ({"target": "b"}, "--target"),
    "inputs": ({"inputs": ["a"]}, "--inputs"),
    "where": ({"where": "a>1"}, "--where"),
    "numbers": ({"numbers": True}, "cross-entropy"),
}


@pytest.mark.parametrize(("settings", "named"), WRONG.values(), ids=WRONG)
def test_settings_of_tables_do_not_go_with_pictures(
    classes: Path, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        read_samples(classes, **settings)


def test_a_table_needs_a_target() -> None:
    with pytest.raises(UsageError, match=r"--target: a and b"):
        read_samples(FLOWERS)


def test_a_folder_that_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Nothing.")
    with pytest.raises(InputError, match="nothing to learn from"):
        read_samples(tmp_path)
    with pytest.raises(InputError, match="There is no file"):
        read_samples(tmp_path / "gone", "b")


# New rows


def test_a_table_after_a_table() -> None:
    training = read_samples(FLOWERS, "b")
    new = as_given(training, {"a": [7.0, 8.0]}, where="a > 7")
    assert new.inputs.tolist() == [[8]]


@pytest.mark.parametrize(
    ("array", "rows"),
    [([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0]], [0, 2]), ([1, 2], [0])],
    ids=["rows", "one row"],
)
def test_an_array_holds_the_inputs(array: Any, rows: list[int]) -> None:
    training = read_samples({**FLOWERS, "c": [0, 0, 0]}, "b")
    new = as_given(training, np.array(array))
    assert new.rows.tolist() == rows
    assert new.inputs.dtype == np.float32
    assert new.targets is None


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3)), np.zeros(3), np.zeros((1, 1, 1)), np.array(["a"]), np.array([[1e300]])],
    ids=["wide", "long", "deep", "text", "too large"],
)
def test_an_array_that_does_not_fit(array: Any) -> None:
    with pytest.raises(InputError):
        as_given(read_samples(FLOWERS, "b"), array)


def test_pictures_after_pictures(classes: Path, tmp_path: Path) -> None:
    training = read_samples(classes)
    known = as_given(training, classes)
    assert known.targets is not None
    assert known.targets.tolist() == [0, 1]
    np.testing.assert_array_equal(known.inputs, training.inputs)
    one = as_given(training, classes / "7" / "a.png")
    assert one.targets is None
    np.testing.assert_array_equal(one.inputs, training.inputs[1:])
    save(tmp_path, "new/x.png", np.stack([GRAY[2]] * 3, axis=-1))
    colour = as_given(training, tmp_path / "new")
    np.testing.assert_allclose(colour.inputs[0], GRAY[2].reshape(-1) / 255, atol=0.003)


def test_idx_and_pictures_after_idx(tmp_path: Path) -> None:
    training = read_samples(write_idx(tmp_path))
    assert len(as_given(training, tmp_path)) == 6
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(PIXELS[:2]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[:2]))
    tests = as_given(training, str(tmp_path))
    assert tests.targets is not None
    assert tests.targets.tolist() == training.targets[:2].tolist()
    path = save(tmp_path, "one.png", PIXELS[3])
    np.testing.assert_array_equal(as_given(training, path).inputs, training.inputs[3:4])


@pytest.fixture
def training(classes: Path) -> Samples:
    return read_samples(classes)


def test_a_class_never_seen(training: Samples, tmp_path: Path) -> None:
    save(tmp_path, "new/3/a.png")
    save(tmp_path, "new/4/a.png")
    with pytest.raises(InputError, match=r'never seen in training.*"4"'):
        as_given(training, tmp_path / "new")


def test_pictures_of_another_size(training: Samples, tmp_path: Path) -> None:
    path = save(tmp_path, "x.png", PIXELS[0])
    with pytest.raises(InputError, match=r"x\.png.*4×3.*training have 3×2"):
        as_given(training, path)
    write_idx(tmp_path, labels=idx(np.array([3, 7, 7, 7, 3, 3], dtype=np.uint8)))
    with pytest.raises(InputError, match=r"4×3 gray pixels.*3×2"):
        as_given(training, tmp_path)


def test_what_a_training_on_pictures_cannot_take(training: Samples, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    cases: list[Any] = [tmp_path / "a.csv", tmp_path / "gone.png", {"a": [1]}]
    for data in cases:
        with pytest.raises(SteepestError):
            as_given(training, data)
    with pytest.raises(UsageError, match="--where"):
        as_given(training, tmp_path, where="a>1")


def test_what_a_training_on_a_table_cannot_take(classes: Path) -> None:
    with pytest.raises(InputError, match="folder of pictures"):
        as_given(read_samples(FLOWERS, "b"), classes)


PATHS = ["", "\0", "x" * 300, "~nobody-of-that-name", "\udcff", "-\x1b[2J", "*.nothing"]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_is_a_traceback(
    training: Samples, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for read in (lambda: read_samples(path, "b"), lambda: as_given(training, path)):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.message.isprintable()
