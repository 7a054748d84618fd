"""`StoredBlocks`: the blocks of a log as a checkpoint that is being written finds them, in another thread.

What the checkpoint adds is there already, and what it removes is there still: rows of a pane that was over may go with
the very transaction that says so.
"""

from bisect import bisect_right

from streams.column_log import Numbers
from streams.store import Changes, Store, Table


class StoredBlocks:
    """Blocks by the numbers of their entries.

    Parameters
    ----------
    store, changes
        A store, and what was sealed of it and is not written yet.
    table, log
        Which log, as `streams.blocks.Blocks` has it.
    """

    def __init__(self, store: Store, changes: Changes, table: Table, log: int) -> None:
        self._store = store
        self._table: Table = table
        self._prefix = log.to_bytes(8, "big")
        self._new = {
            key: value
            for (name, key), value in changes.items()
            if name == table and value is not None and key.startswith(self._prefix)
        }
        keys = {*store.keys(table, self._prefix), *self._new}
        self.starts = sorted(int.from_bytes(key[len(self._prefix) :], "big") for key in keys)
        """First number of each block."""

    def there(self, numbers: Numbers) -> Numbers:
        """Return those of the numbers that have not been removed before."""
        return numbers[numbers >= (self.starts[0] if self.starts else 2**62)]

    def start_of(self, number: int) -> int:
        """Return the first number of the block that entry `number` is in."""
        return self.starts[bisect_right(self.starts, number) - 1]

    def read(self, start: int) -> bytes:
        """Return the block that begins with entry `start`."""
        key = self._prefix + start.to_bytes(8, "big")
        found = self._new.get(key) or self._store.committed(self._table, key)
        assert found is not None, f"no block {start} in {self._table}"
        return found
