"""Cost: the mean cost of a prediction by the declared matrix, on cohorts, with an e-detector on its rise."""

from collections.abc import Iterable

import numpy as np

from detectors.bet import Bet
from detectors.binned_values import BinnedValues
from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.budget import Stake
from detectors.costs import COST, costed, largest_cost
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.labels import too_few_labels
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


@register
class Cost:
    """Mean cost of a prediction over all rows."""

    families: frozenset[Family] = frozenset({"cohort"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem_of(COST)
        self._reference: float | None = None
        self._bet: Bet | None = None
        found, largest = costed(layout, vector(layout, "cohort")), largest_cost(layout)
        if self._problem is None and weight == 0:
            self._problem = "weights.performance is 0: nothing is staked on it"
        if found is None or largest is None or layout.profile is None:
            return
        if found.n:
            self._reference = found.total * largest / found.n
        elif self._problem is None:
            self._problem = "the reference has no labelled rows"
        if self._problem is None and COST not in layout.profile.dispersion:
            self._problem = "the reference profile was made without costs.matrix; build it again"
        if self._problem is None:
            phi = grounds.dispersion(COST)
            bound = _bound(found, phi) + layout.spec.minimum_effect.cost / largest
            self._bet = Bet(np.array([bound]), weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the mean cost of the cohort, judged where enough of it is labelled."""
        layout = pane.layout
        found, largest = costed(layout, pane.counts), largest_cost(layout)
        if found is None or largest is None:
            return
        n, rows = found.n, pane.n
        value = found.total * largest / n if n else None
        problem = pane.judging_problem or self._problem or too_few_labels(layout, n, rows)
        reading = Reading(
            signal=COST,
            tier="performance",
            value=value,
            n=n,
            status="unknown",
            reason=problem,
            reference=self._reference,
        )
        if problem is not None or self._bet is None or value is None:
            yield Finding(reading)
            return
        verdict = self._bet.histogram(found.counts, found.sums, pane.start, pane.end)
        update = {
            "detector": "e_detector",
            "baseline": verdict.baseline * largest,
            "effect": None if self._reference is None else value - self._reference,
        }
        yield judged(
            reading.model_copy(update=update),
            verdict,
            "mean cost of a prediction",
            minimum_effect=layout.spec.minimum_effect.cost,
            weight=self._weight,
            unit=lambda cost: cost * largest,
        )


def _bound(reference: BinnedValues, phi: float) -> float:
    """Return the upper bound of the mean scaled cost: sharp where all mistakes cost the same."""
    if np.isclose(reference.squares, reference.total):
        return float(upper_bound(reference.total, reference.n, dispersion=phi))
    return upper_bound_of_mean(reference.total, reference.squares, reference.n, dispersion=phi)
