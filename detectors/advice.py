"""Advice: what to fall back on at once, while a costly degradation lasts, before any retraining. Pure."""

from typing import NamedTuple

from detectors.candidates import candidates
from detectors.comparison import clearly_better
from detectors.episodes import Episode
from detectors.policies.performance import hurting
from detectors.policies.state import PolicyState
from detectors.signals.loss import NAMES
from detectors.situation import Situation
from detectors.triggering import reference_mean, sentence, waiting
from detectors.wording import amount, value_text
from schemas.advice import Advice
from schemas.contract import deterministic_id
from schemas.decision import PolicyVerdict
from schemas.event_time import Micros, from_micros, rfc3339
from schemas.retraining_spec import Fallback
from schemas.trigger import Candidate, WaitingCost

REMEMBERED = 100  # episodes that advice was given for
FEWEST_ROWS = 50  # labelled, since the change


class Advised(NamedTuple):
    """What comes of a degradation: advice, or why there is none."""

    advice: Advice | None
    verdict: PolicyVerdict | None
    """For the decision; None while nothing is confirmed."""


class _Better(NamedTuple):
    fallback: Fallback
    text: str
    version: str | None = None
    expected: float | None = None


def advise(state: PolicyState, situation: Situation) -> Advised:
    """Return advice to fall back, once for each change of a version that serves; updates `state`."""
    confirmed = [e for key, e in hurting(situation) if key[1] is None and key[2] is None]
    sound = [e for e in confirmed if e.evidence_from == situation.whole_since(e.evidence_from)]
    broken = any(broken.until is None for broken in situation.broken)
    if not sound or broken or not situation.primary or situation.snoozed_until("") is not None:
        return Advised(None, None)
    version = state.of(situation.layout.version)
    if any(episode.id in version.advised for episode in sound):  # the same change, seen by another signal
        _remember(version.advised, sound)
        return Advised(None, None)
    main = min(sound, key=lambda episode: (episode.evidence_since, episode.id))
    since = situation.whole_since(main.evidence_since)
    cohorts = [c for c in situation.whole(situation.history.since(since)) if c.problem is None]
    rows, reference = sum(cohort.labelled for cohort in cohorts), reference_mean(situation.layout)
    cost = waiting(situation.layout, cohorts)
    if rows < FEWEST_ROWS or reference is None or cost is None:
        return Advised(None, None)
    loss = sum(cohort.loss for cohort in cohorts) / rows
    dear, numbers, needed = _dear(situation, loss, reference, cost)
    if not dear:
        reason = f"loss {_text(situation, loss)} since {rfc3339(since)}: not dear enough to fall back"
        return Advised(None, _verdict("no", reason, numbers, needed))
    better = _best(situation, loss, since)
    if better is None:
        reason = f"loss {_text(situation, loss)} since {rfc3339(since)}, but nothing known is better to fall back on"
        return Advised(None, _verdict("no", reason, numbers, "an older version or a challenger that loses less"))
    _remember(version.advised, sound)
    return Advised(
        _advice(situation, better, main, since, loss, reference, rows, cost),
        _verdict("trigger", better.text, numbers, needed),
    )


def _dear(
    situation: Situation, loss: float, reference: float, cost: WaitingCost
) -> tuple[bool, dict[str, float | None], str]:
    fallback = situation.layout.spec.retraining.fallback
    numbers: dict[str, float | None] = {"loss": loss, "reference": reference, "cost_per_day": cost.cost_per_day}
    by_loss = loss >= fallback.times * reference and loss > reference
    wanted, per_day = fallback.cost_per_day, cost.cost_per_day
    by_cost = wanted is not None and per_day is not None and per_day >= wanted
    needed = f"a loss of {_text(situation, fallback.times * reference)}"
    if wanted is not None:
        needed += f", or {amount(wanted)} a day more than before"
    return by_loss or by_cost, numbers, needed


def _best(situation: Situation, loss: float, since: Micros) -> _Better | None:
    """Return the first fallback, in the declared order, that is there and known to be better."""
    declared = situation.layout.spec.retraining.fallback
    for fallback in declared.prefer:
        if fallback == "previous_version":
            known = candidates(situation)
            older = next((one for one in known if one.version == situation.previous), next(iter(known), None))
            if older is not None and older.loss < loss:
                return _Better(fallback, _of_version(situation, older, since), older.version, older.loss)
        elif fallback == "challenger":
            if clearly_better(situation) and situation.comparison is not None:
                expected = situation.comparison["challenger"]
                text = (
                    f"let the challenger answer: it lost {_text(situation, expected)} of late, on rows on which the "
                    f"version lost {_text(situation, situation.comparison['champion'])}"
                )
                return _Better(fallback, text, None, expected)
        elif declared.rule is not None:
            return _Better(fallback, f"by the declared rule: {declared.rule}")
    return None


def _of_version(situation: Situation, older: Candidate, since: Micros) -> str:
    now = sum(cohort.labelled for cohort in situation.others[older.version].since(since))
    last = rfc3339(int(older.last.timestamp() * 1_000_000))
    return (
        f"go back to version {older.version}: it lost {_text(situation, older.loss)} over its last {older.rows:,} "
        f"labelled rows, until {last}, {f'{now:,}' if now else 'none'} of them since this change"
    )


def _advice(
    situation: Situation,
    better: _Better,
    episode: Episode,
    since: Micros,
    loss: float,
    reference: float,
    rows: int,
    cost: WaitingCost,
) -> Advice:
    layout = situation.layout
    reason = (
        f"{better.text[0].upper()}{better.text[1:]}; version {layout.version} loses {_text(situation, loss)} since "
        f"{rfc3339(since)}, against {_text(situation, reference)} in the reference."
    )
    return Advice(
        id=deterministic_id("advice", layout.model, layout.version, episode.id),
        model=layout.model,
        version=layout.version,
        time=from_micros(situation.now),
        since=from_micros(since),
        fallback=better.fallback,
        to_version=better.version,
        rule=layout.spec.retraining.fallback.rule if better.fallback == "rule" else None,
        reason=reason,
        loss=loss,
        reference=reference,
        expected=better.expected,
        rows=rows,
        excess_loss_per_day=cost.excess_loss_per_day,
        cost_per_day=cost.cost_per_day,
        alert=episode.alert,
    )


def _verdict(verdict: str, reason: str, numbers: dict[str, float | None], change: str) -> PolicyVerdict:
    return PolicyVerdict.model_validate(
        {
            "policy": "fallback",
            "verdict": verdict,
            "reason": sentence(reason),
            "numbers": numbers,
            "would_change": change,
        }
    )


def _remember(advised: list[str], episodes: list[Episode]) -> None:
    advised.extend(episode.id for episode in episodes if episode.id not in advised)
    del advised[:-REMEMBERED]


def _text(situation: Situation, loss: float) -> str:
    return value_text(NAMES[situation.layout.spec.task], loss)
