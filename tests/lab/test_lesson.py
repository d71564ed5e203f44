"""The lesson: what its texts state is computed here, and a folder that is none says why."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from steepest.data.made import made
from steepest.lab.lesson import own_lesson, read_lesson
from steepest.lab.uploads import Uploads
from steepest.records.arrays import Matrix, Vector
from steepest.words.errors import InputError

STOPS = {stop.name: stop for stop in read_lesson(own_lesson(), Uploads())}


def columns(name: str) -> tuple[Vector, Vector]:
    with (own_lesson() / name).open("r", encoding="utf-8") as file:
        x, y = np.loadtxt(file, delimiter=",", skiprows=1).T
    return x, y


class Squares:
    """A model that is linear in its weights, with the mean squared error."""

    def __init__(self, design: list[Vector], y: Vector) -> None:
        self.design, self.y = np.stack(design, axis=1), y
        hessian: Matrix = 2 * self.design.T @ self.design / len(y)
        self.own = np.diag(hessian)
        self.curvatures = np.linalg.eigvalsh(hessian)
        self.best: Vector = np.linalg.lstsq(self.design, y, rcond=None)[0].astype(np.float64)

    def loss(self, weights: Vector) -> float:
        return float(np.mean((self.design @ weights - self.y) ** 2))

    def pulls(self, weights: Vector) -> Matrix:
        return 2 * self.design * (self.design @ weights - self.y)[:, None] / len(self.y)

    def after(self, steps: int, lr: float, start: Vector) -> Vector:
        for _ in range(steps):
            start = start - lr * np.sum(self.pulls(start), axis=0)
        return start

    @property
    def ratio(self) -> float:
        return float(self.curvatures[-1] / self.curvatures[0])


X, Y = columns("noisy.csv")
ONE, ZERO = np.ones_like(X), np.zeros(3)
CURVE, LINE = Squares([X**2, X, ONE], Y), Squares([X, ONE], Y)
WRONG = columns("outlier.csv")[1]
TIME, SPEED = np.loadtxt(
    Path(__file__).parents[2] / "examples/speed.csv", delimiter=",", skiprows=1
).T
Z = (TIME - TIME.mean()) / TIME.std()
CAR = Squares([TIME**2, TIME, np.ones(20)], SPEED)
SCALED = Squares([Z**2, Z, np.ones(20)], SPEED)
START = np.array([0.0121, -0.6397, 0.6416])
LEAST, MOST = CURVE.loss(CURVE.best), float(CURVE.curvatures[-1])
FIRST = np.sum(CURVE.pulls(ZERO), axis=0)
TEN = CAR.after(10, 1e-5, START)
SLOPE = np.sum(CAR.pulls(TEN), axis=0)


def lost(lr: float, steps: int) -> float:
    return CURVE.loss(CURVE.after(steps, lr, ZERO))


def steps_within(found: Squares, lr: float, start: Vector) -> int:
    """To within 1 % of the minimum, in closed form along each direction."""
    least = found.loss(found.best)
    hessian = 2 * found.design.T @ found.design / len(found.y)
    values, vectors = np.linalg.eigh(hessian)
    away = vectors.T @ (start - found.best)

    def above(step: int) -> float:
        return float(np.sum(0.5 * values * away**2 * (1 - lr * values) ** (2 * step)))

    low, high = 0, 1
    while above(high) > 0.01 * least:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if above(middle) > 0.01 * least else (low, middle)
    return high


def scaled_start() -> Vector:
    """The start in the weights of the scaled column: the same curve."""
    mean, size = TIME.mean(), TIME.std()
    a, b, c = START
    return np.array([a * size**2, (2 * a * mean + b) * size, a * mean**2 + b * mean + c])


def quickest(found: Squares, start: Vector) -> int:
    rates = np.geomspace(0.05, 1.999, 400) / found.curvatures[-1]
    return min(steps_within(found, float(rate), start) for rate in rates)


# Of each stop the numbers that its texts state, in any order: computed, or what its state sets.
TOLD: dict[str, list[float]] = {
    "01-noisy-data": [len(X), CURVE.loss(np.array([3.0, 2, 1])), LEAST, *CURVE.best, 0],
    "02-line-or-parabola": [
        LINE.loss(LINE.best), LEAST, LINE.loss(LINE.best) / LEAST, 2,
    ],
    "03-one-row": [
        len(X), 0, 1, 2, 4, 10, 20, Y[20], -Y[20], *CURVE.pulls(ZERO)[20], *FIRST, -X[0], -2,
    ],
    "04-seven-steps": [
        1, 7, 0, 0.1, *FIRST, *(-0.1 * FIRST), CURVE.loss(ZERO), lost(0.1, 1), -FIRST[0],
    ],
    "05-too-small": [50, 0.0005, CURVE.loss(ZERO), lost(0.0005, 50), LEAST],
    "06-right": [
        0.1, 0.1 / 0.0005, 0.3, 0.0005, 10, lost(0.1, 10), 50, lost(0.1, 50), 1,
        quickest(CURVE, ZERO),
    ],
    "07-bouncing": [0.22, MOST, 1, 1 - 0.22 * MOST],
    "08-exploding": [
        0.228, 4, 0.22, 2, MOST, 2 / MOST, abs(1 - 0.228 * MOST), CURVE.loss(ZERO), 2500, 50,
    ],
    "09-outlier": [
        10, WRONG[10], -2 * WRONG[10] / len(X), 100 * WRONG[10] / np.sum(WRONG), 100 / len(X), 1,
        len(X), 1 / len(X),
    ],
    "10-a-rate-each": [
        *CAR.own, CAR.own[0] / CAR.own[2], 0, 19, *np.sum(CAR.pulls(START), axis=0),
    ],
    "11-standardize": [
        TIME.mean(), TIME.std(), CAR.ratio, 1, steps_within(CAR, 1e-5, START), SCALED.ratio,
        quickest(SCALED, scaled_start()),
    ],
    "12-is-it-zero": [
        10, CAR.loss(TEN), 3, *SLOPE, float(np.linalg.norm(SLOPE)), CAR.loss(CAR.best),
        CAR.loss(TEN) / CAR.loss(CAR.best),
    ],
    "13-mnist": [784, 30, 10, 784 * 30 + 30 + 30 * 10 + 10, 64, 3, 7],
}  # fmt: skip

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?!\w)")


def texts(name: str) -> str:
    """What a stop says, without its code and without the choices that are wrong."""
    stop = STOPS[name]
    right = "" if stop.answer is None else stop.choices[stop.answer - 1]
    said = "\n\n".join((stop.text, stop.ask or "", right, stop.reveals))
    return re.sub(r"`[^`]*`|^    .*$", "", said, flags=re.MULTILINE)


@pytest.mark.parametrize("name", STOPS)
def test_every_number_of_a_stop_is_computed(name: str) -> None:
    said = [one.replace(",", "").rstrip(",") for one in NUMBER.findall(texts(name))]

    for token in said:
        digits = len(token.partition(".")[2])
        # A digit alone is counted, and not rounded.
        near = 1e-9 if re.fullmatch(r"-?\d", token) else 0.5000001 * 10**-digits
        known = [value for value in TOLD[name] if abs(value - float(token)) <= near]
        assert known, f"{token} is not computed; there are {TOLD[name]}"
    assert said, "a stop without a number teaches little"


def test_what_the_texts_say_without_numbers() -> None:
    assert np.argmax(np.abs(CURVE.pulls(ZERO)[:, 0])) == 20
    assert CURVE.pulls(ZERO)[10, 0] == 0
    assert lost(0.1, 9) < 0.3 or lost(0.1, 10) < 0.3
    assert lost(0.228, 50) > 2500
    assert abs(1 - 0.22 * MOST) < 1 < abs(1 - 0.228 * MOST)


def test_the_data_is_what_the_text_makes() -> None:
    csv = made("y ~ 3*x**2 + 2*x + 1", rows=21, noise=1.0, seed=1, ranges={"x": (-2.0, 2.0)}).csv()
    assert (own_lesson() / "noisy.csv").read_text("utf-8") == csv
    assert np.flatnonzero(Y != WRONG).tolist() == [10]


FAULTS = {
    "empty": ({}, "a file in Markdown for each stop"),
    "no head": ({"1.md": "Hello"}, "1.md of the lesson: A stop begins with a line"),
    "no TOML": ({"1.md": "+++\na = = 1\n+++\n"}, "not TOML"),
    "a name": ({"1.md": '+++\nformla = "x**2"\n+++\n'}, "nothing called formla"),
    "no data": ({"1.md": '+++\ndata = "x.csv"\nformula = "y ~ a"\n+++\n'}, "no such data"),
    "a path": ({"1.md": '+++\ndata = "../x.csv"\nformula = "y ~ a"\n+++\n'}, "beside the stop"),
    "an answer": (
        {"1.md": '+++\nformula = "x**2"\nchoices = ["a"]\nanswer = 2\n+++\n'},
        "answer must be the place of a choice",
    ),
}


@pytest.mark.parametrize(("files", "said"), FAULTS.values(), ids=FAULTS)
def test_a_folder_that_is_no_lesson_says_why(
    files: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(InputError, match=re.escape(said)):
        read_lesson(tmp_path, Uploads())


def test_a_lesson_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text('+++\nformula = "x**2"\n+++\nText\n\n---\n\nReveal\n', "utf-8")
    (tmp_path / "a.md").write_text(
        '+++\ntitle = "One"\ndata = "rows.csv"\nformula = "y ~ a*x"\nlr = 0.1\n\n'
        "[then]\nlr = 0.2\n+++\nOne\n",
        "utf-8",
    )
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n2,4\n", "utf-8")
    uploads = Uploads()
    first, second = read_lesson(tmp_path, uploads)
    assert (first.title, second.title) == ("One", "b")
    assert (second.text, second.reveals) == ("Text", "Reveal")
    assert [state.problem.options.lr for state in (first.state, first.then)] == [0.1, 0.2]
    assert uploads.get(first.state.problem.upload or "").name == "rows.csv"
