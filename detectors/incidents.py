"""Incidents: one change is one alert, however many signals see it. They never touch evidence or episodes' own state.

The first firing that is told opens an incident; later ones whose estimated start lies near the incident's join it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from detectors.change_span import Span, span_of
from detectors.episodes import Change, EpisodeKey
from detectors.history import History
from detectors.later_change import changed_later
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.calibration import NAME as CALIBRATION
from detectors.signals.loss import NAMES
from detectors.signals.quality import EXPECTATION
from detectors.signals.signal import Firing
from detectors.state import register
from schemas.contract import deterministic_id
from schemas.event_time import Micros
from schemas.reading import Tier

MOST = 100  # open incidents of a version; the oldest makes room, and its end is not told

ESTIMATED = "estimated_"
"""What the names of estimates of performance begin with."""

SURE = 1_000.0  # evidence beyond which a change is as sure as another

Worth = tuple[bool, int, float, bool, str]

_WORTH: dict[Tier, int] = {tier: worth for worth, tier in enumerate(get_args(Tier))}
_HANDS: dict[Tier, str] = {"quality": "pipeline", "system": "serving"}
"""Who has to act on an alarm of a tier; of all others it is the model's own people."""


@register
@dataclass
class Member:
    """A signal that moved with an incident, as it was when it joined."""

    severity: Literal["alarm", "notice"]
    tier: Tier
    what: str
    value: float
    reference: float | None
    n: int
    since: Micros
    evidence: float | None
    over: bool = False


@register
@dataclass
class Back:
    """What the leading signal read when its own episode ended."""

    value: float | None
    effect: float | None
    n: int
    evidence: float | None
    time: Micros


@register
@dataclass
class Incident:
    """A change that is going on, with all signals that see it."""

    id: str
    """That of the episode which opened it; the `episode` of all its alerts."""
    severity: Literal["alarm", "notice"]
    lead: EpisodeKey
    """The signal of most worth that was told."""
    since: Micros
    low: Micros
    high: Micros
    """Where its start lies, as the lead has it, a pane to either side."""
    value: float
    reference: float | None
    baseline: float | None
    told: Micros
    """End of the pane in which it was opened, or last told as of more worth."""
    alert: str
    """Id of the newest alert."""
    members: dict[EpisodeKey, Member] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    """Whose alarms have been told."""
    back: Back | None = None
    acknowledged: bool = False
    """Somebody has seen what was told of it: no more is, for them. Told again, it is to be acknowledged again."""

    @property
    def tier(self) -> Tier:
        """Tier of the lead."""
        return self.members[self.lead].tier

    def others(self, key: EpisodeKey) -> list[tuple[EpisodeKey, Member]]:
        """Return all members but one, those of most worth first."""
        rest = [(each, member) for each, member in self.members.items() if each != key]
        return sorted(rest, key=lambda item: _worth(item[1].severity, item[1].tier, item[1].evidence, item[0]))


class Told(NamedTuple):
    """Something that people have to be told of an incident."""

    incident: Incident
    change: Change | None
    """The firing to tell; None: it is over."""


class Joined(NamedTuple):
    """A firing that belongs to an incident and is not told."""

    incident: Incident
    change: Change


def take(
    incidents: list[Incident], changes: Iterable[Change], pane: ClosedPane, history: History
) -> tuple[list[Told], list[Joined]]:
    """Sort the changes of one pane into incidents, in place; return what is to be told, and what joined silently.

    `changes` are firings that are not snoozed and were not told, and ends of episodes that were told. A notice that
    joins is never told. An alarm that joins is told if the incident had none, if it is of a tier of more worth than
    the incident's lead and nobody has acknowledged that one, or if others have to act on it than were called so far: a
    broken pipeline is told though the performance of the model is an open alarm. That is seven alerts of one change at
    most, and mostly one. A firing that begins clearly before or after the incident is another change, with an incident
    of its own.
    """
    told: list[Told] = []
    joined: list[Joined] = []
    fired = [change for change in changes if change.firing is not None]
    announced: set[str] = set()
    for change in sorted(fired, key=_worth_of):
        firing = change.firing
        assert firing is not None
        span = span_of(change.key[0], firing, pane)
        incident = _home(incidents, change, firing.since, span, pane.layout, history)
        if incident is None:
            incident = _opened(change, firing, span, pane)
            incidents.append(incident)
            told.append(Told(incident, change))
            announced.add(incident.id)
        else:
            tells = incident.id not in announced and _calls(incident, change)
            incident.members[change.key] = _member(change, firing)
            if tells:
                _escalate(incident, change, firing, span, pane)
                told.append(Told(incident, change))
                announced.add(incident.id)
            elif incident.id not in announced:
                joined.append(Joined(incident, change))
        change.episode.alert = incident.alert
        if incident.id in announced and change.episode.severity == "alarm":
            hand = _hand(change.episode.tier)
            incident.called += [] if hand in incident.called else [hand]
    for change in changes:
        if change.firing is None and (over := _end(incidents, change, pane)) is not None:
            told.append(Told(over, None))
    del incidents[:-MOST]
    return told, joined


def _home(
    incidents: list[Incident], change: Change, since: Micros, span: Span, layout: Layout, history: History
) -> Incident | None:
    """Return the incident that a firing belongs to: the one that its episode is in, else the nearest.

    An estimate of performance learns of a change from its labels, so its notice begins late by any measure: it belongs
    to the newest alarm of what it estimates. What moved as a whole moves its parts, segments and groups of scores, each
    found later and from fewer rows, so that its start is known badly: a part belongs to the incident that the whole is
    in, unless its change began after that had been told and can be seen in its rows then (`detectors.later_change`).
    """
    for incident in incidents:
        member = incident.members.get(change.key)
        if member is not None and not member.over:
            return incident
    if change.episode.severity == "notice" and change.key[0].startswith(ESTIMATED):
        open_ = [each for each in incidents if each.severity == "alarm" and each.tier in ("outcomes", "performance")]
        if open_:
            return max(open_, key=lambda each: (each.since, each.id))
    signal, feature, part, detector, family = change.key
    if part is not None:
        of = NAMES[layout.spec.task] if signal == CALIBRATION else signal
        for incident in incidents:
            whole = incident.members.get((of, feature, None, detector, family))
            if whole is None or whole.over:
                continue
            sure = incident.high - layout.spec.pane  # by then the whole had changed
            if span.low <= incident.told or not changed_later(layout, history, signal, part, sure, since):
                return incident
    near = [each for each in incidents if span.low <= each.high and each.low <= span.high]
    return min(near, key=lambda each: (abs(each.since - since), each.id), default=None)


def _opened(change: Change, firing: Firing, span: Span, pane: ClosedPane) -> Incident:
    severity, width = change.episode.severity, pane.layout.spec.pane
    return Incident(
        id=change.episode.id,
        severity=severity,
        lead=change.key,
        since=firing.since,
        low=span.low - width,
        high=span.high + width,
        value=firing.value,
        reference=firing.reference,
        baseline=firing.baseline,
        told=pane.end,
        alert=_alert_id(change.episode.id, severity, change.key, pane),
        members={change.key: _member(change, firing)},
    )


def _escalate(incident: Incident, change: Change, firing: Firing, span: Span, pane: ClosedPane) -> None:
    """Note that an alarm is told; of more worth than the lead, it takes the lead."""
    incident.acknowledged = False
    incident.alert = _alert_id(incident.id, "alarm", change.key, pane)
    if incident.severity == "alarm" and _WORTH[change.episode.tier] >= _WORTH[incident.tier]:
        return
    width = pane.layout.spec.pane
    incident.severity, incident.lead, incident.back, incident.told = "alarm", change.key, None, pane.end
    incident.since, incident.low, incident.high = firing.since, span.low - width, span.high + width
    incident.value, incident.reference, incident.baseline = firing.value, firing.reference, firing.baseline


def _calls(incident: Incident, change: Change) -> bool:
    """Whether a firing that joins is to be told."""
    tier = change.episode.tier
    return change.episode.severity == "alarm" and (
        incident.severity == "notice"
        or _hand(tier) not in incident.called
        or (_WORTH[tier] < _WORTH[incident.tier] and not incident.acknowledged)
    )


def _end(incidents: list[Incident], change: Change, pane: ClosedPane) -> Incident | None:
    """Note that an episode is over; return the incident if it was the last one of it, which is then forgotten."""
    for incident in incidents:
        member = incident.members.get(change.key)
        if member is None or member.over:
            continue
        member.over = True
        reading = change.reading
        if change.key == incident.lead:
            incident.back = Back(reading.value, reading.effect, reading.n, reading.evidence, pane.due)
        if all(each.over for each in incident.members.values()):
            incidents.remove(incident)
            incident.alert = _alert_id(incident.id, "recovered", incident.lead, pane)
            return incident
        return None
    return None


def _member(change: Change, firing: Firing) -> Member:
    return Member(
        severity=change.episode.severity,
        tier=change.episode.tier,
        what=firing.what,
        value=firing.value,
        reference=firing.reference,
        n=firing.n,
        since=firing.since,
        evidence=change.reading.evidence,
    )


def _alert_id(incident: str, severity: str, key: EpisodeKey, pane: ClosedPane) -> str:
    where = (pane.key.model, pane.key.version, pane.key.family, pane.start)
    return deterministic_id("alert", severity, incident, *where, *key)


def _hand(tier: Tier) -> str:
    return _HANDS.get(tier, "model")


def _worth_of(change: Change) -> Worth:
    return _worth(change.episode.severity, change.episode.tier, change.reading.evidence, change.key)


def _worth(severity: str, tier: Tier, evidence: float | None, key: EpisodeKey) -> Worth:
    """Return what changes are sorted by, those of most worth first.

    A defect that an expectation and the feature's own check both see is told as the latter: it names the feature.
    """
    sure = min(evidence or 0.0, SURE)
    return severity != "alarm", _WORTH[tier], -sure, key[0].startswith(EXPECTATION), str(key)
