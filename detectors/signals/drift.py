"""Drift of each feature and of the predictions against the reference: bets on the distribution function.

The null is that Kolmogorov's distance to the reference is at most τ (`minimum_effect.drift`), so that no amount of data
makes a triviality a drift. PSI stands beside it as the effect size; it decides nothing. Drift alone is a notice.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import CONFIDENCE, upper_bound
from detectors.layout import UNSEEN_BUCKETS, Counts, Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


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
        if self._problem is not None:
            return
        reference = _indicators(layout, vector(layout, "traffic"), feature)
        if reference.n == 0:
            self._problem = "the reference has no rows"
            return
        bets = len(reference.totals)
        name = "prediction" if feature is None else f"feature:{feature}"
        names = [name] if bets == 1 else [f"{name}:{bet}" for bet in range(bets)]
        phi = np.array([grounds.dispersion(each) for each in names])
        confidence = 1 - (1 - CONFIDENCE) / bets  # Bonferroni: all bounds hold at once
        bounds = np.array(
            [upper_bound(total, reference.n, confidence, p) for total, p in zip(reference.totals, phi, strict=True)]
        )
        self._shares = reference.totals / reference.n
        tolerance = layout.spec.minimum_effect.drift
        self._bet = Bet(bounds + tolerance, weight, layout.spec.notice_budget.length, phi)
        if not self._bet.detector.staked:
            self._problem = HOPELESS

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the pane's PSI, and whether the distribution has left the reference."""
        layout = pane.layout
        name = "prediction_drift" if self._feature is None else "feature_drift"
        current = _indicators(layout, pane.counts, self._feature)
        problem = pane.problem or self._problem
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
        before = _histogram(layout, vector(layout, "traffic"), self._feature)
        now = _histogram(layout, pane.counts, self._feature)
        psi = population_stability_index(before, now)
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
            effect=None if psi is None else psi - psi_by_chance(before, now),
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
    """Return the drift signals of a version; they share the budget of notices evenly."""
    watched: list[str | None] = [
        name for name, feature in layout.spec.features.items() if feature.type in ("numeric", "categorical", "boolean")
    ]
    watched.append(None)
    return [Drift(layout, feature, 1 / len(watched)) for feature in watched]


def population_stability_index(reference: Counts, current: Counts) -> float | None:
    """Return PSI, Σ (p - q) ln(p / q), over bins with half a row added to each; None where either is empty."""
    if reference.sum() == 0 or current.sum() == 0:
        return None
    q = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    p = (current + 0.5) / (current.sum() + 0.5 * len(current))
    return float(((p - q) * np.log(p / q)).sum())


def psi_by_chance(reference: Counts, current: Counts) -> float:
    """Return the PSI to expect where nothing has changed: (bins - 1) (1/n + 1/N), to first order.

    Source: Yurdakul, "Statistical properties of population stability index", Western Michigan University, 2018.
    """
    bins = int((reference + current > 0).sum())
    return (bins - 1) * (1 / float(reference.sum()) + 1 / float(current.sum()))


def _indicators(layout: Layout, counts: Counts, feature: str | None) -> indicators.Indicators:
    if feature is None:
        return indicators.of_prediction(layout, counts)
    return indicators.of_feature(layout, counts, feature)


def _histogram(layout: Layout, counts: Counts, feature: str | None) -> Counts:
    if feature is None:
        return indicators.prediction_histogram(layout, counts)[0]
    histogram = layout.families["traffic"].view(counts, f"histogram:{feature}")
    if layout.spec.features[feature].type == "numeric":
        return histogram
    return np.append(histogram[:-UNSEEN_BUCKETS], histogram[-UNSEEN_BUCKETS:].sum())
