"""`Rejections`: predictions that are in no pane's rows, counted in the panes where people look for them.

Which pane depends on the log alone, never on when it is read: a duplicate counts in the pane of its own time; what is
late, in the pane that the watermark stood in when it came, which is the oldest that is still open; what was refused, in
the pane of its own time or in that one, where its bytes still say which model version and when.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.quality_sections import DUPLICATE, LATE, REFUSED
from detectors.rows import Rows
from schemas.event_time import SECOND, Micros
from schemas.spec import MonitorSpec
from streams.cloudevents import unwrap
from streams.decode import Refusal
from streams.fast_labels import Names
from streams.fast_times import read_times
from streams.groups import Groups
from streams.open_panes import OpenPanes
from streams.pending_log import Accepted, Outcome
from streams.records import Record, RecordBatch

Times = npt.NDArray[np.int64]

_MILLISECOND = SECOND // 1_000


class _Event(msgspec.Struct):
    """What of a refused prediction says where it belongs."""

    model: str
    timestamp: str
    version: str = "1"


_decode = msgspec.json.Decoder(_Event).decode


class Rejections:
    """Counts them in the open panes of one source partition."""

    def __init__(self, spec: MonitorSpec, groups: Groups, panes: OpenPanes) -> None:
        self._spec = spec
        self._groups = groups
        self._panes = panes
        self._names = Names()

    def late(self, rows: Rows, newest: Times) -> None:
        """Count predictions that came too late; `newest` are the largest event times before each."""
        marks = newest - self._groups.lateness[self._groups.model(rows.groups)]
        self._panes.reject(LATE, rows.groups, marks)

    def duplicates(self, rows: Rows, outcomes: Sequence[Outcome]) -> None:
        """Count those of `rows` that the join did not accept."""
        accepted = [outcome.offsets for outcome in outcomes if isinstance(outcome, Accepted)]
        if sum(map(len, accepted)) == len(rows):
            return
        known = np.isin(rows.offsets, np.concatenate(accepted)) if accepted else np.zeros(len(rows), dtype=bool)
        self._panes.reject(DUPLICATE, rows.groups[~known], rows.times[~known])

    def refused(self, refused: Sequence[tuple[int, Refusal]], records: RecordBatch, newest: Times) -> None:
        """Count refused records; `newest` are the largest event times before each record of the chunk."""
        groups, times = list[int](), list[Micros]()
        for position, _ in refused:
            found = self._place(records[position], int(newest[position]))
            if found is not None:
                groups.append(found[0])
                times.append(found[1])
        if groups:
            self._panes.reject(REFUSED, np.array(groups, dtype=np.int32), np.array(times, dtype=np.int64))

    def _place(self, record: Record, newest: Micros) -> tuple[int, Micros] | None:
        """Return the group of a refused record and the time that it counts at; None where it does not say."""
        if record.value is None or len(record.value) > self._spec.limits.max_event_bytes:
            return None
        try:
            event = _decode(unwrap(record.value, record.headers))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        times, read = read_times([event.timestamp])
        if not read[0] or event.model not in self._spec.models or self._names.unfit([event.version]):
            return None
        time = int(times[0])
        if record.timestamp >= 0 and time - record.timestamp * _MILLISECOND > self._spec.limits.max_skew:
            return None  # a time that may never come
        group = self._groups.code(event.model, event.version)
        if group is None:
            return None
        return group, max(time, newest - self._spec.models[event.model].lateness)
