"""How many predictions there were: by pane, by second, and with features that nobody declared."""

from collections.abc import Iterable

from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.event_time import SECOND
from schemas.reading import Family, Reading, Status, Tier


@register
class Volume:
    """Predictions in the pane and by second beside the reference's, and the share of them with unnamed features.

    Nobody judges them: traffic has days and seasons, which a reference of any length says little about.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout) -> None:
        profile = layout.profile
        same = profile is not None and profile.pane == layout.spec.pane and profile.panes > 0
        self._reference = profile.rows / profile.panes if profile and same else None
        self._seconds = layout.spec.pane / SECOND

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return counts."""
        n, problem, usual = pane.n, pane.problem, self._reference
        status: Status = "ok" if problem is None else "unknown"
        per_second = None if usual is None else usual / self._seconds
        share = float(pane.view("unexpected")[0]) / n if n else None
        found: list[tuple[str, Tier, float | None, float | None]] = [
            ("volume", "system", float(n), usual),
            ("throughput", "system", n / self._seconds, per_second),
            ("unexpected_features", "quality", share, None),
        ]
        for signal, tier, value, reference in found:
            yield Finding(
                Reading(signal=signal, tier=tier, value=value, n=n, status=status, reason=problem, reference=reference)
            )
