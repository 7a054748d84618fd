"""`Panes`: level 2's table of open panes of one model. Closes them in one total order, on the minimum watermark.

Each (pane, source partition) has one cumulative summary; one that has read further replaces it, and nothing is ever
added twice. No clock: only watermark records move it. What there is no room for is dropped, and its pane is closed in
its turn all the same, as one that nothing can be read from.
"""

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from detectors.chosen_labels import without_chosen
from detectors.layouts import Layouts
from detectors.pane import ClosedPane
from detectors.row_shape import RowShape
from detectors.sample import Sample, sample_size
from detectors.sampled_row import UNREADABLE
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import ModelSpec

MOST_DROPPED = 10_000
"""Dropped panes of one model that are remembered; beyond that, all versions' panes of the same time are dropped."""
MOST_RANGES = 100
"""Ranges of panes that something is missing from, of one family; beyond that, what lies between the oldest is too."""

Missing = tuple[Micros, Micros]
"""Start of the first and of the last pane that something may be missing from."""


class Watermark(msgspec.Struct):
    """How far one source partition is."""

    complete: Micros | None
    """Both of its topics are complete up to here, for this model; None before the first event of either."""
    idle: bool


class MergeState(msgspec.Struct):
    """What a snapshot keeps: everything but the open summaries, which are read again."""

    watermarks: dict[int, Watermark] = msgspec.field(default_factory=dict)
    partitions: int = 0
    mark: Micros | None = None
    """Panes due up to here are closed."""
    late: int = 0
    """Summaries that came for a pane that was closed without them."""
    evicted: int = 0
    unheard: dict[int, Micros] = msgspec.field(default_factory=dict)
    """By source partition: panes due up to here were closed without waiting for its word. It has not caught up yet."""
    incomplete: dict[int, dict[Family, list[Missing]]] = msgspec.field(default_factory=dict)
    """By source partition: what it lost events of, whether it sends a summary of it or not."""
    dropped: dict[PaneKey, bool] = msgspec.field(default_factory=dict)
    """Panes that are not closed yet and that there was no room for, in the order in which they were dropped."""
    crowded: dict[Family, list[Missing]] = msgspec.field(default_factory=dict)
    """Where there was no room to remember them: of these panes nothing is kept, whatever their version."""


class _Entry(msgspec.Struct):
    summary: PaneSummary
    through: tuple[int, ...]
    offset: int
    size: int


class Panes:
    """Open panes of one model.

    The table does not bound itself: `make_room` bounds those of all models together.
    """

    def __init__(self, spec: ModelSpec, layouts: Layouts, state: MergeState | None = None) -> None:
        self.state = state or MergeState()
        self.size = 0
        """What the open summaries take, as told to `add`."""
        self._spec = spec
        self._shape = RowShape(spec)
        self._layouts = layouts
        self._open: dict[PaneKey, dict[int, _Entry]] = {}

    @property
    def oldest_offset(self) -> int | None:
        """Offset of the oldest summary that is not closed; None where there is none."""
        return min((entry.offset for parts in self._open.values() for entry in parts.values()), default=None)

    def add(
        self, partition: int, through: tuple[int, ...], summary: PaneSummary, offset: int, fresh: bool, size: int = 0
    ) -> None:
        """Take a summary that stood at `offset` of the summaries topic and takes `size` bytes.

        A summary of a closed pane is counted, unless it is read again after a restart (`fresh` is false), or comes from
        a partition that had said that it was through with the pane: a worker that was killed sends again what it sent.
        """
        due = summary.key.due(self._spec)
        if self.state.mark is not None and due <= self.state.mark:
            unheard = self.state.unheard.get(partition) if partition in self.state.watermarks else self.state.mark
            self.state.late += fresh and unheard is not None and due <= unheard
            return
        if summary.key in self.state.dropped:
            return  # half a pane is never judged
        if _covers(self.state.crowded.get(summary.key.family, []), summary.key.start):
            if fresh:  # one that is read again was dropped or forgotten then
                self._forget(summary.key)
            return
        parts = self._open.setdefault(summary.key, {})
        known = parts.get(partition)
        if known is None or sum(known.through) <= sum(through):
            parts[partition] = _Entry(summary, through, offset, size)
            self.size += size - (0 if known is None else known.size)

    def lose(self, partition: int, family: Family, missing: Missing) -> None:
        """Note that a source partition misses events of these panes; those that are closed stay as they were judged."""
        first, last = missing
        if not self._is_over(family, last):
            _enter(self.state.incomplete.setdefault(partition, {}).setdefault(family, []), (first, last))

    def drop(self, size: int) -> None:
        """Let go of what is due first, of at least `size` bytes if there is as much; its panes will be unknown."""
        goal = self.size - size
        for key in sorted(self._open, key=self._order):
            if self.size <= goal:
                break
            if key in self._open:
                self._forget(key)

    def _forget(self, key: PaneKey) -> None:
        """Drop a pane; and where too many are remembered, forget the oldest, and drop those of its time."""
        waiting = {key: True}
        while waiting:
            key = next(iter(waiting))
            del waiting[key]
            self.size -= sum(entry.size for entry in self._open.pop(key, {}).values())
            self.state.evicted += 1
            self.state.dropped[key] = True
            if len(self.state.dropped) <= MOST_DROPPED:
                continue
            _, _, family, start = oldest = next(iter(self.state.dropped))
            del self.state.dropped[oldest]
            crowded = self.state.crowded.setdefault(family, [])
            if not _covers(crowded, start):
                _enter(crowded, (start, start))
                same = [one for one in self._open if one.family == family and _covers(crowded, one.start)]
                waiting.update(dict.fromkeys(same, True))

    def advance(self, partition: int, partitions: int, watermark: Watermark) -> None:
        """Note how far a source partition is; it never goes back."""
        self.state.partitions = max(self.state.partitions, partitions)
        known = self.state.watermarks.get(partition)
        if known is None and self.state.mark is not None:
            self.state.unheard[partition] = self.state.mark
        if known is not None and known.complete is not None:
            earlier = known.complete if watermark.complete is None else max(known.complete, watermark.complete)
            watermark = Watermark(earlier, watermark.idle)
        self.state.watermarks[partition] = watermark
        unheard = self.state.unheard.get(partition)
        if unheard is not None and watermark.complete is not None and unheard <= watermark.complete:
            del self.state.unheard[partition]  # all that it had to say of those panes came before this

    def close(self) -> Iterator[ClosedPane]:
        """Yield the panes that every source partition has finished, in the order (due, family, version)."""
        mark = self._minimum()
        if mark is None or (self.state.mark is not None and mark <= self.state.mark):
            return
        ready = [key for keys in (self._open, self.state.dropped) for key in keys if key.due(self._spec) <= mark]
        for key in sorted(ready, key=self._order):
            if self.state.dropped.pop(key, False):
                yield self._empty(key)
            else:
                parts = self._open.pop(key)
                self.size -= sum(entry.size for entry in parts.values())
                yield self._merge(key, parts)
        self.state.mark = mark
        self._note_unheard(mark)
        for ranges in (*self.state.incomplete.values(), self.state.crowded):
            for family, known in list(ranges.items()):
                known[:] = [one for one in known if not self._is_over(family, one[1])]
                if not known:
                    del ranges[family]
        self.state.incomplete = {partition: ranges for partition, ranges in self.state.incomplete.items() if ranges}

    def _is_over(self, family: Family, start: Micros) -> bool:
        due = PaneKey("", "", family, start).due(self._spec)
        return self.state.mark is not None and due <= self.state.mark

    def _note_unheard(self, mark: Micros) -> None:
        for partition, watermark in self.state.watermarks.items():
            if watermark.complete is None or watermark.complete < mark:
                self.state.unheard[partition] = mark

    def _minimum(self) -> Micros | None:
        known = self.state.watermarks
        if self.state.partitions == 0 or len(known) < self.state.partitions:
            return None
        active = [watermark.complete for watermark in known.values() if not watermark.idle]
        if not active:  # all are silent: everything that was seen is complete
            return max((w.complete for w in known.values() if w.complete is not None), default=None)
        finished = [complete for complete in active if complete is not None]
        return min(finished) if len(finished) == len(active) else None

    def _merge(self, key: PaneKey, parts: dict[int, _Entry]) -> ClosedPane:
        layout = self._layouts.of(key.model, key.version)
        counts = np.zeros(layout.families[key.family].size, dtype=np.int64)
        merged = PaneSummary(key, layout.fingerprint, counts, Sample(sample_size(self._spec, key.family)))
        mismatched = 0
        incomplete = {
            partition
            for partition, ranges in self.state.incomplete.items()
            if _covers(ranges.get(key.family, []), key.start)
        }
        offsets = {}
        for partition, entry in sorted(parts.items()):
            chosen = entry.summary.chosen
            lengths = {len(one) for one in (entry.summary.counts, chosen) if one is not None}
            if entry.summary.fingerprint != layout.fingerprint or lengths != {len(counts)}:
                mismatched += 1
                continue
            if entry.summary.incomplete:
                incomplete.add(partition)
            try:
                merged.merge(entry.summary)
            except UNREADABLE:
                mismatched += 1
            offsets[partition] = entry.summary.offsets
        try:
            sample = merged.sample.rows(self._shape)
            picked = {name: rows.rows(self._shape) for name, rows in sorted(merged.picked.items())}
        except UNREADABLE:  # rows that none of ours packed; which partition sent them is not worth knowing
            sample, picked, mismatched = [], {}, mismatched + 1
        rows = layout.families[key.family].view(counts, "labelled" if key.family == "label" else "n")
        complete = int(rows[0]) <= len(sample)
        said, left_out = without_chosen(layout, merged)
        return ClosedPane(
            key,
            layout,
            said,
            sample,
            complete,
            mismatched,
            offsets,
            len(incomplete),
            odd=merged.odd,
            picked=picked,
            left_out=left_out,
        )

    def _empty(self, key: PaneKey) -> ClosedPane:
        layout = self._layouts.of(key.model, key.version)
        counts = np.zeros(layout.families[key.family].size, dtype=np.int64)
        return ClosedPane(key, layout, counts, [], complete=False, dropped=True)

    def _order(self, key: PaneKey) -> tuple[Micros, str, str, Micros]:
        return (key.due(self._spec), key.family, key.version, key.start)


def make_room(tables: Mapping[str, Panes], most: int) -> list[str]:
    """Drop panes of the models that hold most until all hold less than `most` bytes; return the models that lost some.

    Some room is made at once, so that not every summary has to ask for it.
    """
    dropped: list[str] = []
    goal = most - most // 8
    total = sum(table.size for table in tables.values())
    while total > goal:
        name = max(sorted(tables), key=lambda one: tables[one].size)
        before = tables[name].size
        tables[name].drop(total - goal)
        total -= before - tables[name].size
        dropped.append(name)
    return dropped


def _enter(ranges: list[Missing], new: Missing) -> None:
    """Add a range to disjoint ones, in order; again, or in any order, it comes to the same."""
    first, last = new
    apart = [one for one in ranges if one[1] < first or last < one[0]]
    touching = [one for one in ranges if not (one[1] < first or last < one[0])]
    ranges[:] = sorted([*apart, (min([first, *(a for a, _ in touching)]), max([last, *(b for _, b in touching)]))])
    if len(ranges) > MOST_RANGES:
        ranges[:2] = [(ranges[0][0], ranges[1][1])]


def _covers(ranges: list[Missing], start: Micros) -> bool:
    return any(first <= start <= last for first, last in ranges)
