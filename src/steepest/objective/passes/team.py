"""The processes of one job, joined by JAX: process 0 asks, all answer with their share of rows.

Each is a process of the same command on the same data. XLA carries what they say to each other
(on CPUs by gloo), and JAX finds them: by the options of the command line, or from Slurm, Open MPI,
mpi4py or Kubernetes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.util import find_spec
from threading import Thread
from typing import Any, Final

import numpy as np

from steepest.engine.late import jax
from steepest.engine.xla import float64
from steepest.objective.passes.heartbeat import Heartbeat
from steepest.records.arrays import Vector
from steepest.words.errors import LostProcessError, UsageError
from steepest.words.wording import escaped

JOINING_SECONDS: Final = 300

_LOOK_SECONDS: Final = 0.5
"""How often a process that waits for the others looks whether they are there."""

MPI_RANKS: Final = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")
"""What Open MPI from version 5 on, MPICH, Intel MPI and their like tell each process."""


@dataclass(frozen=True)
class Team:
    """How many processes there are, and which this one is."""

    size: int = 1
    index: int = 0
    heartbeat: Heartbeat | None = field(default=None, compare=False, repr=False)

    @property
    def leads(self) -> bool:
        """Whether this is process 0, which asks, judges, keeps and shows."""
        return self.index == 0

    def check(self) -> None:
        """Raise LostProcessError where another process is known to be gone."""
        if self.heartbeat is not None and self.heartbeat.lost:
            raise _lost()

    def total(self, values: Vector) -> Vector:
        """The sum over all processes of values (k,), added up by XLA."""
        if self.size == 1:
            return values
        return self._unless_lost(lambda: np.asarray(_summed()(_across(values))))

    def gather(self, content: bytes) -> list[bytes]:
        """What each process has to say, in their order."""
        if self.size == 1:
            return [content]
        sizes = np.array([len(content)], dtype=np.int64)
        lengths = self._unless_lost(lambda: _all(sizes))[:, 0]
        buffer = np.zeros(int(np.max(lengths)), dtype=np.uint8)
        buffer[: len(content)] = np.frombuffer(content, dtype=np.uint8)
        every = self._unless_lost(lambda: _all(buffer))
        return [
            every[index, : int(length)].tobytes() for index, length in enumerate(lengths.tolist())
        ]

    def _unless_lost(self, call: Callable[[], Vector]) -> Vector:
        """What `call` gives, which waits for the others: in a thread that can be left waiting."""
        found: list[Vector] = []
        failed: list[Exception] = []

        def wait() -> None:
            try:
                with float64():
                    found.append(call())
            except Exception as error:
                failed.append(error)  # It is raised where somebody listens.

        waiting = Thread(target=wait, daemon=True)
        waiting.start()
        while waiting.is_alive():
            waiting.join(_LOOK_SECONDS)
            if waiting.is_alive():
                self.check()
        if failed and isinstance(failed[0], RuntimeError | ValueError):
            raise _lost() from failed[0]
        if failed:
            raise failed[0]
        return found[0]

    def from_leader(self, content: bytes = b"") -> bytes:
        """What process 0 says; the others wait for it."""
        return self.gather(content if self.leads else b"")[0]

    def leave(self) -> None:
        """Part from the others, when all of them do. What this process computes goes on."""
        if self.heartbeat is not None:
            self.heartbeat.leave()


ALONE: Final = Team()


def join(coordinator: str | None, processes: int | None, process: int | None) -> Team:
    """Join the other processes. What is None is found from the environment, as JAX does it.

    Raises UsageError where that cannot be, LostProcessError where the others do not come.
    """
    _check(coordinator, processes, process)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if hasattr(jax.config, "jax_enable_recoverability"):
        # Else JAX ends this process when another is lost while they join.
        jax.config.update("jax_enable_recoverability", True)
    begin = partial(
        jax.distributed.initialize,
        coordinator,
        processes,
        process,
        initialization_timeout=JOINING_SECONDS,
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
        team = replace(team, heartbeat=_heartbeat(team, coordinator))
        _part_from_service(team)
    return team


def _part_from_service(team: Team) -> None:
    """Of JAX's service, through which processes find each other, nothing is needed any more.

    It would end this process when another is lost, before it can say so and keep its steps.
    Process 0, where it runs, parts from it last.
    """
    if not team.leads:
        jax.distributed.shutdown()
    team.total(np.zeros(1))
    if team.leads:
        jax.distributed.shutdown()


def _heartbeat(team: Team, coordinator: str | None) -> Heartbeat | None:
    if team.size == 1:
        return None
    if team.leads:
        host = coordinator.rpartition(":")[0].strip("[]") if coordinator else socket.gethostname()
        found, address = Heartbeat.listening(host)
        team.from_leader(address)
    else:
        found = Heartbeat.heard_by(team.from_leader())
    found.begin()
    return found


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


def _lost() -> LostProcessError:
    return LostProcessError("Another process of this job ended, or cannot be reached.")


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
