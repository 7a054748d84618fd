"""How fresh things are: how long a pane went without predictions, and how old the reference is."""

from collections.abc import Iterable

from detectors.activity import silences
from detectors.pane import ClosedPane
from detectors.proxy_sections import ACTIVITY_CELLS
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.event_time import SECOND, to_micros
from schemas.reading import Family, Reading, Status


@register
class Freshness:
    """Seconds without a prediction, at the end of the pane and at most; by sixteenths of it, rounded down.

    A pane without any prediction has no summary, and no reading: the next one says how many panes were empty before it.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return how long nothing came."""
        status: Status = "ok" if pane.problem is None else "unknown"
        width = pane.layout.spec.pane / ACTIVITY_CELLS / SECOND
        at_end, longest = silences(pane.view("activity"))
        for signal, cells in (("silence_at_end", at_end), ("longest_silence", longest)):
            yield Finding(
                Reading(signal=signal, tier="system", value=cells * width, n=pane.n, status=status, reason=pane.problem)
            )


@register
class ReferenceAge:
    """Seconds from the newest row of the reference to the end of the pane; what rests on a stale one is unknown."""

    families: frozenset[Family] = frozenset({"traffic"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the age; nothing where there is no reference."""
        profile = pane.layout.profile
        if profile is not None:
            problem = pane.judging_problem
            status: Status = "ok" if problem is None else "unknown"
            age = (pane.end - to_micros(profile.end)) / SECOND
            n = profile.rows
            yield Finding(Reading(signal="reference_age", tier="system", value=age, n=n, status=status, reason=problem))
