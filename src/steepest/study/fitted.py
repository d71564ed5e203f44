"""Whether the fit itself can be trusted: rows that decide it, and what the model does not follow.

Closed forms at the minimum suggest; a refit is run only where they do, and what it wins is
measured on rows held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.formula.nodes import Column, names_of
from steepest.formula.render import to_text
from steepest.measure.deadline import Deadline
from steepest.measure.refits import (
    PARTS,
    HeldOut,
    OutOfTimeError,
    Variant,
    held_out,
    lowest_refitted,
    plain,
    predicted,
    refitted,
)
from steepest.measure.residuals import (
    Outlying,
    added,
    fresh_part,
    growing_spread,
    outlying,
    runs,
)
from steepest.measure.statistics import Tangent, cooks_distances, factorized, leverages_of
from steepest.problem.setup import Setup
from steepest.records.arrays import Mask, Matrix, Vector
from steepest.records.fitted import DecidingRows, Misfit, MovedWeight, OutlyingRow, Refit

SECONDS = 1.0
"""All refits together."""

_MOST_ROWS = 20_000
_MOST_WEIGHTS = 50
_MOST_COLUMNS = 30

_LEAST_ROWS = 8
"""With fewer, each row decides."""

RARE = 1e-3
"""The chance of a farthest row that is worth a refit."""

MOST_OUTLYING = 3
SHARE_OUTLYING = 0.1

DECIDES = 3.0
"""A row decides where a weight moves by so many standard errors without it."""

PATTERN = 1e-3
"""The chance of a pattern that is worth a refit."""

_CLEAR = 1e-4
"""The chance of a pattern that is told without a refit that follows it."""

POWERS = 2
"""So many more powers of a column are tried."""

WINS = 7.0
"""The log of how many times as likely another model must make the rows held out (1,100 times)."""

LESS = 0.9
"""The loss on held-out rows that another term leaves must be below this share."""

FEW_VALUES = 8
"""A column with fewer values has no order to speak of."""

_UNEVEN = 2.0
"""So many times the spread where predictions are large, at least."""

WORTH = 5.0
"""What a further weight must add to the logarithm of the likelihood."""

MOST_POWER = 6

NAMES = ("q", "r", "s", "u", "v", "k", "p", *(f"q{place}" for place in range(1, 50)))
"""What further weights are called."""


@dataclass(frozen=True)
class Doubts:
    """What speaks against the fit, each None where nothing does; `missing` says why not looked."""

    deciding: DecidingRows | None = None
    misfit: Misfit | None = None
    missing: str = ""


def doubts(setup: Setup, tangent: Tangent | str) -> Doubts:
    """Look at the residuals at the minimum, and prove what they suggest by refits."""
    why = _why_not(setup, tangent)
    if isinstance(tangent, str) or why:
        return Doubts(missing=why)
    look = _Look(setup, tangent, Deadline(SECONDS))
    try:
        # Squares of numbers beyond 1e154 are infinite, and nothing is said of what comes of them.
        with np.errstate(all="ignore"):
            return look.doubts()
    except OutOfTimeError:
        return Doubts(missing=f"The refits that prove it took more than {SECONDS:g} s.")
    except np.linalg.LinAlgError:
        return Doubts(missing="The numbers are too large or too small for a refit.")


def _why_not(setup: Setup, tangent: Tangent | str) -> str:
    if isinstance(tangent, str):
        return tangent
    if not len(tangent.residual):
        return "The rows were passed over, and none of them is at hand."
    if tangent.perfect:
        return "The residuals are zero to within rounding."
    if tangent.rows < _LEAST_ROWS or tangent.degrees < 3:
        return "There are too few rows beside the weights to see a pattern."
    if tangent.rows > _MOST_ROWS or len(tangent.weights) > _MOST_WEIGHTS:
        return f"This is looked at for up to {_MOST_ROWS:,} rows and {_MOST_WEIGHTS} weights."
    return ""


@dataclass(frozen=True)
class _Stand:
    """The fit to the rows that are kept, (n,) True, at `weights` (p,).

    `residual` (n,) and `basis` (n, r), what the weights can change, are times the root of each
    row's weight, and zero on rows that are not kept.
    """

    kept: Mask
    weights: Vector
    prediction: Vector
    basis: Matrix
    residual: Vector

    @property
    def leverage(self) -> Vector:
        """(n,), at most 1."""
        return np.asarray(np.minimum(np.sum(self.basis**2, axis=1), 1.0))


Suggested = tuple[Misfit, Variant, str]
"""What residuals show, the model that may follow it, and how it is typed."""


@dataclass(frozen=True)
class _Look:
    """A fit at its minimum, and until when refits may take."""

    setup: Setup
    tangent: Tangent
    ends: Deadline

    def doubts(self) -> Doubts:
        """Rows that lie off may feign a pattern, and a pattern rows that lie off: ask both."""
        every = np.ones(self.tangent.rows, dtype=bool)
        odd = self._outlying(self.tangent.factors.basis, self.tangent.residual)
        if not odd:
            stand = self._stand(every, self.tangent.weights)
            return Doubts(None, None if stand is None else self._misfit(stand)[0])
        kept = every.copy()
        kept[[row.place for row in odd]] = False
        weights = self._refitted(kept)
        stand = None if weights is None else self._stand(kept, weights)
        if stand is None:
            return Doubts(missing="A refit without the rows that lie off found no minimum.")
        misfit, best = self._misfit(stand)
        if misfit is not None:
            odd = self._still_outlying(odd, best, stand)
        deciding = self._deciding(odd) if odd else None
        if not odd:
            whole = self._stand(every, self.tangent.weights)
            misfit = None if whole is None else self._misfit(whole)[0]
        return Doubts(deciding, misfit)

    def _refitted(self, kept: Mask) -> Vector | None:
        rows = kept.astype(np.float64)
        model = plain(self.tangent.root_weight)
        return refitted(self.setup.objective, model, self.tangent.weights, self.ends, rows=rows)

    def _stand(self, kept: Mask, weights: Vector) -> _Stand | None:
        """The fit to first order at weights (p,), on the rows that are kept."""
        objective, tangent = self.setup.objective, self.tangent
        root = tangent.root_weight * kept
        prediction = objective.predictions(weights)
        design = (objective.jacobian(weights) * root[:, None])[:, tangent.free]
        residual = root * (prediction - tangent.target)
        if not (np.all(np.isfinite(design)) and np.all(np.isfinite(residual))):
            return None
        basis = factorized(design).basis
        return _Stand(kept, weights, prediction, basis, residual - basis @ (basis.T @ residual))

    # Rows that lie off

    def _outlying(self, basis: Matrix, residual: Vector) -> tuple[Outlying, ...]:
        most = max(1, min(MOST_OUTLYING, int(SHARE_OUTLYING * len(residual))))
        noise = 1e-15 * float(np.max(np.abs(self.tangent.root_weight * self.tangent.target)))
        return outlying(basis, residual, most, RARE, noise)

    def _still_outlying(
        self, odd: tuple[Outlying, ...], best: Variant | None, stand: _Stand
    ) -> tuple[Outlying, ...]:
        """Those that lie off the better model as well."""
        objective, aim = self.setup.objective, self.tangent.target
        if best is None:
            return ()
        weights = refitted(objective, best, stand.weights, self.ends)
        if weights is None:
            return ()
        said = predicted(objective, best, weights)
        slopes = objective.jacobian(weights[: len(objective.names)])
        root = best.root
        if best.logarithm:
            slopes, aim = slopes / objective.predictions(weights)[:, None], np.log(aim)
            root = np.ones(len(aim))
        elif best.sigma is None:
            root = self.tangent.root_weight
        design = np.concatenate([slopes, best.extra], axis=1) * root[:, None]
        if not np.all(np.isfinite(design)):
            return ()
        found = self._outlying(factorized(design).basis, root * (said - aim))
        places = {row.place for row in found}
        return tuple(row for row in odd if row.place in places)

    def _deciding(self, odd: tuple[Outlying, ...]) -> DecidingRows | None:
        tangent = self.tangent
        kept = np.ones(tangent.rows, dtype=bool)
        kept[[row.place for row in odd]] = False
        without = self._refitted(kept)
        stand = None if without is None else self._stand(kept, without)
        if without is None or stand is None:
            return None
        objective, free = self.setup.objective, tangent.free
        design = (objective.jacobian(without) * tangent.root_weight[:, None])[kept][:, free]
        factors = factorized(design)
        degrees = int(np.sum(kept)) - factors.rank
        scatter = float(np.sqrt(stand.residual @ stand.residual / degrees)) if degrees else 0.0
        errors = np.full(len(free), np.nan)
        errors[free] = scatter * factors.deviations(np.eye(int(np.sum(free))))
        robust = self._robust()
        moved = [
            MovedWeight(
                name,
                float(tangent.weights[place]),
                float(without[place]),
                float(errors[place]),
                None if robust is None else float(robust[place]),
            )
            for place, name in enumerate(tangent.names)
            if np.isfinite(errors[place]) and errors[place] > 0
        ]
        moved.sort(key=lambda weight: -weight.moved)
        if not moved or moved[0].moved < DECIDES:
            return None
        rows = tuple(self._row(row, stand) for row in odd)
        return DecidingRows(rows, tuple(moved), tangent.scatter or 0.0, scatter)

    def _row(self, row: Outlying, without: _Stand) -> OutlyingRow:
        tangent, place = self.tangent, row.place
        cooks = float(cooks_distances(tangent)[place])
        return OutlyingRow(
            row=int(self.setup.row_numbers[place]),
            target=float(tangent.target[place]),
            without=float(without.prediction[place]),
            leverage=float(leverages_of(tangent)[place]),
            cooks_distance=cooks if np.isfinite(cooks) else None,
            studentized=row.studentized,
            chance=row.chance,
        )

    def _robust(self) -> Vector | None:
        """The weights under the loss huber; with known deviations it is another loss."""
        if self.setup.problem.sigma is not None:
            return None
        tangent, objective = self.tangent, self.setup.objective
        model = plain(tangent.root_weight)
        return refitted(objective, model, tangent.weights, self.ends, robust=True)

    # What the model does not follow

    def _misfit(self, stand: _Stand) -> tuple[Misfit | None, Variant | None]:
        """What the residuals show, and the model that follows it."""
        pattern, spread = self._runs(stand), self._spread(stand)
        suggested = self._terms(stand)
        told = spread or pattern
        if told is not None:
            suggested += self._logarithm(told, stand)
        if spread is not None:
            suggested += self._sigmas(spread, stand)
        best = self._best(suggested, stand) if suggested else None
        tried = tuple(dict.fromkeys(text for _, _, text in suggested))
        if best is not None:
            found, variant, refit = best
            return replace(found, refit=refit, tried=tried), variant
        for told in (pattern, spread):
            if told is not None and told.chance < _CLEAR:
                return replace(told, tried=tried), None
        return None, None

    def _columns(self) -> dict[str, Vector]:
        used = names_of(Column, self.setup.formula.model)
        columns = self.setup.plain_columns
        return {name: columns[name] for name in list(used)[:_MOST_COLUMNS] if name in columns}

    def _terms(self, stand: _Stand) -> list[Suggested]:
        """An intercept, and further powers of each column, where the closed form says so."""
        columns, kept = self._columns(), stand.kept
        root = self.tangent.root_weight * kept
        tries = POWERS * len(columns) + 1
        found: list[Suggested] = []

        def suggest(along: str | None, extra: list[Vector], powers: list[int]) -> None:
            terms = np.stack(extra, axis=1)
            chance = added(stand.basis[kept], stand.residual[kept], (root[:, None] * terms)[kept])
            if chance is not None and chance * tries < PATTERN:
                misfit = Misfit("curved", along, chance * tries)
                found.append((misfit, Variant(root, terms), self._with_terms(along, powers)))

        suggest(None, [np.ones(len(kept))], [0])
        for name, column in columns.items():
            extra: list[Vector] = []
            powers: list[int] = []
            for power in range(1, MOST_POWER + 1):
                with np.errstate(over="ignore"):
                    term = column**power
                terms = np.stack([*extra, term], axis=1) * root[:, None]
                if len(extra) < POWERS and fresh_part(stand.basis, terms) is not None:
                    extra, powers = [*extra, term], [*powers, power]
                    suggest(name, extra, powers)
        return found

    def _with_terms(self, column: str | None, powers: list[int]) -> str:
        """The formula with more terms, each with a weight of a name that is not taken."""
        formula = self.setup.formula
        taken = {*formula.weights, *formula.columns}
        fresh = (name for name in NAMES if name not in taken)
        text = f"{self.setup.problem.target} ~ {formula.written}"
        for power, weight in zip(powers, fresh, strict=False):
            text += f" + {weight}"
            if column is not None:
                text += f"*{to_text(Column(column))}" + (f"**{power}" if power > 1 else "")
        return text

    def _runs(self, stand: _Stand) -> Misfit | None:
        """The column along which residuals come in the fewest runs."""
        at = np.flatnonzero(stand.kept)
        columns = self._columns()
        found: list[Misfit] = []
        for name, column in columns.items():
            if len(np.unique(column[at])) < max(FEW_VALUES, len(at) // 2):
                continue
            seen = runs(stand.residual[at], np.argsort(column[at], kind="stable"))
            if seen is not None and seen[2] * len(columns) < PATTERN:
                chance = seen[2] * len(columns)
                found.append(Misfit("runs", name, chance, runs=seen[0], expected_runs=seen[1]))
        return min(found, key=lambda each: each.chance, default=None)

    def _spread(self, stand: _Stand) -> Misfit | None:
        """Residuals whose spread grows with the prediction."""
        at = stand.kept
        seen = growing_spread(stand.residual[at], stand.leverage[at], stand.prediction[at])
        if seen is None or seen[0] >= PATTERN or seen[1][1] < _UNEVEN * seen[1][0]:
            return None
        return Misfit("spread", None, seen[0], spread=seen[1])

    def _logarithm(self, told: Misfit, stand: _Stand) -> list[Suggested]:
        """The logarithm of both sides, where both have one."""
        problem, target = self.setup.problem, self.tangent.target
        positive = np.all(target > 0) and np.all(stand.prediction > 0)
        if not positive or problem.sigma is not None or problem.target is None:
            return []
        text = f"log({problem.target}) ~ log({self.setup.formula.written})"
        root = stand.kept.astype(np.float64)
        return [(told, Variant(root, np.zeros((len(root), 0)), logarithm=True), text)]

    def _sigmas(self, told: Misfit, stand: _Stand) -> list[Suggested]:
        """Columns of the table that look like standard deviations of the rows."""
        if self.setup.problem.sigma is not None:
            return []
        formula, nothing = self.setup.problem.formula, np.zeros((self.tangent.rows, 0))
        return [
            (told, Variant(stand.kept / values, nothing, sigma=name), f"{formula} --sigma {name}")
            for name, values in self.setup.spreads.items()
        ]

    def _best(
        self, suggested: list[Suggested], stand: _Stand
    ) -> tuple[Misfit, Variant, Refit] | None:
        """The one that makes the rows held out most likely, if it is clearly better than this."""
        objective, model = self.setup.objective, plain(self.tangent.root_weight * stand.kept)
        own = held_out(objective, model, stand.weights, self.ends)
        if own is None:
            return None
        found: list[tuple[float, Misfit, Variant, Refit]] = []
        begins = [stand.weights]
        # One with more terms frees those with fewer from where the model alone was drawn to.
        for misfit, variant, text in sorted(suggested, key=lambda each: -each[1].terms):
            whole = lowest_refitted(objective, variant, begins, self.ends)
            if whole is None:
                continue
            begins.append(whole)
            other = held_out(objective, variant, whole, self.ends)
            if other is None:
                continue
            refit = self._compared(own, other, variant, text, stand.kept)
            less = refit.loss is None or refit.loss < LESS * refit.loss_before
            if refit.likelihood > WINS and less:
                # Each weight more must be worth itself, or a higher power would always be taken.
                worth = refit.likelihood - WORTH * variant.terms
                found.append((worth, misfit, variant, refit))
        return max(found, key=lambda each: each[0])[1:] if found else None

    def _compared(
        self, own: HeldOut, other: HeldOut, variant: Variant, text: str, kept: Mask
    ) -> Refit:
        target, weight = self.tangent.target[kept], self.tangent.root_weight[kept] ** 2

        def loss(said: HeldOut) -> float:
            return float(np.average((said.prediction[kept] - target) ** 2, weights=weight))

        def off(said: HeldOut) -> float | None:
            if np.any(target == 0):
                return None
            return float(np.median(np.abs((said.prediction[kept] - target) / target)))

        is_term = variant.terms > 0
        return Refit(
            change="log" if variant.logarithm else "term" if is_term else "sigma",
            formula=text if variant.sigma is None else self.setup.problem.formula,
            sigma=variant.sigma,
            parts=PARTS,
            likelihood=float(np.sum((other.density - own.density)[kept])),
            loss=loss(other) if is_term else None,
            loss_before=loss(own),
            off=off(other),
            off_before=off(own),
        )
