"""Of healthy trainings nothing is said that would send a user looking for a fault.

`STEEPEST_HEALTHY` says how many of each kind, `STEEPEST_SEED` from which seed on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from tests.watching.healthy import KINDS, Draw, Training

from steepest.checks.training import judge_training

COUNT = int(os.environ.get("STEEPEST_HEALTHY", "1"))
FIRST = int(os.environ.get("STEEPEST_SEED", "0"))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_is_said_of_a_healthy_training(kind: Callable[[Draw], Training], seed: int) -> None:
    torch.manual_seed(seed)
    training = kind(Draw(seed))
    for record in training.run(probes=seed % 2 == 0):
        assert not record.dropped
        verdict = judge_training(record)
        grave = [finding for finding in verdict.findings if finding.severity != "info"]
        losses = record.trace.loss
        ends = float(np.mean(losses[:10])), float(np.mean(losses[-10:]))
        assert not grave, (training.optimizer, ends, [f"{f.code} {f.sentence}" for f in grave])
