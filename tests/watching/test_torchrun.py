"""The files to copy for torchrun do what their page says, with two machines that are this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import yaml  # type: ignore[import-untyped]

import steepest
from steepest.records.training import TrainingRecord

FILES = Path(__file__).parents[2] / "docs" / "torchrun"
SECONDS = 480
"""On a busy machine torchrun's first node may wait 300 seconds for one that has ended."""

SCONTROL = """#!/bin/sh
[ "$*" = "show hostnames localhost,other" ] && printf 'localhost\\nother\\n'
"""

SRUN = """#!/bin/bash
# Once for each of two nodes.
shift
for node in 0 1; do
    SLURM_NODEID=$node "$@" &
    begun+=($!)
done
for process in "${begun[@]}"; do wait "$process"; done
"""


def programs(folder: Path, **texts: str) -> str:
    """A search path on which these come first."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        Path(folder, name).write_text(text)
        Path(folder, name).chmod(0o755)
    return f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def free_job() -> int:
    """The number of a job whose port is free."""
    for job in range(os.getpid() % 9000, 10000):
        with socket.socket() as found:
            try:
                found.bind(("", 20000 + job))
            except OSError:
                continue
            return job
    raise AssertionError("no port is free")


def test_the_job_for_slurm(tmp_path: Path) -> None:
    activate = tmp_path / "steepest" / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    given = {
        **os.environ,
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PATH": programs(tmp_path / "bin", scontrol=SCONTROL, srun=SRUN),
        "OMP_NUM_THREADS": "1",
        "SLURM_JOB_ID": str(free_job()),
        "SLURM_JOB_NODELIST": "localhost,other",
        "SLURM_NNODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
    }
    done = subprocess.run(
        ["bash", str(FILES / "torchrun.sbatch"), str(FILES / "train.py")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=given,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said, headline = done.stdout.splitlines()
    assert said.startswith("2 processes, run ")
    assert (tmp_path / "ddp.html").exists()
    # Each rank kept its own; the store tells of both, though they trained for a moment only.
    for kept in steepest.runs(tmp_path / "runs.db"):
        run = steepest.load(kept.id, tmp_path / "runs.db")
        assert isinstance(run.record, TrainingRecord)
        assert run.record.processes == 2
        assert run.verdict.headline == headline


def test_the_job_for_kubernetes(tmp_path: Path) -> None:
    service, job = yaml.safe_load_all((FILES / "torchrun-job.yaml").read_text())
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert pod["subdomain"] == service["metadata"]["name"]
    (container,) = pod["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["MASTER_ADDR"] == f"{name}-0.{pod['subdomain']}"
    assert int(variables["NODES"]) == spec["completions"] == spec["parallelism"]
    path = programs(tmp_path / "bin", torchrun='#!/bin/sh\necho "$@"\n')
    typed = subprocess.run(
        [*container["command"], *container["args"]],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env={**os.environ, **variables, "JOB_COMPLETION_INDEX": "1", "PATH": path},
    ).stdout
    assert typed == (
        "--nnodes 2 --node-rank 1 --nproc-per-node 1 "
        f"--master-addr ddp-0.ddp --master-port {variables['MASTER_PORT']} /code/train.py\n"
    )
    (mounted,) = [one for one in container["volumeMounts"] if one["name"] == "code"]
    assert container["args"] == [f"{mounted['mountPath']}/train.py"]
