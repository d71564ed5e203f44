"""Every check has a name and a page, and what a page says is true."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steepest.checks import CHECKS, page
from steepest.words.errors import UsageError

BUILT = (
    "SD101", "SD102", "SD103", "SD104", "SD105", "SD201", "SD202", "SD203", "SD204", "SD205",
    "SD206",
    "SD301", "SD302", "SD303", "SD304", "SD305", "SD306",
    "SD307", "SD308", "SD309", "SD310",
    "SD401", "SD402", "SD403", "SD404", "SD405", "SD406", "SD407", "SD408",
    "SD409", "SD410", "SD411", "SD412", "SD413", "SD414", "SD415", "SD416",
    "SD501", "SD502", "SD601", "SD602", "SD603",
)  # fmt: skip
SECTIONS = [
    "What it found",
    "Why it matters",
    "What to do",
    "How it is measured",
    "When it is not a problem",
]
PAGES = Path(__file__).parents[2] / "src" / "steepest" / "checks" / "pages"


def test_the_checks_that_are_built() -> None:
    assert tuple(CHECKS) == BUILT
    assert {file.stem for file in PAGES.iterdir()} == set(BUILT)
    assert len({check.name for check in CHECKS.values()}) == len(CHECKS)
    for check in CHECKS.values():
        assert check.function is not None or check.of_training is not None


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_has_a_whole_page(code: str) -> None:
    text, check = page(code), CHECKS[code]
    lines = text.splitlines()
    assert lines[0] == f"# {code} · {check.name}"
    assert lines[2] == check.summary
    assert [line[3:] for line in lines if line.startswith("## ")] == SECTIONS
    sections = re.split(r"^## .*$", text, flags=re.MULTILINE)
    assert all(len(section.strip()) > 20 for section in sections)
    assert max(len(line) for line in lines) <= 80
    assert "!" not in text
    # A minus sign at the start of a line would make it an item of a list.
    for before, line in itertools.pairwise(lines):
        assert not line.startswith("- ") or not before or before.startswith(("- ", "  "))
    # A page sends the reader only to pages that are there.
    assert set(re.findall(r"SD\d{3}", text)) <= set(BUILT)


def test_a_code_is_read_as_people_type_it() -> None:
    assert page(" sd201 ") == page("SD201")


@pytest.mark.parametrize("code", ["SD999", "", "../SD101", "SD201\x1b[2J", "SD499"])
def test_an_unknown_code(code: str) -> None:
    with pytest.raises(UsageError) as raised:
        page(code)
    assert "SD101, SD102" in raised.value.message
    assert "\x1b" not in raised.value.message


def test_importing_the_checks_needs_only_numpy() -> None:
    code = (
        "import sys, steepest.checks\n"
        "heavy = {'jax', 'torch', 'scipy', 'optax', 'polars', 'sympy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The worked examples, computed again.


def says(code: str, *texts: str) -> None:
    joined = re.sub(r"\s+", " ", page(code))
    for text in texts:
        assert text in joined, text


def walk(gradient: object, start: float, lr: float, steps: int) -> list[float]:
    points = [start]
    for _ in range(steps):
        points.append(points[-1] - lr * gradient(points[-1]))  # type: ignore[operator]
    return points


def example() -> np.ndarray:
    """Return time and speed of the example, (2, 20)."""
    return np.loadtxt(PAGES.parents[3] / "examples/speed.csv", delimiter=",", skiprows=1).T


def shares(inputs: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    pulls = inputs * (inputs @ weights - target)[:, None]
    lengths = np.linalg.norm(pulls / np.linalg.norm(pulls, axis=0), axis=1)
    return np.asarray(lengths / lengths.sum())


def test_sd101_and_sd102_examples() -> None:
    points = walk(lambda x: 2 * x, 3.0, 1.1, 7)
    rows = [f"| {k} | {points[k]:.5g} | {points[k] ** 2:.5g} |" for k in range(4)]
    says("SD101", *rows, "At step 7 the loss is more than ten times")
    assert points[6] ** 2 < 90 < points[7] ** 2
    slow = walk(lambda x: 2 * x, 3.0, 0.001, 4000)
    assert next(k for k, x in enumerate(slow) if abs(x) <= 0.003) == 3451
    says("SD102", "3,451 steps", "0.998x")


def test_sd103_example() -> None:
    assert walk(lambda x: 2 * x, -1.5, 1.0, 3) == [-1.5, 1.5, -1.5, 1.5]
    assert walk(lambda x: 2 * x, -1.5, 0.5, 1)[-1] == 0
    says("SD103", "bounces between -1.5 and 1.5", "stays 2.25")


def test_sd201_and_sd205_and_sd206_examples() -> None:
    time, speed = example()
    inputs = np.stack([time**2, time, np.ones_like(time)], axis=1)
    low, middle, high = np.linalg.eigvalsh(2 * inputs.T @ inputs / len(time))
    z = (time - time.mean()) / time.std()
    scaled = np.stack([z**2, z, np.ones_like(z)], axis=1)
    says(
        "SD201",
        f"{high:,.0f}, {middle:.1f} and {low:.3g}",
        f"{2 / high:.3g}",
        f"{math.floor(1e-5 * high * 100)} % a step",
        f"{1e-5 * low * 100:.2g} %",
        f"falls from {high / low:,.0f} to {np.linalg.cond(scaled.T @ scaled):.2g}.",
    )
    solution, *_ = np.linalg.lstsq(inputs, speed, rcond=None)
    floor = float(np.mean((inputs @ solution - speed) ** 2))
    says("SD206", f"{floor:.5f}", f"{1.01 * floor:.5f}")
    at = np.array([0.0121, -0.6397, 0.6416])
    losses = []
    for _ in range(11):
        residual = inputs @ at - speed
        losses.append(float(np.mean(residual**2)))
        at = at - 1e-5 * 2 * inputs.T @ residual / len(time)
    fall = 100 * (losses[9] - losses[10]) / losses[10]
    says("SD205", f"{losses[10]:.2f}", f"{fall:.2g} %", f"{floor:.2f}")


def test_sd202_example() -> None:
    x = np.arange(10.0)
    predictions = {(a, b): tuple(a * x + b * 2 * x) for a, b in [(3, 0), (1, 1), (-1, 2)]}
    assert len(set(predictions.values())) == 1
    says("SD202", "(a, b) = (3, 0), (1, 1) and (-1, 2) all predict 3x")


def test_sd203_example() -> None:
    x = walk(lambda x: 2 * x, 1.0, 0.1, 40)[-1]
    says("SD203", f"after 40 steps x is {x:.2g}", "-0.25, at y = 0.7071")
    y = math.sqrt(0.5)
    assert -(y**2) + y**4 == pytest.approx(-0.25)


def test_sd204_example() -> None:
    for start, sign in ((2.0, 1), (-2.0, -1)):
        x = walk(lambda x: 4 * x**3 - 6 * x + 1, start, 0.02, 500)[-1]
        assert math.copysign(1, x) == sign
        says("SD204", f"x = {x:.3f} with loss {x**4 - 3 * x**2 + x:.3f}")


def test_sd303_example() -> None:
    x = np.arange(50.0)
    y = 2 * x + 1
    assert y[49] == 99
    y[49] = 9900
    inputs = np.stack([x, np.ones(50)], axis=1)
    share = shares(inputs, y, np.zeros(2))
    slope, intercept = np.linalg.lstsq(inputs, y, rcond=None)[0]
    says("SD303", f"makes {100 * share[49]:.0f} % of the gradient")
    says("SD303", f"it becomes y = {slope:.0f}x - {-intercept:.0f}.")
    time, speed = example()
    parabola = np.stack([time**2, time, np.ones_like(time)], axis=1)
    share = shares(parabola, speed, np.array([0.0121, -0.6397, 0.6416]))
    says("SD303", f"one makes {100 * share.max():.0f} %, and that is no finding")


def test_sd306_example() -> None:
    x = np.arange(10.0)
    inputs = np.stack([x, np.ones(10)], axis=1)
    line, *_ = np.linalg.lstsq(inputs, x**2, rcond=None)
    off = inputs @ line - x**2
    share = 1 - off @ off / np.sum((x**2 - np.mean(x**2)) ** 2)
    says("SD306", f"is y = {line[0]:.0f}x - {-line[1]:.0f}", f"R² is {share:.2f}")
    says("SD306", f"is {-off.min():.0f} too low at both ends and {off.max():.0f} too high")


def test_sd304_example() -> None:
    year = np.arange(2001.0, 2021.0)
    inputs = np.stack([year, np.ones(20)], axis=1)
    low, high = np.linalg.eigvalsh(2 * inputs.T @ inputs / 20)
    z = (year - year.mean()) / year.std()
    scaled = np.stack([z, np.ones(20)], axis=1)
    np.testing.assert_allclose(2 * scaled.T @ scaled / 20, 2 * np.eye(2), atol=1e-12)
    says(
        "SD304",
        f"mean, {year.mean()}, is {year.mean() / year.std():.0f} times",
        f"condition number is {high / low:.1e}",
        f"{2 / high:.1e}",
    )


def test_sd406_example() -> None:
    assert math.isfinite(float(np.exp(709.0)))
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(710.0))
    says("SD406", f"exp(709) is {np.exp(709.0):.1e}", f"{np.finfo(float).max:.1e}")


def test_examples_of_layers() -> None:
    says("SD401", f"arrives: {0.25**8:.6f}.")
    grows = 3 * math.sqrt(32)
    says(
        "SD402",
        f"about {grows:.0f} times as large",
        f"Six of them make {grows**6 / 1e6:.0f} million",
    )
    says("SD402", "1,000 times as long as the weights, learning rate 0.01 makes a step ten times")
    says("SD403", f"{64 * 0.1:.1f} - 30 = {64 * 0.1 - 30:.1f}")
    assert np.float32(1) + np.float32(0.00000003) == 1
    says("SD404", "1 + 0.00000003 is 1")
    says("SD408", f"about {np.finfo(np.float32).eps:.7f} apart", f"about {2.0**-7:.3f}")


def test_sd407_example() -> None:
    reset, never, total = [3.0], [3.0], 0.0
    for _ in range(4):
        reset.append(reset[-1] - 0.1 * 2 * reset[-1])
        total += 2 * never[-1]
        never.append(never[-1] - 0.1 * total)
    for step, (one, other) in enumerate(zip(reset, never, strict=True)):
        says("SD407", f"| {step} | {one:.5g} | {other:.5g} |")


def test_examples_of_batches_and_held_out_rows() -> None:
    says("SD601", f"= {64 * 128 + 128 + 128 * 10 + 10:,} weights")
    says("SD602", f"log(10) = {math.log(10):.3f}")
    # 1,500 rows of ten classes: a batch of 64 touches two at most, as a class has 150.
    assert 1500 / 10 > 64
    # The noise of a batch shrinks with its rows.
    says("SD501", "noise 400 times as long", "a batch of 400 has as much noise as gradient")
