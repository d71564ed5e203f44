"""What the weights of a model of Keras are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def names_of(variables: Sequence[Any]) -> list[str]:
    """Their paths with dots, without the model's own name: `dense.kernel`."""
    paths = [variable.path.split("/") for variable in variables]
    shared = len({path[0] for path in paths}) == 1 and all(len(path) > 2 for path in paths)
    names = [".".join(path[1:] if shared else path) for path in paths]
    if len(set(names)) < len(names):
        names = [f"{name}[{place}]" for place, name in enumerate(names)]
    return names
