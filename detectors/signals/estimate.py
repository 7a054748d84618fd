"""Estimated accuracy before labels come: confidence-based performance estimation (CBPE) from score histograms.

Each score bin has the probability of the positive label (binary) or of being right (multiclass) that isotonic
regression found in the reference. The mean over the pane's bins is the accuracy to expect, as long as that calibration
holds: drift of inputs is seen, a change of the concept is not. When the cohort is judged, the estimate is graded by
what came true.

Source of the method: NannyML, "Confidence-based performance estimation", documentation of version 0.13.
"""

from collections.abc import Iterable

import numpy as np

from detectors.layout import FIXED, Counts, Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family, Reading

WAITING = 1_000  # estimates that wait for their cohort


@register
class EstimatedAccuracy:
    """Accuracy that the pane's scores promise; later, how far that was from what came true."""

    families: frozenset[Family] = frozenset({"traffic", "cohort"})

    def __init__(self, layout: Layout) -> None:
        self._waiting: dict[Micros, float] = {}
        self._problem: str | None = None
        self._reference: float | None = None
        if layout.profile is None:
            self._problem = f"no reference profile for version {layout.version}"
        elif not layout.profile.calibration:
            self._problem = "the reference has no rows with both a score and a label"
        else:
            self._reference = _estimate(layout, layout.families["traffic"].view(vector(layout, "traffic"), "scores"))[0]

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the estimate of a traffic pane, or the error of the estimate when the cohort is judged."""
        if pane.key.family == "traffic":
            yield Finding(self._read_traffic(pane))
            return
        estimate = self._waiting.pop(pane.start, None)
        labelled = int(pane.view("losses").sum())
        if estimate is None or labelled == 0:
            return
        if pane.problem is not None or labelled < pane.layout.spec.label_coverage * pane.n:
            return
        realised = 1 - float(pane.view("loss_sums").sum()) / FIXED / labelled
        yield Finding(
            Reading(
                signal="estimate_error",
                tier="performance",
                value=estimate - realised,
                n=labelled,
                status="ok",
                reference=0.0,
            )
        )

    def _read_traffic(self, pane: ClosedPane) -> Reading:
        problem, value, n = pane.problem or self._problem, None, 0
        if problem is None:
            value, n = _estimate(pane.layout, pane.view("scores"))
            if value is None:
                problem = "no prediction in the pane has a score"
            else:
                self._waiting[pane.start] = value
                while len(self._waiting) > WAITING:
                    del self._waiting[next(iter(self._waiting))]
        return Reading(
            signal="estimated_accuracy",
            tier="performance",
            detector="cbpe",
            value=value,
            n=n,
            status="ok" if problem is None else "unknown",
            reason=problem,
            reference=self._reference,
            effect=None if value is None or self._reference is None else value - self._reference,
        )


def _estimate(layout: Layout, scores: Counts) -> tuple[float | None, int]:
    """Return the expected accuracy of rows by their scores' histogram, and how many rows those are."""
    n = int(scores.sum())
    if n == 0 or layout.profile is None:
        return None, n
    calibrated = np.asarray(layout.profile.calibration)
    if layout.spec.task == "binary":
        negative, positive = scores.reshape(2, -1)
        expected = float(negative @ (1 - calibrated) + positive @ calibrated)
    else:
        expected = float(scores @ calibrated)
    return expected / n, n
