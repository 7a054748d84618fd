"""Policies: when episodes, the calendar or a command become a retraining trigger, and what holds it back."""

from dataclasses import dataclass, field

from cronsim import CronSim

from detectors.alerting import reference_loss
from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, History, offset_ranges, segment_means
from detectors.indicators import of_losses
from detectors.layout import Layout
from detectors.reference import vector
from detectors.state import register
from detectors.wording import moved, value_text
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros, rfc3339, to_micros
from schemas.reading import Tier
from schemas.retraining_spec import DriftPolicy, PerformancePolicy, SchedulePolicy
from schemas.trigger import Evidence, PolicyName, RetrainingTrigger, Slice, TrainingData, WaitingCost, Window

DAY = 86_400_000_000
DRIFT_SIGNALS = ("feature_drift", "prediction_drift")
WARM_START_BELOW = 5  # times minimum_labels: with fewer rows than that, a full training has too little to go by


@register
@dataclass
class Broken:
    """Event time during which data was broken: an alarm of data quality was open."""

    since: Micros
    until: Micros | None = None


@register
@dataclass
class PolicyState:
    """What the policies of one model remember."""

    last: Micros | None = None
    """Event time of the last trigger."""
    ticked: Micros | None = None
    """Up to here the calendar has been looked at."""
    answered: dict[str, str] = field(default_factory=dict)
    """By trigger: what the retraining side said last."""


@dataclass(frozen=True)
class Situation:
    """All that a decision may rest on: one model version, at one moment of event time."""

    layout: Layout
    now: Micros
    episodes: dict[EpisodeKey, Episode]
    history: History
    broken: list[Broken]
    comparison: dict[str, float] | None
    """Recent losses of challenger and champion."""


def decide(state: PolicyState, situation: Situation) -> RetrainingTrigger | None:
    """Return a trigger if one of the model's policies calls for it and nothing holds it back; updates `state`."""
    for policy in situation.layout.spec.retraining.policies:
        if isinstance(policy, PerformancePolicy):
            trigger = _performance(state, situation)
        elif isinstance(policy, DriftPolicy):
            trigger = _drift(state, situation, policy)
        else:
            trigger = _schedule(state, situation, policy)
        if trigger is not None:
            state.last = situation.now
            return trigger
    return None


def ad_hoc(situation: Situation, command: str, reason: str) -> RetrainingTrigger:
    """Return the trigger that somebody asked for; nothing holds it back."""
    since = min((e.evidence_since for e in situation.episodes.values()), default=_beginning(situation))
    text = f"Asked for: {reason}" if reason else "Asked for by a command"
    return _trigger(situation, "ad_hoc", since, text, [], deterministic_id("trigger", "ad_hoc", command))


def retrained(state: PolicyState, episodes: dict[EpisodeKey, Episode], trigger: str, answer: str) -> None:
    """Note what the retraining side says; after a failure the change may trigger again."""
    state.answered[trigger] = answer
    while len(state.answered) > 1_000:
        del state.answered[next(iter(state.answered))]
    if answer == "failed":
        for episode in episodes.values():
            if episode.trigger == trigger:
                episode.trigger = None


def _performance(state: PolicyState, situation: Situation) -> RetrainingTrigger | None:
    hurting = {
        key: episode
        for key, episode in situation.episodes.items()
        if episode.severity == "alarm" and episode.tier in ("outcomes", "performance")
    }
    return _for_episodes(state, situation, "performance", hurting)


def _drift(state: PolicyState, situation: Situation, policy: DriftPolicy) -> RetrainingTrigger | None:
    drifted = {key: episode for key, episode in situation.episodes.items() if key[0] in DRIFT_SIGNALS}
    if len(drifted) < policy.features:
        return None
    return _for_episodes(state, situation, "drift", drifted)


def _for_episodes(
    state: PolicyState, situation: Situation, name: PolicyName, causes: dict[EpisodeKey, Episode]
) -> RetrainingTrigger | None:
    earlier = next((episode.trigger for episode in causes.values() if episode.trigger is not None), None)
    fresh = {key: episode for key, episode in causes.items() if episode.trigger is None}
    if not fresh:
        return None
    if earlier is not None:  # the same change, seen by another signal: one change is one trigger
        for episode in fresh.values():
            episode.trigger = earlier
        return None
    sound = {key: e for key, e in fresh.items() if e.evidence_from == _whole_since(situation, e.evidence_from)}
    if not sound:  # they may have fired for the broken data; if the loss stays bad without it, they fire again
        return None
    key, main = min(sound.items(), key=lambda item: (item[0][2] is not None, item[1].evidence_since, str(item[0])))
    since = _whole_since(situation, main.evidence_since)
    cohorts = situation.history.since(since)
    if _held_back(state, situation) or sum(c.labelled for c in cohorts) < _minimum_labels(situation):
        return None
    what = key[0].replace("_", " ") + "".join(f" of {part}" for part in key[1:3] if part)
    if name == "drift":
        what = f"{len(causes)} distributions drifted, first among them {what}"
        reason = f"{what} since {rfc3339(since)}"
    else:
        n, value = (main.n, main.value) if since == main.evidence_since else _mean_since(main, key, cohorts)
        reason = moved(key[0], what, value, main.reference, n, since)
    reason = reason[0].upper() + reason[1:] + "."
    id_ = deterministic_id("trigger", name, situation.layout.model, situation.layout.version, main.id, situation.now)
    trigger = _trigger(situation, name, since, reason, list(causes.items()), id_, main.tier, key[0])
    for episode in causes.values():
        episode.trigger = id_
    return trigger


def _schedule(state: PolicyState, situation: Situation, policy: SchedulePolicy) -> RetrainingTrigger | None:
    if state.ticked is None or situation.now <= state.ticked:
        state.ticked = situation.now if state.ticked is None else state.ticked
        return None
    ticks = CronSim(policy.cron, from_micros(state.ticked))
    tick = to_micros(next(ticks))
    if tick > situation.now:
        return None
    state.ticked = situation.now
    since = _whole_since(situation, _beginning(situation) if state.last is None else state.last)
    labelled = sum(cohort.labelled for cohort in situation.history.since(since))
    if _held_back(state, situation) or labelled < _minimum_labels(situation):
        return None
    id_ = deterministic_id("trigger", "schedule", situation.layout.model, situation.layout.version, policy.cron, tick)
    reason = f"Scheduled by {policy.cron!r} for {rfc3339(tick)}."
    return _trigger(situation, "schedule", since, reason, [], id_)


def _held_back(state: PolicyState, situation: Situation) -> bool:
    if state.last is not None and situation.now - state.last < situation.layout.spec.retraining.cooldown:
        return True
    return any(broken.until is None for broken in situation.broken)


def _whole_since(situation: Situation, since: Micros) -> Micros:
    """Return from when on, `since` at the earliest, no data was broken any more: nobody should train on the rest."""
    return max([since, *(broken.until for broken in situation.broken if broken.until is not None)])


def _mean_since(episode: Episode, key: EpisodeKey, cohorts: list[Cohort]) -> tuple[int, float]:
    """Return rows and mean loss of the episode's cell over some cohorts; where they do not tell, the episode's own."""
    if episode.tier != "performance":
        return episode.n, episode.value
    if key[2] is not None:
        return segment_means(cohorts).get(key[2], (episode.n, episode.value))
    n = sum(cohort.labelled for cohort in cohorts)
    return (n, sum(cohort.loss for cohort in cohorts) / n) if n else (episode.n, episode.value)


def _minimum_labels(situation: Situation) -> int:
    return situation.layout.spec.retraining.minimum_labels


def _beginning(situation: Situation) -> Micros:
    cohorts = situation.history.cohorts
    return cohorts[0].start if cohorts else situation.now


def _trigger(
    situation: Situation,
    policy: PolicyName,
    since: Micros,
    reason: str,
    causes: list[tuple[EpisodeKey, Episode]],
    id_: str,
    tier: Tier | None = None,
    signal: str | None = None,
) -> RetrainingTrigger:
    layout = situation.layout
    cohorts = situation.history.since(since)
    start = min([since, *(cohort.start for cohort in cohorts[:1])]) if cohorts else since
    end = cohorts[-1].end if cohorts else situation.now
    labelled = sum(cohort.labelled for cohort in cohorts)
    few = labelled < WARM_START_BELOW * _minimum_labels(situation)
    return RetrainingTrigger(
        id=id_,
        model=layout.model,
        version=layout.version,
        policy=policy,
        tier=tier,
        signal=signal,
        time=from_micros(situation.now),
        since=from_micros(since),
        reason=reason,
        evidence=[_evidence(key, episode) for key, episode in causes],
        waiting=_waiting(layout, cohorts),
        train_on=TrainingData(
            window=Window(start=from_micros(start), end=from_micros(max(start, end))),
            labelled_rows=labelled,
            slices=_slices(layout, cohorts),
        ),
        how="warm_start" if few else "full",
        challenger=situation.comparison,
        provenance={"offsets": offset_ranges(cohorts)},
    )


def _evidence(key: EpisodeKey, episode: Episode) -> Evidence:
    signal, feature, segment, detector = key
    return Evidence(
        alert=episode.alert,
        tier=episode.tier,
        signal=signal,
        feature=feature,
        segment=segment,
        detector=detector or "none",
        value=episode.value,
        reference=episode.reference,
        baseline=episode.baseline,
        n=episode.n,
        evidence=episode.evidence,
        since=from_micros(episode.evidence_since),
    )


def _waiting(layout: Layout, cohorts: list[Cohort]) -> WaitingCost | None:
    """Return what a day of waiting costs: the excess of the loss over the reference, at the present volume."""
    labelled = sum(cohort.labelled for cohort in cohorts)
    reference = reference_mean(layout)
    if labelled == 0 or reference is None:
        return None
    excess = max(0.0, sum(cohort.loss for cohort in cohorts) / labelled - reference)
    days = (cohorts[-1].end - cohorts[0].start) / DAY
    volume = sum(cohort.n for cohort in cohorts) / days
    price = layout.spec.costs.loss
    return WaitingCost(
        excess_loss_per_day=excess * volume,
        cost_per_day=None if price is None else excess * volume * price,
        predictions_per_day=volume,
    )


def reference_mean(layout: Layout) -> float | None:
    """Return the mean loss in the reference; None where it has no labels."""
    if layout.profile is None or layout.loss_scale is None:
        return None
    totals, n = of_losses(layout, vector(layout, "cohort"), "cohort")
    return float(totals[0]) / n * layout.loss_scale if n else None


def _slices(layout: Layout, cohorts: list[Cohort]) -> list[Slice]:
    """Return the segments whose loss rose by more than that of all rows: they must be trained on."""
    overall, labelled = reference_mean(layout), sum(cohort.labelled for cohort in cohorts)
    if overall is None or labelled == 0:
        return []
    rise = sum(cohort.loss for cohort in cohorts) / labelled - overall
    found = []
    for segment, (n, mean) in segment_means(cohorts).items():
        before = reference_loss(layout, segment)
        if before is not None and mean - before >= max(rise, 0.0) and mean > before:
            signal = "absolute_error" if layout.spec.task == "regression" else "error_rate"
            text = f"loss {value_text(signal, before)} → {value_text(signal, mean)}"
            found.append((before - mean, Slice(segment=segment, reason=text, rows=n)))
    return [slice_ for _, slice_ in sorted(found, key=lambda item: (item[0], item[1].segment))]
