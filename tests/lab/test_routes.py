"""Every route, with what it should be given and with what it should not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.lab.conftest import Asking

import steepest
from steepest.lab.problem import examples
from steepest.store.store import Store

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "steepest" / "static"
# The list of the bundle's modules is for who checks a release, and no part of the page.
FILES = sorted(path.name for path in STATIC.iterdir() if path.suffix != ".json")


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text[:300]
    return answer.json()


# The page and its files


def test_examples_are_problems_that_say_what_one_learns(lab: Asking) -> None:
    found = ok(lab("GET", "/api/examples"))
    ids = [example["id"] for example in found]
    assert ids == ["speed", "parabola", "rosenbrock", "collinear", "scales", "logistic", "local"]
    for example in found:
        assert example["says"].endswith(".")
        assert example["problem"]["example"] == example["id"]
        assert example["problem"]["upload"] is None


def test_the_example_of_the_tutorial_is_the_one_of_the_checkout() -> None:
    assert examples()["speed"].data == (ROOT / "examples" / "speed.csv").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_static_files_are_served_as_they_are(lab: Asking, name: str) -> None:
    answer = lab("GET", f"/static/{name}", headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.content == (STATIC / name).read_bytes()


def test_the_list_of_modules_is_not_served(lab: Asking) -> None:
    assert (STATIC / "bundle.cdx.json").is_file()
    assert lab("GET", "/static/bundle.cdx.json").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../py.typed",
        "/static/..%2fpy.typed",
        "/static/%2e%2e/__init__.py",
        "/static/%2e%2e%2f__init__.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\..\\x",
        "/static/lab.html%00.js",
        "/static/LAB.HTML",
        "/static/",
        "/static",
        "/static/lab.html/",
        "/api/examples/../../etc/passwd/data",
        "/api/examples/..%2f..%2fetc%2fpasswd/data",
        "/api/examples/parabola/data",
        "/api/runs/..%2f..%2fetc%2fpasswd",
        "/api/runs/%00",
        "/etc/passwd",
    ],
)
def test_no_path_leads_outside(lab: Asking, path: str) -> None:
    answer = lab("GET", path)
    assert answer.status_code == 404
    assert answer.json()["error"].endswith(".")


def test_the_data_of_an_example_is_a_file(lab: Asking) -> None:
    answer = lab("GET", "/api/examples/scales/data")
    assert answer.text.startswith("area,rooms,price\n")
    assert "attachment" in answer.headers["content-disposition"]


# The quick view


@pytest.mark.parametrize("name", list(examples()))
def test_the_view_of_an_example(lab: Asking, name: str) -> None:
    answer = lab.post("/api/live", {"example": name})
    found = ok(answer)
    assert len(answer.content) < 400_000
    rates, frames = found["rates"], found["frames"]
    assert len(rates) == 121
    assert rates == sorted(rates)
    assert examples()[name].problem.options.rate in rates
    assert frames[0] == 0
    assert len(frames) <= 41
    for many in (found["steps"], found["diverged"], found["values"], found["loss"]):
        assert len(many) == len(rates)
    shape = (len(rates), len(frames), len(found["weights"]))
    assert np.array(found["values"], dtype=float).shape == shape
    low, high = found["zones"][0]["low"], found["zones"][-1]["high"]
    assert (low, high) == pytest.approx((rates[0], rates[-1]))
    for one, other in zip(found["zones"], found["zones"][1:], strict=False):
        assert one["high"] == other["low"]
        assert one["label"] != other["label"]
    words = [zone["word"] for zone in found["zones"]]
    # Who gets over the barrier there does so by luck.
    assert ("just right" in words) == (name != "local")
    assert words[-1] == "too large"
    assert (found["contour"] is None) == (len(found["weights"]) == 1)


def test_what_does_not_depend_on_the_start_can_be_left_out(lab: Asking) -> None:
    plane = {"weights": ["a", "c"], "x": [0, 1], "y": [-50, 50]}
    problem = {"example": "speed", "drag": {"a": 0.5}, "again": True}
    found = ok(lab.post("/api/live", problem))
    assert "model" not in found
    assert found["contour"] is None
    assert found["start"] == {"a": 0.5, "b": -0.6397, "c": 0.6416}
    seen = ok(lab.post("/api/live", {**problem, "plane": plane}))["contour"]
    assert seen["weights"] == ["a", "c"]
    assert (seen["grid_x"][0], seen["grid_x"][-1]) == (0, 1)
    assert (seen["grid_y"][0], seen["grid_y"][-1]) == (-50, 50)


def test_a_row_with_another_target_is_a_copy_of_the_data(lab: Asking) -> None:
    content = b'city;x;y\n"Rome; old";1,5;2\nParis;2,5;-1\n'
    as_csv = {"content-type": "text/csv"}
    known = lab(
        "POST", "/api/upload", content=content, headers={**as_csv, "x-name": "cities.csv"}
    ).json()
    problem = {"upload": known["upload"], "formula": "y ~ a*x + b", "row": 1, "value": 1e-3}
    moved = lab("POST", "/api/move", json=problem)
    assert (moved.status_code, moved.json()["name"]) == (201, "cities-moved.csv")
    text = lab("GET", f"/api/uploads/{moved.json()['upload']}").text
    assert text == "city,x,y\nRome; old,1.5,2\nParis,2.5,0.001\n"
    # The data as they were are there still.
    assert "Paris,2.5,-1" in lab("GET", f"/api/uploads/{known['upload']}").text
    assert lab("GET", "/api/uploads/none").status_code == 400


@pytest.mark.parametrize(
    "extra",
    [
        {"row": 20},
        {"row": -1},
        {"row": True},
        {"row": 1.5},
        {"row": None},
        {"value": "1"},
        {"value": None},
        {"formula": "log(speed + 9) ~ a*time + b", "start": {}},
    ],
    ids=str,
)
def test_a_wrong_row_is_told(lab: Asking, extra: dict[str, Any]) -> None:
    problem = {"example": "speed", "row": 3, "value": 1.0}
    assert lab("POST", "/api/move", json=problem).status_code == 201
    answer = lab("POST", "/api/move", json=problem | extra)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_dragging_is_in_the_units_of_the_figures(lab: Asking) -> None:
    """After scaling a weight of the figures is not that of the problem; the start says which."""
    problem = {"example": "speed", "standardize": True, "steps": 5, "drag": {"a": 2.0, "c": -1.0}}
    found = ok(lab.post("/api/live", problem))
    place = [found["weights"].index(name) for name in ("a", "c")]
    assert [found["values"][0][0][p] for p in place] == [2.0, -1.0]
    moved = {"example": "speed", "standardize": True, "steps": 5, "start": found["start"]}
    again = ok(lab.post("/api/live", moved))
    assert again["values"][0][0] == pytest.approx(found["values"][0][0], rel=1e-5)


def test_a_solver_has_no_learning_rate(lab: Asking) -> None:
    found = ok(lab.post("/api/live", {"example": "speed", "optimizer": "lm"}))
    assert found["rates"] == found["zones"] == found["values"] == []
    assert "by itself" in found["notes"][0]


def value_of(program: list[list[Any]], names: dict[str, Any]) -> Any:
    """A stack machine as the page has one, for the operations of the case below."""
    binary = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power}
    stack: list[Any] = []
    for op, *rest in program:
        if op == "number":
            stack.append(rest[0])
        elif op in ("weight", "column"):
            stack.append(names[rest[0]])
        elif op == "negate":
            stack.append(-stack.pop())
        elif op == "call":
            assert rest[1] == 1
            value = stack.pop()
            stack.append(np.exp(value) if rest[0] == "exp" else 1 / (1 + np.exp(-value)))
        else:
            second = stack.pop()
            stack.append(binary[op](stack.pop(), second))
    (found,) = stack
    return found


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("example", "formula"),
    [
        ("speed", "speed ~ a*time**2 + b*time + c"),
        ("speed", "speed ~ a*exp(-b*time/10) - c"),
        ("scales", "price ~ a*area + b*rooms + c"),
        ("logistic", "passed ~ sigmoid(a*hours + b)"),
    ],
)
def test_the_page_can_compute_the_model(
    lab: Asking, example: str, formula: str, standardize: bool
) -> None:
    """The mean squared error of the program's values is the loss of the first frame."""
    problem = {
        **{"example": example, "formula": formula, "loss": "mse", "steps": 3},
        **{"standardize": standardize, "start": {"a": 0.3, "b": -0.2}},
    }
    found = ok(lab.post("/api/live", problem))
    model, rows = found["model"], found["model"]["rows"]
    weights = dict(zip(found["weights"], found["values"][0][0], strict=True))
    inputs = {name: np.array(column) for name, column in rows["inputs"].items()}
    predicted = value_of(model["program"], {**weights, **inputs})
    loss = float(np.mean((predicted - np.array(rows["target"])) ** 2))
    assert loss == pytest.approx(found["loss"][0][0], rel=1e-4)


# The judged run


def test_the_board_is_the_run_of_the_command_line(lab: Asking) -> None:
    found = ok(lab.post("/api/board", {"example": "speed"}))
    run = steepest.fit(
        ROOT / "examples" / "speed.csv",
        "speed ~ a*time**2 + b*time + c",
        start={"a": 0.0121, "b": -0.6397, "c": 0.6416},
        lr=1e-5,
        steps=10,
        remedies=False,
    )
    mine = json.loads(json.dumps(run.figures().to_dict()))
    assert found["board"] == mine
    assert found["document"]["descent"]["final_loss"] == run.loss
    assert found["command"] == (
        "steepest fit speed.csv 'speed ~ a*time**2 + b*time + c' --lr 1e-05 --steps 10 "
        "--start a=0.0121,b=-0.6397,c=0.6416"
    )
    assert "steepest.fit('speed.csv'" in found["python"]
    assert "import torch" in found["pytorch"]
    assert found["equations"]["partials"]["a"].startswith("<math")


def test_a_remedy_can_be_tried(lab: Asking) -> None:
    """Its problem, asked for, does what the remedy promises."""
    found = ok(lab.post("/api/remedies", {"example": "speed"}))["remedies"]
    best = found[0]
    assert best["change"] == "standardize"
    assert best["reached"]
    assert best["problem"]["standardize"] is True
    assert best["problem"]["example"] == "speed"
    tried = ok(lab.post("/api/board", best["problem"]))
    assert tried["document"]["descent"]["goal_step"] == best["measured_steps"]
    assert tried["document"]["descent"]["final_loss"] == pytest.approx(best["measured_loss"])


def test_a_race_is_from_one_start_and_as_long_as_each_needs(lab: Asking) -> None:
    problem = {"example": "rosenbrock", "optimizers": ["gd", "adam"]}
    racers = ok(lab.post("/api/race", problem))["racers"]
    assert [racer["optimizer"] for racer in racers] == ["gd", "adam"]
    for racer in racers:
        assert racer["frames"][-1] == racer["steps"]
        assert racer["values"][0] == [-1.5, 2]
        assert len(racer["values"]) == len(racer["loss"]) == len(racer["frames"])
        assert racer["loss"][-1] < racer["loss"][0]


def test_the_report_is_a_page_of_its_own(lab: Asking) -> None:
    answer = lab.post("/api/report", {"example": "parabola"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "<!doctype html>" in answer.text


# Uploads


def test_an_upload_can_be_fitted(lab: Asking) -> None:
    rows = "".join(f"{x},{3 * x + 1}\n" for x in range(12))
    found = ok(lab.upload(f"x,y\n{rows}".encode(), "my%20line.csv"), 201)
    assert found["name"] == "my line.csv"
    assert found["columns"] == ["x", "y"]
    assert found["rows"] == 12
    assert found["preview"][0] == ["0", "1"]
    assert found["notes"] == []
    problem = {"upload": found["upload"], "command": "fit", "formula": "y ~ a*x + b"}
    board = ok(lab.post("/api/board", problem))
    assert board["command"] == "steepest fit 'my line.csv' 'y ~ a*x + b'"
    assert ok(lab.post("/api/live", problem))["minimum"]["weights"]["a"] == pytest.approx(3)


def test_what_a_file_holds_is_text_to_the_lab(lab: Asking) -> None:
    content = (
        b'"<script>alert(1)</script>",y,kind\n1,2,"<img src=x onerror=alert(1)>"\n2,,b\n3,4,c\n'
    )
    found = ok(lab.upload(content, "%3Cb%3E.csv"), 201)
    assert found["columns"][0] == "<script>alert(1)</script>"
    assert found["preview"][0][2] == "<img src=x onerror=alert(1)>"
    assert found["name"] == "<b>.csv"
    assert found["notes"] == [
        "kind holds text, so no formula can use it.",
        "y has no finite number in 1 row.",
    ]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:%5Cdata%5Cx.csv", "x.csv"),
        ("--store=x.csv", "store=x.csv"),
        ("%00%0a%1b[31m.csv", "[31m.csv"),
        ("", "data.csv"),
        ("..", "data.csv"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_name_is_no_path_and_no_option(lab: Asking, name: str, kept: str) -> None:
    assert ok(lab.upload(b"x,y\n1,2\n2,3\n", name), 201)["name"] == kept


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"\x00\x01\x02", "NUL", id="binary"),
        pytest.param(b"PK\x03\x04rest", "zip", id="zip"),
        pytest.param(b"1,2\n3,4\n", "header", id="no-header"),
        pytest.param(b"x,x\n1,2\n", "two columns", id="twice"),
        pytest.param(b"x,y\n1\n", "cell", id="ragged"),
        pytest.param(b'x,y\n"1,2\n', "never closed", id="quote"),
        pytest.param(b"," * 60_000 + b"\n", "columns", id="many-columns"),
        pytest.param(b"x\n" + b"1" * 200_000, "too long", id="long-line"),
        pytest.param(b"\xff\xfe\x00", "", id="half-a-mark"),
    ],
)
def test_a_file_that_cannot_be_read(lab: Asking, content: bytes, words: str) -> None:
    answer = lab.upload(content)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_the_latest_twenty_uploads_are_kept(lab: Asking) -> None:
    ids = [ok(lab.upload(b"x,y\n1,2\n2,5\n3,4\n"), 201)["upload"] for _ in range(21)]
    problem = {"command": "fit", "formula": "y ~ a*x"}
    gone = lab.post("/api/live", {**problem, "upload": ids[0]})
    assert gone.status_code == 400
    assert "no longer kept" in gone.json()["error"]
    assert lab.post("/api/live", {**problem, "upload": ids[-1]}).status_code == 200


# What is wrong


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        pytest.param({}, "formula", id="empty"),
        pytest.param({"formula": ""}, "formula", id="no-formula"),
        pytest.param({"formula": 3}, "formula", id="formula-no-text"),
        pytest.param({"formula": "x +"}, "", id="unfinished"),
        pytest.param({"formula": "__import__('os')"}, "", id="code"),
        pytest.param({"formula": "9**9**9**9*x"}, "", id="huge"),
        pytest.param({"formula": "x*" * 400 + "x"}, "600", id="long"),
        pytest.param({"formula": "x", "command": "train"}, "command", id="command"),
        pytest.param({"formula": "y ~ a*x", "command": "fit"}, "data", id="no-data"),
        pytest.param({"example": "none"}, "example", id="no-example"),
        pytest.param({"example": ["speed"]}, "example", id="example-no-name"),
        pytest.param({"upload": "none", "formula": "y ~ a*x"}, "kept", id="no-upload"),
        pytest.param({"example": "speed", "optimizer": "newton"}, "optimizer", id="optimizer"),
        pytest.param({"example": "speed", "loss": "l3"}, "loss", id="loss"),
        pytest.param({"example": "speed", "lr": 0}, "positive", id="lr-zero"),
        pytest.param({"example": "speed", "lr": "fast"}, "lr", id="lr-word"),
        pytest.param({"example": "speed", "steps": -1}, "negative", id="steps"),
        pytest.param({"example": "speed", "steps": 1e12}, "steps", id="many-steps"),
        pytest.param({"example": "speed", "steps": 1.5}, "whole", id="half-a-step"),
        pytest.param({"example": "speed", "start": {"q": 1}}, "weight", id="no-weight"),
        pytest.param({"example": "speed", "start": {"a": "1"}}, "number", id="start-text"),
        pytest.param({"example": "speed", "start": [1]}, "start", id="start-list"),
        pytest.param({"example": "speed", "momentum": 0.9}, "momentum", id="momentum"),
        pytest.param({"example": "speed", "batch_size": 0}, "", id="batch"),
        pytest.param({"example": "speed", "standardize": 1}, "standardize", id="truth"),
        pytest.param({"example": "parabola", "standardize": True}, "rows", id="no-rows"),
        pytest.param({"example": "speed", "seed": -1}, "seed", id="seed"),
        pytest.param({"example": "speed", "tab": "a"}, "turn", id="no-turn"),
        pytest.param({"example": "speed", "tab": 1, "turn": 1}, "tab", id="tab"),
        pytest.param({"example": "speed", "tab": "a", "turn": True}, "turn", id="turn"),
    ],
)
@pytest.mark.parametrize("path", ["/api/live", "/api/board"])
def test_a_wrong_problem_is_told(
    lab: Asking, path: str, problem: dict[str, Any], words: str
) -> None:
    answer = lab.post(path, problem)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]
    assert answer.json()["error"].rstrip().endswith((".", "?"))
    assert "Traceback" not in answer.text


def test_a_formula_is_pointed_at(lab: Asking) -> None:
    found = lab.post("/api/live", {"formula": "x + spam(x)", "start": {"x": 1}}).json()
    assert found["field"] == "formula"
    assert found["formula"][found["column"] :][: found["length"]] == "spam"


@pytest.mark.parametrize(
    "extra",
    [
        {"drag": 1},
        {"drag": {"a": None}},
        {"drag": {"q": 1}},
        {"plane": 1},
        {"plane": {}},
        {"plane": {"weights": ["a"], "x": [0, 1], "y": [0, 1]}},
        {"plane": {"weights": ["a", "a"], "x": [0, 1], "y": [0, 1]}},
        {"plane": {"weights": ["a", "q"], "x": [0, 1], "y": [0, 1]}},
        {"plane": {"weights": ["a", "b"], "x": [1, 0], "y": [0, 1]}},
        {"plane": {"weights": ["a", "b"], "x": [0, "1"], "y": [0, 1]}},
    ],
    ids=json.dumps,
)
def test_a_wrong_drag_or_plane_is_told(lab: Asking, extra: dict[str, Any]) -> None:
    answer = lab.post("/api/live", {"example": "speed", **extra})
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "optimizers", [None, [], "gd", ["gd", "gd"], ["lbfgs"], ["spam"], [1], ["gd"] * 50]
)
def test_a_wrong_race_is_told(lab: Asking, optimizers: Any) -> None:
    answer = lab.post("/api/race", {"example": "parabola", "optimizers": optimizers})
    assert answer.status_code == 400


def test_bodies_have_a_size_and_a_type(lab: Asking) -> None:
    large = b" " * 100_001
    as_json = {"content-type": "application/json"}
    assert lab("POST", "/api/live", content=large, headers=as_json).status_code == 413
    assert lab("POST", "/api/live", content=b"{", headers=as_json).status_code == 400
    assert lab("POST", "/api/live", content=b"[]", headers=as_json).status_code == 400
    assert lab("POST", "/api/live", content=b"NaN", headers=as_json).status_code == 400
    assert lab("POST", "/api/live", content=b"[" * 90_000, headers=as_json).status_code == 400
    assert lab("POST", "/api/live", content=b"{}").status_code == 415
    as_csv = {"content-type": "text/csv"}
    assert lab("POST", "/api/upload", content=b"x,y\n1,2\n", headers=as_json).status_code == 415
    assert lab("POST", "/api/live", content=b"{}", headers=as_csv).status_code == 415


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        pytest.param({"content-length": "20000001"}, 413, "20,000,000", id="told"),
        pytest.param({"content-length": "9" * 400}, 413, "20,000,000", id="told-absurdly"),
        pytest.param({"content-length": "1"}, 413, "20,000,000", id="told-wrongly"),
        pytest.param({}, 411, "Content-Length", id="not-told"),
        pytest.param({"content-length": "-1"}, 411, "Content-Length", id="less-than-nothing"),
    ],
)
def test_an_upload_that_is_too_large_is_refused(
    lab: Asking, headers: dict[str, str], status: int, words: str
) -> None:
    async def parts() -> Any:
        for _ in range(21):
            yield b"1" * 1_000_000

    given = {"content-type": "text/csv", **headers}
    answer = lab("POST", "/api/upload", content=parts(), headers=given)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/live"), ("POST", "/api/examples"), ("PUT", "/"), ("DELETE", "/api/upload")],
)
def test_another_method_is_refused(lab: Asking, method: str, path: str) -> None:
    answer = lab(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]


# Runs


@pytest.fixture(scope="module")
def kept(store: Store) -> str:
    run = steepest.minimize("x**2", start={"x": 1.0}, lr=0.1, steps=20, remedies=False, store=store)
    assert run.id is not None
    return run.id


def test_a_network_is_trained_into_the_store(lab: Asking) -> None:
    listed = ok(lab("GET", "/api/networks"))
    assert [network["id"] for network in listed] == ["three-or-seven", "three-or-seven-too-large"]
    answered = lab("POST", "/api/networks/three-or-seven", json={})
    assert answered.status_code == 201, answered.text
    found = ok(lab("GET", f"/api/runs/{answered.json()['run']}"))
    assert found["summary"]["command"] == "train"
    kinds = {figure["kind"] for figure in found["board"]["figures"]}
    assert kinds >= {"epochs", "confusion", "rates", "pictures"}
    refused = lab("POST", "/api/networks/..%2fspeed", json={})
    assert refused.status_code in (400, 404), refused.text


def test_runs_are_listed_and_opened(lab: Asking, kept: str) -> None:
    listed = ok(lab("GET", "/api/runs"))
    assert kept in listed["ids"]
    summary = next(one for one in listed["runs"] if one["id"] == kept)
    assert summary["formula"] == "x**2"
    assert ok(lab("GET", f"/api/runs?since={listed['now'] + 3600}"))["runs"] == []
    assert ok(lab("GET", f"/api/runs?since={listed['now'] - 3600}"))["runs"]
    found = ok(lab("GET", f"/api/runs/{kept}"))
    assert found["document"]["run"] == kept
    assert found["board"]["formula"] == "x**2"
    page = lab("GET", f"/api/runs/{kept}/report")
    assert "<!doctype html>" in page.text


@pytest.mark.parametrize(
    ("kind", "begins"), [("json", "{"), ("csv", "step,"), ("pytorch", '"""'), ("jax", '"""')]
)
def test_a_run_is_exported(lab: Asking, kept: str, kind: str, begins: str) -> None:
    answer = lab("GET", f"/api/runs/{kept}/export?to={kind}")
    assert answer.status_code == 200
    assert answer.text.startswith(begins)
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_run_is_deleted_by_its_whole_id(lab: Asking, store: Store) -> None:
    run = steepest.minimize("x**4", start={"x": 1.0}, steps=5, remedies=False, store=store)
    assert run.id is not None
    assert lab("DELETE", f"/api/runs/{run.id[:-1]}").status_code == 404
    assert ok(lab("DELETE", f"/api/runs/{run.id}")) == {"deleted": run.id}
    assert lab("GET", f"/api/runs/{run.id}").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/api/runs?since=x", "/api/runs?since=nan", "/api/runs/{kept}/export?to=exe"],
)
def test_wrong_questions_about_runs(lab: Asking, kept: str, path: str) -> None:
    assert lab("GET", path.format(kept=kept)).status_code == 400


def test_a_store_that_is_none_is_told(lab: Asking, tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    path.write_text("this is no store")
    from steepest.lab.runs import Runs

    before, lab.lab._runs = lab.lab._runs, Runs(Store(path))
    try:
        answer = lab("GET", "/api/runs")
    finally:
        lab.lab._runs = before
    assert answer.status_code == 409
    assert answer.json()["error"]


def test_numbers_that_are_not_finite_come_through(lab: Asking) -> None:
    problem = {"formula": "-exp(x)", "start": {"x": 1}, "lr": 50, "steps": 30}
    found = ok(lab.post("/api/live", problem))
    assert any(loss is None or not math.isfinite(loss) for row in found["loss"] for loss in row)
    assert any(found["diverged"])
    assert ok(lab.post("/api/board", problem))["document"]["descent"]["stopped"] == "diverged"
