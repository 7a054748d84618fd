"""Proxies: what outputs say of themselves before any label: confidence, entropy, repetition, texts that are no answer.

A proxy that has moved is a notice: it says that something is different, not that it is worse.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.bet import Bet
from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.budget import Stake
from detectors.layout import Counts, Layout
from detectors.pane import ClosedPane
from detectors.proxy_indicators import margin, proxies_of, proxy_histogram, proxy_mean, proxy_name
from detectors.reference import moments, vector
from detectors.signals.attached_scores import ScoreDrift, ScoreReading
from detectors.signals.judged import judged
from detectors.signals.repeated import Repeated
from detectors.signals.signal import HOPELESS, Finding, Grounds, Signal
from detectors.state import register
from schemas.reading import Family, Reading, Status

NONE = "no prediction in the pane has it"


@dataclass(frozen=True)
class _Words:
    signal: str
    what: str
    falls: bool = False
    """People read 1 minus what is counted."""


_WORDS = {
    "doubt": _Words("confidence", "mean confidence", falls=True),
    "entropy": _Words("entropy", "mean entropy of the probabilities"),
    "repetition": _Words("repetition", "mean share of repeated groups of three words in a text"),
    "empty": _Words("empty_outputs", "share of texts with nothing to read"),
    "oversized": _Words("oversized_outputs", "share of oversized texts"),
    "refused": _Words("refused_outputs", "share of texts that refuse to answer"),
    "listed": _Words("listed_words", "share of texts with a word of the list"),
}


@register
class Proxy:
    """Mean of one proxy in [0, 1], and an e-detector on its rise (of confidence: its fall)."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, proxy: str, weight: float) -> None:
        self._proxy = proxy
        self._weight = weight
        self._reference: float | None = None
        self._bet: Bet | None = None
        grounds = Grounds(layout)
        self._problem = grounds.problem_of(proxy_name(proxy)) or _missing(layout, proxy)
        bins, sums = proxy_histogram(layout, vector(layout, "traffic"), proxy)
        n, total, squares = moments(bins, sums)
        if n:
            self._reference = self._shown(total / n)
        if self._problem is None and weight == 0:
            self._problem = "its weight is 0: nothing is staked on it"
        if self._problem is None:
            phi = grounds.dispersion(proxy_name(proxy))
            one = len(bins) == 1
            bound = (
                float(upper_bound(total, n, dispersion=phi))
                if one
                else upper_bound_of_mean(total, squares, n, dispersion=phi)
            )
            baseline = np.array([bound + layout.spec.minimum_effect.proxies])
            self._bet = Bet(baseline, weight, layout.spec.notice_budget.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the mean in the pane; nothing where neither the pane nor the reference has any."""
        words, effect = _WORDS[self._proxy], pane.layout.spec.minimum_effect.proxies
        bins, sums = proxy_histogram(pane.layout, pane.counts, self._proxy)
        n = int(bins.sum())
        if n == 0 and self._reference is None:
            return
        value = self._shown(float(sums.sum()) / n) if n else None
        problem = pane.judging_problem or self._problem or (None if n else NONE)
        reading = Reading(
            signal=words.signal,
            tier="proxies",
            value=value,
            n=n,
            status="unknown",
            reason=problem,
            reference=self._reference,
        )
        if problem is not None or self._bet is None:
            yield Finding(reading)
            return
        verdict = self._bet.histogram(bins, sums, pane.start, pane.end)
        reading = reading.model_copy(
            update={
                "detector": "e_detector",
                "baseline": self._shown(verdict.baseline),
                "effect": None if value is None or self._reference is None else value - self._reference,
            }
        )
        yield judged(
            reading,
            verdict,
            words.what,
            minimum_effect=effect,
            weight=self._weight,
            severity="notice",
            unit=self._shown,
        )

    def _shown(self, mean: float) -> float:
        return 1 - mean if _WORDS[self._proxy].falls else mean


@register
class PlainMean:
    """Mean of what nobody judges: the margin, and the entropy of two classes, which follows from the confidence."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, proxy: str) -> None:
        self._proxy = proxy
        self._reference, _ = self._mean(layout, vector(layout, "traffic"))

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return it where there are probabilities, or the reference has some."""
        value, n = self._mean(pane.layout, pane.counts)
        if n or self._reference is not None:
            problem = pane.problem or (None if n else NONE)
            status: Status = "ok" if problem is None else "unknown"
            yield Finding(
                Reading(
                    signal=self._proxy,
                    tier="proxies",
                    value=value,
                    n=n,
                    status=status,
                    reason=problem,
                    reference=self._reference,
                )
            )

    def _mean(self, layout: Layout, counts: Counts) -> tuple[float | None, int]:
        if self._proxy == "margin":
            return margin(layout, counts)
        (total,), n = proxy_mean(layout, counts, self._proxy)
        return (float(total) / n if n else None), int(n)


def proxies(layout: Layout, weight: float) -> list[Signal]:
    """Return the proxies of a version; those that the reference has share their weight evenly."""
    task, scores = layout.spec.task, layout.spec.scores
    plain = {"binary": ("entropy", "margin"), "multiclass": ("margin",)}.get(task, ())
    means = [name for name in proxies_of(layout) if name not in plain]
    judged_means = sum(_missing(layout, name) is None for name in means)
    drifting = sum(ScoreDrift.known(layout, name) for name in scores)
    share = weight / (judged_means + 1 + drifting)
    return [
        *(Proxy(layout, name, share) for name in means),
        *(PlainMean(layout, name) for name in plain),
        Repeated(layout, share),
        *(ScoreReading(layout, name) for name in scores),
        *(ScoreDrift(layout, name, share) for name in scores),
    ]


def _missing(layout: Layout, proxy: str) -> str | None:
    """Return why there is no reference for a proxy, or None."""
    if proxy_histogram(layout, vector(layout, "traffic"), proxy)[0].sum() == 0:
        return "the reference has none"
    return None
