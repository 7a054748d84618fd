"""The seams at which Streamgauge enters Faust: chunks instead of messages, positions from state instead of commits.

Faust hands out one message at a time and resumes at the committed offsets. Here a message carries a whole chunk of one
topic-partition, and a partition is read from where our own state says. Faust's acks are not used at all (topics are
declared with `acks=False`): it acks messages that it skips in a rebalance, and waits for ever for those that a crashed
agent has. We commit ourselves, after durable output. What this module touches inside Faust is listed in
`PRIVATE_SEAMS`, pinned by the version in pyproject.toml and looked up by a test.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import faust
from aiokafka.consumer import fetcher
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.types import TP

from streams.chunks import ChunkScheduler
from streams.fetched_records import FetchedRecords, by_column
from streams.log_reader import log_bounds

log = logging.getLogger(__name__)

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
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._commit",
    "aiokafka.consumer.fetcher.PartitionRecords._unpack_records",
    "aiokafka.consumer.fetcher.PartitionRecords._consume_aborted_up_to",
    "aiokafka.consumer.fetcher.PartitionRecords._contains_abort_marker",
)

ROUNDS_IN_VAIN = 200
"""Fetches without a record of a partition that should have some: ten seconds of them, where none brings anything."""
FETCH_WAIT_MS = 50
"""Milliseconds for which a broker may hold a fetch that finds nothing."""
COMMIT_SECONDS = 3.0
"""How long a commit may take. It shows lag and nothing else, so nothing waits for a coordinator that is away."""
ANSWER_MS = 30_000
"""Milliseconds the producer waits for an answer before it asks again, perhaps another broker."""


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
        # A fetch that finds nothing is held open by the broker, and the client has one at a time open with each broker:
        # behind Faust's 1.5 s for an empty feedback topic a backlog of predictions would wait.
        client._fetch_max_wait_ms = FETCH_WAIT_MS
        client._value_deserializer = by_column
        fetcher.PartitionRecords = FetchedRecords
        return client

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # aiokafka refuses to commit nothing, which Faust asks for when all the partitions were revoked meanwhile, and
        # takes the refusal for a crash.
        if not self.assignment() & offsets.keys():
            return False
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                return bool(await super()._commit(offsets))
        except TimeoutError:
            log.warning(
                "the group's coordinator did not take a commit within %.0fs: left for the next checkpoint",
                COMMIT_SECONDS,
            )
            return False


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
        except (AssertionError, IllegalStateError):  # the client's thread has given the partition up already
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
