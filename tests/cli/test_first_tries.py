"""What a newcomer types first: it works, or the message, followed, works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command


class _BegunError(Exception):
    """All that was typed has been understood: a descent would begin now."""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows to fit and to train on; nothing descends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    rows = [f"{t},{0.5 * t * t - 3 * t + 2}" for t in range(12)]
    Path("data.csv").write_text("\n".join(["time,speed", *rows]), "utf-8")
    homes = [f"{10 * i},{21 * i},{'ab'[i > 4]}" for i in range(9)]
    Path("homes.csv").write_text("\n".join(["Size (m2),price,kind", *homes]), "utf-8")
    flowers = [f"{i},{i % 3},{'ab'[i > 10]}" for i in range(20)]
    Path("flowers.csv").write_text("\n".join(["x1,x2,kind", *flowers]), "utf-8")
    Path("data.xlsx").write_bytes(b"PK")

    def begun(*_: Any, **__: Any) -> NoReturn:
        raise _BegunError

    monkeypatch.setattr("steepest.jobs.fit._run", begun)
    monkeypatch.setattr("steepest.jobs.train._trained", begun)


def typed(line: list[str]) -> tuple[bool, str]:
    """Whether it works, and what is said where it does not."""
    answer = CliRunner().invoke(command, line, prog_name="steepest")
    works = answer.exit_code == 0 or isinstance(answer.exception, _BegunError)
    assert works or isinstance(answer.exception, SystemExit), answer.exception
    return works, " ".join(answer.stderr.split())


# As they are called by whoever knows neither names nor types.
fit: Any = steepest.fit
minimize: Any = steepest.minimize
train: Any = steepest.train

MODEL = "speed ~ a*time**2 + b*time + c"
FIT = f"fit data.csv '{MODEL}' "

WORKS = [
    *(FIT + option for option in (
        "--optimizer sgd", "--optimizer SGD", "--optimizer gradient-descent", "--loss l1",
        "--loss mad", "--loss l2", "--loss MAE", "--loss mean_squared_error",
        "--learning-rate 1e-4", "--learning_rate 1e-4", "--alpha 1e-4", "--eta 1e-4", "-lr 1e-4",
        "--lr=1e-4", "--LR 1e-4", "--iterations 5", "--max-iter 5", "--max_iter 5", "--n-iter 5",
        "--steps 1e3", "--x0 a=1", "--p0 1,2,3", "--init b=2", "--start 'a=1, b=2'",
        "--start 1,2,3", "--batch_size 4", "--random-state 7",
    )),
    "minimize x**2 --start 3",
    "minimize x**2 --x0 3",
    "minimize -x",
    "minimize '-x**2 + x**4'",
    "train flowers.csv --target kind",
    "explain gradient",
    "explain l1",
    "explain learning rate",
]  # fmt: skip


@pytest.mark.parametrize("line", WORKS)
def test_it_works(line: str) -> None:
    works, said = typed(shlex.split(line))
    assert works, said


# What is typed, what of it is to be changed (None: all), and where the message says into what.
FOLLOWED: list[tuple[str, str | None, str]] = [
    (f"fit '{MODEL}' data.csv", None, r'data first: "(.*?)" "(.*?)"'),
    (FIT + "--epochs 5", "--epochs", r"steps: (--steps)"),
    (FIT + "--tol 1e-3", "--tol", r"(--tolerance)"),
    (FIT + "--normalize", "--normalize", r"(--standardize)"),
    (FIT + "--batch 4", "--batch", r"(--batch-size)"),
    (FIT + "--method sgd", "--method", r"(--optimizer)"),
    (FIT + "--stpes 4", "--stpes", r"(--steps)"),
    (FIT + "--loss MSELoss", "MSELoss", r"Did you mean (\w+)\?"),
    (FIT + "--optimizer adan", "adan", r"Did you mean (\w+)\?"),
    (FIT + "--lr 0,001", "0,001", r"Write (\S+)\.$"),
    (FIT + "--lr 1/1000", "1/1000", r"Write (\S+)\.$"),
    (FIT + "--lr 1%", "1%", r"Write (\S+)\.$"),
    (FIT + "--validation 20%", "20%", r"Write (\S+)\.$"),
    (FIT + "--time-limit 1.5s", "1.5s", r"Write (\S+)\.$"),
    (FIT + "--verbose", "--verbose", r"Write (--why)\."),
    (
        "fit homes.csv 'price ~ a*`Size (m2)`' --where 'kind == b'",
        "b'",
        r"A text stands in quotes: (\"b\")\.",
    ),
    ("fit homes.csv 'price ~ a*Size + b'", "Size", r"Did you mean (`.*?`)\?"),
    ("fit homes.csv 'price ~ a*Size (m2) + b'", "Size (m2)", r"write (`.*?`) in backticks"),
    ("minimize x**2+y**2 --start 5", "--start 5", r"Write (--start \S+), in Python"),
    (FIT + "--start a:1", "a:1", r"example (\w=[\d.]+),"),
    ("fit dta.csv 'speed ~ a*time'", "dta.csv", r'Did you mean "(data.csv)"'),
    ("fit data 'speed ~ a*time'", "data", r'Did you mean "(data.csv)"'),
    ("data.csv", None, r"Write steepest (fit data.csv) FORMULA"),
    ("minimise x**2", "minimise", r"Did you mean (minimize)\?"),
    ("optimize x**2", "optimize", r"Write steepest (minimize) "),
    (f"curve_fit data.csv '{MODEL}'", "curve_fit", r"Write steepest (fit) "),
    ("minimize x**2 x=3", "x=3", r"(--start x=3)"),
    ("train flowers.csv --target knid", "knid", r'Did you mean "(\w+)"'),
    ("train flowers.csv --target kind --network 2,8,2", "2,8,2", r"between: ([\w-]+)\."),
    ("train flowers.csv --target kind --network [2,8,2]", "[2,8,2]", r"between: ([\w-]+)\."),
    ("train flowers.csv --target kind --network 3-8-relu-2", "3-8-relu-2", r"with 2: (\S+)"),
    ("train flowers.csv kind", "kind", r"(--target)"),
    ("explain gradiant", "gradiant", r"Did you mean (\w+)\?"),
]

# Formulas: what is typed, and where the message says what to write: for the whole, or for a part.
FORMULAS: list[tuple[str, str | None, str]] = [
    ("a*time**2 + b*time + c", None, r"example (.*)\."),
    ("speed = a*time**2 + b*time", None, r"Write (speed ~ .*?)\."),
    ("speed ~ time", None, r"weight: (.*?)\."),
    ("speed ~ 1 + time", None, r"weight: (.*?)\."),
    ("speed ~ a*time^2 + b", "^", r"Write (\S+) for a power"),
    ("speed ~ 2time*a", "2time", r"write (2\*time)\."),
    ("speed ~ a*np.exp(time*b)", "np.exp", r"Write (\w+), without"),
    ("speed ~ a*math.sin(time*b)", "math.sin", r"Write (\w+), without"),
    ("speed ~ a*scipy.special.expit(time*b)", "scipy.special.expit", r"Write (\w+), without"),
    ("speed ~ a*ln(time + 1) + b", "ln", r"Did you mean (\w+)\?"),
    ("speed ~ a*sqr(time) + b", "sqr", r"Did you mean (\w+)\?"),
    ("speed ~ a*cosine(time) + b", "cosine", r"Did you mean (\w+) or"),
    ("speed ~ a*max(time, 2) + b", "max", r"Did you mean (\w+)\?"),
    ("sped ~ a*time + b", "sped", r"Did you mean (\w+)\?"),
    ("speed ~ a*Time + b", "Time", r"Did you mean (\w+)\?"),
    ("f(time) = a*time + b", "f(time) = a*time + b", r"Write (y ~ .*?), with"),
    ("y ~ a*time + b", "y", r"columns are time, (\w+)\."),
    ("speed ~ a*time²", "²", r"Write (\*\*2)\."),
]
EXPRESSIONS: list[tuple[str, str | None, str]] = [
    ("x^2", "^", r"Write (\S+) for a power"),
    ("2x", "2x", r"write (2\*x)\."),
    ("x²", "²", r"Write (\*\*2)\."),
    ("y = x**2", None, r"only: (.*?)\. y ="),
    ("f(x) = x**2", None, r"Write only (.*?)\. f"),
    ("np.exp(x) - 2*x", "np.exp", r"Write (\w+), without"),
    ("math.sin(x)", "math.sin", r"Write (\w+), without"),
    ("|x|", None, r"is (abs\(x\))"),
    ("lambda x: x**2", "lambda x: ", r"()behind the colon"),
]


def followed(text: str, part: str | None, pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    assert found is not None, said
    meant = " ".join(map(shlex.quote, found.groups())) if found.re.groups > 1 else found[1]
    return meant if part is None else text.replace(part, meant, 1)


@pytest.mark.parametrize(("line", "part", "pattern"), FOLLOWED)
def test_the_message_followed_works(line: str, part: str | None, pattern: str) -> None:
    works, said = typed(shlex.split(line))
    assert not works
    better = followed(line, part, pattern, said)
    if part == "b'":
        better += "'"
    if part is None:
        # The message has the arguments; the command stands before or in it.
        better = better if better.startswith("fit ") else f"fit {better}"
        better = better if "~" in better else f"{better} '{MODEL}'"
    if line.startswith("train") and better.endswith("--target"):
        better += " kind"
    works, said = typed(shlex.split(better))
    assert works, f"{better}: {said}"


@pytest.mark.parametrize(("text", "part", "pattern"), FORMULAS)
def test_a_formula_mended_as_it_is_told(text: str, part: str | None, pattern: str) -> None:
    works, said = typed(["fit", "data.csv", text])
    assert not works
    better = followed(text, part, pattern, said)
    if better.startswith("y ~"):
        better = better.replace("y", "speed", 1)  # as it says
    works, said = typed(["fit", "data.csv", better])
    assert works, f"{better}: {said}"


@pytest.mark.parametrize(("text", "part", "pattern"), EXPRESSIONS)
def test_an_expression_mended_as_it_is_told(text: str, part: str | None, pattern: str) -> None:
    works, said = typed(["minimize", text])
    assert not works
    better = followed(text, part, pattern, said)
    works, said = typed(["minimize", better])
    assert works, f"{better}: {said}"


# What cannot be followed in one step says what to do all the same.
TOLD = [
    ("fit data.csv", "FORMULA"),
    ("fit data.csv speed time", "in quotes"),
    ("fit data.xlsx 'speed ~ a*time'", "Save the sheet as .csv"),
    ("fit https://example.com/data.csv 'speed ~ a*time'", "curl -Lo data.csv"),
    ("fit /no/such/data.csv 'speed ~ a*time'", "does not exist"),
    (FIT + "--plot", "steepest lab"),
    ("fit data.csv 'speed ~ poly(time, 2)'", "The functions are exp"),
    ("fit data.csv '\"speed ~ a*time\"'", "Leave out the quotes"),
    ("train flowers.csv", "--target"),
    ("maximize -x**2", "steepest minimize"),
    ("help", "steepest --help"),
    ("list", "steepest runs list"),
    ("runs show", "ID"),
    (f"sweep data.csv '{MODEL}' --lr 1e-5", "Write 1e-07:0.001:5"),
    (f"sweep data.csv '{MODEL}' --lr 1e-5,1e-4,1e-3", "Write 1e-05:0.001:5"),
    ("explain SD999", "steepest explain"),
]


@pytest.mark.parametrize(("line", "told"), TOLD)
def test_what_to_do_is_told(line: str, told: str) -> None:
    works, said = typed(shlex.split(line))
    assert not works
    assert told in said


CALLS_THAT_WORK: dict[str, Callable[[], Any]] = {
    "x0 by place": lambda: minimize("x**2", 3),
    "x0": lambda: minimize("x**2", x0=3),
    "start as a number": lambda: minimize("x**2", start=3),
    "start as a list": lambda: minimize("x**2 + y**2", start=[3, 1]),
    "a function": lambda: minimize(lambda x: x**2, 3),
    "p0": lambda: fit("data.csv", MODEL, p0=[1, 2, 3]),
    "learning_rate": lambda: fit("data.csv", MODEL, learning_rate=1e-4),
    "rate as text": lambda: fit("data.csv", MODEL, lr="1e-4"),
    "as curve_fit": lambda: fit(lambda x, a: a * x, [1, 2, 3], [2, 4, 7]),
    "no network": lambda: train("flowers.csv", target="kind"),
}


@pytest.mark.parametrize("call", CALLS_THAT_WORK.values(), ids=CALLS_THAT_WORK)
@pytest.mark.filterwarnings("ignore::steepest.DataWarning")
def test_a_call_that_works(call: Callable[[], Any]) -> None:
    with pytest.raises(_BegunError):
        call()


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "swapped": (lambda: fit(MODEL, "data.csv"), 'data first: "data.csv" "speed'),
    "epochs": (lambda: fit("data.csv", MODEL, epochs=3), "steps"),
    "a weight as an option": (lambda: minimize("x**2", q=3), 'start={"q": 3}'),
    "x and y alone": (lambda: fit([1, 2], [2, 4]), "mapping of names to arrays"),
    "an array": (lambda: fit(np.ones((3, 2)), "y ~ a*x"), "mapping of names to arrays"),
    "rows and classes": (lambda: train([[1, 2]], [1], "2-4-1"), "By their places come data"),
    "nothing to explain": (lambda: steepest.explain(), "By their places come loss"),  # type: ignore[call-overload]
    "formula last": (lambda: fit([1, 2], [2, 4], "y ~ a*x"), '{"x": x, "y": y}'),
}


@pytest.mark.parametrize(("call", "told"), CALLS.values(), ids=CALLS)
def test_a_call_that_says_what_to_write(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(steepest.SteepestError) as raised:
        call()
    assert told in raised.value.message


def test_a_network_that_nobody_chose_is_said() -> None:
    with pytest.warns(steepest.DataWarning, match="2-32-relu-2 is trained"), \
            pytest.raises(_BegunError):  # fmt: skip
        train("flowers.csv", target="kind")


@pytest.mark.parametrize(
    ("line", "place", "wanted"),
    [
        ("steepest ex", 1, {"explain"}),
        ("steepest fit --optimizer ad", 3, {"adam", "adamw", "adagrad", "adamax"}),
        ("steepest explain sd20", 2, {"SD201", "SD206"}),
        ("steepest explain mo", 2, {"momentum"}),
    ],
)
def test_a_shell_completes(line: str, place: int, wanted: set[str]) -> None:
    given = {"COMP_WORDS": line, "COMP_CWORD": str(place), "_STEEPEST_COMPLETE": "bash_complete"}
    answer = CliRunner().invoke(command, [], prog_name="steepest", env=given)
    assert wanted <= {told.partition(",")[2] for told in answer.stdout.splitlines()}


@pytest.mark.parametrize(
    ("begun", "wanted"),
    [
        ("speed ~ a*ti", ["speed ~ a*time", "speed ~ a*tide"]),
        ("sp", ["speed"]),
        ("speed ~ a*`wi", ["speed ~ a*`wind chill`"]),
        ("speed ~ a*q", []),
    ],
)
def test_a_shell_completes_a_column_of_the_formula(
    begun: str, wanted: list[str], tmp_path: Path
) -> None:
    table = tmp_path / "data.csv"
    table.write_text("time;speed;wind chill;tide\n1;2;3;4\n", "utf-8")
    for name, found in ((table, wanted), (tmp_path / "none.csv", [])):
        line = f"steepest fit {shlex.quote(str(name))} '{begun}"
        given = {"COMP_WORDS": line, "COMP_CWORD": "3", "_STEEPEST_COMPLETE": "bash_complete"}
        answer = CliRunner().invoke(command, [], prog_name="steepest", env=given)
        told = [one.partition(",")[2] for one in answer.stdout.splitlines() if one]
        assert told == found
