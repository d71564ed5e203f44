"""Data frames of any library that narwhals knows, eager or lazy, to a Table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from steepest.data.table.aligned import aligned
from steepest.data.table.cells import Column, Floats, from_objects
from steepest.data.table.columns import Table, column_names
from steepest.data.table.labels import Labels, labels_from_objects
from steepest.data.table.wording import quoted
from steepest.words.errors import InputError
from steepest.words.wording import opening

if TYPE_CHECKING:
    import narwhals as nw


def read_frame(data: Any, source: str = "data frame", *, rows: int | None = None) -> Table:
    """Make a table of a data frame. Column names that are no text become text with str().

    A lazy frame is collected for its number of `rows` where that is not known, and for the columns
    that are asked for.
    Raises InputError for anything that is no data frame, and for two columns of one name.
    """
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(data)
        keys = frame.collect_schema().names()
    except DuplicateError:
        raise _repeated_name(data, source) from None
    except TypeError:
        raise InputError(
            f"Steepest cannot read a table from {_a_type(data)}.",
            instead="Give a path, a data frame, or a mapping of names to arrays.",
        ) from None
    if not keys:
        raise InputError(f"{opening(source)} has no columns.")
    names = column_names((str(key) for key in keys), source)

    def collected(positions: Sequence[int]) -> Any:
        if isinstance(frame, nw.LazyFrame):
            return frame.select([keys[position] for position in positions]).collect()
        return frame

    def read(positions: Sequence[int]) -> dict[int, Floats]:
        columns = collected(positions)
        return {
            position: _numbers(columns.get_column(keys[position]), Column(names[position], source))
            for position in positions
        }

    def read_labels(position: int) -> Labels:
        cells = collected([position]).get_column(keys[position]).to_list()
        return labels_from_objects(cells, Column(names[position], source))

    if rows is None:
        lazy = isinstance(frame, nw.LazyFrame)
        rows = int(frame.select(nw.len()).collect().item()) if lazy else len(frame)
    return Table(source, names, rows, read, read_labels)


def _repeated_name(data: Any, source: str) -> InputError:
    names = Counter(str(name) for name in data.columns)
    return InputError(
        f"{opening(source)} has two columns called {quoted(names.most_common(1)[0][0])}.",
        instead="Give each column its own name.",
    )


def _a_type(data: object) -> str:
    return quoted(f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins."))


def _numbers(series: nw.Series[Any], column: Column) -> Floats:
    import narwhals as nw

    kind = series.dtype
    if kind.is_temporal():
        raise column.time_error()
    if kind.is_nested():
        raise column.kind_error("lists or records", "Give each of their parts its own column.")
    if isinstance(kind, nw.Binary):
        raise column.kind_error("bytes")
    if (kind.is_numeric() and not kind.is_decimal()) or isinstance(kind, nw.Boolean):
        try:
            return aligned(series.cast(nw.Float64()).to_numpy())
        except Exception:  # each library has its own; arrow's refuses integers above 2**53
            return from_objects(series.to_list(), column)
    # Text, categories, decimals (exactly rounded this way) and mixed objects.
    return from_objects(series.to_list(), column)
