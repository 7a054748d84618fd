"""`Store`: local state of one source partition, in LMDB. What is written since the last `commit` is one transaction.

Rows and waiting feedback lie by the hash of their prediction id; a queue by time says when each may be dropped. The
open transaction belongs to the thread that made it. Nothing in here decides anything.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from detectors.row import Label, Row
from schemas.event_time import Micros

MAP_SIZE = 64 << 30  # address space, not disk: the file is sparse
_BIAS = 1 << 63  # so that times before 1970 sort first


class StoredRow(msgspec.Struct, array_like=True):
    """A prediction that feedback may still refer to, and what it has got so far."""

    model: str
    version: str
    offset: int
    row: Row
    label: Label | None = None
    rating: Label | None = None


class StoredFeedback(msgspec.Struct, array_like=True):
    """Feedback that predictions yet to come may match."""

    offset: int
    source: str
    model: str | None
    version: str | None
    label: Label
    settled: bool
    """It stands in one of the accounting bins already."""


_rows = msgspec.msgpack.Decoder(list[StoredRow]).decode
_feedback = msgspec.msgpack.Decoder(list[StoredFeedback]).decode
_encode = msgspec.msgpack.Encoder().encode


def id_key(prediction_id: str, self_contained: bool = False) -> bytes:
    """Return the key of a prediction id; self-contained feedback has a key space of its own."""
    salt = b"self-contained" if self_contained else b""
    return hashlib.blake2b(prediction_id.encode(errors="surrogatepass"), digest_size=16, salt=salt).digest()


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
        self._environment = lmdb.open(
            str(path), map_size=MAP_SIZE, max_dbs=8, readahead=False, meminit=False, sync=durable
        )
        names = ("rows", "feedback", "row_queue", "feedback_queue", "panes", "outbox", "meta")
        self._tables = {name: self._environment.open_db(name.encode()) for name in names}
        self._transaction = self._environment.begin(write=True)

    def commit(self) -> None:
        """Make everything since the last commit durable, all of it or nothing."""
        self._transaction.commit()
        self._transaction = self._environment.begin(write=True)

    def close(self) -> None:
        """Let go of the files; what was not committed is gone."""
        self._transaction.abort()
        self._environment.close()

    def clear(self) -> None:
        """Forget everything, within the open transaction."""
        for table in self._tables.values():
            self._transaction.drop(table, delete=False)

    def rows(self, key: bytes) -> list[StoredRow]:
        """Return the rows of a prediction id, oldest first."""
        packed = self._get("rows", key)
        return [] if packed is None else _rows(packed)

    def put_rows(self, key: bytes, rows: list[StoredRow]) -> None:
        """Replace the rows of a prediction id."""
        self._replace("rows", key, rows)

    def feedback(self, key: bytes) -> list[StoredFeedback]:
        """Return the feedback of a prediction id, in log order."""
        packed = self._get("feedback", key)
        return [] if packed is None else _feedback(packed)

    def put_feedback(self, key: bytes, feedback: list[StoredFeedback]) -> None:
        """Replace the feedback of a prediction id."""
        self._replace("feedback", key, feedback)

    def queue(self, table: str, time: Micros, key: bytes) -> None:
        """Note in `row_queue` or `feedback_queue` that `key` has something to drop once event time is past `time`."""
        self._put(table, (time + _BIAS).to_bytes(8, "big") + key, b"")

    def overdue(self, table: str, before: Micros) -> Iterator[tuple[Micros, bytes]]:
        """Yield and remove the entries of a queue whose time is below `before`, earliest first."""
        bound = max(0, before + _BIAS).to_bytes(8, "big")
        while True:
            with self._transaction.cursor(self._tables[table]) as cursor:
                if not cursor.first() or bytes(cursor.key()[:8]) >= bound:
                    return
                entry = bytes(cursor.key())
                cursor.delete()
            yield int.from_bytes(entry[:8], "big") - _BIAS, entry[8:]

    def panes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the open panes that were saved."""
        with self._transaction.cursor(self._tables["panes"]) as cursor:
            for key, value in cursor:
                yield bytes(key), bytes(value)

    def put_pane(self, key: bytes, value: bytes | None) -> None:
        """Save an open pane; None removes it."""
        self._put("panes", key, value)

    def outbox(self) -> Iterator[tuple[int, bytes]]:
        """Yield what waits to be sent, in order."""
        with self._transaction.cursor(self._tables["outbox"]) as cursor:
            for key, value in cursor:
                yield int.from_bytes(key, "big"), bytes(value)

    def put_outgoing(self, number: int, value: bytes | None) -> None:
        """Put something in the outbox; None takes it out."""
        self._put("outbox", number.to_bytes(8, "big"), value)

    def meta(self, name: str) -> bytes | None:
        """Return a value of the partition as a whole."""
        return self._get("meta", name.encode())

    def put_meta(self, name: str, value: bytes) -> None:
        """Save a value of the partition as a whole."""
        self._put("meta", name.encode(), value)

    def _get(self, table: str, key: bytes) -> bytes | None:
        value: bytes | None = self._transaction.get(key, db=self._tables[table])
        return value

    def _put(self, table: str, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._transaction.delete(key, db=self._tables[table])
        else:
            self._transaction.put(key, value, db=self._tables[table])

    def _replace(self, table: str, key: bytes, entries: list[Any]) -> None:
        self._put(table, key, _encode(entries) if entries else None)
