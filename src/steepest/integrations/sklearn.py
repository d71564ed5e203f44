"""Judges an estimator of scikit-learn that is fitted: `judge_estimator(fitted, X, y)`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from steepest.integrations.estimator_loss import EstimatorLoss, linear_loss, network_loss
from steepest.records.arrays import Matrix, Vector
from steepest.words.errors import InputError, UsageError, needing
from steepest.words.gate import gated
from steepest.words.wording import count, escaped, number, percent, times, together
from steepest.words.wrapping import wrapped

with needing("sklearn", "Judging an estimator needs scikit-learn", install="scikit-learn"):
    from sklearn.base import clone
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import compute_class_weight
    from sklearn.utils.validation import check_array, check_is_fitted

_KNOWN: Final = (SGDRegressor, SGDClassifier, LogisticRegression, MLPRegressor, MLPClassifier)
_NAMES: Final = ", ".join(kind.__name__ for kind in _KNOWN)

_THERE: Final = 0.01
"""Within this share of the lowest loss that was found is at the minimum."""

_WORTH: Final = 0.9
"""A cure that leaves more of the loss above the lowest is none."""

_LARGEST: Final = 50_000_000
"""Numbers of a sparse table that is written out."""

_USUAL_RATE: Final = 0.01
"""scikit-learn's own eta0, for columns that are scaled."""

_APART: Final = 10.0
"""A target whose deviation is so many times from 1 is scaled as well."""


@dataclass(frozen=True)
class Cure:
    """Another way to fit that was run, and what it came to."""

    line: str
    """An expression that makes the estimator."""
    imports: str
    """The lines that the expression needs."""
    loss: float
    """The mean loss of the same rows, in the measure of `JudgedEstimator.loss`."""


@dataclass(frozen=True)
class JudgedEstimator:
    """What was measured of a fitted estimator, and what follows. `print` says it in words.

    Losses are means over the rows, without the penalty. `lowest` is that of the weights with the
    lowest objective (penalty included) that was found from the fitted ones.
    """

    estimator: str
    measure: str
    """What `loss` is: mean squared error, mean log loss ..."""
    rows: int
    weights: int
    loss: float
    lowest: float
    at_zero: float
    """The mean loss where all weights are 0."""
    objective: float
    """What the estimator minimizes, penalty included, at its weights."""
    lowest_objective: float
    at_minimum: bool
    convex: bool
    """Whether every minimum is as low as any: false for networks."""
    steepest_weight: str | None
    steepest_slope: float
    """The partial derivative that is largest in size, and of which weight, where it has a name."""
    condition: float | None
    """Condition number of the curvature at the lowest, by the estimator's own weights."""
    correlated: float | None
    """What is left of it when every column is scaled: the part of correlation."""
    stopping: str
    cure: Cure | None
    cures_tried: int

    @property
    def headline(self) -> str:
        """Whether it is at its minimum."""
        name, what = self.estimator, self.measure
        if not math.isfinite(self.loss):
            return f"{name} diverged: its weights are not finite numbers any more."
        ours, lowest = together(self.loss, self.lowest)
        if self.at_minimum:
            return (
                f"{name} is within {percent(_THERE)} of the lowest that was found"
                f"{'' if self.convex else ' from its weights on'}: {what} {number(self.loss)}."
            )
        if self.loss > self.at_zero:
            zero = number(self.at_zero)
            return (
                f"{name} is worse than weights of 0: {what} {ours}, where those give {zero}, and "
                f"{lowest} was found."
            )
        if ours == lowest:
            ours, lowest = number(self.objective, 9), number(self.lowest_objective, 9)
            what = f"{what} with its penalty"
        return f"{name} is not at its minimum: {what} {ours}, and {lowest} was found."

    def __str__(self) -> str:
        parts = [self.headline, *self._why(), self.stopping]
        text = "\n".join(line for part in parts if part for line in wrapped(part, 80))
        if self.cure is not None:
            ended = number(self.cure.loss)
            said = wrapped(f"Helps, and was run: {self.measure} {ended} with", 80)
            return "\n".join([text, "", *said, f"  {self.cure.imports}", f"  {self.cure.line}"])
        if not self.at_minimum and self.cures_tried:
            return f"{text}\nNone of {self.cures_tried} changes that were run got nearer to it."
        return text

    def _why(self) -> Iterator[str]:
        if self.at_minimum or not math.isfinite(self.loss):
            return
        if self.steepest_weight is not None and math.isfinite(self.steepest_slope):
            slope = number(self.steepest_slope, 4)
            yield f"The gradient there is not zero: {slope} for {self.steepest_weight}."
        if self.condition is not None and self.correlated is not None and self.condition > 100:
            scale = self.condition / self.correlated
            yield (
                f"The curvature is {times(self.condition)} as large along one direction of the "
                f"weights as along another: {times(scale)} by the columns' scales, "
                f"{times(self.correlated)} by their correlation."
            )


@gated
def judge_estimator(
    estimator: Any, X: Any, y: Any, *, sample_weight: Any = None, cures: bool = True
) -> JudgedEstimator:
    """Is a fitted estimator at its minimum, what did its stopping mean, and what helps?

    Args:
        estimator: A fitted SGDRegressor, SGDClassifier, LogisticRegression, MLPRegressor or
            MLPClassifier, or a Pipeline that ends in one.
        X: The rows (n, columns) that it was fitted on, as they were given to it.
        y: Their targets (n,), or (n, outputs) for a network.
        sample_weight: (n,) where the fit had one.
        cures: Whether to run what may help: each is another fit.

    Raises UsageError for another kind of estimator, InputError for rows that do not fit it.
    """
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    last = steps[-1][1]
    if not isinstance(last, _KNOWN):
        raise UsageError(
            "This estimator's loss is not known here.",
            given=escaped(type(last).__name__),
            instead=f"Known are {_NAMES}, each alone or at the end of a Pipeline.",
        )
    try:
        check_is_fitted(last)
    except ValueError:
        raise UsageError(
            f"This {type(last).__name__} is not fitted.", instead="Call its fit(X, y) before."
        ) from None
    rows = _rows(estimator[:-1].transform(X) if len(steps) > 1 else X)
    found = _loss_of(last, rows, y, sample_weight)
    lowest = found.lowest()
    loss, least = found.shown(found.fitted), found.shown(lowest)
    objective, lowest_objective = found.total(found.fitted), found.total(lowest)
    there = bool(objective <= lowest_objective + _THERE * abs(lowest_objective))
    tried = 0
    cure = None
    if cures and not there:
        for changed in _changes(estimator, y):
            tried += 1
            ended = _loss_after(changed, X, y, sample_weight)
            left = (ended - least) / (loss - least) if math.isfinite(loss) else 0.0
            if ended < math.inf and left < _WORTH and (cure is None or ended < cure.loss):
                cure = Cure(_line(changed), _imports(changed), ended)
            if cure is not None and cure.loss <= least * (1 + _THERE):
                break
    slope = found.gradient()
    most = int(np.argmax(np.abs(slope)))
    conditions = found.conditions(lowest) or (None, None)
    return JudgedEstimator(
        estimator=type(last).__name__,
        measure=found.what,
        rows=len(rows),
        weights=len(found.fitted),
        loss=loss,
        lowest=least,
        at_zero=found.shown(found.of_zero()),
        objective=objective,
        lowest_objective=lowest_objective,
        at_minimum=there,
        convex=found.convex,
        # At a corner a partial derivative says nothing of a minimum.
        steepest_weight=None if found.corners or not found.names else found.names[most],
        steepest_slope=float(slope[most]),
        condition=conditions[0],
        correlated=conditions[1],
        stopping=_stopping(last),
        cure=cure,
        cures_tried=tried,
    )


def _rows(X: Any) -> Matrix:
    try:
        size = math.prod(X.shape) if hasattr(X, "shape") else 0
        if hasattr(X, "toarray"):
            if size > _LARGEST:
                raise UsageError(
                    "This sparse table is too large to be written out.",
                    given=f"{count(size)} numbers",
                    instead="Give a part of its rows.",
                )
            X = X.toarray()
        return np.asarray(check_array(X, dtype=np.float64))
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError(
            "X is not a table of finite numbers.", given=escaped(str(error).split("\n")[0], 120)
        ) from None


def _targets(last: Any, y: Any) -> Any:
    """(n,) or (n, outputs): numbers, or those of its classes."""
    classes = list(getattr(last, "classes_", ()))
    try:
        found = np.asarray(y) if classes else np.asarray(y, dtype=np.float64)
        wrong = found.ndim == 0 or not (
            np.all(np.isin(found, classes)) if classes else np.all(np.isfinite(found))
        )
    except (ValueError, TypeError, OverflowError, RuntimeError):
        wrong = True
    if wrong:
        of = f"those of its {count(len(classes))} classes" if classes else "finite numbers"
        raise InputError(f"y is not a list of {of}.")
    return found


def _weights(sample_weight: Any, rows: int) -> Vector:
    try:
        found = np.ones(rows) if sample_weight is None else np.asarray(sample_weight, np.float64)
        right = found.shape == (rows,) and bool(np.all(found >= 0)) and 0 < found.sum() < math.inf
    except (ValueError, TypeError, OverflowError, RuntimeError):
        right = False
    if not right:
        raise InputError("sample_weight is one number of 0 or more for each row.")
    return found


def _loss_of(last: Any, rows: Matrix, y: Any, sample_weight: Any) -> EstimatorLoss:
    target = _targets(last, y)
    if len(target) != len(rows) or rows.shape[1] != last.n_features_in_:
        raise InputError(
            "X and y are not those of this fit.",
            given=f"X {rows.shape}, y {target.shape}; it was fitted on "
            f"{count(last.n_features_in_, 'column')}",
        )
    weight = _weights(sample_weight, len(rows))
    if isinstance(last, MLPRegressor | MLPClassifier):
        if sample_weight is not None:
            raise UsageError("sample_weight is not known for networks here.")
        return _network(last, rows, target)
    return _linear(last, rows, target, weight)


def _linear(last: Any, rows: Matrix, target: Vector, weight: Vector) -> EstimatorLoss:
    names = tuple(
        f"column {escaped(str(name))}"
        for name in getattr(last, "feature_names_in_", range(rows.shape[1]))
    )
    coefficients = np.atleast_2d(last.coef_)
    if not isinstance(last, SGDRegressor):
        if len(coefficients) > 1:
            raise UsageError(
                "Of classifiers that are linear, those of two classes are known here.",
                given=f"{len(last.classes_)} classes",
                instead="Judge one class against the others: fit on y == class.",
            )
        weight = weight * _of_classes(last, target)
        target = np.where(target == last.classes_[1], 1.0, -1.0)
    if isinstance(last, LogisticRegression):
        penalized = math.isfinite(last.C) and getattr(last, "penalty", "") is not None
        ratio = getattr(last, "l1_ratio", None) or 0.0
        if getattr(last, "penalty", None) == "l1":
            ratio = 1.0
        strength = 1.0 / (last.C * float(weight.sum())) if penalized else 0.0
        loss, epsilon = "log_loss", 0.0
    else:
        loss, epsilon = last.loss, last.epsilon
        if loss == "perceptron":
            raise UsageError(
                "The perceptron's loss is lowest, 0, where all weights are 0: nothing to judge.",
                instead='Fit with loss="hinge" or loss="log_loss".',
            )
        strength = last.alpha if last.penalty is not None else 0.0
        ratio = {"l1": 1.0, "elasticnet": last.l1_ratio}.get(last.penalty, 0.0)
    return linear_loss(
        rows,
        np.asarray(target, dtype=np.float64),
        weight,
        np.asarray(coefficients[0], dtype=np.float64),
        float(np.ravel(last.intercept_)[0]) if last.fit_intercept else None,
        loss=loss,
        epsilon=epsilon,
        squares=strength * (1 - ratio),
        sizes=strength * ratio,
        names=names,
    )


def _of_classes(last: Any, target: Vector) -> Vector:
    if last.class_weight is None:
        return np.ones(len(target))
    each = compute_class_weight(last.class_weight, classes=last.classes_, y=target)
    return np.asarray(each[np.searchsorted(last.classes_, target)])


def _network(last: Any, rows: Matrix, target: Any) -> EstimatorLoss:
    if last.loss not in ("squared_error", "log_loss", "binary_log_loss"):
        raise UsageError(
            "Of this network's loss nothing is known here.", given=escaped(str(last.loss))
        )
    if isinstance(last, MLPClassifier):
        target = last._label_binarizer.transform(target)
    else:
        target = np.asarray(target, dtype=np.float64).reshape(len(rows), -1)
    layers = [
        (np.asarray(matrix, dtype=np.float64), np.asarray(bias, dtype=np.float64))
        for matrix, bias in zip(last.coefs_, last.intercepts_, strict=True)
    ]
    loss = last.loss
    if last.out_activation_ == "logistic":
        loss = "binary_log_loss"
    return network_loss(
        rows,
        target,
        layers,
        loss=loss,
        activation=last.activation,
        out=last.out_activation_,
        squares=last.alpha,
    )


def _stopping(last: Any) -> str:
    """What the end of its fit meant, by its own attributes."""
    epochs = int(np.max(last.n_iter_))
    if isinstance(last, LogisticRegression) or getattr(last, "solver", "") == "lbfgs":
        rounds = count(epochs, "iteration")
        if epochs >= last.max_iter:
            return f"It stopped because max_iter={last.max_iter} was over."
        return f"It stopped after {rounds}, when its solver found next to nothing left to gain."
    if epochs >= last.max_iter:
        return (
            f"It stopped because max_iter={last.max_iter} epochs were over, and not because it had "
            "arrived."
        )
    if last.early_stopping:
        return (
            f"It stopped after {count(epochs, 'epoch')} because the score of the "
            f"{percent(last.validation_fraction)} of the rows that it had set aside did not rise "
            f"by more than tol={number(last.tol or 0.0)} for {last.n_iter_no_change} epochs."
        )
    return (
        f"It stopped after {count(epochs, 'epoch')} because its loss, summed up on the way, did "
        f"not fall by more than tol={number(last.tol or 0.0)} for {last.n_iter_no_change} epochs "
        "in a row. That says how little the steps still gain, and not that nothing is left to gain."
    )


def _changes(estimator: Any, y: Any) -> Iterator[Any]:
    """Estimators to try, each with all that the ones before changed, unfitted."""
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    *before, last = (clone(step) for _, step in steps)
    if getattr(last, "random_state", 0) is None:
        last.set_params(random_state=0)  # So that the line gives again what is said of it.
    if not any(isinstance(step, StandardScaler) for step in before):
        before = [*before, StandardScaler()]
        yield _put(before, last)
    if isinstance(last, SGDRegressor | MLPRegressor):
        deviation = float(np.max(np.std(np.asarray(y, dtype=np.float64), axis=0)))
        if not 1 / _APART < deviation < _APART:
            yield _put(before, last, scaled=True)
    patient = {"max_iter": 10 * last.max_iter, "tol": (last.tol or 0.0) / 100}
    if isinstance(last, SGDRegressor | SGDClassifier):
        eta0 = max(last.eta0, _USUAL_RATE)
        if last.eta0 < eta0:
            last.set_params(eta0=eta0)
            yield _put(before, last)
        yield _put(before, clone(last).set_params(**patient))
        falling = {"learning_rate": "adaptive", "eta0": eta0 / 10, "max_iter": 10 * last.max_iter}
        yield _put(before, clone(last).set_params(**falling))
        yield _put(before, clone(last).set_params(**{**falling, "eta0": eta0, **patient}))
        return
    yield _put(before, clone(last).set_params(**patient))
    if isinstance(last, MLPRegressor | MLPClassifier):
        yield _put(before, clone(last).set_params(solver="lbfgs", **patient))


def _put(before: list[Any], last: Any, *, scaled: bool = False) -> Any:
    if scaled:
        last = TransformedTargetRegressor(clone(last), transformer=StandardScaler())
    return make_pipeline(*(clone(step) for step in before), clone(last))


def _loss_after(changed: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """The mean loss of the rows after a fit; infinite where it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What they warn of is what is measured here.
        given = {}
        if sample_weight is not None:
            given[f"{changed.steps[-1][0]}__sample_weight"] = sample_weight
        try:
            changed.fit(X, y, **given)
        except ValueError:
            return math.inf
    last, rows = changed.steps[-1][1], _rows(changed[:-1].transform(X))
    if not isinstance(last, TransformedTargetRegressor):
        found = _loss_of(last, rows, y, sample_weight)
        return _finite(found.shown(found.fitted))
    # The same loss as the regressor's, of the targets as they are.
    target = np.asarray(y, dtype=np.float64)
    off = np.asarray(last.predict(rows), dtype=np.float64).reshape(target.shape) - target
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return _finite(float(np.average(off**2, axis=0, weights=weight).mean()))


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _line(changed: Any) -> str:
    steps = ", ".join(" ".join(repr(step).split()) for _, step in changed.steps)
    return f"make_pipeline({steps})"


def _imports(changed: Any) -> str:
    """Of what the line names, those of scikit-learn."""
    kinds = [type(step) for _, step in changed.steps]
    if isinstance(changed.steps[-1][1], TransformedTargetRegressor):
        kinds += [type(changed.steps[-1][1].regressor), StandardScaler]
    named = {kind.__name__: kind.__module__ for kind in [*kinds, make_pipeline]}
    lines = []
    for name, module in sorted(named.items(), key=lambda item: item[1]):
        public = ".".join(part for part in module.split(".") if not part.startswith("_"))
        lines.append(f"from {public} import {name}")
    return "\n  ".join(lines)
