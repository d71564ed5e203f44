"""Networks that the lab trains into its store, where the page shows them like any other run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.jobs.train import train
from steepest.store.store import Store
from steepest.words.errors import UsageError


@dataclass(frozen=True)
class NetworkExample:
    """A network with the rows that it learns from."""

    id: str
    title: str
    says: str
    """What one learns from it."""
    data: bytes
    network: str
    options: Mapping[str, Any]

    def table(self) -> Table:
        """Its rows."""
        return read_delimited(self.data, self.title)


@cache
def network_examples() -> Mapping[str, NetworkExample]:
    """The examples by their ids, in the order in which they are offered."""
    folder = resources.files("steepest.lab") / "examples"
    listed = tomllib.loads((folder / "networks.toml").read_text("utf-8"))["network"]
    return {
        given["id"]: NetworkExample(**{**given, "data": (folder / given["data"]).read_bytes()})
        for given in listed
    }


def train_example(store: Store, name: str) -> str:
    """Train an example's network into the store, and return the id of the run.

    Raises UsageError for a name that is no example, and StoreError where the run was not kept.
    """
    example = network_examples().get(name)
    if example is None:
        raise UsageError(
            "There is no such network.",
            given=ascii(name)[:40],
            instead=f"The networks are {', '.join(network_examples())}.",
        )
    run = train(
        example.table(), example.network, store=store, name=example.title, **example.options
    )
    if run.unsaved is not None or run.id is None:
        raise run.unsaved or UsageError("The training was not kept.")
    return run.id
