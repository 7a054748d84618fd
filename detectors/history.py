"""`History`: what the judged cohorts of a version held, so that a change can be told in rows, slices and offsets."""

from collections import deque
from dataclasses import dataclass

from detectors.costs import cost_sum
from detectors.indicators import loss_histogram
from detectors.pane import ClosedPane
from detectors.state import register
from detectors.summary import Offsets
from schemas.event_time import Micros

CAPACITY = 1_000  # panes; what is older is forgotten, and a window that reaches there says so by its start


@register
@dataclass(frozen=True)
class Cohort:
    """One judged cohort."""

    start: Micros
    end: Micros
    n: int
    labelled: int
    loss: float
    """Sum of the losses, in the unit of the loss."""
    segments: dict[str, tuple[int, float]]
    """By `feature=value`: labelled rows and sum of losses."""
    offsets: dict[int, Offsets]
    costed: int = 0
    """Labelled rows that the declared cost matrix speaks of."""
    cost: float = 0.0
    """Sum of their costs."""


@register
class History:
    """The newest cohorts of a model version, oldest first."""

    def __init__(self) -> None:
        self.cohorts: deque[Cohort] = deque(maxlen=CAPACITY)

    def add(self, pane: ClosedPane) -> None:
        """Take a closed cohort pane."""
        scale = pane.layout.loss_scale or 0.0
        counts, sums = loss_histogram(pane.layout, pane.counts, "cohort")
        segments = {}
        for segment in pane.layout.spec.segments:
            for cell, value in enumerate(pane.layout.segment_values(segment)):
                part, losses = loss_histogram(pane.layout, pane.counts, "cohort", segment, cell)
                if part.sum():
                    segments[f"{segment}={value}"] = (int(part.sum()), float(losses.sum()) * scale)
        labelled, loss = int(counts.sum()), float(sums.sum()) * scale
        costed, cost = cost_sum(pane.layout, pane.counts) or (0, 0.0)
        self.cohorts.append(Cohort(pane.start, pane.end, pane.n, labelled, loss, segments, pane.offsets, costed, cost))

    def since(self, start: Micros) -> list[Cohort]:
        """Return the cohorts that end after `start`."""
        return [cohort for cohort in self.cohorts if cohort.end > start]


def segment_means(cohorts: list[Cohort]) -> dict[str, tuple[int, float]]:
    """Return labelled rows and mean loss by segment over some cohorts."""
    totals: dict[str, tuple[int, float]] = {}
    for cohort in cohorts:
        for segment, (n, loss) in cohort.segments.items():
            known = totals.get(segment, (0, 0.0))
            totals[segment] = (known[0] + n, known[1] + loss)
    return {segment: (n, loss / n) for segment, (n, loss) in totals.items() if n}


def offset_ranges(cohorts: list[Cohort]) -> dict[str, dict[str, list[int]]]:
    """Return first and last offset by topic role and source partition over some cohorts."""
    ranges: dict[str, dict[str, list[int]]] = {}
    for cohort in cohorts:
        for partition, offsets in cohort.offsets.items():
            for role, (first, last) in offsets.items():
                known = ranges.setdefault(role, {}).setdefault(str(partition), [first, last])
                known[0], known[1] = min(known[0], first), max(known[1], last)
    return ranges
