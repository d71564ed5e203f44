"""Problems whose truth is known before anyone descends on them. NumPy alone; a seed gives the set.

Quadratics are built from a chosen spectrum in a random orthogonal basis, so that the number of
steps of every learning rate is known. Curves get residuals that are orthogonal to the Jacobian at
the chosen weights, which are then the minimum. Surfaces have minima and saddles in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ALLOWED = 0.01
"""Within 1 % of the minimum."""


@dataclass(frozen=True)
class Truth:
    """What must be said about a problem. `loss` and `gradient` take points (..., p)."""

    words: frozenset[str]
    present: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    minimum: float | None = None
    limit: float | None = None
    """At the end of the descent, where it is known."""
    steps: int | None = None
    """From the start to within 1 % of the minimum with the learning rate given; None: never."""
    counted: bool = True
    """False where rounding decides whether it ever arrives."""
    direction: Mapping[str, float] | None = None
    """Of the flat combination or of the way down from a saddle, as a unit vector."""


@dataclass(frozen=True)
class Problem:
    """One problem, how to descend on it, and what is true of it."""

    text: str
    start: Mapping[str, float]
    lr: float
    steps: int
    truth: Truth
    loss: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    goal: float
    data: Mapping[str, Array] | None = None
    fix: Mapping[str, float] = field(default_factory=dict)
    quadratic: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """For steepest.fit or steepest.minimize."""
        return {"start": self.start, "lr": self.lr, "steps": self.steps, "fix": self.fix}

    @property
    def point(self) -> Array:
        """The start, (p,)."""
        return np.array(list(self.start.values()))


def descend(
    loss: Callable[[Array], Array],
    gradient: Callable[[Array], Array],
    start: Array,
    rates: Array,
    goal: float,
    most: int,
) -> Array:
    """The loop w - lr * gradient, for learning rates (m,): steps to the goal; infinite: never."""
    at = np.tile(start, (len(rates), 1))
    arrived = np.full(len(rates), np.inf)
    with np.errstate(all="ignore"):
        for step in range(most + 1):
            now = loss(at)
            arrived = np.where(np.isinf(arrived) & (now <= goal), step, arrived)
            done = np.isfinite(arrived) | ~np.isfinite(now) | (np.abs(now) > 1e12)
            if np.all(done):
                break
            at = np.where(done[:, None], at, at - rates[:, None] * gradient(at))
    return arrived


# Quadratics: y ~ a*u + b*v + c*w with a chosen spectrum.

NAMES = ("a", "b", "c")
ROWS = 30


@dataclass(frozen=True)
class Spectral:
    """A least-squares problem from its eigenvalues, with how far from the minimum it starts."""

    values: Array
    basis: Array
    away: Array
    """Along each eigenvector."""
    floor: float
    data: Mapping[str, Array]
    start: Mapping[str, float]

    @property
    def limit(self) -> float:
        return 2.0 / float(np.max(self.values))

    def excess(self, lr: float | Array, steps: float | Array) -> Array:
        """Loss above the floor after so many steps, for rates and steps of the same shape."""
        with np.errstate(all="ignore"):
            factors = np.abs(1 - np.multiply.outer(lr, self.values)) ** (
                2.0 * np.asarray(steps)[..., None]
            )
        return np.asarray(np.sum(0.5 * self.values * self.away**2 * factors, axis=-1))

    def counted(self, rates: Array, allowed: float) -> Array:
        """First step within `allowed` of the floor, for rates below the limit; infinite: never."""
        low, high = np.full(len(rates), -1.0), np.full(len(rates), 1e13)
        never = self.excess(rates, high) > allowed
        while np.any(high - low > 1):
            middle = np.floor((low + high) / 2)
            there = self.excess(rates, middle) <= allowed
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        return np.where(never, np.inf, high)

    def steps(self, lr: float, allowed: float) -> int | None:
        """The same for one learning rate; None: never."""
        found = self.counted(np.array([lr]), allowed)[0] if lr < self.limit else np.inf
        return int(found) if np.isfinite(found) else None

    def best(self, allowed: float) -> tuple[float, int]:
        """The quickest single learning rate."""
        shares = np.concatenate([np.linspace(0.01, 0.9, 300), 1 - np.geomspace(0.1, 1e-7, 300)])
        steps = self.counted(shares * self.limit, allowed)
        place = int(np.argmin(steps))
        return float(shares[place]) * self.limit, int(steps[place])

    def loss(self, at: Array) -> Array:
        X, y = self._rows()
        residuals: Array = at @ X.T - y
        return np.asarray(np.mean(residuals**2, axis=-1))

    def gradient(self, at: Array) -> Array:
        X, y = self._rows()
        return np.asarray(2 * (at @ X.T - y) @ X / len(y))

    def _rows(self) -> tuple[Array, Array]:
        return np.stack([self.data[name] for name in "uvw"], axis=1), self.data["y"]


def spectral(draw: np.random.Generator, values: Array, away: Array | None = None) -> Spectral:
    """Columns u, v, w whose mean squared error has exactly these eigenvalues."""
    basis = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    frame = np.linalg.qr(draw.normal(size=(ROWS, 4)))[0]
    X = np.sqrt(ROWS / 2) * (frame[:, :3] * np.sqrt(values)) @ basis.T
    solution = draw.uniform(-3, 3, size=3)
    floor = float(draw.uniform(0.5, 2.0))
    y = X @ solution + np.sqrt(ROWS * floor) * frame[:, 3]
    if away is None:
        # Every mode starts with an excess of 5 to 50 minima, so each one matters.
        excess = floor * draw.uniform(5, 50, size=3)
        away = np.sqrt(2 * excess / values) * draw.choice([-1, 1], size=3)
    start = solution + basis @ away
    data = {"u": X[:, 0], "v": X[:, 1], "w": X[:, 2], "y": y}
    return Spectral(
        values, basis, away, floor, data, dict(zip(NAMES, map(float, start), strict=True))
    )


def values_of(draw: np.random.Generator, condition: float) -> Array:
    """Three eigenvalues, the largest between 0.1 and 10."""
    top = 10 ** draw.uniform(-1, 1)
    return np.array([top, top / condition ** draw.uniform(0.2, 0.8), top / condition])


def quadratic(made: Spectral, lr: float, steps: int, **truth: Any) -> Problem:
    """A Problem of it. `truth` says the words and codes; the numbers follow from the spectrum."""
    allowed = ALLOWED * made.floor
    said: dict[str, Any] = {
        key: value if key == "direction" else frozenset(value) for key, value in truth.items()
    }
    return Problem(
        "y ~ a*u + b*v + c*w", made.start, lr, steps,
        Truth(
            minimum=made.floor, limit=made.limit, steps=made.steps(lr, allowed), **said
        ),
        made.loss, made.gradient, made.floor + allowed, made.data, quadratic=True,
    )  # fmt: skip


CALM = {"SD101", "SD202", "SD203", "SD204", "SD406"}
"""Nothing of this may be said of a descent on a convex bowl that goes down."""


def too_small(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(1.5, 20)))
    best, fewest = made.best(ALLOWED * made.floor)
    lr = best / draw.uniform(40, 300)
    assert (made.steps(lr, ALLOWED * made.floor) or 0) > 15 * fewest
    return quadratic(made, lr, 20, words=["too small"], present={"SD102"},
                     absent=CALM | {"SD103", "SD206"})  # fmt: skip


def just_right(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(1.5, 20)))
    best, fewest = made.best(ALLOWED * made.floor)
    lr = best * draw.uniform(0.4, 0.9)
    assert (made.steps(lr, ALLOWED * made.floor) or 0) < 5 * fewest
    return quadratic(made, lr, max(1, fewest // 2), words=["just right"],
                     absent=CALM | {"SD102", "SD206"})  # fmt: skip


def diverges(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(1.5, 1000)))
    lr = made.limit * draw.uniform(1.2, 4)
    return quadratic(made, lr, 200, words=["too large"],
                     present={"SD101"}, absent={"SD102", "SD103", "SD206", "SD205"})  # fmt: skip


def bounces(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(2, 10)))
    allowed = ALLOWED * made.floor
    _, fewest = made.best(allowed)
    lr = made.limit * (1 - 10 ** draw.uniform(-5, -3.5))
    assert (made.steps(lr, allowed) or 0) > 20 * fewest
    return quadratic(made, lr, 200, words=["too large"],
                     present={"SD103"}, absent={"SD102", "SD205", "SD206", "SD202"})  # fmt: skip


def tenth_above_round(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, 2.0))
    best, fewest = made.best(ALLOWED * made.floor)
    assert 1.1 * best < 0.9 * made.limit
    return quadratic(made, 1.1 * best, max(1, fewest // 2),
                     words=["just right"], absent=CALM | {"SD102", "SD206"})  # fmt: skip


def tenth_above_narrow(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(300, 3000)))
    best, _ = made.best(ALLOWED * made.floor)
    assert 1.1 * best > 1.05 * made.limit
    return quadratic(made, 1.1 * best, 300,
                     words=["too large"], present={"SD101"},
                     absent={"SD102", "SD205", "SD206"})  # fmt: skip


def ill_conditioned(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, 10 ** draw.uniform(4, 6)))
    lr = made.limit * draw.uniform(0.3, 0.9)
    return quadratic(made, lr, 100, words=["just right"],
                     present={"SD201"}, absent=CALM | {"SD102", "SD206"})  # fmt: skip


def false_floor(draw: np.random.Generator) -> Problem:
    """The steep directions are done after 300 steps, and the flat one has hardly begun."""
    made = spectral(draw, np.array([1.0, 0.5, 1e-6]) * 10 ** draw.uniform(-1, 1))
    return quadratic(made, made.limit * draw.uniform(0.3, 0.6), 300,
                     words=["just right"], present={"SD201", "SD205"},
                     absent=CALM | {"SD102", "SD206"})  # fmt: skip


def flat(draw: np.random.Generator) -> Problem:
    """The column w is p*u + q*v, so p*a + q*b - c may be anything: (p, q, -1) is flat."""
    p, q = draw.uniform(0.5, 3, size=2) * draw.choice([-1, 1], size=2)
    frame = np.linalg.qr(draw.normal(size=(ROWS, 3)))[0] * np.sqrt(ROWS / 2)
    u, v = frame[:, 0] * draw.uniform(0.7, 1.5), frame[:, 1] * draw.uniform(0.7, 1.5)
    floor = float(draw.uniform(0.5, 2))
    X = np.stack([u, v, p * u + q * v], axis=1)
    y = X @ draw.uniform(-3, 3, size=3) + np.sqrt(2 * floor) * frame[:, 2]
    values, basis = np.linalg.eigh(2 * X.T @ X / ROWS)
    values = np.where(values < 1e-10, 0.0, values)
    start = draw.uniform(2, 6, size=3)
    solution = np.linalg.lstsq(X, y, rcond=None)[0]
    data = {"u": u, "v": v, "w": X[:, 2], "y": y}
    made = Spectral(values, basis, basis.T @ (start - solution), floor, data,
                    dict(zip(NAMES, map(float, start), strict=True)))  # fmt: skip
    best, fewest = made.best(ALLOWED * floor)
    way = np.array([p, q, -1.0]) / np.sqrt(p**2 + q**2 + 1)
    return quadratic(made, best * 0.8, fewest // 2, words=["just right"],
                     present={"SD202"}, absent={"SD101", "SD102", "SD203", "SD204"},
                     direction=dict(zip(NAMES, map(float, way), strict=True)))  # fmt: skip


def at_minimum(draw: np.random.Generator) -> Problem:
    made = spectral(draw, values_of(draw, draw.uniform(3, 30)))
    lr, fewest = made.best(ALLOWED * made.floor)
    # The goal is then the loss that it ended with, and there the word is the same.
    steps = fewest + max(1, fewest // 4)
    ended = float(made.excess(lr, steps))
    assert steps < 5 * made.best(ended)[1]
    return quadratic(made, lr, steps, words=["just right"], present={"SD206"},
                     absent=CALM | {"SD102", "SD205"})  # fmt: skip


def edge(draw: np.random.Generator) -> Problem:
    """Just below the limit, and with that nearly the quickest: to and fro, but it goes down."""
    values = np.array([1.0, 0.3, 1 / draw.uniform(2000, 4000)]) * 10 ** draw.uniform(-1, 1)
    made = spectral(draw, values)
    lr = made.limit * draw.uniform(0.993, 0.997)
    return quadratic(made, lr, 40, words=["just right"],
                     present={"SD103"}, absent=CALM | {"SD102", "SD206"})  # fmt: skip


# Curves: residuals orthogonal to the Jacobian make the chosen weights the minimum.


@dataclass(frozen=True)
class Curve:
    """A model with its Jacobian. `model` takes weights (..., p) to (..., n)."""

    text: str
    names: tuple[str, ...]
    x: Array
    model: Callable[[Array, Array], Array]
    jacobian: Callable[[Array, Array], Array]
    """(..., n, p)."""
    low: tuple[float, ...]
    high: tuple[float, ...]


def _decay(w: Array, x: Array) -> Array:
    return np.asarray(w[..., :1] * np.exp(-w[..., 1:] * x))


def _decay_jacobian(w: Array, x: Array) -> Array:
    fall = np.exp(-w[..., 1:] * x)
    return np.stack([fall, -w[..., :1] * x * fall], axis=-1)


def _rise(w: Array, x: Array) -> Array:
    return np.asarray(w[..., :1] / (1 + np.exp(-w[..., 1:2] * (x - w[..., 2:]))))


def _rise_jacobian(w: Array, x: Array) -> Array:
    k, r, m = w[..., :1], w[..., 1:2], w[..., 2:]
    s = 1 / (1 + np.exp(-r * (x - m)))
    return np.stack([s, k * s * (1 - s) * (x - m), -k * s * (1 - s) * r], axis=-1)


CURVES = (
    Curve("y ~ a*exp(-b*x)", ("a", "b"), np.linspace(0, 4, 24), _decay, _decay_jacobian,
          (1.0, 0.3), (3.0, 1.5)),
    Curve("y ~ k/(1 + exp(-r*(x - m)))", ("k", "r", "m"), np.linspace(-4, 4, 24), _rise,
          _rise_jacobian, (1.0, 0.8, -1.0), (3.0, 2.0, 1.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """Data for a curve whose minimum is `weights` with loss `floor`, and a start near it."""

    curve: Curve
    weights: Array
    floor: float
    start: Array
    y: Array

    def loss(self, at: Array) -> Array:
        residuals = self.curve.model(at, self.curve.x) - self.y
        return np.asarray(np.mean(residuals**2, axis=-1))

    def gradient(self, at: Array) -> Array:
        residuals = self.curve.model(at, self.curve.x) - self.y
        J = self.curve.jacobian(at, self.curve.x)
        return np.asarray(2 * np.einsum("...n,...np->...p", residuals, J) / len(self.y))

    @property
    def limit(self) -> float:
        """About: 2/λ of the Gauss-Newton matrix at the minimum. Residuals there are small."""
        J = self.curve.jacobian(self.weights, self.curve.x)
        return float(2 / np.linalg.eigvalsh(2 * J.T @ J / len(self.y))[-1])


def fitted(draw: np.random.Generator, curve: Curve) -> Fitted:
    weights = draw.uniform(curve.low, curve.high)
    J = curve.jacobian(weights, curve.x)
    noise = draw.normal(size=len(curve.x))
    noise = noise - J @ np.linalg.lstsq(J, noise, rcond=None)[0]
    noise = noise * draw.uniform(0.02, 0.05) / np.sqrt(np.mean(noise**2))
    start = weights + 0.25 * draw.choice([-1, 1], size=len(weights)) * np.maximum(
        np.abs(weights), 0.5
    )
    y = curve.model(weights, curve.x) - noise
    return Fitted(curve, weights, float(np.mean(noise**2)), start, y)


def curved(made: Fitted, lr: float, steps: int, counted: int | None, **truth: Any) -> Problem:
    said: dict[str, Any] = {key: frozenset(value) for key, value in truth.items()}
    return Problem(
        made.curve.text,
        dict(zip(made.curve.names, map(float, made.start), strict=True)), lr, steps,
        Truth(minimum=made.floor, steps=counted,
              # How long it goes on without arriving is not known by construction.
              counted=counted is not None, **said),
        made.loss, made.gradient, (1 + ALLOWED) * made.floor,
        {"x": made.curve.x, "y": made.y},
    )  # fmt: skip


def _quickest(made: Fitted) -> tuple[float, int, float]:
    """(learning rate, steps) of the quickest, and a learning rate from which on none arrives."""
    rates = made.limit * np.geomspace(0.05, 30, 100)
    goal = (1 + ALLOWED) * made.floor
    steps = descend(made.loss, made.gradient, made.start, rates, goal, 2000)
    assert np.any(np.isfinite(steps))
    place = int(np.argmin(steps))
    arrives = np.flatnonzero(np.isfinite(steps))
    return float(rates[place]), int(steps[place]), float(rates[arrives[-1]])


def _count(made: Fitted, lr: float, most: int) -> int | None:
    goal = (1 + ALLOWED) * made.floor
    steps = descend(made.loss, made.gradient, made.start, np.array([lr]), goal, most)
    return int(steps[0]) if np.isfinite(steps[0]) else None


def curve_too_small(draw: np.random.Generator, curve: Curve) -> Problem:
    made = fitted(draw, curve)
    best, fewest, _ = _quickest(made)
    lr = best / draw.uniform(30, 100)
    counted = _count(made, lr, 400 * fewest)
    assert counted is not None
    assert counted > 15 * fewest
    return curved(made, lr, 20, counted, words=["too small"], present={"SD102"},
                  absent=CALM | {"SD206"})  # fmt: skip


def curve_just_right(draw: np.random.Generator, curve: Curve) -> Problem:
    made = fitted(draw, curve)
    best, fewest, _ = _quickest(made)
    lr = best * draw.uniform(0.4, 0.7)
    counted = _count(made, lr, 400 * fewest)
    assert counted is not None
    assert counted < 5 * fewest
    return curved(made, lr, max(1, fewest // 2), counted, words=["just right"],
                  absent=CALM | {"SD102", "SD206"})  # fmt: skip


def curve_too_large(draw: np.random.Generator, curve: Curve) -> Problem:
    made = fitted(draw, curve)
    _, fewest, last = _quickest(made)
    lr = last * 2
    assert _count(made, lr, 20 * fewest) is None
    return curved(made, lr, max(500, 12 * fewest), None, words=["too large"],
                  one_of={"SD101", "SD103"}, absent={"SD102", "SD206"})  # fmt: skip


def curve_arrived(draw: np.random.Generator, curve: Curve) -> Problem:
    made = fitted(draw, curve)
    best, fewest, _ = _quickest(made)
    lr = best * draw.uniform(0.5, 0.7)
    counted = _count(made, lr, 100 * fewest)
    assert counted is not None
    return curved(made, lr, counted + 2, counted,
                  words=["just right"], present={"SD206"},
                  absent=CALM | {"SD102", "SD205"})  # fmt: skip


# Surfaces of two weights, their numbers held by --fix.


def product(draw: np.random.Generator, kind: str) -> Problem:
    """(p*x*y - q)**2 + s*(x - y)**2: minima at x = y = ±sqrt(q/p), a saddle at 0."""
    p, q, s = draw.uniform(0.7, 1.5), draw.uniform(1, 3), draw.uniform(0.3, 1)

    def loss(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        return np.asarray((p * x * y - q) ** 2 + s * (x - y) ** 2)

    def gradient(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        pull = 2 * p * (p * x * y - q)
        return np.stack([pull * y + 2 * s * (x - y), pull * x - 2 * s * (x - y)], axis=-1)

    # Along (1, 1) 4pq, along (1, -1) 4s, at both minima.
    limit = 2 / max(4 * p * q, 4 * s)
    low = np.sqrt(q / p)
    begin = low * np.array([draw.uniform(1.2, 1.5), draw.uniform(0.5, 0.8)])
    saddle = kind == "saddle"
    if saddle:
        # Along (1, -1) the curvature at the saddle is 2pq + 4s, so it is a stable way there.
        begin = np.array([1.0, -1.0]) * draw.uniform(0.3, 0.8)
    goal = 1e-6 * float(loss(begin))
    rates = limit * np.geomspace(0.05, 3, 100)
    steps = descend(loss, gradient, begin, rates, goal, 2000)
    best, fewest = float(rates[np.argmin(steps)]), np.min(steps)
    names = {"x": float(begin[0]), "y": float(begin[1])}
    lr, take, words, present, absent, one_of = {
        "too small": (best / 40, 20, {"too small"}, {"SD102"}, CALM | {"SD206"}, set()),
        "just right": (best * 0.6, 3, {"just right"}, set(), CALM | {"SD102", "SD206"}, set()),
        "too large": (limit * 6, 500, {"too large"}, set(), {"SD102", "SD206"},
                      {"SD101", "SD103"}),
        # Rounding leaves the antidiagonal after some hundred steps, and who then arrives is chance.
        "saddle": (0.5 / (2 * p * q + 4 * s), 25, {"not measured", "just right", "too small"},
                   {"SD203"}, {"SD101", "SD204", "SD206"}, set()),
    }[kind]  # fmt: skip
    own = descend(loss, gradient, begin, np.array([lr]), goal, 20_000 if not saddle else 200)
    counted = int(own[0]) if np.isfinite(own[0]) else None
    if kind == "too small":
        assert counted is not None
        assert counted > 15 * fewest
    if kind in ("too large", "saddle"):
        assert counted is None
    way = {"x": float(np.sqrt(0.5)), "y": float(np.sqrt(0.5))} if saddle else None
    return Problem(
        "(p*x*y - q)**2 + s*(x - y)**2", names, lr, take,
        Truth(frozenset(words), frozenset(present), frozenset(absent), frozenset(one_of),
              minimum=0.0, steps=counted, counted=not saddle, direction=way),
        loss, gradient, goal, fix={"p": p, "q": q, "s": s},
    )  # fmt: skip


def pass_(draw: np.random.Generator) -> Problem:
    """p*x**2 - q*y**2 + r*y**4 from y = 0: the gradient along y is 0 for ever."""
    p, q, r = draw.uniform(0.5, 2, size=3)

    def loss(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        return np.asarray(p * x**2 - q * y**2 + r * y**4)

    def gradient(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        return np.stack([2 * p * x, -2 * q * y + 4 * r * y**3], axis=-1)

    begin = {"x": float(draw.uniform(1, 3)), "y": 0.0}
    low = -(q**2) / (4 * r)
    return Problem(
        "p*x**2 - q*y**2 + r*y**4", begin, 0.3 / (2 * p), 60,
        Truth(frozenset({"not measured"}), frozenset({"SD203"}),
              frozenset({"SD101", "SD102", "SD204", "SD206"}), minimum=low,
              limit=1 / p, direction={"x": 0.0, "y": 1.0}),
        loss, gradient, low + ALLOWED * abs(low), fix={"p": p, "q": q, "r": r},
    )  # fmt: skip


def two_wells(draw: np.random.Generator) -> Problem:
    """p*x**4 - q*x**2 + r*x, started in the well that is not the lower one."""
    p, q, r = draw.uniform(0.5, 2), draw.uniform(2, 4), draw.uniform(0.3, 0.8)
    places = np.sort(np.roots([4 * p, 0, -2 * q, r]).real)
    low, here = float(places[0]), float(places[2])

    def loss(at: Array) -> Array:
        x = at[..., 0]
        return np.asarray(p * x**4 - q * x**2 + r * x)

    def gradient(at: Array) -> Array:
        return np.asarray(4 * p * at**3 - 2 * q * at + r)

    curvature = 12 * p * here**2 - 2 * q
    lowest = float(loss(np.array([low])))
    return Problem(
        "p*x**4 - q*x**2 + r*x", {"x": here * float(draw.uniform(1.1, 1.3))},
        0.2 / curvature, 300,
        # Some learning rate may jump into the lower well by luck, and then it has been run.
        Truth(frozenset({"not measured", "too small", "too large", "just right"}),
              frozenset({"SD204"}), frozenset({"SD203", "SD205", "SD206"}), minimum=lowest,
              limit=2 / curvature),
        loss, gradient, lowest + ALLOWED * abs(lowest), fix={"p": p, "q": q, "r": r},
    )  # fmt: skip


def valley(draw: np.random.Generator) -> Problem:
    """p*(y - x**2)**2 + (1 - x)**2, Rosenbrock's, with a floor of chosen steepness."""
    p = draw.uniform(300, 1000)

    def loss(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        return np.asarray(p * (y - x**2) ** 2 + (1 - x) ** 2)

    def gradient(at: Array) -> Array:
        x, y = at[..., 0], at[..., 1]
        off = 2 * p * (y - x**2)
        return np.stack([-2 * x * off - 2 * (1 - x), off], axis=-1)

    H = np.array([[8 * p + 2, -4 * p], [-4 * p, 2 * p]])
    limit = 2 / float(np.linalg.eigvalsh(H)[-1])
    begin = np.array([1.4, 2.0])
    goal = 1e-6 * float(loss(begin))
    lr = limit * draw.uniform(0.6, 0.8)
    own = descend(loss, gradient, begin, np.array([lr]), goal, 100_000)
    return Problem(
        "p*(y - x**2)**2 + (1 - x)**2",
        {"x": 1.4, "y": 2.0}, lr, 400,
        Truth(frozenset({"just right"}), frozenset({"SD201"}),
              frozenset({"SD101", "SD102", "SD202", "SD204", "SD206"}), minimum=0.0,
              steps=int(own[0])),
        loss, gradient, goal, fix={"p": p},
    )  # fmt: skip


Build = Callable[[np.random.Generator], Problem]

BUILDERS: tuple[tuple[str, int, Build], ...] = (
    ("too small", 5, too_small),
    ("just right", 5, just_right),
    ("too large, diverges", 4, diverges),
    ("too large, bounces", 4, bounces),
    ("a tenth above the best, round", 2, tenth_above_round),
    ("a tenth above the best, narrow", 2, tenth_above_narrow),
    ("ill-conditioned", 4, ill_conditioned),
    ("looks flat", 2, false_floor),
    ("flat direction", 4, flat),
    ("at the minimum", 4, at_minimum),
    ("edge of stability", 3, edge),
    *(
        (f"{name}, {shape}", 2, partial(build, curve=curve))
        for shape, curve in zip(("decay", "logistic"), CURVES, strict=True)
        for name, build in (
            ("too small", curve_too_small),
            ("just right", curve_just_right),
            ("too large", curve_too_large),
            ("at the minimum", curve_arrived),
        )
    ),
    *(
        (f"{kind}, product", count, partial(product, kind=kind))
        for kind, count in (("too small", 1), ("just right", 1), ("too large", 1), ("saddle", 2))
    ),
    ("saddle, pass", 3, pass_),
    ("local minimum", 4, two_wells),
    ("ill-conditioned, valley", 2, valley),
)


def names(most_of_each: int | None = None) -> list[str]:
    """Of a set's problems, which are not built for that."""
    return [
        f"{name} {index + 1}"
        for name, count, _ in BUILDERS
        for index in range(count if most_of_each is None else min(count, most_of_each))
    ]


@cache
def problem(seed: int, name: str) -> Problem:
    """A problem of a seed's set, each with a draw of its own."""
    told, number = name.rsplit(" ", 1)
    kind = next(kind for kind, (name, _, _) in enumerate(BUILDERS) if name == told)
    return BUILDERS[kind][2](np.random.default_rng([seed, kind, int(number) - 1]))
