"""`PaneCounting`: what was gathered of the join, by column, into the vectors, samples and offsets of open panes.

Everything here is asked by model version, then by pane, for as many rows at once as there are.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from detectors.counting import count_cohort, count_traffic, said_codes, segment_cells
from detectors.curation.picking import COMPLAINTS, complaints, picked_by_rules, picks_complaints
from detectors.label_counting import LabelColumns, count_cohort_labels, count_labels, differences
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.losses import class_keys, losses
from detectors.row_shape import OUTPUT, Columns
from schemas.spec import MonitorSpec
from streams.archive_panes import ArchivePanes
from streams.by_value import Positions, by_value
from streams.column_log import Numbers
from streams.groups import Groups
from streams.label_log import Labels
from streams.pane_table import OpenPane, PaneTable
from streams.pending_log import Joined, PendingLog
from streams.row_log import COHORT, CORRECTED, LABELLED, TRAFFIC, UNEXPECTED, USER

_T = TypeVar("_T")


class PaneCounting:
    """Counts into the panes of `table`, and opens those that are missing."""

    def __init__(
        self,
        spec: MonitorSpec,
        layouts: Layouts,
        groups: Groups,
        table: PaneTable,
        archive: ArchivePanes | None = None,
    ) -> None:
        self._spec = spec
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
        rows, spec = log.rows, self._spec
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
        corrects = (joined.kinds & CORRECTED) != 0
        later = corrects & ((joined.kinds & LABELLED) == 0)
        lost[later] = np.nan  # the row keeps the loss of what was said first
        labels = log.labels.append(
            Labels(
                joined.numbers,
                joined.times,
                joined.values,
                joined.ratings,
                lost,
                joined.truths,
                joined.kinds,
                joined.labels,
                joined.drawn,
            )
        )
        if self._archive is not None:
            self._archive.labels(log, labels, joined.numbers, joined.times, joined.kinds)
        known = np.maximum(times, joined.times)
        hashes, judged = rows.of("first_hash", joined.numbers), ~np.isnan(lost)
        for group, at in by_group:
            layout, model = self._layout(group), spec.models[self._groups.names[group][0]]
            said = joined.numbers[at]
            columns = LabelColumns(
                row_times=times[at],
                times=joined.times[at],
                losses=lost[at],
                said=rows.of("code", said),
                truth=truth[at],
                outputs=rows.of("output", said),
                values=joined.values[at],
                ratings=joined.ratings[at],
                cells=rows.of("cells", said)[:, : len(model.segments)],
                says=says[at],
                corrects=corrects[at],
                by_user=(joined.kinds[at] & USER) != 0,
                later=later[at],
                differs=differs[at],
            )
            for start, within in by_value(known[at] - known[at] % model.pane):
                pane = self._table.open(layout, "label", start)
                pane.cover("feedback", joined.offsets[at[within]])
                count_labels(layout, pane.counts, columns.take(within))
                part = at[within][judged[at[within]]]
                pane.sample.offer(hashes[part], labels[part])
                if picks_complaints(layout.spec):
                    here = at[within]
                    part = here[complaints(layout.spec, joined.ratings[here], says[here])]
                    pane.pick(COMPLAINTS, layout.spec.label_requests.per_pane).offer(hashes[part], labels[part])
            for start, within in by_value(times[at] - times[at] % model.pane):
                in_time = columns.times[within] < start + model.pane + model.maturity  # later ones miss the judgement
                within = within[in_time]
                if not len(within):
                    continue
                pane = self._table.open(layout, "cohort", start)
                pane.cover("feedback", joined.offsets[at[within]])
                count_cohort_labels(layout, pane.counts, columns.take(within))

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
