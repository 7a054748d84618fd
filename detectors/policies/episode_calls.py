"""Calls that rest on open episodes: each change calls once, by whatever signals, and again if its retraining failed."""

from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, segment_means
from detectors.policies.policy import PolicyCall
from detectors.policies.state import PolicyState
from detectors.signals.loss import NAMES
from detectors.situation import Situation
from detectors.wording import moved
from schemas.event_time import Micros, rfc3339
from schemas.trigger import PolicyName

Episodes = dict[EpisodeKey, Episode]


def heard(situation: Situation) -> Episodes:
    """Return the open episodes of signals that nobody has snoozed by name."""
    snoozed = {name for name, until in situation.snoozed.items() if name and until > situation.now}
    return {key: episode for key, episode in situation.episodes.items() if key[0] not in snoozed}


def call_for(
    state: PolicyState,
    situation: Situation,
    name: PolicyName,
    path: str,
    causes: Episodes,
    numbers: dict[str, float | None],
) -> PolicyCall:
    """Return the call of a policy for open episodes, of which there is at least one."""
    fresh = _fresh(state, situation, causes)
    numbers = numbers | {"unanswered": float(len(fresh))}
    if not fresh:
        newest = max((e.trigger for e in causes.values() if e.trigger), key=lambda t: _time(state, situation, t))
        when = rfc3339(_time(state, situation, newest))
        reason = f"all {len(causes)} open episodes have a trigger, the newest of {when}"
        changes = "a change that began after that trigger, or that its retraining fails"
        return PolicyCall(name, path, "no", reason, numbers, changes, standing=True)
    sound = {key: e for key, e in fresh.items() if e.evidence_from == situation.whole_since(e.evidence_from)}
    if not sound:  # they may have fired for the broken data; if the loss stays bad without it, they fire again
        until = max(broken.until for broken in situation.broken if broken.until is not None)
        began = min(b.since for b in situation.broken if b.until == until)
        reason = (
            f"the alarm rests on data that was broken from {rfc3339(began)} to {rfc3339(until)}; it has to fire again "
            f"on whole data"
        )
        return PolicyCall(name, path, "held_back", reason, numbers, "another firing, on what came after that")
    key, main = min(sound.items(), key=lambda item: (item[0][2] is not None, item[1].evidence_since, str(item[0])))
    since = situation.whole_since(main.evidence_since)
    what = key[0].replace("_", " ") + "".join(f" of {part}" for part in key[1:3] if part)
    if name == "drift":
        what = f"{len(causes)} distributions drifted, first among them {what}"
        reason = f"{what} since {rfc3339(since)}"
    else:
        cohorts = situation.history.since(since)
        n, value = (main.n, main.value) if since == main.evidence_since else _mean_since(main, key, cohorts)
        reason = moved(key[0], what, value, main.reference, n, since, by_label=key[4] == "label")
    numbers |= {"value": main.value, "reference": main.reference, "evidence": main.evidence}
    return PolicyCall(name, path, "trigger", reason, numbers, None, since, list(causes.items()), main.tier, key[0])


def _fresh(state: PolicyState, situation: Situation, causes: Episodes) -> Episodes:
    """Return the episodes that no trigger has answered; of a change that one has answered, all signals are answered."""
    answered = {e.trigger for e in causes.values() if e.trigger is not None and not state.is_failed(e.trigger)}
    for episode in causes.values():
        # what began before a trigger that is still open is the same change, seen by another signal: one is enough
        same = [t for t in sorted(answered) if _time(state, situation, t) > episode.evidence_since]
        if episode.trigger is None and same:
            episode.trigger = same[0]
    return {key: e for key, e in causes.items() if e.trigger is None or state.is_failed(e.trigger)}


def _time(state: PolicyState, situation: Situation, trigger: str) -> Micros:
    asked = state.triggers.get(trigger)
    return situation.now if asked is None else asked.time


def _mean_since(episode: Episode, key: EpisodeKey, cohorts: list[Cohort]) -> tuple[int, float]:
    """Return rows and mean loss of the episode's cell over some cohorts; where they do not tell, the episode's own."""
    if key[0] not in NAMES.values():  # cohorts tell the loss, and not a cost, a calibration or an estimate
        return episode.n, episode.value
    if key[2] is not None:
        return segment_means(cohorts).get(key[2], (episode.n, episode.value))
    n = sum(cohort.labelled for cohort in cohorts)
    return (n, sum(cohort.loss for cohort in cohorts) / n) if n else (episode.n, episode.value)
