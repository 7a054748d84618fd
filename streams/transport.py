"""The seams at which Streamgauge enters Faust: chunks instead of messages, positions from state instead of commits.

Faust hands out one message at a time and resumes at the committed offsets. Here a message carries a whole chunk of one
topic-partition, and a partition is read from where our own state says. Faust's acks are not used at all (topics are
declared with `acks=False`): it acks messages that it skips in a rebalance, and waits for ever for those that a crashed
agent has. We commit ourselves, after durable output. What this module touches inside Faust is listed in
`PRIVATE_SEAMS`, pinned by the version in pyproject.toml and looked up by a test.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.errors import Stopped
from streams.log_reader import log_bounds
from streams.records import Record

PRIVATE_SEAMS = (
    "faust.App._new_transport",
    "faust.App._consumer_wait_empty",
    "faust.transport.consumer.Consumer.perform_seek",
    "faust.transport.consumer.ThreadDelegateConsumer.seek_to_committed",
    "faust.transport.consumer.ThreadDelegateConsumer._commit",
    "faust.transport.drivers.aiokafka.Producer._settings_extra",
    "faust.transport.drivers.aiokafka.Consumer._new_consumer_thread",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._create_worker_consumer",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._ensure_consumer",
)

MAX_RECORDS = 2_000
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
    records: Sequence[Record]

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
        """Where the next chunk of each partition starts."""
        self.fetched: dict[TP, int] = {}
        """Up to where each partition has been fetched, handed out or not."""

    def position(self, offsets: Mapping[TP, int]) -> None:
        """Note where partitions will be read from."""
        self.next.update(offsets)
        self.fetched.update(offsets)

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, _Carrier]]:
        """Yield chunks, round robin over the partitions."""
        self.fetched.update({tp: batch[-1].offset + 1 for tp, batch in records.items() if batch})
        return self._in_turn(records)

    def _in_turn(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, _Carrier]]:
        waiting = {tp: self._chunks(tp, fetched) for tp, fetched in records.items()}
        while waiting:
            for tp in list(waiting):
                carrier = next(waiting[tp], None)
                if carrier is None:
                    del waiting[tp]
                else:
                    yield tp, carrier

    def _chunks(self, tp: TP, fetched: list[Any]) -> Iterator[_Carrier]:
        records: list[Record] = []
        size = 0
        for one in fetched:
            length = len(one.value) if one.value is not None else 0
            if records and (len(records) >= self.max_records or size + length > self.max_bytes):
                yield self._carrier(tp, records)
                records, size = [], 0
            records.append(Record(one.offset, one.timestamp, one.key, one.value, one.headers))
            size += length
        if records:
            yield self._carrier(tp, records)

    def _carrier(self, tp: TP, records: list[Record]) -> _Carrier:
        last = records[-1]
        chunk = Chunk(self.next.get(tp, records[0].offset), last.offset + 1, records)
        self.next[tp] = chunk.end
        return _Carrier(tp.topic, tp.partition, last.offset, last.timestamp, 0, (), None, chunk, None, -1, -1)


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

    def admit(self, tp: TP, chunk: Chunk) -> Sequence[Record] | None:
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
        if chunk.records[0].offset >= expected:
            return chunk.records
        return [record for record in chunk.records if record.offset >= expected]


class BytesSchema(faust.Schema):  # type: ignore[misc]
    """Hands keys and values on as they are; a value that cannot be decoded is for our own code to judge."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return the key unchanged."""
        return message.key

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return the chunk unchanged."""
        return message.value


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, which leaves out what a transaction took back."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        client = super()._create_worker_consumer(transport)
        # Faust reads committed records only in its exactly-once mode. An aborted prediction was never made.
        client._isolation_level = "read_committed"
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

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit; what has been revoked meanwhile is left out."""
        if offsets:
            await self._commit(offsets)

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
