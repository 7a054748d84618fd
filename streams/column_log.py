"""`ColumnLog`: an append-only log in memory, by column. Entries are numbered for ever; the oldest can be dropped."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Column = npt.NDArray[Any]

_SMALLEST = 1_024


class ColumnLog:
    """Numbered entries with the columns that `like` has: one empty array for each, of its type and trailing shape.

    `column(name)[numbers - base]` are values of the entries `numbers`, all from `first` to below `end`.
    """

    def __init__(self, like: Mapping[str, Column], first: int = 0) -> None:
        self._like = dict(like)
        self._columns = {name: _grown(column, 0, 0, _SMALLEST) for name, column in like.items()}
        self._capacity = _SMALLEST
        self.base = first
        """Number of the entry at index 0 of the arrays; entries below `first` are no longer of use."""
        self.first = first
        self.end = first

    def __len__(self) -> int:
        return self.end - self.first

    def column(self, name: str) -> Column:
        """Return a column from `base` on, to be read and changed in place. Not to be kept over an `append`."""
        return self._columns[name]

    def live(self, name: str) -> Column:
        """Return the part of a column that belongs to the live entries."""
        return self._columns[name][self.first - self.base : self.end - self.base]

    def append(self, count: int, columns: Mapping[str, Column | int]) -> Numbers:
        """Add `count` entries and return their numbers; a column that is not given is zero."""
        self._make_room(count)
        start = self.end - self.base
        for name, column in self._columns.items():
            column[start : start + count] = columns.get(name, 0)
        numbers = np.arange(self.end, self.end + count, dtype=np.int64)
        self.end += count
        return numbers

    def drop(self, first: int) -> None:
        """Forget the entries before `first`."""
        self.first = max(self.first, min(first, self.end))

    def _make_room(self, count: int) -> None:
        if self.end - self.base + count <= self._capacity:
            return
        live = len(self)
        # Dead entries are only worth moving for when that makes room enough to be amortised.
        capacity = self._capacity
        if live + count > 0.8 * capacity:
            capacity = max(int(1.25 * (live + count)), _SMALLEST)
        begin, end = self.first - self.base, self.end - self.base
        for name, like in self._like.items():
            self._columns[name] = _grown(self._columns[name] if live else like, begin, end if live else begin, capacity)
        self._capacity, self.base = capacity, self.first


def _grown(column: Column, begin: int, end: int, capacity: int) -> Column:
    grown = np.zeros((capacity, *column.shape[1:]), dtype=column.dtype)
    grown[: end - begin] = column[begin:end]
    return grown
