"""Scores that a producer attaches to its predictions (`scores` of the monitor file): mean, missing share and drift."""

from collections.abc import Iterable
from dataclasses import replace

from detectors.layout import FIXED, MISSING, Counts, Layout
from detectors.numeric_bins import sum_scale
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.drift import Drift
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.proxy_spec import attached
from schemas.reading import Family, Reading, Status


@register
class ScoreReading:
    """Mean of a score, and the share of predictions without one; nobody judges them, drift sees both."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, score: str) -> None:
        self._score = score
        reference = vector(layout, "traffic")
        self._reference = {
            "score_mean": _mean(layout, reference, score),
            "score_missing": _missing(layout, reference, score),
        }

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the mean of the scores that are numbers, and the share of those that are not there."""
        layout, n = pane.layout, pane.n
        scored = int(pane.view(f"histogram:{attached(self._score)}").sum())
        mean, reason = _mean(layout, pane.counts, self._score), pane.problem
        if mean is None and reason is None:
            no_scale = "no reference says how large its values are, and none can be summed"
            reason = no_scale if scored else "no prediction in the pane has it"
        missing = _missing(layout, pane.counts, self._score)
        yield self._finding("score_mean", mean, scored, reason)
        yield self._finding("score_missing", missing, n, pane.problem or (None if n else "no rows"))

    def _finding(self, signal: str, value: float | None, n: int, reason: str | None) -> Finding:
        status: Status = "ok" if reason is None else "unknown"
        return Finding(
            Reading(
                signal=signal,
                tier="proxies",
                feature=self._score,
                value=value,
                n=n,
                status=status,
                reason=reason,
                reference=self._reference[signal],
            )
        )


@register
class ScoreDrift(Drift):
    """Distribution of a score, as that of a numeric feature."""

    def __init__(self, layout: Layout, score: str, weight: float) -> None:
        super().__init__(layout, attached(score), weight)
        self._score = score
        if self._bet is not None and not self.known(layout, score):
            self._problem, self._bet = "the reference has none", None

    @staticmethod
    def known(layout: Layout, score: str) -> bool:
        """Return whether the reference has values of a score."""
        return bool(_histogram(layout, vector(layout, "traffic"), score).sum())

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the pane's PSI, and whether the distribution has left the reference."""
        named = {"signal": "score_drift", "tier": "proxies", "feature": self._score}
        for finding in super().read(pane):
            yield replace(finding, reading=finding.reading.model_copy(update=named))


def _histogram(layout: Layout, counts: Counts, score: str) -> Counts:
    return layout.families["traffic"].view(counts, f"histogram:{attached(score)}")


def _mean(layout: Layout, counts: Counts, score: str) -> float | None:
    n, scale = int(_histogram(layout, counts, score).sum()), sum_scale(layout, attached(score))
    if not n or scale is None:
        return None
    return float(layout.families["traffic"].view(counts, f"sum:{attached(score)}")[0]) / FIXED * scale / n


def _missing(layout: Layout, counts: Counts, score: str) -> float | None:
    view = layout.families["traffic"].view
    n = int(view(counts, "n")[0])
    return float(view(counts, f"quality:{attached(score)}")[MISSING]) / n if n else None
