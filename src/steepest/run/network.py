"""NetworkRun: a network that was trained, ready to be asked and to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.records.arrays import Matrix, Steps
from steepest.records.training import Epoch, Learned, TrainingRecord
from steepest.records.verdict import Remedy
from steepest.run.training import TrainingRun
from steepest.words.errors import StoreError
from steepest.words.gate import gated

if TYPE_CHECKING:
    from steepest.data.samples import Samples
    from steepest.objective.networks import Network, Weights


@gated
class NetworkRun(TrainingRun):
    """A network that was trained: what was recorded of it, the verdict, and what it predicts."""

    def __init__(self, record: TrainingRecord, unsaved: StoreError | None = None):
        super().__init__(record)
        self.unsaved = unsaved

    @property
    def learned(self) -> Learned:
        """What is known beyond a watched training: epochs, metrics, the gradient explained."""
        assert self.record.learned is not None
        return self.record.learned

    @property
    def network(self) -> Network:
        """Its layers."""
        from steepest.objective.networks import parse_network

        return parse_network(self.learned.network)

    @property
    def weights(self) -> dict[str, Matrix]:
        """By name, W1 (outputs, inputs), b1 (outputs,) and so on, in 32 bits.

        They are those of the best epoch where rows were held out, else the last.
        """
        return dict(zip(self.network.names, self.learned.weights, strict=True))

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """Loss and accuracy, epoch by epoch."""
        return self.learned.epochs

    @property
    def metrics(self) -> Mapping[str, float]:
        """On the rows held out, else on those learned from."""
        return self.learned.metrics

    @property
    def accuracy(self) -> float | None:
        """The share of these rows whose class was found; None where it learned numbers."""
        return self.learned.metrics.get("accuracy")

    @property
    def loss(self) -> float:
        """On these rows."""
        return self.learned.metrics["loss"]

    @property
    def confusion(self) -> Steps | None:
        """(classes, classes): how many rows of each class, down, were given each class, across."""
        return self.learned.confusion

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What was tried and helped."""
        return self.record.remedies

    def predict(self, data: Any) -> np.ndarray[Any, Any]:
        """What the network says of new rows, (n,), or (n, k) for several numbers.

        `data` is what `train` takes; the target may be missing. Classes come as their names. A row
        with a missing value gets None, or NaN where numbers are predicted. Raises SteepestError.
        """
        found, rows, total = self._outputs(data)
        classes = self.learned.classes
        if classes is not None:
            named = np.full(total, None, dtype=object)
            named[rows] = np.array(classes, dtype=object)[_scores(found).argmax(1)]
            return named
        numbers = np.full((total, found.shape[1]), np.nan)
        numbers[rows] = found
        return numbers[:, 0] if found.shape[1] == 1 else numbers

    def probabilities(self, data: Any) -> Matrix:
        """Of each class, (n, classes), by softmax; NaN for a row with a missing value.

        Raises SteepestError.
        """
        outputs, rows, total = self._outputs(data)
        found = _scores(outputs)
        shares = np.full((total, found.shape[1]), np.nan)
        powers = np.exp(found - found.max(1, keepdims=True))
        shares[rows] = powers / powers.sum(1, keepdims=True)
        return shares

    def _outputs(self, data: Any) -> tuple[Matrix, Sequence[int], int]:
        from steepest.data.samples import as_given
        from steepest.descent.training import outputs_of
        from steepest.engine.xla import plainly
        from steepest.study.train.rows import scaled

        learned = self.learned
        found = as_given(_samples(learned), data)
        inputs = scaled(found.inputs, learned.shift, learned.scale)
        with plainly():
            outputs = outputs_of(self.network, _weights(learned), inputs)
        return outputs, found.rows.tolist(), len(found) + found.left_out


def _scores(outputs: Matrix) -> Matrix:
    from steepest.objective.networks import scores

    return np.asarray(scores(outputs), np.float64)


def _weights(learned: Learned) -> Weights:
    import jax.numpy as jnp

    leaves = [jnp.asarray(part) for part in learned.weights]
    return tuple(zip(leaves[::2], leaves[1::2], strict=True))


def _samples(learned: Learned) -> Samples:
    """What the training's rows were like, without the rows."""
    from steepest.data.samples import Samples

    return Samples(
        source=learned.source,
        inputs=np.zeros((0, len(learned.inputs)), dtype=np.float32),
        targets=np.zeros(0, dtype=np.int32),
        rows=np.zeros(0, dtype=np.int64),
        names=learned.inputs,
        target=learned.target,
        classes=learned.classes,
        picture=learned.picture,
        channels=learned.channels,
        kind=learned.kind,
    )
