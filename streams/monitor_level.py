"""Level 2 on Kafka: a `MonitorPartition` for each partition of the summaries topic that this worker owns.

A checkpoint makes durable, one after the other: what a partition began with, once; outputs; snapshots of the models
that changed; the *position*, a record of the snapshots topic with an empty key, which says from where a new owner reads
the summaries topic. It lies before every open summary of every model, those included that have no snapshot yet, and
before every value whose frames were still coming. What is then read twice changes nothing: a summary replaces, and a
model knows the offset it has come to.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Protocol

from faust.types import TP

from detectors.rollouts import RolloutsState
from detectors.state import StateError
from schemas.kafka_spec import Topics
from streams import metrics
from streams.beginning import BEGINNING, Beginning
from streams.compacted import newest_by_key
from streams.errors import Stopped
from streams.framing import Reassembler, slot_of
from streams.level import CHECKPOINT_RECORDS
from streams.output_metrics import count_outputs
from streams.publisher import Publisher
from streams.records import Outgoing, Record, RecordBatch
from streams.rollout_metrics import forget_rollout, publish_rollout
from streams.source_level import ReadCompacted

log = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 5.0
"""How old a snapshot gets at least. A new owner reads again what came since, so it costs time, and no output."""
POSITION = b""
"""Key of the position; a model's name is never empty."""


class Monitors(Protocol):
    """What this module needs of a `streams.monitoring.MonitorPartition`."""

    @property
    def position(self) -> int | None:
        """The oldest record that the state of a model still needs; None where there is no model yet."""
        ...

    @property
    def late(self) -> dict[str, int]:
        """Summaries that came for a closed pane, by model."""
        ...

    @property
    def evicted(self) -> dict[str, int]:
        """Open panes that there was no room for, by model."""
        ...

    @property
    def rollouts(self) -> dict[str, RolloutsState]:
        """How far rollouts are, by model."""
        ...

    def begin(self, beginning: Beginning) -> None:
        """Take what a monitor before this one has left behind; before anything else."""
        ...

    def restore(self, model: str, snapshot: bytes) -> None:
        """Take a model's state; raises `detectors.state.StateError` for a snapshot that it cannot read."""
        ...

    def process(self, records: list[Record]) -> list[Outgoing]:
        """Take a chunk, return outputs."""
        ...

    def snapshots(self) -> list[Outgoing]:
        """Return the state of the models that changed."""
        ...


@dataclass(slots=True)
class _Partition:
    monitors: Monitors
    next: int | None
    """Offset of the next record to read; None before the first."""
    frames: Reassembler = field(default_factory=Reassembler)
    outputs: list[Outgoing] = field(default_factory=list)
    slots: dict[bytes, str] = field(default_factory=dict)
    """Slot of each model's newest framed snapshot."""
    told: int | None = None
    """The position last made durable."""
    beginning: Outgoing | None = None
    """What it began with, until that is on its way."""
    saved_at: float = field(default=float("-inf"))
    """When snapshots were last taken."""

    @property
    def position(self) -> int | None:
        """From where a new owner must read; None: from the beginning of the log."""
        needed = self.monitors.position
        if needed is None or self.next is None:
            return None
        # A model whose first summary has still to be read again counts for nothing in `needed`, hence `next`.
        return min(offset for offset in (needed, self.next, self.frames.oldest_open) if offset is not None)


class MonitorLevel:
    """Level 2."""

    name = "2"

    def __init__(
        self,
        topics: Topics,
        new_monitors: Callable[[], Monitors],
        read: ReadCompacted,
        publisher: Publisher,
        find_beginning: Callable[[], Awaitable[Beginning]],
        snapshot_seconds: float = SNAPSHOT_SECONDS,
    ) -> None:
        self.topics = (topics.summaries,)
        self._snapshots = topics.snapshots
        self._new = new_monitors
        self._read = read
        self._publisher = publisher
        self._find_beginning = find_beginning
        self._partitions: dict[int, _Partition] = {}
        self._dirty: set[int] = set()
        self._unsaved: set[int] = set()
        """Partitions that have changed since their snapshots were taken."""
        self._snapshot_seconds = snapshot_seconds
        self._beginnings: list[Outgoing] = []
        self._outputs: list[Outgoing] = []
        self._saves: list[tuple[Outgoing, str | None]] = []

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        """Restore each new partition's models from its snapshots.

        Raises
        ------
        Stopped
            When a snapshot is damaged, or was written by another version.
        """
        keep = {tp.partition for tp in kept}
        for partition in [p for p in self._partitions if p not in keep]:
            for model in self._partitions.pop(partition).monitors.rollouts:
                forget_rollout(model)
        new = sorted({tp.partition for tp in owned} - self._partitions.keys())
        snapshots = await self._read(self._snapshots, new)
        newest = {number: newest_by_key(snapshots.get(number, ())) for number in new}
        beginning = await self._find_beginning() if not all(newest.values()) else Beginning()
        for number in new:
            self._partitions[number] = self._restore(number, newest[number], beginning)
            log.info("summaries partition %d restored; reading on from %s", number, self._partitions[number].next)
        self._dirty = keep & self._partitions.keys()
        self._unsaved &= self._dirty
        return {tp: self._partitions[tp.partition].next for tp in owned}

    def _restore(self, number: int, newest: dict[bytes, Record], beginning: Beginning) -> _Partition:
        """Return a partition as it was left; where nothing is left of it, it begins with `beginning`."""
        partition = _Partition(self._new(), None)
        if not newest:
            partition.beginning = Outgoing("snapshots", BEGINNING, beginning.encoded(), partition=number)
            partition.monitors.begin(beginning)
        position = newest.pop(POSITION, None)
        if position is not None and position.value is not None:
            partition.next = partition.told = int(position.value)
        # What it began with is needed by models that are in no snapshot yet.
        for key, record in sorted(newest.items(), key=lambda found: found[0] != BEGINNING):
            try:
                if key == BEGINNING:
                    partition.monitors.begin(Beginning.of(record.value or b""))
                    continue
                partition.monitors.restore(key.decode(), record.value or b"")
            except StateError as error:
                what = "its beginning" if key == BEGINNING else f"the state of model {key.decode()}"
                raise Stopped(
                    f"topic {self._snapshots} partition {number}: {what} cannot be read: {error}. Start the version "
                    "that wrote it again; or, to begin afresh, give the monitor file a new kafka.group and new "
                    "summaries, progress and snapshots topics: see docs/operations.md, 'Begin afresh'"
                ) from None
            if (slot := slot_of(record)) is not None:
                partition.slots[key] = slot
        return partition

    def process(self, tp: TP, records: RecordBatch) -> None:
        """Take a chunk of summaries, watermarks and commands."""
        partition = self._partitions[tp.partition]
        self._dirty.add(tp.partition)
        partition.next = int(records.offsets[-1]) + 1
        if whole := partition.frames.add(list(records)):
            partition.outputs += partition.monitors.process(whole)

    def lost(self, tp: TP) -> None:
        """Do nothing: summaries that are gone were of panes that stay open, and are seen there."""

    def idle(self, tp: TP) -> None:
        """Do nothing: level 2 never closes a pane on its own clock."""

    @property
    def checkpoint_records(self) -> int:
        """After how many records a checkpoint is worth it."""
        return CHECKPOINT_RECORDS

    @property
    def urgent(self) -> bool:
        """Whether people wait for something."""
        return any(self._partitions[partition].outputs for partition in self._dirty)

    def prepare(self) -> None:
        """Gather outputs; and, where the last ones are old enough, the snapshots of the models that changed."""
        now = monotonic()
        changed, self._dirty = sorted(self._dirty), set()
        self._outputs = [one for number in changed for one in self._partitions[number].outputs]
        self._beginnings = []
        for partition in self._partitions.values():
            if partition.beginning is not None:
                self._beginnings.append(partition.beginning)
                partition.beginning = None
        self._unsaved.update(changed)
        self._saves = []
        for number in changed:
            self._partitions[number].outputs = []
        for number in sorted(self._unsaved):
            partition = self._partitions[number]
            if now - partition.saved_at < self._snapshot_seconds:
                continue
            partition.saved_at = now
            self._unsaved.discard(number)
            for snapshot in partition.monitors.snapshots():
                slot = "b" if partition.slots.get(snapshot.key) == "a" else "a"
                partition.slots[snapshot.key] = slot
                self._saves.append((replace(snapshot, partition=number), slot))
            if (position := self._position(number)) is not None:
                self._saves.append((position, None))

    async def flush(self) -> None:
        """Send what partitions began with, then outputs, then each partition's snapshots, then its position."""
        await self._publisher.send(self._beginnings, "a")
        await self._publisher.send(self._outputs)
        count_outputs(self._outputs)
        for record, slot in self._saves:
            await self._publisher.send([record], slot)

    def _position(self, number: int) -> Outgoing | None:
        partition = self._partitions[number]
        position = partition.position
        if position is None or position == partition.told:
            return None
        partition.told = position
        return Outgoing("snapshots", POSITION, b"%d" % position, partition=number)

    def publish_metrics(self) -> None:
        """Publish what level 2 knows of panes that closed too early, or were dropped."""
        for partition in self._partitions.values():
            for model, late in partition.monitors.late.items():
                metrics.LATE_SUMMARIES.labels(model).set(late)
            for model, evicted in partition.monitors.evicted.items():
                metrics.EVICTED_PANES.labels(model).set(evicted)
            for model, rollouts in partition.monitors.rollouts.items():
                publish_rollout(model, rollouts)

    def close(self) -> None:
        """Forget everything."""
        self._partitions.clear()
        self._dirty.clear()
        self._unsaved.clear()
