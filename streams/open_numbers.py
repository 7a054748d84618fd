"""`OpenNumbers`: the numbers of rows that are not in a sealed block yet, each row as wide as its model has it.

One event of a wide model must not make all others as wide, so rows lie one after the other without padding.
"""

import numpy as np
import numpy.typing as npt

from detectors.rows import Floats

Positions = npt.NDArray[np.int64]


class OpenNumbers:
    """A queue of rows; positions count from the oldest."""

    def __init__(self) -> None:
        self._parts: list[Floats] = []
        self._widths: list[Positions] = []
        """Of the rows of each part."""
        self._ends = np.empty(0, dtype=np.int64)
        """Where each row ends, as far as the parts have been made one."""

    def append(self, numbers: Floats, widths: Positions) -> None:
        """Add rows (shape (rows, widest), or as they lie here), of which the last `widths` count."""
        if numbers.ndim > 1 and not (widths == numbers.shape[1]).all():
            numbers = numbers[np.arange(numbers.shape[1]) >= numbers.shape[1] - widths[:, np.newaxis]]
        self._parts.append(numbers.reshape(-1))
        self._widths.append(widths)

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        numbers, widths = self._whole()
        first = self._end(count)
        self._parts, self._widths = [numbers[first:].copy()], [widths[count:].copy()]
        self._ends = self._ends[count:] - first

    def alike(self, at: Positions, width: int) -> Floats:
        """Return rows that are all of one width. Shape (rows, width)."""
        numbers, widths = self._whole()
        if (widths == width).all():
            alike: Floats = numbers.reshape(-1, width)[at]
            return alike
        begins = self._ends[at] - width
        picked: Floats = numbers[begins[:, np.newaxis] + np.arange(width)]
        return picked

    def packed(self, begin: int, end: int) -> bytes:
        """Return consecutive rows as a block holds them: little-endian doubles, one row after the other."""
        numbers, _ = self._whole()
        return numbers[self._end(begin) : self._end(end)].astype("<f8", copy=False).tobytes()

    def each(self, at: Positions) -> list[bytes]:
        """Return single rows as a block holds them."""
        numbers, widths = self._whole()
        ends = self._ends[at]
        found = zip((ends - widths[at]).tolist(), ends.tolist(), strict=True)
        return [numbers[begin:end].astype("<f8", copy=False).tobytes() for begin, end in found]

    def _end(self, count: int) -> int:
        """Return where the first `count` rows end."""
        return int(self._ends[count - 1]) if count else 0

    def _whole(self) -> tuple[Floats, Positions]:
        if len(self._parts) != 1:
            self._parts = [np.concatenate(self._parts or [np.empty(0)])]
            self._widths = [np.concatenate(self._widths or [np.empty(0, dtype=np.int64)])]
        if len(self._ends) != len(self._widths[0]):
            self._ends = np.cumsum(self._widths[0])
        return self._parts[0], self._widths[0]
