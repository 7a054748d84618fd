"""Latency: quantiles, and the share of predictions that took longer than the reference's 95 %."""

from collections.abc import Iterable

import numpy as np

from detectors.bet import Bet
from detectors.bounds import upper_bound
from detectors.budget import Stake
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import slow_share, vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.sketch import quantile
from detectors.state import register
from schemas.reading import Family, Reading, Status


@register
class Latency:
    """Quantiles of the latency, and an e-detector on the share slower than the reference's 95 %."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem_of("slow")
        self._reference: float | None = None
        self._bet: Bet | None = None
        reference = slow_share(layout, vector(layout, "traffic"))
        if self._problem is None and reference.n == 0:
            self._problem = "the reference has no latencies"
        if self._problem is None and weight == 0:
            self._problem = "weights.system is 0: nothing is staked on it"
        if self._problem is None:
            self._reference = float(reference.totals[0] / reference.n)
            phi = grounds.dispersion("slow")
            bound = upper_bound(reference.totals, reference.n, dispersion=phi)
            effect = layout.spec.minimum_effect.latency
            self._bet = Bet(bound + effect, weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return latencies where the producer sends any."""
        buckets = pane.view("latency")
        timed = int(buckets.sum())
        if timed == 0:
            if self._bet is not None:
                reason = pane.problem or "no prediction in the pane says how long it took"
                yield Finding(
                    Reading(signal="latency", tier="system", value=None, n=0, status="unknown", reason=reason)
                )
            return
        status: Status = "ok" if pane.problem is None else "unknown"
        for q in (50, 95, 99):
            micros = quantile(buckets, q / 100)
            value = None if micros is None else micros / 1_000
            yield Finding(
                Reading(signal=f"latency_p{q}", tier="system", value=value, n=timed, status=status, reason=pane.problem)
            )
        totals, n = slow_share(pane.layout, pane.counts)
        problem = pane.judging_problem or self._problem
        if problem is not None or self._bet is None:
            share = float(totals[0] / n) if n else None
            yield Finding(
                Reading(signal="latency", tier="system", value=share, n=timed, status="unknown", reason=problem)
            )
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        profile = pane.layout.profile
        threshold = profile.slow_ms if profile and profile.slow_ms else 0.0
        reading = Reading(
            signal="latency",
            tier="system",
            detector="e_detector",
            value=float(totals[0] / n),
            n=int(n),
            status="ok",
            reference=self._reference,
            baseline=verdict.baseline,
        )
        what = f"share of predictions slower than {threshold:.4g} ms"
        effect = pane.layout.spec.minimum_effect.latency
        yield judged(reading, verdict, what, minimum_effect=effect, weight=self._weight)
