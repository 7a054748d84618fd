"""`TriedPanes`: what the panes of one family counted while a version was tried, packed. Pure, and bounded.

The newest ones one by one, by which it is known how much panes vary; older ones as their sum.
"""

import zlib
from collections import deque
from collections.abc import Callable

import numpy as np

from detectors.layout import Counts
from detectors.state import register
from schemas.event_time import Micros

KEPT = 60
"""Panes that are kept one by one: twice as many as a dispersion needs."""

Whole = Callable[[Micros], bool]
"""Whether the pane that starts then is to be counted."""


@register
class TriedPanes:
    """Vectors of counts, of `size` numbers each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._newest: deque[tuple[Micros, bytes]] = deque()
        """Starts and packed vectors, the oldest first."""
        self._older = packed(np.zeros(size, dtype=np.int64))
        self._panes = 0
        """How many `_older` is the sum of."""
        self._first: Micros | None = None
        """Start of the first of those."""

    def add(self, start: Micros, counts: Counts, whole: Whole) -> None:
        """Take the counts of a pane; the oldest one that is kept goes into the sum, if it is whole by then."""
        self._newest.append((start, packed(counts)))
        if len(self._newest) > KEPT:
            oldest, vector = self._newest.popleft()
            if whole(oldest):
                self._older = packed(unpacked(self._older, self._size) + unpacked(vector, self._size))
                self._panes += 1
                self._first = oldest if self._first is None else self._first

    def newest(self, whole: Whole) -> dict[Micros, Counts]:
        """Return the vectors of the newest panes by their starts, those that are not whole left out."""
        return {start: unpacked(vector, self._size) for start, vector in self._newest if whole(start)}

    def starts(self, whole: Whole) -> list[Micros]:
        """Return the starts of the same panes."""
        return [start for start, _ in self._newest if whole(start)]

    @property
    def older(self) -> tuple[Counts, int]:
        """The sum of all older panes, and how many they are."""
        return unpacked(self._older, self._size), self._panes

    @property
    def first(self) -> Micros | None:
        """Start of the first pane of all; None before there is one."""
        return self._first if self._first is not None else self._newest[0][0] if self._newest else None


def packed(counts: Counts) -> bytes:
    """Return counts as bytes: the first bytes of all numbers, then the second ones, so that zeros lie together."""
    return zlib.compress(counts.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes(), 6)


def unpacked(data: bytes, size: int) -> Counts:
    """Return the counts that `packed` wrote, `size` of them."""
    raw = zlib.decompressobj().decompress(data, 8 * size)
    return np.frombuffer(raw, dtype=np.uint8).reshape(8, size).T.copy().view("<i8").reshape(size).astype(np.int64)
