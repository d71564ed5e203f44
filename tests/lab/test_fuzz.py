"""Whatever is sent: an answer, or a 4xx and a sentence. Never a 500, never a traceback."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.lab.conftest import Asking

MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
FEWER = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
# Formulas of one shape, so that few of them are compiled; others are texts at random.
formulas = st.sampled_from(["speed ~ a*time + b", "x**2", "speed ~ a*time**2 + b*time + c"])
numbers = st.floats() | st.integers(-10, 10**7)
weights = st.sampled_from(["a", "b", "c", "x", "time", "", "é", "__class__"])
problems = st.fixed_dictionaries(
    {},
    optional={
        "example": st.sampled_from(["speed", "parabola", "nothing", ""]) | anything,
        "upload": st.none() | anything,
        "command": st.sampled_from(["fit", "minimize"]) | anything,
        "formula": formulas | st.text(max_size=40) | anything,
        "loss": st.sampled_from(["mse", "mae", "huber"]) | anything,
        "optimizer": st.sampled_from(["gd", "momentum", "lm"]) | anything,
        "momentum": st.none() | numbers | anything,
        "lr": st.just("auto") | numbers | anything,
        "steps": st.integers(-2, 50) | anything,
        "start": st.dictionaries(weights, numbers, max_size=3) | anything,
        "standardize": st.booleans() | anything,
        "rescale": st.booleans() | anything,
        "seed": st.integers(-1, 3) | anything,
        "batch_size": st.none() | anything,
        "drag": st.none() | st.dictionaries(weights, numbers, max_size=2) | anything,
        "row": st.integers(-2, 25) | anything,
        "value": numbers | anything,
        "plane": st.none() | anything,
        "again": st.booleans() | anything,
        "optimizers": st.lists(st.sampled_from(["gd", "lm", "sgd"]), max_size=2) | anything,
        "tab": st.text(max_size=3) | anything,
        "turn": st.integers() | anything,
    },
)
posts = st.sampled_from(
    [
        *("/api/live", "/api/board", "/api/remedies", "/api/race", "/api/report", "/api/upload"),
        "/api/move",
        "/api/networks/nothing",
    ]
)


def is_told(answer: Any) -> None:
    assert answer.status_code < 500, answer.text[:500]
    assert "Traceback" not in answer.text[:2000]
    assert 'File "' not in answer.text[:2000]
    if answer.status_code >= 400:
        found = answer.json()
        assert isinstance(found["error"], str)
        assert found["error"]


@FEWER
@given(problem=problems)
def test_any_problem_gets_a_view_or_a_sentence(lab: Asking, problem: dict[str, Any]) -> None:
    body = json.dumps(problem).encode()
    is_told(lab("POST", "/api/live", content=body, headers={"content-type": "application/json"}))


@MANY
@given(path=posts, problem=anything)
def test_any_json_is_answered(lab: Asking, path: str, problem: Any) -> None:
    body = json.dumps(problem).encode()
    is_told(lab("POST", path, content=body, headers={"content-type": "application/json"}))


@MANY
@given(
    path=posts, body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/csv"])
)
def test_any_bytes_are_answered(lab: Asking, path: str, body: bytes, kind: str) -> None:
    is_told(lab("POST", path, content=body, headers={"content-type": kind}))


@MANY
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    parts=st.lists(
        st.sampled_from(["api", "runs", "static", "examples", "..", "%2e%2e", "%2f", "data", "x"])
        | st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=5),
        max_size=5,
    ),
    query=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=10),
)
def test_any_path_is_answered(lab: Asking, method: str, parts: list[str], query: str) -> None:
    path = "/" + "/".join(part.replace("?", "").replace("#", "") for part in parts)
    answer = lab(method, f"http://127.0.0.1:8765{path}?{query}".replace("#", ""))
    if method != "HEAD" and path != "/":
        is_told(answer)
    assert answer.status_code < 500
    assert b"root:" not in answer.content


@MANY
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["host", "origin", "cookie", "authorization", "content-type", "x-name", "range"]
        ),
        st.binary(max_size=30).map(lambda b: bytes(c for c in b if c >= 32 and c != 127)),
        max_size=4,
    ),
    path=st.sampled_from(["/", "/api/examples", "/api/upload", "/static/lab.html", "/?token=x"]),
)
def test_any_headers_are_answered(lab: Asking, headers: dict[str, bytes], path: str) -> None:
    method = "POST" if path == "/api/upload" else "GET"
    assert lab(method, path, headers=headers, content=b"x,y\n1,2\n").status_code < 500
