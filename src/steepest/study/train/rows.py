"""The rows of a training: what is learned from, what is held out, and how inputs are scaled."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.samples import Samples, read_samples
from steepest.data.samples.idx import holds_idx, names_of, read_idx
from steepest.data.table.wording import quoted
from steepest.methods.losses import LOSS
from steepest.methods.options import TrainOptions
from steepest.objective.networks import Network
from steepest.records.arrays import Vector
from steepest.words.errors import InputError, UsageError
from steepest.words.wording import count

_SPLIT, _SOME = 1, 2
"""Beside the seed, so that the draws of the split, and of some of the rows, are not those of the
weights or batches."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from and rows to judge by, the inputs scaled."""

    learned: Samples
    held: Samples | None
    shift: Vector
    """(d,): subtracted from the inputs, which are then divided by `scale`."""
    scale: Vector

    @property
    def judged(self) -> Samples:
        """The rows by which the network is judged."""
        return self.learned if self.held is None else self.held

    def fingerprint(self) -> str:
        """Of every number in it."""
        found = hashlib.sha256()
        for part in (self.learned, self.held):
            if part is not None:
                found.update(np.ascontiguousarray(part.inputs).tobytes())
                found.update(np.ascontiguousarray(part.targets).tobytes())
        return found.hexdigest()


def read_rows(data: Any, options: TrainOptions) -> Split:
    """Read the data, hold rows out, and scale the inputs. Raises SteepestError.

    Of a folder of IDX files, those for the test are held out unless a share of the others is.
    """
    numbers = not LOSS[options.loss].of_classes
    samples = read_samples(
        data, options.target, inputs=options.inputs, numbers=numbers, where=options.where
    )
    if options.rows is not None and options.rows < len(samples):
        order = np.random.default_rng([options.seed, _SOME]).permutation(len(samples))
        samples = samples.take(np.sort(order[: options.rows]))
    learned, held = samples, None
    if options.validation is not None:
        learned, held = _held_out(samples, options.validation, options.seed)
    elif samples.kind == "idx" and _has_test(Path(os.fsdecode(data)).expanduser()):
        held = read_idx(data, "test", classes=samples.classes)
    if options.patience is not None and held is None:
        raise UsageError(
            "Patience needs rows held out to judge by.",
            given="--patience without --validation",
            instead="Add --validation 0.2.",
        )
    width = learned.inputs.shape[1]
    split = Split(learned, held, np.zeros(width), np.ones(width))
    return standardized(split) if options.standardize else split


def standardized(split: Split) -> Split:
    """The same rows, scaled so that those learned from have mean 0 and deviation 1."""
    shift = split.learned.inputs.mean(axis=0, dtype=np.float64)
    deviation = split.learned.inputs.std(axis=0, dtype=np.float64)
    # That of equal numbers may be off by a rounding.
    varies = split.learned.inputs.min(axis=0) < split.learned.inputs.max(axis=0)
    scale = np.where(varies & (deviation > 0), deviation, 1.0)
    held = None if split.held is None else _scaled(split.held, shift, scale)
    return Split(_scaled(split.learned, shift, scale), held, shift, scale)


def scaled(inputs: NDArray[np.float32], shift: Vector, scale: Vector) -> NDArray[np.float32]:
    """The inputs as the network takes them."""
    if not shift.any() and (scale == 1).all():
        return inputs
    return ((inputs - shift) / scale).astype(np.float32)


def check_ends(network: Network, samples: Samples) -> None:
    """Raise UsageError where the network does not take these inputs or give these targets."""
    inputs = samples.inputs.shape[1]
    if network.inputs != inputs:
        raise UsageError(
            f"The network takes {count(network.inputs, 'number')}, and the data has "
            f"{count(inputs, 'input')} a row.",
            given=network.text,
            instead=f"Begin it with {inputs}: {_with_ends(network, inputs, network.outputs)}",
        )
    wanted, what = outputs_of(samples), "number" if samples.classes is None else "class"
    # One output is the logit of the second of two classes.
    single = what == "class" and wanted == 2
    if network.outputs != wanted and not (single and network.outputs == 1):
        raise UsageError(
            f"The network gives {count(network.outputs, 'number')}, and the data has "
            f"{_counted(wanted, what)} to be found.",
            given=network.text,
            instead=f"End it with {wanted}{' or 1' * single}: "
            f"{_with_ends(network, inputs, wanted)}",
        )


def outputs_of(samples: Samples) -> int:
    """How many numbers a network gives for these targets."""
    return samples.targets.shape[1] if samples.classes is None else len(samples.classes)


def _counted(number: int, what: str) -> str:
    return f"{number:,} classes" if what == "class" and number != 1 else count(number, what)


def _with_ends(network: Network, first: int, last: int) -> str:
    parts = network.text.replace(" ", "").split("-")
    widths = [place for place, part in enumerate(parts) if part.isdigit()]
    parts[widths[0]], parts[widths[-1]] = str(first), str(last)
    return "-".join(parts)


def _held_out(samples: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    number = round(share * len(samples))
    if not 0 < number < len(samples):
        raise InputError(
            f"Of {count(len(samples), 'row')} a share of {share:g} cannot be held out.",
            instead="Give a share of which both sides have rows.",
        )
    order = np.random.default_rng([seed, _SPLIT]).permutation(len(samples))
    learned = samples.take(np.sort(order[number:]))
    held = samples.take(np.sort(order[:number]))
    if samples.classes is not None:
        unseen = np.setdiff1d(held.targets, learned.targets)
        if len(unseen):
            raise InputError(
                f"The class {quoted(samples.classes[unseen[0]])} has no row that is learned from: "
                "all of it was held out.",
                instead="Give it more rows, hold out fewer, or draw others with --seed.",
            )
    return learned, held


def _has_test(folder: Path) -> bool:
    return holds_idx(folder) and any(
        (folder / name).exists() for name in names_of("test", "images")
    )


def _scaled(samples: Samples, shift: Vector, scale: Vector) -> Samples:
    return replace(samples, inputs=scaled(samples.inputs, shift, scale))
