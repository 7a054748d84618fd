"""`Panes`: level 2's table of open panes of one model. Closes them in one total order, on the minimum watermark.

Each (pane, source partition) has one cumulative summary; one that has read further replaces it, and nothing is ever
added twice. No clock: only watermark records move it.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from detectors.layout import Layouts
from detectors.pane import ClosedPane
from detectors.sample import Sample
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import Micros
from schemas.spec import ModelSpec

CAPACITY = 100_000  # open panes of one model; a partition that holds everything up must not eat the memory


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


class _Entry(msgspec.Struct):
    summary: PaneSummary
    through: tuple[int, ...]
    offset: int


class Panes:
    """Open panes of one model."""

    def __init__(self, spec: ModelSpec, layouts: Layouts, state: MergeState | None = None) -> None:
        self.state = state or MergeState()
        self._spec = spec
        self._layouts = layouts
        self._open: dict[PaneKey, dict[int, _Entry]] = {}

    @property
    def oldest_offset(self) -> int | None:
        """Offset of the oldest summary that is not closed; None where there is none."""
        return min((entry.offset for parts in self._open.values() for entry in parts.values()), default=None)

    def add(self, partition: int, through: tuple[int, ...], summary: PaneSummary, offset: int, fresh: bool) -> None:
        """Take a summary that stood at `offset` of the summaries topic.

        A summary of a closed pane is counted, unless it is read again after a restart (`fresh` is false), or comes from
        a partition that had said that it was through with the pane: a worker that was killed sends again what it sent.
        """
        due = summary.key.due(self._spec)
        if self.state.mark is not None and due <= self.state.mark:
            unheard = self.state.unheard.get(partition) if partition in self.state.watermarks else self.state.mark
            self.state.late += fresh and unheard is not None and due <= unheard
            return
        parts = self._open.setdefault(summary.key, {})
        known = parts.get(partition)
        if known is None or sum(known.through) <= sum(through):
            parts[partition] = _Entry(summary, through, offset)
        if len(self._open) > CAPACITY:
            oldest = min(self._open, key=self._order)
            del self._open[oldest]
            self.state.evicted += 1
            # what still comes for it is late: half a pane is never judged
            self.state.mark = max(self.state.mark or oldest.due(self._spec), oldest.due(self._spec))
            self._note_unheard(self.state.mark)

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
        ready = sorted((key for key in self._open if key.due(self._spec) <= mark), key=self._order)
        for key in ready:
            yield self._merge(key, self._open.pop(key))
        self.state.mark = mark
        self._note_unheard(mark)

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
        merged = PaneSummary(key, layout.fingerprint, counts, Sample(self._spec.sample))
        mismatched = incomplete = 0
        offsets = {}
        for partition, entry in sorted(parts.items()):
            if entry.summary.fingerprint != layout.fingerprint:
                mismatched += 1
                continue
            incomplete += entry.summary.incomplete
            merged.merge(entry.summary)
            offsets[partition] = entry.summary.offsets
        sample = merged.sample.rows() if merged.sample is not None else []
        rows = layout.families[key.family].view(counts, "labelled" if key.family == "label" else "n")
        complete = int(rows[0]) <= len(sample)
        return ClosedPane(key, layout, merged.counts, sample, complete, mismatched, offsets, incomplete)

    def _order(self, key: PaneKey) -> tuple[Micros, str, str, Micros]:
        return (key.due(self._spec), key.family, key.version, key.start)
