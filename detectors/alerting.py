"""From what is to be told of an incident to an `Alert`: what moved, how much, since when, where, what else."""

from dataclasses import dataclass

from detectors.episodes import Change, EpisodeKey
from detectors.history import History
from detectors.incidents import Incident, Joined, Member, Told
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.movers import grown_mistake, movers
from detectors.pane import ClosedPane
from detectors.signals.loss import NAMES
from detectors.signals.quality import EXPECTATION
from detectors.slices import worst_slice
from detectors.wording import ACTIONS, NOTICE, interval, moved, value_text, way_out
from schemas.alert import Alert, Along, ChangeSlice, Mover, Pane, Reason
from schemas.event_time import Micros, from_micros, rfc3339
from schemas.pane_report import Joined as JoinedFiring
from schemas.reading import Tier

ALONG = 20  # other signals that an alert names; of more it says how many


@dataclass(frozen=True)
class Known:
    """What is known of a model version beside what fired: what explains an alert."""

    history: History
    effects: dict[str, float]
    """PSI of each feature beyond what chance gives, smoothed over the newest panes."""
    losses: LossRows
    reasons: list[Reason]
    """Features that no longer separate high scores from low ones as before."""


def pane_of(pane: ClosedPane) -> Pane:
    """Return a pane as outputs name it."""
    return Pane(family=pane.key.family, start=from_micros(pane.start), end=from_micros(pane.end))


def alert_of(told: Told, pane: ClosedPane, known: Known) -> Alert:
    """Return the alert of an incident: of the firing that is to be told, or of its end."""
    change = told.change
    return _recovered(told.incident, pane) if change is None else _fired(told.incident, change, pane, known)


def firing_of(joined: Joined, other_version: str | None = None) -> JoinedFiring:
    """Return a firing that people are not told of, as reports have it.

    Parameters
    ----------
    other_version
        The one that the incident is of, where it is not of the same.
    """
    signal, feature, segment, detector, _ = joined.change.key
    return JoinedFiring(
        episode=joined.incident.id,
        signal=signal,
        feature=feature,
        segment=segment,
        detector=detector or "none",
        other_version=other_version,
    )


def _fired(incident: Incident, change: Change, pane: ClosedPane, known: Known) -> Alert:
    episode, reading, firing, layout = change.episode, change.reading, change.firing, pane.layout
    assert firing is not None
    where = _slice(change, pane, known) if episode.severity == "alarm" and reading.tier == "performance" else None
    others = incident.others(change.key)
    by_label = pane.key.family == "label"
    summary = moved(
        reading.signal, firing.what, firing.value, firing.reference, firing.n, firing.since, by_label=by_label
    )
    summary += interval(firing.since_low, firing.since_high, layout.spec.pane)
    if where is not None and where.conditions not in ([], _own(reading.segment)):  # not what the sentence is about
        summary += f", most of it where {where.description}"
    if others:
        summary += f"; {len(others)} other signal{'s' if len(others) > 1 else ''} moved along"
    budget = layout.spec.false_alarms if episode.severity == "alarm" else layout.spec.notice_budget
    effect = None if firing.reference is None else firing.value - firing.reference
    return Alert(
        id=incident.alert,
        episode=incident.id,
        model=pane.key.model,
        version=pane.key.version,
        severity=episode.severity,
        tier=reading.tier,
        signal=reading.signal,
        feature=reading.feature,
        segment=reading.segment,
        detector=reading.detector or "none",
        time=from_micros(pane.due),
        since=from_micros(firing.since),
        since_low=None if firing.since_low is None else from_micros(firing.since_low),
        since_high=None if firing.since_high is None else from_micros(firing.since_high),
        pane=pane_of(pane),
        value=firing.value,
        reference=firing.reference,
        baseline=firing.baseline,
        effect=reading.effect if reading.tier == "drift" else effect,
        minimum_effect=firing.minimum_effect,
        n=firing.n,
        evidence=reading.evidence,
        weight=firing.weight,
        budget=None if firing.weight is None else str(budget),
        movers=[
            *_mistakes(change, layout, known.history),
            *movers(layout, known.history, known.effects, firing.since),
        ],
        along=[_along(key, member) for key, member in others[:ALONG]],
        along_more=max(0, len(others) - ALONG),
        slice=where,
        reasons=known.reasons if reading.tier in ("performance", "drift") else [],
        summary=f"{summary[0].upper()}{summary[1:]}.",
        action=_action(reading.tier, incident, pane.key.model) if episode.severity == "alarm" else NOTICE,
    )


def _action(tier: Tier, incident: Incident, model: str) -> str:
    if tier == "quality":
        return ACTIONS[tier].format(way_out=way_out(model, incident.id))
    return ACTIONS[tier]


def _slice(change: Change, pane: ClosedPane, known: Known) -> ChangeSlice | None:
    """Return where a rise sits: of a segment's, the segment where it carries that of all rows, else what is within."""
    firing, segment, layout = change.firing, change.reading.segment, pane.layout
    assert firing is not None
    name = NAMES[layout.spec.task].replace("_", " ")
    whole = worst_slice(layout, known.losses, firing.since, firing.since_low, name)
    if segment is None or (whole is not None and whole.conditions == _own(segment)):
        return whole
    return worst_slice(layout, known.losses, firing.since, firing.since_low, name, segment)


def _own(segment: str | None) -> list[str] | None:
    """Return a segment as a slice names it."""
    return None if segment is None else [segment.replace("=", " = ", 1)]


def _mistakes(change: Change, layout: Layout, history: History) -> list[Mover]:
    """Return which class is mistaken for which, where the performance of all rows is what moved."""
    if change.reading.tier != "performance" or change.reading.segment is not None or change.firing is None:
        return []
    found = grown_mistake(layout, history.since(change.firing.since))
    return [] if found is None else [found]


def _recovered(incident: Incident, pane: ClosedPane) -> Alert:
    """Return the alert that an incident is over: all its signals are back."""
    signal, feature, segment, detector, family = incident.lead
    tier, back, others = incident.tier, incident.back, incident.others(incident.lead)
    value = None if back is None else back.value
    effect = None if value is None or incident.reference is None else value - incident.reference
    summary = _is_back(incident, pane.due)
    if others:
        summary += f", and with it {len(others)} other signal{'s' if len(others) > 1 else ''}"
    seen = " Somebody had acknowledged it." if incident.acknowledged else ""
    return Alert(
        id=incident.alert,
        episode=incident.id,
        model=pane.key.model,
        version=pane.key.version,
        severity="recovered",
        recovered_from=incident.severity,
        tier=tier,
        signal=signal,
        feature=feature,
        segment=segment,
        detector=detector or "none",
        time=from_micros(pane.due),
        since=from_micros(incident.since),
        pane=pane_of(pane),
        value=value,
        reference=incident.reference,
        baseline=incident.baseline,
        effect=(None if back is None else back.effect) if tier == "drift" else effect,
        n=0 if back is None else back.n,
        evidence=None if back is None else back.evidence,
        along=[_along(key, member) for key, member in others[:ALONG]],
        along_more=max(0, len(others) - ALONG),
        summary=f"{summary[0].upper()}{summary[1:]}. {_changed(family, incident.since)}{seen}",
        action="Nothing; the change is over.",
    )


def _changed(family: str, since: Micros) -> str:
    if family == "label":  # these go by when labels became known
        return f"It had changed among labels that became known since {rfc3339(since)}."
    return f"It had changed on {rfc3339(since)}."


def _is_back(incident: Incident, now: Micros) -> str:
    """Return that the lead is back, what it reads, and what it read during the change."""
    signal = incident.lead[0]
    if signal.startswith(EXPECTATION):  # a rule is not back when rows keep it again
        rule = signal.removeprefix(EXPECTATION)
        return f"Rows that break {rule}: back{_now(incident, now).replace(':', ' to', 1)}"
    return f"{signal_text(incident.lead)} is back{_now(incident, now)}"


def _now(incident: Incident, now: Micros) -> str:
    """Return what the lead reads, and what it read during the change; a pane's drift is read as PSI."""
    back, tier, signal = incident.back, incident.tier, incident.lead[0]
    if back is None:
        return ""
    if back.value is None and back.n == 0:  # the feature or the rule has left the monitor file
        return ": nothing reads it any more"
    when = "in this pane" if back.time == now else f"when it was over, on {rfc3339(back.time)}"
    if tier == "drift" and signal != "joint_drift":  # the change was told as a share of rows
        return f": PSI {0.0 if back.value is None else back.value:.3f} {when}"
    return f": {value_text(signal, back.value)} {when}, {value_text(signal, incident.value)} during the change"


def signal_text(key: EpisodeKey) -> str:
    """Return the name of a signal in words, with the feature and the segment that it is of."""
    signal, feature, segment, _, _ = key
    name, _, rest = signal.partition(":")
    name = name.replace("_", " ") + (f" {rest}" if rest else "")
    return name + "".join(f" of {part}" for part in (feature, segment) if part)


def _along(key: EpisodeKey, member: Member) -> Along:
    signal, feature, segment, detector, _ = key
    return Along(
        severity=member.severity,
        tier=member.tier,
        signal=signal,
        feature=feature,
        segment=segment,
        detector=detector or "none",
        what=member.what,
        value=member.value,
        reference=member.reference,
        n=member.n,
        since=from_micros(member.since),
    )
