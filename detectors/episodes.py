"""Episodes group what people see: one change is one alert, and its end is another. They never touch evidence."""

from dataclasses import dataclass, replace
from typing import Literal

from detectors.pane import ClosedPane
from detectors.signals.quality import EXPECTATION
from detectors.signals.signal import Finding, Firing
from detectors.state import register
from schemas.contract import deterministic_id
from schemas.event_time import Micros
from schemas.reading import Family, Reading, Tier

EpisodeKey = tuple[str, str | None, str | None, str | None, Family]
"""Signal, feature, segment, detector, and the family of its panes: two may judge the same loss."""

DRIFTS = ("feature_drift", "recent_feature_drift")
PATIENCE = 2  # times as long as the change took to be found, and still it has not fired again: it is over
FEWEST = 3  # panes; of fewer a change that is seen at once may be missed


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
    data_is_right: bool = False
    """Somebody has said that what a signal of data quality alarms about is as it should be."""
    known: str | None = None
    """Id of the incident of another version by which people know of it; None where they do not."""
    calm: Micros | None = None
    """Event time that the detector has judged without firing since it began anew, under other settings; None: it goes
    on, and knows by itself when the episode is over."""

    @property
    def took(self) -> Micros:
        """In how much event time the newest firing was found."""
        return self.fired - self.evidence_from


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
                calm=None,
            )
        episodes[key] = episode
        return Change(key, episode, reading, firing) if episode.alert is None else None
    if episode is not None and (finding.recovered or _is_over(episode, finding, pane)):
        del episodes[key]
        return Change(key, episode, reading, None)
    return None


def begin_anew(episodes: dict[EpisodeKey, Episode]) -> None:
    """Note that the detectors of the open episodes have begun anew: they know nothing of them."""
    for episode in episodes.values():
        episode.calm = 0


def unwatched(episodes: dict[EpisodeKey, Episode], pane: ClosedPane) -> list[Change]:
    """End the episodes of features and rules that the monitor file names no longer; return what is to be told."""
    spec, found = pane.layout.spec, []
    rules = {EXPECTATION + one.name for one in spec.expectations}
    for key, episode in list(episodes.items()):
        signal, feature, segment, detector, family = key
        if episode.calm is None or family != pane.key.family:
            continue
        if episode.tier != "quality" and signal not in DRIFTS:  # others name more than features
            continue
        if signal.startswith(EXPECTATION):
            gone = signal not in rules
        else:
            gone = feature is not None and feature not in spec.features
        if gone:
            del episodes[key]
            reading = Reading(
                signal=signal,
                tier=episode.tier,
                feature=feature,
                segment=segment,
                detector=detector,
                value=None,
                n=0,
                status="unknown",
                reason="the monitor file names it no longer",
            )
            found.append(Change(key, episode, reading, None))
    return found


def _is_over(episode: Episode, finding: Finding, pane: ClosedPane) -> bool:
    """Whether a detector that began anew has judged long enough without firing; notes the pane in the episode.

    What goes on would have fired again in about the time in which it was found before.
    """
    if episode.calm is None or finding.reading.status != "ok":
        return False
    width = pane.layout.spec.pane
    episode.calm += width
    return episode.calm >= max(PATIENCE * episode.took, FEWEST * width)
