"""`PaneCounting`: what was gathered of the join, by column, into the vectors, samples and offsets of open panes.

Everything here is asked by model version, then by pane, for as many rows at once as there are.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from detectors.counting import count_cohort, count_traffic, said_codes, segment_cells
from detectors.curation.picking import COMPLAINTS, complaints, picked_by_rules, picks_complaints
from detectors.label_counting import LabelColumns, count_cohort_labels, count_labels, differences
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.losses import class_keys, losses
from detectors.row_shape import OUTPUT, Columns
from streams.archive_panes import ArchivePanes
from streams.by_value import Positions, by_value
from streams.column_log import Numbers
from streams.groups import Groups
from streams.label_log import Labels
from streams.pane_table import OpenPane, PaneTable
from streams.pending_log import Joined, PendingLog
from streams.row_log import CHOSEN, COHORT, CORRECTED, LABELLED, REPEATED, TRAFFIC, UNEXPECTED, USER

_T = TypeVar("_T")


class _Judged(NamedTuple):
    """Labels with what their rows say, by column."""

    times: npt.NDArray[np.int64]
    """Of the rows."""
    groups: list[tuple[int, Positions]]
    losses: npt.NDArray[np.float64]
    truth: npt.NDArray[np.int32]
    says: npt.NDArray[np.bool_]
    later: npt.NDArray[np.bool_]
    differs: npt.NDArray[np.float64]

    def columns(self, layout: Layout, joined: Joined, at: Positions) -> LabelColumns:
        """Return the labels of one model version."""
        rows, said, kinds = joined.log.rows, joined.numbers[at], joined.kinds[at]
        return LabelColumns(
            row_times=self.times[at],
            times=joined.times[at],
            losses=self.losses[at],
            said=rows.of("code", said),
            truth=self.truth[at],
            outputs=rows.of("output", said),
            values=joined.values[at],
            ratings=joined.ratings[at],
            cells=rows.of("cells", said)[:, : len(layout.spec.segments)],
            says=self.says[at],
            corrects=(kinds & CORRECTED) != 0,
            by_user=(kinds & USER) != 0,
            later=self.later[at],
            differs=self.differs[at],
        )


class PaneCounting:
    """Counts into the panes of `table`, and opens those that are missing."""

    def __init__(
        self,
        layouts: Layouts,
        groups: Groups,
        table: PaneTable,
        archive: ArchivePanes | None = None,
    ) -> None:
        self._layouts = layouts
        self._groups = groups
        self._table = table
        self._archive = archive

    def rejected(self, kind: int, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]) -> None:
        """Count predictions that are no rows (`kind` indexes `REJECTED`) in the panes of `times`."""
        for group, at in by_value(groups):
            layout = self._layout(group)
            for start, within in by_value(times[at] - times[at] % layout.spec.pane):
                counts = self._table.open(layout, "traffic", start).counts
                layout.families["traffic"].view(counts, "rejected")[kind] += len(within)

    def rows(self, log: PendingLog, numbers: Numbers, offsets: npt.NDArray[np.int64]) -> None:
        """Count the newest rows of a log, and note with each what its labels will be compared with."""
        rows = log.rows
        payload = rows.payload(int(numbers[0]))
        groups, times, flags = rows.of("group", numbers), rows.of("time", numbers), rows.of("flags", numbers)
        hashes = rows.of("first_hash", numbers)
        for group, at in by_value(groups):
            layout, shape = self._layout(group), self._groups.shapes[int(self._groups.model(groups[at[:1]])[0])]
            positions = at.tolist() if len(at) < len(numbers) else None
            columns = shape.columns(
                rows.numbers_of(numbers[at], shape.width),
                _picked(payload.values, positions),
                _picked(payload.said, positions),
                (flags[at] & UNEXPECTED) != 0,
                times[at],
            )
            cells = segment_cells(layout, columns)
            rows.set("said", numbers[at], class_keys(layout.spec, columns.said) if layout.classes else 0)
            codes = said_codes(layout, columns.said)
            rows.set("code", numbers[at], codes)
            rows.set("output", numbers[at], columns.numbers[:, OUTPUT])
            if cells.shape[1]:
                rows.columns.column("cells")[numbers[at] - rows.columns.base, : cells.shape[1]] = cells
            for start, within in by_value(times[at] - times[at] % layout.spec.pane):
                part, whole = at[within], len(within) == len(at)
                in_traffic = (flags[part] & TRAFFIC) != 0
                in_cohort = (flags[part] & COHORT) != 0
                if in_traffic.any():
                    pane = self._table.open(layout, "traffic", start)
                    chosen = columns if whole and in_traffic.all() else _take(columns, within[in_traffic])
                    count_traffic(layout, pane.counts, chosen)
                    pane.cover("predictions", offsets[part[in_traffic]])
                    pane.sample.offer(hashes[part[in_traffic]], numbers[part[in_traffic]])
                    offer_by_rules(layout, pane, chosen, hashes[part[in_traffic]], numbers[part[in_traffic]])
                if in_cohort.any():
                    pane = self._table.open(layout, "cohort", start)
                    count_cohort(layout, pane.counts, cells[within[in_cohort]], codes[within[in_cohort]])
                    pane.cover("predictions", offsets[part[in_cohort & in_traffic]])
                    pane.cover("feedback", offsets[part[in_cohort & ~in_traffic]])
                    pane.sample.offer(hashes[part[in_cohort]], numbers[part[in_cohort]])

    def labels(self, log: PendingLog, joined: Joined) -> None:
        """Count labels that met rows of a log, and append them, with their losses, to its labels."""
        again = (joined.kinds & REPEATED) != 0
        if again.any():
            if not again.all():
                self._labels(log, joined.take(np.flatnonzero(~again)))
            self._labels_again(log, joined.take(np.flatnonzero(again)))
        else:
            self._labels(log, joined)

    def _labels(self, log: PendingLog, joined: Joined) -> None:
        rows = log.rows
        judged = self._judged(log, joined)
        labels = log.labels.append(
            Labels(
                joined.numbers,
                joined.times,
                joined.values,
                joined.ratings,
                judged.losses,
                joined.truths,
                joined.kinds,
                joined.labels,
                joined.drawn,
            )
        )
        if self._archive is not None:
            self._archive.labels(log, labels, joined.numbers, joined.times, joined.kinds)
        times, known = judged.times, np.maximum(judged.times, joined.times)
        hashes, lost = rows.of("first_hash", joined.numbers), ~np.isnan(judged.losses)
        chosen = (joined.kinds & CHOSEN) != 0
        for group, at in judged.groups:
            layout, columns = self._layout(group), judged.columns(self._layout(group), joined, at)
            model = layout.spec
            for start, within in by_value(known[at] - known[at] % model.pane):
                pane = self._table.open(layout, "label", start)
                pane.cover("feedback", joined.offsets[at[within]])
                count_labels(layout, pane.counts, columns.take(within))
                if (asked := within[chosen[at[within]]]).size:
                    count_labels(layout, pane.choose(), columns.take(asked))
                part = at[within][lost[at[within]]]
                pane.sample.offer(hashes[part], labels[part])
                if picks_complaints(model):
                    here = at[within]
                    part = here[complaints(model, joined.ratings[here], judged.says[here])]
                    pane.pick(COMPLAINTS, model.label_requests.per_pane).offer(hashes[part], labels[part])
            for pane, within in self._cohorts(layout, times[at], columns):
                pane.cover("feedback", joined.offsets[at[within]])
                count_cohort_labels(layout, pane.counts, columns.take(within))
                if (asked := within[chosen[at[within]]]).size:
                    count_cohort_labels(layout, pane.choose(), columns.take(asked))

    def _labels_again(self, log: PendingLog, joined: Joined) -> None:
        """Count what came by itself of rows that were chosen, as if it had come alone; restarts need to know of it."""
        judged, nothing = self._judged(log, joined), np.full(len(joined.numbers), np.nan)
        kinds = joined.kinds & np.uint8(REPEATED)
        none: list[str | None] = [None] * len(kinds)
        log.labels.append(
            Labels(joined.numbers, joined.times, nothing, nothing, nothing, joined.truths, kinds, none, nothing)
        )
        known = np.maximum(judged.times, joined.times)
        for group, at in judged.groups:
            layout, columns = self._layout(group), judged.columns(self._layout(group), joined, at)
            for start, within in by_value(known[at] - known[at] % layout.spec.pane):
                pane = self._table.open(layout, "label", start)
                pane.cover("feedback", joined.offsets[at[within]])
                part = np.zeros_like(pane.counts)
                count_labels(layout, part, columns.take(within))
                pane.choose()[:] -= part
            for pane, within in self._cohorts(layout, judged.times[at], columns):
                pane.cover("feedback", joined.offsets[at[within]])
                part = np.zeros_like(pane.counts)
                count_cohort_labels(layout, part, columns.take(within))
                pane.choose()[:] -= part

    def _cohorts(
        self, layout: Layout, times: npt.NDArray[np.int64], columns: LabelColumns
    ) -> Iterator[tuple[OpenPane, Positions]]:
        """Yield the cohorts of rows, and which of their labels come before these are judged."""
        width, maturity = layout.spec.pane, layout.spec.maturity
        for start, within in by_value(times - times % width):
            in_time = within[columns.times[within] < start + width + maturity]
            if len(in_time):
                yield self._table.open(layout, "cohort", start), in_time

    def _judged(self, log: PendingLog, joined: Joined) -> "_Judged":
        rows = log.rows
        groups, times = rows.of("group", joined.numbers), rows.of("time", joined.numbers)
        lost = np.full(len(joined.numbers), np.nan)
        differs, says = lost.copy(), (joined.kinds & (LABELLED | CORRECTED)) != 0
        truth = np.zeros(len(joined.numbers), dtype=np.int32)
        by_group = list(by_value(groups))
        for group, at in by_group:
            layout = self._layout(group)
            names = _picked(joined.labels, at.tolist() if len(at) < len(lost) else None)
            said = joined.numbers[at]
            lost[at] = losses(
                layout.spec,
                rows.of("said", said),
                rows.of("output", said),
                class_keys(layout.spec, names) if layout.classes else np.zeros(len(at), dtype=np.int64),
                joined.values[at],
                joined.ratings[at],
                (joined.kinds[at] & LABELLED) != 0,
            )
            truth[at] = said_codes(layout, names)
            differs[at] = differences(layout, lost[at], says[at])
        later = ((joined.kinds & CORRECTED) != 0) & ((joined.kinds & LABELLED) == 0)
        lost[later] = np.nan  # the row keeps the loss of what was said first
        return _Judged(times, by_group, lost, truth, says, later, differs)

    def _layout(self, group: int) -> Layout:
        return self._layouts.of(*self._groups.names[group])


def offer_by_rules(
    layout: Layout, pane: OpenPane, columns: Columns, hashes: npt.NDArray[np.uint64], numbers: Numbers
) -> None:
    """Offer the rows of a traffic pane to the samples of the rules that are true of them."""
    for name, true in picked_by_rules(layout, columns):
        pane.pick(name, layout.spec.label_requests.per_pane).offer(hashes[true], numbers[true])


def _picked(column: Sequence[_T], positions: list[int] | None) -> Sequence[_T]:
    return column if positions is None else [column[position] for position in positions]


def _take(columns: Columns, at: Positions) -> Columns:
    positions = at.tolist()
    return Columns(
        columns.numbers[at],
        [[values[position] for position in positions] for values in columns.values],
        [columns.said[position] for position in positions],
        columns.unexpected[at],
        columns.times[at],
    )
