"""A regression in JAX with Equinox and optax, each step compiled."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import steepest

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
keys = jax.random.split(jax.random.key(0), 3)
inputs = jax.random.uniform(keys[0], (512, 2), minval=-2, maxval=2)
targets = jnp.sin(inputs[:, 0]) * inputs[:, 1] + 0.1 * jax.random.normal(keys[1], (512,))

model = eqx.nn.MLP(2, "scalar", width_size=32, depth=2, activation=jax.nn.tanh, key=keys[2])
schedule = optax.cosine_decay_schedule(1e-2, max(steps, 1))
optimizer = steepest.watch_optax(optax.adam(schedule), lr=schedule)
state = optimizer.init(eqx.filter(model, eqx.is_array))


@eqx.filter_jit(donate="all")
def step(model, state, key):
    rows = jax.random.choice(key, len(inputs), (64,))

    def loss_of(model):
        return jnp.mean((jax.vmap(model)(inputs[rows]) - targets[rows]) ** 2)

    loss, gradient = eqx.filter_value_and_grad(loss_of)(model)
    params = eqx.filter(model, eqx.is_array)
    moves, state = optimizer.update(gradient, state, params, value=loss)
    return eqx.apply_updates(model, moves), state


for key in jax.random.split(jax.random.key(1), steps):
    model, state = step(model, state, key)
run = optimizer.run(state, model="MLP", name="regression")
print(run)
