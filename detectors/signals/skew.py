"""Skew between versions: two versions of a model that serve in the same panes should see the same rows.

Versions close one after the other in each pane, so a pair is told once, in the report of the later one. Readings only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from detectors.distances import population_stability_index, psi_by_chance
from detectors.distribution import Distribution, distribution_of, watched
from detectors.layout import Counts
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Reading

OTHERS = 8  # versions of one window that are kept: one for each reference profile, and few windows see more


@register
@dataclass
class VersionTraffic:
    """What one version counted in the window."""

    version: str
    n: int
    histograms: dict[str | None, Counts]
    """By feature; None is the prediction."""


@register
class NewestTraffic:
    """Counts of the newest window of traffic: of the version with most rows, for each reference profile."""

    def __init__(self) -> None:
        self._start: Micros | None = None
        self._largest: dict[str, VersionTraffic] = {}
        """By fingerprint of the layout: the bins of others are not comparable."""

    def read(self, pane: ClosedPane) -> Iterator[Finding]:
        """Compare a traffic pane with the largest other version of the same window; then remember it."""
        if pane.start != self._start:
            self._start, self._largest = pane.start, {}
        fingerprint = pane.layout.fingerprint
        other = self._largest.get(fingerprint)
        if other is not None or self._largest:
            for feature in watched(pane.layout):
                yield Finding(_compared(pane, feature, other))
        if pane.problem is not None or not pane.n or pane.layout.profile is None:
            return
        if (other is None and len(self._largest) < OTHERS) or (other is not None and pane.n > other.n):
            histograms = {
                feature: distribution_of(pane.layout, pane.counts, feature).histogram.copy()
                for feature in watched(pane.layout)
            }
            self._largest[fingerprint] = VersionTraffic(pane.key.version, pane.n, histograms)


def _compared(pane: ClosedPane, feature: str | None, other: VersionTraffic | None) -> Reading:
    problem = pane.problem
    psi, effect, effects = None, None, None
    now = distribution_of(pane.layout, pane.counts, feature)
    if problem is None and pane.layout.profile is None:
        problem = f"no reference profile for version {pane.key.version}"
    if problem is None and other is None:
        problem = "the other versions have reference profiles with other bins"
    if problem is None and other is not None:
        before = Distribution(other.histograms[feature], now.ordered, now.edges)
        psi = population_stability_index(before.histogram, now.histogram)
        if psi is None:
            problem = "one of the versions has no values"
        else:
            effect, effects = psi - psi_by_chance(before.histogram, now.histogram), before.effects(now)
    return Reading(
        signal="version_skew",
        tier="drift",
        feature=feature,
        value=psi,
        n=int(now.histogram.sum()),
        status="ok" if problem is None else "unknown",
        reason=problem,
        effect=effect,
        effects=effects,
        other_version=None if other is None else other.version,
        other_n=None if other is None else int(other.histograms[feature].sum()),
    )
