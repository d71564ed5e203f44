"""A run as a script of JAX."""

from __future__ import annotations

from typing import Final

from steepest.formula.nodes import Formula
from steepest.methods.optimizers import GD, optimizer_of
from steepest.records.run import RunRecord
from steepest.show.export.data import Source
from steepest.show.export.expression import Library
from steepest.show.export.layout import indented, listing
from steepest.show.export.script import Script, check, joined

_JAX: Final = Library(
    module="jnp",
    functions={
        "abs": "absolute({})",
        "sigmoid": "jax.nn.sigmoid({})",
        "softplus": "jax.nn.softplus({})",
        "relu": "jax.nn.relu({})",
        "erf": "jax.lax.erf({})",
        "xlogy": "xlogy",
        "xlog1py": "xlog1py",
    },
    number="{}",
    array="jnp.array",
    along_rows="axis=0",
    still="jax.lax.stop_gradient({})",
)
_ABSOLUTE: Final = (
    "def absolute(x):",
    "    return x * jnp.sign(x)  # its slope at 0 is 0",
)


def to_jax(record: RunRecord, formula: Formula, source: Source) -> str:
    """A script that walks the path of a run step by step in JAX, in float64.

    `formula` is the run's, `source` its rows. The script prints step, loss and weights, those of
    the scaled columns where they were scaled. Raises UsageError for a solver's run.
    """
    check(record)
    script = Script(record, formula, source, _JAX)
    problem = record.problem
    imports = ["import jax", "import jax.numpy as jnp"]
    call = optimizer_of(record.descent.optimizer).optax
    plain = call is None or not call.arguments  # Plain descent is written out.
    if not plain:
        imports.append("import optax")
    if script.mentions("xlogy"):
        imports.append("from jax.scipy.special import xlog1py, xlogy")
    lines = script.heading(
        "Gradient descent step by step, in JAX.",
        imports,
        'jax.config.update("jax_enable_x64", True)  # float64',
        *([_ABSOLUTE] if script.mentions("abs") else []),
    )
    lines += script.problem_lines()
    batched = script.batch_size is not None
    if batched:
        lines += script.batch_lines()
    arguments = f"{script.moving}, rows" if batched else script.moving
    lines += [
        "",
        "",
        "@jax.jit",
        "@jax.value_and_grad",
        f"def loss_and_gradient({arguments}):",
        *indented([*script.unpacked(), *_model(script)]),
        "",
        "",
        *(
            listing("lr = jnp.array([", script.rates, "])")
            if script.rates
            else [f"lr = {script.lr!r}"]
        ),
        *listing("weights = jnp.array([", script.start, "])"),
    ]
    if script.rescaled:
        lines.append("counts = weights / unit")
    if call is not None and not plain:
        made = call.written("lr", record.descent.momentum)
        lines += [f"optimizer = optax.{made}", f"state = optimizer.init({script.moving})"]
    lines += [*script.table_head(), script.loop()]
    if batched:
        everything = f"np.arange({problem.rows})"
        body = [f"loss, _ = loss_and_gradient({script.moving}, {everything})  # of all rows"]
    else:
        body = [f"loss, gradient = loss_and_gradient({script.moving})"]
    body += [*script.report_lines(), *_step(script)]
    return joined([*lines, *indented(body)])


def _model(script: Script) -> list[str]:
    lines, loss = script.model_lines()
    if script.loss_is_root:
        # The slope of the root at 0 would not be a number.
        inside = "jnp.where(mse == 0, 1.0, mse)"
        root = f"jnp.where(mse == 0, 0.0, jnp.sqrt({inside}))"
        return [*lines, f"mse = {loss}", f"return {root}"]
    return [*lines, f"return {loss}"]


def _step(script: Script) -> list[str]:
    moving = script.moving
    lines = []
    if script.batch_size is not None:
        lines.append(f"_, gradient = loss_and_gradient({moving}, rows)")
    if script.record.descent.optimizer == GD.name:
        lines.append(f"{moving} = {moving} - lr * gradient")
    else:
        lines += [
            f"updates, state = optimizer.update(gradient, state, {moving})",
            f"{moving} = optax.apply_updates({moving}, updates)",
        ]
    if script.bounds:
        lines.append(f"{moving} = jnp.clip({moving}, {', '.join(script.edges)})")
    return lines
