"""Processes that others begin find each other, and the files to copy say what these need.

The processes run here, on this machine, with the variables that Slurm, Open MPI and Kubernetes
set in theirs.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest
import yaml  # type: ignore[import-untyped]

import steepest
from steepest.cli import steepest as command

CLUSTERS = Path(__file__).parents[3] / "docs" / "clusters"
FORMULA = "y ~ a*x + b"
ROWS = 1000
SECONDS = 120

SRUN = """#!/bin/bash
# Two processes, each with the variables that Slurm gives it.
shift
for index in 0 1; do
    SLURM_STEP_NODELIST=localhost SLURM_NTASKS=2 SLURM_PROCID=$index SLURM_LOCALID=$index \\
        "$@" >"$SHOWN/$index" &
    begun+=($!)
done
for process in "${begun[@]}"; do wait "$process"; done
"""

MPI = """
import os

rank, size = (int(os.environ[f"OMPI_COMM_WORLD_{name}"]) for name in ("RANK", "SIZE"))


class Communicator:
    def Get_rank(self):
        return rank

    def Get_size(self):
        return size

    def Split_type(self, kind):
        return self

    def bcast(self, value, root):
        return f"localhost:{os.environ['JAX_COORDINATOR_PORT']}"


COMM_WORLD, COMM_TYPE_SHARED = Communicator(), 0
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("parts")
    x = np.linspace(0, 1, ROWS)
    frame = pl.DataFrame({"x": x, "y": 2 * x + 1})
    for number, (first, last) in enumerate([(0, 700), (700, ROWS)]):
        frame[first:last].write_parquet(folder / f"part-{number}.parquet")
    return str(folder / "part-*.parquet")


def free_port(above: int = 0) -> int:
    """The first that is free from there on, or any."""
    for port in range(above, above + 100):
        with socket.socket() as found:
            try:
                found.bind(("", port))
            except OSError:
                continue
            return int(found.getsockname()[1])
    pytest.fail(f"no port is free above {above}")


def environment(**more: object) -> dict[str, str]:
    return {**os.environ, **{name: str(value) for name, value in more.items()}}


def check(shown: list[str]) -> None:
    """Process 0 tells of all rows, and the others of nothing."""
    first, *others = shown
    assert others == [""]
    document: dict[str, Any] = json.loads(first)
    assert document["problem"]["rows"] == ROWS
    assert document["problem"]["source"].endswith("part-*.parquet")
    assert document["minimum"]["weights"] == pytest.approx({"a": 2, "b": 1})


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What each printed, once all have ended as they should."""
    try:
        found = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    codes = [process.returncode for process in processes]
    assert codes == [0, 0], "\n".join(error for _, error in found)
    return [output for output, _ in found]


def test_the_job_for_slurm(parts: str, tmp_path: Path) -> None:
    """The file as it is, with the installed program, and two processes in place of four nodes."""
    activate = tmp_path / "steepest" / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(SRUN)
    srun.chmod(0o755)
    shown = tmp_path / "shown"
    shown.mkdir()
    # JAX takes the port from the number of the job.
    job = free_port(61440 + os.getpid() % 3900) - 61440
    given = environment(
        HOME=tmp_path,
        PATH=f"{srun.parent}:{os.environ['PATH']}",
        SHOWN=shown,
        SLURM_JOB_ID=job,
        SLURM_CPUS_PER_TASK=1,
    )
    given.pop("STEEPEST_STORE", None)
    line = [str(CLUSTERS / "steepest.sbatch"), parts, FORMULA, "--steps", "3", "--json"]
    done = subprocess.run(
        ["bash", *line, "--no-remedies"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=given,
    )
    assert done.returncode == 0, done.stderr
    check([Path(shown, str(index)).read_text() for index in (0, 1)])
    assert (tmp_path / "steepest" / "runs.db").exists()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("open mpi 4", id="Open MPI 4"),
        pytest.param("another", id="another MPI, by mpi4py"),
    ],
)
def test_processes_that_mpi_begins(kind: str, parts: str, tmp_path: Path) -> None:
    given: dict[str, object] = {"OMPI_COMM_WORLD_SIZE": 2, "JAX_COORDINATOR_PORT": free_port()}
    if kind == "another":
        package = tmp_path / "mpi4py"
        package.mkdir()
        Path(package, "__init__.py").touch()
        Path(package, "MPI.py").write_text(MPI)
        given["PYTHONPATH"] = tmp_path
    else:
        given["OMPI_MCA_orte_hnp_uri"] = "1531576320.0;tcp://127.0.0.1:34911"
    line = [sys.executable, "-c", "from steepest.cli import main; raise SystemExit(main())", "fit"]
    options = ["--coordinator", "auto", "--steps", "3", "--json", "--no-save", "--no-remedies"]
    processes = [
        subprocess.Popen(
            [*line, parts, FORMULA, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**given, OMPI_COMM_WORLD_RANK=index, OMPI_COMM_WORLD_LOCAL_RANK=index),
        )
        for index in (0, 1)
    ]
    check(ended(processes))


def test_the_job_for_kubernetes(tmp_path: Path) -> None:
    """Its parts agree with each other, and each pod types what the program reads."""
    service, job = yaml.safe_load_all((CLUSTERS / "steepest-job.yaml").read_text())
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert service["spec"]["clusterIP"] == "None"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert spec["completionMode"] == "Indexed"
    (container,) = pod["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    host, _, port = variables["COORDINATOR"].partition(":")
    assert host == f"{name}-0.{pod['subdomain']}"
    assert int(variables["PROCESSES"]) == spec["completions"] == spec["parallelism"]
    program = tmp_path / "steepest"
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    typed = subprocess.run(
        [*container["command"], *container["args"]],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env=environment(
            **variables, JOB_COMPLETION_INDEX=3, PATH=f"{tmp_path}:{os.environ['PATH']}"
        ),
    ).stdout.splitlines()
    group = click.Context(command, **command.context_settings)
    read = command.commands[typed[0]].make_context(typed[0], typed[1:], parent=group).params
    assert (read["data"], read["formula"]) == tuple(container["args"][:2])
    assert (read["coordinator"], read["processes"], read["process"]) == (f"{host}:{port}", 4, 3)


# Two hosts


def services() -> dict[str, list[str]]:
    """What each container of the file is to run, by its host's name."""
    found = yaml.safe_load((CLUSTERS / "compose.yaml").read_text())["services"]
    for name, service in found.items():
        assert service["hostname"] == name
        assert (CLUSTERS / service["build"]["context"] / "pyproject.toml").is_file()
        assert (CLUSTERS / "../.." / service["build"]["dockerfile"]).is_file()
    return {name: service["command"] for name, service in found.items()}


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=SECONDS)


@pytest.fixture
def hosts() -> Iterator[dict[str, list[str]]]:
    """Two hosts on this machine, which reach each other by name: how to begin something there."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("there is no ip, or no unshare, to make hosts with")
    mark = uuid.uuid4().hex[:6]
    names = list(services())
    spaces = {name: f"steepest-{mark}-{number}" for number, name in enumerate(names)}
    known = "127.0.0.1 localhost\n" + "".join(
        f"10.213.7.{number + 1} {name}\n" for number, name in enumerate(names)
    )
    with ExitStack() as undo:
        for space in spaces.values():
            try:
                _run("ip", "netns", "add", space)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network namespace can be made here: {error.stderr.decode()}")
            undo.callback(_run, "ip", "netns", "delete", space)
            folder = Path("/etc/netns") / space
            folder.mkdir(parents=True)
            undo.callback(shutil.rmtree, folder)
            (folder / "hosts").write_text(known)
            _run("ip", "-n", space, "link", "set", "lo", "up")
        first, second = spaces.values()
        ends = {first: f"v{mark}0", second: f"v{mark}1"}
        _run(
            *("ip", "link", "add", ends[first], "netns", first),
            *("type", "veth", "peer", "name", ends[second], "netns", second),
        )
        for number, (space, end) in enumerate(ends.items()):
            _run("ip", "-n", space, "address", "add", f"10.213.7.{number + 1}/24", "dev", end)
            _run("ip", "-n", space, "link", "set", end, "up")
        yield {
            name: [
                *("ip", "netns", "exec", space, "unshare", "--uts", "sh", "-c"),
                f'hostname {name} && exec "$@"',
                name,
            ]
            for name, space in spaces.items()
        }


def begun_on(
    hosts: dict[str, list[str]], parts: str, store: Path, *more: str
) -> list[subprocess.Popen[str]]:
    """What the containers run, each on its host, with a curve: each step is a pass over rows."""
    given = {"/data/parts/part-*.parquet": parts, "/data/runs.db": str(store)}
    begun = []
    for name, words in services().items():
        typed = [given.get(word, word) for word in words]
        typed = ["y ~ a*exp(b*x)" if word.startswith("y ~") else word for word in typed]
        begun.append(
            subprocess.Popen(
                [
                    *(*hosts[name], sys.executable, "-m", "steepest", *typed),
                    *(more if "--store" in typed else ()),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(http_proxy="", https_proxy="", HTTP_PROXY="", HTTPS_PROXY=""),
            )
        )
    return begun


def test_the_containers_on_two_hosts(
    hosts: dict[str, list[str]], parts: str, tmp_path: Path
) -> None:
    first, second = ended(begun_on(hosts, parts, tmp_path / "runs.db", "--json", "--steps", "50"))
    assert second == ""
    document = json.loads(first)
    assert document["problem"]["rows"] == ROWS
    assert document["descent"]["steps"] == 50


def test_a_host_that_is_cut_off_is_lost_to_all(
    hosts: dict[str, list[str]], parts: str, tmp_path: Path
) -> None:
    """No connection ends, nothing is said: both wait for a sum that never comes."""
    store = tmp_path / "runs.db"
    steps = ("--steps", "1000000", "--lr", "0.001", "--start", "a=1,b=1", "--no-remedies")
    processes = begun_on(hosts, parts, store, *steps)
    ends = time.monotonic() + SECONDS
    while not (store.exists() and any((one.steps or 0) > 50 for one in steepest.runs(store))):
        assert time.monotonic() < ends, "the run did not come so far"
        time.sleep(0.2)
    space = hosts["host-1"][3]
    (end,) = [
        link["ifname"]
        for link in json.loads(subprocess.check_output(["ip", "-n", space, "-json", "link"]))
        if link["ifname"] != "lo"
    ]
    _run("ip", "-n", space, "link", "set", end, "down")
    cut = time.monotonic()
    try:
        said = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert time.monotonic() - cut < 40
    assert [process.returncode for process in processes] == [1, 1]
    for output, error in said:
        assert output == ""
        assert error.startswith("Error: Another process of this job ended, or cannot be reached.")
    assert "goes on with it" in said[0][1]
