"""`SourcePartition`: level 1 of one source partition: both of its topics, from records to an outbox.

One checkpoint is one transaction: the join's changes, the open panes, the outbox, event time, the accounting and the
next offsets. The order round it is

1. `process` any number of chunks,
2. `checkpoint`: the transaction is written, and what waits to be sent is returned,
3. the caller sends it, all of it durably, and the progress records only after the others,
4. `sent`, and only then are the source offsets committed.

After a crash between any two steps the store sends what is in the outbox and reads on from its own offsets; what is
sent twice carries the same identity. Without a store (another machine, a lost disk) the partition is rebuilt: `rebuild`
says which offsets to feed to `process` again, and `rebuilt` drops what that yields, since it was sent before.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from detectors.layouts import Layouts
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.decoded import Decoded
from streams.decoder import Decoder
from streams.groups import Groups
from streams.intake import Intake
from streams.join import Join
from streams.lost_events import LostEvents
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.pane_closing import PaneClosing, Source
from streams.partition_archive import PartitionArchive
from streams.partition_checkpoint import PartitionCheckpoint
from streams.partition_state import PartitionState, load_state
from streams.progress import Mark, Progress, needed, worth_a_mark
from streams.rebuild import Rebuild
from streams.records import Outgoing, Record, RecordBatch, Role
from streams.refusals import Refusals
from streams.state_fingerprint import state_fingerprints
from streams.store import Store

if TYPE_CHECKING:  # without an archive, none of its libraries load
    from streams.archive_writer import ArchiveWriter


class SourcePartition:
    """Level 1 of one source partition. Synchronous; belongs to one thread.

    Parameters
    ----------
    store
        Goes on from what is in it; closed by `close`.
    progress
        Newest record of the progress topic, from which a new store starts; None: there is none.
    archive
        Rows go there when their cohort is over: durably, before the transaction that closes it. None: nowhere.

    Raises
    ------
    Stopped
        When the state was made with another monitor file.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        spec: MonitorSpec,
        layouts: Layouts,
        store: Store,
        progress: bytes | None,
        archive: "ArchiveWriter | None" = None,
    ) -> None:
        self.partition = partition
        self._spec = spec
        self._store = store
        self._fingerprints = state_fingerprints(spec, layouts)
        state, self._rebuild = load_state(store, self._fingerprints, progress, partition)
        self.rebuild = self._rebuild.ranges
        """By topic: offsets (first, end) to feed to `process` before anything else; first None is the log's start."""
        self.position: dict[Role, int | None] = state.position
        self._clock = state.clock
        self._accounting = Accounting(state.counts)
        self._marks = state.marks
        self._incomplete = state.incomplete
        self._lost = LostEvents(spec, self._incomplete, state.lost)
        self._refusals = Refusals(spec, partition, state.bad)
        self.groups = Groups(spec)
        """Codes of the model versions in what `take` is given."""
        self._decoder = Decoder(spec, layouts, self.groups)
        self._join = Join(spec, self.groups, store, self._clock, self._accounting, self._incomplete)
        logs = self._join.logs
        self._archive = None if archive is None else PartitionArchive(archive, spec, self.groups, logs)
        gathering = None if self._archive is None else self._archive.panes
        self._panes = OpenPanes(spec, layouts, self.groups, store, logs, self._incomplete, gathering)
        if gathering is not None:
            gathering.restore(self._panes.keys)
        for key in self._panes.keys:
            self.groups.restore(key.model, key.version)  # versions with open panes count, whether they have rows or not
        self._free_groups()
        self._outbox = Outbox(store)
        self._intake = Intake(
            spec,
            self.groups,
            self._clock,
            self._accounting,
            self._join,
            self._panes,
            self._refusals,
            self._lost,
            self._outbox,
        )
        self._closing = PaneClosing(
            spec,
            Source(partition, partitions),
            self._clock,
            self._panes,
            self._incomplete,
            self._outbox,
            state.boundaries,
            gathering,
        )
        self._checkpoint = PartitionCheckpoint(store, self._join, self._panes, self._outbox, self._archive)
        self._changed = False

    @property
    def versions(self) -> int:
        """How many model versions have rows here, or had lately."""
        return len(self.groups)

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for something in the outbox."""
        return self._outbox.urgent

    def process(self, role: Role, records: Sequence[Record] | RecordBatch) -> None:
        """Take a chunk of one topic, in log order.

        Raises
        ------
        Stopped
            When more of the topic-partition is refused than `limits.max_bad_share`; nothing of the chunk is kept.
        """
        if len(records):
            batch = RecordBatch.of(records)
            self.take(role, self._decoder.decode(role, batch), batch)

    def take(self, role: Role, decoded: Decoded, records: RecordBatch) -> None:
        """Take a chunk that is decoded already; `records` are asked for what was refused.

        Raises
        ------
        Stopped
            As `process` does.
        """
        self._changed = True
        slept = self._clock.asleep
        self._clock.speak(role)
        if self._rebuild.begins_late(role, int(records.offsets[0])):
            self._lost.note(role)
        self._intake.take(role, decoded, records)
        self.position[role] = int(records.offsets[-1]) + 1
        self._close_panes()
        if slept:  # level 2 waits for this partition again
            self._closing.tell_watermark(self._through())
        if self._rebuild.rests(role, len(records)):
            self._checkpoint.rest()

    def lost(self, role: Role) -> None:
        """Note that records of a topic were deleted before they were read; what comes next says up to when."""
        self._lost.note(role)

    @property
    def times(self) -> Mapping[Role, Micros]:
        """How far event time has come in each topic."""
        return self._clock.times

    def idle(self, role: Role, heard: Mapping[Role, Micros] | None = None) -> None:
        """Note that a topic was read to its end and stays silent: it follows the other one until it speaks again.

        To be said as long as it lasts, with `heard`, what `times` was when it began to be silent, or later in its
        silence; None is now.

        When both are silent, level 2 gets provisional summaries of the open panes and no longer waits for this
        partition; a higher `through` replaces them later.
        """
        if not self._clock.silence(role, heard):
            return
        self._changed = True
        if self._clock.times:
            self._lost.unheard(max(self._clock.times.values()))
        self._close_panes()
        if self._clock.asleep:
            self._closing.tell_provisional(self._through())

    def checkpoint(self) -> list[Outgoing]:
        """Write one transaction and return the whole outbox, in order; the progress record is its last entry."""
        self.prepare()
        self.write()
        return self.outbox()

    def prepare(self) -> None:
        """Gather the transaction of a checkpoint; what is processed from now on is in the next one."""
        if not self._changed:
            return
        self._panes.count()
        self._join.sweep()
        if self._clock.asleep and self._incomplete.untold:  # level 2 goes on without this partition
            self._closing.tell_watermark(self._through())
        self._free_groups()
        rebuild_from, self._marks = needed(self._marks, self._clock, self._spec)
        counts = self._accounting.counts
        progress = Progress(self._fingerprints, self.position, counts, self._clock, rebuild_from, self._incomplete)
        state = PartitionState(
            self._fingerprints,
            self.position,
            self._clock,
            counts,
            self._marks,
            self._closing.boundaries,
            self._incomplete,
            self._refusals.windows(),
            self._lost.unknown(),
        )
        self._checkpoint.seal(state, progress.outgoing(self.partition))
        self._changed = False

    def write(self) -> None:
        """Make the transaction durable, and before it what goes into the archive.

        May run in another thread, while chunks are processed in this one.

        Raises
        ------
        Unreachable
            When the archive cannot be written; the same call may be made again.
        """
        self._checkpoint.write()

    def outbox(self) -> list[Outgoing]:
        """Return what the newest checkpoint has to send, in order; the progress record is its last entry."""
        return self._outbox.sending()

    def sent(self) -> None:
        """Note that all that `checkpoint` returned is durable; it leaves the store with the next transaction."""
        self._outbox.sent()

    def rebuilt(self) -> None:
        """Note that the offsets in `rebuild` were fed: the state is as it was, and what came of it was sent then."""
        target = self._rebuild.target
        if target is None:
            return
        self._clock.resume(target.clock)
        for role in self._rebuild.unfed:
            if role in self._clock.times:  # nothing of it is there any more
                self._lost.lost_until(role, self._clock.times[role])
        self._close_panes()
        self._checkpoint.drop()
        self._accounting.replace(target.counts)
        self.position = dict(target.position)
        self._incomplete.tell_again()
        if self._incomplete.untold:
            self._closing.tell_watermark(self._through())
        self._rebuild = Rebuild()
        self.rebuild = self._rebuild.ranges
        self._changed = True

    def counts(self) -> dict[Role, dict[str, int]]:
        """Return the accounting of each topic, cumulative since the partition was first read."""
        return self._accounting.counts

    def unarchived(self) -> int:
        """Return how many rows wait for the end of their cohort to go into the archive."""
        self._panes.count()
        return 0 if self._archive is None else self._archive.waiting(self._panes.keys)

    def close(self) -> None:
        """Let go of the store; what was not checkpointed will be read again."""
        self._store.close()

    def _free_groups(self) -> None:
        """Free the codes of versions that are over. Nothing that was decoded or joined may wait to be taken."""
        if self.groups.crowded:
            open_ = {self.groups.known(key.model, key.version) for key in self._panes.keys}
            self.groups.retain(self._join.live_groups() | {code for code in open_ if code is not None})

    def _through(self) -> dict[Role, int]:
        return {role: end - 1 for role, end in self.position.items() if end is not None}

    def _close_panes(self) -> None:
        """Hand over the panes that no event can go into any more; where that is due, mark where a rebuild may begin."""
        if self._closing.close(self._through()) and worth_a_mark(self._marks, self._clock, self._spec):
            self._marks.append(Mark(dict(self.position), dict(self._clock.times)))
