"""What is at fault is said in one message, with exit code 1, and nothing half-done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from steepest.cli import steepest

ROWS = "x,y\n0,1\n1,3\n2,5.5\n3,7\n"
LINE = "y ~ a*x + b"

# id: the file (None: there is none), the formula, further options, what the message must name
CASES: dict[str, tuple[str | None, str, list[str], list[str]]] = {
    "missing file": (None, LINE, [], ["data.csv"]),
    "empty file": ("", LINE, [], ["data.csv", "empty"]),
    "header only": ("x,y\n", LINE, [], ["no rows"]),
    "a mistyped column": (
        "time,y\n1,2\n2,3\n",
        "y ~ a*tme + b",
        [],
        ["no column tme", "Did you mean time?", "--start tme="],
    ),
    "text column": ("x,y\na,1\nb,2\nc,3\n", LINE, [], ["x", '"a"']),
    "text target": ("x,y\n1,u\n2,v\n3,w\n", LINE, [], ["y", '"u"']),
    "all missing": ("x,y\n,1\n,2\n,3\n", LINE, [], ["x", "missing"]),
    "unknown name": (ROWS, "yy ~ a*x", [], ["yy", "Did you mean y?"]),
    "unknown function": (ROWS, "y ~ a*sqr(x)", [], ["sqr", "sqrt"]),
    "weight twice": (ROWS, LINE, ["--start", "a=1,a=2"], ["a", "twice"]),
    "unknown weight": (ROWS, LINE, ["--start", "c=1"], ["c", "a, b"]),
    "start is no number": (ROWS, LINE, ["--start", "a=one"], ["a", "number"]),
    "bounds the wrong way": (ROWS, LINE, ["--bounds", "a=2:1"], ["a", "below"]),
    "no weights": (ROWS, "y ~ 2*x", [], ["weight"]),
    "tower of powers": (ROWS, "y ~ a*9**9**9**9", [], ["9**9**9**9"]),
    "import": (ROWS, "y ~ __import__('os')", [], ["__import__('os')"]),
    "10,000 parentheses": (ROWS, "y ~ " + "(" * 10_000 + "a" + ")" * 10_000, [], ["500"]),
    "division by zero": (ROWS, "y ~ 1/0*a", [], ["1/0*a"]),
    "lr 0": (ROWS, LINE, ["--lr", "0"], ["learning rate", "positive", "0"]),
    "lr -1": (ROWS, LINE, ["--lr", "-1"], ["learning rate", "positive", "-1"]),
    "lr nan": (ROWS, LINE, ["--lr", "nan"], ["learning rate", "finite", "nan"]),
    "lr inf": (ROWS, LINE, ["--lr", "inf"], ["learning rate", "finite", "inf"]),
    "ragged line": ("x,y\n0,1\n1,3,9\n2,5\n", LINE, [], ["Line 3"]),
    "overflow": (ROWS + "1e400,3\n", LINE, [], ["x", "1e400"]),
    "squares overflow": (ROWS + "2e200,3\n", LINE, [], ["squares", "2e+200", "larger unit"]),
    "squares of the target overflow": (ROWS + "4,2e200\n", LINE, [], ["squares", "2e+200"]),
    "squares underflow": ("x,y\n0,1e-160\n1,3e-160\n2,5e-160\n", LINE, [], ["squares", "5e-160"]),
    "squares of a curve": (ROWS + "4,2e200\n", "y ~ a*exp(b*x)", [], ["squares", "2e+200"]),
    "held but not at its start": (ROWS, LINE, ["--fix", "a=1", "--start", "a=2"], ["a", "held"]),
    "held outside its bounds": (ROWS, LINE, ["--fix", "a=1", "--bounds", "a=2:"], ["a", "bounds"]),
    "steering a terminal": (ROWS, "y ~ a*\x1b[31mx", [], ["y ~ a*"]),
}


def told(error: str, names: list[str]) -> None:
    assert error.startswith("Error: ")
    assert "Traceback" not in error
    message = " ".join(error.split())
    for name in names:
        assert name in message
    # What is no terminal gets one line; below it stands a formula with a caret.
    _, *formula = error.splitlines()
    assert len(formula) in (0, 2)
    assert all(len(line) <= 80 for line in formula)
    assert not any(c != "\n" and not c.isprintable() for c in error)


KINDS = {1: ("input", "formula", "store", "fetch"), 2: ("usage", "not installed")}
"""Exit code -> what may have been the matter."""


def for_programs(answer: Result, command: str | None) -> None:
    """The document in place of a result has the message of standard error."""
    document = json.loads(answer.stdout)
    assert list(document) == ["steepest", "command", "error"]
    assert document["command"] == command
    error = document["error"]
    assert list(error) == ["kind", "message", "problem", "given", "instead", "exit_code", "place"]
    assert error["exit_code"] == answer.exit_code
    assert error["kind"] in KINDS[answer.exit_code]
    said, *below = answer.stderr.partition("Error: ")[2].splitlines()
    message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in error["message"])
    if "..." not in said:  # Long words are shortened for a person.
        assert said == message.partition("\n")[0]
    place = error["place"]
    assert (place is not None) == (len(below) == 2 and below[1].strip().startswith("^"))
    if place is not None:
        under = below[1].index("^")
        pointed_at = place["formula"][place["column"] :][:1]
        assert below[0][under : under + 1] == (pointed_at if pointed_at.isprintable() else "?")


@pytest.mark.parametrize(("content", "formula", "options", "names"), CASES.values(), ids=CASES)
def test_one_message_and_exit_code_1(
    content: str | None,
    formula: str,
    options: list[str],
    names: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("data.csv").write_text(content, "utf-8")
    before = sorted(tmp_path.iterdir())
    for extra in ([], ["--json"]):
        answer = CliRunner().invoke(steepest, ["fit", "data.csv", formula, *options, *extra])
        assert answer.exception is None or isinstance(answer.exception, SystemExit)
        assert answer.exit_code == 1
        told(answer.stderr, names)
        if extra:
            for_programs(answer, "fit")
        else:
            assert answer.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_row_with_a_missing_value_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(ROWS + "4,\n", "utf-8")
    answer = CliRunner().invoke(steepest, ["fit", str(path), LINE, "--steps", "5", "--no-remedies"])
    assert answer.exit_code == 0
    assert "SD301  warning  1 of 5 rows" in answer.stdout


@pytest.mark.parametrize("digits", [19, 30, 300])
def test_more_steps_than_can_be_counted(digits: int) -> None:
    answer = CliRunner().invoke(steepest, ["minimize", "x**2", "--steps", "9" * digits])
    assert (answer.exit_code, answer.stdout) == (2, "")
    told(answer.stderr, ["--steps", f"{digits} digits", "--time-limit"])


# id: the command line, what the message must name
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "endless steps": (["minimize", "x**2", "--steps", "9" * 9000], ["--steps", "9,000 digits"]),
    "endless negative steps": (["minimize", "x", "--steps", "-" + "9" * 200], ["200 digits"]),
    "endless word": (["minimize", "x**2", "--lr", "q" * 9000], ["--lr", "nor auto"]),
    "endless option": (["minimize", "x**2", "--" + "q" * 9000], ["No such option"]),
    "endless command": (["q" * 9000], ["There is no command"]),
    "option of the group": (["--nothing"], ["No such option", "--nothing"]),
    "choices": (["fit", "a", "b", "--optimizer", "newton"], ["--optimizer", "adamw", "lbfgs"]),
    "steering a terminal": (["minimize", "x", "--loss[31m"], ["No such option"]),
    "many arguments": (["fit", *("word " * 60).split()], ["unexpected extra arguments"]),
    "below runs": (["runs", "show", "a", "--nothing"], ["--nothing"]),
}


@pytest.mark.parametrize(("arguments", "names"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_line_at_fault(arguments: list[str], names: list[str]) -> None:
    answer = CliRunner().invoke(steepest, arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    command = " ".join(arguments[: 2 if arguments[0] == "runs" else 1])
    known = command.split(" ")[0] in steepest.commands
    for_programs(CliRunner().invoke(steepest, [*arguments, "--json"]), command if known else None)
    usage, _, error = answer.stderr.partition("Error: ")
    assert len(answer.stderr) < 800
    assert all(len(line) <= 80 for line in usage.splitlines())
    told(f"Error: {error}", names)


EXPRESSIONS: dict[str, tuple[list[str], list[str]]] = {
    "no variables": (["2 + 3"], ["weight"]),
    "a power for a caret": (["x^2"], ["**"]),
    "unknown variable": (["x**2", "--start", "z=1"], ["z", "x"]),
    "text in the start": (["x**2", "--start", "x"], ["--start", "name=number"]),
}


@pytest.mark.parametrize(("arguments", "names"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_that_cannot_be_minimized(arguments: list[str], names: list[str]) -> None:
    answer = CliRunner().invoke(steepest, ["minimize", *arguments])
    assert (answer.exit_code, answer.stdout) == (1, "")
    told(answer.stderr, names)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["fit", "nowhere.csv", LINE], id="missing file"),
        pytest.param(["minimize", "9**9**9**9*x"], id="tower of powers"),
    ],
)
def test_the_same_from_a_shell(arguments: list[str]) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "steepest", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    told(answer.stderr, [])
