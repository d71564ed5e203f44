"""Mappings of names to arrays or lists, to a Table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.aligned import aligned
from steepest.data.table.cells import Column, Floats, from_objects
from steepest.data.table.columns import Table, column_names
from steepest.data.table.labels import Labels, labels_from_objects
from steepest.data.table.wording import quoted
from steepest.words.errors import InputError
from steepest.words.wording import count

_SOURCE = "mapping"


def read_mapping(data: Mapping[Any, Any]) -> Table:
    """Make a table of a mapping of names to arrays, each of shape (rows,).

    Raises InputError for no columns, for a column of any other shape, and for two lengths. The
    arrays are copied when they are read.
    """
    if not data:
        raise InputError(
            "The mapping holds no columns.", instead="Give at least one name with its array."
        )
    names = column_names((str(key) for key in data), _SOURCE)
    arrays = [_array(name, values) for name, values in zip(names, data.values(), strict=True)]
    for name, array in zip(names, arrays, strict=True):
        if len(array) != len(arrays[0]):
            raise InputError(
                f"Column {quoted(names[0])} has {count(len(arrays[0]), 'row')} "
                f"and column {quoted(name)} has {len(array)}.",
                instead="Give arrays of one length.",
            )

    def read(positions: Sequence[int]) -> dict[int, Floats]:
        return {
            position: _numbers(arrays[position], Column(names[position], _SOURCE))
            for position in positions
        }

    def read_labels(position: int) -> Labels:
        return _labels(arrays[position], Column(names[position], _SOURCE))

    return Table(_SOURCE, names, len(arrays[0]), read, read_labels)


def _array(name: str, values: Any) -> NDArray[Any]:
    if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
        array = _from_sequence(name, values)
    elif isinstance(values, np.ndarray):
        array = values
    else:
        try:
            array = np.asarray(values)
        except (TypeError, ValueError, RuntimeError):
            raise _wrong_shape(name, quoted(type(values).__name__)) from None
    if array.ndim != 1:
        given = "a single value" if array.ndim == 0 else f"an array of shape {array.shape}"
        raise _wrong_shape(name, given)
    return array


def _from_sequence(name: str, values: Sequence[Any]) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (OverflowError, TypeError, ValueError):
        raise _wrong_shape(name, "lists of several lengths") from None
    if array.ndim == 1 and array.dtype.kind not in "biuf":
        # As objects: numpy would make text of the numbers that stand beside text.
        array = np.empty(len(values), dtype=object)
        array[:] = values
    return array


def _wrong_shape(name: str, given: str) -> InputError:
    return InputError(
        f"Column {quoted(name)} of the mapping must be one-dimensional.",
        given=given,
        instead="Give one value a row.",
    )


def _labels(array: NDArray[Any], column: Column) -> Labels:
    # Times one by one, so that they do not become whole numbers of their unit.
    cells = list(array) if array.dtype.kind in "mM" else array.tolist()
    if isinstance(array, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(array)
        cells = [None if gone else cell for cell, gone in zip(cells, masked, strict=True)]
    return labels_from_objects(cells, column)


def _numbers(array: NDArray[Any], column: Column) -> Floats:
    kind = array.dtype.kind
    if kind in "mM":
        raise column.time_error()
    if kind == "c":
        raise column.kind_error("complex numbers", "Give the real and imaginary parts apart.")
    if kind not in "biuf":
        return from_objects(array.tolist(), column)
    if array.dtype.itemsize > 8:
        # Long doubles one by one, so that one too large for float64 is an error.
        return from_objects(list(array), column)
    values = aligned(array)
    if isinstance(array, np.ma.MaskedArray):
        values[np.ma.getmaskarray(array)] = np.nan
    return values
