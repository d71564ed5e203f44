"""The Python door: whatever is given to whatever is public, the answer is ours, in one sentence."""

import datetime
import inspect
import os
import random
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optax
import pytest

import steepest
from steepest.methods.option import options_of
from steepest.methods.options import FitOptions, TrainOptions
from steepest.store.store import Store
from steepest.words.errors import FormulaError, SteepestError

AT_ONCE = int(os.environ.get("STEEPEST_DOOR", "6"))
"""Wrong arguments for each parameter of what computes; 45 are all. What only reads gets all."""

WRITTEN = Path(__file__).parent / "store" / "version-0.1" / "runs.db"
LOG = Path(__file__).parent.parent / "examples" / "speed-log.csv"

pytestmark = [
    pytest.mark.filterwarnings("ignore::steepest.StoreWarning"),
    pytest.mark.filterwarnings("ignore::steepest.DataWarning"),
]


class Mute:
    """Cannot even be shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Empty:
    shape: ClassVar[tuple[int, ...]] = (3,)


# By a name that a test can be asked for.
WRONG: dict[str, Callable[[], Any]] = {
    "true": lambda: True,
    "minus": lambda: -1,
    "zero": lambda: 0,
    "seven": lambda: 7,
    "64 bits": lambda: 2**64,
    "long": lambda: 10**400,
    "longest": lambda: 10**5000,
    "half": lambda: 0.5,
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "minus infinity": lambda: float("-inf"),
    "tiny": lambda: 5e-324,
    "largest": lambda: 1.7e308,
    "complex": lambda: 1j,
    "decimal": lambda: Decimal("0.1"),
    "fraction": lambda: Fraction(10**400, 3),
    "empty text": lambda: "",
    "blank": lambda: " ",
    "word": lambda: "zzz",
    "long text": lambda: "x" * 10_000,
    "character 0": lambda: "a\0b",
    "surrogate": lambda: "\ud800",
    "lines": lambda: "a\nb\x1b[31m",
    "nobody's home": lambda: "~nouser/x",
    "long name": lambda: "n" * 300,
    "nowhere": lambda: "/nowhere/at/all",
    "bytes": lambda: b"abc",
    "path": lambda: Path("no-such-file"),
    "empty list": list,
    "list": lambda: [1, "a", None],
    "nested": lambda: [[[1]], {}],
    "empty dict": dict,
    "dict": lambda: {"a": "b", 1: 2},
    "set": lambda: {1, 2},
    "tuple": lambda: (1, 2),
    "triple": lambda: ("a", 2, None),
    "generator": lambda: (i for i in range(3)),
    "object": object,
    "mute": Mute,
    "shaped": Empty,
    "class": lambda: dict,
    "module": lambda: os,
    "numbers": lambda: np.arange(3.0),
    "objects": lambda: np.array([None, "a"], dtype=object),
    "day": lambda: datetime.date(2020, 1, 1),
}
assert len(WRONG) == 45


def is_ours(error: SteepestError) -> None:
    """One message that a person can read: a sentence, nothing that steers a terminal."""
    text = error.message.split("\n")[0] if isinstance(error, FormulaError) else error.message
    assert text.strip()
    assert len(text) < 1200, text
    assert re.search(r"[.?]", text), text
    assert not re.search(r"object at 0x|Traceback|NoneType|__", text), text
    if not isinstance(error, FormulaError):
        assert "\x1b" not in text, text


def tried(call: Callable[..., Any], given: dict[str, Any], what: str) -> bool:
    """Call it; whether it was refused. Anything but one of our errors fails the test."""
    try:
        call(**given)
    except SteepestError as error:
        try:
            is_ours(error)
        except AssertionError as why:
            raise AssertionError(f"{what}: {why}") from error
        return True
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {str(error)[:200]}") from error
    return False


def parameters(call: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in inspect.signature(call).parameters.values() if p.kind not in kinds]


def sweep_of(call: Callable[..., Any], base: dict[str, Any], name: str, some: list[str]) -> int:
    """Each of these wrong values in each parameter's place; all failures in one message."""
    failures, refused = [], 0
    for parameter in parameters(call):
        for word in some:
            try:
                given = {**base, parameter: WRONG[word]()}
                refused += tried(call, given, f"{name}({parameter}={word})")
            except AssertionError as error:
                failures.append(str(error))
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures)
    return refused


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(shutil.copyfile(WRITTEN, tmp_path_factory.mktemp("kept") / "runs.db"))


ROWS = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.5, 7.0]}
FIT: dict[str, Any] = {
    "data": ROWS,
    "formula": "y ~ a*x + b",
    "lr": 0.05,
    "steps": 3,
    "remedies": False,
    "time_limit": 1.0,
}
TRAIN: dict[str, Any] = {
    "data": {"x": [0.0, 1.0, 2.0, 3.0] * 3, "y": [1.0, 3.0, 5.5, 7.0] * 3},
    "network": "1-2-tanh-1",
    "loss": "mse",
    "target": "y",
    "steps": 2,
    "lr": 0.05,
    "remedies": False,
    "time_limit": 1.0,
}


def chosen(name: str, parameter: str) -> list[str]:
    """AT_ONCE of the wrong values, others for each parameter but the same every time."""
    # A class can be called: what it raises then is its own.
    words = sorted(set(WRONG) - ({"class"} if parameter == "progress" else set()))
    return random.Random(f"{name} {parameter}").sample(words, min(AT_ONCE, len(words)))


# What a method is called with when one of its parameters is tried.
METHODS: dict[str, dict[str, Any]] = {
    "at": {"step": 1},
    "replay": {"first": 0, "last": 1},
    "explain": {"weight": "a"},
    "slice": {"weight": "a", "points": 3},
    "landscape": {"first": "a", "second": "b", "points": 3},
    "figure": {"kind": "loss"},
    "report": {"path": "page.html", "force": True},
    "predict": {"data": {"x": [1.0]}},
    "probabilities": {"data": {"x": [1.0]}},
    "bands": {"data": None},
    "save": {"store": "saved.db"},
    "savefig": {"path": "figure.svg"},
    "export": {"to": "tensorboard", "output": "events", "force": True},
}


def methods_of(instance: Any) -> list[str]:
    return [
        name
        for name, found in inspect.getmembers(type(instance), inspect.isfunction)
        if not name.startswith("_")
    ]


KINDS = ("fit", "minimize", "train", "watch", "sweep", "network sweep", "figure", "board", "remedy")


def one_of(kind: str, kept: Store) -> Any:
    named = {"fit": "tutorial", "minimize": "two weights", "train": "network", "watch": "loop"}
    if kind in named:
        (found,) = (one for one in kept.summaries() if one.name == named[kind])
        return steepest.load(found.id, kept)
    if kind == "sweep":
        return steepest.sweep(ROWS, "y ~ a*x + b", [0.01, 0.05], steps=10)
    if kind == "network sweep":
        rest = {name: TRAIN[name] for name in ("data", "network", "loss", "target", "steps")}
        return steepest.sweep_network(**rest, lr=(0.01, 0.1, 2))
    run = one_of("fit", kept)
    return run.figures() if kind == "board" else run.figure("loss")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "remedy"])
def test_every_method_answers_every_wrong_argument(kind: str, kept: Store) -> None:
    instance = one_of(kind, kept)
    for name in methods_of(instance):
        method = getattr(instance, name)
        base = {
            key: value for key, value in METHODS.get(name, {}).items() if key in parameters(method)
        }
        if kind == "watch" and name == "figure":
            base = {"kind": "training"}
        # Each goes through the whole export where it is not refused.
        some = chosen(kind, name) if name == "export" else list(WRONG)
        sweep_of(method, base, f"{kind}.{name}", some)


@pytest.mark.parametrize("name", ["load", "runs", "explain", "judge"])
def test_every_function_that_reads_answers_every_wrong_argument(name: str, kept: Store) -> None:
    more: dict[str, dict[str, Any]] = {
        "load": {"run": "x", "store": kept},
        "explain": {"loss": None},
        "judge": {"log": LOG, "save": False},
    }
    base = more.get(name, {})
    assert sweep_of(getattr(steepest, name), base, name, list(WRONG)) > 20


JOBS: dict[str, dict[str, Any]] = {
    "fit": FIT,
    "minimize": {"expression": "x**2", "start": {"x": 1.0}, "steps": 3, "remedies": False},
    "sweep": {"data": ROWS, "formula": "y ~ a*x + b", "lr": [0.01, 0.05], "steps": 10},
    "train": TRAIN,
    "sweep_network": {**{k: TRAIN[k] for k in ("data", "network", "loss", "target", "steps")}},
}


@pytest.mark.parametrize("name", JOBS)
def test_every_job_answers_wrong_arguments(name: str) -> None:
    job = getattr(steepest, name)
    refused = failures = 0
    told = []
    for parameter in parameters(job):
        for word in chosen(name, parameter):
            try:
                given = {**JOBS[name], parameter: WRONG[word]()}
                refused += tried(job, given, f"{name}({parameter}={word})")
            except AssertionError as error:
                failures += 1
                told.append(str(error))
    assert not failures, f"{failures}:\n" + "\n".join(told)
    assert refused > AT_ONCE


def test_a_watch_of_optax_answers_wrong_arguments() -> None:
    base: dict[str, Any] = {"optimizer": optax.sgd(0.1)}
    assert sweep_of(steepest.watch_optax, base, "watch_optax", list(WRONG)) > 40
    watched = steepest.watch_optax(**base)
    state = watched.init({"w": np.zeros(2)})
    sweep_of(watched.run, {"state": state, "save": False}, "run", list(WRONG))
    assert sweep_of(watched.verdict, {}, "verdict", list(WRONG)) == len(WRONG)


def test_a_watch_answers_wrong_arguments() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(1, 1)
    base = {
        "model_or_parameters": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "store": False,
    }

    def watch(**given: Any) -> None:
        steepest.watch(**given).close()

    watch.__signature__ = inspect.signature(steepest.watch)  # type: ignore[attr-defined]
    assert sweep_of(watch, base, "watch", list(WRONG)) > 100
    with steepest.watch(**base) as seen:
        for name in ("loss", "step", "validation", "probe"):
            sweep_of(getattr(seen, name), {}, f"Watch.{name}", list(WRONG))


def test_an_estimator_answers_wrong_arguments() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 4.0])
    base = {"estimator": linear_model.SGDRegressor(max_iter=9, tol=None).fit(x, y), "X": x, "y": y}
    base["cures"] = False
    assert sweep_of(steepest.judge_estimator, base, "judge_estimator", list(WRONG)) > 100


def test_all_that_is_public_goes_through_the_gate() -> None:
    """A function or method that is added, is tried above or is named here."""
    functions = {
        name for name in steepest.__all__ if inspect.isfunction(getattr(steepest, name, None))
    }
    tried_above = {
        "load",
        "runs",
        "explain",
        "judge",
        "judge_estimator",
        *JOBS,
        "watch",
        "watch_optax",
    }
    assert functions == tried_above
    for name in functions:
        assert hasattr(getattr(steepest, name), "__wrapped__"), name
    for one in (steepest.Run, steepest.NetworkRun, steepest.Sweep, steepest.NetworkSweep):
        for name, method in inspect.getmembers(one, inspect.isfunction):
            if not name.startswith("_"):
                assert hasattr(method, "__wrapped__"), f"{one.__name__}.{name}"


def test_options_are_all_tried() -> None:
    """What fit and train take as options stands in their signatures, and so is tried above."""
    assert set(options_of(FitOptions)) <= set(parameters(steepest.fit))
    assert set(options_of(TrainOptions)) - {"network"} <= set(parameters(steepest.train))
