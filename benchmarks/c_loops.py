"""The tutorial's descent as loops in C, compiled where they run: as fast as it can be done.

Nothing of Steepest is used, and nothing is done but the descent: loss, weights and gradient of
every step are written to memory that is there already. There are no stop rules.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.problem import Walked
from benchmarks.registry import NotMeasuredError
from steepest.records.arrays import Matrix, Vector

# What -ffast-math allows, but not by that name: it would also have numbers below 1e-308 count as
# zero in the whole process that loads the library.
FLAGS = (
    *("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"),
    *("-fassociative-math", "-freciprocal-math", "-ffinite-math-only"),
)
"""Sums may be taken in another order: the loop over rows is quicker by a third, and its path is the
same to the tolerance that all have to keep."""

SOURCE = r"""
#include <stddef.h>

void descend_rows(const double *time, const double *speed, const double *start, double lr,
                  size_t steps, double *loss, double *weights, double *gradient)
{
    double a = start[0], b = start[1], c = start[2];
    for (size_t k = 0; k <= steps; k++) {
        double sum = 0, by_a = 0, by_b = 0, by_c = 0;
        for (int i = 0; i < ROWS; i++) {
            double t = time[i], residual = (a * t + b) * t + c - speed[i];
            sum += residual * residual;
            by_a += residual * t * t;
            by_b += residual * t;
            by_c += residual;
        }
        by_a *= 2.0 / ROWS; by_b *= 2.0 / ROWS; by_c *= 2.0 / ROWS;
        loss[k] = sum / ROWS;
        weights[3 * k] = a; weights[3 * k + 1] = b; weights[3 * k + 2] = c;
        gradient[3 * k] = by_a; gradient[3 * k + 1] = by_b; gradient[3 * k + 2] = by_c;
        a -= lr * by_a; b -= lr * by_b; c -= lr * by_c;
    }
}

/* The loss is floor + |root (w - lowest)|^2 / 2, root being 3 by 3, row after row. */
void descend_quadratic(const double *root, const double *lowest, double floor,
                       const double *start, double lr, size_t steps,
                       double *loss, double *weights, double *gradient)
{
    double at[3];
    for (int j = 0; j < 3; j++)
        at[j] = start[j] - lowest[j];
    for (size_t k = 0; k <= steps; k++) {
        double image[3], by[3], sum = 0;
        for (int i = 0; i < 3; i++) {
            image[i] = root[3 * i] * at[0] + root[3 * i + 1] * at[1] + root[3 * i + 2] * at[2];
            sum += image[i] * image[i];
        }
        for (int j = 0; j < 3; j++)
            by[j] = root[j] * image[0] + root[3 + j] * image[1] + root[6 + j] * image[2];
        loss[k] = floor + 0.5 * sum;
        for (int j = 0; j < 3; j++) {
            weights[3 * k + j] = at[j] + lowest[j];
            gradient[3 * k + j] = by[j];
            at[j] -= lr * by[j];
        }
    }
}
"""

ROWS = 20
_ARRAY = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
_OUT = [_ARRAY, _ARRAY, _ARRAY]


class Quadratic(NamedTuple):
    """floor + |root @ (weights - lowest)|**2 / 2: `root` is (3, 3), `lowest` (3,)."""

    root: Matrix
    lowest: Vector
    floor: float


def compiler() -> str:
    """The C compiler's name. Raises NotMeasuredError where there is none."""
    name = os.environ.get("CC", "cc")
    if shutil.which(name) is None:
        raise NotMeasuredError(f"there is no C compiler called {name}")
    return name


def compiler_version() -> str:
    """What the compiler calls itself, on one line."""
    asked = [compiler(), "--version"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20)
    return answer.stdout.partition("\n")[0].replace("|", "/")


@cache
def _library() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder, "loops.c"), Path(folder, "loops.so")
        source.write_text(SOURCE, "utf-8")
        asked = [
            compiler(),
            *FLAGS,
            f"-DROWS={ROWS}",
            "-shared",
            "-fPIC",
            "-o",
            str(built),
            str(source),
        ]
        subprocess.run(asked, check=True, timeout=60)
        library = ctypes.CDLL(str(built))
    number, count = ctypes.c_double, ctypes.c_size_t
    library.descend_rows.argtypes = [_ARRAY, _ARRAY, _ARRAY, number, count, *_OUT]
    library.descend_quadratic.argtypes = [_ARRAY, _ARRAY, number, _ARRAY, number, count, *_OUT]
    library.descend_rows.restype = library.descend_quadratic.restype = None
    return library


@cache
def _memory(steps: int) -> Walked:
    return Walked(np.zeros(steps + 1), np.zeros((steps + 1, 3)), np.zeros((steps + 1, 3)))


def over_rows(time: Vector, speed: Vector, start: Vector, lr: float, steps: int) -> Walked:
    """Descend on the rows: `time` and `speed` (ROWS,), `start` (3,).

    The start and `steps` steps are recorded, in memory that the next call of as many overwrites.
    """
    if time.shape != (ROWS,) or speed.shape != (ROWS,):
        raise ValueError(f"compiled for {ROWS} rows, given {time.shape} and {speed.shape}")
    found = _memory(steps)
    _library().descend_rows(time, speed, start, lr, steps, *found)
    return found


def quadratic_of(time: Vector, speed: Vector) -> Quadratic:
    """The same loss as a quadratic of its three weights, by QR factorization."""
    design = np.stack([time**2, time, np.ones_like(time)], axis=1)
    factor, root = np.linalg.qr(design)
    lowest = np.linalg.solve(root, factor.T @ speed)
    floor = float(np.mean((design @ lowest - speed) ** 2))
    return Quadratic(root * np.sqrt(2 / len(time)), lowest, floor)


def over_quadratic(given: Quadratic, start: Vector, lr: float, steps: int) -> Walked:
    """The same as `over_rows`, on the quadratic."""
    found = _memory(steps)
    _library().descend_quadratic(*given, start, lr, steps, *found)
    return found
