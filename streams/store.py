"""`Store`: local state of one source partition, in LMDB: tables of bytes by key. One `commit` is one transaction.

Changes are gathered in memory, where reads see them, and written all at once: `seal` closes what was gathered, `write`
makes it durable and may run in another thread meanwhile. Nothing in here decides anything.
"""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Literal, get_args

import lmdb

MOST_READ = 2 << 20  # bytes: what is read through the map counts as our memory until the map is made anew
AROUND = 1 << 16  # bytes that the system maps around a page that is touched, as each change that is written does
MAP_SIZE = 64 << 30  # address space, not disk: the file is sparse

Table = Literal["rows", "labels", "feedback", "panes", "outbox", "meta"]
Changes = dict[tuple[Table, bytes], bytes | None]
"""What to put; None: what to remove."""


class Store:
    """Local state in a directory that belongs to one source partition.

    Parameters
    ----------
    path
        The directory; made where it is missing.
    durable
        Whether `commit` waits for the disk. Not so for a replay, whose state is of no use afterwards.
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._durable = durable
        self._open()
        self._changes: Changes = {}
        self._sealed: Changes = {}
        self._iterating = 0

    def _open(self) -> None:
        tables = get_args(Table)
        self._environment = lmdb.open(
            str(self._path), map_size=MAP_SIZE, max_dbs=len(tables), readahead=False, meminit=False, sync=self._durable
        )
        self._tables = {name: self._environment.open_db(name.encode()) for name in tables}
        self._read = 0

    def _rest(self) -> None:
        """Make the map anew where much was read through it, at 90 µs, unless something goes on that needs this one."""
        if self._read > MOST_READ and not self._sealed and not self._iterating:
            self._environment.close()
            self._open()

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return what a key holds."""
        for changes in (self._changes, self._sealed):
            if (table, key) in changes:
                return changes[table, key]
        self._rest()
        with self._environment.begin() as transaction:
            found: bytes | None = transaction.get(key, db=self._tables[table])
        self._read += len(found or b"")
        return found

    def committed(self, table: Table, key: bytes) -> bytes | None:
        """Return what a key held before what was sealed; for the thread that is about to `write` that."""
        with self._environment.begin() as transaction:
            found: bytes | None = transaction.get(key, db=self._tables[table])
        self._read += len(found or b"")  # a count that is lost between two threads makes the map live longer
        return found

    def put(self, table: Table, key: bytes, value: bytes | None) -> None:
        """Let a key hold `value`; None removes it."""
        self._changes[table, key] = value

    def items(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield what was committed of a table and starts with `prefix`, in the order of its keys."""
        self._iterating += 1
        try:
            with self._environment.begin() as transaction, transaction.cursor(self._tables[table]) as cursor:
                if not cursor.set_range(prefix):
                    return
                for key, value in cursor:
                    if not bytes(key).startswith(prefix):
                        return
                    self._read += len(value)
                    yield bytes(key), bytes(value)
        finally:
            self._iterating -= 1

    def keys(self, table: Table, prefix: bytes = b"") -> list[bytes]:
        """Return the keys that were committed to a table and start with `prefix`, in order."""
        with self._environment.begin() as transaction, transaction.cursor(self._tables[table]) as cursor:
            if not cursor.set_range(prefix):
                return []
            found = map(bytes, cursor.iternext(keys=True, values=False))
            return list(takewhile(lambda key: key.startswith(prefix), found))

    def clear(self) -> None:
        """Forget everything, at once."""
        self._changes, self._sealed = {}, {}
        with self._environment.begin(write=True) as transaction:
            for table in self._tables.values():
                transaction.drop(table, delete=False)

    def seal(self) -> Changes:
        """Return what has changed since the last `seal`, to be given to `write`."""
        self._rest()
        self._read += AROUND * len(self._changes)
        self._sealed, self._changes = self._changes, {}
        return self._sealed

    def write(self, changes: Changes) -> None:
        """Make sealed changes durable, all of them or none. One call at a time, in the order of the seals."""
        if not changes:  # in another thread, it could be while the map is made anew
            return
        with self._environment.begin(write=True) as transaction:
            for (table, key), value in changes.items():
                if value is None:
                    transaction.delete(key, db=self._tables[table])
                else:
                    transaction.put(key, value, db=self._tables[table])
        self._sealed = {}

    def commit(self) -> None:
        """Seal and write."""
        self.write(self.seal())

    def close(self) -> None:
        """Let go of the files; what was not committed is gone."""
        self._environment.close()
