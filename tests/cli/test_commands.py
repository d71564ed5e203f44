"""Options reach the bench, its answer reaches the reader, and the exit code says how it ended."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests import specimens
from tests.show.terminal.lines import too_long

import steepest.jobs.fit
from steepest.checks import CHECKS, page
from steepest.cli import steepest as command
from steepest.records.choices import Stopped
from steepest.records.document import document
from steepest.records.run import RunRecord
from steepest.show.terminal import Report, plain
from steepest.words.errors import FormulaError, InputError

# The contract's table, less what comes with saving runs.
ALWAYS = {
    *("--optimizer", "--momentum", "--lr", "--steps", "--start", "--seed", "--time-limit"),
    *("--tolerance", "--remedies", "--no-remedies", "--fix", "--bounds", "--at", "--store"),
    *("--no-save", "--json", "--rescale"),
}
WITH_ROWS = {"--loss", "--batch-size", "--standardize", "--validation", "--patience", "--where"}

FIT = ["fit", "examples/speed.csv", specimens.FORMULA]


def run(*arguments: str, stdin: str | None = None) -> Result:
    answer = CliRunner().invoke(command, list(arguments), input=stdin)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


class Bench:
    """Stands in for the bench: remembers what it was asked, and answers with a specimen."""

    def __init__(self, record: RunRecord):
        self.answer: RunRecord | BaseException = record
        self.asked: dict[str, Any] = {}

    def __call__(self, *data: str, **asked: Any) -> SimpleNamespace:
        self.asked = {"data": data, **asked}
        if isinstance(self.answer, BaseException):
            raise self.answer
        record = self.answer
        return SimpleNamespace(
            record=record, unsaved=None, id=None, report_of=lambda **how: Report(record, **how)
        )


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    stand_in = Bench(specimens.tutorial())
    monkeypatch.setattr(steepest.jobs.fit, "fit", stand_in)
    monkeypatch.setattr(steepest.jobs.fit, "minimize", stand_in)
    return stand_in


@pytest.mark.parametrize(
    ("name", "wanted"), [("fit", ALWAYS | WITH_ROWS), ("minimize", ALWAYS)], ids=["fit", "minimize"]
)
def test_every_option_of_the_contract_is_there_with_help(name: str, wanted: set[str]) -> None:
    found: dict[str, click.Option] = {}
    for parameter in command.commands[name].params:
        if isinstance(parameter, click.Option):
            for flag in (*parameter.opts, *parameter.secondary_opts):
                found[flag] = parameter
    assert wanted <= found.keys()
    assert all(option.help for option in found.values())


def test_a_synonym_is_understood_and_a_near_miss_is_named(bench: Bench) -> None:
    run(*FIT, "--optimizer", "SGD")
    assert bench.asked["optimizer"] == "gd"
    said = " ".join(run(*FIT, "--optimizer", "adan").stderr.split())
    assert said.endswith("Did you mean adam?")


def test_defaults_are_those_of_the_contract(bench: Bench) -> None:
    run(*FIT)
    assert bench.asked.pop("progress") is not None
    assert bench.asked == {
        "data": ("examples/speed.csv", specimens.FORMULA),
        "loss": "mse",
        "gives": "auto",
        "where": None,
        "sigma": None,
        "memory": None,
        "standardize": False,
        "rescale": False,
        "batch_size": None,
        "validation": None,
        "patience": None,
        "optimizer": "gd",
        "momentum": None,
        "lr": "auto",
        "steps": 1000,
        "seed": 0,
        "time_limit": None,
        "tolerance": 0.0,
        "remedies": True,
        "at": None,
        "save": True,
        "store": None,
        "name": None,
    }


GIVEN: dict[str, tuple[list[str], dict[str, object]]] = {
    "start": (["--start", "a=0.1,b=-2"], {"start": {"a": 0.1, "b": -2.0}}),
    "negative start": (["--start", "x=-1.5"], {"start": {"x": -1.5}}),
    "fix": (["--fix", "a=2"], {"fix": {"a": 2.0}}),
    "bounds": (["--bounds", "b=0:"], {"bounds": {"b": (0.0, float("inf"))}}),
    "lr": (["--lr", "1e-5"], {"lr": 1e-5}),
    "lr auto": (["--lr", "auto"], {"lr": "auto"}),
    "lr negative": (["--lr", "-1"], {"lr": -1.0}),
    "steps": (["--steps", "2e6"], {"steps": 2_000_000}),
    "names with dashes": (
        ["--batch-size", "5", "--time-limit", "2.5"],
        {"batch_size": 5, "time_limit": 2.5},
    ),
    "rescale": (["--rescale"], {"rescale": True}),
    "a solver": (["--optimizer", "lm"], {"optimizer": "lm"}),
    "no remedies": (["--no-remedies"], {"remedies": False}),
    "at": (["--at", "3"], {"at": 3}),
    "where": (["--where", "time > 3"], {"where": "time > 3"}),
    "not kept": (["--no-save"], {"save": False, "store": None}),
    "a store and a name": (
        ["--store", "runs.db", "--name", "first"],
        {"save": True, "store": "runs.db", "name": "first"},
    ),
    "a run that goes on": (["--resume", "2611", "--steps", "20"], {"resume": "2611", "steps": 20}),
}


@pytest.mark.parametrize(("arguments", "asked"), GIVEN.values(), ids=GIVEN)
def test_options_reach_the_bench(
    arguments: list[str], asked: dict[str, object], bench: Bench
) -> None:
    assert run(*FIT, *arguments).exit_code == 0
    assert {name: bench.asked[name] for name in asked} == asked
    assert bench.asked.keys().isdisjoint({"no_save", "as_json", "backward"})


@pytest.mark.parametrize("expression", ["-x**2 + x**4", "-(x - 1)**2", "x**2", "- x"])
def test_an_expression_may_begin_with_a_minus_sign(expression: str, bench: Bench) -> None:
    assert run("minimize", expression, "--start", "x=-1.5").exit_code == 0
    assert bench.asked["data"] == (expression,)


def test_json_is_all_there_is_on_standard_output(bench: Bench) -> None:
    answer = run(*FIT, "--json")
    assert answer.stdout.count("\n") == 1
    assert json.loads(answer.stdout) == document(specimens.tutorial())
    assert answer.stderr == ""


SHOWN: dict[str, dict[str, Any]] = {
    "": {"why": "the same command with --why"},
    "--why": {},
    "--why a": {"weight": "a"},
    "--backward": {"backward": True},
}


@pytest.mark.parametrize(("asked", "wanted"), SHOWN.items(), ids=SHOWN)
def test_the_report_is_on_standard_output(asked: str, wanted: Any, bench: Bench) -> None:
    answer = run(*FIT, *asked.split())
    assert answer.stdout == plain(Report(specimens.tutorial(), **wanted))
    assert ("The backward pass at step 10" in answer.stdout) is (asked == "--backward")
    assert answer.stderr == ""


def test_why_may_stand_anywhere(bench: Bench) -> None:
    shown = run(*FIT, "--why").stdout
    assert run(FIT[0], "--why", *FIT[1:]).stdout == shown
    assert run("minimize", "--why", "x**2").stdout == shown
    assert run("minimize", "--why", "a", "x**2").stdout == run(*FIT, "--why", "a").stdout
    answer = run(*FIT, "--why", "A")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.endswith("Given: A. Did you mean a?\n")


@pytest.mark.parametrize("terminal", ["dumb", "xterm-256color"])
@pytest.mark.parametrize("columns", [60, 120])
def test_a_pipe_is_as_wide_as_it_is_told(
    columns: int, terminal: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", terminal)
    report = Report(specimens.tutorial(), why="the same command with --why")
    assert run(*FIT).stdout == plain(report, width=columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    styled = run(*FIT).stdout
    assert "\x1b[1m" in styled
    assert re.sub(r"\x1b\[[\d;]*m", "", styled) == plain(report, width=columns)


ENDS: list[tuple[Stopped, int]] = [
    ("step limit", 0),
    ("converged", 0),
    ("patience", 0),
    ("time limit", 0),
    ("diverged", 3),
    ("interrupted", 130),
]


@pytest.mark.parametrize(("stopped", "code"), ENDS, ids=[stopped for stopped, _ in ENDS])
@pytest.mark.parametrize("extra", [[], ["--json"]], ids=["report", "json"])
def test_the_exit_code_says_how_it_ended(
    stopped: Stopped, code: int, extra: list[str], bench: Bench
) -> None:
    record = specimens.tutorial()
    bench.answer = replace(record, descent=replace(record.descent, stopped=stopped))
    answer = run(*FIT, *extra)
    assert answer.exit_code == code
    assert answer.stdout


def test_an_interruption_before_anything_was_done(bench: Bench) -> None:
    bench.answer = KeyboardInterrupt()
    answer = run(*FIT)
    assert (answer.exit_code, answer.stdout) == (130, "")
    assert answer.stderr == "Interrupted before anything was done.\n"


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [(KeyboardInterrupt(), "interrupted", 130), (RuntimeError("secret"), "internal", 1)],
    ids=["interrupted", "internal"],
)
def test_a_program_is_told_that_there_is_no_result(
    raised: BaseException, kind: str, code: int, bench: Bench
) -> None:
    bench.answer = raised
    answer = CliRunner().invoke(command, [*FIT, "--json"])
    error = json.loads(answer.stdout)["error"]
    assert answer.exit_code == code
    assert (error["kind"], error["exit_code"], error["place"]) == (kind, code, None)
    assert "secret" not in answer.stdout


def test_an_error_is_one_line(bench: Bench) -> None:
    bench.answer = InputError(
        "The file \x1b[31mhas \u202e no rows.", given="word " * 20, instead="Add some."
    )
    answer = run(*FIT)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.startswith(r"Error: The file \x1b[31mhas \u202e no rows. Given: word")
    assert answer.stderr.endswith("word . Add some.\n")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("column", [0, 40, 250, 499])
def test_the_caret_stands_under_its_place_however_long_the_formula(
    column: int, bench: Bench
) -> None:
    formula = "".join(chr(ord("a") + i % 26) for i in range(500))
    bench.answer = FormulaError("Here.", formula=formula, column=column, length=3)
    _, shown, caret = run(*FIT).stderr.splitlines()
    assert max(len(shown), len(caret)) <= 80
    place = caret.index("^")
    assert shown[place : place + 3] == formula[column : column + 3]


USAGE: dict[str, tuple[list[str], str]] = {
    "no such command": (["fitt"], "Did you mean fit?"),
    "nothing like it": (["zzz"], "steepest --help"),
    "no such option": ([*FIT, "--stpes", "3"], "--steps"),
    "no formula": (["fit", "data.csv"], "FORMULA"),
    "too many": ([*FIT, "more"], "more"),
    "lr is text": ([*FIT, "--lr", "fast"], "'fast' is neither a number nor auto"),
    "steps is text": ([*FIT, "--steps", "many"], "'many' is not a whole number"),
    "half a step": ([*FIT, "--steps", "1.5"], "'1.5' is not a whole number"),
    "no such loss": ([*FIT, "--loss", "mean"], "'mean'"),
    "rows where there are none": (["minimize", "x**2", "--loss", "mse"], "--loss"),
    "no such check": (["explain", "SD210"], "Did you mean SD"),
}


@pytest.mark.parametrize(("arguments", "told"), USAGE.values(), ids=USAGE)
def test_a_command_line_at_fault_ends_with_2(arguments: list[str], told: str, bench: Bench) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert told in " ".join(answer.stderr.split())
    assert bench.asked == {}


def test_version() -> None:
    assert run("--version").stdout == f"steepest {steepest.__version__}\n"


@pytest.mark.parametrize("name", ["", "fit", "minimize", "explain"])
def test_help_is_at_most_80_columns_wide(name: str) -> None:
    shown = run(*filter(None, [name]), "--help").stdout
    assert max(map(len, shown.splitlines())) <= 80


def test_explain_lists_the_checks() -> None:
    shown = run("explain").stdout
    assert set(re.findall(r"^  (SD\d+)  ", shown, flags=re.MULTILINE)) == set(CHECKS)


@pytest.mark.parametrize("code", ["SD201", "sd201"])
def test_explain_shows_a_page_as_it_is_written(code: str) -> None:
    assert run("explain", code).stdout == page("SD201").rstrip("\n") + "\n"


# From a shell


def start(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "steepest", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_a_reader_that_leaves_is_no_error() -> None:
    process = start("explain")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), error) == (0, b"")


def test_a_terminal_without_utf8_gets_ascii() -> None:
    shown, error = start("explain", PYTHONIOENCODING="ascii").communicate(timeout=60)
    assert error == b""
    assert shown.isascii()
    assert b"SD201" in shown


def test_the_tutorial_from_a_shell(tmp_path: Path) -> None:
    arguments = ["--start", "a=0.0121,b=-0.6397,c=0.6416", "--lr", "1e-5", "--steps", "10"]
    shown, error = start(
        "fit", str(specimens.SPEED), specimens.FORMULA, *arguments, "--no-remedies", "--why"
    ).communicate(timeout=120)
    assert error == b""
    text = shown.decode("utf-8")
    assert "\x1b" not in text
    assert not too_long(text, 80)
    assert "Learning rate   just right" in text
    assert re.search(r"step 10  283\.9855 ", text)


def test_the_command_line_is_read_before_anything_else_is_imported() -> None:
    code = (
        "import sys; from steepest.cli import steepest\n"
        "try: steepest(['fit', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    roots = {name.partition(".")[0] for name in answer.stderr.split()}
    assert "click" in roots
    assert roots & {"jax", "numpy", "polars", "rich", "scipy", "sympy", "optax"} == set()
