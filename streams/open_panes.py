"""`OpenPanes`: the summaries that a source partition is still adding to.

Outcomes of the join are gathered and counted all at once: before a checkpoint, and before a pane is handed over. A
sample holds numbers of rows; the rows themselves are read when the pane is sent. After a restart samples are drawn
again from the rows and labels that are still in their logs, which keep them for as long as their panes are open.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.counting import (
    count_cohort,
    count_traffic,
    said_codes,
    segment_cells,
)
from detectors.label_counting import LabelColumns, count_cohort_labels, count_labels, differences
from detectors.layout import Counts, Layout
from detectors.layouts import Layouts
from detectors.losses import class_keys, losses
from detectors.odd_features import ROWS, OddRow, smallest
from detectors.row_sample import RowSample
from detectors.row_shape import OUTPUT, Columns
from detectors.sample import sample_size
from detectors.summary import Offsets, PaneKey, PaneSummary
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import MonitorSpec
from streams.column_log import Numbers
from streams.groups import Groups
from streams.incomplete import Incomplete
from streams.label_log import Labels
from streams.pane_samples import PaneSamples
from streams.pending_log import Accepted, Joined, Outcome, PendingLog
from streams.records import Role
from streams.row_log import COHORT, CORRECTED, GONE, LABELLED, TRAFFIC, UNEXPECTED, USER
from streams.store import Store

Positions = npt.NDArray[np.int64]
_T = TypeVar("_T")


@dataclass(slots=True)
class _OpenPane:
    """One pane, and where its sample's rows are."""

    key: PaneKey
    fingerprint: str
    counts: Counts
    sample: RowSample
    """Numbers of rows (traffic, cohort) or of labels (label)."""
    offsets: Offsets = field(default_factory=dict)
    odd: list[OddRow] = field(default_factory=list)

    def cover(self, role: Role, offsets: npt.NDArray[np.int64]) -> None:
        """Note that the events at `offsets` are in the summary."""
        if len(offsets):
            low, high = int(offsets.min()), int(offsets.max())
            first, last = self.offsets.get(role, (low, high))
            self.offsets[role] = (min(first, low), max(last, high))


class _SavedPane(msgspec.Struct, array_like=True):
    key: tuple[str, str, Family, Micros]
    fingerprint: str
    counts: bytes
    """Little-endian int64."""
    offsets: dict[str, tuple[int, int]]
    odd: list[OddRow] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_SavedPane).decode


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
    ) -> None:
        self._spec = spec
        self._layouts = layouts
        self._groups = groups
        self._store = store
        self._logs = logs
        self._samples = PaneSamples(spec, logs)
        self._incomplete = incomplete
        self._panes: dict[PaneKey, _OpenPane] = {}
        self._dirty: set[PaneKey] = set()
        self._accepted: list[Accepted] = []
        self._joined: list[Joined] = []
        self._rejected: list[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int64]]] = []
        for _, packed in store.items("panes"):
            saved = _decode(packed)
            if PaneKey(*saved.key).model in spec.models:
                pane = self._load(saved)
                self._panes[pane.key] = pane
        if self._panes:
            for log in logs:
                self._draw_rows_again(log, "traffic", TRAFFIC)
                self._draw_rows_again(log, "cohort", COHORT)
                self._draw_labels_again(log)

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
        for group, at in _by_value(groups):
            layout = self._layout(group)
            for start, within in _by_value(times[at] - times[at] % layout.spec.pane):
                pane = self._open(layout, "traffic", start)
                mine = at[within]
                chosen = mine[np.argsort(hashes[mine], kind="stable")[:ROWS]]
                if len(pane.odd) == ROWS:
                    chosen = chosen[hashes[chosen] <= pane.odd[-1][0]]
                if len(chosen):
                    pane.odd = smallest([*pane.odd, *map(read, chosen.tolist())])

    def count(self) -> None:
        """Count what was taken; cheap when that is nothing."""
        for kind, groups, times in self._rejected:
            self._count_rejected(kind, groups, times)
        self._rejected.clear()
        for log in self._logs:
            if accepted := [one for one in self._accepted if one.log is log]:
                self._count_rows(
                    log,
                    np.concatenate([one.numbers for one in accepted]),
                    np.concatenate([one.offsets for one in accepted]),
                )
            if joined := [one for one in self._joined if one.log is log]:
                self._count_labels(log, _together(joined))
        self._accepted.clear()
        self._joined.clear()

    @property
    def keys(self) -> list[PaneKey]:
        """The open panes in the order in which level 2 closes them. What was not counted may open more."""
        return sorted(self._panes, key=lambda key: (key.due(self._spec.models[key.model]), key.family, key))

    def summaries(self, keys: Sequence[PaneKey]) -> Iterator[PaneSummary]:
        """Yield what is known of panes, their samples included."""
        panes = [self._panes[key] for key in keys]
        samples = self._samples.read([(pane.key, pane.sample) for pane in panes])
        for pane, sample in zip(panes, samples, strict=True):
            key = pane.key
            incomplete = self._incomplete.holds(key.model, key.family, key.start)
            yield PaneSummary(key, pane.fingerprint, pane.counts, sample, dict(pane.offsets), incomplete, pane.odd)

    def finish(self, keys: Sequence[PaneKey]) -> Iterator[PaneSummary]:
        """Yield panes that no event can go into any more, and forget them."""
        for summary in self.summaries(keys):
            self._dirty.discard(summary.key)
            self._store.put("panes", _name(summary.key), None)
            del self._panes[summary.key]
            yield summary

    def save(self) -> None:
        """Write the panes that changed into the store's changes."""
        for key in self._dirty:
            pane = self._panes[key]
            counts = pane.counts.astype("<i8", copy=False).tobytes()
            name = (key.model, key.version, key.family, key.start)
            saved = _SavedPane(name, pane.fingerprint, counts, pane.offsets, pane.odd)
            self._store.put("panes", _name(key), _encode(saved))
        self._dirty.clear()

    def _count_rejected(self, kind: int, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]) -> None:
        for group, at in _by_value(groups):
            layout = self._layout(group)
            for start, within in _by_value(times[at] - times[at] % layout.spec.pane):
                counts = self._open(layout, "traffic", start).counts
                layout.families["traffic"].view(counts, "rejected")[kind] += len(within)

    def _count_rows(self, log: PendingLog, numbers: Numbers, offsets: npt.NDArray[np.int64]) -> None:
        rows = log.rows
        payload = rows.payload(int(numbers[0]))
        groups, times, flags = rows.of("group", numbers), rows.of("time", numbers), rows.of("flags", numbers)
        hashes = rows.of("first_hash", numbers)
        for group, at in _by_value(groups):
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
            for start, within in _by_value(times[at] - times[at] % layout.spec.pane):
                part, whole = at[within], len(within) == len(at)
                in_traffic = (flags[part] & TRAFFIC) != 0
                in_cohort = (flags[part] & COHORT) != 0
                if in_traffic.any():
                    pane = self._open(layout, "traffic", start)
                    chosen = columns if whole and in_traffic.all() else _take(columns, within[in_traffic])
                    count_traffic(layout, pane.counts, chosen)
                    pane.cover("predictions", offsets[part[in_traffic]])
                    pane.sample.offer(hashes[part[in_traffic]], numbers[part[in_traffic]])
                if in_cohort.any():
                    pane = self._open(layout, "cohort", start)
                    count_cohort(layout, pane.counts, cells[within[in_cohort]], codes[within[in_cohort]])
                    pane.cover("predictions", offsets[part[in_cohort & in_traffic]])
                    pane.cover("feedback", offsets[part[in_cohort & ~in_traffic]])
                    pane.sample.offer(hashes[part[in_cohort]], numbers[part[in_cohort]])

    def _count_labels(self, log: PendingLog, joined: Joined) -> None:
        rows, spec = log.rows, self._spec
        groups, times = rows.of("group", joined.numbers), rows.of("time", joined.numbers)
        lost = np.full(len(joined.numbers), np.nan)
        differs, says = lost.copy(), (joined.kinds & (LABELLED | CORRECTED)) != 0
        truth = np.zeros(len(joined.numbers), dtype=np.int32)
        by_group = list(_by_value(groups))
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
            )
        )
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
            for start, within in _by_value(known[at] - known[at] % model.pane):
                pane = self._open(layout, "label", start)
                pane.cover("feedback", joined.offsets[at[within]])
                count_labels(layout, pane.counts, columns.take(within))
                part = at[within][judged[at[within]]]
                pane.sample.offer(hashes[part], labels[part])
            for start, within in _by_value(times[at] - times[at] % model.pane):
                in_time = columns.times[within] < start + model.pane + model.maturity  # later ones miss the judgement
                within = within[in_time]
                if not len(within):
                    continue
                pane = self._open(layout, "cohort", start)
                pane.cover("feedback", joined.offsets[at[within]])
                count_cohort_labels(layout, pane.counts, columns.take(within))

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

    def _of_open_panes(
        self, family: Family, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]
    ) -> Iterator[tuple[_OpenPane, Positions]]:
        for group, at in _by_value(groups):
            model, version = self._groups.names[group]
            width = self._spec.models[model].pane
            for start, within in _by_value(times[at] - times[at] % width):
                pane = self._panes.get(PaneKey(model, version, family, start))
                if pane is not None:
                    yield pane, at[within]

    def _layout(self, group: int) -> Layout:
        return self._layouts.of(*self._groups.names[group])

    def _open(self, layout: Layout, family: Family, start: Micros) -> _OpenPane:
        key = PaneKey(layout.model, layout.version, family, start)
        self._dirty.add(key)
        if key not in self._panes:
            empty = np.zeros(layout.families[family].size, dtype=np.int64)
            self._panes[key] = _OpenPane(key, layout.fingerprint, empty, RowSample(sample_size(layout.spec, family)))
        return self._panes[key]

    def _load(self, saved: _SavedPane) -> _OpenPane:
        key = PaneKey(*saved.key)
        sample = RowSample(sample_size(self._spec.models[key.model], key.family))
        counts = np.frombuffer(saved.counts, dtype="<i8").astype(np.int64)
        return _OpenPane(key, saved.fingerprint, counts, sample, dict(saved.offsets), saved.odd)


def _by_value(values: npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> Iterator[tuple[int, Positions]]:
    """Yield each value and the positions at which it stands, ascending."""
    if not len(values):
        return
    if values[0] == values[-1] and (values == values[0]).all():
        yield int(values[0]), np.arange(len(values), dtype=np.int64)
        return
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    yield from zip(ordered[begins].tolist(), np.split(order, begins[1:]), strict=True)


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


def _together(joined: Sequence[Joined]) -> Joined:
    if len(joined) == 1:
        return joined[0]
    columns = {
        name: np.concatenate([getattr(one, name) for one in joined])
        for name in ("numbers", "kinds", "times", "values", "ratings", "truths", "offsets")
    }
    return Joined(joined[0].log, labels=[label for one in joined for label in one.labels], **columns)


def _name(key: PaneKey) -> bytes:
    return blake2b(repr(tuple(key)).encode(), digest_size=16).digest()  # LMDB's keys are short, names need not be
