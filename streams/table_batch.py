"""`Batch`: consecutive rows of a table by column, as Arrow arrays or as Python values, whichever the file yields.

Work by column asks for `arrow`, work by row for `column`: the cells are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event_time import to_micros

Positions = npt.NDArray[np.int64]

_FIRST, _LAST = (to_micros(end.replace(tzinfo=UTC)) for end in (datetime.min, datetime.max))
_KINDS: dict[type, Any] = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int64()}


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows. Cells of CSV are text or None (empty); others are what the format says they are."""

    rows: int
    columns: dict[str, Any]
    """Only the columns asked for that the batch has, each `rows` long: lists, or Arrow arrays (Parquet)."""
    broken: dict[int, bytes]
    """JSON, or what should have been, of rows that could not be read; their cells are None."""
    numbers: Positions | None = None
    """Which row of the table each is, from 1 on; what `TableFile` yields has them."""

    def column(self, name: str | None) -> list[Any]:
        """Return the cells of a column; empty ones where there is none of this name."""
        found = self.columns.get(name) if name is not None else None
        if found is None:
            return [None] * self.rows
        return found if isinstance(found, list) else _python(found)

    def arrow(self, name: str | None) -> Any:
        """Return a column as an Arrow array, no dictionary; None where it is of mixed or other types, or is not there.

        What Arrow holds is what `column` has: no cell changes its type on the way.
        """
        found = self.columns.get(name) if name is not None else None
        if found is None:
            return None
        if isinstance(found, list):
            return _typed(found)
        return _spelt_out(found)

    def take(self, positions: Positions) -> "Batch":
        """Return the rows at `positions`, in that order."""
        chosen = positions.tolist()
        index = pa.array(positions)
        columns = {
            name: [cells[position] for position in chosen] if isinstance(cells, list) else cells.take(index)
            for name, cells in self.columns.items()
        }
        broken = {}
        if self.broken:
            broken = {to: self.broken[place] for to, place in enumerate(chosen) if place in self.broken}
        return Batch(len(chosen), columns, broken, None if self.numbers is None else self.numbers[positions])

    def slice(self, start: int, stop: int) -> "Batch":
        """Return the rows from `start` to before `stop`, without copying Arrow arrays."""
        columns = {
            name: cells[start:stop] if isinstance(cells, list) else cells.slice(start, stop - start)
            for name, cells in self.columns.items()
        }
        broken = {place - start: value for place, value in self.broken.items() if start <= place < stop}
        numbers = None if self.numbers is None else self.numbers[start:stop]
        return Batch(min(stop, self.rows) - start, columns, broken, numbers)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the rows of batches of one table as one batch. A column that one of them lacks has empty cells there."""
    if len(batches) == 1:
        return batches[0]
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for batch in batches for name in batch.columns):
        parts: list[Any] = [batch.columns.get(name) for batch in batches]
        if any(part is None or isinstance(part, list) for part in parts):
            columns[name] = list(chain.from_iterable(batch.column(name) for batch in batches))
        else:
            columns[name] = pa.concat_arrays([_spelt_out(part) for part in parts])
    broken: dict[int, bytes] = {}
    start = 0
    for batch in batches:
        broken |= {start + place: value for place, value in batch.broken.items()}
        start += batch.rows
    numbers = [batch.numbers for batch in batches if batch.numbers is not None]
    return Batch(start, columns, broken, np.concatenate(numbers) if len(numbers) == len(batches) else None)


def _spelt_out(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _typed(cells: list[Any]) -> Any:
    """Return cells of one plain type as an Arrow array, else None."""
    kinds = set(map(type, cells))
    kinds.discard(type(None))
    if len(kinds) > 1 or not kinds <= _KINDS.keys():
        return None
    try:
        return pa.array(cells, _KINDS[kinds.pop()] if kinds else pa.string())
    except (pa.ArrowException, OverflowError, UnicodeError):  # more than 64 bits; half a surrogate pair
        return None


def _python(column: Any) -> list[Any]:
    """Return an Arrow column as Python values; moments as UTC datetimes, whatever their unit."""
    column = _spelt_out(column)
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = _in_the_calendar(column.cast(pa.timestamp("us", "UTC"), safe=False))
    elif pa.types.is_duration(kind) or pa.types.is_time(kind):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist()
    return values


def _in_the_calendar(moments: Any) -> Any:
    """Return moments, null where Python has no date for one."""
    number = moments.view(pa.int64())
    ends = pc.min_max(number).as_py()
    if ends["min"] is None or (ends["min"] >= _FIRST and ends["max"] <= _LAST):
        return moments
    inside = pc.and_(pc.greater_equal(number, _FIRST), pc.less_equal(number, _LAST))
    return pc.if_else(inside, moments, pa.scalar(None, moments.type))
