"""Metrics of a cohort that follow from its counts: readings with the reference's beside them, not tests."""

from collections.abc import Iterable

from detectors.layout import Counts, Layout
from detectors.metrics import Metric, metrics_of, segment_metrics
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.calibration import coverage_problem
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.reading import Family, Reading

NO_ROWS = "no labelled row to take it of"


@register
class Metrics:
    """The usual metrics of the task, with intervals where a standard one exists."""

    families: frozenset[Family] = frozenset({"cohort"})

    def __init__(self, layout: Layout) -> None:
        self._reference = {(where, one.name): one.value for where, one in _all(layout, vector(layout, "cohort"))}

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the metrics of the labelled rows; where those are few, they may not be like the rest."""
        few = coverage_problem(pane)
        for segment, metric in _all(pane.layout, pane.counts):
            low, high = metric.interval or (None, None)
            reason = pane.problem or metric.problem or (None if metric.value is not None else NO_ROWS)
            known = reason is None
            reason = reason or few
            yield Finding(
                Reading(
                    signal=metric.name,
                    tier="performance",
                    segment=segment,
                    value=metric.value if known else None,
                    low=low if known else None,
                    high=high if known else None,
                    n=metric.n if known else 0,
                    status="ok" if reason is None else "unknown",
                    reason=reason,
                    reference=self._reference.get((segment, metric.name)),
                )
            )


def _all(layout: Layout, counts: Counts) -> list[tuple[str | None, Metric]]:
    """Return the metrics of all rows, then those by segment."""
    return [*((None, one) for one in metrics_of(layout, counts)), *segment_metrics(layout, counts)]
