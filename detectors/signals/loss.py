"""Performance: the loss on cohorts, overall and by segment, each with an e-detector of its own. Alarms rest on this.

The loss of all rows is also judged as labels become known, for an early notice: whatever outcomes are known sooner
weighs more there, so no alarm rests on it.

Error rate (binary, multiclass), mean absolute error (regression), 1 - rating (text).
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.budget import Severity, Stake, even_share
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import loss_name, moments, vector
from detectors.signals.judged import judged
from detectors.signals.labels import too_few_labels
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading

NAMES = {
    "binary": "error_rate",
    "multiclass": "error_rate",
    "regression": "absolute_error",
    "text": "rating_loss",
}


def minimum_effect(layout: Layout) -> float:
    """Return the declared minimum effect on the loss, in its unit."""
    effect = layout.spec.minimum_effect
    by_task = {"regression": effect.absolute_error, "text": effect.rating}
    return by_task.get(layout.spec.task, effect.error_rate)


@register
class Loss:
    """Mean loss of one cell: all rows, or one value of a segment.

    Parameters
    ----------
    weight
        Share of the budget: of alarms on cohorts, of notices as labels become known.
    family
        `cohort`, or `label` for all rows as their labels become known. Both are held against the reference's cohorts:
        there the same losses are counted by the time of their rows, and vary as much from pane to pane.
    """

    def __init__(
        self,
        layout: Layout,
        segment: str | None,
        cell: int,
        weight: float,
        family: Literal["cohort", "label"] = "cohort",
    ) -> None:
        self.families: frozenset[Family] = frozenset({family})
        self._family: Literal["cohort", "label"] = family
        self._segment = segment
        self._cell = cell
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem_of(loss_name(segment, cell))
        self._reference: float | None = None
        self._bet: Bet | None = None
        scale = layout.loss_scale
        if layout.profile is None or scale is None:
            self._problem = self._problem or "the reference has no labelled rows"
            return
        counts, sums = indicators.loss_histogram(layout, vector(layout, "cohort"), "cohort", segment, cell)
        n, total, squares = moments(counts, sums)
        if n == 0:
            self._problem = self._problem or "the reference has no labelled rows here"
            return
        self._reference = total / n * scale
        phi = grounds.dispersion(loss_name(segment, cell))
        if layout.loss_bins == 1:
            bound = float(upper_bound(total, n, dispersion=phi))
        else:
            bound = upper_bound_of_mean(total, squares, n, dispersion=phi)
        if self._problem is None and weight == 0:
            self._problem = "its weight is 0: nothing is staked on it"
        if self._problem is None:
            baseline = np.array([bound + minimum_effect(layout) / scale])
            budget = layout.spec.false_alarms if family == "cohort" else layout.spec.notice_budget
            self._bet = Bet(baseline, weight, budget.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def severity(self) -> Severity:
        """What it raises."""
        return "alarm" if self._family == "cohort" else "notice"

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else ((self.severity, self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the mean loss of the pane; a cohort is judged where enough of it is labelled."""
        layout = pane.layout
        counts, sums = indicators.loss_histogram(layout, pane.counts, self._family, self._segment, self._cell)
        n, scale = int(counts.sum()), layout.loss_scale
        rows = self._rows(pane)
        if rows == 0 and self._segment is not None:
            return  # a segment without rows says nothing, not even that it is unknown
        problem = pane.judging_problem or self._problem
        if problem is None and self._family == "label" and n == 0:
            problem = "no labels became known"
        elif problem is None and self._family == "cohort":
            problem = too_few_labels(layout, n, rows)
        value = float(sums.sum()) / n * scale if n and scale is not None else None
        name = NAMES[layout.spec.task]
        segment = (
            None if self._segment is None else f"{self._segment}={layout.segment_cells(self._segment)[self._cell]}"
        )
        if problem is not None or self._bet is None or scale is None:
            yield Finding(
                Reading(
                    signal=name,
                    tier="performance",
                    segment=segment,
                    value=value,
                    n=n,
                    status="unknown",
                    reason=problem,
                    reference=self._reference,
                )
            )
            return
        verdict = (
            self._bet.counts(np.array([sums.sum()]), float(n), pane.start, pane.end)
            if layout.loss_bins == 1
            else self._bet.histogram(counts, sums, pane.start, pane.end)
        )
        reading = Reading(
            signal=name,
            tier="performance",
            segment=segment,
            detector="e_detector",
            value=value,
            n=n,
            status="ok",
            reference=self._reference,
            baseline=verdict.baseline * scale,
            effect=None if value is None or self._reference is None else value - self._reference,
        )
        what = name.replace("_", " ") + (f" of {segment}" if segment else "")
        yield judged(
            reading,
            verdict,
            what,
            minimum_effect=minimum_effect(layout),
            weight=self._weight,
            severity=self.severity,
            unit=lambda loss: loss * scale,
        )

    def _rows(self, pane: ClosedPane) -> int:
        if self._segment is None:
            return pane.n
        return int(pane.view(f"segment_n:{self._segment}")[self._cell])


def losses(layout: Layout) -> list[Loss]:
    """Return the loss signals of a version: the first weight is that of all rows, the other shared by the segments."""
    weights = layout.spec.weights
    cells = [(s, c) for s in layout.spec.segments for c in range(len(layout.segment_values(s)) + 1)]
    share = even_share(weights.segments, len(cells))
    return [
        # where mistakes have declared costs, their mean takes the other half (`detectors.signals.cost`)
        Loss(layout, None, 0, weights.performance / (1 if layout.spec.costs.matrix is None else 2)),
        *(Loss(layout, segment, cell, share) for segment, cell in cells if share > 0),
    ]


def label_losses(layout: Layout) -> list[Loss]:
    """Return the signal of a version that gives notice of a loss that rises as labels become known."""
    weight = layout.spec.notice_weights.performance
    return [Loss(layout, None, 0, weight, family="label")] if weight > 0 else []
