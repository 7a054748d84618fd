"""What holds a call back. The first reason counts, in the order of how little can be done about it. Pure.

Broken data never triggers; a snooze is honoured; then cooldown and rate limit, labels, hysteresis and calls in a row.
"""

from detectors.policies.policy import PolicyCall
from detectors.policies.refit import grounds_of
from detectors.policies.state import PolicyState
from detectors.policies.whole_data import an_alarm, mended
from detectors.signals.loss import NAMES
from detectors.situation import Situation
from schemas.budget_spec import Budget
from schemas.event_time import Micros, rfc3339

MOST_DOUBLINGS = 4  # of the cooldown: a change that retraining does help against must not wait for years


def held_back(state: PolicyState, situation: Situation, call: PolicyCall, place: str) -> str | None:
    """Return what stands against a call, or None.

    Parameters
    ----------
    place
        Of the policy among those of the monitor file, by which its calls in a row are counted.
    """
    retraining = situation.layout.spec.retraining
    defect = situation.defect
    if defect is not None:
        told = f"data is broken since {rfc3339(defect.since)}: {an_alarm(defect)}"
        return f"{told}; needed: {mended(situation)}" if defect.episode else told
    snoozed = _snoozed(situation, call)
    if snoozed is not None:
        return snoozed
    ready = _cooled_down(state, situation, call)
    if ready is not None:
        return ready
    if retraining.rate is not None:
        spent = _spent(retraining.rate, state, situation)
        if spent is not None:
            return spent
    labelled = labels_since(grounds_of(state, situation, call).situation, call)
    if labelled < retraining.minimum_labels:
        return f"{labelled} labelled rows so far; minimum_labels asks for {retraining.minimum_labels}"
    if call.clocked:
        return None
    version = state.of(situation.layout.version)
    if version.quiet is not None and version.quiet < retraining.quiet and not _came_to_nothing(state, situation):
        return (
            f"{version.quiet} judged cohorts without a call since the last trigger; quiet asks for {retraining.quiet} "
            f"in a row"
        )
    in_row = version.in_row.get(place, 0)
    if retraining.calls > 1 and in_row < retraining.calls:  # one call is one, also between two cohorts
        return f"called in {in_row} judged cohorts in a row; calls asks for {retraining.calls}"
    return None


def count_cohort(state: PolicyState, situation: Situation, calls: list[PolicyCall]) -> None:
    """Count a judged cohort: in how many in a row each policy calls, and how long none has."""
    version, quiet = state.of(situation.layout.version), situation.layout.spec.retraining.quiet
    version.in_row = {
        str(place): version.in_row.get(str(place), 0) + 1 if call.verdict == "trigger" else 0
        for place, call in enumerate(calls)
    }
    noisy = any((call.verdict == "trigger" or call.standing) and not call.clocked for call in calls)
    if version.quiet is not None and version.quiet < quiet:
        version.quiet = 0 if noisy else version.quiet + 1


def labels_since(situation: Situation, call: PolicyCall) -> int:
    """Return the labelled rows since what a call is for began, broken data left out."""
    since = situation.beginning if call.since is None else call.since
    return sum(cohort.trainable for cohort in situation.whole(situation.history.since(since)))


def _snoozed(situation: Situation, call: PolicyCall) -> str | None:
    names = {"", call.signal or ""}
    if call.name == "cost" or any(part.name == "cost" for part in call.parts):
        names |= {NAMES[situation.layout.spec.task], "cost"}
    found = [(until, name) for name, until in situation.snoozed.items() if name in names and until > situation.now]
    if not found:
        return None
    until, name = max(found)
    return f"{name or 'the model'} is snoozed until {rfc3339(until)}"


def _cooled_down(state: PolicyState, situation: Situation, call: PolicyCall) -> str | None:
    """Return until when the cooldown lasts: twice as long for each retraining in a row that did not help."""
    last, cooldown = state.last, situation.layout.spec.retraining.cooldown
    if last is None:
        return None
    h = 0 if call.paced else min(state.back_off, MOST_DOUBLINGS)
    until = last + cooldown * 2**h
    if situation.now >= until:
        return None
    why = f", {2**h} times as long after {state.back_off} retrainings in a row that did not help" if h else ""
    return f"cooldown until {rfc3339(until)}{why}"


def _spent(rate: Budget, state: PolicyState, situation: Situation) -> str | None:
    """Return when there may be a trigger again where there were too many of late."""
    most = max(1, int(rate.count))
    window: Micros = round(rate.length * most)
    times = sorted(asked.time for asked in state.triggers.values() if asked.time > situation.now - window)
    if len(times) < most:
        return None
    return f"rate: {len(times)} triggers of {rate}; the next from {rfc3339(times[-most] + window)} on"


def _came_to_nothing(state: PolicyState, situation: Situation) -> bool:
    """Whether the newest trigger of the version failed: then there is nothing that calls could be quiet for."""
    newest = [id_ for id_, asked in state.triggers.items() if asked.version == situation.layout.version]
    return bool(newest) and state.is_failed(newest[-1])
