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
from pathlib import Path

import msgspec

from detectors.layout import Layouts
from schemas.event_time import Micros, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.accounting import Accounting
from streams.dead_letters import dead_letter
from streams.decode import Refusal, decode
from streams.errors import Stopped
from streams.event_clock import EventClock
from streams.fit import Fit
from streams.join import Join, Outcome
from streams.messages import WatermarkMessage, summary_message, watermark_message
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.progress import Mark, Progress, needed, read_progress, worth_a_mark
from streams.records import ROLES, Outgoing, Record, Role
from streams.state_fingerprint import Fingerprints, changed, state_fingerprints
from streams.store import Store


class _Meta(msgspec.Struct):
    """What the store keeps of the partition as a whole."""

    fingerprints: Fingerprints
    position: dict[Role, int | None]
    clock: EventClock
    counts: dict[Role, dict[str, int]]
    marks: list[Mark]
    boundaries: list[int]
    """Pane boundaries that the last watermark record told of."""
    bad: dict[Role, bytes]
    """Which of the newest records were refused: a restart does not give a broken producer another run-up."""


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
        self._fit = Fit(spec, layouts)
        self._join = Join(spec, store, self._clock, self._accounting)
        self._panes = OpenPanes(spec, layouts, store)
        self._outbox = Outbox(store)
        self._changed = False
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

    def process(self, role: Role, records: Sequence[Record]) -> None:
        """Take a chunk of one topic, in log order.

        Raises
        ------
        Stopped
            When more of the topic-partition is refused than `limits.max_bad_share`; nothing of the chunk is kept.
        """
        if not records:
            return
        self._changed = True
        slept = self._clock.asleep
        self._clock.speak(role)
        outcomes: list[Outcome] = []
        for record in records:
            outcomes += self._one(role, record)
        self._panes.add(outcomes)
        self.position[role] = records[-1].offset + 1
        self._join.sweep()
        self._close_panes()
        if slept:  # level 2 waits for this partition again
            self._tell_watermark()

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
            for summary in self._panes:
                self._outbox.put(summary_message(summary, self.partition, self._through()))
            self._tell_watermark()

    def checkpoint(self) -> list[Outgoing]:
        """Write one transaction and return the whole outbox, in order; the progress record is its last entry."""
        if self._changed:
            rebuild_from, self._marks = needed(self._marks, self._clock, self._spec)
            counts = self._accounting.counts
            progress = Progress(self._fingerprints, self.position, counts, self._clock, rebuild_from)
            self._outbox.put(progress.outgoing(self.partition))
            self._outbox.save()
            self._panes.save()
            bad = {role: bytes(window) for role, window in self._bad.items()}
            meta = _Meta(self._fingerprints, self.position, self._clock, counts, self._marks, self._boundaries, bad)
            self._store.put_meta("partition", _encode(meta))
            self._store.commit()
            self._changed = False
        return self._outbox.sending()

    def sent(self) -> None:
        """Note that all that `checkpoint` returned is durable; it leaves the store with the next transaction."""
        self._outbox.sent()

    def rebuilt(self) -> None:
        """Note that the offsets in `rebuild` were fed: the state is as it was, and what came of it was sent then."""
        if self._target is None:
            return
        self._clock.resume(self._target.clock)
        self._close_panes()
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
        packed = self._store.meta("partition")
        if packed is not None:
            meta = _meta(packed)
            self._check(meta.fingerprints)
            if progress is None or not _ahead(read_progress(progress).position, meta.position):
                return meta
            self._store.clear()  # another worker has been further since: its word is worth more than an old disk
        fresh = _Meta(self._fingerprints, dict.fromkeys(ROLES), EventClock(), {}, [], [], {})
        if progress is None:
            return fresh
        self._target = read_progress(progress)
        self._check(self._target.fingerprints)
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

    def _one(self, role: Role, record: Record) -> list[Outcome]:
        self._accounting.read(role)
        event = decode(role, record, self._spec)
        if isinstance(event, Prediction | Feedback):
            event = self._fit.problem(event) or event
        self._bad[role].append(isinstance(event, Refusal))
        if isinstance(event, Refusal):
            self._guard(role, record, event)
            self._outbox.put(dead_letter(event, self._topics[role], self.partition, record))
            self._accounting.settle(role, "dead_lettered")
            return []
        time = to_micros(event.timestamp)
        if isinstance(event, Watermark):
            self._accounting.settle(role, "control")
            self._clock.advance(role, time)
            return []
        if isinstance(event, Prediction):
            lateness = self._spec.models[event.model].lateness
        else:
            lateness = self._spec.feedback_lateness
        if self._clock.is_late(role, time, lateness):
            self._accounting.settle(role, "late")
            return []
        self._clock.advance(role, time)
        if isinstance(event, Prediction):
            return self._join.prediction(event, record.offset)
        return self._join.feedback(event, record.offset)

    def _guard(self, role: Role, record: Record, refusal: Refusal) -> None:
        window, limits = self._bad[role], self._spec.limits
        bad = sum(window)
        if len(window) == limits.max_bad_window and bad > limits.max_bad_share * limits.max_bad_window:
            raise Stopped(
                f"topic {self._topics[role]}, partition {self.partition}, offset {record.offset}: {bad} of the last "
                f"{len(window)} records were refused, more than limits.max_bad_share allows "
                f"({limits.max_bad_share:g}). The newest: {refusal.message}. Mend the producer or the monitor file and "
                "start again, or raise limits.max_bad_share to dead-letter them"
            )

    def _through(self) -> dict[Role, int]:
        return {role: end - 1 for role, end in self.position.items() if end is not None}

    def _close_panes(self) -> None:
        """Hand over the panes that no event can go into any more, and tell level 2 how far event time has come."""
        boundaries: list[int] = []
        marks: dict[str, tuple[Micros | None, Micros | None]] = {}
        for name, model in self._spec.models.items():
            predictions = self._clock.watermark("predictions", model.lateness)
            both = self._clock.complete(model, self._spec)
            marks[name] = (predictions, both)
            for mark in (predictions, both, None if both is None else both - model.maturity):
                boundaries.append(-1 if mark is None else mark // model.pane)
        if boundaries == self._boundaries:
            return
        self._boundaries = boundaries
        for summary in list(self._panes):
            predictions, both = marks[summary.key.model]
            mark = predictions if summary.key.family == "traffic" else both
            if mark is not None and mark >= summary.key.due(self._spec.models[summary.key.model]):
                self._panes.finish(summary.key)
                self._outbox.put(summary_message(summary, self.partition, self._through()))
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
