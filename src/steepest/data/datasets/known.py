"""The data sets that are known, each file with its size and its SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs


@dataclass(frozen=True)
class File:
    """One file, which has these bytes and no others."""

    name: str
    size: int
    """In bytes."""
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """Files that belong together."""

    name: str
    what: str
    files: tuple[File, ...]
    mirrors: tuple[str, ...]
    """Addresses that end in a slash, and hold every file under its name."""

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)


_MNIST: Final = Dataset(
    name="mnist",
    what="70,000 handwritten digits, 28×28 pixels: 60,000 to learn, 10,000 to test",
    files=(
        File(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        File(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        File(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        File(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

DATASETS: Final = {dataset.name: dataset for dataset in (_MNIST,)}
"""Name -> data set."""


def default_folder(dataset: Dataset) -> Path:
    """Where a data set is kept: in the user's data directory, by platform convention."""
    return platformdirs.user_data_path("steepest", appauthor=False) / "data" / dataset.name


def files_in(folder: Path, dataset: Dataset) -> tuple[File, ...]:
    """The files that are in the folder, by name and size."""
    found = []
    for file in dataset.files:
        try:
            if (folder / file.name).stat().st_size == file.size:
                found.append(file)
        except OSError:  # it is not there, or not to be seen
            continue
    return tuple(found)
