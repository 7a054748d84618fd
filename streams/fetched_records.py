"""`FetchedRecords`: what aiokafka makes of one fetched partition, without an object more for each record."""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException


class FetchedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetch as the client's decoder made them, a batch at a time.

    aiokafka copies each into a `ConsumerRecord` and moves the position with it, which costs as much as decoding its
    JSON. What it does about checksums, transactions and control records is done here too.
    """

    next_fetch_offset: int

    def __iter__(self) -> Iterator[Any]:
        records: Iterator[Any] = self._records_iterator
        return records

    def _unpack_records(self) -> Iterator[Any]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"{self._tp}: a batch of records has the wrong checksum")
            records = [] if self._taken_back(batch) or batch.is_control_batch else list(batch)
            if records and records[0].offset < self.next_fetch_offset:  # it begins before where we asked
                records = [record for record in records if record.offset >= self.next_fetch_offset]
            self.next_fetch_offset = batch.next_offset
            yield from records

    def _taken_back(self, batch: Any) -> bool:
        """Return whether a batch belongs to a transaction that was aborted."""
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in self._aborted_producers)
