"""Episodes group what people see: one change is one alert, and its end is another. They never touch evidence."""

from dataclasses import dataclass, replace
from typing import Literal

from detectors.pane import ClosedPane
from detectors.signals.signal import Finding, Firing
from detectors.state import register
from schemas.contract import deterministic_id
from schemas.event_time import Micros
from schemas.reading import Family, Reading, Tier

EpisodeKey = tuple[str, str | None, str | None, str | None, Family]
"""Signal, feature, segment, detector, and the family of its panes: two may judge the same loss."""


@register
@dataclass
class Episode:
    """A change that is going on, by one detector of one signal."""

    id: str
    severity: Literal["alarm", "notice"]
    tier: Tier
    since: Micros
    """Estimated start, when the episode began."""
    evidence_since: Micros
    """Estimated start, as the newest firing has it."""
    evidence_from: Micros
    """From here on is what the newest firing rests on: each firing spends what was gathered before it."""
    fired: Micros
    """End of the pane of the newest firing."""
    value: float
    reference: float | None
    baseline: float | None
    n: int
    evidence: float | None
    alert: str | None = None
    """Id of the alert that announced it; None while it was snoozed away."""
    trigger: str | None = None
    """Id of the trigger that it led to."""
    acknowledged: bool = False


@dataclass(frozen=True)
class Change:
    """An episode that began (or is announced late), or ended."""

    key: EpisodeKey
    episode: Episode
    reading: Reading
    firing: Firing | None
    """None: it ended."""


def update(episodes: dict[EpisodeKey, Episode], finding: Finding, pane: ClosedPane) -> Change | None:
    """Bring the episodes up to a finding, in place; return what people may have to be told."""
    reading, firing = finding.reading, finding.firing
    key: EpisodeKey = (reading.signal, reading.feature, reading.segment, reading.detector, pane.key.family)
    episode = episodes.get(key)
    if firing is not None:
        if episode is None:
            parts = (pane.key.model, pane.key.version, pane.start, *key)
            episode = Episode(
                id=deterministic_id("episode", *parts),
                severity=firing.severity,
                tier=reading.tier,
                since=firing.since,
                evidence_since=firing.since,
                evidence_from=firing.since,
                fired=pane.end,
                value=firing.value,
                reference=firing.reference,
                baseline=firing.baseline,
                n=firing.n,
                evidence=reading.evidence,
            )
        else:
            graver = firing.severity == "alarm" and episode.severity == "notice"
            episode = replace(
                episode,
                severity=firing.severity if graver else episode.severity,
                alert=None if graver else episode.alert,  # people have to be told that it is an alarm by now
                evidence_since=firing.since,
                evidence_from=max(firing.since, episode.fired),
                fired=pane.end,
                value=firing.value,
                n=firing.n,
                evidence=reading.evidence,
            )
        episodes[key] = episode
        return Change(key, episode, reading, firing) if episode.alert is None else None
    if finding.recovered and episode is not None:
        del episodes[key]
        return Change(key, episode, reading, None)
    return None
