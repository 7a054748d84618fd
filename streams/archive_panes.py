"""`ArchivePanes`: what of a source partition goes into the archive, gathered by number when its pane is over.

Event time alone decides where a label stands. A row goes with its cohort, and with it every label that became known
before the cohort was due: that is what the cohort was judged by. A label that became known later, and a correction of
what was known before, goes with the label pane of the moment at which both the prediction and it were known. Feedback
that has its prediction inside and came after the cohort was due is in no cohort: its row goes with the label pane.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.by_value import by_value
from streams.column_log import Numbers
from streams.groups import Groups
from streams.pending_log import PendingLog, lifetime_of
from streams.row_log import COHORT, CORRECTED, GONE, LABELLED, REPEATED, TRAFFIC


class RowsOver(NamedTuple):
    """Rows of one cohort that go into one file."""

    key: PaneKey
    lifetime: Micros
    """Which log they are in."""
    numbers: Numbers
    """Ascending."""
    times: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    self_contained: npt.NDArray[np.bool_]
    blocks: list[int]
    """Blocks of labels that may be about them, and so may be all from `open_` on."""
    open_: int
    late: Micros | None = None
    """They came too late for the cohort: start of their label pane; then `told` are numbers of their labels."""
    told: Numbers | None = None


class LabelsOver(NamedTuple):
    """Labels of one label pane that came too late for the cohorts of their rows."""

    key: PaneKey
    lifetime: Micros
    numbers: Numbers


Over = RowsOver | LabelsOver


class ArchivePanes:
    """Gathers for one source partition; nothing is read from disk here."""

    def __init__(self, spec: MonitorSpec, groups: Groups, logs: Sequence[PendingLog]) -> None:
        self._groups = groups
        self._logs = {log.lifetime: log for log in logs}
        self._lifetimes = {name: lifetime_of(model, spec) for name, model in spec.models.items()}
        self._spec = spec
        self._late: dict[PaneKey, list[Numbers]] = defaultdict(list)
        """By label pane: numbers of the labels that came too late for the cohorts of their rows."""
        self._alone: dict[PaneKey, list[tuple[int, int]]] = defaultdict(list)
        """By label pane: rows that are in no cohort, each with its first label."""
        self._met: dict[Micros, set[int]] = {log.lifetime: set() for log in logs}
        """By log: such rows that have had their first label."""
        self._over: list[Over] = []

    def restore(self, open_: Iterable[PaneKey]) -> None:
        """Note again, after a restart, the labels of the panes that are open."""
        for log in self._logs.values():
            for labels, entries in log.labels.all():
                live = np.flatnonzero((entries.rows >= log.rows.columns.first) & ((entries.kinds & REPEATED) == 0))
                live = live[log.rows.of("time", entries.rows[live]) != GONE]
                self.labels(log, labels[live], entries.rows[live], entries.times[live], entries.kinds[live])
        there = {key for key in open_ if key.family == "label"}
        for panes in (self._late, self._alone):
            for key in panes.keys() - there:
                del panes[key]

    def labels(
        self,
        log: PendingLog,
        labels: Numbers,
        rows: Numbers,
        times: npt.NDArray[np.int64],
        kinds: npt.NDArray[np.uint8],
    ) -> None:
        """Take labels that met rows of a log: their numbers, those of their rows, when they became known, and kinds."""
        row_times, groups, flags = (log.rows.of(name, rows) for name in ("time", "group", "flags"))
        models = self._groups.model(groups)
        panes = self._groups.pane[models]
        due = row_times - row_times % panes + panes + self._groups.maturity[models]
        late = (times >= due) | ((flags & COHORT) == 0) | ((kinds & (CORRECTED | LABELLED)) == CORRECTED)
        if not late.any():
            return
        alone = late & ((flags & (COHORT | TRAFFIC)) == 0)
        known = np.maximum(row_times, times)
        starts = known - known % panes
        if alone.any():
            met = self._met[log.lifetime]
            for place in np.flatnonzero(alone).tolist():
                if (row := int(rows[place])) not in met:
                    met.add(row)
                    late[place] = False
                    self._alone[self._key(groups[place], starts[place])].append((row, int(labels[place])))
        at = np.flatnonzero(late)
        for group, mine in by_value(groups[at]):
            for start, within in by_value(starts[at[mine]]):
                self._late[self._key(group, start)].append(labels[at[mine[within]]])

    def close(self, keys: Sequence[PaneKey]) -> None:
        """Gather what goes into the archive with panes that are over."""
        cohorts: dict[Micros, list[PaneKey]] = defaultdict(list)
        for key in keys:
            if key.family == "cohort":
                cohorts[self._lifetimes[key.model]].append(key)
            elif key.family == "label":
                self._close_label_pane(key)
        for lifetime, over in cohorts.items():
            log = self._logs[lifetime]
            for key, numbers in self._rows_of(log, over):
                self._over.append(self._rows_over(key, log, numbers))
        for lifetime, met in self._met.items():
            if met:
                first = self._logs[lifetime].rows.columns.first
                self._met[lifetime] = {row for row in met if row >= first}

    def open_rows(self, keys: Sequence[PaneKey]) -> int:
        """Return how many rows wait in panes that are open."""
        cohorts = [key for key in keys if key.family == "cohort"]
        waiting = sum(len(one) for one in self._alone.values())
        for lifetime, log in self._logs.items():
            mine = [key for key in cohorts if self._lifetimes[key.model] == lifetime]
            waiting += sum(len(numbers) for _, numbers in self._rows_of(log, mine))
        return waiting

    def take(self) -> list[Over]:
        """Return what was gathered, in order; it is forgotten."""
        over, self._over = self._over, []
        return over

    def _close_label_pane(self, key: PaneKey) -> None:
        lifetime = self._lifetimes[key.model]
        log, width = self._logs[lifetime], self._spec.models[key.model].pane
        alone = [pair for pair in self._alone.pop(key, []) if pair[0] >= log.rows.columns.first]
        if alone:
            rows, labels = np.array(sorted(alone), dtype=np.int64).T
            times = log.rows.of("time", rows)
            for start, at in by_value(times - times % width):
                cohort = key._replace(family="cohort", start=start)
                over = self._rows_over(cohort, log, rows[at])
                self._over.append(over._replace(late=key.start, told=labels[at]))
        if late := self._late.pop(key, []):
            self._over.append(LabelsOver(key, lifetime, np.sort(np.concatenate(late))))

    def _rows_of(self, log: PendingLog, keys: Sequence[PaneKey]) -> Iterator[tuple[PaneKey, Numbers]]:
        """Yield the rows of cohorts, those that have any."""
        if not keys:
            return
        columns = log.rows.columns
        times, flags = columns.live("time"), columns.live("flags")
        begin = min(key.start for key in keys)
        end = max(key.end(self._spec.models[key.model]) for key in keys)
        numbers = np.flatnonzero((times >= begin) & (times < end) & ((flags & COHORT) != 0)) + columns.first
        wanted = dict.fromkeys(keys)
        groups = log.rows.of("group", numbers)
        for group, at in by_value(groups):
            starts = log.rows.of("time", numbers[at])
            starts = starts - starts % self._groups.pane[self._groups.model(groups[at[:1]])]
            for start, within in by_value(starts):
                key = self._key(group, start)._replace(family="cohort")
                if key in wanted:
                    yield key, numbers[at[within]]

    def _rows_over(self, key: PaneKey, log: PendingLog, numbers: Numbers) -> RowsOver:
        rows = log.rows
        blocks, open_ = log.labels.about(int(numbers[0]), int(numbers[-1]))
        return RowsOver(
            key,
            log.lifetime,
            numbers,
            rows.of("time", numbers),
            rows.of("first_hash", numbers),
            (rows.of("flags", numbers) & TRAFFIC) == 0,
            blocks,
            open_,
        )

    def _key(self, group: int, start: int) -> PaneKey:
        return PaneKey(*self._groups.names[group], "label", int(start))
