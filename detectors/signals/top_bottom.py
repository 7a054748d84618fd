"""Top-bottom analysis of the newest predictions, feature by feature: whether the model's reasons are what they were.

Readings only: they stand in alerts of performance and drift as reasons, and raise nothing.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import ndtri

from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row_codes import Codes
from detectors.signals.signal import Finding
from detectors.state import register
from detectors.top_bottom import Order, Separation, split
from schemas.alert import Reason
from schemas.reading import Family, Reading

NEWEST = 400  # rows kept of either decile: an interval of about ±0.08
FEWEST = 30  # rows of either, below which nothing is said
TWO_SIDED = 1.96
MOVED = 0.1  # of a delta that is worth naming
SIGNIFICANCE = 0.05  # of all features together, at one look


@register
class TopBottom:
    """How each feature separates the predictions with high scores from those with low ones, by the reference's deciles.

    Rows are those of the traffic panes' samples, the newest `NEWEST` of either decile. Memory is two bytes a feature
    and row.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout) -> None:
        self._problem: str | None = None
        if layout.profile is None:
            self._problem = f"no reference profile for version {layout.version}"
        elif layout.profile.tails is None:
            self._problem = "the reference knows no deciles of the score; build it again, from predictions with scores"
        self._bottom: Codes | None = None
        self._top: Codes | None = None
        self._moved: list[list[float]] = []
        """By feature, as last read: delta in the reference and its error, delta now and its error."""
        self._names: list[str] = []

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return Cliff's delta of each feature, with its interval, beside that of the reference."""
        names = [name for name, feature in pane.layout.spec.features.items() if feature.type not in _WITHOUT_BINS]
        problem = pane.judging_problem or self._problem
        tails = pane.layout.profile.tails if pane.layout.profile else None
        if problem is not None or tails is None:
            yield from (_reading(name, reason=problem) for name in names)
            return
        order = Order(pane.layout, tails)
        bottom, top = split(pane.layout, tails, [sampled.row for sampled in pane.sample])
        self._bottom = _newest(self._bottom, order.codes.of(bottom))
        self._top = _newest(self._top, order.codes.of(top))
        fewest = min(len(self._bottom), len(self._top))
        n = len(self._bottom) + len(self._top)
        if fewest < FEWEST:
            reason = (
                f"{len(self._bottom)} and {len(self._top)} rows in the lowest and highest decile; {FEWEST} are needed"
            )
            self._moved = []
            yield from (_reading(name, n=n, reason=reason) for name in names)
            return
        then, now = order.reference(), order.of(self._bottom, self._top)
        self._names = list(order.names)
        self._moved = [[*before, *after] for before, after in zip(then, now, strict=True)]
        for name, before, after in zip(order.names, then, now, strict=True):
            if np.isfinite(after.error):
                yield _reading(name, n=n, before=before.delta, now=after)
            else:
                yield _reading(name, n=n, reason="no values in one of the deciles")

    def reasons(self) -> list[Reason]:
        """Return the features whose separation has clearly changed, or changed its sign, the largest change first."""
        n = sum(len(tail) for tail in (self._bottom, self._top) if tail is not None)
        found = []
        clear = -float(ndtri(SIGNIFICANCE / 2 / max(1, len(self._moved))))
        for name, (before, error_before, now, error) in zip(self._names, self._moved, strict=False):
            spread = (error_before**2 + error**2) ** 0.5
            if abs(now - before) < MOVED or not abs(now - before) > clear * spread:
                continue
            low, high = _interval(Separation(now, error))
            turned = before * now < 0 and abs(before) > TWO_SIDED * error_before and abs(now) > TWO_SIDED * error
            said = [f"{round(each, 2) + 0.0:+.2f}" for each in (before, now, low, high)]  # + 0.0: -0.00 is +0.00
            text = f"{name}: {said[0]} in the reference, {said[1]} now ({said[2]} to {said[3]})"
            text += "; it has changed its sign" if turned else ""
            found.append(Reason(feature=name, reference=before, value=now, low=low, high=high, n=n, description=text))
        return sorted(found, key=lambda reason: (-abs(reason.value - reason.reference), reason.feature))


_WITHOUT_BINS = ("text", "datetime")


def _newest(kept: Codes | None, more: Codes) -> Codes:
    return (more if kept is None else np.concatenate((kept, more)))[-NEWEST:].copy()


def _interval(now: Separation) -> tuple[float, float]:
    return max(-1.0, now.delta - TWO_SIDED * now.error), min(1.0, now.delta + TWO_SIDED * now.error)


def _reading(
    name: str, n: int = 0, reason: str | None = None, before: float | None = None, now: Separation | None = None
) -> Finding:
    low, high = (None, None) if now is None else _interval(now)
    return Finding(
        Reading(
            signal="top_bottom",
            tier="drift",
            feature=name,
            value=None if now is None else now.delta,
            low=low,
            high=high,
            n=n,
            status="ok" if reason is None else "unknown",
            reason=reason,
            reference=before,
            effect=None if now is None or before is None else now.delta - before,
            sampled=True,
        )
    )
