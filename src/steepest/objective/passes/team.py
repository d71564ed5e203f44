"""The processes of one job, joined by JAX: process 0 asks, all answer with their share of rows.

Each is a process of the same command on the same data. XLA carries what they say to each other
(on CPUs by gloo), and JAX finds them: by the options of the command line, or from Slurm, Open MPI,
mpi4py or Kubernetes.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from threading import Thread
from typing import Any, Final

import numpy as np

from steepest.engine.late import jax
from steepest.engine.xla import in_float64
from steepest.records.arrays import Vector
from steepest.words.errors import LostProcessError, UsageError
from steepest.words.wording import escaped

HEARTBEAT_SECONDS: Final = 20
"""A process that was silent for so long is lost. One that ended is noticed at once."""

JOINING_SECONDS: Final = 300

MPI_RANKS: Final = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")
"""What Open MPI from version 5 on, MPICH, Intel MPI and their like tell each process."""


@dataclass(frozen=True)
class Team:
    """How many processes there are, and which this one is."""

    size: int = 1
    index: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is process 0, which asks, judges, keeps and shows."""
        return self.index == 0

    @in_float64
    def total(self, values: Vector) -> Vector:
        """The sum over all processes of values (k,), added up by XLA."""
        if self.size == 1:
            return values
        with _losing():
            return np.asarray(_summed()(_across(values)))

    def gather(self, content: bytes) -> list[bytes]:
        """What each process has to say, in their order."""
        if self.size == 1:
            return [content]
        with _losing():
            lengths = _all(np.array([len(content)], dtype=np.int64))[:, 0]
            buffer = np.zeros(int(np.max(lengths)), dtype=np.uint8)
            buffer[: len(content)] = np.frombuffer(content, dtype=np.uint8)
            every = _all(buffer)
        return [
            every[index, : int(length)].tobytes() for index, length in enumerate(lengths.tolist())
        ]

    def from_leader(self, content: bytes = b"") -> bytes:
        """What process 0 says; the others wait for it."""
        return self.gather(content if self.leads else b"")[0]

    def leave(self) -> None:
        """Part from the others, when all of them do. What this process computes goes on.

        Process 0 ends last: JAX aborts one that is still parting when the coordinator is gone.
        """
        if self.leads:
            atexit.register(_see_off)
        else:
            jax.distributed.shutdown()


ALONE: Final = Team()


def join(coordinator: str | None, processes: int | None, process: int | None) -> Team:
    """Join the other processes. What is None is found from the environment, as JAX does it.

    Raises UsageError where that cannot be, LostProcessError where the others do not come.
    """
    _check(coordinator, processes, process)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if hasattr(jax.config, "jax_enable_recoverability"):
        # Else JAX ends this process when another is lost, before it can say so and keep its steps.
        jax.config.update("jax_enable_recoverability", True)
    begin = partial(
        jax.distributed.initialize,
        coordinator,
        processes,
        process,
        initialization_timeout=JOINING_SECONDS,
        heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=HEARTBEAT_SECONDS,
    )
    try:
        with _quiet():
            try:
                begin()
            except ValueError:
                # Nothing that JAX knows by itself; of mpi4py it has to be told.
                if coordinator is not None or not _can_ask_mpi():
                    raise
                begin(cluster_detection_method="mpi4py")
    except ValueError as error:
        raise UsageError(
            "The processes of this job cannot be found.",
            given=escaped(str(error).rstrip("."), 200),
            instead="Write --coordinator HOST:PORT --processes N --process I.",
        ) from None
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or ["no reason"])[0]
        raise LostProcessError(
            "The other processes of this job were not reached.",
            given=escaped(reason, 200),
            instead="Begin all of them, with the same --coordinator and --processes.",
        ) from None
    team = Team(jax.process_count(), jax.process_index())
    with _quiet():
        team.total(np.zeros(1))
    return team


def _can_ask_mpi() -> bool:
    """Whether an MPI began this process, of any kind, and there is mpi4py to ask it."""
    return any(name in os.environ for name in MPI_RANKS) and find_spec("mpi4py") is not None


@contextmanager
def _quiet() -> Iterator[None]:
    """No greetings: gloo's go to standard output, where only the answer belongs.

    What goes wrong is raised, and said from there.
    """
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        for stream in kept:
            os.dup2(nowhere, stream)
        yield
    finally:
        for stream, copy in kept.items():
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nowhere)


def _check(coordinator: str | None, processes: int | None, process: int | None) -> None:
    if coordinator is not None:
        host, colon, port = coordinator.rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
            raise UsageError(
                "The coordinator is a host and a port.",
                given=escaped(coordinator, 80),
                instead="For example --coordinator node1:9876.",
            )
    if processes is not None and processes < 1:
        raise UsageError(
            "--processes must be 1 or more.", given=str(processes), instead="For example 4."
        )
    if process is not None and not 0 <= process < (processes or process + 1):
        raise UsageError(
            "--process counts the processes from 0.",
            given=f"{process} of {processes}" if processes else str(process),
            instead="The first is 0, and the last one less than --processes.",
        )


def _see_off() -> None:
    """Wait until the others have parted, or are lost."""
    waiting = Thread(target=_see_who_is_there, daemon=True)
    waiting.start()
    waiting.join(HEARTBEAT_SECONDS)


def _see_who_is_there() -> None:
    from jax.experimental.multihost_utils import live_devices

    # Answered when no other process is there that has not asked, and none of them asks.
    with suppress(RuntimeError), live_devices(jax.devices()):
        pass


@contextmanager
def _losing() -> Iterator[None]:
    """Say in words that another process is gone."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise LostProcessError(
            "Another process of this job ended, or cannot be reached."
        ) from error


@in_float64
def _all(values: Any) -> Any:
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(values))


@cache
def _mesh() -> Any:
    """One device of each process, whatever it has."""
    first: dict[int, Any] = {}
    for device in jax.devices():
        first.setdefault(device.process_index, device)
    return jax.sharding.Mesh(np.array([first[i] for i in sorted(first)]), ("process",))


def _across(values: Vector) -> jax.Array:
    """One row a process, each held by its own."""
    spread = jax.sharding.NamedSharding(_mesh(), jax.sharding.PartitionSpec("process"))
    shape = (jax.process_count(), len(values))
    found: jax.Array = jax.make_array_from_process_local_data(spread, values[None], shape)
    return found


@cache
def _summed() -> Any:
    everywhere = jax.sharding.NamedSharding(_mesh(), jax.sharding.PartitionSpec())
    return jax.jit(lambda rows: rows.sum(axis=0), out_shardings=everywhere)
