"""A training in JAX, watched: an optimizer of optax that records what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import jax
import numpy as np
import optax

from steepest.checks.training import judge_training
from steepest.descent import optax_steps
from steepest.descent.optax_steps import Recorded
from steepest.measure.jax_birth import birth_of
from steepest.measure.jax_probe import probed
from steepest.methods.optimizers import ADAM, GD, stability_factor
from steepest.records.loss_graph import Birth
from steepest.records.training import Group, Probe, Tensor, TrainingRecord
from steepest.records.verdict import Verdict
from steepest.run.place import Place
from steepest.run.training import TrainingRun, kept_whole
from steepest.store.kept import Opening
from steepest.words.errors import UsageError
from steepest.words.gate import gated
from steepest.words.given import shown_value
from steepest.words.version import version

_NOT_HERE: Final = "it is not measured of a training in JAX"
_KNOWN: Final = {"ScaleByAdamState": ADAM.name}
"""States of optax that say which method it is."""


class OptaxWatch(optax.GradientTransformationExtraArgs):
    """An optimizer of optax that records what it does in its own state. `update` takes `value`."""

    __slots__ = ()

    @gated
    def run(
        self,
        state: Any,
        *,
        probes: Sequence[Probe] = (),
        birth: Birth | None = None,
        model: str = "",
        name: str | None = None,
        store: Place = None,
        save: bool | None = None,
    ) -> TrainingRun:
        """What the state has recorded, judged, and kept where `store` or `save` says so.

        `probes` and `birth` are what `.probe` and `.birth` gave.
        """
        for probe in probes:
            if not isinstance(probe, Probe):
                raise UsageError(
                    "probes must be a list of what .probe gave.", given=shown_value(probe)
                )
        about = {"name": name, "model": model, "probes": tuple(probes), "birth": birth}
        return judged(state, about, store, save)

    @gated
    def verdict(self, state: Any) -> Verdict:
        """The verdict so far."""
        return self.run(state).verdict

    @gated
    def probe(self, state: Any, params: Any, loss: Callable[[Any], Any]) -> Probe:
        """The curvature of `loss(params)`, and what steps would give that are not taken.

        The step is the one that the optimizer would take now, and nothing is changed. Costs some
        dozens of gradients, and hundreds where curvatures lie close together; to be called between
        compiled calls, now and then, on one batch.

        Raises UsageError for a loss that is no number or has no gradient.
        """
        recorded = _found(state)
        value, gradient = _of_one_number(loss, params)
        moves, _ = self.update(gradient, recorded, params, value=value)
        step = int(recorded.step)
        plain = step > 1 and optax_steps.goes_downhill(recorded)
        factor = stability_factor(GD.name, None) if plain else None
        return probed(step, loss, params, gradient, moves, factor)

    @gated
    def birth(self, state: Any, params: Any, loss: Callable[[Any], Any]) -> Birth | None:
        """Where `loss(params)`, or its gradient, makes its first number that is not finite.

        The parameters are those from before that step: the loss is run again on them, operation
        by operation. None where all is finite.

        Raises UsageError for a loss that is no number or has no gradient.
        """
        _of_one_number(loss, params)
        return birth_of(int(_found(state).step), loss, params)


def _of_one_number(loss: Callable[[Any], Any], params: Any) -> tuple[Any, Any]:
    """The loss and its gradient."""
    try:
        found: tuple[Any, Any] = jax.value_and_grad(loss)(params)
    except (TypeError, ValueError) as error:
        raise UsageError(
            "The loss has no gradient by these parameters.", given=str(error).partition("\n")[0]
        ) from error
    return found


def judged(state: Any, about: Mapping[str, Any], store: Place, save: bool | None) -> TrainingRun:
    """What a state has recorded and what else is known of the training, judged and kept."""
    record = replace(_record(_recorded(state)), **about)
    if record.probes:
        known = {key: why for key, why in record.not_measured.items() if key != "probes"}
        record = replace(record, not_measured=known)
    return _kept(replace(record, verdict=judge_training(record)), store, save)


@gated
def watch_optax(optimizer: Any, *, lr: float | Callable[..., Any] | None = None) -> OptaxWatch:
    """The same optimizer of optax, which records what it does inside of `jit`, `scan` and the like.

    Args:
        optimizer: Any optimizer of optax, a chain of them too.
        lr: Its learning rate or schedule, so that it is recorded. Without it the rate of
            `optax.inject_hyperparams` is taken, or that of moves along the gradient is measured.

    Returns:
        An optimizer of optax: give `update` the loss as `value=loss`, and ask `.run(state)` or
        `.verdict(state)` whenever you like. Its state is larger by the last gradient and 512 rows.

    Raises UsageError for what is no optimizer of optax.
    """
    if not (
        callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))
    ):
        raise UsageError(
            "This is no optimizer of optax.",
            given=shown_value(optimizer),
            instead="For example steepest.watch_optax(optax.sgd(0.1)).",
        )
    inner: Any = optax.with_extra_args_support(optimizer)  # type: ignore[attr-defined]

    def init(params: Any) -> Recorded:
        if optax_steps.is_empty(params):
            raise UsageError("There is nothing to watch: params has no arrays.")
        return optax_steps.begin(inner.init(params), params)

    def update(
        updates: Any, state: Recorded, params: Any = None, *, value: Any = None, **more: Any
    ) -> tuple[Any, Recorded]:
        if params is None:
            raise UsageError(
                "update needs the parameters.",
                instead="update(gradient, state, params, value=loss)",
            )
        given = more if value is None else {**more, "value": value}
        moves, after = inner.update(updates, state.inner, params, **given)
        rate = optax_steps.rate_of(after) if lr is None else _rate_at(lr, state.step)
        recorded = optax_steps.record(state, after, params, updates, moves, value, rate)
        return moves, recorded

    return OptaxWatch(init, update)  # type: ignore[arg-type]


def _rate_at(lr: float | Callable[..., Any], step: Any) -> Any:
    return lr(step) if callable(lr) else lr


def _recorded(state: Any) -> Recorded:
    """The recorded part of an optimizer's state, however it is wrapped. Raises UsageError."""
    leaves, tree = jax.tree.flatten(_found(state))
    return jax.tree.unflatten(tree, jax.device_get(leaves))  # type: ignore[no-any-return]


def _found(state: Any) -> Recorded:
    """The same, where it is."""
    found = _found_in(state)
    if found is None:
        raise UsageError(
            "This is no state of an optimizer that is watched.",
            given=shown_value(state),
            instead="Give what update returned last.",
        )
    # Flax's NNX wraps each array of a state.
    bare: Recorded = jax.tree.map(_bare, found, is_leaf=lambda part: hasattr(part, "get_value"))
    return bare


def _found_in(state: Any) -> Recorded | None:
    """The first recorded state in tuples, lists and mappings."""
    if isinstance(state, Recorded):
        return state
    parts = state.values() if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping | tuple | list):
        return None
    return next((found for part in parts if (found := _found_in(part)) is not None), None)


def _bare(part: Any) -> Any:
    return part.get_value() if hasattr(part, "get_value") else part


def _record(state: Recorded) -> TrainingRecord:
    leaves = optax_steps.leaves_of(state.before)
    losses = optax_steps.losses_of(state)
    kinds = optax_steps.kinds_in(state.inner)
    straight = optax_steps.goes_downhill(state)
    method = next((_KNOWN[kind] for kind in kinds if kind in _KNOWN), GD.name if straight else None)
    reasons = {
        "probes": "none was made; optimizer.probe(state, params, loss) makes one",
        "activations": _NOT_HERE,
        "validation": _NOT_HERE,
        "inputs": _NOT_HERE,
    }
    if not leaves.in_order:
        reasons["order"] = (
            "which layer comes first is not known of names in a dict; a list or numbers tell it"
        )
    if not losses.count:
        reasons["loss"] = "it was not given; update(gradient, state, params, value=loss) records it"
    return TrainingRecord(
        version=version(),
        model="",
        tensors=tuple(
            Tensor(name=name, layer=name.rpartition(".")[0], kind="", shape=shape, group=0)
            for name, shape in zip(leaves.names, leaves.shapes, strict=True)
        ),
        groups=(Group(optimizer="optax", method=method, maximizes=optax_steps.goes_uphill(state)),),
        trace=optax_steps.trace_of(state, leaves.places),
        facts=optax_steps.facts_of(state, leaves.places),
        steps=int(state.step),
        every=1,
        losses=losses,
        losses_given=losses.count,
        noise=optax_steps.noise_of(state),
        ended="closed",
        in_order=leaves.in_order,
        versions={"jax": jax.__version__, "optax": optax.__version__},
        not_measured=reasons,
    )


def _kept(record: TrainingRecord, store: Place, save: bool | None) -> TrainingRun:
    opening = Opening(
        command="watch",
        formula=record.model or "parameters",
        weights=tuple(tensor.name for tensor in record.tensors),
        optimizer="optax",
        step_limit=0,
        options={"every": 1},
        versions={"steepest": record.version, **record.versions, "numpy": np.__version__},
        name=record.name,
    )
    return kept_whole(record, opening, store, save)
