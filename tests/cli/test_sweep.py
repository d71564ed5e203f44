"""`steepest sweep` on the tutorial's rows: the page, the document, the exit codes.

`STEEPEST_SNAPSHOTS=write python -m pytest tests/cli` writes the snapshots anew.
"""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from steepest.cli import steepest

SNAPSHOTS = Path(__file__).parent / "snapshots"
CURVE = ["sweep", "examples/speed.csv", "speed ~ a*time**2 + b*time + c"]
START = ["--start", "a=0.0121,b=-0.6397,c=0.6416"]
SWEEP = [*CURVE, *START, "--lr", "1e-7:1e-3:33"]


def run(*arguments: str, charset: str = "utf-8") -> Result:
    answer = CliRunner(charset=charset).invoke(steepest, list(arguments))
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


@pytest.mark.parametrize("name", ["sweep", "sweep-whole", "sweep-ascii"])
def test_the_page_reads_as_it_was_approved(name: str) -> None:
    ascii_only, whole = name == "sweep-ascii", ["--why"] if name != "sweep" else []
    answer = run(*SWEEP, *whole, charset="ascii" if ascii_only else "utf-8")
    assert (answer.exit_code, answer.stderr) == (0, "")
    shown = re.sub(r"in [\d.e-]+ s$", "in 1 s", answer.stdout, flags=re.MULTILINE)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("STEEPEST_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")
    assert max(map(len, shown.splitlines())) <= 80
    assert name != "sweep" or len(shown.splitlines()) <= 23


def test_the_document() -> None:
    answer = run(*SWEEP, "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    document = json.loads(answer.stdout)
    assert document.keys() == {
        *("steepest", "command", "problem", "descent", "starts", "goal", "minimum"),
        *("stability_limit", "stability_limit_at", "edge", "rates", "best", "headline"),
        *("not_measured", "options", "seconds"),
    }
    assert document["command"] == "sweep"
    assert document["problem"]["formula"] == CURVE[-1]
    assert document["descent"] == {"optimizer": "gd", "momentum": None, "steps": 1000}
    assert document["starts"] == [{"a": 0.0121, "b": -0.6397, "c": 0.6416}]
    assert document["goal"]["to"] == "within 1 % of the minimum"
    assert document["goal"]["loss"] == pytest.approx(1.01 * document["minimum"]["loss"])
    assert document["stability_limit"] == pytest.approx(3.539863e-5, rel=1e-6)
    assert document["options"]["lr"] == [1e-7, 1e-3, 33]
    rates = document["rates"]
    assert [len(rates), rates[0]["lr"], rates[-1]["lr"]] == [33, 1e-7, 1e-3]
    for rate in [*rates, document["best"]]:
        assert rate.keys() == {
            *("lr", "steps", "limit", "diverged", "lowest_loss", "zone", "how", "trials")
        }
        assert rate["zone"] in ("too small", "just right", "too large")
        assert rate["diverged"] == (rate["lr"] > document["stability_limit"])
        assert rate["how"] == ("run" if rate["diverged"] else "computed")
    below = [rate["lr"] for rate in rates if not rate["diverged"]]
    assert document["edge"] == {
        "largest_stable": below[-1],
        "smallest_diverging": rates[len(below)]["lr"],
    }
    assert document["best"]["steps"] == min(r["steps"] for r in rates if r["steps"] is not None)


def test_options_reach_the_bench() -> None:
    answer = run(
        *("sweep", "examples/speed.csv", "speed ~ b*time + c", "--lr", "1e-3:1e-1:4e0"),
        *("--optimizer", "adam", "--steps", "2e1", "--starts", "2", "--seed", "5"),
        *("--where", "time > 3", "--json"),
    )
    document = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert document["descent"] == {"optimizer": "adam", "momentum": 0.9, "steps": 20}
    assert [document["problem"]["rows"], len(document["rates"]), len(document["starts"])] == [
        *(16, 4, 2)
    ]


BAD: dict[str, tuple[list[str], int, list[str]]] = {
    "one number": (["--lr", "1e-3"], 2, ["'1e-3' is not LOW:HIGH:COUNT"]),
    "two numbers": (["--lr", "1:2"], 2, ["'1:2' is not LOW:HIGH:COUNT"]),
    "no lowest": (["--lr", ":1:5"], 2, ["':1:5'", "not a number"]),
    "text": (["--lr", "a:b:5"], 2, ["'a:b:5'", "not a number"]),
    "no count": (["--lr", "1:2:"], 2, ["'' is not a whole number"]),
    "half a count": (["--lr", "1:2:2.5"], 2, ["'2.5' is not a whole number"]),
    "four numbers": (["--lr", "1:2:3:4"], 2, ["'3:4' is not a whole number"]),
    "steering a terminal": (["--lr", "\x1b[31m"], 2, ["'\\x1b[31m' is not LOW:HIGH:COUNT"]),
    "highest is 0": (["--lr", "1:0:5"], 1, ["positive finite number", "Given: 0."]),
    "negative": (["--lr", "-1:1:5"], 1, ["positive finite number", "Given: -1."]),
    "infinite": (["--lr", "1:inf:5"], 1, ["positive finite number", "Given: inf."]),
    "nan": (["--lr", "nan:1:5"], 1, ["positive finite number", "Given: nan."]),
    "turned round": (["--lr", "1:0.1:5"], 2, ["must lie below the highest", "1 to 0.1"]),
    "count 0": (["--lr", "0.1:1:0"], 2, ["whole number, 1 at least", "Given: 0."]),
    "count -3": (["--lr", "0.1:1:-3"], 2, ["whole number, 1 at least", "Given: -3."]),
    "a billion": (["--lr", "0.1:1:1e9"], 2, ["at most 100,000 descents"]),
    "no starts": (["--starts", "0"], 2, ["number of starts", "Given: 0."]),
    "nothing to draw": ([*START, "--starts", "3"], 2, ["all starts would be the same"]),
    "an option of fit": (["--patience", "3"], 2, ["No such option", "--patience"]),
    "a solver": (["--optimizer", "lbfgs"], 2, ["no learning rate to sweep"]),
    "momentum for gd": (["--momentum", "0.5"], 2, ["gd has no momentum"]),
    "no such column": (["--where", "tim > 3"], 1, ["tim"]),
}


@pytest.mark.parametrize(("arguments", "code", "names"), BAD.values(), ids=BAD)
def test_one_message_and_an_exit_code(arguments: list[str], code: int, names: list[str]) -> None:
    answer = run(*CURVE, *arguments)
    assert (answer.exit_code, answer.stdout) == (code, "")
    message = " ".join(answer.stderr.split())
    assert "Error: " in message
    assert "Traceback" not in message
    for name in names:
        assert name in message
    assert all(c == "\n" or c.isprintable() for c in answer.stderr)


def test_a_missing_file_is_the_inputs_fault() -> None:
    answer = run("sweep", "nowhere.csv", "y ~ a*x")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "nowhere.csv" in answer.stderr


def test_what_is_to_know_of_the_data_is_said_beside_the_page() -> None:
    data = "tests/cases/tables/ambiguous-thousands.csv"
    answer = run("sweep", data, "Preis ~ q*Menge", "--lr", "1e-4:1e-2:3", "--json")
    assert answer.stderr.startswith("Note:")
    assert json.loads(answer.stdout)["command"] == "sweep"
