"""Programs that JAX compiled are kept on disk, for the next process that needs them.

Only where the process is ours, that of the command `steepest`: in another one JAX is set up by
its user. The folder holds nothing else, may be deleted at any time, and is shared by processes.
A program is loaded into the process, so nobody but its user may write there. Compiling those of
a curved fit takes 1.9 s of processor time more than loading them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import warnings
from pathlib import Path
from typing import Final

CACHE_VARIABLE: Final = "JAX_COMPILATION_CACHE_DIR"
"""JAX's own variable: where it is set, programs are kept where it says, or nowhere if empty."""
MOST_KEPT: Final = 128 * 2**20
"""Beyond, the oldest programs are deleted. A fit has about 0.3 MB of them."""


def keep_compiled() -> None:
    """Have JAX keep and find its programs. To be called before JAX is imported."""
    if CACHE_VARIABLE in os.environ:
        return
    folder = _made(compiled_folder())
    if folder is None:
        return
    _bound(folder.parent)
    os.environ[CACHE_VARIABLE] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    # One that another process is writing, or could not finish, is compiled again.
    for verb in ("reading", "writing"):
        warnings.filterwarnings("ignore", f"Error {verb} persistent compilation cache entry")


def compiled_folder() -> Path:
    """Where the programs for this machine's processor are kept."""
    import platformdirs

    cache = platformdirs.user_cache_path("steepest", appauthor=False)
    return cache / "compiled" / _processor()


def _processor() -> str:
    """What a program may ask of a processor: a home may be shared by different machines."""
    described = [platform.machine(), platform.processor()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text("utf-8", "replace").splitlines()
        told = ("flags", "Features", "model name")
        described += sorted({line for line in lines if line.startswith(told)})
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:16]


def _made(folder: Path) -> Path | None:
    """The folder, for its user alone; None where it cannot be had so."""
    try:
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = one.stat()
            if hasattr(os, "geteuid"):
                others = stat.S_IWGRP | stat.S_IWOTH
                if found.st_uid != os.geteuid() or found.st_mode & others:
                    return None
    except OSError:
        # A home that cannot be written: programs are compiled anew each time.
        return None
    return folder


def _bound(folder: Path) -> None:
    """Delete the oldest programs where all together are too large, down to half of that."""
    kept = []
    for path in folder.glob("*/*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # Another process deleted it.
        kept.append((found.st_mtime, found.st_size, path))
    total = sum(size for _, size, _ in kept)
    if total <= MOST_KEPT:
        return
    for _, size, path in sorted(kept):
        path.unlink(missing_ok=True)
        total -= size
        if total <= MOST_KEPT // 2:
            return
