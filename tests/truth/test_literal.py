"""Every sentence that names weights is done as it says, by NumPy and scipy, and holds.

Fits are drawn from a seed; STEEPEST_LITERAL=100 tries more of them, STEEPEST_SEED others.
"""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import scipy.optimize
import torch

import steepest

MANY = int(os.environ.get("STEEPEST_LITERAL", "8"))
SEED = int(os.environ.get("STEEPEST_SEED", "0"))

NUMBER = r"(-?[\d,]+(?:\.\d+)?(?:e[+-]?\d+)?)"
Weights = dict[str, float]


def value(text: str) -> float:
    return float(text.replace(",", ""))


class Linear:
    """A linear fit: `design` (n, p) @ weights, beside `target` (n,)."""

    def __init__(self, random: np.random.Generator):
        self.columns: dict[str, np.ndarray] = {}
        rows, many = int(random.integers(15, 40)), int(random.integers(2, 5))
        for place in range(many):
            center, scale = 10.0 ** random.uniform(-1, 2), 10.0 ** random.uniform(-2, 2)
            self.columns[f"x{place}"] = scale * (random.normal(size=rows) + center)
        kind = random.integers(4)
        names = list(self.columns)
        if kind == 0:  # A column made of others: a flat direction.
            made = sum(random.integers(-3, 4) * self.columns[name] for name in names)
            self.columns["f"] = made + self.columns[names[0]]
        elif kind == 1:  # A column of nothing: a weight that no prediction depends on.
            self.columns["f"] = np.zeros(rows)
        weights = random.normal(size=len(self.columns))
        self.design = np.column_stack([*self.columns.values(), np.ones(rows)])
        plain = self.design[:, :-1] @ (weights / np.maximum(np.std(self.design[:, :-1], 0), 1e-3))
        self.target = plain + random.normal(size=rows) * max(np.std(plain), 1e-3) * 0.1
        if kind == 2:  # A row typed wrongly.
            self.target[int(random.integers(rows))] += 30 * np.std(plain)
        self.names = [f"w{place}" for place in range(len(self.columns))] + ["b"]
        terms = [f"{w}*{x}" for w, x in zip(self.names, self.columns, strict=False)]
        self.formula = f"y ~ {' + '.join(terms)} + b"

    @property
    def hessian(self) -> np.ndarray:
        return np.asarray(2 * self.design.T @ self.design / len(self.target))

    def fit(self, random: np.random.Generator) -> steepest.Run:
        return steepest.fit(
            {**self.columns, "y": self.target}, self.formula, steps=int(random.integers(2, 300)),
            seed=int(random.integers(100)), remedies=False, save=False,
        )  # fmt: skip


def condition(matrix: np.ndarray, flat: int) -> float:
    values = np.linalg.eigvalsh(matrix)[::-1]
    return float(values[0] / values[len(values) - 1 - flat])


def check_scales(hessian: np.ndarray, names: list[str], sentence: str, flat: int) -> None:
    """What SD201 says of weights alone and of a learning rate for each of them."""
    own = dict(zip(names, np.diag(hessian), strict=True))
    told = re.search(rf"along (\w+) alone is {NUMBER} times that along (\w+)", sentence)
    if told:
        assert own[told[1]] / own[told[3]] == pytest.approx(value(told[2]), rel=0.01)
    moves = np.diag(hessian) > 1e-12 * np.max(np.diag(hessian))
    kept = hessian[np.ix_(moves, moves)]
    root = np.sqrt(np.diag(kept))
    still = int(np.sum(~moves))
    left = condition(kept / np.outer(root, root), flat - still)
    said = re.search(rf"(?:leave|makes the other) {NUMBER} times", sentence)
    if said:
        assert left == pytest.approx(value(said[1]), rel=0.02)
    stays = re.search(
        rf"whatever the learning rate of each weight, at least {NUMBER} times", sentence
    )
    if stays:
        scaled = kept / np.outer(root, root)

        def logarithm(rates: np.ndarray) -> float:
            pace = np.exp(np.clip(rates, -30, 30) / 2)
            return float(np.log(condition(scaled * np.outer(pace, pace), 0)))

        best = scipy.optimize.minimize(logarithm, np.zeros(len(root)), method="Nelder-Mead")
        assert np.exp(best.fun) > 0.999 * value(stays[1])


def check_flat(linear: Linear, sentence: str) -> None:
    """What SD202 says may be done without changing a prediction."""
    at = dict.fromkeys(linear.names, 0.0)
    raised = re.match(r"Raising (\w+) by 1 while (.*?) changes no prediction", sentence)
    alone = re.match(r"Changing (\w+) changes no prediction", sentence)
    told = raised or alone
    assert told is not None, sentence
    at[told[1]] = 1.0
    if raised:
        for way, name, by in re.findall(rf"(raising|lowering) (\w+) by {NUMBER}", raised[2]):
            at[name] = value(by) * (1 if way == "raising" else -1)
        if " more" in raised[2]:
            return
    moved = linear.design * np.array([at[name] for name in linear.names])
    assert np.max(np.abs(moved.sum(1))) <= 2e-3 * max(np.max(np.abs(moved)), 1e-300)


def check_without_rows(linear: Linear, sentence: str) -> None:
    """What SD305 says the weights are without the rows it names."""
    rows = [
        int(value(one)) for one in re.findall(r"\d[\d,]*", re.split(r" decides? ", sentence)[0])
    ]
    keep = np.setdiff1d(np.arange(len(linear.target)), rows)
    whole = np.linalg.lstsq(linear.design, linear.target, rcond=None)[0]
    without = np.linalg.lstsq(linear.design[keep], linear.target[keep], rcond=None)[0]
    for name, before, after in re.findall(rf"(\w+) goes from {NUMBER} to {NUMBER}", sentence):
        place = linear.names.index(name)
        assert whole[place] == pytest.approx(value(before), rel=0.01)
        assert without[place] == pytest.approx(value(after), rel=0.01)


@pytest.mark.parametrize("seed", range(SEED * 1000, SEED * 1000 + MANY))
def test_sentences_of_linear_fits(seed: int) -> None:
    random = np.random.default_rng([7, seed])
    linear = Linear(random)
    run = linear.fit(random)
    minimum = run.measurements.minimum
    assert minimum is not None
    unit = linear.design / np.linalg.norm(linear.design, axis=0).clip(1e-300)
    assert np.linalg.matrix_rank(unit) == len(linear.names) - len(minimum.flat)
    for finding in run.verdict.findings:
        if finding.code == "SD201":
            check_scales(linear.hessian, linear.names, finding.sentence, len(minimum.flat))
        elif finding.code == "SD202":
            check_flat(linear, finding.sentence)
        elif finding.code == "SD305":
            check_without_rows(linear, finding.sentence)


CURVES: tuple[tuple[str, dict[str, float]], ...] = (
    ("a*exp(-b*x) + c", {"a": 5.0, "b": 0.5, "c": 1.0}),
    ("a*b*x + c", {"a": 2.0, "b": 1.5, "c": 1.0}),
    ("a/(1 + exp(-b*(x - c)))", {"a": 10.0, "b": 1.2, "c": 5.0}),
    ("a*x/(b + x)", {"a": 8.0, "b": 2.0}),
    ("a*exp(-(x - b)**2/(2*c**2))", {"a": 6.0, "b": 4.0, "c": 1.5}),
    ("a*sin(b*x) + c", {"a": 3.0, "b": 0.9, "c": 2.0}),
    ("a*exp(-b*x) + c*exp(-d*x)", {"a": 6.0, "b": 1.5, "c": 2.0, "d": 0.2}),
)
CURVED = CURVES if MANY > 8 else CURVES[:2]


@pytest.mark.parametrize(("text", "true"), CURVED, ids=[text for text, _ in CURVED])
def test_sentences_of_curved_fits(text: str, true: Weights) -> None:
    """The curvatures are those of PyTorch, at the place that the sentence names."""
    random = np.random.default_rng([11, SEED, len(text)])
    x = np.sort(random.uniform(0.5, 10, 40))
    names = list(true)
    given, functions = torch.tensor(x), {"exp": torch.exp, "sin": torch.sin}

    def predicted(at: torch.Tensor) -> torch.Tensor:
        held = dict(zip(names, at, strict=True))
        return torch.as_tensor(eval(text, {**functions, "x": given, **held}))

    clean = predicted(torch.tensor(list(true.values()), dtype=torch.float64)).numpy()
    y = clean + 0.03 * np.ptp(clean) * random.normal(size=len(x))

    def loss(at: torch.Tensor) -> torch.Tensor:
        return ((predicted(at) - torch.tensor(y)) ** 2).mean()

    start = {name: value * float(np.exp(random.normal(0, 0.3))) for name, value in true.items()}
    run = steepest.fit(
        {"x": x, "y": y}, f"y ~ {text}", start=start, steps=100, remedies=False, save=False
    )
    minimum = run.measurements.minimum
    assert minimum is not None
    places = {"minimum": minimum.weights, "end": run.weights, "start": start}
    for finding in run.verdict.findings:
        if finding.code == "SD201" and not finding.evidence["below_rounding"]:
            place = torch.tensor([places[str(finding.evidence["at"])][name] for name in names])
            hessian = torch.autograd.functional.hessian(loss, place.double()).numpy()
            flat = len(minimum.flat)
            told = re.search(rf"{NUMBER} times apart", finding.sentence)
            assert told is not None
            assert condition(hessian, flat) == pytest.approx(value(told[1]), rel=0.01)
            check_scales(hessian, names, finding.sentence, flat)
        elif finding.code == "SD202":
            for shown in re.findall(
                r"(?:at|as at) ((?:\w+ = [^,\s]+(?:, | and )?)+)", finding.sentence
            ):
                moved = dict(re.findall(rf"(\w+) = {NUMBER}", shown))
                at = {**minimum.weights, **{name: value(said) for name, said in moved.items()}}
                found = float(loss(torch.tensor([at[name] for name in names], dtype=torch.float64)))
                # Weights are told with four digits.
                assert found == pytest.approx(minimum.loss, rel=0.02), finding.sentence
