"""`PaneSummary`: what one source partition knows of one pane of one model version. Merging is exact."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from detectors.layout import Counts, Layout
from detectors.odd_features import OddRow, smallest
from detectors.sample import Sample, sample_size
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import ModelSpec


class PaneKey(NamedTuple):
    """Names a pane: a tumbling window of event time of one model version."""

    model: str
    version: str
    family: Family
    start: Micros

    def end(self, spec: ModelSpec) -> Micros:
        """Return the first moment after the pane."""
        return self.start + spec.pane

    def due(self, spec: ModelSpec) -> Micros:
        """Return the event time from which on the pane can be judged."""
        return self.end(spec) + (spec.maturity if self.family == "cohort" else 0)


def pane_start(time: Micros, spec: ModelSpec) -> Micros:
    """Return the start of the pane that `time` lies in; panes are aligned to the epoch."""
    return time - time % spec.pane


Offsets = dict[str, tuple[int, int]]
"""By topic role: first and last offset of the events in a summary."""


@dataclass
class PaneSummary:
    """Counts, fixed-point sums and a sample; the cumulative word of one source partition on one pane."""

    key: PaneKey
    fingerprint: str
    """Of the layout that the counts were made by."""
    counts: Counts
    sample: Sample
    offsets: Offsets = field(default_factory=dict)
    incomplete: bool = False
    """Something that belongs here was evicted, or deleted before it was read."""
    odd: list[OddRow] = field(default_factory=list)
    """Some of the rows whose features are not as declared."""
    picked: dict[str, Sample] = field(default_factory=dict)
    """Samples of rows that were picked out of all (`detectors.curation.picking`), by reason."""
    chosen: Counts | None = None
    """Of the labels in `counts`, those that curation chose (`detectors.chosen_labels`), less what came by itself of the
    same rows; None where there are none."""

    @classmethod
    def empty(cls, key: PaneKey, layout: Layout) -> "PaneSummary":
        """Return the summary of no rows."""
        counts = np.zeros(layout.families[key.family].size, dtype=np.int64)
        return cls(key, layout.fingerprint, counts, Sample(sample_size(layout.spec, key.family)))

    def cover(self, role: str, offset: int) -> None:
        """Note that the event at `offset` is in the summary."""
        first, last = self.offsets.get(role, (offset, offset))
        self.offsets[role] = (min(first, offset), max(last, offset))

    def merge(self, other: "PaneSummary") -> None:
        """Add the summary of another source partition. Commutative, associative and exact.

        Raises
        ------
        ValueError
            When the two were not made for the same pane by the same layout.
        """
        if self.key != other.key or self.fingerprint != other.fingerprint:
            raise ValueError(f"summaries of {self.key} and {other.key} do not merge: different pane or layout")
        self.counts += other.counts
        if other.chosen is not None:
            self.chosen = other.chosen.copy() if self.chosen is None else self.chosen + other.chosen
        self.incomplete |= other.incomplete
        self.sample.merge(other.sample)
        self.odd = smallest([*self.odd, *other.odd])
        for name, sample in other.picked.items():
            self.picked.setdefault(name, Sample(sample.size)).merge(sample)
