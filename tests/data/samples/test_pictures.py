"""Folders of pictures: what they become, and one sentence about each that cannot be read."""

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.picture_files import COLOUR, GRAY, save

from steepest.data.samples.pictures import Layout, read_files, read_pictures
from steepest.words.errors import InputError, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, three and two pictures."""
    names = ["7/b.png", "7/a.bmp", "7/c.pgm", "10/x.png", "10/y.PNG"]
    for name, pixels in zip(names, GRAY, strict=True):
        save(tmp_path, name, pixels)
    return tmp_path


def test_classes_by_size_and_pictures_by_name(folder: Path) -> None:
    samples = read_pictures(folder)
    assert samples.classes == ("7", "10")
    assert samples.targets.tolist() == [0, 0, 0, 1, 1]
    wanted = GRAY[[1, 0, 2, 3, 4]].reshape(5, 6) / 255
    np.testing.assert_allclose(samples.inputs, wanted, rtol=1e-7)
    assert samples.inputs.dtype == np.float32
    assert (samples.picture, samples.channels) == ((2, 3), 1)
    assert samples.names == ("r0c0", "r0c1", "r0c2", "r1c0", "r1c1", "r1c2")
    assert (samples.kind, samples.target, len(samples)) == ("pictures", "folder", 5)


def test_one_picture_in_colour_gives_all_three_channels(folder: Path) -> None:
    save(folder, "7/d.png", COLOUR)
    samples = read_pictures(folder)
    assert (samples.picture, samples.channels) == ((2, 3), 3)
    assert samples.names[:4] == ("r0c0 red", "r0c0 green", "r0c0 blue", "r0c1 red")
    np.testing.assert_allclose(samples.inputs[3], COLOUR.reshape(-1) / 255, rtol=1e-7)
    np.testing.assert_allclose(samples.inputs[1], np.repeat(GRAY[0].reshape(-1) / 255, 3))


def test_a_jpeg_comes_close(tmp_path: Path) -> None:
    gray = np.full((16, 16), 200, dtype=np.uint8)
    save(tmp_path, "u/a.jpg", gray)
    save(tmp_path, "v/a.jpeg", gray)
    np.testing.assert_allclose(read_pictures(tmp_path).inputs, 200 / 255, atol=0.01)


def alpha() -> np.ndarray:
    """Ink at the left, and nothing at all at the right."""
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[:, 0, 3] = 255
    return pixels


KINDS: dict[str, tuple[Image.Image, str, list[float]]] = {
    "16 bits": (Image.fromarray(np.array([[0, 65535]] * 2, np.uint16)), "png", [0, 1]),
    "16 bits, pgm": (Image.fromarray(np.array([[0, 65535]] * 2, np.uint16)), "pgm", [0, 1]),
    "1 bit": (Image.fromarray(np.array([[False, True]] * 2)), "png", [0, 1]),
    "transparent is white": (Image.fromarray(alpha()).convert("LA"), "png", [0, 1]),
}


@pytest.mark.parametrize(("picture", "ending", "row"), KINDS.values(), ids=KINDS)
def test_gray_pictures_of_every_kind(
    tmp_path: Path, picture: Image.Image, ending: str, row: list[float]
) -> None:
    for name in "uv":
        (tmp_path / name).mkdir()
        picture.save(tmp_path / name / f"a.{ending}")
    samples = read_pictures(tmp_path)
    assert samples.channels == 1
    assert samples.inputs[0].tolist() == row * 2


def test_transparent_colour_and_palettes(tmp_path: Path) -> None:
    save(tmp_path, "u/a.png", alpha())
    (tmp_path / "v").mkdir()
    Image.fromarray(COLOUR[:2, :2]).quantize(4).save(tmp_path / "v" / "a.png")
    samples = read_pictures(tmp_path)
    assert samples.channels == 3
    assert samples.inputs[0].tolist() == [0, 0, 0, 1, 1, 1] * 2
    np.testing.assert_allclose(samples.inputs[1], COLOUR[:2, :2].reshape(-1) / 255, atol=1e-6)


def test_what_systems_leave_is_not_looked_at(folder: Path) -> None:
    (folder / ".cache").mkdir()
    (folder / "README.txt").write_text("Pictures.")
    (folder / "7" / ".DS_Store").write_bytes(b"\0")
    (folder / "7" / "Thumbs.db").write_bytes(b"\0")
    assert len(read_pictures(folder)) == 5


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "10" / "z.png").symlink_to(folder / "7" / "b.png")
    assert len(read_pictures(folder)) == 6


def bomb() -> bytes:
    """A PNG of a few hundred bytes that announces 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">2I5B", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def png(pixels: Any = GRAY[0]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def add(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def outside(folder: Path) -> None:
    other = folder.parent / f"{folder.name}-other"
    save(other, "secret.png")
    (folder / "7" / "z.png").symlink_to(other / "secret.png")


def folder_outside(folder: Path) -> None:
    other = folder.parent / f"{folder.name}-other"
    save(other, "a.png")
    (folder / "8").symlink_to(other)


# id: what is done to the folder, and what the message must name
SPOILED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "unequal sizes": (
        lambda p: save(p, "7/d.png", GRAY[0, :1]),
        ["7/d.png", "3×1", "7/a.bmp", "3×2"],
    ),
    "text in a picture's clothes": (add("7/d.png", b"hello"), ["7/d.png", "no picture"]),
    "empty file": (add("7/d.png", b""), ["7/d.png", "no picture"]),
    "cut": (add("7/d.png", png()[:-30]), ["7/d.png", "broken"]),
    "another kind": (add("7/d.gif", b"GIF89a"), ["7/d.gif", ".png"]),
    "a table beside them": (add("7/labels.csv", b"a,b\n"), ["7/labels.csv"]),
    "a bomb": (add("7/d.png", bomb()), ["7/d.png", "60000"]),
    "too large": (
        lambda p: save(p, "7/d.png", np.zeros((4097, 4096), np.uint8)),
        ["4,096 × 4,097", "16,777,216"],
    ),
    "a link out": (outside, ["7/z.png", "leads out"]),
    "a folder that is a link out": (folder_outside, ['"8"', "leads out"]),
    "a link to nothing": (lambda p: (p / "7/z.png").symlink_to(p / "gone.png"), ["leads out"]),
    "a link in a circle": (lambda p: (p / "7/z.png").symlink_to(p / "7/z.png"), ["leads out"]),
    "an empty class": (lambda p: (p / "8").mkdir(), ['"8"', "no pictures"]),
    "folders in a class": (lambda p: (p / "7" / "bold").mkdir(), ['"7"', '"bold"']),
}


@pytest.mark.parametrize(("spoil", "named"), SPOILED.values(), ids=SPOILED)
def test_one_sentence_says_what_is_wrong(
    folder: Path, spoil: Callable[[Path], object], named: list[str]
) -> None:
    spoil(folder)
    with pytest.raises(InputError) as caught:
        read_pictures(folder)
    for name in named:
        assert name in caught.value.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "7" / "z.png")
    with pytest.raises(InputError, match=r"z\.png"):
        read_pictures(folder)


def test_one_class_only(tmp_path: Path) -> None:
    save(tmp_path, "7/a.png")
    with pytest.raises(InputError, match=r'one class only.*"7"'):
        read_pictures(tmp_path)


def test_no_classes(tmp_path: Path) -> None:
    save(tmp_path, "a.png")
    with pytest.raises(InputError, match="holds no folders of pictures"):
        read_pictures(tmp_path)


def test_without_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match=r"needs Pillow.*steepest\[pictures\]"):
        read_pictures(folder)


def test_too_many_numbers_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.data.samples.pictures.MOST_VALUES", 29)
    with pytest.raises(InputError, match=r"5 pictures of 3×2 pixels .* at most 29"):
        read_pictures(folder)


SEEDS = [png(), png(COLOUR), b"P5 3 2 255\n" + GRAY[0].tobytes(), b"BM" + bytes(60)]


@given(st.sampled_from(SEEDS), st.integers(0, 200), st.binary(max_size=12), st.booleans())
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, at: int, data: bytes, keep: bool
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    path = folder / "a.png"
    path.write_bytes(seed[:at] + data + (seed[at + len(data) :] if keep else b""))
    try:
        layout, inputs = read_files([path], folder)
    except InputError as error:
        refused(error)
        return
    assert isinstance(layout, Layout)
    assert inputs.shape == (1, layout.height * layout.width * layout.channels)
    assert inputs.min() >= 0
    assert inputs.max() <= 1


def refused(error: InputError) -> None:
    assert error.message.isprintable()
