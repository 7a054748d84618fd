"""What comes of an `acknowledge` command: an episode is marked as seen, its data as right where that is said. Pure."""

from collections.abc import Iterable, Mapping

from detectors.broken_data import take_back
from detectors.episodes import Episode
from detectors.incidents import Incident
from detectors.monitor_state import VersionState
from detectors.wording import brief
from schemas.command import Acknowledge

SHORTEST = 6  # characters of an id that are no coincidence among the few that are open
TOLD = 5  # open episodes that a refusal names


def acknowledge(versions: Mapping[str, VersionState], said: Acknowledge, others: Iterable[str] = ()) -> str | None:
    """Mark what `said` names, in place; return why that cannot be, or None.

    Parameters
    ----------
    others
        Episodes that are open and belong to no signal of a version: of a rollout.
    """
    found = _named(versions, said.episode, others)
    if len(found) > 1:
        return f"{said.episode!r} begins the ids of {len(found)} open episodes, {_listed(found)}: name more of it"
    if not found:
        known = [incident for version in versions.values() for incident in version.incidents]
        newest = sorted(known, key=lambda one: (-one.told, one.id))
        return f"no episode {said.episode!r} is open; {_open(newest)}"
    (id_,) = found
    seen = [(version, _episodes(version, id_)) for version in versions.values()]
    if said.data_is_right and not any(_alarms(episodes) for _, episodes in seen):
        return f"no alarm of data quality is open in episode {brief(id_)}, so there is no data in it to call right"
    for version, episodes in seen:
        for incident in version.incidents:
            incident.acknowledged |= incident.id == id_
        for episode in episodes:
            episode.acknowledged = True
        if said.data_is_right:
            for episode in _alarms(episodes):
                episode.data_is_right = True
            take_back(version.broken, id_)
    return None


def _named(versions: Mapping[str, VersionState], wanted: str, others: Iterable[str]) -> list[str]:
    """Return the ids that are meant: the very one, else all that begin so."""
    known = {*others}
    for version in versions.values():
        known |= {incident.id for incident in version.incidents}
        known |= {episode.id for episode in version.episodes.values()}
    if wanted in known:
        return [wanted]
    return sorted(id_ for id_ in known if len(wanted) >= SHORTEST and id_.startswith(wanted))


def _episodes(version: VersionState, id_: str) -> list[Episode]:
    """Return the open episodes that an id stands for: all of an incident, or one."""
    together = {
        key
        for incident in version.incidents
        if incident.id == id_
        for key, member in incident.members.items()
        if not member.over
    }
    broken = {one.episode for one in version.broken if one.incident == id_}  # it may be another version's incident
    return [episode for key, episode in version.episodes.items() if key in together or episode.id in broken | {id_}]


def _alarms(episodes: Iterable[Episode]) -> list[Episode]:
    return [one for one in episodes if one.tier == "quality" and one.severity == "alarm"]


def _open(incidents: list[Incident]) -> str:
    if not incidents:
        return "none is"
    names = [f"{brief(one.id)} ({_lead(one)})" for one in incidents[:TOLD]]
    more = len(incidents) - len(names)
    return f"open {'is' if len(incidents) == 1 else 'are'} {', '.join(names)}" + (f" and {more} more" if more else "")


def _lead(incident: Incident) -> str:
    signal, feature, segment, *_ = incident.lead
    return signal.replace("_", " ") + "".join(f" of {part}" for part in (feature, segment) if part)


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:TOLD]) + (" and more" if len(ids) > TOLD else "")
