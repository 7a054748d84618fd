"""`Intake`: one chunk of a topic into the join and the panes, each event accounted for once.

Lateness is judged by the event time that was known when the event came, before duplicates are: what is late and comes
twice is late twice.
"""

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.decoded import Decoded
from streams.event_clock import EventClock
from streams.feedback_columns import FeedbackColumns
from streams.groups import Groups
from streams.join import Join
from streams.lost_events import LostEvents, evicted_events
from streams.newest_times import NEVER, newest_times
from streams.odd_features import OddFeatures
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.records import RecordBatch, Role
from streams.refusals import Refusals
from streams.rejections import Rejections


class Intake:
    """Takes decoded chunks of one source partition; moves its clock, and leaves panes to be closed by somebody else."""

    def __init__(
        self,
        spec: MonitorSpec,
        groups: Groups,
        clock: EventClock,
        accounting: Accounting,
        join: Join,
        panes: OpenPanes,
        refusals: Refusals,
        lost: LostEvents,
        outbox: Outbox,
    ) -> None:
        self._spec = spec
        self._groups = groups
        self._clock = clock
        self._accounting = accounting
        self._join = join
        self._panes = panes
        self._refusals = refusals
        self._lost = lost
        self._outbox = outbox
        self._rejections = Rejections(spec, groups, panes)
        self._odd = OddFeatures(spec, groups, panes)

    def take(self, role: Role, decoded: Decoded, records: RecordBatch) -> None:
        """Take a chunk of one topic, in log order; `records` are asked for what was refused.

        Raises
        ------
        Stopped
            When more of the topic-partition is refused than `limits.max_bad_share`.
        """
        self._accounting.read(role, len(records))
        for letter in self._refusals.take(role, decoded.refused, records):
            self._outbox.put(letter)
        self._accounting.settle(role, "dead_lettered", len(decoded.refused))
        self._accounting.settle(role, "control", len(decoded.watermarks))
        self._accounting.settle(role, "evicted", len(decoded.evicted))
        evicted = evicted_events(role, decoded.evicted, records, self._spec)
        newest = newest_times(decoded, evicted, len(records), self._clock.times.get(role))
        if newest[-1] != NEVER:
            self._clock.advance(role, int(newest[-1]))
        events = self._on_time(role, decoded.events, newest[decoded.positions])
        if decoded.refused and role == "predictions":
            self._rejections.refused(decoded.refused, records, newest)
        if isinstance(events, Rows):
            if len(events):
                outcomes = self._join.predictions(events)
                self._panes.add(outcomes)
                self._rejections.duplicates(events, outcomes)
                self._odd.note(events, outcomes, records)
        elif len(events):
            self._panes.add(self._join.feedback(events))
        heard = [*events.times[:1].tolist(), *(time for _, time in decoded.watermarks[:1])]
        self._lost.heard(role, [*heard, *(one.time for one in evicted[:1])])
        self._lost.evicted(evicted)
        if len(evicted) < len(decoded.evicted) and role in self._clock.times:  # rows of a table: they cannot be asked
            self._lost.evicted_by(self._clock.times[role])

    def _on_time(
        self, role: Role, events: Rows | FeedbackColumns, before: npt.NDArray[np.int64]
    ) -> Rows | FeedbackColumns:
        """Return the events that are not late; `before` is the newest event time when each of them came."""
        on_time = events.times >= before - self._lateness(events)
        if on_time.all():
            return events
        self._accounting.settle(role, "late", int((~on_time).sum()))
        if isinstance(events, Rows):
            late = np.flatnonzero(~on_time)
            self._rejections.late(events.take(late), before[late])
        return events.take(np.flatnonzero(on_time))

    def _lateness(self, events: Rows | FeedbackColumns) -> npt.NDArray[np.int64] | int:
        if isinstance(events, Rows):
            return self._groups.lateness[self._groups.model(events.groups)]
        return self._spec.feedback_lateness
