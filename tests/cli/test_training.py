"""`steepest train` from the command line: its exit codes, and one sentence for each bad input."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tests.picture_files import idx, write_idx

from steepest.cli import steepest
from steepest.cli.progress import Progress

POINTS = "x,z,kind\n" + "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(40))
QUICK = ["--lr", "0.01", "--steps", "3", "--no-remedies", "--no-save"]


def trained(*arguments: str) -> Result:
    return CliRunner().invoke(steepest, ["train", *arguments], catch_exceptions=False)


def points(folder: Path, content: str = POINTS) -> str:
    path = folder / "data.csv"
    path.write_text(content)
    return str(path)


def of_points(*arguments: str, content: str = POINTS) -> Callable[[Path], list[str]]:
    return lambda folder: [points(folder, content), *arguments]


def picture(folder: Path, name: str, width: int) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((4, width), dtype=np.uint8)).save(path)


def unequal_pictures(folder: Path) -> list[str]:
    picture(folder, "cat/0.png", 4)
    picture(folder, "dog/0.png", 5)
    return [str(folder), "--network", "16-2"]


def idx_of(
    images: bytes, labels: bytes, tests: tuple[bytes, bytes] | None = None
) -> Callable[[Path], list[str]]:
    def write(folder: Path) -> list[str]:
        write_idx(folder, images, labels)
        if tests is not None:
            (folder / "t10k-images-idx3-ubyte").write_bytes(tests[0])
            (folder / "t10k-labels-idx1-ubyte").write_bytes(tests[1])
        return [str(folder), "--network", "12-3"]

    return write


PIXELS = idx(np.zeros((6, 3, 4), dtype=np.uint8))
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)
NET = ["--network", "2-2", "--target", "kind"]

# id: what is typed, the exit code, what the message must name
CASES: dict[str, tuple[Callable[[Path], list[str]], int, list[str]]] = {
    "no target": (of_points("--network", "2-2"), 2, ["--target", "x, z and kind"]),
    "no such target": (
        of_points("--network", "2-2", "--target", "kid"), 1, ['Did you mean "kind"'],
    ),
    "no such input": (of_points(*NET, "--inputs", "x,q"), 1, ['"q"']),
    "the target among the inputs": (of_points(*NET, "--inputs", "x,kind"), 2, ['"kind"']),
    "text among the inputs": (
        of_points(*NET, content=POINTS.replace("7,0,b", "7,zero,b")),
        1,
        ['"z"', '"zero"', "row 7"],
    ),
    "too few inputs": (
        of_points("--network", "3-8-relu-2", "--target", "kind"),
        2,
        ["3 numbers", "2 inputs", "2-8-relu-2"],
    ),
    "too many classes": (
        of_points("--network", "2-8-relu-5", "--target", "kind"),
        2,
        ["5 numbers", "2 classes", "2-8-relu-2"],
    ),
    "one class only": (of_points(*NET, content=POINTS.replace("b\n", "a\n")), 1, ["one class"]),
    "classes that are no whole numbers": (
        of_points("--network", "1-2", "--target", "x", "--inputs", "z",
                  content=POINTS.replace("\n3,", "\n3.5,")),
        1,
        ["3.5", "--loss mse"],
    ),
    "words for a loss of numbers": (of_points(*NET, "--loss", "mse"), 1, ['"a"', "numbers"]),
    "a class that is held out whole": (
        of_points("--network", "2-3", "--target", "kind", "--validation", "0.95",
                  content=POINTS + "99,1,c\n"),
        1,
        ["no row that is learned from", "held out", "--seed"],
    ),
    "three rows cannot be shared": (
        of_points(*NET, "--validation", "0.1", content="x,z,kind\n1,2,a\n3,4,b\n5,6,a\n"),
        1,
        ["3 rows", "0.1"],
    ),
    "patience without validation": (of_points(*NET, "--patience", "3"), 2, ["--validation"]),
    "no epochs": (of_points(*NET, "--epochs", "0"), 2, ["--epochs", "at least 1"]),
    "no rows a batch": (of_points(*NET, "--batch-size", "0"), 2, ["--batch-size", "at least 1"]),
    "more than all held out": (of_points(*NET, "--validation", "1.5"), 2, ["between 0 and 1"]),
    "nothing fulfils the condition": (of_points(*NET, "--where", "x > 99"), 1, ["x > 99"]),
    "unknown activation": (
        of_points("--network", "2-4-swish-2", "--target", "kind"), 2, ["swish", "relu"],
    ),
    "momentum for plain descent": (of_points(*NET, "--momentum", "0.5"), 2, ["gd"]),
    "a number beyond 32 bits": (
        of_points(*NET, content=POINTS.replace("\n5,", "\n1e200,")), 1, ["1e+200", '"x"'],
    ),
    "an empty file": (of_points(*NET, content=""), 1, ["empty"]),
    "images of unequal size": (unequal_pictures, 1, ["4×4", "5×4"]),
    "a target for pictures": (
        lambda folder: [*idx_of(PIXELS, idx(LABELS))(folder), "--target", "kind"],
        2,
        ["--target", "pictures"],
    ),
    "a broken IDX file": (idx_of(PIXELS[:-5], idx(LABELS)), 1, ["88 bytes", "83"]),
    "a broken packed IDX file": (
        lambda folder: [
            str(write_idx(folder, gzip.compress(PIXELS)[:-9], gzip.compress(idx(LABELS)), ".gz")),
            "--network", "12-3",
        ],
        1,
        ["gzip", "train-images"],
    ),
    "an IDX file that is none": (idx_of(b"\x89PNG" + PIXELS, idx(LABELS)), 1, ["00 00 08 03"]),
    "more labels than images": (
        idx_of(PIXELS, idx(np.append(LABELS, LABELS[:1]))), 1, ["6 pictures", "7 labels"],
    ),
    "a header that lies": (
        idx_of(bytes([0, 0, 8, 3]) + struct.pack(">3I", 60000, 3, 4), idx(LABELS)), 1, ["720,016"],
    ),
    "a label out of range": (
        idx_of(PIXELS, idx(LABELS), (PIXELS, idx(np.array([0, 1, 2, 0, 1, 9], dtype=np.uint8)))),
        1,
        ["never seen", '"9"'],
    ),
    "a network of the wrong ends for images": (
        lambda folder: [str(idx_of(PIXELS, idx(LABELS))(folder)[0]), "--network", "784-10"],
        2,
        ["784", "12 inputs"],
    ),
    "an empty folder": (lambda folder: [str(folder), *NET], 1, ["nothing to learn from"]),
    "no such file": (lambda folder: [str(folder / "x.csv"), *NET], 1, ["x.csv"]),
    "nothing to go on with": (lambda folder: ["--resume", "nobody"], 1, ["no store"]),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "code", "names"), CASES.values(), ids=CASES)
def test_one_sentence_and_its_exit_code(
    typed: Callable[[Path], list[str]], code: int, names: list[str], tmp_path: Path
) -> None:
    result = trained(*typed(tmp_path), "--store", str(tmp_path / "runs.db"))
    assert (result.exit_code, result.stdout) == (code, "")
    assert "Error: " in result.stderr
    message = " ".join(result.stderr.split())
    for name in names:
        assert name in message
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_rows_with_missing_pixels_are_left_out(tmp_path: Path) -> None:
    content = POINTS + "nan,1,a\n,2,b\n"
    result = trained(points(tmp_path, content), *NET, *QUICK)
    assert result.exit_code == 0
    assert "40 rows" in result.stdout
    assert "2 left out" in result.stdout


def test_a_divergence_is_shown_kept_and_ends_with_3(tmp_path: Path) -> None:
    store = str(tmp_path / "runs.db")
    given = ["--lr", "1e38", "--steps", "50"]
    result = trained(points(tmp_path), *NET, *given, "--store", store, "--json", "--no-remedies")
    document = json.loads(result.stdout)
    assert result.exit_code == 3
    assert document["learned"]["stopped"] == "diverged"
    listed = CliRunner().invoke(steepest, ["runs", "list", "--json", "--store", store])
    assert [run["id"] for run in json.loads(listed.stdout)["runs"]] == [document["run"]]


def test_an_interrupt_shows_what_was_done_and_ends_with_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Progress, phase: str, done: int, *rest: Any) -> None:
        if phase == "training" and done >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", interrupt)
    store = str(tmp_path / "runs.db")
    given = [*NET, "--lr", "0.01", "--steps", "1000000", "--no-remedies", "--store", store]
    result = trained(points(tmp_path), *given)
    assert result.exit_code == 130
    assert "interrupted after" in result.stdout
    listed = CliRunner().invoke(steepest, ["runs", "list", "--json", "--store", store])
    assert len(json.loads(listed.stdout)["runs"]) == 1


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    """Inputs that are not scaled are tried scaled, without the data being read again."""
    content = "x,z,kind\n" + "".join(f"{90 + i % 9},{i % 7},{'ab'[i % 9 > 4]}\n" for i in range(40))
    arguments = ["train", "-", *NET, "--lr", "0.0001", "--steps", "60", "--no-save", "--json"]
    result = CliRunner().invoke(steepest, arguments, input=content, catch_exceptions=False)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert "SD304" in [finding["code"] for finding in document["verdict"]["findings"]]
    assert "standardize" in [remedy["change"] for remedy in document["remedies"]]


def test_hostile_names_neither_style_nor_steer(tmp_path: Path) -> None:
    rows = "".join(f'{i},{i % 7},"\x1b[2J[red]{i % 2}"\n' for i in range(40))
    content = '"[bold]\x1b[31mx",z,kind\n' + rows
    result = trained(points(tmp_path, content), *NET, *QUICK, "--why")
    assert result.exit_code == 0
    assert "[red]0" in result.stdout
    assert not any(c != "\n" and not c.isprintable() for c in result.stdout)
