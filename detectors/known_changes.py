"""What a new version suffers from as the one that it is tried beside does: people know it, and are told once. Pure.

Both are judged by one reference, the old version's, and answer the same traffic. So what the world did before the new
one came shows in both.
"""

from collections.abc import Iterable

from detectors.alerting import firing_of
from detectors.change_span import span_of
from detectors.episodes import Change, Episode, EpisodeKey
from detectors.incidents import ESTIMATED, Incident, Joined, Member
from detectors.monitor_state import MonitorState, VersionState
from detectors.own_references import waits
from detectors.pane import ClosedPane
from detectors.signals.signal import Firing
from schemas.event_time import Micros
from schemas.pane_report import Joined as JoinedFiring

LUCK = 1.5
"""Of a few hundred rows a signal may read so many times what it is."""


def known_changes(
    state: MonitorState, version: VersionState, changes: list[Change], pane: ClosedPane
) -> tuple[list[Change], list[JoinedFiring]]:
    """Part the changes of a version into those to be told of and those that people know from the one beside it.

    That is so while it is tried, on guard against the previous version, or waits for a reference of its own: with one,
    whatever it fires for is its own change. An alarm of data quality is named by the incident that people know: so they
    can say that its data is right.
    """
    name, rollout = pane.key.version, state.rollouts.rollout
    pair = rollout.pair
    if pair is None and rollout.serving == name and rollout.previous is not None and waits(state, name):
        pair = name, rollout.previous
    old = None if pair is None or pair[0] != name else state.versions.get(pair[1])
    profile = pane.layout.profile
    if old is None or not old.incidents or (profile is not None and profile.version == name):
        return changes, []
    assert pair is not None
    told, known = split(changes, old, pane, version.began)
    again = [one.change.episode.known == one.incident.id for one in known]
    for change in told:
        _name(version, change, None)
    for incident, change in known:
        _name(version, change, incident.id)
    return told, [firing_of(one, pair[1]) for one, known_before in zip(known, again, strict=True) if not known_before]


def split(
    changes: Iterable[Change], old: VersionState, pane: ClosedPane, first: Micros | None
) -> tuple[list[Change], list[Joined]]:
    """Part the changes of a new version into those to be told of and those that people know from the old version.

    A firing is known where an open incident of the old version has the same signal, of the same feature and segment, or
    of all rows where this is a segment; and where it is the same change. It is, if it has moved the same way, and

    - goes back to the first pane of the new version, which never was otherwise: what it met, and not what befell it; or
      began when the incident did; and has moved at most half as far again as the old version's: that much is luck;
    - or has moved no farther than that one, whenever it began.

    Of distributions, which are the world's more than a version's, any that goes back to the first pane is known while
    one of the old version's is open; and an estimate that goes back to it, while the performance of all rows is: what
    scores meant before the change, they do not mean to a version that was trained after it. An alarm is known where
    people have been called: a notice is no alarm.

    Such an episode has no alert, as one that is snoozed. If the old version's incident ends and this goes on, it is
    told when it fires again: then it is not the same after all. Until then little is missed: whether the new version is
    worse than the old one is what the comparison of the two watches (`detectors.rollout_stages`).

    Parameters
    ----------
    old
        The version that it is tried beside.
    first
        Start of the first pane of the new version; None where that is not known.
    """
    told: list[Change] = []
    known: list[Joined] = []
    for change in changes:
        incident = None if change.firing is None else _known(change, change.firing, old, pane, first)
        if incident is None:
            told.append(change)
        else:
            known.append(Joined(incident, change))
    return told, known


def _name(version: VersionState, change: Change, incident: str | None) -> None:
    """Note by which incident of the other version people know of a change, if by any."""
    if change.episode.known != incident:
        change.episode.known = incident
        for broken in version.broken:
            if broken.episode == change.episode.id:
                broken.incident = incident or ""


def _known(
    change: Change, firing: Firing, old: VersionState, pane: ClosedPane, first: Micros | None
) -> Incident | None:
    span, severity = span_of(change.key[0], firing, pane), change.episode.severity
    always = first is not None and span.low < first + pane.layout.spec.pane
    for incident in old.incidents:
        near = span.low <= incident.high and incident.low <= span.high
        for key, member in incident.members.items():
            if member.over or (severity == "alarm" and member.severity == "notice"):
                continue
            if always and change.episode.tier == member.tier == "drift":
                return incident
            if always and change.key[0].startswith(ESTIMATED) and member.tier == "performance" and key[2] is None:
                return incident
            part, went = key[2] != change.key[2], _went(member, old.episodes.get(key))
            if _is_of(change.key, key) and _no_farther(firing, None if part else went, same_time=always or near):
                return incident
    return None


def _is_of(key: EpisodeKey, other: EpisodeKey) -> bool:
    """Return whether a signal is the other one, an estimate of it, or that of a segment of it."""
    names = {each[0].removeprefix(ESTIMATED) for each in (key, other)}
    return len(names) == 1 and key[1] == other[1] and other[2] in (key[2], None)


def _went(member: Member, episode: Episode | None) -> float | None:
    """Return how far a signal of the old version has moved from its reference: at first, or by now if that is farther.

    What a drift is told by may be another bin by now, which the reference of the first one says nothing of.
    """
    if member.reference is None:
        return None
    known = [member.value] if episode is None or member.tier == "drift" else [member.value, episode.value]
    return max((value - member.reference for value in known), key=abs)


def _no_farther(firing: Firing, went: float | None, *, same_time: bool) -> bool:
    """Return whether a signal has moved the same way as the old version's, and not clearly farther.

    Of a part of the rows, and where there is no reference, that is not known: the time alone can tell.
    """
    if went is None or firing.reference is None:
        return same_time
    ours = firing.value - firing.reference
    return ours * went > 0 and abs(ours) <= (LUCK if same_time else 1.0) * abs(went)
