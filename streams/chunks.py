"""Chunks: consecutive records of one topic-partition, from what was fetched to the guard that admits them.

Faust hands out one message at a time; here a message carries a chunk. Nothing in here knows of a client.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.errors import Stopped
from streams.records import RecordBatch

MAX_RECORDS = 4_000
"""Records of a chunk. Level 1 has a fixed price for each chunk, worth it from about 500 on."""
MAX_BYTES = 2 * 1024 * 1024
"""Bytes of a chunk's values, or one record that is larger. Bounds how long the event loop is held."""


class Chunk(NamedTuple):
    """Consecutive records of one topic-partition. It covers the offsets `start` to `end` - 1.

    The records may leave holes: transactions' markers, compaction and retention use up offsets. A chunk starts where
    the one before it ended, or where the partition was positioned; a reader that sees anything else has lost a chunk.
    """

    start: int
    end: int
    records: RecordBatch

    @property
    def holes(self) -> int:
        """Offsets that this chunk covers and the log has no record for."""
        return self.end - self.start - len(self.records)


class _Carrier(NamedTuple):
    """What Faust takes for a consumer record; its offset is the chunk's last."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    headers: tuple[()]
    key: None
    value: Chunk
    checksum: None
    serialized_key_size: int
    serialized_value_size: int


class ChunkScheduler(DefaultSchedulingStrategy):  # type: ignore[misc]
    """Turns what was fetched into chunks, one of each partition in turn.

    Nothing is held back for a chunk to fill up: a quiet topic's single record is a chunk.
    """

    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.next: dict[TP, int] = {}
        """Where the next fetch of each partition starts."""
        self.fetched: dict[TP, int] = {}
        """Up to where each partition has been fetched, handed out or not."""
        self.rounds = 0
        """Fetches so far, those that brought nothing included."""
        self._brought: dict[TP, int] = {}

    def position(self, offsets: Mapping[TP, int]) -> None:
        """Note where partitions will be read from."""
        self.next.update(offsets)
        self.fetched.update(offsets)
        self._brought.update(dict.fromkeys(offsets, self.rounds))

    def rounds_without(self, tp: TP) -> int:
        """Return how many fetches in a row brought nothing of a partition."""
        return self.rounds - self._brought.get(tp, self.rounds)

    def iterate(self, fetched: Mapping[TP, list[RecordBatch]]) -> Iterator[tuple[TP, _Carrier]]:
        """Yield chunks, round robin over the partitions."""
        # Where chunks start is settled now: a seek while they are handed out concerns those of the next fetch.
        starts = {tp: self.next.get(tp, int(batches[0].offsets[0])) for tp, batches in fetched.items() if batches}
        ends = {tp: int(fetched[tp][-1].offsets[-1]) + 1 for tp in starts}
        self.next.update(ends)
        self.fetched.update(ends)
        self.rounds += 1
        self._brought.update(dict.fromkeys(ends, self.rounds))
        return self._in_turn({tp: self._chunks(tp, start, fetched[tp]) for tp, start in starts.items()})

    def _in_turn(self, waiting: dict[TP, Iterator[_Carrier]]) -> Iterator[tuple[TP, _Carrier]]:
        while waiting:
            for tp in list(waiting):
                carrier = next(waiting[tp], None)
                if carrier is None:
                    del waiting[tp]
                else:
                    yield tp, carrier

    def _chunks(self, tp: TP, start: int, fetched: list[RecordBatch]) -> Iterator[_Carrier]:
        for batch in fetched:
            done = 0
            while done < len(batch):
                records = self._capped(batch.part(done, done + self.max_records))
                done += len(records)
                carrier = _carrier(tp, start, records)
                start = carrier.offset + 1
                yield carrier

    def _capped(self, records: RecordBatch) -> RecordBatch:
        """Return as many of the records as a chunk's bytes allow, one at least."""
        if sum(map(len, filter(None, records.values))) <= self.max_bytes:
            return records
        sizes = np.cumsum([len(value or b"") for value in records.values])
        return records.part(0, max(1, int(np.searchsorted(sizes, self.max_bytes, side="right"))))


def _carrier(tp: TP, start: int, batch: RecordBatch) -> _Carrier:
    offset, time = int(batch.offsets[-1]), int(batch.timestamps[-1])
    return _Carrier(tp.topic, tp.partition, offset, time, 0, (), None, Chunk(start, offset + 1, batch), None, -1, -1)


class Guard:
    """Sees to it that a partition's chunks arrive without a break between them.

    A hole *in the log* (retention overtook us, a transaction's marker, compaction) is counted by the caller and read
    over: those records exist nowhere any more, and a worker that stopped for them could never start again. A break
    *between chunks* means that records were fetched and did not arrive. It stops the worker before anything later is
    checkpointed; the next start reads them again from where the state stands.
    """

    def __init__(self) -> None:
        self.expected: dict[TP, int] = {}

    def position(self, offsets: Mapping[TP, int]) -> None:
        """Forget all partitions but these, which are read from here on."""
        self.expected = dict(offsets)

    def admit(self, tp: TP, chunk: Chunk) -> RecordBatch | None:
        """Return the records of `chunk` not yet seen, or None when the partition is not ours or all were seen.

        Raises
        ------
        Stopped
            When records between the last chunk and this one were lost on the way.
        """
        expected = self.expected.get(tp)
        if expected is None or chunk.end <= expected:
            return None
        if chunk.start > expected:
            raise Stopped(
                f"topic {tp.topic} partition {tp.partition}: offsets {expected} to {chunk.start - 1} were fetched and "
                "did not arrive. Nothing is lost: start the worker again and it reads on from its state"
            )
        self.expected[tp] = chunk.end
        return chunk.records.since(expected)
