"""What comes with the labels, by the time they became known: how late they are, and what users say."""

from collections.abc import Iterable

import numpy as np

from detectors.bet import Bet
from detectors.bounds import upper_bound_of_mean
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import rating_shortfall, vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.sketch import quantile
from detectors.state import register
from schemas.reading import Family, Reading, Status


@register
class LabelDelay:
    """Quantiles of how long labels took, in seconds."""

    families: frozenset[Family] = frozenset({"label"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the delays of the labels that became known in the pane."""
        buckets = pane.view("delay")
        n = int(buckets.sum())
        status: Status = "ok" if pane.problem is None else "unknown"
        for q in (50, 95):
            value = quantile(buckets, q / 100)
            signal = f"label_delay_p{q}"
            yield Finding(Reading(signal=signal, tier="system", value=value, n=n, status=status, reason=pane.problem))


@register
class Coverage:
    """Share of a cohort that is labelled when it is judged."""

    families: frozenset[Family] = frozenset({"cohort"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the coverage; below the floor, performance is unknown."""
        n = pane.n
        labelled = int(pane.view("losses").sum())
        share = labelled / n if n else None
        floor = pane.layout.spec.label_coverage
        reason = pane.problem
        if pane.layout.loss_scale is None:
            share, reason = None, f"losses are not counted: no reference profile for version {pane.layout.version}"
        elif share is None or share < floor:
            reason = reason or f"{labelled} of {n} rows are labelled; label_coverage asks for {floor:g}"
        yield Finding(
            Reading(
                signal="label_coverage",
                tier="quality",
                value=share,
                n=n,
                status="ok" if reason is None else "unknown",
                reason=reason,
                baseline=floor,
            )
        )


@register
class Rating:
    """Users' ratings: an e-detector on their fall."""

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, layout: Layout) -> None:
        self._weight = layout.spec.weights.outcomes
        grounds = Grounds(layout)
        self._problem = grounds.problem_of("rating")
        self._reference: float | None = None
        self._bet: Bet | None = None
        shortfall = rating_shortfall(layout, vector(layout, "label"))
        if self._problem is None and shortfall.n == 0:
            self._problem = "the reference has no ratings"
        if self._problem is None and self._weight == 0:
            self._problem = "weights.outcomes is 0: nothing is staked on it"
        if self._problem is None:
            total, phi = float(shortfall.totals[0]), grounds.dispersion("rating")
            self._reference = 1 - total / shortfall.n
            # of values in [0, 1] the sum is no less than the sum of squares
            bound = upper_bound_of_mean(total, total, shortfall.n, dispersion=phi)
            effect = layout.spec.minimum_effect.rating
            self._bet = Bet(np.array([bound + effect]), self._weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the mean rating where there are ratings."""
        totals, n = rating_shortfall(pane.layout, pane.counts)
        if n == 0 and self._bet is None:
            return  # nobody rates this model
        value = 1 - float(totals[0]) / n if n else None
        problem = pane.problem or self._problem or (None if n else "no ratings became known")
        if problem is not None or self._bet is None:
            yield Finding(
                Reading(signal="rating", tier="outcomes", value=value, n=int(n), status="unknown", reason=problem)
            )
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        reading = Reading(
            signal="rating",
            tier="outcomes",
            detector="e_detector",
            value=value,
            n=int(n),
            status="ok",
            reference=self._reference,
            baseline=1 - verdict.baseline,
        )
        effect = pane.layout.spec.minimum_effect.rating
        yield judged(
            reading, verdict, "mean rating", minimum_effect=effect, weight=self._weight, unit=lambda loss: 1 - loss
        )
