"""`steepest data`: what is listed, what is fetched, and what is said where it cannot be."""

import hashlib
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from steepest.cli import steepest
from steepest.data.datasets import DATASETS, Dataset, File

CONTENT = b"digits"
FILE = File("digits.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where MNIST is looked for; it has one small file, and a mirror that nobody reaches."""
    small = replace(DATASETS["mnist"], files=(FILE,), mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(DATASETS, "mnist", small)

    def in_here(dataset: Dataset) -> Path:
        return tmp_path / dataset.name

    monkeypatch.setattr("steepest.data.datasets.default_folder", in_here)
    return tmp_path / "mnist"


def run(*words: str) -> Result:
    return CliRunner().invoke(steepest, ["data", *words], prog_name="steepest")


def test_the_list_says_whether_it_is_here(folder: Path) -> None:
    before = run("list")
    assert before.exit_code == 0
    assert "not here: steepest data mnist fetches it into" in before.stdout
    assert str(folder) in before.stdout
    folder.mkdir()
    (folder / FILE.name).write_bytes(CONTENT)
    assert "not here" not in run("list").stdout


def test_what_is_here_is_not_fetched_again(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE.name).write_bytes(CONTENT)
    done = run("mnist")
    assert (done.exit_code, done.stdout) == (0, f"{folder}\n")
    assert "here already" in done.stderr
    typed = ["steepest", "train", str(folder), "--network", "784-128-10"]
    assert typed in [shlex.split(line) for line in done.stderr.splitlines()]


def test_without_a_network_it_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    done = run("mnist", "--to", str(other))
    assert (done.exit_code, done.stdout) == (1, "")
    said = " ".join(done.stderr.split())
    assert said.startswith("Error: digits.gz cannot be fetched: 127.0.0.1 (")
    assert "copy the file of mnist from another one into" in said
    assert list(other.iterdir()) == []
    assert not folder.exists()


def test_an_interruption_says_how_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("steepest.data.datasets.fetch", interrupted)
    done = run("mnist")
    assert done.exit_code == 130
    assert "goes on from here" in done.stderr


def test_an_example_becomes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is listed, with the rows that the lab has."""
    monkeypatch.chdir(tmp_path)
    names = run("example").stdout.split()
    assert {"speed", "collinear", "scales", "logistic", "three-or-seven"} == set(names)
    for name in names:
        done = run("example", name)
        assert (done.exit_code, done.stdout) == (0, f"{name}.csv\n")
        assert run("example", f"{name}.csv", "-o", "-").stdout == Path(done.stdout[:-1]).read_text()
    bundled = Path(__file__).parents[2] / "examples" / "speed.csv"
    assert Path("speed.csv").read_text() == bundled.read_text()
    again = run("example", "speed")
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    unknown = run("example", "sped")
    assert (unknown.exit_code, "The examples are" in unknown.stderr) == (2, True)
