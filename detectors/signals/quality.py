"""Data quality: the share of missing, invalid, out-of-range and unseen values of each feature.

A broken producer is an alarm, and keeps triggers back: nobody should train on broken data.
"""

from collections.abc import Iterable

import numpy as np

from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import upper_bound
from detectors.layout import MISSING, QUALITY, Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading

WORDS = {
    "missing": "missing values of {}",
    "invalid": "values of {} that are not of its type",
    "out_of_range": "values of {} out of range",
    "unseen": "values of {} that are not allowed or not in the reference",
}


@register
class Quality:
    """One kind of defect of one feature."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, feature: str, kind: int, weight: float) -> None:
        self._feature = feature
        self._kind = kind
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem
        self._reference: float | None = None
        self._bet: Bet | None = None
        declared_never = kind == MISSING and not layout.spec.features[feature].nullable
        if layout.profile is None:
            return
        reference = indicators.of_quality(layout, vector(layout, "traffic"), feature, kind)
        if reference.n:
            self._reference = float(reference.totals[0] / reference.n)
        if self._problem is None:
            phi = grounds.dispersion(indicators.quality_name(feature, kind))
            bound = 0.0 if declared_never else float(upper_bound(reference.totals, reference.n, dispersion=phi)[0])
            effect = layout.spec.minimum_effect.quality
            self._bet = Bet(np.array([bound + effect]), weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of defects in the pane."""
        name = QUALITY[self._kind]
        totals, n = indicators.of_quality(pane.layout, pane.counts, self._feature, self._kind)
        share = float(totals[0] / n) if n else None
        problem = pane.problem or self._problem
        if problem is not None or self._bet is None or share is None:
            yield Finding(
                Reading(
                    signal=name,
                    tier="quality",
                    feature=self._feature,
                    value=share,
                    n=int(n),
                    status="unknown",
                    reason=problem or "no rows",
                    reference=self._reference,
                )
            )
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        reading = Reading(
            signal=name,
            tier="quality",
            feature=self._feature,
            detector="e_detector",
            value=share,
            n=int(n),
            status="ok",
            reference=self._reference,
            baseline=verdict.baseline,
            effect=None if self._reference is None else share - self._reference,
        )
        what = "share of " + WORDS[name].format(self._feature)
        effect = pane.layout.spec.minimum_effect.quality
        yield judged(reading, verdict, what, minimum_effect=effect, weight=self._weight)


def qualities(layout: Layout) -> list[Quality]:
    """Return the quality signals of a version; they share their weight evenly."""
    kinds = [(name, kind) for name in layout.spec.features for kind in layout.quality_kinds(name)]
    share = layout.spec.weights.quality / len(kinds)
    return [Quality(layout, name, kind, share) for name, kind in kinds] if share > 0 else []
