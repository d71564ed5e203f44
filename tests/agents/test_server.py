"""`steepest mcp` answers the official SDK's own client over stdio, whatever it is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import CallToolResult
from tests import specimens
from tests.lab.conftest import in_a_loop

import steepest
from steepest.checks import CHECKS
from steepest.cli import steepest as command
from steepest.run import keeping
from steepest.store.store import Store

COMMAND = [sys.executable, "-m", "steepest", "mcp"]
TUTORIAL: dict[str, Any] = {"lr": 1e-5, "steps": 10, "start": {"a": 0.0, "b": 0.0, "c": 0.0}}
SPEED = ("speed.csv", specimens.FORMULA)
LINE = {"x": [0, 1, 2, 3], "y": [1, 3, 5, 7]}

# What is asked, in this order: a name, the tool, its arguments.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "tutorial": ("fit", {"data": SPEED[0], "formula": SPEED[1], **TUTORIAL}),
    "part": ("rest", {"result": "result-1", "part": "weights.a.pulls.0"}),
    "columns": ("fit", {"data": LINE, "formula": "y ~ a*x + b", "bounds": {"b": [0, "Infinity"]}}),
    "divergence": ("minimize", {"expression": "x**2", "start": {"x": 3}, "lr": 1.1}),
    "sweep": ("sweep", {"data": LINE, "formula": "y ~ a*x + b", "lr": [1e-3, 0.1, 1.0]}),
    "page": ("explain", {"what": "SD201"}),
    "word": ("explain", {"what": "zero_grad"}),
    "list": ("explain", {}),
    "log": ("judge", {"log": "log.csv"}),
}

# Name: the tool, its arguments, the kind of error, what its message has.
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a tool": ("shell", {"run": "ls"}, "usage", "no such tool"),
    "an argument": ("fit", {"data": LINE, "formula": "y ~ a*x", "stepz": 3}, "usage", "steps?"),
    "saving": ("fit", {"data": LINE, "formula": "y ~ a*x", "save": True}, "usage", "argument"),
    "a store": ("judge", {"log": "log.csv", "store": "x.db"}, "usage", "no such argument"),
    "no formula": ("fit", {"data": LINE}, "usage", "formula is missing"),
    "data of no kind": ("fit", {"data": 3, "formula": "y ~ a*x"}, "usage", "path of a file"),
    "text for columns": ("fit", {"data": {"x": "abc"}, "formula": "x ~ a"}, "usage", "columns"),
    "a nested column": ("fit", {"data": {"x": [[1], {}]}, "formula": "x ~ a"}, "input", "x"),
    "standard input": ("fit", {"data": "-", "formula": "y ~ a*x"}, "input", "no such file"),
    "a way out": ("fit", {"data": "../out.csv", "formula": "y ~ a*x"}, "input", "leads out"),
    "a whole path": ("fit", {"data": "/etc/passwd", "formula": "y ~ a*x"}, "input", "leads out"),
    "a link out": ("fit", {"data": "link.csv", "formula": "y ~ a*x"}, "input", "leads out"),
    "a link below": ("fit", {"data": "folder", "formula": "y ~ a*x"}, "input", "leads out"),
    "a pipe": ("judge", {"log": "pipe"}, "input", "neither a file"),
    "a large file": ("fit", {"data": "large.csv", "formula": "y ~ a*x"}, "input", "256 MB"),
    "character 0": ("judge", {"log": "a\0b"}, "input", "no such file"),
    "code": ("minimize", {"expression": "__import__('os').system('x')"}, "formula", "function"),
    "a tower": ("minimize", {"expression": "x*9**9**9**9"}, "formula", "too large"),
    "parentheses": (
        "minimize",
        {"expression": "(" * 9000 + "x" + ")" * 9000},
        "formula",
        "At most 5000",
    ),
    "no text": ("minimize", {"expression": {"x": 1}}, "usage", "expression"),
    "steps": ("minimize", {"expression": "x**2", "steps": 1e30}, "usage", "steps"),
    "an hour": ("minimize", {"expression": "x**2", "time_limit": 3600}, "usage", "At most 60"),
    "no page": ("explain", {"what": "\x1b[31m" * 100}, "usage", "no page"),
    "no result": ("rest", {"result": "result-99"}, "usage", "no such result"),
    "no part": ("rest", {"result": "result-1", "part": "trace.los"}, "usage", "loss?"),
    "beyond": ("rest", {"result": "result-1", "part": "trace", "offset": 10**9}, "usage", "ends"),
    "an offset": ("rest", {"result": "result-1", "offset": "x"}, "usage", "offset"),
    "no store": ("runs", {}, "store", "no store"),
    "no run": ("watched", {}, "store", "no store"),
}


def has_record(store: Store) -> bool:
    return store.path.exists() and any(store.has_record(one.id) for one in store.summaries())


async def ask(
    calls: dict[str, tuple[str, dict[str, Any]]], *typed: str
) -> dict[str, CallToolResult]:
    # The SDK hands a server none of our environment by itself.
    server = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *typed], env={**os.environ}
    )
    async with Client(stdio_client(server)) as client:
        listed = await client.list_tools()
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.tools)
        return {
            name: await client.call_tool(tool, given, read_timeout_seconds=60)
            for name, (tool, given) in calls.items()
        }


def told(answer: CallToolResult) -> dict[str, Any]:
    (only,) = answer.content
    found: dict[str, Any] = json.loads(getattr(only, "text", ""))
    assert found == answer.structured_content
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agents")
    (made / "out.csv").write_text("x,y\n0,1\n1,3\n", "utf-8")
    below = made / "below"
    (below / "folder").mkdir(parents=True)
    (below / "speed.csv").write_bytes(Path(specimens.SPEED).read_bytes())
    log = Path(specimens.SPEED).with_name("speed-log.csv")
    (below / "log.csv").write_bytes(log.read_bytes())
    (below / "link.csv").symlink_to(made / "out.csv")
    (below / "folder" / "part.parquet").symlink_to(made / "out.csv")
    os.mkfifo(below / "pipe")
    with (below / "large.csv").open("wb") as large:
        large.truncate(2**29)
    return below


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, CallToolResult]:
    """All that is asked, of one server; what is refused in between leaves it as it was."""
    calls = {name: (tool, given) for name, (tool, given, _, _) in REFUSED.items()}
    before = sorted(folder.rglob("*"))
    asked = {**ASKED, **calls, "again": ASKED["part"]}
    found = in_a_loop(ask(asked, "--folder", str(folder), "--store", str(folder / "runs.db")))
    assert sorted(folder.rglob("*")) == before
    return found


def test_answers_are_brief_and_those_of_the_command(
    answers: dict[str, CallToolResult], folder: Path
) -> None:
    document = steepest.fit(str(folder / SPEED[0]), SPEED[1], **TUTORIAL).to_dict()
    answer = told(answers["tutorial"])
    assert len(json.dumps(answer)) < 3000 < len(json.dumps(document)) / 5
    assert answer["headline"] == document["verdict"]["headline"]
    assert answer["loss"] == document["descent"]["final_loss"]
    assert answer["best_remedy"]["options"] == document["remedies"][0]["options"]
    assert answer["parts"].keys() == document.keys()
    part = told(answers["part"])["value"]
    assert part == document["weights"]["a"]["pulls"][0]
    assert told(answers["again"])["value"] == part
    assert told(answers["divergence"])["learning_rate"] == "too large"
    assert told(answers["columns"])["weights"]["a"]["value"] == pytest.approx(2, abs=1e-6)
    assert set(told(answers["sweep"])["zones"]) == {"too small", "just right", "too large"}
    assert told(answers["page"])["to_do"].startswith("Each cause has its remedy")
    assert told(answers["word"])["code"] is None
    assert {one["code"] for one in told(answers["list"])["checks"]} == set(CHECKS)
    codes = {one["code"] for one in told(answers["log"])["findings"]}
    assert codes == {"SD201", "SD205"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_one_error_of_the_one_shape(
    name: str, answers: dict[str, CallToolResult]
) -> None:
    _, _, kind, said = REFUSED[name]
    answer = answers[name]
    error = told(answer)["error"]
    assert answer.is_error
    assert error["kind"] == kind
    assert said in error["message"]
    assert len(error["message"]) < 1200
    assert "root:" not in error["message"]


def test_large_parts_come_in_pieces_remedies_run_and_runs_are_kept(tmp_path: Path) -> None:
    store = tmp_path / "kept.db"
    given: dict[str, Any] = {"data": LINE, "formula": "y ~ a*x + b", "lr": 0.01, "steps": 900}
    typed = [*COMMAND[1:], "--store", str(store), "--keep"]
    server = StdioServerParameters(command=COMMAND[0], args=typed, env={**os.environ})

    async def kept() -> list[dict[str, Any]]:
        async with Client(stdio_client(server)) as client:
            tools = (await client.list_tools()).tools
            assert not any(one.annotations and one.annotations.read_only_hint for one in tools)
            made = told(await client.call_tool("fit", given))
            offset: int | None = 0
            text = ""
            while offset is not None:
                asked = {"result": made["run"], "part": "trace", "offset": offset}
                piece = told(await client.call_tool("rest", asked))
                text, offset = text + piece["json"], piece["next_offset"]
            options = made["best_remedy"]["options"]
            again = told(await client.call_tool("fit", {**given, **options}))
            shown = told(await client.call_tool("show", {"run": made["run"]}))
            return [made, {"text": text}, again, shown]

    made, piece, again, shown = in_a_loop(kept())
    assert len(piece["text"]) == made["parts"]["trace"]
    trace = steepest.fit(**{**given, "remedies": False}).to_dict()["trace"]
    assert json.loads(piece["text"]) == trace
    assert again["loss"] == pytest.approx(made["best_remedy"]["measured_loss"])
    assert made["headline"] == shown["headline"]
    assert made["headline"] == steepest.load(made["run"], store).verdict.headline


def test_a_training_that_runs_is_judged_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "WATCHING_SHARE", 1e9)
    torch = pytest.importorskip("torch")
    store = tmp_path / "runs.db"
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    rows = torch.arange(48.0).reshape(16, 3) / 48
    with steepest.watch(model, optimizer, store=store, name="mine") as watch:
        for step in range(2000):
            optimizer.zero_grad()
            loss = (model(rows) - 1).square().mean()
            watch.loss(loss)
            loss.backward()
            optimizer.step()
            if step > 10 and has_record(Store(store)):
                break
        typed = ("--store", str(store))
        calls: dict[str, Any] = {"watched": ("watched", {}), "runs": ("runs", {})}
        found = in_a_loop(ask(calls, *typed))
    answer = told(found["watched"])
    assert (answer["status"], answer["ended"]) == ("running", "still running")
    assert answer["losses"]["start"] > answer["losses"]["last"]
    (listed,) = told(found["runs"])["runs"]
    assert (listed["name"], listed["id"]) == ("mine", answer["run"])


def test_what_is_no_message_is_passed_over() -> None:
    """Lines that are not JSON, or no request, do not end the server."""
    client = {"name": "a", "version": "1"}
    opening = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    requests: list[dict[str, Any]] = [
        {"id": 7, "method": "initialize", "params": opening},
        {"method": "notifications/initialized"},
        {
            "id": 8,
            "method": "tools/call",
            "params": {"name": "explain", "arguments": {"what": "loss"}},
        },
    ]
    junk = [b"{", b"\xff\xfe\x00", b"[]", b'"text"', b'{"jsonrpc": "2.0", "id": 1}', b"[" * 5000]
    lines = [*junk, *(json.dumps({"jsonrpc": "2.0", **one}).encode() for one in requests)]
    with subprocess.Popen(COMMAND, stdin=-1, stdout=-1, stderr=-1) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(b"\n".join(lines) + b"\n")
        server.stdin.flush()
        answered: dict[Any, Any] = {}
        for line in server.stdout:
            answer = json.loads(line)
            answered[answer.get("id")] = answer
            if 8 in answered:
                break
        server.stdin.close()
        assert server.wait(30) == 0
        assert server.stderr
        assert b"Traceback" not in server.stderr.read()
    assert answered[7]["result"]["serverInfo"]["name"] == "steepest"
    assert answered[8]["result"]["structuredContent"]["name"] == "loss"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("steepest.agents.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    answer = CliRunner().invoke(command, ["mcp"])
    assert answer.exit_code == 2
    assert 'pip install "steepest[mcp]"' in answer.stderr
    nowhere = CliRunner().invoke(command, ["mcp", "--folder", "nowhere"])
    assert nowhere.exit_code in (1, 2)
