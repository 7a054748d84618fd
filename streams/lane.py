"""One lane of the worker: chunks of some topics → a level → durable output → commit; one step at a time.

The order of a checkpoint is the whole of the delivery guarantee:

1. the level writes its state (level 1: one transaction of the local store, with an outbox of what it has to send);
2. what it has to send is sent and acknowledged by all replicas;
3. the offsets are committed, which only shows lag: where to read on is in the state. What did not stand is committed
   again with the next checkpoint, and so is everything after an assignment: a crash between 2 and 3 left it behind.

A crash before 2 repeats outputs with the ids they had; a crash before 1 repeats the work.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from faust.types import TP

from streams import metrics
from streams.arrivals import Arrivals
from streams.chunks import Chunk, Guard
from streams.errors import Stopped
from streams.level import Level
from streams.transport import Consumer

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
BACKLOG_SECONDS = 3.0
"""Time between checkpoints in a backlog, unless there are records enough for one: nobody waits for it then."""
URGENT_SECONDS = 0.1
"""Least time between checkpoints."""
METRICS_SECONDS = 1.0


class Lane:
    """Runs one level. `run`, `tick`, `assign` and `drain` take turns."""

    def __init__(self, level: Level, idle_after: float) -> None:
        self.level = level
        self.guard = Guard()
        self.ready = False
        """Whether partitions have been assigned and their state loaded."""
        self.loading = False
        """Whether state is being loaded, which takes as long as it takes."""
        self.advanced_at = monotonic()
        """When a chunk was last processed, or there was none to process, or partitions were given up."""
        self.arrivals = Arrivals(level, self.guard, idle_after)
        self._lock = asyncio.Lock()
        self._failed = False
        self._flushing: asyncio.Task[None] | None = None
        self._generation = -2
        self._pending = 0
        self._committed: dict[TP, int] = {}
        self._checkpointed_at = monotonic()
        self._measured_at = 0.0
        self._behind = False
        """Whether there is a backlog. In it panes close one after the other, and nobody waits for this one or that."""

    async def run(self, app: Any, stream: AsyncIterator[Any]) -> None:
        """Process chunks for ever: the body of a Faust agent. An error ends the worker."""
        async for event in stream:
            async with self._lock:
                if not self.ready or self._failed or event.message.generation_id != app.consumer_generation_id:
                    continue  # of an assignment that is over, or after a failure; it will be read again
                with self._failing():
                    self._take(event.message.tp, event.value)
                    if self._pending >= self.level.checkpoint_records or (
                        self.level.urgent and self._age() >= self._cadence
                    ):
                        await self._checkpoint(app.consumer)

    async def tick(self, consumer: Consumer) -> None:
        """Do what time demands: checkpoints, idleness, metrics. Called some times a second."""
        async with self._lock:
            if not self.ready or self._failed:
                return
            with self._failing():
                await self.arrivals.look_for_idle(consumer)
                if self._age() >= self._cadence:
                    await self._checkpoint(consumer)
                elif self._flushing is not None and self._flushing.done():
                    await self._flushed()
                if monotonic() - self._measured_at >= METRICS_SECONDS:
                    await self._measure(consumer)
                    await self.arrivals.look_for_stalls(consumer)
                    self._measured_at = monotonic()

    async def assign(self, consumer: Consumer, owned: frozenset[TP], generation: int) -> None:
        """Take over partitions: from now on `guard.expected` says where to read them on from.

        State is kept only where the group's generation shows that nobody else can have owned the partition in between.

        Raises
        ------
        Stopped
            When the state has read further than the log goes: the topic is not the one it was.
        """
        async with self._lock:
            with self._failing(), self._loading():
                consecutive = generation == self._generation + 1
                kept = frozenset(self.guard.expected) & owned if consecutive else frozenset()
                wanted = await self.level.open(owned, kept)
                bounds = await consumer.bounds(owned)
                positions = {tp: self._within(tp, wanted[tp], *bounds[tp]) for tp in owned}
                for tp in self.guard.expected.keys() - owned:
                    metrics.forget_partition(tp.topic, tp.partition)
                self.guard.position(positions)
                self.arrivals.assign({tp: bounds[tp][0] for tp in owned}, kept)
                self.advanced_at = monotonic()
                self._generation = generation
                self._committed = {}
                self.ready = True
                for topic in self.level.topics:
                    metrics.ASSIGNED.labels(topic).set(sum(tp.topic == topic for tp in owned))

    async def drain(self, consumer: Consumer) -> None:
        """Checkpoint now, whatever the cadence, and take nothing more: partitions are about to be given up.

        After a failure the state in memory may be half a chunk, and is left to be read again.
        """
        async with self._lock:
            if self.ready and not self._failed:
                with self._failing():
                    await self._checkpoint(consumer)
                    await self._flushed()
            self.ready = False
            self.advanced_at = monotonic()

    @property
    def lag(self) -> dict[TP, int | None]:
        """Records that a partition is behind, as far as that is known."""
        return self.arrivals.lag

    @property
    def unsaved(self) -> bool:
        """Whether chunks were taken since the last checkpoint, or may have been, or a checkpoint failed."""
        return self._failed or (self.ready and not self.loading)

    def excuse(self) -> None:
        """Note that there is a reason for silence: nothing can come while no broker answers."""
        self.advanced_at = monotonic()
        self.arrivals.excuse()

    def close(self) -> None:
        """Put the state down."""
        self.ready = False
        self.level.close()

    def _take(self, tp: TP, chunk: Chunk) -> None:
        records = self.guard.admit(tp, chunk)
        if records is None:
            return
        if chunk.holes:
            metrics.OFFSET_GAPS.labels(tp.topic, tp.partition).inc(chunk.holes)
            log.debug("%s[%d]: no records for %d offsets before %d", *tp, chunk.holes, chunk.end)
        self.advanced_at = monotonic()
        self.arrivals.came(tp, len(records))
        self.level.process(tp, records)
        self._pending += len(records)

    async def _checkpoint(self, consumer: Consumer) -> None:
        """Begin a checkpoint of everything processed so far, once the one before is through."""
        await self._flushed()
        self.level.prepare()
        self._flushing = asyncio.create_task(self._flush(consumer, dict(self.guard.expected), self._pending > 0))
        self._flushing.add_done_callback(_look_at)
        self._pending = 0
        self._checkpointed_at = monotonic()

    @property
    def _cadence(self) -> float:
        """Seconds from one checkpoint to the next."""
        if self._behind:
            return BACKLOG_SECONDS
        return URGENT_SECONDS if self.level.urgent else CHECKPOINT_SECONDS

    def _age(self) -> float:
        return monotonic() - self._checkpointed_at

    async def _flushed(self) -> None:
        """Wait until the checkpoint that was begun is through; an error of it is raised here.

        It goes on if whoever waits is cancelled, as Faust does with a rebalance when it stops: the next waits for it.
        """
        if self._flushing is not None:
            flushing = self._flushing
            try:
                await asyncio.shield(flushing)
            finally:
                if flushing.done():
                    self._flushing = None

    async def _flush(self, consumer: Consumer, positions: dict[TP, int], counted: bool) -> None:
        began = monotonic()
        await self.level.flush()
        if positions != self._committed and await consumer.commit_offsets(positions):
            self._committed = positions
        if counted:
            metrics.CHECKPOINTS.labels(self.level.name).inc()
            metrics.CHECKPOINT_SECONDS.labels(self.level.name).observe(monotonic() - began)

    async def _measure(self, consumer: Consumer) -> None:
        await self.arrivals.measure(consumer)
        if not self.arrivals.behind:
            self.advanced_at = monotonic()
        self._behind = self.arrivals.backlog
        self.level.publish_metrics()
        self.arrivals.tell()

    def _within(self, tp: TP, wanted: int | None, begin: int, end: int) -> int:
        if wanted is None:
            return begin
        if wanted > end:
            raise Stopped(
                f"topic {tp.topic} partition {tp.partition} ends at offset {end}, but our state has read it up to "
                f"{wanted}: the topic was deleted and made anew, or the broker lost records. To begin afresh, give the "
                "worker a new data directory and the monitor file a new kafka.group, progress and snapshots topics"
            )
        if wanted < begin:
            log.error(
                "topic %s partition %d: offsets %d to %d were deleted before they were read: retention is shorter than "
                "the worker was away. Readings they belong to cannot be made up for",
                tp.topic,
                tp.partition,
                wanted,
                begin - 1,
            )
            metrics.OFFSET_GAPS.labels(tp.topic, tp.partition).inc(begin - wanted)
            self.level.lost(tp)
            return begin
        return wanted

    @contextmanager
    def _loading(self) -> Iterator[None]:
        self.loading = True
        try:
            yield
        finally:
            self.loading = False

    def _failing(self) -> "_Failing":
        return _Failing(self)

    def fail(self) -> None:
        """Note that the state in memory must not be written any more."""
        self._failed = True


def _look_at(flushing: asyncio.Task[None]) -> None:
    """Take note of how a checkpoint ended, or asyncio tells of an error that nobody waited for when the lane ends."""
    if not flushing.cancelled():
        flushing.exception()


class _Failing:
    """Marks the lane as failed when an error passes. A wait that was cancelled has left nothing half done."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            self._lane.fail()
