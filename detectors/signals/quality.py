"""Data quality: the share of missing, invalid, out-of-range and unseen values of each feature, and of broken rules.

A broken producer is an alarm, and keeps triggers back: nobody should train on broken data.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import upper_bound
from detectors.budget import Stake
from detectors.expectations import Allowed, of_expectation
from detectors.layout import INVALID, MISSING, OUT_OF_RANGE, QUALITY, UNSEEN, Layout, category
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.expectation import Expectation
from schemas.reading import Family, Reading

EXPECTATION = "expectation:"
"""What the names of signals of expectations begin with."""
ENOUGH = 30  # rows of a pane, all of them so, that are no coincidence
NAMED = 3  # values that are not expected, in an alert
SHOWN = 40  # characters of one
WORDS = {
    "missing": "missing values of {}",
    "invalid": "values of {} that are not of its type",
    "out_of_range": "values of {} out of range",
    "unseen": "values of {} that are not allowed or not in the reference",
}

CAUSES = {MISSING: "which no row has any more", INVALID: "which has changed its type"}
"""What has happened when all values of a feature are so; `detectors.schema_changes` tells it as an event, too."""


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
            phi = _dispersion(layout, grounds, feature, kind)
            bound = 0.0 if declared_never else float(upper_bound(reference.totals, reference.n, dispersion=phi)[0])
            effect = layout.spec.minimum_effect.quality
            self._bet = Bet(np.array([bound + effect]), weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of defects in the pane."""
        name = QUALITY[self._kind]
        totals, n = indicators.of_quality(pane.layout, pane.counts, self._feature, self._kind)
        share = float(totals[0] / n) if n else None
        problem = pane.judging_problem or self._problem
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
        if totals[0] == n >= ENOUGH and self._kind in CAUSES:
            what += f", {CAUSES[self._kind]},"
        if self._kind == UNSEEN and verdict.judgement.fired:
            what += _named(pane, self._feature)
        effect = pane.layout.spec.minimum_effect.quality
        yield judged(reading, verdict, what, minimum_effect=effect, weight=self._weight)


@register
class Expected:
    """One declared expectation: the share of rows that break its rule, of those that it says something of."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, expectation: Expectation, weight: float) -> None:
        self._name = expectation.name
        self._rule = expectation.rule
        self._weight = weight
        allowed = Allowed(layout, expectation)
        self._problem = allowed.problem
        self._reference = allowed.reference
        self._bet: Bet | None = None
        if self._problem is None:
            phi = np.array([allowed.dispersion])
            baseline = np.array([min(1.0, allowed.bound + layout.spec.minimum_effect.quality)])
            self._bet = Bet(baseline, weight, layout.spec.false_alarms.length, phi)
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of rows of the pane that break the rule."""
        totals, n = of_expectation(pane.layout, pane.counts, self._rule)
        share = float(totals[0] / n) if n else None
        reading = Reading(
            signal=f"{EXPECTATION}{self._name}",
            tier="quality",
            value=share,
            n=int(n),
            status="unknown",
            reference=self._reference,
        )
        problem = pane.judging_problem or self._problem
        if problem is not None or self._bet is None or share is None:
            reason = problem or "the rule says nothing of any row"
            yield Finding(reading.model_copy(update={"reason": reason}))
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        effect = None if self._reference is None else share - self._reference
        reading = reading.model_copy(
            update={"detector": "e_detector", "baseline": verdict.baseline, "effect": effect, "status": "ok"}
        )
        what = f"share of rows that break {self._name} ({self._rule})"
        effect = pane.layout.spec.minimum_effect.quality
        yield judged(reading, verdict, what, minimum_effect=effect, weight=self._weight)


def _named(pane: ClosedPane, feature: str) -> str:
    """Return the most frequent values of a pane's sample that are not expected, in brackets; nothing without any."""
    layout, place = pane.layout, list(pane.layout.spec.features).index(feature)
    codes, allowed = layout.codes[feature], layout.allowed(feature)
    values = Counter(category(sampled.row.features[place]) for sampled in pane.sample)
    new = {text: n for text, n in values.items() if text and text not in (codes if allowed is None else allowed)}
    shown = sorted(new, key=lambda text: (-new[text], text))[:NAMED]
    told = ", ".join(repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…") for text in shown)
    return f" ({told}{' and others' if len(new) > NAMED else ''})" if shown else ""


def _dispersion(layout: Layout, grounds: Grounds, feature: str, kind: int) -> float:
    """Return φ of a kind of defect.

    No row of the reference is out of a range that is the reference's own, so there they cannot show how they come in
    panes; the outermost bins can.
    """
    phi = grounds.dispersion(indicators.quality_name(feature, kind))
    edges = len(layout.edges.get(feature, ()))
    spec = layout.spec.features[feature]
    if kind != OUT_OF_RANGE or edges == 0 or spec.minimum is not None or spec.maximum is not None:
        return phi
    lowest, highest = f"feature:{feature}:0", f"feature:{feature}:{2 * edges - 1}"  # `indicators.of_feature`
    return max(phi, grounds.dispersion(lowest), grounds.dispersion(highest))


def qualities(layout: Layout) -> list[Quality | Expected]:
    """Return the quality signals of a version; they share their weight evenly."""
    kinds = [(name, kind) for name in layout.spec.features for kind in layout.quality_kinds(name)]
    expectations = layout.spec.expectations
    share = layout.spec.weights.quality / (len(kinds) + len(expectations))
    if share <= 0:
        return []
    return [
        *(Quality(layout, name, kind, share) for name, kind in kinds),
        *(Expected(layout, expectation, share) for expectation in expectations),
    ]
