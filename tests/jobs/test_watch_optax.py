"""Trainings in JAX: recorded inside of compiled code, and judged as their twins in PyTorch are."""

from __future__ import annotations

import collections
import functools
import itertools
import math
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import steepest
from steepest.descent import optax_steps
from steepest.run.training import TrainingRun
from steepest.words.errors import UsageError

torch: Any = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(256, 8)).astype("f4")
TARGETS = np.sin(INPUTS.sum(1, keepdims=True)).astype("f4")
ACTS: dict[str, tuple[Any, Any]] = {
    "tanh": (torch.nn.Tanh, jnp.tanh),
    "sigmoid": (torch.nn.Sigmoid, jax.nn.sigmoid),
    "relu": (torch.nn.ReLU, jax.nn.relu),
}
METHODS: dict[str, tuple[Any, Any]] = {
    "gd": (torch.optim.SGD, optax.sgd),
    "momentum": (functools.partial(torch.optim.SGD, momentum=0.9),
                 functools.partial(optax.sgd, momentum=0.9)),
    "adam": (torch.optim.Adam, optax.adam),
}  # fmt: skip

# Widths, the weights' scale, activation, method, learning rate, steps, rows a batch, of targets.
Twin = tuple[list[int], float, str, str, float, int, int, float]
TWINS: dict[str, Twin] = {
    "fine": ([8, 16, 1], 1.0, "tanh", "gd", 0.1, 200, 256, 1.0),
    "too large": ([8, 16, 1], 1.0, "tanh", "gd", 5.0, 100, 256, 1.0),
    "too small": ([8, 16, 1], 1.0, "tanh", "gd", 1e-7, 200, 256, 1.0),
    "vanishing": ([8, *[16] * 9, 1], 0.9, "sigmoid", "gd", 0.003, 40, 256, 1.0),
    "exploding": ([8, *[64] * 4, 1], 3.0, "relu", "gd", 1e-9, 40, 256, 1.0),
    "adam": ([8, 16, 1], 1.0, "tanh", "adam", 1e-3, 200, 64, 1.0),
    "adam, too large": ([8, 16, 1], 1.0, "tanh", "adam", 3.0, 200, 64, 1.0),
    "momentum": ([8, 16, 1], 1.0, "tanh", "momentum", 0.05, 200, 64, 1.0),
    "large targets": ([8, 16, 1], 1.0, "tanh", "gd", 1e-7, 100, 256, 1e5),
    "below rounding": ([8, 16, 1], 1.0, "tanh", "gd", 1e-12, 100, 256, 1.0),
    "zeros": ([8, 16, 1], 0.0, "relu", "gd", 0.0001, 100, 256, 1.0),
    "noisy": ([8, 16, 1], 1.0, "tanh", "gd", 0.3, 300, 4, 1.0),
}


UNSEEN = {"SD403"}
"""It is seen of activations, which are not watched in JAX."""


def batch_at(step: Any, rows: int) -> Any:
    """Where a step's batch begins: not in the same order again."""
    return (step * step * 37 * 16) % (256 - rows + 1)


def weights(widths: list[int], scale: float) -> list[tuple[Any, Any]]:
    draw = np.random.default_rng(1)
    return [
        (draw.normal(0, scale / math.sqrt(a), (b, a)).astype("f4"), np.zeros(b, "f4"))
        for a, b in itertools.pairwise(widths)
    ]


def in_torch(twin: Twin) -> TrainingRun:
    widths, scale, act, method, lr, steps, rows, size = twin
    layers: dict[str, Any] = {}
    for place, (weight, bias) in enumerate(weights(widths, scale)):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
        layers |= {str(place): layer, f"behind {place}": ACTS[act][0]()}
    layers.popitem()
    model = torch.nn.Sequential(collections.OrderedDict(layers))
    optimizer = METHODS[method][0](model.parameters(), lr=lr)
    with steepest.watch(model, optimizer, store=False) as watch:
        for step in range(steps):
            at = batch_at(step, rows)
            targets = torch.tensor(TARGETS[at : at + rows] * size)
            loss = (model(torch.tensor(INPUTS[at : at + rows])) - targets).square().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return watch.run


def in_jax(twin: Twin) -> TrainingRun:
    widths, scale, act, method, lr, steps, rows, size = twin
    params = [{"weight": jnp.array(w), "bias": jnp.array(b)} for w, b in weights(widths, scale)]
    # The rate of plain descent is measured, that of others told.
    told = method != "gd"
    run: TrainingRun = compiled(act, method, steps, rows, told)(params, lr, np.float32(size))
    return run


@functools.cache
def compiled(act: str, method: str, steps: int, rows: int, told: bool) -> Any:
    """A training from any weights, at any rate, to targets of any size."""

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        for place, layer in enumerate(params):
            x = x @ layer["weight"].T + layer["bias"]
            x = ACTS[act][1](x) if place < len(params) - 1 else x
        return ((x - y) ** 2).mean()

    def optimizer_of(lr: Any) -> Any:
        return steepest.watch_optax(METHODS[method][1](lr), lr=(lambda _: lr) if told else None)

    @jax.jit
    def train(params: Any, lr: Any, size: Any) -> Any:
        optimizer = optimizer_of(lr)

        def step(carry: Any, step: Any) -> Any:
            params, state = carry
            at = batch_at(step, rows)
            x = jax.lax.dynamic_slice_in_dim(jnp.array(INPUTS), at, rows)
            y = jax.lax.dynamic_slice_in_dim(jnp.array(TARGETS), at, rows) * size
            loss, gradient = jax.value_and_grad(loss_of)(params, x, y)
            moves, state = optimizer.update(gradient, state, params, value=loss)
            return (optax.apply_updates(params, moves), state), None

        (_, state), _ = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(steps))
        return state

    return lambda params, lr, size: optimizer_of(lr).run(train(params, lr, size))


# What is not listed above differs in the rate and in the size of the targets alone: one program of
# JAX trains them all.
RATES: dict[str, tuple[float, ...]] = {
    "gd": (1e-6, 3e-3, 0.1, 0.6, 20.0),
    "momentum": (1e-6, 1e-3, 0.02, 0.1, 5.0),
    "adam": (1e-6, 1e-3, 1e-2, 0.1, 10.0),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("method", METHODS)
def test_twins_at_many_rates_are_judged_alike(method: str, act: str) -> None:
    """Forty-five trainings: the same codes, severities and word about the rate."""
    for lr in RATES[method]:
        twin: Twin = ([8, 16, 1], 1.0, act, method, lr, 60, 64, 1.0)
        ours, theirs = (
            (
                [(f.code, f.severity) for f in run.verdict.findings if f.code not in UNSEEN],
                run.verdict.learning_rate,
            )
            for run in (in_torch(twin), in_jax(twin))
        )
        assert ours == theirs, (method, act, lr)


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_judged_alike(name: str) -> None:
    one, other = in_torch(TWINS[name]), in_jax(TWINS[name])
    found = [(f.code, f.severity) for f in one.verdict.findings if f.code not in UNSEEN]
    assert [(f.code, f.severity) for f in other.verdict.findings] == found
    assert other.verdict.learning_rate == one.verdict.learning_rate
    first, second = one.trace, other.trace
    early = slice(0, 3)
    for of in ("loss", "lr", "overall_turn"):
        np.testing.assert_allclose(
            getattr(second, of)[early], getattr(first, of)[early], rtol=2e-3, atol=1e-6
        )
    # JAX has the entries of a dict in the order of the alphabet: bias, weight.
    swapped = [place ^ 1 for place in range(first.weight.shape[1])]
    for of in ("weight", "gradient", "update"):
        np.testing.assert_allclose(
            getattr(second, of)[0], getattr(first, of)[0][swapped], rtol=2e-3, atol=1e-6
        )
    said = one.verdict.headline.replace(" (watch.prove() runs others)", "")
    # Sums are rounded in another order; of what has diverged no digit is the same.
    alike = [re.sub(r"[\d.,]*\d(e-?\d+)?", "#", text) for text in (said, other.verdict.headline)]
    assert alike[0] == alike[1] or UNSEEN & {f.code for f in one.verdict.findings}


def test_it_records_without_the_host_and_keeps_what_was_seen_of_every_step() -> None:
    """Rows are thinned in compiled code; the numbers are those of the steps themselves."""
    many = 2 * optax_steps.ROWS_KEPT + 77
    wanted = jnp.array([1.0, -2.0, 0.5])
    optimizer = steepest.watch_optax(optax.adam(0.01), lr=optax.linear_schedule(0.01, 0.0, many))

    def step(carry: Any, place: Any) -> Any:
        params, state = carry
        loss, gradient = jax.value_and_grad(lambda p: jnp.sum((p["w"] - wanted) ** 2))(params)
        loss = jnp.where(place == 700, jnp.nan, loss)
        moves, state = optimizer.update(gradient, state, params, value=loss)
        after = optax.apply_updates(params, moves)
        return (after, state), (loss, jnp.linalg.norm(gradient["w"]), params["w"])

    def train(carry: Any) -> Any:
        return jax.lax.scan(step, carry, jnp.arange(many))

    params = {"w": jnp.zeros(3)}
    begin = (params, optimizer.init(params))
    text = jax.jit(train).lower(begin).as_text()
    assert "callback" not in text
    assert "infeed" not in text
    (_, state), (loss, norm, path) = jax.jit(train)(begin)
    record = optimizer.run(state).record
    kept = record.trace.step
    assert record.steps == many
    assert kept.tolist() == list(range(0, many, 4))
    np.testing.assert_allclose(record.trace.loss, np.asarray(loss)[kept], rtol=1e-6)
    np.testing.assert_allclose(record.trace.gradient[:, 0], np.asarray(norm)[kept], rtol=1e-5)
    change = np.linalg.norm(np.diff(np.asarray(path), axis=0), axis=1)
    inside = kept[kept < len(change)]
    moves = record.trace.update[: len(inside), 0]
    np.testing.assert_allclose(moves, change[inside], rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(record.trace.lr[:, 0], 0.01 * (1 - kept / many), rtol=1e-4)
    finite = np.asarray(loss)[np.isfinite(loss)]
    seen = record.losses
    assert (seen.count, seen.lost_at, seen.lost_last) == (many, 700, False)
    assert (seen.start, seen.lowest) == (finite[0], finite.min())
    assert seen.last == pytest.approx(finite[-5:].mean())
    assert record.facts[0].moved - np.count_nonzero(change) in (0, 1)  # the last is not in `change`
    assert record.groups[0].method == "adam"


def test_its_state_can_be_given_away() -> None:
    """As a loop does that calls a compiled step, so that nothing is copied."""
    optimizer = steepest.watch_optax(optax.sgd(0.1))

    def step(params: Any, state: Any) -> Any:
        loss, gradient = jax.value_and_grad(lambda p: jnp.sum(p["w"] ** 2))(params)
        moves, state = optimizer.update(gradient, state, params, value=loss)
        return optax.apply_updates(params, moves), state

    compiled = jax.jit(step, donate_argnums=(0, 1))
    params: Any = {"w": jnp.ones(3)}
    state = optimizer.init(params)
    for _ in range(6):
        params, state = compiled(params, state)
    record = optimizer.run(state).record
    np.testing.assert_allclose(record.trace.loss, 3 * 0.64 ** np.arange(6), rtol=1e-5)
    np.testing.assert_allclose(record.trace.overall_turn[1:], 1.0, rtol=1e-6)


def test_equinox_and_flax_give_the_names(tmp_path: Path) -> None:
    x, y = jnp.array(INPUTS[:32]), jnp.array(TARGETS[:32])
    model: Any = eqx.nn.MLP(8, 1, 4, 2, key=jax.random.key(0))
    watched = steepest.watch_optax(optax.inject_hyperparams(optax.adamw)(learning_rate=0.02))
    state = watched.init(eqx.filter(model, eqx.is_array))

    def loss_of(model: Any) -> Any:
        return ((jax.vmap(model)(x) - y) ** 2).mean()

    differentiated: Any = eqx.filter_value_and_grad
    differentiated = differentiated(loss_of)

    @eqx.filter_jit
    def step(model: Any, state: Any) -> Any:
        loss, gradient = differentiated(model)
        moves, state = watched.update(gradient, state, eqx.filter(model, eqx.is_array), value=loss)
        return eqx.apply_updates(model, moves), state

    for _ in range(12):
        model, state = step(model, state)
    run = watched.run(state, name="mine", store=tmp_path / "runs.db")
    names = [tensor.name for tensor in run.record.tensors]
    assert names[:2] == ["layers.0.weight", "layers.0.bias"]
    assert run.record.in_order
    assert run.record.trace.lr[3, 0] == pytest.approx(0.02)
    found = steepest.load(str(run.id), tmp_path / "runs.db")
    assert found.verdict == run.verdict
    assert "layers.0.weight" in str(found.to_dict()["tensors"])

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.inner = nnx.Linear(8, 4, rngs=rngs)
            self.out = nnx.Linear(4, 1, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.out(nnx.tanh(self.inner(x)))

    rngs = nnx.Rngs(0)
    net, adam = Net(rngs), steepest.watch_optax(optax.adam(0.01), lr=0.01)
    optimizer: Any = nnx.Optimizer(net, adam, wrt=nnx.Param)

    @nnx.jit
    def update(net: Any, optimizer: Any) -> None:
        loss, gradient = nnx.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(net)
        optimizer.update(net, gradient, value=loss)

    for _ in range(12):
        update(net, optimizer)
    record = adam.run(optimizer.opt_state).record
    assert [one.name for one in record.tensors][2:] == ["out.bias", "out.kernel"]
    assert not record.in_order  # "inner" stands before "out" by the alphabet alone
    assert "order" in record.not_measured
    assert record.losses.count == 12


ORDERS = [
    ({"Dense_0": 0, "Dense_2": 0, "Dense_10": 0}, True),
    ({"first": 0, "second": 0}, False),
    ([0, 0, 0], True),
    ({"net": [0, 0]}, True),
    ({"a1": 0, "b2": 0}, False),
    ({"layers_1": {"inner": 0, "outer": 0}, "layers_2": {"inner": 0, "outer": 0}}, False),
]


@pytest.mark.parametrize(("tree", "known"), ORDERS)
def test_the_order_of_layers_is_known_or_not(tree: Any, known: bool) -> None:
    params = jax.tree.map(lambda _: {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}, tree)
    leaves = optax_steps.leaves_of(params)
    assert leaves.in_order == known
    if "Dense_10" in tree:
        layers = [name.split(".")[0] for name in leaves.names]
        assert layers == ["Dense_0"] * 2 + ["Dense_2"] * 2 + ["Dense_10"] * 2


def test_what_cannot_be_watched_is_told() -> None:
    with pytest.raises(UsageError, match="no optimizer of optax"):
        steepest.watch_optax(3)
    watched = steepest.watch_optax(optax.sgd(0.1))
    with pytest.raises(UsageError, match="nothing to watch"):
        watched.init({})
    state = watched.init({"w": jnp.ones(2)})
    with pytest.raises(UsageError, match="needs the parameters"):
        watched.update({"w": jnp.ones(2)}, state)
    assert watched.run(state).record.steps == 0
    _, state = watched.update({"w": jnp.ones(2)}, state, {"w": jnp.ones(2)})
    assert "value=loss" in watched.run(state).record.not_measured["loss"]
    with pytest.raises(UsageError, match="no state"):
        watched.verdict(optax.sgd(0.1).init({"w": jnp.ones(2)}))


@pytest.mark.parametrize(
    "optimizer",
    [optax.scale(0.1), optax.chain(optax.scale_by_adam(), optax.scale(3e-3))],
    ids=["gradient", "adam"],
)
def test_a_minus_that_is_missing_is_named(optimizer: Any) -> None:
    """Every step goes up the gradient; with the minus the same training falls."""
    x = jax.random.normal(jax.random.key(0), (64, 4))

    def loss(params: Any) -> Any:
        return jnp.mean(jnp.square(x @ params - x.sum(1)))

    def run(sign: float) -> Any:
        watch = steepest.watch_optax(optax.chain(optimizer, optax.scale(sign)))
        params: Any = jnp.zeros(4)
        state = watch.init(params)
        for _ in range(60):
            value, slope = jax.value_and_grad(loss)(params)
            moves, state = watch.update(slope, state, params, value=value)
            params = optax.apply_updates(params, moves)
        return watch.run(state).verdict

    up, down = run(1.0), run(-1.0)
    assert [finding.code for finding in up.findings if finding.severity != "info"] == ["SD413"]
    assert "a minus is missing" in up.headline
    assert up.learning_rate == "not measured"
    assert "SD413" not in {finding.code for finding in down.findings}


def test_parameters_that_are_held_on_purpose_are_no_warning() -> None:
    held = optax.multi_transform(
        {"learns": optax.adam(0.05), "held": optax.set_to_zero()}, ["held", "learns"]
    )
    watch = steepest.watch_optax(held, lr=0.05)
    params: Any = [jnp.ones(3), jnp.ones(3)]
    state = watch.init(params)
    for _ in range(60):
        value, slope = jax.value_and_grad(lambda p: jnp.sum(jnp.square(p[0] + p[1] - 5)))(params)
        moves, state = watch.update(slope, state, params, value=value)
        params = optax.apply_updates(params, moves)
    found = watch.run(state).verdict.findings
    assert [(one.code, one.severity) for one in found if one.code == "SD408"] == [("SD408", "info")]
