"""When the data of a version was broken: a stretch for each alarm of data quality, and what they come to. Pure.

An alarm's stretch can be taken back: somebody says that the data is as it should be.
"""

from collections.abc import Iterable

from detectors.episodes import Change
from detectors.incidents import Incident
from detectors.situation import Broken
from schemas.event_time import Micros

MOST = 100  # stretches that are kept apart; beyond, those that are over are put together
REMEMBERED = 1_000  # that are over, as many as there are cohorts of a history


def note(broken: list[Broken], change: Change, now: Micros, *, still: bool) -> None:
    """Note that an alarm of data quality began or ended, in place.

    Parameters
    ----------
    still
        Whether any is open. Where none is, nothing is broken.
    """
    episode = change.episode
    if change.firing is not None:
        if episode.data_is_right or any(one.episode == episode.id for one in broken):
            return
        broken.append(Broken(episode.since, None, _what(change), episode.id))
        if len(broken) > MOST:
            broken[:] = _put_together(broken)
        return
    for one in broken:
        if one.until is None and (one.episode == episode.id or not still):
            one.until = now
    if not still:  # nobody can acknowledge what is over
        broken[:] = _put_together(broken)


def name_incidents(broken: Iterable[Broken], changes: Iterable[Change], incidents: Iterable[Incident]) -> None:
    """Note which incident each alarm of data quality has come to belong to: by its name people know it."""
    for one in broken:
        if one.until is None and not one.incident:
            keys = [change.key for change in changes if change.episode.id == one.episode]
            found = [
                each.id for each in incidents for key in keys if key in each.members and not each.members[key].over
            ]
            one.incident = found[-1] if found else ""


def take_back(broken: list[Broken], episode: str) -> None:
    """Forget the stretches of an episode, or of all alarms of an incident, from their starts on."""
    broken[:] = [one for one in broken if episode not in (one.episode, one.incident)]


def stretches(broken: list[Broken]) -> list[Broken]:
    """Return when data was broken, as stretches that do not overlap, oldest first.

    An open one names its first alarm, and says how many there are beside it.

    Examples
    --------
    >>> [(one.since, one.until) for one in stretches([Broken(5, 9), Broken(1, 3), Broken(8, 12)])]
    [(1, 3), (5, 12)]
    >>> stretches([Broken(5, None, "missing of age", "a", "a"), Broken(6, None, "unseen of town", "b", "a")])[0].what
    'missing of age and 1 more'
    """
    found: list[Broken] = []
    for one in sorted(broken, key=lambda one: (one.since, one.until is None, one.until or 0, one.episode)):
        last = found[-1] if found else None
        if last is None or (last.until is not None and last.until < one.since):
            found.append(Broken(one.since, one.until))
        elif last.until is not None:
            last.until = None if one.until is None else max(last.until, one.until)
    live = sorted((one for one in broken if one.until is None), key=lambda one: (one.since, one.episode))
    if live:
        more = len(live) - 1
        found[-1].what = live[0].what + (f" and {more} more" if more and live[0].what else "")
        found[-1].episode = live[0].incident or live[0].episode
    return found


def _put_together(broken: list[Broken]) -> list[Broken]:
    over = stretches([one for one in broken if one.until is not None])
    return over[-REMEMBERED:] + [one for one in broken if one.until is None]


def _what(change: Change) -> str:
    signal, feature, *_ = change.key
    return signal.replace("_", " ") + (f" of {feature}" if feature else "")
