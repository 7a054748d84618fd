"""Drift of each feature and of the predictions against the reference: bets on the distribution function.

The null is that Kolmogorov's distance to the reference is at most τ (`minimum_effect.drift`), so that no amount of data
makes a triviality a drift. PSI and other distances stand beside it as effect sizes; they decide nothing. Drift alone is
a notice.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import upper_bounds_by_bonferroni
from detectors.budget import Stake, even_share
from detectors.distances import population_stability_index, psi_by_chance
from detectors.distribution import bet_names, distribution_of, indicators_of, watched
from detectors.e_detector import Aim
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.simultaneous import upper_bounds_of_ordered
from detectors.state import register
from schemas.reading import Family, Reading

FLOOR = 0.03
"""What every edge has for its prior, beside p (1 - p): a shift moves the function most in the middle, by as much as its
density there; but new values may turn up at an end, or missing ones, where the reference has none."""
DISTANT = Aim(rise=0.12, spread=0.5)
"""What a shift of .25 σ leaves above τ and the bound of 5,000 to 50,000 rows is .11 to .15 of the standard deviation of
an edge in the middle. Larger shifts show soon whatever is staked on them."""


@register
class Drift:
    """Distribution of one feature, or of the prediction (feature None)."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, feature: str | None, weight: float) -> None:
        self._feature = feature
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem
        self._shares: npt.NDArray[np.float64] | None = None
        self._bet: Bet | None = None
        if self._problem is None and weight == 0:
            self._problem = "its weight is 0: nothing is staked on it"
        if self._problem is not None:
            return
        reference = indicators_of(layout, vector(layout, "traffic"), feature)
        if reference.n == 0:
            self._problem = "the reference has no rows"
            return
        bets = len(reference.totals)
        phi = np.array([grounds.dispersion(name) for name in bet_names(feature, bets)])
        totals, n = reference
        ordered = distribution_of(layout, vector(layout, "traffic"), feature).ordered
        bounds = (upper_bounds_of_ordered if ordered else upper_bounds_by_bonferroni)(totals, n, phi)
        self._shares = totals / n
        tolerance = layout.spec.minimum_effect.drift
        prior = self._shares * (1 - self._shares) + FLOOR if ordered else np.ones(bets)
        self._bet = Bet(bounds + tolerance, weight, layout.spec.notice_budget.length, phi, prior, DISTANT)
        if not self._bet.detector.staked:
            self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the pane's PSI, and whether the distribution has left the reference."""
        layout = pane.layout
        name = "prediction_drift" if self._feature is None else "feature_drift"
        current = indicators_of(layout, pane.counts, self._feature)
        problem = pane.judging_problem or self._problem
        if problem is not None or self._bet is None or self._shares is None:
            yield Finding(
                Reading(
                    signal=name,
                    tier="drift",
                    feature=self._feature,
                    value=None,
                    n=int(current.n),
                    status="unknown",
                    reason=problem,
                )
            )
            return
        before = distribution_of(layout, vector(layout, "traffic"), self._feature)
        now = distribution_of(layout, pane.counts, self._feature)
        psi = population_stability_index(before.histogram, now.histogram)
        verdict = self._bet.counts(current.totals, current.n, pane.start, pane.end)
        bet = verdict.judgement.bet
        reading = Reading(
            signal=name,
            tier="drift",
            feature=self._feature,
            detector="cdf_bets",
            value=psi,
            n=int(current.n),
            status="ok",
            effect=None if psi is None else psi - psi_by_chance(before.histogram, now.histogram),
            effects=before.effects(now),
        )
        yield judged(
            reading,
            verdict,
            f"share of {indicators.describe(layout, self._feature, bet)}",
            minimum_effect=layout.spec.minimum_effect.drift,
            weight=self._weight,
            severity="notice",
            reference=float(self._shares[bet]),
        )


def drifts(layout: Layout) -> list[Drift]:
    """Return the drift signals of a version: features share a weight evenly, predictions have one of their own."""
    weights = layout.spec.notice_weights
    features = [feature for feature in watched(layout) if feature is not None]
    share = even_share(weights.features, len(features))
    stakes: list[tuple[str | None, float]] = [*((feature, share) for feature in features), (None, weights.predictions)]
    return [Drift(layout, feature, weight) for feature, weight in stakes if weight > 0]
