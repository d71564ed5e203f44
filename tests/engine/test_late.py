"""JAX is imported when it is needed, and then computes as everything around it was asked to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "speed.csv"


def answer(script: str, folder: Path) -> dict[str, object]:
    """What a new process prints last, as JSON."""
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return found


FIT = """
import json, sys
import steepest
run = steepest.fit(
    {data!r}, "speed ~ a*time**2 + b*time + c", store="runs.db",
    start=dict(a=0.0121, b=-0.6397, c=0.6416), lr=1e-5, steps={steps}, optimizer={optimizer!r},
)
str(run)
run.at({steps} // 2)
print(json.dumps(dict(minimum=run.record.measurements.minimum.loss, jax="jax" in sys.modules)))
"""


def test_a_linear_fit_needs_no_jax(tmp_path: Path) -> None:
    script = FIT.format(data=str(EXAMPLE), steps=20_000, optimizer="gd")
    found = answer(script, tmp_path)
    time, speed = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1).T
    squares = np.polyfit(time, speed, 2, full=True)[1][0]
    assert found["minimum"] == pytest.approx(squares / len(time), rel=1e-9)
    assert not found["jax"]


def test_another_optimizer_has_it(tmp_path: Path) -> None:
    assert answer(FIT.format(data=str(EXAMPLE), steps=10, optimizer="adam"), tmp_path)["jax"]


def test_what_holds_when_it_comes_holds_for_it(tmp_path: Path) -> None:
    found = answer(
        """
import json, sys, threading
from steepest.engine.late import jnp
from steepest.engine.xla import float64, in_float64

def kind():
    return str(jnp.ones(3).dtype)

def before():
    with float64():
        begun.set()
        loaded.wait()
        inside.append(kind())
    inside.append(kind())

begun, loaded, inside = threading.Event(), threading.Event(), []
other = threading.Thread(target=before)
other.start()
begun.wait()
there = "jax" in sys.modules
kinds = []
with float64():
    with float64():
        pass
    with float64():
        kinds.append(kind())
    kinds.append(kind())
kinds.append(kind())
kinds.append(in_float64(kind)())
loaded.set()
other.join()
print(json.dumps(dict(there=there, kinds=kinds, inside=inside)))
""",
        tmp_path,
    )
    assert found == {
        "there": False,
        "kinds": ["float64", "float64", "float32", "float64"],
        "inside": ["float64", "float32"],
    }
