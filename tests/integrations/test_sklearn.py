"""Fitted estimators of scikit-learn. Oracles are its exact solvers and its own attributes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC, SVR  # noqa: E402

import steepest  # noqa: E402
from steepest.integrations.sklearn import JudgedEstimator  # noqa: E402

ROWS = 60


@pytest.fixture(scope="module")
def drawn() -> tuple[Any, Any, Any]:
    """Columns of two scales, a target of numbers and one of two classes that overlap."""
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, 2)) * [1.0, 3.0] + [0.5, -1.0]
    y = 2 * x[:, 0] - 0.7 * x[:, 1] + 3 + random.normal(size=ROWS)
    return x, y, np.where(y + random.normal(size=ROWS) > 4, "yes", "no")


def fitted(estimator: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


def judged(estimator: Any, x: Any, y: Any, **options: Any) -> JudgedEstimator:
    return steepest.judge_estimator(fitted(estimator, x, y), x, y, **options)


def speed() -> tuple[Any, Any]:
    table = np.genfromtxt("examples/speed.csv", delimiter=",", names=True)
    return np.c_[table["time"] ** 2, table["time"]], table["speed"]


def test_the_tutorials_problem() -> None:
    """It says that it converged, at 291; the minimum is 1.04, and the line that helps is near."""
    x, y = speed()
    found = judged(SGDRegressor(eta0=1e-6, random_state=0), x, y)
    line = np.polyfit(x[:, 1], y, 2)
    assert found.lowest == pytest.approx(np.mean((np.polyval(line, x[:, 1]) - y) ** 2), rel=1e-4)
    assert found.loss > 280
    assert not found.at_minimum
    assert "is not at its minimum: mean squared error 29" in found.headline
    assert "and 1.04 was found" in found.headline
    assert found.condition == pytest.approx(218_450, rel=1e-3)
    assert "896 times by the columns' scales" in str(found)
    assert found.cure is not None
    assert found.cure.loss < 1.1
    page = Path("docs/scikit-learn.md").read_text()
    assert "290.62, and 1.04 was" in page
    assert found.cure.line in page
    names: dict[str, Any] = {}
    exec(found.cure.imports.replace("\n  ", "\n"), names)
    again = fitted(eval(found.cure.line, names), x, y)
    assert np.mean((again.predict(x) - y) ** 2) == pytest.approx(found.cure.loss, rel=1e-6)
    assert all(len(line) <= 80 for line in str(found).split("\n") if not line.startswith("  "))


@pytest.mark.parametrize("penalty", ["l2", None, "l1", "elasticnet"])
def test_squared_errors_against_the_exact_solver(penalty: str | None, drawn: Any) -> None:
    x, y, _ = drawn
    found = judged(SGDRegressor(penalty=penalty, alpha=0.1, random_state=0), x, y, cures=False)
    if penalty in ("l2", None):
        exact = Ridge(alpha=0.1 * ROWS if penalty else 0.0).fit(x, y)
        least = 0.5 * np.mean((exact.predict(x) - y) ** 2)
        least += 0.05 * np.sum(exact.coef_**2) if penalty else 0.0
    else:
        from sklearn.linear_model import ElasticNet

        exact = ElasticNet(alpha=0.1, l1_ratio=1.0 if penalty == "l1" else 0.15, tol=1e-12)
        exact.fit(x, y)
        ratio = exact.l1_ratio
        least = 0.5 * np.mean((exact.predict(x) - y) ** 2)
        least += 0.1 * (
            ratio * np.abs(exact.coef_).sum() + 0.5 * (1 - ratio) * np.sum(exact.coef_**2)
        )
    assert found.lowest_objective == pytest.approx(least, rel=1e-5)


def test_corners_against_support_vectors(drawn: Any) -> None:
    x, y, c = drawn
    alpha = 0.01
    found = judged(SGDClassifier(alpha=alpha, random_state=0), x, c, cures=False)
    exact = SVC(kernel="linear", C=1 / (alpha * ROWS), tol=1e-8).fit(x, c)
    margin = exact.decision_function(x) * np.where(c == "yes", 1, -1)
    least = np.mean(np.maximum(0, 1 - margin)) + alpha / 2 * np.sum(exact.coef_**2)
    assert found.lowest_objective == pytest.approx(least, rel=1e-4)
    one = SGDRegressor(loss="epsilon_insensitive", epsilon=0.3, alpha=alpha, random_state=0)
    found = judged(one, x, y, cures=False)
    near = SVR(kernel="linear", C=1 / (alpha * ROWS), epsilon=0.3, tol=1e-8).fit(x, y)
    off = np.maximum(0, np.abs(near.predict(x) - y) - 0.3)
    assert found.lowest_objective == pytest.approx(
        np.mean(off) + alpha / 2 * np.sum(near.coef_**2), rel=1e-4
    )


@pytest.mark.parametrize("weighted", [None, "balanced"])
def test_a_solver_that_arrives_is_at_its_minimum(weighted: str | None, drawn: Any) -> None:
    x, _, c = drawn
    arrived = LogisticRegression(C=0.5, class_weight=weighted, tol=1e-8)
    found = judged(arrived, x, c)
    assert found.at_minimum
    assert found.objective == pytest.approx(found.lowest_objective, rel=1e-7)
    assert found.cure is None
    assert "within 1 % of the lowest" in found.headline
    if weighted is None:
        chance = fitted(arrived, x, c).predict_proba(x)[:, 1]
        loss = -np.mean(np.where(c == "yes", np.log(chance), np.log1p(-chance)))
        assert found.loss == pytest.approx(loss, rel=1e-9)


def test_networks_have_the_loss_that_they_say(drawn: Any) -> None:
    x, y, c = drawn
    three = np.digitize(y, [2.0, 5.0])
    for kind, target, unit in (
        (MLPRegressor, y, 2.0), (MLPClassifier, c, 1.0), (MLPClassifier, three, 1.0),
    ):  # fmt: skip
        network = kind(
            hidden_layer_sizes=5, activation="tanh", solver="lbfgs", alpha=0.0, random_state=0
        )
        found = judged(network, x, target, cures=False)
        assert found.loss == pytest.approx(unit * network.loss_, rel=1e-6), network
        assert found.lowest <= found.loss


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_iter": 3, "tol": None}, "max_iter=3 epochs were over"),
        ({"early_stopping": True}, "set aside"),
        ({"tol": 10.0}, "did not fall by more than tol=10 for 5 epochs"),
    ],
)
def test_what_its_stopping_meant(options: dict[str, Any], said: str, drawn: Any) -> None:
    x, y, _ = drawn
    estimator = make_pipeline(StandardScaler(), SGDRegressor(random_state=0, **options))
    found = judged(estimator, x, y, cures=False)
    assert said in " ".join(found.stopping.split())
    assert str(estimator[-1].n_iter_) in found.stopping or "max_iter" in found.stopping


def test_what_cannot_be_judged_is_said(drawn: Any) -> None:
    x, y, c = drawn
    regressor = fitted(SGDRegressor(random_state=0), x, y)
    three = np.digitize(y, [2.0, 5.0])
    for wrong, target, given in (
        (Ridge(), y, "Ridge"),
        (SGDClassifier(loss="perceptron"), c, "perceptron"),
        (SGDClassifier(), three, "3 classes"),
    ):
        with pytest.raises(steepest.UsageError, match=given):
            judged(wrong, x, target)
    with pytest.raises(steepest.UsageError, match="is not fitted"):
        steepest.judge_estimator(SGDRegressor(), x, y)
    with pytest.raises(steepest.InputError, match="those of its 2 classes"):
        steepest.judge_estimator(fitted(SGDClassifier(), x, c), x, y)
    with pytest.raises(steepest.InputError, match="not those of this fit"):
        steepest.judge_estimator(regressor, x[:, :1], y)
    with pytest.raises(steepest.InputError, match="not a table"):
        steepest.judge_estimator(regressor, [["a"]], y)
    with pytest.raises(steepest.InputError, match="one number of 0 or more"):
        steepest.judge_estimator(regressor, x, y, sample_weight=[1.0])
