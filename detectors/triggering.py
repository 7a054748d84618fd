"""From a call to a `RetrainingTrigger`: its evidence, what waiting costs, what to train on and how."""

from detectors.candidates import candidates
from detectors.comparison import no_worse
from detectors.costs import cost_sum
from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, offset_ranges
from detectors.indicators import of_losses
from detectors.layout import Layout
from detectors.policies.policy import PolicyCall
from detectors.policies.refit import grounds_of
from detectors.policies.state import PolicyState
from detectors.reference import vector
from detectors.situation import Situation
from detectors.training_data import training_data
from schemas.decision import Belief
from schemas.event_time import Micros, from_micros
from schemas.trigger import Evidence, RetrainingTrigger, WaitingCost

DAY = 86_400_000_000


def trigger_of(
    state: PolicyState, situation: Situation, call: PolicyCall, id_: str, decision: str, belief: Belief
) -> RetrainingTrigger:
    """Return the trigger that a call comes to: retrain on what came since, broken data left out.

    Parameters
    ----------
    id_
        Its idempotency key.
    decision
        Id of the decision that it comes of.
    """
    layout, since = situation.layout, situation.now if call.since is None else call.since
    grounds = grounds_of(state, situation, call)
    cohorts = grounds.situation.whole(grounds.situation.history.since(since))
    data = training_data(grounds.situation, id_, since, grounds.parts)
    few = data.labelled_rows < situation.minimum_labels  # a calendar or a person asks for it all the same
    return RetrainingTrigger(
        id=id_,
        model=layout.model,
        version=layout.version,
        policy=call.name,
        tier=call.tier,
        signal=call.signal,
        time=from_micros(situation.now),
        since=from_micros(since),
        reason=sentence(call.reason),
        evidence=[_evidence(key, episode) for key, episode in call.causes],
        waiting=waiting(layout, situation.whole(situation.history.since(since))),
        train_on=data,
        how=call.how
        or ("promote_challenger" if _incremental(state, situation, call) else None)
        or ("warm_start" if few else "full"),
        decision=decision,
        belief=belief,
        candidates=candidates(situation),
        challenger=situation.comparison,
        provenance={"offsets": offset_ranges(cohorts)},
    )


def sentence(text: str) -> str:
    """Return a text as a sentence: a capital, and its stop where it has none."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def waiting(layout: Layout, cohorts: list[Cohort]) -> WaitingCost | None:
    """Return what a day of waiting costs: the excess of the loss over the reference, at the present volume."""
    labelled = sum(cohort.labelled for cohort in cohorts)
    reference = reference_mean(layout)
    if labelled == 0 or reference is None:
        return None
    excess = max(0.0, sum(cohort.loss for cohort in cohorts) / labelled - reference)
    days = (cohorts[-1].end - cohorts[0].start) / DAY
    volume = sum(cohort.n for cohort in cohorts) / days
    price = layout.spec.costs.loss
    dearer = excess * price if price is not None else None
    costed = sum(cohort.costed for cohort in cohorts)
    before = cost_sum(layout, vector(layout, "cohort"))
    if before is not None and before[0] and costed:  # a matrix says more than a price of the loss
        dearer = max(0.0, sum(cohort.cost for cohort in cohorts) / costed - before[1] / before[0])
    return WaitingCost(
        excess_loss_per_day=excess * volume,
        cost_per_day=None if dearer is None else dearer * volume,
        predictions_per_day=volume,
    )


def reference_mean(layout: Layout) -> float | None:
    """Return the mean loss in the reference; None where it has no labels."""
    if layout.profile is None or layout.loss_scale is None:
        return None
    totals, n = of_losses(layout, vector(layout, "cohort"), "cohort")
    return float(totals[0]) / n * layout.loss_scale if n else None


def _incremental(state: PolicyState, situation: Situation, call: PolicyCall) -> bool:
    """Whether the challenger is promoted: changes come too fast for a training, and it is no worse.

    That it is better than a champion that a change has broken says little: what is trained anew will be, too.
    """
    if call.clocked or call.refits is not None:
        return False
    rapid = situation.layout.spec.retraining.incremental
    since: Micros = situation.now - rapid.within
    changes = sum(
        asked.time > since and not asked.planned and not state.is_failed(id_) for id_, asked in state.triggers.items()
    )
    return changes + 1 >= rapid.changes and no_worse(situation)


def _evidence(key: EpisodeKey, episode: Episode) -> Evidence:
    signal, feature, segment, detector, _ = key
    return Evidence(
        alert=episode.alert,
        severity=episode.severity,
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
