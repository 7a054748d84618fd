"""Policies: when episodes, the calendar or a command become a retraining trigger, and what holds it back."""

from dataclasses import dataclass, field

from cronsim import CronSim

from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, segment_means
from detectors.signals.loss import NAMES
from detectors.situation import Situation
from detectors.state import register
from detectors.triggering import trigger_of
from detectors.wording import moved
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros, rfc3339, to_micros
from schemas.policy_spec import DriftPolicy, PerformancePolicy, SchedulePolicy
from schemas.trigger import PolicyName, RetrainingTrigger

DRIFT_SIGNALS = ("feature_drift", "prediction_drift")
REMEMBERED = 1_000  # triggers


@register
@dataclass
class PolicyState:
    """What the policies of one model remember."""

    last: Micros | None = None
    """Event time of the last trigger."""
    covered: Micros | None = None
    """End of the newest window that a trigger named; the next scheduled one begins there."""
    ticked: Micros | None = None
    """Up to here the calendar has been carried out; a tick that is held back waits."""
    times: dict[str, Micros] = field(default_factory=dict)
    """Event time of the newest triggers, by id."""


@dataclass(frozen=True)
class HeldBack:
    """A policy called for a trigger, and something stood against it."""

    reason: str


Decision = RetrainingTrigger | HeldBack | None


def decide(state: PolicyState, situation: Situation) -> Decision:
    """Return what the model's policies come to: a trigger, why one is held back, or nothing; updates `state`."""
    held: HeldBack | None = None
    for policy in situation.layout.spec.retraining.policies:
        if isinstance(policy, PerformancePolicy):
            decision = _performance(state, situation)
        elif isinstance(policy, DriftPolicy):
            decision = _drift(state, situation, policy)
        else:
            decision = _schedule(state, situation, policy)
        if isinstance(decision, RetrainingTrigger):
            note(state, decision, situation.now)
            return decision
        held = held or decision
    return held


def note(state: PolicyState, trigger: RetrainingTrigger, now: Micros) -> None:
    """Remember a trigger: when it was, and up to where its window goes."""
    state.last = now if state.last is None else max(state.last, now)
    state.covered = to_micros(trigger.train_on.window.end)
    state.times[trigger.id] = now
    while len(state.times) > REMEMBERED:
        del state.times[next(iter(state.times))]


def ad_hoc(situation: Situation, command: str, reason: str) -> RetrainingTrigger:
    """Return the trigger that somebody asked for; nothing holds it back."""
    since = min((e.evidence_since for e in situation.episodes.values()), default=situation.beginning)
    text = f"Asked for: {reason}" if reason else "Asked for by a command"
    return trigger_of(
        situation, "ad_hoc", since, text, [], deterministic_id("trigger", "ad_hoc", situation.layout.model, command)
    )


def failed(episodes: dict[EpisodeKey, Episode], trigger: str) -> None:
    """Note that no new version came of a trigger: the change may trigger again."""
    for episode in episodes.values():
        if episode.trigger == trigger:
            episode.trigger = None


def _performance(state: PolicyState, situation: Situation) -> Decision:
    hurting = {
        key: episode
        for key, episode in situation.episodes.items()
        if episode.severity == "alarm" and episode.tier in ("outcomes", "performance")
    }
    return _for_episodes(state, situation, "performance", hurting)


def _drift(state: PolicyState, situation: Situation, policy: DriftPolicy) -> Decision:
    drifted = {key: episode for key, episode in situation.episodes.items() if key[0] in DRIFT_SIGNALS}
    if len(drifted) < policy.features:
        return None
    return _for_episodes(state, situation, "drift", drifted)


def _for_episodes(
    state: PolicyState, situation: Situation, name: PolicyName, causes: dict[EpisodeKey, Episode]
) -> Decision:
    earlier = {episode.trigger for episode in causes.values() if episode.trigger is not None}
    for episode in causes.values():
        # what began before a trigger that is still open is the same change, seen by another signal: one is enough
        same = [t for t in sorted(earlier) if state.times.get(t, situation.now) > episode.evidence_since]
        if episode.trigger is None and same:
            episode.trigger = same[0]
    fresh = {key: episode for key, episode in causes.items() if episode.trigger is None}
    if not fresh:
        return None
    sound = {key: e for key, e in fresh.items() if e.evidence_from == situation.whole_since(e.evidence_from)}
    if not sound:  # they may have fired for the broken data; if the loss stays bad without it, they fire again
        return HeldBack("the alarm rests on broken data; it has to fire again on whole data")
    key, main = min(sound.items(), key=lambda item: (item[0][2] is not None, item[1].evidence_since, str(item[0])))
    since = situation.whole_since(main.evidence_since)
    cohorts = situation.history.since(since)
    held = _held_back(state, situation, sum(cohort.labelled for cohort in cohorts))
    if held is not None:
        return held
    what = key[0].replace("_", " ") + "".join(f" of {part}" for part in key[1:3] if part)
    if name == "drift":
        what = f"{len(causes)} distributions drifted, first among them {what}"
        reason = f"{what} since {rfc3339(since)}"
    else:
        n, value = (main.n, main.value) if since == main.evidence_since else _mean_since(main, key, cohorts)
        reason = moved(key[0], what, value, main.reference, n, since)
    reason = reason[0].upper() + reason[1:] + "."
    id_ = deterministic_id("trigger", name, situation.layout.model, situation.layout.version, main.id, situation.now)
    trigger = trigger_of(situation, name, since, reason, list(causes.items()), id_, main.tier, key[0])
    for episode in fresh.values():
        episode.trigger = id_
    return trigger


def _schedule(state: PolicyState, situation: Situation, policy: SchedulePolicy) -> Decision:
    if not situation.primary:
        return None
    if state.ticked is None:
        state.ticked = situation.now
    tick = to_micros(next(CronSim(policy.cron, from_micros(state.ticked))))
    if tick > situation.now:
        return None
    since = situation.beginning if state.covered is None else state.covered
    labelled = sum(cohort.labelled for cohort in situation.whole(situation.history.since(since)))
    held = _held_back(state, situation, labelled)
    if held is not None:
        return held
    state.ticked = situation.now
    id_ = deterministic_id("trigger", "schedule", situation.layout.model, situation.layout.version, policy.cron, tick)
    reason = f"Scheduled by {policy.cron!r} for {rfc3339(tick)}."
    return trigger_of(situation, "schedule", since, reason, [], id_)


def _held_back(state: PolicyState, situation: Situation, labelled: int) -> HeldBack | None:
    retraining = situation.layout.spec.retraining
    if any(broken.until is None for broken in situation.broken):
        return HeldBack("data is broken: an alarm of data quality is open")
    if state.last is not None and situation.now - state.last < retraining.cooldown:
        return HeldBack(f"cooldown until {rfc3339(state.last + retraining.cooldown)}")
    if labelled < retraining.minimum_labels:
        return HeldBack(f"{labelled} labelled rows so far; minimum_labels asks for {retraining.minimum_labels}")
    return None


def _mean_since(episode: Episode, key: EpisodeKey, cohorts: list[Cohort]) -> tuple[int, float]:
    """Return rows and mean loss of the episode's cell over some cohorts; where they do not tell, the episode's own."""
    if key[0] not in NAMES.values():  # cohorts tell the loss, and not a cost, a calibration or an estimate
        return episode.n, episode.value
    if key[2] is not None:
        return segment_means(cohorts).get(key[2], (episode.n, episode.value))
    n = sum(cohort.labelled for cohort in cohorts)
    return (n, sum(cohort.loss for cohort in cohorts) / n) if n else (episode.n, episode.value)
