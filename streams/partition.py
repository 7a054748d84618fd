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

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.layout import Layouts
from detectors.rows import Rows
from schemas.event_time import Micros, to_micros
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.dead_letters import dead_letter
from streams.decode import Refusal, decode
from streams.decoded import Decoded
from streams.decoder import Decoder
from streams.errors import Stopped
from streams.event_clock import EventClock
from streams.groups import Groups
from streams.incomplete import Incomplete
from streams.join import Join
from streams.messages import WatermarkMessage, summary_message, watermark_message
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.progress import Mark, Progress, needed, read_progress, worth_a_mark
from streams.records import ROLES, Outgoing, Record, RecordBatch, Role
from streams.state_fingerprint import Fingerprints, changed, state_fingerprints
from streams.store import Changes, Store


class _Meta(msgspec.Struct):
    """What the store keeps of the partition as a whole."""

    fingerprints: Fingerprints
    position: dict[Role, int | None]
    clock: EventClock
    counts: dict[Role, dict[str, int]]
    marks: list[Mark]
    boundaries: list[int]
    """Pane boundaries that the last watermark record told of."""
    incomplete: Incomplete
    bad: dict[Role, bytes]
    """Which of the newest records were refused: a restart does not give a broken producer another run-up."""
    lost: list[Role] = msgspec.field(default_factory=list)
    """Topics of which records were deleted unread, and nothing has come yet that says up to when."""


class _Evicted(NamedTuple):
    """A prediction for whose version there is no room, or feedback with such a prediction inside."""

    position: int
    time: Micros
    model: str
    predicted: Micros
    """Time of the prediction."""


REST_EVERY = 40_000
"""Records after which a rebuild lets go of what it no longer needs."""

NEVER = -(2**62)
"""Before all event times, and far enough from the least integer to subtract from."""

_encode = msgspec.msgpack.Encoder().encode
_meta = msgspec.msgpack.Decoder(_Meta).decode


class SourcePartition:
    """Level 1 of one source partition. Synchronous; belongs to one thread."""

    def __init__(
        self, partition: int, partitions: int, spec: MonitorSpec, layouts: Layouts, store: Store, progress: bytes | None
    ) -> None:
        self.partition = partition
        self.rebuild: dict[Role, tuple[int | None, int]] = {}
        """By topic: offsets (first, end) to feed to `process` before anything else; first None is the log's start."""
        self._partitions = partitions
        self._spec = spec
        self._store = store
        self._topics: dict[Role, str] = {role: getattr(spec.kafka.topics, role) for role in ROLES}
        self._fingerprints = state_fingerprints(spec, layouts)
        self._target: Progress | None = None
        meta = self._load(progress)
        self.position: dict[Role, int | None] = meta.position
        self._clock = meta.clock
        self._accounting = Accounting(meta.counts)
        self._marks = meta.marks
        self._boundaries = meta.boundaries
        self._incomplete = meta.incomplete
        self._lost: set[Role] = set(meta.lost)
        self._fed: dict[Role, int] = {}
        """By topic: records fed since the rebuild began."""
        self.groups = Groups(spec)
        """Codes of the model versions in what `take` is given."""
        self._decoder = Decoder(spec, layouts, self.groups)
        self._join = Join(spec, self.groups, store, self._clock, self._accounting, self._incomplete)
        self._panes = OpenPanes(spec, layouts, self.groups, store, self._join.logs, self._incomplete)
        for key in self._panes.keys:
            self.groups.restore(key.model, key.version)  # versions with open panes count, whether they have rows or not
        self._free_groups()
        self._outbox = Outbox(store)
        # Models whose panes end at the same moments are looked at once.
        self._paces = list({(m.lateness, m.pane, m.maturity): m for m in spec.models.values()}.values())
        self._changed = False
        self._sealed: Changes = {}
        newest = spec.limits.max_bad_window
        self._bad = {role: deque(map(bool, meta.bad.get(role, b"")), maxlen=newest) for role in ROLES}

    @classmethod
    def open(
        cls, partition: int, partitions: int, spec: MonitorSpec, layouts: Layouts, path: Path, progress: bytes | None
    ) -> "SourcePartition":
        """Open the store in `path`; where it is new, start from `progress`, the newest record of the progress topic.

        Raises
        ------
        Stopped
            When the state was made with another monitor file.
        """
        return cls(partition, partitions, spec, layouts, Store(path), progress)

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
        if role in self.rebuild and role not in self._fed and records.offsets[0] > (self.rebuild[role][0] or 0):
            self._lost.add(role)  # of what a new owner must see again, the beginning is gone
        self._accounting.read(role, len(records))
        self._refuse(role, decoded, records)
        self._accounting.settle(role, "control", len(decoded.watermarks))
        self._accounting.settle(role, "evicted", len(decoded.evicted))
        evicted = self._evicted(role, decoded.evicted, records)
        on_time = self._on_time(role, decoded, evicted, len(records))
        events = decoded.events
        if not on_time.all():
            self._accounting.settle(role, "late", int((~on_time).sum()))
            events = events.take(np.flatnonzero(on_time))
        if len(events):
            take = self._join.predictions if isinstance(events, Rows) else self._join.feedback
            self._panes.add(take(events))  # type: ignore[arg-type]
        heard = [*events.times[:1].tolist(), *(time for _, time in decoded.watermarks[:1])]
        if role in self._lost and (heard := heard + [one.time for one in evicted[:1]]):
            self._note_loss(role, min(heard))
        for one in evicted:
            self._incomplete.predictions_lost(one.model, self._spec.models[one.model], one.predicted)
        if len(evicted) < len(decoded.evicted) and role in self._clock.times:  # rows of a table: they cannot be asked
            for name, model in self._spec.models.items():
                self._incomplete.predictions_lost(name, model, self._clock.times[role])
        self.position[role] = int(records.offsets[-1]) + 1
        self._close_panes()
        if slept:  # level 2 waits for this partition again
            self._tell_watermark()
        if self.rebuild:
            self._rest(role, len(records))

    def lost(self, role: Role) -> None:
        """Note that records of a topic were deleted before they were read; what comes next says up to when."""
        self._lost.add(role)

    def idle(self, role: Role) -> None:
        """Note that a topic was read to its end and stays silent: it follows the other one until it speaks again.

        When both are silent, level 2 gets provisional summaries of the open panes and no longer waits for this
        partition; a higher `through` replaces them later.
        """
        if not self._clock.silence(role):
            return
        self._changed = True
        self._close_panes()
        if self._clock.asleep:
            self._panes.count()
            for key in self._panes.keys:
                self._outbox.put(summary_message(self._panes.summary(key), self.partition, self._through()))
            self._tell_watermark()

    def checkpoint(self) -> list[Outgoing]:
        """Write one transaction and return the whole outbox, in order; the progress record is its last entry."""
        self.prepare()
        self.write()
        return self.outbox()

    def prepare(self) -> None:
        """Gather the transaction of a checkpoint; what is processed from now on is in the next one."""
        if self._changed:
            self._panes.count()
            self._join.sweep()
            self._free_groups()
            rebuild_from, self._marks = needed(self._marks, self._clock, self._spec)
            counts = self._accounting.counts
            progress = Progress(self._fingerprints, self.position, counts, self._clock, rebuild_from, self._incomplete)
            self._outbox.put(progress.outgoing(self.partition))
            self._outbox.save()
            self._panes.save()
            self._join.save()
            bad = {role: bytes(window) for role, window in self._bad.items()}
            meta = _Meta(
                self._fingerprints,
                self.position,
                self._clock,
                counts,
                self._marks,
                self._boundaries,
                self._incomplete,
                bad,
                sorted(self._lost),
            )
            self._store.put("meta", b"partition", _encode(meta))
            self._changed = False
            self._sealed = self._store.seal()

    def write(self) -> None:
        """Make the transaction durable. May run in another thread, while chunks are processed in this one."""
        if self._sealed:
            self._store.write(self._sealed)
            self._sealed = {}

    def outbox(self) -> list[Outgoing]:
        """Return what the newest checkpoint has to send, in order; the progress record is its last entry."""
        return self._outbox.sending()

    def sent(self) -> None:
        """Note that all that `checkpoint` returned is durable; it leaves the store with the next transaction."""
        self._outbox.sent()

    def rebuilt(self) -> None:
        """Note that the offsets in `rebuild` were fed: the state is as it was, and what came of it was sent then."""
        if self._target is None:
            return
        self._clock.resume(self._target.clock)
        for role in self.rebuild:
            if role not in self._fed and role in self._clock.times:  # nothing of it is there any more
                self._note_loss(role, self._clock.times[role])
        self._close_panes()
        self._join.sweep()
        self._outbox.clear()
        self._accounting.replace(self._target.counts)
        self.position = dict(self._target.position)
        self.rebuild, self._target = {}, None
        self._changed = True

    def counts(self) -> dict[Role, dict[str, int]]:
        """Return the accounting of each topic, cumulative since the partition was first read."""
        return self._accounting.counts

    def close(self) -> None:
        """Let go of the store; what was not checkpointed will be read again."""
        self._store.close()

    def _load(self, progress: bytes | None) -> _Meta:
        packed = self._store.get("meta", b"partition")
        if packed is None:
            self._store.clear()  # what a rebuild that was cut short has left there is not whole
        else:
            meta = _meta(packed)
            self._check(meta.fingerprints)
            if progress is None or not _ahead(read_progress(progress).position, meta.position):
                return meta
            self._store.clear()  # another worker has been further since: its word is worth more than an old disk
        fresh = _Meta(self._fingerprints, dict.fromkeys(ROLES), EventClock(), {}, [], [], Incomplete(), {})
        if progress is None:
            return fresh
        self._target = read_progress(progress)
        self._check(self._target.fingerprints)
        fresh.incomplete = self._target.incomplete
        mark = self._target.rebuild_from
        if mark is not None:
            fresh.position, fresh.marks = dict(mark.position), [mark]
            fresh.clock = EventClock(times=dict(mark.times))
        for role, end in self._target.position.items():
            first = fresh.position[role]
            if end is not None and end > (first or 0):
                self.rebuild[role] = (first, end)
        return fresh

    def _check(self, then: Fingerprints) -> None:
        if different := changed(then, self._fingerprints):
            raise Stopped(
                f"source partition {self.partition}: its state was made with another monitor file or profile: "
                f"{', '.join(different)} differs. Restore that, or begin afresh: see docs/operations.md, "
                "'Changing the monitor file'"
            )

    def _refuse(self, role: Role, decoded: Decoded, records: RecordBatch) -> None:
        """Dead-letter what was refused, in order; stop where that is too much."""
        window, refused = self._bad[role], dict(decoded.refused)
        if not refused:
            window.extend(repeat(False, min(len(records), self._spec.limits.max_bad_window)))
            return
        for position in range(len(records)):
            window.append(position in refused)
            if position in refused:
                self._guard(role, int(records.offsets[position]), refused[position])
        for position, refusal in decoded.refused:
            self._outbox.put(dead_letter(refusal, self._topics[role], self.partition, records[position]))
        self._accounting.settle(role, "dead_lettered", len(refused))

    def _free_groups(self) -> None:
        """Free the codes of versions that are over. Nothing that was decoded or joined may wait to be taken."""
        if self.groups.crowded:
            open_ = {self.groups.known(key.model, key.version) for key in self._panes.keys}
            self.groups.retain(self._join.live_groups() | {code for code in open_ if code is not None})

    def _evicted(self, role: Role, positions: list[int], records: RecordBatch) -> list[_Evicted]:
        """Return what is known of the events for whose versions there is no room. They move event time on all the same.

        Else a topic with no other events would stand still, and no row would ever make room.
        """
        evicted = []
        for position in positions:
            event = decode(role, records[position], self._spec)
            inside = event if isinstance(event, Prediction) else getattr(event, "prediction", None)
            if inside is not None and not isinstance(event, Refusal):
                time, predicted = to_micros(event.timestamp), to_micros(inside.timestamp)
                evicted.append(_Evicted(position, time, inside.model, predicted))
        return evicted

    def _note_loss(self, role: Role, time: Micros) -> None:
        """Note that what stood before an event of `time` was lost; event times are out of order by the lateness."""
        self._lost.discard(role)
        for name, model in self._spec.models.items():
            if role == "predictions":
                self._incomplete.predictions_lost(name, model, time + model.lateness)
            else:
                self._incomplete.feedback_lost(name, time + self._spec.feedback_lateness)

    def _rest(self, role: Role, records: int) -> None:
        """Let go of what a rebuild no longer needs, now and then: it may read more than fits into memory."""
        before = sum(self._fed.values())
        self._fed[role] = self._fed.get(role, 0) + records
        if before // REST_EVERY != (before + records) // REST_EVERY:
            self._panes.count()
            self._join.sweep()
            self._outbox.clear()
            self._join.save()
            self._store.write(self._store.seal())

    def _guard(self, role: Role, offset: int, refusal: Refusal) -> None:
        window, limits = self._bad[role], self._spec.limits
        bad = sum(window)
        if len(window) == limits.max_bad_window and bad > limits.max_bad_share * limits.max_bad_window:
            raise Stopped(
                f"topic {self._topics[role]}, partition {self.partition}, offset {offset}: {bad} of the last "
                f"{len(window)} records were refused, more than limits.max_bad_share allows "
                f"({limits.max_bad_share:g}). The newest: {refusal.message}. Mend the producer or the monitor file and "
                "start again, or raise limits.max_bad_share to dead-letter them"
            )

    def _on_time(self, role: Role, decoded: Decoded, evicted: Sequence[_Evicted], count: int) -> npt.NDArray[np.bool_]:
        """Return which events are not below the watermark as it was before each of them, and advance it."""
        times = np.full(count + 1, NEVER, dtype=np.int64)
        times[0] = self._clock.times.get(role, NEVER)
        times[decoded.positions + 1] = decoded.events.times
        for position, time in decoded.watermarks:
            times[position + 1] = time
        for one in evicted:
            times[one.position + 1] = one.time
        newest = np.maximum.accumulate(times)
        if newest[-1] != NEVER:
            self._clock.advance(role, int(newest[-1]))
        events = decoded.events
        lateness: npt.NDArray[np.int64] | int = self._spec.feedback_lateness
        if isinstance(events, Rows):
            lateness = self.groups.lateness[self.groups.model(events.groups)]
        on_time: npt.NDArray[np.bool_] = events.times >= newest[decoded.positions] - lateness
        return on_time

    def _through(self) -> dict[Role, int]:
        return {role: end - 1 for role, end in self.position.items() if end is not None}

    def _close_panes(self) -> None:
        """Hand over the panes that no event can go into any more, and tell level 2 how far event time has come."""
        boundaries: list[int] = []
        for model in self._paces:
            predictions = self._clock.watermark("predictions", model.lateness)
            both = self._clock.complete(model, self._spec)
            for mark in (predictions, both, None if both is None else both - model.maturity):
                boundaries.append(-1 if mark is None else mark // model.pane)
        if boundaries == self._boundaries:
            return
        self._boundaries = boundaries
        self._panes.count()
        for key in self._panes.keys:
            model = self._spec.models[key.model]
            traffic = key.family == "traffic"
            mark = (
                self._clock.watermark("predictions", model.lateness)
                if traffic
                else self._clock.complete(model, self._spec)
            )
            if mark is not None and mark >= key.due(model):
                self._outbox.put(summary_message(self._panes.finish(key), self.partition, self._through()))
        self._tell_watermark()
        if worth_a_mark(self._marks, self._clock, self._spec):
            self._marks.append(Mark(dict(self.position), dict(self._clock.times)))

    def _tell_watermark(self) -> None:
        message = WatermarkMessage(
            partition=self.partition,
            partitions=self._partitions,
            times=dict(self._clock.times),
            idle=self._clock.asleep,
            through=self._through(),
        )
        self._outbox.put(watermark_message(message))


def _ahead(one: dict[Role, int | None], other: dict[Role, int | None]) -> bool:
    return any((one[role] or 0) > (other[role] or 0) for role in ROLES)
