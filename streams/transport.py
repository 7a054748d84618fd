"""The seams at which Streamgauge enters Faust: chunks instead of messages, positions from state instead of commits.

Faust hands out one message at a time and resumes at the committed offsets. Here a message carries a whole chunk of one
topic-partition, and a partition is read from where our own state says. Faust's acks are not used at all (topics are
declared with `acks=False`): it acks messages that it skips in a rebalance, and waits for ever for those that a crashed
agent has. We commit ourselves, after durable output. What this module touches inside Faust is listed in
`PRIVATE_SEAMS`, pinned by the version in pyproject.toml and looked up by a test.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import faust
import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.errors import Stopped
from streams.log_reader import log_bounds
from streams.records import RecordBatch

PRIVATE_SEAMS = (
    "faust.App._new_transport",
    "faust.App._consumer_wait_empty",
    "faust.transport.consumer.Consumer.perform_seek",
    "faust.transport.consumer.ThreadDelegateConsumer.seek_to_committed",
    "faust.transport.consumer.ThreadDelegateConsumer._commit",
    "faust.transport.drivers.aiokafka.Producer._settings_extra",
    "faust.transport.drivers.aiokafka.Producer._new_producer",
    "faust.transport.drivers.aiokafka.Consumer._new_consumer_thread",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._create_worker_consumer",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._ensure_consumer",
    "aiokafka.consumer.fetcher.PartitionRecords._unpack_records",
    "aiokafka.consumer.fetcher.PartitionRecords._consume_aborted_up_to",
    "aiokafka.consumer.fetcher.PartitionRecords._contains_abort_marker",
)

ROUNDS_IN_VAIN = 200
"""Fetches without a record of a partition that should have some: ten seconds of them, where none brings anything."""
FETCH_WAIT_MS = 50
"""Milliseconds for which a broker may hold a fetch that finds nothing."""
ANSWER_MS = 30_000
"""Milliseconds the producer waits for an answer before it asks again, perhaps another broker."""
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

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, _Carrier]]:
        """Yield chunks, round robin over the partitions."""
        # Where chunks start is settled now: a seek while they are handed out concerns those of the next fetch.
        starts = {tp: self.next.get(tp, batch[0].offset) for tp, batch in records.items() if batch}
        ends = {tp: records[tp][-1].offset + 1 for tp in starts}
        self.next.update(ends)
        self.fetched.update(ends)
        self.rounds += 1
        self._brought.update(dict.fromkeys(ends, self.rounds))
        return self._in_turn({tp: self._chunks(tp, start, records[tp]) for tp, start in starts.items()})

    def _in_turn(self, waiting: dict[TP, Iterator[_Carrier]]) -> Iterator[tuple[TP, _Carrier]]:
        while waiting:
            for tp in list(waiting):
                carrier = next(waiting[tp], None)
                if carrier is None:
                    del waiting[tp]
                else:
                    yield tp, carrier

    def _chunks(self, tp: TP, start: int, fetched: list[Any]) -> Iterator[_Carrier]:
        done = 0
        while done < len(fetched):
            batch = _by_column(fetched[done : done + self.max_records])
            if sum(map(len, filter(None, batch.values))) > self.max_bytes:
                sizes = np.cumsum([len(value or b"") for value in batch.values])
                batch = batch.until(max(1, int(np.searchsorted(sizes, self.max_bytes, side="right"))))
            done += len(batch)
            carrier = _carrier(tp, start, batch)
            start = carrier.offset + 1
            yield carrier


def _by_column(fetched: list[Any]) -> RecordBatch:
    """Return what the client read, an object for each record, by column."""
    first, last = fetched[0].offset, fetched[-1].offset
    whole = last - first + 1 == len(fetched)
    headers = [one.headers for one in fetched]
    return RecordBatch(
        np.arange(first, last + 1) if whole else np.array([one.offset for one in fetched], dtype=np.int64),
        np.array([one.timestamp for one in fetched], dtype=np.int64),
        [one.key for one in fetched],
        [one.value for one in fetched],
        headers if any(headers) else None,
    )


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


class BytesSchema(faust.Schema):  # type: ignore[misc]
    """Hands keys and values on as they are; a value that cannot be decoded is for our own code to judge."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return the key unchanged."""
        return message.key

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return the chunk unchanged."""
        return message.value


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


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, which leaves out what a transaction took back."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        client = super()._create_worker_consumer(transport)
        # Faust reads committed records only in its exactly-once mode. An aborted prediction was never made.
        client._isolation_level = "read_committed"
        # A fetch that finds nothing is held open by the broker, and the client has one at a time open with each broker:
        # behind Faust's 1.5 s for an empty feedback topic a backlog of predictions would wait.
        client._fetch_max_wait_ms = FETCH_WAIT_MS
        fetcher.PartitionRecords = FetchedRecords
        return client


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, chunked, and positioned by the app's state."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scheduler = ChunkScheduler()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every assigned partition to where the state stands. Committed offsets only show lag."""
        assigned = self.assignment()
        known = self.app.positions()
        offsets = {tp: known[tp] for tp in assigned if tp in known}
        if missing := assigned - offsets.keys():
            # A rebalance overtook this one. Until positions are known nothing may be read.
            self.pause_partitions(missing)
        if offsets:
            await self.seek_wait(offsets)
        self.scheduler.position(offsets)
        return offsets

    async def committed(self, partitions: Iterable[TP]) -> dict[TP, int | None]:
        """Return the offsets this group has committed."""
        client = self._thread._ensure_consumer()
        return {tp: await self._thread.call_thread(client.committed, ensure_aiokafka_TP(tp)) for tp in partitions}

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, and return whether it stands: in a rebalance it may not. What has been revoked is left out."""
        return not offsets or bool(await self._commit(offsets))

    def fetched_in_vain(self, tp: TP) -> bool:
        """Return whether many fetches in a row brought nothing of a partition.

        Few of them do not tell: what one fetch brings is handed out before the next, which takes its time in a backlog.
        """
        return self.scheduler.rounds_without(tp) >= ROUNDS_IN_VAIN

    async def read_again(self, offsets: Mapping[TP, int]) -> None:
        """Fetch partitions anew from `offsets`, whatever held them up; in a rebalance that is done anyway."""
        if not self.flow_active or self.app.rebalancing:
            return
        self.resume_partitions(offsets)
        try:
            await self.seek_wait(offsets)
        except IllegalStateError:  # the client's thread has given one of them up already
            return
        self.scheduler.position(offsets)

    async def bounds(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """Return the first offset of each log and the one after its last.

        Asked through a client of its own: on this one's connection the answer waits behind a fetch, for 1.5 s each.
        """
        return await log_bounds(self.app.client_settings, partitions)

    def end_of_log(self, tp: TP) -> int | None:
        """Return the offset after the log's last record, as fetched last; None before that, or in a rebalance."""
        try:
            end: int | None = self.highwater(tp)
        except IllegalStateError:  # the client's thread has given the partition up already
            return None
        return end

    async def read_to_end(self, tp: TP, processed: int) -> bool:
        """Return whether the log holds nothing beyond `processed`, as far as fetches have shown."""
        end = self.end_of_log(tp)
        if end is None or self.scheduler.fetched.get(tp, processed) > processed:
            return False
        try:
            # Where the log ends in a transaction's marker, the client's position is past it, and ours is not.
            return processed >= end or bool(await self.position(tp) >= end)
        except IllegalStateError:
            return False


class Producer(driver.Producer):  # type: ignore[misc]
    """Faust's producer with every record acknowledged by all replicas, once and in order."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        # aiokafka has one setting for how long a send is tried and for how long one answer is waited for. A broker
        # that hangs would hold up a partition for all that time; asking again is harmless, as producing is idempotent.
        producer.client._request_timeout_ms = ANSWER_MS
        return producer


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's transport with our consumer and producer."""

    Consumer = Consumer
    Producer = Producer


class App(faust.App):  # type: ignore[misc]
    """A Faust app whose partitions are read from `positions`, and that drains before it gives partitions up.

    `positions` says where to read on, now: it is asked in every rebalance, and whenever fetched records were dropped.
    `drain` is called, with the flow of records stopped, when partitions are revoked and when the app stops. It must
    bring every record it was given to durable output, or leave it: what is not in the state is read again.
    """

    client_settings: Mapping[str, Any]
    """How a client of aiokafka reaches the broker."""
    positions: Callable[[], Mapping[TP, int]]
    drain: Callable[[], Awaitable[None]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.positions = dict
        self.client_settings = {}

        async def nothing() -> None: ...

        self.drain = nothing

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:  # noqa: ARG002
        # Instead of Consumer.wait_empty, which waits without an end for events that a crashed agent never acks.
        await self.drain()
