"""Processes: forked off, trained together by torchrun, and their records merged."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import steepest
from steepest.records.ranks import merged
from steepest.records.training import TrainingRecord
from steepest.store.kept import Opening
from steepest.store.recording import Recording
from steepest.store.store import Store
from steepest.words.errors import UsageError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked off here")

FORK = """
import os, sys, torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from steepest.watching import Attached

torch.set_num_threads(1)

def train(watched):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
    watch = Attached(model, [optimizer], probe_every=4) if watched else None

    def step(x, y):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        if watch: watch.loss(loss)
        if watch: watch.probe(lambda: cross_entropy(model(x), y))
        loss.backward()
        optimizer.step()

    for number in range(3):
        # Loaded by processes that are forked off while the hooks stand.
        for x, y in DataLoader(data, batch_size=16, shuffle=True, num_workers=2):
            step(x, y)
        child = os.fork()
        if not child:
            step(x, y)  # Trains on alone, and nobody watches it.
            os._exit(0 if watch is None or watch.steps == 4 * (number + 1) else 1)
        assert os.waitpid(child, 0)[1] == 0
    if watch:
        watch.detach()
        record = watch.record("0")
        assert record.steps == len(record.trace) == 12, record.steps
        assert not record.dropped, record.dropped
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters())

assert train(True) == train(False)
print("the same")
"""

TOGETHER = """
import os, pickle, sys, torch
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from steepest.watching import Attached

torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()

def train(watched):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.1),
        torch.nn.Linear(8, 3),
    )
    alone = torch.nn.Sequential(*model)
    together = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.5)
    watch = Attached(together, [optimizer], probe_every=7) if watched else None
    source = torch.Generator().manual_seed(rank)
    losses, own = [], []
    for number in range(50):
        x = torch.randn(16, 8, generator=source)
        y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
        optimizer.zero_grad()
        loss = cross_entropy(together(x), y)
        if watch:
            watch.loss(loss)
            watch.probe(lambda: cross_entropy(together(x), y, reduction="none"))
        if number == 30:
            # Two passes, of which only the second is shared.
            with together.no_sync():
                cross_entropy(together(x), y).backward()
            loss = cross_entropy(together(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
        if rank == 1 and number == 40 and watch:
            # One process is a little behind, and looks at what it has.
            watch.record("0")
    if watch:
        watch.detach()
        with open(f"{sys.argv[1]}/{rank}.pickle", "wb") as file:
            pickle.dump(watch.record("0"), file)
    tensors = [*model.parameters(), *model.buffers(), torch.get_rng_state()]
    return losses, b"".join(t.detach().numpy().tobytes() for t in tensors)

assert train(True) == train(False)
torch.distributed.barrier()
os._exit(0)  # The threads of gloo sometimes abort a process that ends in the usual way.
"""


SPREAD = """
import os, torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy
from steepest.records.ranks import merged
from steepest.watching import Attached

torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
mesh = init_device_mesh("cpu", (2,))

def train(watched):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    lengths = [float(p.norm()) for p in model.parameters()]
    for part in (model[0], model[2], model):
        fully_shard(part, mesh=mesh)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    watch = Attached(model, [optimizer]) if watched else None
    source = torch.Generator().manual_seed(rank)
    losses = []
    for _ in range(20):
        x = torch.randn(16, 8, generator=source)
        loss = cross_entropy(model(x), (x[:, 0] > 0).long())
        if watch:
            watch.loss(loss)
            watch.probe(lambda: cross_entropy(model(x), (x[:, 0] > 0).long()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if watch:
        watch.detach()
        records = [None, None]
        torch.distributed.all_gather_object(records, watch.record("0"))
        whole = merged(records)
        assert not whole.dropped and not whole.probes, whole
        assert "DistributedDataParallel" in records[rank].not_measured["probes"]
        assert all(tensor.part for tensor in whole.tensors)
        # The norms of the parts together are those of the whole.
        torch.testing.assert_close(list(whole.trace.weight[0]), lengths, rtol=1e-6, atol=0)
    return losses, b"".join(p.detach().to_local().numpy().tobytes() for p in model.parameters())

assert train(True) == train(False)
torch.distributed.barrier()
os._exit(0)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_process_that_is_forked_off_is_not_watched() -> None:
    done = python("-W", "error::RuntimeWarning", "-c", FORK)
    assert done.stdout == "the same\n", done.stderr
    assert "Steepest" not in done.stderr


def test_tensors_that_are_spread_over_processes(tmp_path: Path) -> None:
    """FSDP2: each process measures its part, and waits for no other."""
    script = tmp_path / "spread.py"
    script.write_text(SPREAD)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = python(*launcher, str(script))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingRecord]:
    """Two processes on this machine, which also see that the watch changes nothing."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "together.py"
    script.write_text(TOGETHER)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = python(*launcher, str(script), str(folder))
    assert done.returncode == 0, done.stderr
    return [pickle.loads(Path(folder, f"{rank}.pickle").read_bytes()) for rank in (1, 0)]


def test_processes_that_train_together(ranks: list[TrainingRecord]) -> None:
    for record, rank in zip(ranks, (1, 0), strict=True):
        assert record.rank == rank
        assert record.model == "Sequential"
        assert record.steps == len(record.trace) == 50
        assert not record.dropped
        assert len(record.probes) == 8
        assert not [tensor.name for tensor in record.tensors if "module" in tensor.name]
    other, first = ranks
    np.testing.assert_array_equal(first.trace.gradient, other.trace.gradient)
    assert (first.trace.loss != other.trace.loss).all()
    # An average is never longer than what it averages, as squared lengths.
    own = (first.trace.own_gradient + other.trace.own_gradient) / 2
    assert np.flatnonzero(np.isnan(own)).tolist() == [30]
    assert (np.delete(own, 30) > 1).all()


def test_the_noise_of_all_processes(ranks: list[TrainingRecord]) -> None:
    """The first step again, in one process."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.1),
        torch.nn.Linear(8, 3),
    )  # fmt: skip
    drawn = torch.get_rng_state()
    gradients = []
    for rank in (0, 1):
        torch.set_rng_state(drawn)
        x = torch.randn(16, 8, generator=torch.Generator().manual_seed(rank))
        y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
        loss = torch.nn.functional.cross_entropy(model(x), y)
        slopes = torch.autograd.grad(loss, list(model.parameters()))
        gradients.append(torch.cat([slope.reshape(-1) for slope in slopes]))
    average = sum(gradients) / 2
    for record in ranks:
        expected = gradients[record.rank or 0].norm() ** 2 / average.norm() ** 2  # type: ignore[union-attr]
        assert record.trace.own_gradient[0] == pytest.approx(float(expected), rel=1e-5)


def test_records_are_merged(ranks: list[TrainingRecord]) -> None:
    whole = merged(ranks)
    other, first = ranks
    assert whole.rank is None
    assert whole.steps == 50
    np.testing.assert_allclose(whole.trace.loss, (first.trace.loss + other.trace.loss) / 2)
    np.testing.assert_array_equal(whole.trace.weight, first.trace.weight)
    assert whole.inputs.rows == 32
    ratio = np.nanmean([first.trace.own_gradient, other.trace.own_gradient])
    assert whole.noise == pytest.approx((ratio - 1) / (2 - ratio))
    for probe, a, b in zip(whole.probes, first.probes, other.probes, strict=True):
        np.testing.assert_allclose(probe.losses, (np.array(a.losses) + b.losses) / 2)
    assert whole.ended == "closed"
    assert merged([first]) == replace(first, rank=None)


def test_a_store_tells_of_all_processes(ranks: list[TrainingRecord], tmp_path: Path) -> None:
    """Each process keeps its own; whichever is asked for, the records of all are read."""
    store = Store(tmp_path / "runs.db")

    def begin(record: TrainingRecord, job: str) -> Recording:
        return store.begin(
            Opening(
                command="watch",
                formula=record.model,
                weights=tuple(tensor.name for tensor in record.tensors),
                optimizer="SGD",
                step_limit=0,
                options={"every": 1, "rank": record.rank, "job": job},
                versions={"steepest": "0"},
            )
        )

    kept = [*ranks, ranks[1]]
    recordings = [begin(r, job) for r, job in zip(kept, ("one", "one", "another"), strict=True)]
    for recording, record in zip(recordings, kept, strict=True):
        recording.training(replace(record, ended="closed")).result()
        recording.close()
    mine, theirs, alone = (recording.run for recording in recordings)
    whole = merged(ranks)
    for run in (mine, theirs):
        found = store.any_record(run)
        assert isinstance(found, TrainingRecord)
        assert (found.run, found.processes, found.rank) == (run, 2, None)
        assert found.losses == whole.losses
        assert found.noise == whole.noise
        # Keeping never judges: it is judged when it is read for somebody.
        assert steepest.load(run, store.path).verdict.headline
    other = store.any_record(alone)
    assert isinstance(other, TrainingRecord)
    assert other.processes == 1
    assert other.losses == ranks[1].losses


def test_noise_that_is_known() -> None:
    """Gradients drawn with a known noise: the estimate from the processes' shares is it."""
    source = np.random.default_rng(0)
    signal, noise, processes = np.ones(200), 3.0, 4
    shares = []
    for _ in range(400):
        own = signal + source.normal(0, np.sqrt(noise * processes), (processes, 200))
        shares.append((own**2).sum(1).mean() / (own.mean(0) ** 2).sum())
    ratio = float(np.mean(shares))
    assert (ratio - 1) / (processes - ratio) == pytest.approx(noise, rel=0.02)


def changed(record: TrainingRecord, **changes: Any) -> TrainingRecord:
    return replace(record, **changes)


def test_what_goes_wrong_in_one_process_is_in_the_whole(ranks: list[TrainingRecord]) -> None:
    other, first = ranks
    lost = replace(other.facts[0], lost_at=12, lost="gradient", lost_entries=3)
    ill = changed(
        other,
        facts=(lost, *other.facts[1:]),
        dropped={"a probe": 2},
        ended="an error in the loop",
        losses=replace(other.losses, lost_at=13),
    )
    whole = merged([first, ill])
    assert (whole.facts[0].lost_at, whole.facts[0].lost_entries) == (12, 3)
    assert whole.losses.lost_at == 13
    assert whole.dropped == {"a probe": 2}
    assert whole.ended == "an error in the loop"


def test_parts_of_a_tensor_are_put_together(ranks: list[TrainingRecord]) -> None:
    other, first = ranks
    spread = [
        changed(record, tensors=(replace(record.tensors[0], part=True), *record.tensors[1:]))
        for record in (first, other)
    ]
    whole = merged(spread)
    expected = np.hypot(first.trace.gradient[:, 0], other.trace.gradient[:, 0])
    np.testing.assert_allclose(whole.trace.gradient[:, 0], expected)
    np.testing.assert_array_equal(whole.trace.gradient[:, 1:], first.trace.gradient[:, 1:])
    assert np.isnan(whole.trace.turn[:, 0]).all()


@pytest.mark.parametrize("case", ["none", "twice", "others"])
def test_what_cannot_be_merged(ranks: list[TrainingRecord], case: str) -> None:
    first = ranks[0]
    given = {
        "none": [],
        "twice": [first, first],
        "others": [first, changed(ranks[1], tensors=first.tensors[:1], facts=first.facts[:1])],
    }[case]
    with pytest.raises(UsageError, match="merge"):
        merged(given)
