"""Drift of what comes true: the share of each class, or the distribution of the true numbers, against the reference.

Bets on the distribution function, as `detectors.signals.drift` does for predictions: the null is that no share has
moved by more than τ (`minimum_effect.drift`). A world that has changed is no fault of the model yet: it is a notice.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from detectors.bet import Bet
from detectors.bounds import upper_bounds_by_bonferroni
from detectors.budget import Stake
from detectors.distances import population_stability_index, psi_by_chance
from detectors.layout import Counts, Layout
from detectors.outcomes import describe_label, mean_outcome, of_labels
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading

MOST_CLASSES = 20  # classes whose shares are readings of their own: the reference's most frequent ones


@register
class LabelDrift:
    """Distribution of the outcomes that became known in a pane."""

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem
        self._shares: npt.NDArray[np.float64] | None = None
        self._bet: Bet | None = None
        reference = of_labels(layout, vector(layout, "label"))
        if self._problem is None and reference.n == 0:
            self._problem = "the reference has no outcomes: name a column for outcome in files.reference"
        self._problem = self._problem or grounds.problem_of("label")
        if reference.n:
            self._shares = reference.totals / reference.n
        if self._problem is None and weight == 0:
            self._problem = "notice_weights.labels is 0: nothing is staked on it"
        if self._problem is None:
            phi = np.array([grounds.dispersion(f"label:{bet}") for bet in range(len(reference.totals))])
            baselines = upper_bounds_by_bonferroni(*reference, phi) + layout.spec.minimum_effect.drift
            self._bet = Bet(baselines, weight, layout.spec.notice_budget.length, phi)
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the pane's outcome rates, its PSI, and whether the outcomes have left the reference."""
        layout = pane.layout
        current = of_labels(layout, pane.counts)
        if current.n == 0 and self._shares is None:
            return  # nobody says what comes true
        yield from self._rates(pane)
        problem = pane.judging_problem or self._problem or (None if current.n else "no outcomes became known")
        if problem is not None or self._bet is None or self._shares is None:
            yield Finding(
                Reading(
                    signal="label_drift", tier="drift", value=None, n=int(current.n), status="unknown", reason=problem
                )
            )
            return
        before, now = _histogram(layout, vector(layout, "label")), _histogram(layout, pane.counts)
        psi = population_stability_index(before, now)
        verdict = self._bet.counts(current.totals, current.n, pane.start, pane.end)
        bet = verdict.judgement.bet
        reading = Reading(
            signal="label_drift",
            tier="drift",
            detector="cdf_bets",
            value=psi,
            n=int(current.n),
            status="ok",
            effect=None if psi is None else psi - psi_by_chance(before, now),
        )
        yield judged(
            reading,
            verdict,
            f"share of {describe_label(layout, bet)}",
            minimum_effect=layout.spec.minimum_effect.drift,
            weight=self._weight,
            severity="notice",
            reference=float(self._shares[bet]),
        )

    def _rates(self, pane: ClosedPane) -> Iterable[Finding]:
        """Yield plain readings: the share of the positive class, of each class, or the mean of the true numbers."""
        layout, reference = pane.layout, vector(pane.layout, "label")
        if not layout.classes:
            value, before = mean_outcome(layout, pane.counts), mean_outcome(layout, reference)
            yield _plain(pane, "outcome_mean", value, before, int(of_labels(layout, pane.counts).n))
            return
        now, then = (layout.families["label"].view(counts, "outcomes") for counts in (pane.counts, reference))
        n, known = int(now.sum()), int(then.sum())
        codes = [1] if layout.spec.task == "binary" else np.argsort(-then[:-1], kind="stable")[:MOST_CLASSES].tolist()
        for code in codes:
            name = "outcome_rate" if layout.spec.task == "binary" else f"outcome_rate:{layout.classes[code]}"
            value, before = (int(now[code]) / n if n else None), (int(then[code]) / known if known else None)
            yield _plain(pane, name, value, before, n)


def label_drift(layout: Layout, weight: float) -> list[LabelDrift]:
    """Return the signal of a model that has outcomes to count: no text, and no regression without a reference."""
    return [LabelDrift(layout, weight)] if "outcomes" in layout.families["label"].sections else []


def _plain(pane: ClosedPane, signal: str, value: float | None, reference: float | None, n: int) -> Finding:
    reason = pane.problem or (None if n else "no outcomes became known")
    effect = None if value is None or reference is None else value - reference
    return Finding(
        Reading(
            signal=signal,
            tier="outcomes",
            value=value,
            n=n,
            status="ok" if reason is None else "unknown",
            reason=reason,
            reference=reference,
            effect=effect,
        )
    )


def _histogram(layout: Layout, counts: Counts) -> Counts:
    histogram = layout.families["label"].view(counts, "outcomes")
    return histogram[:2] if layout.spec.task == "binary" else histogram
