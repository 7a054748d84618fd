"""Level 1 on Kafka: a `SourcePartition` for each source partition this worker owns, fed from both of its topics."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from time import monotonic, time
from typing import Protocol

from faust.types import TP

from schemas.event_time import SECOND, Micros
from schemas.kafka_spec import Topics
from streams import metrics
from streams.compacted import newest_by_key
from streams.errors import Stopped, Unreachable
from streams.heard import Heard
from streams.left_out import LeftOut
from streams.level import CHECKPOINT_RECORDS
from streams.log_reader import Range
from streams.messages import WatermarkMessage, decode_message
from streams.publisher import Publisher
from streams.records import ALL_PARTITIONS, ROLES, Outgoing, Record, RecordBatch, Role

log = logging.getLogger(__name__)


RECORDS_A_PARTITION, RECORDS_A_VERSION = 2_000, 400
"""What a checkpoint costs for each partition, and for each model version in it, is about what so many records cost."""
MOST_CHECKPOINT_RECORDS = 160_000
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 20.0)
"""Seconds before an archive that could not be written is tried again: less than a minute in all, or others take us for
stuck."""


class Source(Protocol):
    """What this module needs of a `streams.partition.SourcePartition`."""

    position: dict[Role, int | None]
    rebuild: dict[Role, tuple[int | None, int]]

    @property
    def urgent(self) -> bool:
        """Whether others wait for something in the outbox."""
        ...

    @property
    def versions(self) -> int:
        """How many model versions have rows here, or had lately."""
        ...

    def rebuilt(self) -> None:
        """Note that the offsets in `rebuild` were fed."""
        ...

    def process(self, role: Role, records: Sequence[Record] | RecordBatch) -> None:
        """Take a chunk."""
        ...

    @property
    def times(self) -> Mapping[Role, Micros]:
        """How far event time has come in each topic."""
        ...

    def idle(self, role: Role, heard: Mapping[Role, Micros]) -> None:
        """Note silence since a moment at which `times` was `heard`."""
        ...

    def lost(self, role: Role) -> None:
        """Note that records were deleted before they were read."""
        ...

    def prepare(self) -> None:
        """Gather the state."""
        ...

    def write(self) -> None:
        """Make what was gathered durable; in any thread. Raises `Unreachable` where it may be called again."""
        ...

    def outbox(self) -> list[Outgoing]:
        """Return what is to be sent of it."""
        ...

    def sent(self) -> None:
        """Note that the outbox is durable."""
        ...

    def counts(self) -> dict[Role, dict[str, int]]:
        """Return the accounting."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


Open = Callable[[int, bytes | None], Source]
ReadCompacted = Callable[[str, Sequence[int]], Awaitable[dict[int, list[Record]]]]
ReadRanges = Callable[[Mapping[TP, Range]], AsyncIterator[tuple[TP, list[Record]]]]


class SourceLevel:
    """Level 1. Both topics of one partition are owned together or not at all."""

    name = "1"

    def __init__(
        self,
        topics: Topics,
        open_source: Open,
        read: ReadCompacted,
        read_ranges: ReadRanges,
        publisher: Publisher,
        idle_after: float,
    ) -> None:
        self._idle_after = idle_after
        self.topics = (topics.predictions, topics.feedback)
        self._roles: dict[str, Role] = {getattr(topics, role): role for role in ROLES}
        self._progress = topics.progress
        self._open = open_source
        self._read = read
        self._read_ranges = read_ranges
        self._publisher = publisher
        self._sources: dict[int, Source] = {}
        self._dirty: set[int] = set()
        self._prepared: list[int] = []
        self._heard: dict[int, Heard] = {}
        self._left_out = LeftOut(self._roles)
        self._times: dict[int, dict[Role, Micros]] = {}
        """What each partition last told level 2 of its event time."""

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        """Open the local store of each new partition, or start from its progress record."""
        partitions = {tp.partition for tp in owned}
        for topic in self.topics:
            if {tp.partition for tp in owned if tp.topic == topic} != partitions:
                raise Stopped(
                    f"topics {' and '.join(self.topics)}: the group assigned their partitions to different workers, so "
                    "they cannot be joined. Give them the same number of partitions, and all workers the same version"
                )
        keep = {tp.partition for tp in kept}
        for partition in [p for p in self._sources if p not in keep]:
            self._sources.pop(partition).close()
            self._times.pop(partition, None)
            self._heard.pop(partition, None)
        new = sorted(partitions - self._sources.keys())
        progress = await self._read(self._progress, new)
        for partition in new:
            newest = newest_by_key(progress.get(partition, ())).get(str(partition).encode())
            self._sources[partition] = self._open(partition, newest.value if newest is not None else None)
        await self._rebuild(new)
        for partition in new:
            self._heard[partition] = Heard(self._sources[partition].times, monotonic(), self._idle_after)
            log.info("source partition %d opened at %s", partition, self._sources[partition].position)
        # What a store holds in its outbox may not have been sent: the first checkpoint sends it.
        self._dirty = partitions
        return {tp: self._sources[tp.partition].position[self._roles[tp.topic]] for tp in owned}

    async def _rebuild(self, partitions: Sequence[int]) -> None:
        """Feed partitions without a local store what they must see again."""
        ranges = {
            TP(topic, partition): self._sources[partition].rebuild[role]
            for partition in partitions
            for topic, role in self._roles.items()
            if role in self._sources[partition].rebuild
        }
        if ranges:
            log.info("reading again, for want of a local store: %s", ranges)
            async for tp, records in self._read_ranges(ranges):
                self._sources[tp.partition].process(self._roles[tp.topic], records)
                await asyncio.sleep(0)  # health checks want an answer
        for partition in {tp.partition for tp in ranges}:
            self._sources[partition].rebuilt()

    def process(self, tp: TP, records: RecordBatch) -> None:
        """Take a chunk of one topic of a partition."""
        self._dirty.add(tp.partition)
        source = self._sources[tp.partition]
        source.process(self._roles[tp.topic], records)
        self._heard[tp.partition].note(source.times, monotonic())

    def lost(self, tp: TP) -> None:
        """Tell the partition that records of one of its topics were deleted before they were read."""
        self._dirty.add(tp.partition)
        self._sources[tp.partition].lost(self._roles[tp.topic])

    def idle(self, tp: TP) -> None:
        """Tell the partition that one of its topics is silent, and how far both had come when that began."""
        self._dirty.add(tp.partition)
        self._sources[tp.partition].idle(self._roles[tp.topic], self._heard[tp.partition].before(monotonic()))

    @property
    def checkpoint_records(self) -> int:
        """After how many records a checkpoint is worth it: more, where they are of many partitions or models."""
        versions = sum(source.versions for source in self._sources.values())
        worth = RECORDS_A_PARTITION * len(self._sources) + RECORDS_A_VERSION * versions
        return min(MOST_CHECKPOINT_RECORDS, max(CHECKPOINT_RECORDS, worth))

    @property
    def urgent(self) -> bool:
        """Whether a pane is ready to be sent."""
        return any(self._sources[partition].urgent for partition in self._dirty)

    def prepare(self) -> None:
        """Gather each changed partition's transaction."""
        changed, self._dirty = sorted(self._dirty), set()
        for partition in changed:
            self._sources[partition].prepare()
        self._prepared = changed

    async def flush(self) -> None:
        """Write the transactions, send all outboxes, and note that they are sent."""
        changed = self._prepared
        await self._written(changed)
        outgoing = [one for partition in changed for one in self._sources[partition].outbox()]
        await self._publisher.send(one for one in outgoing if one.destination != "progress")
        # A progress record says that what came before it need not be sent again.
        await self._publisher.send(one for one in outgoing if one.destination == "progress")
        self._note_times(outgoing)
        for partition in changed:
            self._sources[partition].sent()

    async def _written(self, partitions: Sequence[int]) -> None:
        """Write, and try again where the archive is out of reach for a while: chunks and outputs wait for it."""
        tried = 0
        while True:
            try:
                await asyncio.to_thread(self._write, partitions)
            except Unreachable as error:
                if tried == len(PAUSES):
                    raise Stopped(
                        f"{error.what}, tried for about a minute. Mend that and start the worker again: nothing is lost"
                    ) from None
                if not tried:
                    log.warning("%s. Trying again for about a minute; until then nothing is published", error.what)
                await asyncio.sleep(PAUSES[tried])
                tried += 1
            else:
                if tried:
                    log.info("the archive can be written again")
                return

    def _write(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._sources[partition].write()

    def _note_times(self, outgoing: Iterable[Outgoing]) -> None:
        for one in outgoing:
            if one.destination == "summaries" and one.partition == ALL_PARTITIONS and one.value is not None:
                message = decode_message(Record(0, 0, one.key, one.value))
                if isinstance(message, WatermarkMessage):
                    self._times[message.partition] = message.times

    def publish_metrics(self) -> None:
        """Publish the accounting of each partition, and how far behind the clock its watermark is."""
        now = time()
        for partition, source in self._sources.items():
            counts, times = source.counts(), self._times.get(partition, {})
            for topic, role in self._roles.items():
                metrics.set_accounting(topic, partition, counts.get(role, {}))
                if role in times:
                    metrics.WATERMARK_LAG.labels(topic, partition).set(now - times[role] / SECOND)
        self._left_out.tell({partition: source.counts() for partition, source in self._sources.items()}, monotonic())

    def close(self) -> None:
        """Close all stores."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        self._dirty.clear()
