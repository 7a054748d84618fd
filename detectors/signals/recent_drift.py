"""Drift against the recent past: has a feature, or the prediction, changed within the last few panes?

The null is that each pane's distribution is within τ (`minimum_effect.drift`) of that of the panes a while before it. A
change that has become usual is no change any more. Alone it is a notice. It goes by rows that have a value: how many
are missing is a matter of data quality, and an outage that is over must not make what came after it look changed.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

import numpy as np

from detectors import indicators
from detectors.bet import Verdict
from detectors.bounds import CONFIDENCE, upper_bound
from detectors.budget import Stake, even_share
from detectors.change_interval import RecentPanes
from detectors.distances import population_stability_index, psi_by_chance
from detectors.distribution import Distribution, bet_names, distribution_of, indicators_of, watched
from detectors.layout import Counts, Layout
from detectors.moving_bets import Floats, MovingBets
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import Finding, Grounds
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family, Reading


@register
class RecentDrift:
    """Distribution of one feature, or of the prediction (feature None), against W panes that ended W panes ago.

    Panes are those with values and without a problem, W is `recent`. The gap lets a slow change show, and keeps the
    panes of a change out of what it is compared with until it has lasted W panes.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, feature: str | None, weight: float) -> None:
        self._feature = feature
        self._weight = weight
        self._window = layout.spec.recent
        self._panes: deque[Counts] = deque(maxlen=2 * self._window)
        """Newest panes, the oldest first, as `_folded` has them."""
        self._starts: deque[Micros] = deque(maxlen=2 * self._window)
        self._since_fired = 0
        grounds = Grounds(layout)
        self._problem = grounds.problem
        bets = len(indicators_of(layout, vector(layout, "traffic"), feature).totals)
        self._dispersion = np.array([grounds.dispersion(name) for name in bet_names(feature, bets)])
        self._bets = MovingBets(weight, layout.spec.notice_budget.length, self._dispersion)

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._problem is not None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return PSI against the recent past, and whether the distribution has left it; then remember the pane."""
        current = _present(indicators_of(pane.layout, pane.counts, self._feature))
        problem = pane.judging_problem or self._problem  # φ is the reference's
        if problem is None and not current.n:
            problem = "no row of the pane has a value of it"
        known = len(self._panes)
        if problem is None and known < 2 * self._window:
            problem = f"the recent past, 2 x `recent` = {2 * self._window} panes, is not complete yet"
        if problem is not None:
            yield Finding(self._reading(int(current.n), reason=problem))
        else:
            yield self._judged(pane, current)
        if pane.problem is None and self._problem is None and current.n:
            self._panes.append(_folded(current))
            self._starts.append(pane.start)

    def _judged(self, pane: ClosedPane, current: indicators.Indicators) -> Finding:
        layout = pane.layout
        past = np.sum(list(islice(self._panes, self._window)), axis=0)
        recent = _unfolded(past)
        confidence = 1 - (1 - CONFIDENCE) / len(recent.totals)  # Bonferroni: all bounds of the pane hold at once
        bounds = np.minimum(_bounds(recent, confidence, self._dispersion) + layout.spec.minimum_effect.drift, 1.0)
        verdict = self._bets.close(bounds, current.totals, current.n, pane.start, pane.end)
        self._since_fired += 1
        if verdict.judgement.fired:
            self._since_fired = 0
            verdict = self._with_interval(verdict, current, pane.start)
        elif self._bets.open and self._since_fired >= 2 * self._window:
            self._bets.settle()
            verdict = verdict._replace(recovered=True)
        now = distribution_of(layout, pane.counts, self._feature)
        before = Distribution(_histogram(past, now.ordered), now.ordered, now.edges)
        psi = population_stability_index(before.histogram, now.histogram)
        bet = verdict.judgement.bet
        reading = self._reading(
            int(current.n),
            value=psi,
            effect=None if psi is None else psi - psi_by_chance(before.histogram, now.histogram),
            effects=before.effects(now),
            other_n=int(recent.n),
        )
        return judged(
            reading,
            verdict,
            f"share of {indicators.describe(layout, self._feature, bet)}, against the recent past,",
            minimum_effect=layout.spec.minimum_effect.drift,
            weight=self._weight,
            severity="notice",
            reference=float(recent.totals[bet] / recent.n),
        )

    def _with_interval(self, verdict: Verdict, current: indicators.Indicators, start: Micros) -> Verdict:
        """Return the verdict with the interval of the change's start, as the panes that are remembered have it."""
        panes = RecentPanes(len(current.totals))
        for begun, folded in zip(self._starts, self._panes, strict=True):
            known = _unfolded(folded)
            panes.add(known.totals, known.n, begun)
        panes.add(current.totals, current.n, start)
        judgement = verdict.judgement
        found = panes.change_interval(judgement.bet, float(self._dispersion[judgement.bet]))
        if found is None:
            return verdict
        low, _, high = found
        return verdict._replace(since_low=min(low, judgement.since), since_high=max(high, judgement.since))

    def _reading(
        self,
        n: int,
        *,
        reason: str | None = None,
        value: float | None = None,
        effect: float | None = None,
        effects: dict[str, float] | None = None,
        other_n: int | None = None,
    ) -> Reading:
        return Reading(
            signal="recent_prediction_drift" if self._feature is None else "recent_feature_drift",
            tier="drift",
            feature=self._feature,
            detector="moving_cdf_bets",
            value=value,
            n=n,
            status="ok" if reason is None else "unknown",
            reason=reason,
            effect=effect,
            effects=effects,
            other_n=other_n,
        )


def recent_drifts(layout: Layout, weight: float) -> list[RecentDrift]:
    """Return the signals of drift against the recent past; they share `weight` of the notices evenly."""
    features = watched(layout)
    share = even_share(weight, len(features))
    return [RecentDrift(layout, feature, share) for feature in features if share > 0]


def _bounds(recent: indicators.Indicators, confidence: float, dispersion: Floats) -> Floats:
    # each bet by its own φ, all in one call
    return upper_bound(recent.totals / dispersion, recent.n / dispersion, confidence)


def _present(found: indicators.Indicators) -> indicators.Indicators:
    """Return the indicators among rows that have a value, of which none is missing."""
    totals = found.totals.copy()
    totals[-1] = 0.0
    return indicators.Indicators(totals, found.n - float(found.totals[-1]))


def _folded(found: indicators.Indicators) -> Counts:
    """Return half of the indicators, the missing rows and all rows: the other half follows from these."""
    half = len(found.totals) // 2
    folded = np.empty(half + 2, dtype=np.int64)
    folded[:half] = found.totals[:half]
    folded[half:] = found.totals[-1], found.n
    return folded


def _unfolded(folded: Counts) -> indicators.Indicators:
    counts = folded.astype(np.float64)
    half, missing, n = counts[:-2], counts[-2], float(counts[-1])
    return indicators.Indicators(np.concatenate([half, n - missing - half, [missing]]), n)


def _histogram(folded: Counts, ordered: bool) -> Counts:
    """Return rows by bin: of ordered bins the indicators are counts up to each edge."""
    if not ordered:
        return folded[:-2]
    counts = folded[:-1].copy()
    counts[-1] = folded[-1] - folded[-2]
    counts[1:] -= folded[:-2]
    return counts
