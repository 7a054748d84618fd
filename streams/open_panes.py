"""`OpenPanes`: the summaries that a source partition is still adding to.

Outcomes of the join are gathered and counted all at once: before a checkpoint, and before a pane is handed over. A
sample holds numbers of rows; the rows themselves are read when the pane is sent. After a restart samples are drawn
again from the rows and labels that are still in their logs, which keep them for as long as their panes are open.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from detectors.curation.picking import COMPLAINTS, complaints, picks_complaints, rules_of
from detectors.layouts import Layouts
from detectors.odd_features import ROWS, OddRow, smallest
from detectors.row import Row
from detectors.row_shape import RowShape, unpack_tail
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import MonitorSpec
from streams.archive_panes import ArchivePanes
from streams.by_value import Positions, by_value
from streams.groups import Groups
from streams.incomplete import Incomplete
from streams.pane_counting import PaneCounting, offer_by_rules
from streams.pane_samples import PaneSamples
from streams.pane_table import OpenPane, PaneTable
from streams.pending_log import Accepted, Joined, Outcome, PendingLog
from streams.row_log import COHORT, CORRECTED, GONE, LABELLED, TRAFFIC, Stored
from streams.store import Store

AT_ONCE = 4_000
"""Rows that are read at once when rules judge them again."""


class OpenPanes:
    """Summaries by pane; those that changed are saved at the next checkpoint.

    Parameters
    ----------
    logs
        The rows and labels that the join keeps, restored from the store.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        layouts: Layouts,
        groups: Groups,
        store: Store,
        logs: Sequence[PendingLog],
        incomplete: Incomplete,
        archive: ArchivePanes | None = None,
    ) -> None:
        self._spec = spec
        self._layouts = layouts
        self._groups = groups
        self._logs = logs
        self._samples = PaneSamples(spec, logs)
        self._incomplete = incomplete
        self._panes = PaneTable(spec, store)
        self._counting = PaneCounting(layouts, groups, self._panes, archive)
        self._accepted: list[Accepted] = []
        self._joined: list[Joined] = []
        self._rejected: list[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int64]]] = []
        if len(self._panes):
            for log in logs:
                self._draw_rows_again(log, "traffic", TRAFFIC)
                self._draw_rows_again(log, "cohort", COHORT)
                self._draw_labels_again(log)
                self._pick_rows_again(log)
                self._pick_complaints_again(log)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take accepted predictions and joined labels, to be counted in the panes that they belong to."""
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                self._accepted.append(outcome)
            else:
                self._joined.append(outcome)

    def reject(self, kind: int, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]) -> None:
        """Take predictions that are no rows (`kind` indexes `REJECTED`), to be counted in the panes of `times`."""
        self._rejected.append((kind, groups, times))

    def note_odd(
        self,
        groups: npt.NDArray[np.int32],
        times: npt.NDArray[np.int64],
        hashes: npt.NDArray[np.uint64],
        read: Callable[[int], OddRow],
    ) -> None:
        """Take accepted predictions whose features are not as declared; those that a pane keeps are read."""
        for group, at in by_value(groups):
            layout = self._layouts.of(*self._groups.names[group])
            for start, within in by_value(times[at] - times[at] % layout.spec.pane):
                pane = self._panes.open(layout, "traffic", start)
                mine = at[within]
                chosen = mine[np.argsort(hashes[mine], kind="stable")[:ROWS]]
                if len(pane.odd) == ROWS:
                    chosen = chosen[hashes[chosen] <= pane.odd[-1][0]]
                if len(chosen):
                    pane.odd = smallest([*pane.odd, *map(read, chosen.tolist())])

    def count(self) -> None:
        """Count what was taken; cheap when that is nothing."""
        for kind, groups, times in self._rejected:
            self._counting.rejected(kind, groups, times)
        self._rejected.clear()
        for log in self._logs:
            if accepted := [one for one in self._accepted if one.log is log]:
                self._counting.rows(
                    log,
                    np.concatenate([one.numbers for one in accepted]),
                    np.concatenate([one.offsets for one in accepted]),
                )
            if joined := [one for one in self._joined if one.log is log]:
                self._counting.labels(log, _together(joined))
        self._accepted.clear()
        self._joined.clear()

    @property
    def keys(self) -> list[PaneKey]:
        """The open panes in the order in which level 2 closes them. What was not counted may open more."""
        return sorted(self._panes, key=lambda key: (key.due(self._spec.models[key.model]), key.family, key))

    def summaries(self, keys: Sequence[PaneKey]) -> Iterator[PaneSummary]:
        """Yield what is known of panes, their samples included."""
        panes = [self._panes[key] for key in keys]
        samples = self._samples.read(
            [(pane.key, sample) for pane in panes for sample in (pane.sample, *pane.picked.values())]
        )
        for pane in panes:
            key, sample = pane.key, next(samples)
            picked = {name: next(samples) for name in pane.picked}
            incomplete = self._incomplete.holds(key.model, key.family, key.start)
            yield PaneSummary(
                key,
                pane.fingerprint,
                pane.counts,
                sample,
                dict(pane.offsets),
                incomplete,
                pane.odd,
                picked,
                pane.chosen,
            )

    def finish(self, keys: Sequence[PaneKey]) -> Iterator[PaneSummary]:
        """Yield panes that no event can go into any more, and forget them."""
        for summary in self.summaries(keys):
            self._panes.forget(summary.key)
            yield summary

    def save(self) -> None:
        """Write the panes that changed into the store's changes."""
        self._panes.save()

    def _draw_rows_again(self, log: PendingLog, family: Family, flag: int) -> None:
        columns = log.rows.columns
        numbers = np.arange(columns.first, columns.end, dtype=np.int64)
        numbers = numbers[(columns.live("flags") & flag) != 0]
        groups, times, hashes = (log.rows.of(name, numbers) for name in ("group", "time", "first_hash"))
        for pane, at in self._of_open_panes(family, groups, times):
            pane.sample.offer(hashes[at], numbers[at])

    def _draw_labels_again(self, log: PendingLog) -> None:
        for labels, entries in log.labels.all():
            chosen = np.flatnonzero(~np.isnan(entries.losses) & (entries.rows >= log.rows.columns.first))
            chosen = chosen[log.rows.of("time", entries.rows[chosen]) != GONE]
            numbers, rows = labels[chosen], entries.rows[chosen]
            groups, times, hashes = (log.rows.of(name, rows) for name in ("group", "time", "first_hash"))
            for pane, at in self._of_open_panes("label", groups, np.maximum(times, entries.times[chosen])):
                pane.sample.offer(hashes[at], numbers[at])

    def _pick_rows_again(self, log: PendingLog) -> None:
        """Judge the rows of open traffic panes by the rules once more; that takes their features, a block at a time."""
        ruled = np.array([bool(rules_of(self._spec.models[model])) for model, _ in self._groups.names], dtype=np.bool_)
        if not ruled.any():
            return
        log_columns = log.rows.columns
        numbers = np.arange(log_columns.first, log_columns.end, dtype=np.int64)
        numbers = numbers[(log_columns.live("flags") & TRAFFIC) != 0]
        groups, times, hashes = (log.rows.of(name, numbers) for name in ("group", "time", "first_hash"))
        for pane, at in self._of_open_panes("traffic", groups, times):
            if not ruled[groups[at[0]]]:
                continue
            layout = self._layouts.of(pane.key.model, pane.key.version)
            shape = self._groups.shapes[self._groups.model_codes[pane.key.model]]
            for begin in range(0, len(at), AT_ONCE):
                part = at[begin : begin + AT_ONCE]
                columns = shape.columns_of(_rows(shape, log.rows.stored(numbers[part]), times[part].tolist()))
                offer_by_rules(layout, pane, columns, hashes[part], numbers[part])

    def _pick_complaints_again(self, log: PendingLog) -> None:
        for labels, entries in log.labels.all():
            numbers = np.flatnonzero(entries.rows >= log.rows.columns.first)
            numbers = numbers[log.rows.of("time", entries.rows[numbers]) != GONE]
            rows = entries.rows[numbers]
            groups, times, hashes = (log.rows.of(name, rows) for name in ("group", "time", "first_hash"))
            for pane, at in self._of_open_panes("label", groups, np.maximum(times, entries.times[numbers])):
                spec = self._spec.models[pane.key.model]
                if picks_complaints(spec):
                    entry = numbers[at]
                    labelled = (entries.kinds[entry] & (LABELLED | CORRECTED)) != 0
                    at, entry = (each[complaints(spec, entries.ratings[entry], labelled)] for each in (at, entry))
                    pane.pick(COMPLAINTS, spec.label_requests.per_pane).offer(hashes[at], labels[entry])

    def _of_open_panes(
        self, family: Family, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]
    ) -> Iterator[tuple[OpenPane, Positions]]:
        for group, at in by_value(groups):
            model, version = self._groups.names[group]
            width = self._spec.models[model].pane
            for start, within in by_value(times[at] - times[at] % width):
                pane = self._panes.get(PaneKey(model, version, family, start))
                if pane is not None:
                    yield pane, at[within]


def _rows(shape: RowShape, stored: Stored, times: list[Micros]) -> list[Row]:
    """Return stored rows as rows."""
    rows = []
    for time, numbers, tail in zip(times, stored.numbers, stored.tails, strict=True):
        id, said, values = unpack_tail(tail)
        rows.append(shape.row(id, time, shape.unpack(numbers), values, said, unexpected=False))
    return rows


def _together(joined: Sequence[Joined]) -> Joined:
    if len(joined) == 1:
        return joined[0]
    columns = {
        name: np.concatenate([getattr(one, name) for one in joined])
        for name in ("numbers", "kinds", "times", "values", "ratings", "truths", "offsets", "drawn")
    }
    return Joined(joined[0].log, labels=[label for one in joined for label in one.labels], **columns)
