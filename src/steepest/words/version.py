"""Which version of a package is at work."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version(package: str = "steepest") -> str:
    """The version that is installed, looked up once. Raises importlib's PackageNotFoundError."""
    return metadata.version(package)
