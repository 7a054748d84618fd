"""`FetchedRecords`: what aiokafka makes of one fetched partition, without an object more for each record."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from streams.records import Headers, RecordBatch

_headers = attrgetter("headers")


def by_column(value: bytes | None) -> bytes | None:
    """Return the value as it is. A client with this for its deserializer of values gets `RecordBatch`es."""
    return value


class FetchedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetch: one `RecordBatch` for a client that says `by_column`, else as the decoder made them.

    aiokafka copies each into a `ConsumerRecord` and moves the position with it, which costs as much as decoding its
    JSON. What it does about checksums, transactions and control records is done here too.
    """

    next_fetch_offset: int

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _unpack_records(self) -> Iterator[Any]:
        if self._value_deserializer is not by_column:
            for records, end in self._batches():
                for record in records:
                    self.next_fetch_offset = record.offset + 1  # the client may stop here, and ask where it stands
                    yield record
                self.next_fetch_offset = end
            return
        columns = _Columns()
        begin = end = self.next_fetch_offset
        try:
            for records, end in self._batches():  # noqa: B007  # where the last whole batch ends
                columns.append(records)
        except CorruptRecordException:
            if not columns.values:
                raise
        except BaseException:
            self.next_fetch_offset = begin  # nothing was handed out
            raise
        self.next_fetch_offset = end
        if columns.values:
            yield columns.batch()

    def _batches(self) -> Iterator[tuple[list[Any], int]]:
        """Yield the records of each batch from where we asked on, and the offset after the batch."""
        first = self.next_fetch_offset
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"{self._tp}: a batch of records has the wrong checksum")
            records = [] if self._taken_back(batch) or batch.is_control_batch else list(batch)
            if records and records[0].offset < first:  # it begins before where we asked
                records = [record for record in records if record.offset >= first]
            yield records, batch.next_offset

    def _taken_back(self, batch: Any) -> bool:
        """Return whether a batch belongs to a transaction that was aborted."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborted_producers)


class _Columns:
    """Columns that grow batch by batch: a record is read once, while it is in the processor's cache, and let go."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self._keys: list[bytes | None] = []
        self._timestamps: list[int] = []
        self._headers: list[Headers] = []
        """As long as the other columns, or shorter: the last records have none."""
        self._offsets: list[Sequence[int]] = []

    def append(self, records: list[Any]) -> None:
        if not records:
            return
        if any(map(_headers, records)):
            self._headers += [()] * (len(self.values) - len(self._headers))
            self._headers += map(_headers, records)
        add_value, add_key, add_timestamp = self.values.append, self._keys.append, self._timestamps.append
        for record in records:
            add_value(record.value)
            add_key(record.key)
            add_timestamp(record.timestamp)
        first, last = records[0].offset, records[-1].offset
        whole = last - first + 1 == len(records)
        self._offsets.append(range(first, last + 1) if whole else [record.offset for record in records])

    def batch(self) -> RecordBatch:
        if self._headers:
            self._headers += [()] * (len(self.values) - len(self._headers))
        return RecordBatch(
            self._all_offsets(),
            np.array(self._timestamps, dtype=np.int64),
            self._keys,
            self.values,
            self._headers or None,
        )

    def _all_offsets(self) -> npt.NDArray[np.int64]:
        first, last = self._offsets[0][0], self._offsets[-1][-1]
        if last - first + 1 == len(self.values):
            return np.arange(first, last + 1)
        return np.concatenate([np.array(offsets, dtype=np.int64) for offsets in self._offsets])
