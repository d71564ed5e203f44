"""Oracle: jax.jit as it is, and NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.engine import effort
from steepest.engine.effort import LITTLE, QUICKLY, WELL, compiled


@dataclass(frozen=True)
class Scaled:
    """What is static, and perhaps foreign."""

    by: float
    foreign: bool = False


def scaled_sum(kernel: Scaled, x: jax.Array) -> jax.Array:
    return kernel.by * jnp.sum(jnp.exp(-x))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of every program that is made."""
    found: list[Any] = []
    jit = jax.jit

    def seen(function: Any, *, compiler_options: Any, **more: Any) -> Any:
        found.append(tuple(compiler_options.items()))
        return jit(function, compiler_options=compiler_options, **more)

    monkeypatch.setattr("jax.jit", seen)
    return found


@pytest.mark.parametrize(
    ("seldom", "rows", "foreign", "options"),
    [
        (True, 20, False, QUICKLY),
        (False, 20, False, WELL),
        (True, LITTLE + 1, False, WELL),
        (True, 20, True, WELL),
    ],
    ids=["seldom and little", "often", "seldom, but much", "of somebody else"],
)
def test_how_it_is_compiled(
    seldom: bool, rows: int, foreign: bool, options: Any, asked: list[Any]
) -> None:
    program = compiled("kernel", seldom=seldom)(scaled_sum)
    x = np.linspace(0, 3, rows, dtype=np.float32)
    for _ in range(2):
        found = program(Scaled(2.0, foreign), x)
    assert asked == [options]
    np.testing.assert_allclose(found, 2 * np.exp(-x.astype(np.float64)).sum(), rtol=1e-5)


def test_a_part_of_another_program_is_compiled_with_that(asked: list[Any]) -> None:
    program = compiled("kernel", seldom=True)(scaled_sum)
    slope = jax.grad(lambda x: program(Scaled(1.0), x))(jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(slope, [-1, -np.exp(-1)], rtol=1e-6)
    assert asked == [()]


def test_an_xla_without_the_options_compiles_as_usual(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any]
) -> None:
    monkeypatch.setattr(effort, "QUICKLY", (("xla_of_another_time", 1),))
    program = compiled("kernel", seldom=True)(scaled_sum)
    for _ in range(2):  # It is asked once.
        assert program(Scaled(3.0), np.zeros(2, np.float32)) == 6
    assert asked == [(("xla_of_another_time", 1),), ()]


def test_what_goes_wrong_otherwise_is_not_hidden() -> None:
    def refuses(x: jax.Array) -> jax.Array:
        def host(_: Any) -> Any:
            raise ValueError("on purpose")

        found: jax.Array = jax.pure_callback(host, jax.ShapeDtypeStruct((), jnp.float32), x)
        return found

    with pytest.raises(jax.errors.JaxRuntimeError, match="on purpose"):
        compiled(seldom=True)(refuses)(1.0)
