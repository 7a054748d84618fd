"""`Blocks`: a numbered log on disk, as blocks of consecutive entries. Blocks are written whole and dropped whole.

The newest block is written again until it is large enough: a quiet topic, whose checkpoints hold a row each, must not
leave a block for each of them.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt

from streams.store import Store, Table

SEALED = 1_000
"""Entries from which on a block is not written again."""
LARGEST = 4_000
"""Entries of a block at most."""
_PREFIX = 8  # bytes that say which log of its table a block is of


class Blocks:
    """The blocks of one log in a table of the store, found by the number of an entry."""

    def __init__(self, store: Store, table: Table, log: int = 0) -> None:
        self._store = store
        self._table: Table = table
        self._prefix = log.to_bytes(_PREFIX, "big")
        self._first_key = table.encode() + self._prefix
        self._starts: list[int] = []
        self.first = int(store.get("meta", self._first_key) or 0)
        """Entries before it are dropped, in a block or not."""

    def load(self) -> Iterator[tuple[int, bytes]]:
        """Yield the first number of each committed block, and the block, oldest first."""
        self._starts.clear()
        for key, value in self._store.items(self._table, self._prefix):
            first = int.from_bytes(key[len(self._prefix) :], "big")
            self._starts.append(first)
            yield first, value

    def put(self, first: int, block: bytes) -> None:
        """Write the block that starts with entry `first`: one that is there, or a new one after all others."""
        if not self._starts or self._starts[-1] < first:
            self._starts.append(first)
        self._store.put(self._table, self._key(first), block)

    def find(self, number: int) -> tuple[int, bytes]:
        """Return the block that entry `number` is in, and its first number."""
        first = self.start_of(number)
        block = self._store.get(self._table, self._key(first))
        assert block is not None, f"no block {first} in {self._table}"
        return first, block

    def start_of(self, number: int) -> int:
        """Return the first number of the block that entry `number` is in."""
        return self._starts[bisect_right(self._starts, number) - 1]

    def starts_of(self, numbers: npt.NDArray[np.int64]) -> set[int]:
        """Return the first numbers of the blocks that entries are in."""
        starts = np.array(self._starts, dtype=np.int64)
        return set(starts[np.unique(np.searchsorted(starts, numbers, side="right") - 1)].tolist())

    def end_of(self, start: int, end: int) -> int:
        """Return the number after the block that starts with `start`, where the log has been written to `end`."""
        after = bisect_right(self._starts, start)
        return self._starts[after] if after < len(self._starts) else end

    def unsealed(self, end: int) -> int:
        """Return where the next block begins: at the newest one while it is small, else after it."""
        return self._starts[-1] if self._starts and end - self._starts[-1] < SEALED else end

    def drop(self, first: int) -> None:
        """Forget the entries before `first`, and remove the blocks that hold nothing else; the newest one stays."""
        if first == self.first:
            return
        self.first = first
        self._store.put("meta", self._first_key, b"%d" % first)
        whole = max(0, bisect_right(self._starts, first) - 1)
        for start in self._starts[:whole]:
            self._store.put(self._table, self._key(start), None)
        del self._starts[:whole]

    def _key(self, first: int) -> bytes:
        return self._prefix + first.to_bytes(8, "big")


def keep_logs(store: Store, table: Table, logs: Collection[int]) -> None:
    """Remove all logs of a table but `logs`."""
    for key in store.keys(table):
        if int.from_bytes(key[:_PREFIX], "big") not in logs:
            store.put(table, key, None)
    for key in store.keys("meta", table.encode()):
        if int.from_bytes(key[-_PREFIX:], "big") not in logs:
            store.put("meta", key, None)


def cuts(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the blocks (first, end) that the entries from `first` to below `end` are written in."""
    for start in range(first, end, LARGEST):
        yield start, min(start + LARGEST, end)
