"""Rejected predictions: those that were refused, came twice or came too late, and are in no other count."""

from collections.abc import Iterable

import numpy as np

from detectors.bet import Bet
from detectors.bounds import upper_bound
from detectors.budget import Stake
from detectors.indicators import Indicators
from detectors.layout import Counts, Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


@register
class Rejected:
    """Share of rejected predictions, and an e-detector on its rise.

    The reference is a table, of which nothing was rejected: its share is 0, and how much the share of a good stream
    varies is not known from it. So the null is that each pane's share is at most the minimum effect.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        self._bet: Bet | None = None
        self._problem = Grounds(layout).problem
        if self._problem is None and weight == 0:
            self._problem = "weights.system is 0: nothing is staked on it"
        if self._problem is None:
            totals, n = _rejected(layout, vector(layout, "traffic"))
            bound = upper_bound(totals, n) + layout.spec.minimum_effect.rejected
            self._bet = Bet(bound, weight, layout.spec.false_alarms.length, np.ones(1))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of the pane's predictions that were rejected."""
        totals, n = _rejected(pane.layout, pane.counts)
        problem = pane.judging_problem or self._problem or (None if n else "no rows")
        value = float(totals[0]) / n if n else None
        reading = Reading(signal="rejected", tier="system", value=value, n=int(n), status="unknown", reason=problem)
        if problem is not None or self._bet is None:
            yield Finding(reading)
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        reading = reading.model_copy(update={"detector": "e_detector", "baseline": verdict.baseline})
        what = "share of predictions that were refused, duplicates or late"
        effect = pane.layout.spec.minimum_effect.rejected
        yield judged(reading, verdict, what, minimum_effect=effect, weight=self._weight)


def _rejected(layout: Layout, counts: Counts) -> Indicators:
    """Return how many predictions were rejected, and how many there were."""
    view = layout.families["traffic"].view
    rejected = float(view(counts, "rejected").sum())
    return Indicators(np.array([rejected]), float(view(counts, "n")[0]) + rejected)
