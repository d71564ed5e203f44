"""The optimizers: what each is called, does and stands, and what it is in optax and in PyTorch.

Each is one record; all that is said, offered, run or exported of an optimizer comes from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from steepest.methods.names import by_name, not_known
from steepest.words.errors import InputError, UsageError

BETA: Final = "β"
"""Stands among arguments where the momentum goes."""

DEFAULT_MOMENTUM: Final = 0.9


@dataclass(frozen=True)
class Call:
    """A function of a library, and its arguments besides what moves and the learning rate."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, momentum: Any) -> dict[str, Any]:
        """The arguments, with the momentum where it belongs."""
        return {name: _filled(value, momentum) for name, value in self.arguments.items()}

    def written(self, before: str, momentum: float | None) -> str:
        """The call as Python, with what stands `before` the further arguments.

        >>> Call("sgd", {"momentum": BETA}).written("lr", 0.9)
        'sgd(lr, momentum=0.9)'
        """
        given = [f"{name}={_python(value)}" for name, value in self.filled(momentum).items()]
        return f"{self.function}({', '.join([before, *given])})"


def _filled(value: Any, momentum: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_filled(part, momentum) for part in value)
    return momentum if value == BETA else value


def _python(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_python(part) for part in value)})"
    return repr(value).replace("e-0", "e-")


@dataclass(frozen=True)
class Factor:
    """(a + b·β)/(c + d·β): the stability limit times the largest eigenvalue."""

    over: tuple[float, float]
    under: tuple[float, float] = (1, 0)

    def at(self, momentum: float | None) -> float:
        """Its value."""
        beta = momentum or 0.0
        (a, b), (c, d) = self.over, self.under
        return (a + b * beta) / (c + d * beta)

    def __str__(self) -> str:
        under = _sum(self.under)
        return _sum(self.over) if under == "1" else f"{_sum(self.over)}/{under}"


def _sum(parts: tuple[float, float]) -> str:
    constant, share = parts
    if not share:
        return f"{constant:g}"
    if constant == share:
        return f"{constant:g}(1+β)"
    times = "" if abs(share) == 1 else f"{abs(share):g}"
    return f"({constant:g}{'+' if share > 0 else '-'}{times}β)"


@dataclass(frozen=True)
class Scaling:
    """The diagonal P by which an adaptive optimizer divides its steps, from what it remembers.

    P is the memory, its root where `root` says so, plus epsilon. A memory that is a mean begins
    at zero: it is divided by 1 - decay**steps.
    """

    memory: str
    """Its name in optax's state."""
    torchs: str
    """Its name in PyTorch's."""
    epsilon: float
    root: bool = True
    decay: float | None = None


@dataclass(frozen=True)
class Optimizer:
    """A way in which gradients become steps."""

    name: str
    title: str
    """What it is called in a sentence."""
    step: str
    """What it does in a step, for the docs: w the weights, g the gradient, η the learning rate."""
    note: str = ""
    synonyms: tuple[str, ...] = ()
    optax: Call | None = None
    """None for a solver of scipy's, which chooses the length of its steps by itself."""
    torch: Call | None = None
    factor: Factor | None = None
    source: str = ""
    """Where the factor comes from; why there is none, where there is none."""
    scaling: Scaling | None = None
    serves: frozenset[str] = frozenset()
    """Besides running: `remedy` where it is tried as one, `race` where it runs in the lab's."""

    @property
    def has_momentum(self) -> bool:
        """Whether a momentum goes into its steps."""
        return self.optax is not None and BETA in self.optax.arguments.values()

    @property
    def looks_ahead(self) -> bool:
        """Whether the gradient goes into the step twice, as Nesterov's."""
        return self.optax is not None and bool(self.optax.arguments.get("nesterov"))

    @property
    def is_linear(self) -> bool:
        """Whether a step is linear in the gradients, so that a quadratic has a closed form."""
        return self.optax is not None and self.scaling is None


B2: Final = 0.999
EPSILON: Final = 1e-8

GD: Final = Optimizer(
    name="gd",
    title="gradient descent",
    synonyms=("sgd", "gradient-descent"),
    step="w ← w - η·g",
    optax=Call("sgd"),
    torch=Call("SGD"),
    factor=Factor((2, 0)),
    source=r"\|1 - η·λ\| ≤ 1",
    serves=frozenset({"race"}),
)
MOMENTUM: Final = Optimizer(
    name="momentum",
    title="momentum",
    synonyms=("heavy-ball",),
    step="v ← β·v + g; w ← w - η·v",
    note="heavy ball",
    optax=Call("sgd", {"momentum": BETA}),
    torch=Call("SGD", {"momentum": BETA}),
    factor=Factor((2, 2)),
    source="the two-term recurrence of the heavy ball has a root at -1 there",
    serves=frozenset({"race", "remedy"}),
)
NESTEROV: Final = Optimizer(
    name="nesterov",
    title="Nesterov momentum",
    synonyms=("nag",),
    step="v ← β·v + g; w ← w - η·(g + β·v)",
    optax=Call("sgd", {"momentum": BETA, "nesterov": True}),
    torch=Call("SGD", {"momentum": BETA, "nesterov": True}),
    factor=Factor((2, 2), (1, 2)),
    source="the same, with the gradient applied twice as PyTorch does. With β = 0.9 it is "
    "*below* that of plain descent",
    serves=frozenset({"race", "remedy"}),
)
RMSPROP: Final = Optimizer(
    name="rmsprop",
    title="RMSprop",
    step="s ← 0.99·s + 0.01·g²; w ← w - η·g/(√s + 1e-8)",
    optax=Call("rmsprop", {"decay": 0.99, "eps": EPSILON, "eps_in_sqrt": False}),
    torch=Call("RMSprop", {"alpha": 0.99, "eps": EPSILON}),
    factor=Factor((2, 0)),
    source="plain descent in scaled weights",
    scaling=Scaling("nu", "square_avg", EPSILON),
    serves=frozenset({"race"}),
)
ADAGRAD: Final = Optimizer(
    name="adagrad",
    title="AdaGrad",
    step="s ← s + g²; w ← w - η·g/√s",
    note="1e-10 keeps the root from zero",
    # optax has epsilon inside the root, PyTorch outside.
    optax=Call("adagrad", {"initial_accumulator_value": 0.0, "eps": 1e-20}),
    torch=Call("Adagrad", {"eps": 1e-20}),
    source="its steps shrink for ever",
    scaling=Scaling("sum_of_squares", "sum", 1e-10),
)
ADAM: Final = Optimizer(
    name="adam",
    title="Adam",
    step="m ← β·m + (1-β)·g; s ← 0.999·s + 0.001·g²; w ← w - η·m̂/(√ŝ + 1e-8)",
    note="m̂ = m/(1-βᵗ), ŝ = s/(1-0.999ᵗ) at step t",
    optax=Call("adam", {"b1": BETA, "b2": B2, "eps": EPSILON}),
    torch=Call("Adam", {"betas": (BETA, B2), "eps": EPSILON}),
    factor=Factor((2, 2), (1, -1)),
    source="Cohen et al., [arXiv 2207.14484](https://arxiv.org/abs/2207.14484); 38/λ for β = 0.9",
    scaling=Scaling("nu", "exp_avg_sq", EPSILON, decay=B2),
    serves=frozenset({"race", "remedy"}),
)
ADAMW: Final = Optimizer(
    name="adamw",
    title="AdamW",
    step="as `adam`, and w ← w - η·0.01·w beforehand",
    note="weight decay 0.01",
    optax=Call("adamw", {"b1": BETA, "b2": B2, "eps": EPSILON, "weight_decay": 0.01}),
    torch=Call("AdamW", {"betas": (BETA, B2), "eps": EPSILON, "weight_decay": 0.01}),
    factor=Factor((2, 2), (1, -1)),
    source="as `adam`",
    scaling=Scaling("nu", "exp_avg_sq", EPSILON, decay=B2),
)
ADAMAX: Final = Optimizer(
    name="adamax",
    title="Adamax",
    step=r"m ← β·m + (1-β)·g; u ← max(0.999·u, \|g\| + 1e-8); w ← w - η·m̂/u",
    note="m̂ = m/(1-βᵗ) at step t",
    optax=Call("adamax", {"b1": BETA, "b2": B2, "eps": EPSILON}),
    torch=Call("Adamax", {"betas": (BETA, B2), "eps": EPSILON}),
    factor=Factor((2, 2), (1, -1)),
    source="as `adam`",
    scaling=Scaling("nu", "exp_inf", 0.0, root=False),
)
LBFGS: Final = Optimizer(
    name="lbfgs",
    title="L-BFGS",
    synonyms=("l-bfgs",),
    step="a solver, see [below](#solvers)",
    source="which learns the curvature as it goes",
    serves=frozenset({"remedy"}),
)
LM: Final = Optimizer(
    name="lm",
    title="Levenberg-Marquardt",
    synonyms=("levenberg-marquardt",),
    step="a solver, see [below](#solvers)",
    source="which solves for all weights at once",
    serves=frozenset({"remedy"}),
)

OPTIMIZER: Final[Mapping[str, Optimizer]] = by_name(
    (GD, MOMENTUM, NESTEROV, RMSPROP, ADAGRAD, ADAM, ADAMW, ADAMAX, LBFGS, LM)
)
"""Every one by its name."""

OPTIMIZERS: Final = tuple(name for name, one in OPTIMIZER.items() if one.optax is not None)
"""Those that descend with a learning rate."""

SOLVERS: Final = tuple(name for name, one in OPTIMIZER.items() if one.optax is None)
"""scipy's, which choose the length of their steps by themselves."""

ADAPTIVE: Final = tuple(name for name, one in OPTIMIZER.items() if one.scaling is not None)
"""Those that scale each weight by itself."""

REMEDIES: Final = tuple(name for name, one in OPTIMIZER.items() if "remedy" in one.serves)
"""Those that are tried as remedies, cheapest first."""

RACERS: Final = tuple(name for name, one in OPTIMIZER.items() if "race" in one.serves)

WITH_MOMENTUM: Final = tuple(name for name, one in OPTIMIZER.items() if one.has_momentum)


def optimizer_of(name: str) -> Optimizer:
    """The optimizer of that name. Raises UsageError."""
    if name not in OPTIMIZER:
        raise not_known("This optimizer is not known.", OPTIMIZER, name)
    return OPTIMIZER[name]


def momentum_of(optimizer: str, momentum: float | None) -> float | None:
    """The momentum in force: the given one, 0.9 where the optimizer has one, else None.

    Raises UsageError for an unknown optimizer and for a momentum that cannot be used.
    """
    if not optimizer_of(optimizer).has_momentum:
        if momentum is not None:
            raise UsageError(
                f"The optimizer {optimizer} has no momentum.",
                given=f"--momentum {momentum:g}",
                instead=f"Leave it out, or choose --optimizer {MOMENTUM.name}.",
            )
        return None
    if momentum is None:
        return DEFAULT_MOMENTUM
    if not 0 <= momentum < 1:
        raise UsageError(
            "Momentum must be at least 0 and below 1.",
            given=f"--momentum {momentum:g}",
            instead=f"{DEFAULT_MOMENTUM:g} is usual.",
        )
    return momentum


def check_rate(lr: float | None) -> None:
    """Raise InputError for a learning rate that cannot be used; None is one still to be chosen."""
    if lr is not None and not (math.isfinite(lr) and lr > 0):
        raise InputError(
            "The learning rate must be a positive finite number.",
            given=f"{lr:g}",
            instead="Write a number such as 0.01, or leave it out to have one chosen.",
        )


def stability_factor(optimizer: str, momentum: float | None) -> float | None:
    """The stability limit times the largest eigenvalue; None where there is no such number.

    For adaptive optimizers the eigenvalue is the preconditioned one.

    >>> stability_factor("momentum", 0.9)
    3.8
    """
    found = OPTIMIZER.get(optimizer)
    return None if found is None or found.factor is None else found.factor.at(momentum)
