"""Probes and births of a training in JAX. Oracles: closed forms, NumPy, and PyTorch's watch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest
from steepest.measure.other_steps import FACTORS
from steepest.words.errors import UsageError

torch: Any = pytest.importorskip("torch")

CURVATURES = np.array([8.0, 2.0, 0.5, -1.0], np.float32)
START = np.array([1.0, -2.0, 3.0, 0.5], np.float32)


def bowl(params: Any) -> Any:
    return 0.5 * jnp.sum(jnp.asarray(CURVATURES) * params["x"] ** 2)


def stepped(optimizer: Any, loss: Any, params: Any, steps: int) -> tuple[Any, Any]:
    state = optimizer.init(params)
    for _ in range(steps):
        value, gradient = jax.value_and_grad(loss)(params)
        moves, state = optimizer.update(gradient, state, params, value=value)
        params = optax.apply_updates(params, moves)
    return params, state


def test_a_square_by_its_closed_form() -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.05))
    params, state = stepped(optimizer, bowl, {"x": jnp.array(START)}, 3)
    probe = optimizer.probe(state, params, bowl)
    x = START.astype(float) * (1 - 0.05 * CURVATURES) ** 3
    slope = CURVATURES * x
    fan = [0.5 * np.sum(CURVATURES * (x - 0.05 * f * slope) ** 2) for f in FACTORS]
    assert probe.step == 3
    assert probe.largest == pytest.approx(8, rel=1e-4)
    assert probe.most_negative == pytest.approx(-1, rel=1e-4)
    assert probe.limit == pytest.approx(2 / 8, rel=1e-4)
    assert probe.sharpness == pytest.approx(
        np.sum(CURVATURES * slope**2) / np.sum(slope**2), rel=1e-4
    )
    np.testing.assert_allclose(probe.losses, fan, rtol=1e-5)
    run = optimizer.run(state, probes=[probe])
    assert run.record.probes == (probe,)
    assert "probes" not in run.record.not_measured
    assert "probes" in optimizer.run(state).record.not_measured


def test_of_another_optimizer_the_critical_length_is_looked_for() -> None:
    """On a bowl the loss is where it was after twice the way to the lowest point of the line."""
    curved = np.array([4.0, 0.25])

    def loss(x: Any) -> Any:
        return 0.5 * jnp.sum(jnp.asarray(curved) * x**2)

    optimizer = steepest.watch_optax(optax.rmsprop(0.3))
    params, state = stepped(optimizer, loss, jnp.array([3.0, 2.0]), 4)
    probe = optimizer.probe(state, params, loss)
    x = np.asarray(params, float)
    moves, _ = optimizer.update(jax.grad(loss)(params), state, params, value=loss(params))
    along = np.asarray(moves, float)
    truly = -2 * (curved * x) @ along / (along @ (curved * along))
    assert probe.limit is None
    assert probe.critical is not None
    # It lies between two factors of which one is at most four times the other.
    assert probe.critical == pytest.approx(truly, rel=0.7)


DRAW = np.random.default_rng(3)
INPUTS = DRAW.normal(size=(64, 4)).astype("f4")
TARGETS = np.sin(INPUTS.sum(1, keepdims=True)).astype("f4")
WEIGHTS = [
    (DRAW.normal(0, a**-0.5, (b, a)).astype("f4"), np.zeros(b, "f4"))
    for a, b in itertools.pairwise([4, 8, 1])
]
METHODS: dict[str, tuple[Any, Any]] = {
    "gd": (torch.optim.SGD, optax.sgd),
    "adam": (torch.optim.Adam, optax.adam),
}


def network(params: Any) -> Any:
    (first, second) = params
    hidden = jnp.tanh(INPUTS @ first["weight"].T + first["bias"])
    return ((hidden @ second["weight"].T + second["bias"] - TARGETS) ** 2).mean()


def in_torch(method: str, lr: float, steps: int, every: int) -> Any:
    layers = []
    for weight, bias in WEIGHTS:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
        layers.append(layer)
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    optimizer = METHODS[method][0](model.parameters(), lr=lr)

    def closure() -> Any:
        return (model(torch.tensor(INPUTS)) - torch.tensor(TARGETS)).square().mean()

    with steepest.watch(model, optimizer, store=False, probe_every=every) as watch:
        for _ in range(steps):
            watch.probe(closure)
            optimizer.zero_grad()
            loss = closure()
            watch.loss(loss)
            loss.backward()
            optimizer.step()
    return watch.run


def in_jax(method: str, lr: float, steps: int, every: int) -> Any:
    optimizer = steepest.watch_optax(METHODS[method][1](lr), lr=lr)
    params: Any = [{"weight": jnp.array(w), "bias": jnp.array(b)} for w, b in WEIGHTS]
    state, probes = optimizer.init(params), []
    step_of = jax.jit(optimizer.update)
    for step in range(steps):
        if step % every == 0:
            probes.append(optimizer.probe(state, params, network))
        value, gradient = jax.value_and_grad(network)(params)
        moves, state = step_of(gradient, state, params, value=value)
        params = optax.apply_updates(params, moves)
    return optimizer.run(state, probes=probes)


@pytest.mark.parametrize("lr", [1e-5, 0.1])
@pytest.mark.parametrize("method", METHODS)
def test_it_is_that_of_pytorch(method: str, lr: float) -> None:
    ours, theirs = (run(method, lr, 30, 10) for run in (in_jax, in_torch))
    for one, other in zip(ours.record.probes, theirs.record.probes, strict=True):
        assert one.step == other.step
        np.testing.assert_allclose(one.losses, other.losses, rtol=1e-4)
        if method == "gd" and not math.isnan(other.largest):
            assert one.largest == pytest.approx(other.largest, rel=0.05)
            assert one.sharpness == pytest.approx(other.sharpness, rel=1e-3)
    assert ours.verdict.learning_rate == theirs.verdict.learning_rate
    assert {one.code for one in ours.verdict.findings} == {
        one.code for one in theirs.verdict.findings
    } - {"SD304"}


# Births

ROWS = jnp.array([[1.0, 2.0], [0.0, 0.0], [3.0, 1.0]])
ONES = {"w": jnp.ones(2)}


def logarithm(params: Any) -> Any:
    return jnp.mean(jnp.log(ROWS @ params["w"]))  # here


def root(params: Any) -> Any:
    far = jnp.sqrt(ROWS @ params["w"])  # here
    return jnp.mean(far)


@jax.jit
def quotient(params: Any) -> Any:
    sizes = ROWS @ params["w"]
    shares = ROWS / sizes[:, None]  # here
    return jnp.mean(jnp.where(sizes[:, None] > 0, shares, 0.0))


def hidden_root(params: Any) -> Any:
    sizes = ROWS @ params["w"]
    return jnp.mean(jnp.where(sizes > 0, jnp.sqrt(sizes), 0.0))  # here


def too_large(params: Any) -> Any:
    return jax.nn.relu(jnp.exp(100 * params["w"])).sum()  # here


def repeated(params: Any) -> Any:
    def grow(value: Any, _: Any) -> Any:
        return value**2, None

    return jax.lax.scan(grow, 10 * params["w"].sum(), length=8)[0]  # here


def fine(params: Any) -> Any:
    return jnp.mean(jax.nn.softplus(ROWS @ params["w"]) ** 2)


BIRTHS: dict[Any, tuple[str, str, str | None]] = {
    logarithm: ("forward", "log", "the log of 0"),
    root: ("backward", "sqrt", "the slope of the square root of 0"),
    quotient: ("forward", "div", "a division by 0"),
    hidden_root: ("backward", "sqrt", "the slope of the square root of 0"),
    too_large: ("forward", "exp", "a result that is too large for its type, float32"),
    repeated: ("forward", "scan", "a result that is too large for its type, float32"),
}


@pytest.mark.parametrize("loss", BIRTHS, ids=lambda loss: getattr(loss, "__name__", "quotient"))
def test_where_a_number_that_is_none_was_born(loss: Any) -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.1))
    state = optimizer.init(ONES)
    birth = optimizer.birth(state, ONES, loss)
    assert birth is not None
    assert birth.line is not None
    phase, function, cause = BIRTHS[loss]
    assert (birth.phase, birth.function, birth.cause) == (phase, function, cause)
    assert birth.line.startswith("test_probe_in_jax.py:")
    assert birth.line.endswith("# here")
    value, gradient = jax.value_and_grad(loss)(ONES)
    _, after = optimizer.update(gradient, state, ONES, value=value)
    (found,) = [
        one for one in optimizer.run(after, birth=birth).verdict.findings if one.code == "SD406"
    ]
    assert str(cause) in found.sentence
    assert "# here" in found.sentence


def test_where_all_is_finite_nothing_was_born() -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.1))
    assert optimizer.birth(optimizer.init(ONES), ONES, fine) is None
    lost = {"w": jnp.array([jnp.nan, 1.0])}
    assert optimizer.birth(optimizer.init(ONES), lost, fine) is None


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (3.0, "must be a function"),
        (lambda params: params["w"], "no gradient"),
        (lambda params: "seven", "no gradient"),
    ],
    ids=["a number", "a vector", "a text"],
)
def test_what_is_no_loss_is_refused(loss: Any, says: str) -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.1))
    for ask in (optimizer.probe, optimizer.birth):
        with pytest.raises(UsageError, match=says):
            ask(optimizer.init(ONES), ONES, loss)


@pytest.mark.parametrize("given", [{"probes": [3]}, {"probes": 3}, {"birth": "log"}], ids=str)
def test_what_is_no_probe_is_refused(given: Any) -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.1))
    with pytest.raises(UsageError, match=next(iter(given))):
        optimizer.run(optimizer.init(ONES), **given)


def test_errors_of_the_loss_itself_come_through() -> None:
    optimizer = steepest.watch_optax(optax.sgd(0.1))
    with pytest.raises(KeyError, match="v"):
        optimizer.probe(optimizer.init(ONES), ONES, lambda params: params["v"].sum())
