"""What the documentation says is what the program does.

Examples are run, numbers in prose are measured again, and nothing that exists is left out.
"""

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from docs import generate, pictures
from tests import specimens

import steepest
from steepest.checks import CHECKS
from steepest.cli import steepest as command
from steepest.formula.functions import CONSTANTS, FUNCTIONS
from steepest.methods.losses import LOSSES
from steepest.methods.optimizers import OPTIMIZERS, SOLVERS
from steepest.records.document import MOST_POINTS
from steepest.records.training import Replay, TrainingProof
from steepest.run.training import TrainingRun
from steepest.words.wrapping import wrapped

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text("utf-8") for path in sorted(DOCS.glob("*.md"))}
CHECK_PAGES = ROOT / "src" / "steepest" / "checks" / "pages"

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Examples name files of the checkout; what they keep goes elsewhere."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))


def blocks(page: str, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(PAGES[page]) if name == language]


# Nothing is left out


def every_option() -> Iterator[str]:
    for _, one, _ in generate.commands():
        for parameter in one.params:
            if isinstance(parameter, click.Option):
                yield next((o for o in parameter.opts if o.startswith("--")), parameter.opts[0])


def headings(page: str) -> list[str]:
    text = BLOCK.sub("", PAGES[page])
    return re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)


def test_every_command_has_its_help_text() -> None:
    shown = set(re.findall(r"^### `(steepest[\w ]*)`$", PAGES["commands.md"], re.MULTILINE))
    assert shown == {path for path, _, _ in generate.commands()}
    assert {"steepest fit", "steepest minimize", "steepest explain"} <= shown


def test_every_option_is_explained() -> None:
    explained = {
        name for title in headings("commands.md") for name in re.findall(r"--\S+\b", title)
    }
    existing = {name for name in every_option() if name.startswith("--")}
    assert existing - explained == set()
    assert explained - existing - {"--help", "--version"} == set()


def test_every_option_has_an_example_that_uses_it() -> None:
    used = {word for page in PAGES for line in lines_typed(page) for word in line}
    flags = {name for name in every_option() if name.startswith("--")}
    flags -= {"--remedies", "--shuffle"}  # used as --no-...
    assert flags - used == set()


def test_generated_parts_are_up_to_date() -> None:
    for name, page in PAGES.items():
        assert generate.generated(page) == page, f"{name}: run python -m docs.generate"
    parts = [part for page in PAGES.values() for part in re.findall(r"<!-- generated: (\w+)", page)]
    assert sorted(parts) == sorted(generate.PARTS)


def test_the_generator_sees_what_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "checks.md"
    page.write_text("Before.\n<!-- generated: list -->\nold\n<!-- end -->\nAfter.\n", "utf-8")
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generate.main() == 1
    assert "old" in page.read_text("utf-8")
    monkeypatch.setattr(sys, "argv", ["generate"])
    assert generate.main() == 0
    text = page.read_text("utf-8")
    assert text.startswith("Before.\n<!-- generated: list -->\n")
    assert text.endswith("<!-- end -->\nAfter.\n")
    assert "SD201" in text
    assert "old" not in text
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generate.main() == 0


def test_every_check_has_a_page() -> None:
    assert {path.stem for path in CHECK_PAGES.glob("*.md")} == set(CHECKS)
    for code, check in CHECKS.items():
        assert f"/{code}.md) · {check.name} | {check.summary} |" in PAGES["checks.md"]


def code_spans(page: str, *, only_first_column: bool = True) -> set[str]:
    lines = PAGES[page].splitlines()
    if only_first_column:
        lines = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return {span for line in lines for span in re.findall(r"`([^`]+)`", line)}


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("losses.md", set(LOSSES), id="losses"),
        pytest.param("optimizers.md", {*OPTIMIZERS, *SOLVERS}, id="optimizers"),
    ],
)
def test_every_name_has_its_row(page: str, names: set[str]) -> None:
    assert names <= code_spans(page)


def test_every_function_and_constant_is_in_the_table() -> None:
    everywhere = code_spans("formulas.md", only_first_column=False)
    assert {*FUNCTIONS, *CONSTANTS} <= everywhere
    canonical = {function.name for function in FUNCTIONS.values()}
    assert canonical <= code_spans("formulas.md")


def members(of: object) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


def members_shown(spans: set[str], name: str) -> set[str]:
    return {found[1] for span in spans if (found := re.match(rf"{name}\.(\w+)", span))}


def test_every_member_of_a_run_and_a_sweep_is_documented() -> None:
    spans = code_spans("python.md")
    run = steepest.minimize("x**2", optimizer="lbfgs", remedies=False)
    assert members_shown(spans, "run") == members(run)
    assert members_shown(spans, "sweep") == members(steepest.Sweep) | {"record"}
    trained = members(steepest.NetworkRun) | {"record", "unsaved"}
    assert members_shown(spans, "trained") == trained
    for public in set(steepest.__all__) - {"__version__", "Run", "Sweep"}:
        assert f"`steepest.{public}" in PAGES["python.md"], public


# Links

LINK = re.compile(r"\]\(([^)\s]+)\)")
PROSE = {**PAGES, "../README.md": (ROOT / "README.md").read_text("utf-8")}


def anchor(heading: str) -> str:
    """What a code host makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PROSE)
def test_links_lead_somewhere(page: str) -> None:
    broken = []
    for link in LINK.findall(BLOCK.sub("", PROSE[page])):
        path, _, place = link.partition("#")
        if path.startswith("https://"):
            continue
        target = (DOCS / page).parent / path if path else DOCS / page
        known = target.exists() and (
            not place or place in {anchor(h) for h in headings(target.name)}
        )
        if not known:
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_first() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(PAGES["index.md"])}
    assert set(PAGES) - linked == {"index.md"}


# Commands


def sessions(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each line typed with the lines shown below it."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            typed, _, shown = part.replace("\\\n", " ").partition("\n")
            yield typed, shown.splitlines()


def lines_typed(page: str) -> Iterator[list[str]]:
    """The arguments of every steepest that is typed."""
    for typed, _ in sessions(page):
        words = shlex.split(typed)
        if "steepest" in words:
            yield words[words.index("steepest") + 1 :]


TYPED = [
    pytest.param(words, id=f"{page[:-3]}: {shlex.join(words)[:60]}")
    for page in PAGES
    for words in lines_typed(page)
]
SHOWN = [
    pytest.param(typed, shown, id=f"{page[:-3]}: {typed[:60]}")
    for page in PAGES
    for typed, shown in sessions(page)
    if shown
]


@pytest.mark.parametrize("words", TYPED)
def test_what_is_typed_can_be_typed(words: list[str]) -> None:
    # With its settings: a command keeps the first help option that it is asked for.
    with click.Context(command, info_name="steepest", **command.context_settings) as group:
        if words[0].startswith("--"):
            assert words in (["--version"], ["--help"])
            return
        name, found, rest = command.resolve_command(group, list(words))
        while isinstance(found, click.Group):
            name, found, rest = found.resolve_command(group, rest)
        assert found is not None
        # Reads the arguments, and runs nothing.
        found.make_context(name, rest, parent=group)


@cache
def printed(typed: str) -> list[str]:
    """What it prints, errors and notes broken as a terminal of 80 columns has them."""
    answer = CliRunner().invoke(command, shlex.split(typed)[1:], prog_name="steepest")
    lines: list[str] = []
    for line in answer.output.splitlines():
        said = line.startswith(("Error: ", "Note: "))
        lines += wrapped(line, 80, indent=2) if said else [line]
    return lines


def matches(wanted: str, line: str) -> bool:
    """Whether a line is the one shown, in which ... stands for anything."""
    return (
        re.fullmatch(".*".join(map(re.escape, wanted.rstrip().split("..."))), line.rstrip())
        is not None
    )


def follows(shown: list[str], output: list[str]) -> str | None:
    """The first line shown that does not come out where it should; None where all do."""
    place, anywhere = 0, False
    for wanted in shown:
        if wanted == "...":
            anywhere = True
            continue
        ahead = output[place:] if anywhere else output[place : place + 1]
        found = next((i for i, line in enumerate(ahead) if matches(wanted, line)), None)
        if found is None:
            return wanted
        place, anywhere = place + found + 1, False
    return None if anywhere or place == len(output) else f"and nothing below: {output[place]}"


@pytest.mark.parametrize(("typed", "shown"), SHOWN)
def test_what_is_shown_comes_out(typed: str, shown: list[str]) -> None:
    output = printed(typed)
    assert follows(shown, output) is None, "\n".join(output)


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        pytest.param(["a", "b", "c"], None, id="all"),
        pytest.param(["...", "c"], None, id="left out above"),
        pytest.param(["a", "..."], None, id="left out below"),
        pytest.param(["a", "...", "c"], None, id="left out between"),
        pytest.param(["a", "c"], "c", id="a gap that is not marked"),
        pytest.param(["a", "b"], "and nothing below: c", id="an end that is not marked"),
        pytest.param(["...", "b", "a", "..."], "a", id="another order"),
        pytest.param(["x", "..."], "x", id="another line"),
    ],
)
def test_the_comparison_of_what_is_shown(shown: list[str], missing: str | None) -> None:
    assert follows(shown, ["a", "b", "c"]) == missing


# Python


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python") or blocks(p, "pycon")])
def test_python_examples(page: str) -> None:
    space: dict[str, Any] = {"__name__": page}
    runner = doctest.DocTestRunner(verbose=False)
    told: list[str] = []
    for language, body in BLOCK.findall(PAGES[page]):
        if language == "python":
            exec(compile(body, page, "exec"), space)
        elif language == "pycon":
            test = doctest.DocTestParser().get_doctest(body, space, page, page, 0)
            # A copy of the names would not reach the next block.
            runner.run(test, out=told.append, clear_globs=False)
            space = test.globs
    assert not told, "".join(told)


# The document, key by key

NAMED = {
    "descent.rates",
    *(
        "trace.weights",
        "trace.gradient",
        "weights",
        "minimum.weights",
        "minimum.flat[]",
        "starts[]",
    ),
    "problem.categories[].weights",
    *("problem.missing", "problem.non_finite", "problem.standardized", "options", "user_units"),
    "minimum.user_weights",
    *("not_measured", "statistics.weights", "statistics.not_measured", "remedies[].weights"),
    "remedies[].options",
    "verdict.findings[].evidence",
    *("trace.weight", "trace.update", "trace.turn"),
    *("probes[].losses", "learned.options", "versions"),
}
"""Where the keys are names of weights, columns or options."""

FREE = ("options", "remedies[].options", "verdict.findings[].evidence")
"""What is below their names is not described."""

SAME = {
    "rates.own": "rates.trials[]",
    "rates.best": "rates.trials[]",
    "statistics.user_units": "statistics.weights",
    "best": "rates[]",
}
"""What has the keys of another part."""


def keys_of(value: Any, path: str = "") -> set[str]:
    """Dotted paths of all keys; names of weights and the like become NAME."""
    if isinstance(value, Mapping):
        if path in SAME:
            return {path}
        named = path in NAMED
        found = set()
        for key, child in value.items():
            below = f"{path}.{'NAME' if named else key}".lstrip(".")
            # Evidence and options are free in what they hold.
            free = named and path in FREE
            found |= {below} if free else keys_of(child, below)
        return found or {path}
    if isinstance(value, list):
        found = set().union(*(keys_of(child, f"{path}[]") for child in value))
        return {key for key in found if key != f"{path}[]"} or {path}
    return {path}


def documented(part: str) -> set[str]:
    # The page has a part for a run, one for a sweep, and one for the store.
    parts = re.split(r"^## ", PAGES["json.md"], flags=re.MULTILINE)
    text = next(text for text in parts if text.startswith(f"`{part}`"))
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return {span for row in rows for span in re.findall(r"`([^`]+)`", row)}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    """Runs that between them emit every key."""
    speed = {"time": specimens.TIME, "speed": specimens.SPEEDS, "error": 1 + specimens.TIME / 20}
    gap = {name: [*column, np.nan] for name, column in speed.items()}
    start = dict(zip(specimens.NAMES, map(float, specimens.START), strict=True))
    options: dict[str, Any] = {"start": start, "lr": 1e-5, "steps": 10}
    runs = [
        steepest.fit(gap, specimens.FORMULA, **options),
        steepest.fit(
            speed,
            specimens.FORMULA,
            start=start,
            optimizer="lm",
            sigma="error",
            standardize=True,
            remedies=False,
        ),
        steepest.fit(
            speed,
            "speed ~ a*time + b*time + c",
            lr={"a": 1e-3, "b": 2e-3, "c": 1e-3},
            validation=0.2,
            remedies=False,
        ),
        steepest.fit(
            {"x": [0.0, 1.0, 1.0], "k": ["u", "u", "v"], "y": [1.0, 3.0, 4.0]},
            "y ~ a*x + C(k) + b",
            optimizer="lm",
            remedies=False,
        ),
    ]
    return [run.to_dict() for run in runs]


def missing(keys: set[str], known: set[str]) -> set[str]:
    """Keys that are documented neither themselves nor, where they are null, by what is below."""
    return {
        key
        for key in keys - known
        if not any(other.startswith((f"{key}.", f"{key}[")) for other in known)
    }


def test_every_key_of_the_document_is_described(documents: list[dict[str, Any]]) -> None:
    emitted = set().union(*map(keys_of, documents))
    known = documented("fit")
    assert missing(emitted, known) == set()
    # And nothing is described that no run has.
    assert known - emitted == {
        "statistics.user_units.NAME",
        "rates.trials",
        "problem.rescaled.NAME",
        "remedies[].held_out.loss",
        "remedies[].held_out.loss_before",
    }


def test_every_key_of_a_sweep_is_described() -> None:
    sweep = steepest.sweep(
        str(specimens.SPEED),
        specimens.FORMULA,
        (1e-6, 1e-4, 3),
        start={"a": 0.0, "b": 0.0, "c": 0.0},
    )
    emitted = keys_of(sweep.to_dict())
    known = documented("sweep")
    shared = ("problem.", "options", "seconds", "not_measured", "steepest")
    assert {k for k in missing(emitted, known) if not k.startswith(shared)} == set()
    assert known - emitted == set()


def test_every_key_of_a_training_is_described() -> None:
    pixels = {f"r{place // 2}c{place % 2}": np.arange(40.0) % (place + 3) for place in range(4)}
    given: dict[str, Any] = {"validation": 0.25, "steps": 30, "batch_size": 10}
    runs = [
        # Classes that nothing tells apart, so that rows are wrong and other rates are tried.
        steepest.train(
            {**pixels, "kind": np.arange(40) % 2},
            "4-2",
            target="kind",
            lr=1e-4,
            **{**given, "steps": 100},
        ),
        steepest.train(
            {**pixels, "y": np.arange(40.0)},
            "4-3-tanh-1",
            target="y",
            loss="mse",
            lr=0.01,
            remedies=False,
            **given,
        ),
    ]
    one = Replay("learning rate", "×0.1", "", 0.1, 1, 1.0, 0.1, 1.0)
    proof = TrainingProof(1, 1, 2.0, 1.0, 1.0, 0.1, 0.1, None, told=True, replays=(one,), seconds=1)
    # As of a watch that ran its steps again.
    proven = TrainingRun(replace(runs[0].record, proof=proof))
    emitted = set().union(*(keys_of(run.to_dict()) for run in (*runs, proven)))
    known = documented("train")
    assert missing(emitted, known) == set()
    assert {key for key in known - emitted if not key.startswith("remedies")} == set()


def test_every_key_of_the_list_of_runs_is_described(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    steepest.minimize("x**2", optimizer="lbfgs", remedies=False, store=path)
    answer = CliRunner().invoke(command, ["runs", "list", "--json", "--store", str(path)])
    emitted = keys_of(json.loads(answer.stdout))
    assert emitted == documented("runs")


@pytest.mark.parametrize(
    ("part", "typed"),
    [("explain", ["explain", "SD201"]), ("error", ["minimize", "x**"])],
)
def test_every_key_of_a_page_and_of_an_error_is_described(part: str, typed: list[str]) -> None:
    answer = CliRunner().invoke(command, [*typed, "--json"])
    shared = {"steepest", "command"}
    assert keys_of(json.loads(answer.stdout)) - shared == documented(part) - shared


def test_the_trace_is_as_long_as_described() -> None:
    assert f"at most {MOST_POINTS:,}, evenly spaced" in PAGES["json.md"]


# Numbers in prose, measured with NumPy


def first_steps(lr: float, steps: int) -> tuple[float, Any]:
    weights = specimens.descent_path(lr, steps)[-1]
    return specimens.loss(weights), weights


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def claims() -> list[str]:
    """What learn.md says in numbers, word for word, from the data alone."""
    loss, gradient = specimens.loss, specimens.gradient
    start, lr = specimens.START, specimens.LR
    slope = gradient(start)
    rows, inputs, data = len(specimens.TIME), specimens.INPUTS, specimens.SPEEDS
    error = inputs @ start - data
    pulls = 2 * inputs * error[:, None] / rows
    share = np.abs(pulls[:, 0] / slope[0])
    nudged = [loss(start + np.array([by, 0, 0])) - loss(start) for by in (1e-3, 1e-4)]
    after, moved = first_steps(lr, 1)
    up = loss(start + lr * slope)
    best = np.asarray(np.linalg.lstsq(inputs, data, rcond=None)[0], dtype=np.float64)
    curvature = np.linalg.eigvalsh(specimens.HESSIAN)
    there = first_steps(lr, 10)[1]
    end = gradient(there)
    # Along each direction of curvature the distance shrinks by 1 - lr*curvature in a step.
    modes = np.linalg.eigh(specimens.HESSIAN)[1].T @ (start - best)

    def left(steps: float) -> float:
        return float(np.sum(0.5 * curvature * modes**2 * (1 - lr * curvature) ** (2 * steps)))

    low, high = 0, 10**7
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if left(middle) > 0.01 * loss(best) else (low, middle)
    thousandth = int(np.ceil(np.log(1e-3) / np.log(0.998)))
    vector = "(-6668.8774, -434.5187, -42.9623)"
    assert np.allclose(slope, np.fromstring(vector[1:-1], sep=","), atol=5e-5)
    return [
        f"has {rows} rows: at time {specimens.TIME[0]:.0f} to {specimens.TIME[-1]:.0f} somebody",
        "a = {}, b = {}, c = {}.".format(*start),
        f"row {rows - 1} (rows are counted",
        f"prediction of {(inputs @ start)[-1]:.4f}. The data say {data[-1]:.4f}",
        f"off by {error[-1]:.4f}",
        f"At our start it is {loss(start):.4f}",
        f"We are at {loss(start):.4f}",
        f"The gradient is {vector}",
        f"a {slope[0] / slope[2]:.0f} times as strongly",
        f"a is {slope[0] / slope[2]:.0f} times as wrong",
        f"reaches {inputs[-1, 0]:.0f}, and c by {inputs[-1, 2]:.0f}",
        f"Raise a by 0.001, from {start[0]} to {start[0] + 0.001:.4f}",
        f"changes by {slope[0]:.4f} times 0.001, which is {1e-3 * slope[0]:.5f}.",
        f"really changes by {nudged[0]:.5f}.",
        f"a nudge of 0.0001 the slope says {1e-4 * slope[0]:.6f}, and the loss changes by "
        f"{nudged[1]:.6f}.",
        f"On row {rows - 1} that is 2 times {error[-1]:.4f} times {inputs[-1, 0]:.0f}, divided by "
        f"{rows}: {pulls[-1, 0]:.4f}",
        f"up to the partial, {slope[0]:.4f}, so row {rows - 1} alone makes {percent(share[19])} of",
        f"row 18 with {percent(share[18])} and row 17 with {percent(share[17])}",
        f"Row 0 pulls at c with {pulls[0, 2]:.4f}",
        f"`time` is {specimens.TIME[0]:.0f}, so whatever a is",
        "adjoint of the loss itself is 1;",
        f"1, times {1 / rows} (one row of {rows}), times {2 * error[-1]:.3f} (twice the error), "
        f"times {inputs[-1, 0]:.0f} (what a is multiplied by): {pulls[-1, 0]:.2f}. That is the "
        f"pull of row {rows - 1}. The {rows} rows together",
        f"the learning rate {lr:.5f}, a goes from {start[0]} to {start[0]} - "
        f"{lr:.5f}*({slope[0]:.4f}) = {moved[0]:.4f}",
        f"first step the loss is {after:.4f}",
        f"it would be {up:.4f}",
        f"promised a fall by {lr * slope @ slope:.2f}. The loss fell by {loss(start) - after:.2f},",
        *(f"| {step} | {first_steps(lr, step)[0]:.4f} |" for step in (0, 1, 2, 3, 10)),
        f"a loss of {loss(best):.4f}, with a = {best[0]:.4f}, b = {best[1]:.4f} and "
        f"c = {best[2]:.4f}",
        f"c is at {there[2]:.4f}: it has hardly moved from {start[2]}",
        f"there: ({end[0]:.4f}, {end[1]:.4f}, {end[2]:.4f})",
        f"across it is {curvature[-1]:,.2f} and along it {curvature[0]:.4f}",
        f"is {curvature[-1] / curvature[0]:,.0f} times too small",
        f"within 1 % of the minimum takes {high:,} steps",
        "to mean 0 and deviation 1, so that",
        f"Then it takes {standardized_steps()} steps",
        "at x = 3 it is 6.",
        "each step multiplies x by 1 - 2r",
        "from x = 3 |",
        f"| 0.001 | 0.998 | {thousandth:,} steps until x is a thousandth of 3:",
        "| 0.1 | 0.8 | {:.4g}, {:.4g}, {:.4g} |".format(*(3 * 0.8**k for k in (1, 2, 3))),
        "| 0.5 | 0 | there after one step |",
        "| 1 | -1 | -3, 3, -3:",
        "| 1.1 | -1.2 | {:.4g}, {:.4g}, {:.4g}:".format(*(3 * (-1.2) ** k for k in (1, 2, 3))),
        "passes -1. For `x**2` that is a learning rate of 1; in general it is 2 divided",
        f"2 divided by {curvature[-1]:,.2f}: {2 / curvature[-1]:.10f}",
        f"With 0.00005, above it, the loss after ten steps is {first_steps(5e-5, 10)[0]:,.0f}",
        f"With 0.0000001, far below it, it is {first_steps(1e-7, 10)[0]:.4f}",
    ]


def standardized_steps() -> int:
    """Steps of the quickest descent to 1 % with time scaled, by trying learning rates in NumPy."""
    scaled = (specimens.TIME - specimens.TIME.mean()) / specimens.TIME.std()
    inputs = np.stack([scaled**2, scaled, np.ones_like(scaled)], axis=1)
    weights = np.linalg.lstsq(inputs, specimens.INPUTS @ specimens.START, rcond=None)[0]
    best = np.linalg.lstsq(inputs, specimens.SPEEDS, rcond=None)[0]
    goal = 1.01 * float(np.mean((inputs @ best - specimens.SPEEDS) ** 2))
    rates = np.linspace(0.2, 0.4, 2001)
    current = np.tile(weights, (len(rates), 1))
    for step in range(100):
        errors = current @ inputs.T - specimens.SPEEDS
        if np.any(np.mean(errors**2, axis=1) <= goal):
            return step
        current = current - rates[:, None] * (2 * errors @ inputs / len(scaled))
    raise AssertionError("no learning rate arrived")


FORMULAE = ("a*time**2 + b*time + c", "time**2", "x**2", "2*(prediction - speed)", "`x**2`")


def test_every_number_a_learner_reads_is_measured() -> None:
    text = re.sub(r"\s+", " ", BLOCK.sub(" ", LINK.sub("]", PAGES["learn.md"])))
    for claim in claims():
        assert claim in text, claim
        text = text.replace(claim, " ", 1)
    for known in (*FORMULAE, "within 1 % of the minimum", "SD201", "Its partial is 2x", "x - r*2x"):
        text = text.replace(known, " ")
    assert re.findall(r".{0,30}\d.{0,30}", text) == []


def test_what_the_pages_say_about_momentum() -> None:
    """At β = 0.9 Nesterov's limit is below that of plain descent, and Adam's is 38/λ."""
    beta = 0.9
    assert (2 + 2 * beta) / (1 + 2 * beta) < 2
    assert 2 * (1 + beta) / (1 - beta) == pytest.approx(38)
    assert "below* that of plain descent" in PAGES["optimizers.md"]
    assert "38/λ for β = 0.9" in PAGES["optimizers.md"]


# From a shell


def test_the_generator_from_a_shell() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_the_saved_lab_is_the_lab_that_there_is() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "docs.saved", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_pictures_are_compared_to_a_tenth_of_a_pixel() -> None:
    assert doctest.testmod(pictures) == (0, 3)
