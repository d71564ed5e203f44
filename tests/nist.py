"""Reads the NIST StRD files under tests/nist_data: formula, starts, certified values, data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "nist_data"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.dat")))


@dataclass(frozen=True)
class Certified:
    """One data set. `starts` are the two certified starts; vectors are in the order b1 to bp."""

    name: str
    formula: str
    columns: dict[str, npt.NDArray[np.float64]]
    starts: tuple[dict[str, float], dict[str, float]]
    weights: dict[str, float]
    deviations: dict[str, float]
    residual_sum: float
    residual_deviation: float

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


def load(name: str) -> Certified:
    """The data set of this name."""
    lines = (FOLDER / f"{name}.dat").read_text().splitlines()
    rows = [
        (int(found[1]), [float(x) for x in found[2].split()])
        for line in lines
        if (found := re.match(r"\s*b(\d+) =\s+(.*)", line))
    ]
    values = np.array([numbers for _, numbers in rows])
    names = [f"b{index}" for index, _ in rows]
    begin = max(i for i, line in enumerate(lines) if line.startswith("Data:"))
    headers = lines[begin].split()[1:]
    data = [line.split() for line in lines[begin + 1 :] if line.strip()]
    table = np.array([[float(x) for x in cells] for cells in data])
    return Certified(
        name=name,
        formula=_formula(lines),
        columns={header: table[:, i] for i, header in enumerate(headers)},
        starts=(
            dict(zip(names, map(float, values[:, 0]), strict=True)),
            dict(zip(names, map(float, values[:, 1]), strict=True)),
        ),
        weights=dict(zip(names, map(float, values[:, 2]), strict=True)),
        deviations=dict(zip(names, map(float, values[:, 3]), strict=True)),
        residual_sum=_after(lines, "Residual Sum of Squares:"),
        residual_deviation=_after(lines, "Residual Standard Deviation:"),
    )


def _after(lines: list[str], label: str) -> float:
    line = next(line for line in lines if line.startswith(label))
    return float(line[len(label) :].split()[0])


def _formula(lines: list[str]) -> str:
    """The model as the file writes it: brackets become parentheses, the noise `+ e` goes."""
    text = " ".join(lines)
    found = re.search(r"((?:y|log\[y\])\s*=.*?)\+\s*e\s", text[text.index("Model:") :])
    if found is None:
        raise ValueError("no model in this file")
    target, model = found[1].replace("[", "(").replace("]", ")").split("=", 1)
    return re.sub(r"\s+", " ", f"{target.strip()} ~ {model.strip()}")
