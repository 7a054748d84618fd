"""From a situation to a `RetrainingTrigger`: its evidence, what waiting costs, and what to train on."""

from detectors.costs import cost_sum
from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, offset_ranges
from detectors.indicators import of_losses
from detectors.layout import Layout
from detectors.movers import risen_segments
from detectors.reference import vector
from detectors.signals.loss import NAMES
from detectors.situation import Situation
from detectors.wording import value_text
from schemas.event_time import Micros, from_micros
from schemas.reading import Tier
from schemas.trigger import Evidence, PolicyName, RetrainingTrigger, Slice, TrainingData, WaitingCost, Window

DAY = 86_400_000_000
WARM_START_BELOW = 5  # times minimum_labels: with fewer rows than that, a full training has too little to go by


def trigger_of(
    situation: Situation,
    policy: PolicyName,
    since: Micros,
    reason: str,
    causes: list[tuple[EpisodeKey, Episode]],
    id_: str,
    tier: Tier | None = None,
    signal: str | None = None,
) -> RetrainingTrigger:
    """Return a trigger: retrain on what came since a moment, broken data left out.

    Parameters
    ----------
    causes
        Episodes that it rests on; they become its evidence.
    tier, signal
        Of the episode that decided; None for ad hoc and scheduled triggers.
    """
    layout = situation.layout
    span = situation.history.since(since)
    cohorts = situation.whole(span)
    start = span[0].start if span else since  # whole panes; what is forgotten is not promised
    end = max(start, span[-1].end if span else situation.now)
    labelled = sum(cohort.labelled for cohort in cohorts)
    few = labelled < WARM_START_BELOW * situation.minimum_labels
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
            window=Window(start=from_micros(start), end=from_micros(end)),
            exclude=_gaps(span, cohorts),
            labelled_rows=labelled,
            slices=_slices(layout, cohorts),
        ),
        how="warm_start" if few else "full",
        challenger=situation.comparison,
        provenance={"offsets": offset_ranges(cohorts)},
    )


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


def _gaps(span: list[Cohort], whole: list[Cohort]) -> list[Window]:
    """Return the stretches of a window in which data was broken."""
    gaps: list[tuple[Micros, Micros]] = []
    for cohort in span:
        if cohort in whole:
            continue
        if gaps and gaps[-1][1] == cohort.start:
            gaps[-1] = (gaps[-1][0], cohort.end)
        else:
            gaps.append((cohort.start, cohort.end))
    return [Window(start=from_micros(start), end=from_micros(end)) for start, end in gaps]


def _slices(layout: Layout, cohorts: list[Cohort]) -> list[Slice]:
    """Return the segments whose loss rose clearly, and by more than that of all rows: they must be trained on."""
    overall, labelled = reference_mean(layout), sum(cohort.labelled for cohort in cohorts)
    if overall is None or labelled == 0:
        return []
    rise = sum(cohort.loss for cohort in cohorts) / labelled - overall
    name = NAMES[layout.spec.task]
    return [
        Slice(
            segment=risen.segment,
            reason=f"loss {value_text(name, risen.before)} → {value_text(name, risen.mean)}",
            rows=risen.n,
        )
        for risen in risen_segments(layout, cohorts)
        if risen.mean - risen.before >= rise
    ]
