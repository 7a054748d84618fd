"""`CostState`: the excess costs of one version, kept up with what its history tells of whole, judged cohorts."""

import math
from dataclasses import dataclass, field

import numpy as np

from detectors.excess_cost import ExcessCost
from detectors.history import CAPACITY, Cohort, Compared
from detectors.policies.change_point import change_point
from detectors.policies.yardstick import ASSUMED_PREDICTIONS, Yardstick
from detectors.situation import Situation
from detectors.state import register
from schemas.event_time import Micros
from schemas.policy_spec import CostPolicy

STINTS = 100  # in which a version did not serve; the newest are remembered
CERTAIN = 4.0  # standard errors; they are looked at after each pane


@register
@dataclass
class CostState:
    """What the cost policy remembers of one version."""

    champion: ExcessCost
    """Of the version's loss above what it was when it was new."""
    rival: ExcessCost
    """Of its loss above the challenger's on the same rows: what a bad birth hides."""
    promised: float | None
    """Upper bound that the champion was held against from the first, before its own burn-in told more."""
    through: Micros = 0
    """End of the newest cohort that was looked at."""
    compared: Micros = 0
    """End of the newest comparison that was looked at."""
    idle: list[tuple[Micros, Micros | None]] = field(default_factory=list)
    """From when to when it did not serve: what it loses in the shadow costs nobody anything."""
    known: tuple[Micros, ...] = ()
    """Starts of the broken stretches that were left out."""
    left_out: tuple[Micros, ...] = ()
    """Starts of the judged cohorts that were left out as broken."""
    births: tuple[int, float] = (0, 0.0)
    """Labelled rows and loss of its burn-in."""


def fresh(spec: CostPolicy, measure: Yardstick, promised: float | None, situation: Situation) -> CostState:
    """Return the state of a version that nothing is known of yet."""
    cost = math.inf if measure.retraining is None else measure.retraining  # until the burn-in tells what it is
    scale = measure.scale or 1.0
    champion = ExcessCost(
        measure.price, cost, spec.burn_in, spec.confidence, promised, scale, dispersion=measure.dispersion
    )
    rival = ExcessCost(measure.price, cost, spec.burn_in, spec.confidence, bound=0.0, scale=scale)
    return CostState(champion, rival, promised, idle=[] if situation.primary else [(0, None)])


def promised_bound(
    spec: CostPolicy, measure: Yardstick, held_out: tuple[float, int] | None, situation: Situation
) -> float | None:
    """Return the upper bound that a version is held against before its own burn-in, or None.

    It is that of its held-out loss, or of its reference: one speaks for the version that it was made of, and for the
    first one.
    """
    profile = situation.by_file.profile
    own = isinstance(situation.layout.spec.reference, dict) or (
        profile is not None and profile.version == situation.layout.version
    )
    bounds = [measure.reference] if own or situation.first else []
    if held_out is not None:
        bounds.append(measure.held_out(*held_out, spec.confidence))
    return min((bound for bound in bounds if bound is not None), default=None)


def take(state: CostState, measure: Yardstick, situation: Situation) -> None:
    """Bring the excess costs up to the newest cohort and comparison, broken data left out."""
    _forget_broken(state, measure, situation)
    _take_back(state, measure, situation)
    _note_service(state, situation)
    history = situation.history
    _judge(state, measure, situation, [c for c in history.cohorts if c.end > state.through and c.problem is None])
    if history.cohorts:
        state.through = max(state.through, history.cohorts[-1].end)
    _price(state, measure)
    for one in [c for c in history.compared if c.end > state.compared]:
        if situation.primary and _is_whole(situation, one):
            _compare(state, measure, situation, one)
        state.compared = one.end


def _judge(state: CostState, measure: Yardstick, situation: Situation, cohorts: list[Cohort]) -> None:
    """Take judged cohorts in, and note those that are left out."""
    whole = situation.whole(cohorts)
    if len(whole) < len(cohorts):
        kept = {cohort.start for cohort in whole}
        state.left_out += tuple(cohort.start for cohort in cohorts if cohort.start not in kept)
    for cohort in whole:
        told = measure.told(cohort)
        serves = _serves(state, cohort.start)
        champion, burning = state.champion, not state.champion.burnt_in
        if not serves and not burning:
            continue
        excess, since = champion.excess, champion.since
        champion.update(cohort.start, cohort.end, *told)
        if not serves:  # it tells what the version loses when it is new, and no more
            champion.excess, champion.since = excess, cohort.end if excess == 0 else since
        if burning:
            state.births = (state.births[0] + told.n, state.births[1] + told.loss)


def _compare(state: CostState, measure: Yardstick, situation: Situation, one: Compared) -> None:
    state.rival.price = measure.price * _of_loss(measure, situation)
    state.rival.update(one.start, one.end, one.labelled, (one.champion - one.challenger) / one.rows * one.labelled)


def _note_service(state: CostState, situation: Situation) -> None:
    """Note when the version stops to serve and when it serves again."""
    idle = bool(state.idle) and state.idle[-1][1] is None
    if situation.primary and idle:
        state.idle[-1] = (state.idle[-1][0], situation.now)  # cohorts that are still to be judged began in the shadow
        if state.champion.excess == 0 and state.champion.since is not None:
            state.champion.since = max(state.champion.since, situation.now)
    elif not situation.primary and not idle:
        state.idle.append((situation.now, None))
        del state.idle[:-STINTS]


def _serves(state: CostState, moment: Micros) -> bool:
    return not any(since <= moment and (until is None or moment < until) for since, until in state.idle)


def surely_better(state: CostState, situation: Situation) -> bool:
    """Whether the challenger has lost less since the second S was 0 by more than noise makes of two equal models.

    A sum of differences around 0 walks to any height some day, and on many rows soon. So the difference has to be above
    `CERTAIN` standard errors, with the largest variance that losses with these means can have.
    """
    since, scale = state.rival.since, situation.layout.loss_scale
    found = [one for one in situation.history.compared if since is not None and one.start >= since]
    rows = sum(one.rows for one in found)
    if rows == 0 or scale is None:
        return False
    totals = sum(one.champion for one in found), sum(one.challenger for one in found)
    champion, challenger = (min(total / rows / scale, 1.0) for total in totals)
    variance = champion * (1 - champion) + challenger * (1 - challenger)
    return champion - challenger > CERTAIN * math.sqrt(state.champion.dispersion * variance / rows)


def changed_at(state: CostState, measure: Yardstick, situation: Situation) -> Micros | None:
    """Return the likeliest start of what the excess cost has risen by since it was last 0; None where it is 0."""
    champion, scale = state.champion, measure.scale
    if champion.since is None or champion.bound is None or scale is None or champion.excess == 0:
        return champion.since
    cohorts = situation.whole(
        [
            cohort
            for cohort in situation.history.cohorts
            if champion.since <= cohort.start and not cohort.problem and _serves(state, cohort.start)
        ]
    )
    told = [measure.told(cohort) for cohort in cohorts]
    rows, sums = (np.array(each, dtype=np.float64) for each in ([t.n for t in told], [t.loss for t in told]))
    best = change_point(rows, sums, champion.bound, 0.0, scale)
    return champion.since if best is None else cohorts[best].start


def rival_since(state: CostState, situation: Situation) -> Micros | None:
    """Return the likeliest start of what the challenger has lost less by, since the second S was last 0."""
    since, scale = state.rival.since, situation.layout.loss_scale
    if since is None or scale is None or state.rival.excess == 0:
        return since
    found = [one for one in situation.history.compared if since <= one.start and _is_whole(situation, one)]
    rows = np.array([one.rows for one in found], dtype=np.float64)
    sums = np.array([one.champion - one.challenger for one in found], dtype=np.float64)
    best = change_point(rows, sums, 0.0, -scale, scale)
    return since if best is None else found[best].start


def _is_whole(situation: Situation, one: Compared) -> bool:
    """Whether no label that became known in a pane can be of a row of a broken stretch."""
    maturity = situation.layout.spec.maturity
    return not any(b.since < one.end and (b.until is None or b.until + maturity > one.start) for b in situation.broken)


def _price(state: CostState, measure: Yardstick) -> None:
    """Where nobody says what a retraining costs, what the version loses when it is new stands in."""
    bound = state.champion.bound
    if measure.retraining is None and bound and measure.price > 0 and math.isinf(state.champion.retraining_cost):
        cost = ASSUMED_PREDICTIONS * measure.price * bound
        state.champion.retraining_cost = state.rival.retraining_cost = cost


def _of_loss(measure: Yardstick, situation: Situation) -> float:
    """Return what a unit of loss costs, in units of what is judged: as much as it did of late."""
    if not measure.priced:
        return 1.0
    cohorts = situation.history.cohorts
    loss, cost = sum(c.loss for c in cohorts if c.costed), sum(c.cost for c in cohorts)
    return cost / loss if loss > 0 else 0.0


def _forget_broken(state: CostState, measure: Yardstick, situation: Situation) -> None:
    """Take cohorts out again that turned out to be broken after they were judged."""
    found = [broken.since for broken in situation.broken if broken.since not in state.known]
    state.known = tuple(broken.since for broken in situation.broken)
    if not found:
        return
    judged = [c for c in situation.history.cohorts if c.end <= state.through and c.problem is None]
    kept = {cohort.start for cohort in situation.whole(judged)}
    state.left_out = tuple(cohort.start for cohort in judged if cohort.start not in kept)
    champion, bound = state.champion, state.champion.bound
    if min(found) >= state.through or bound is None or champion.since is None:
        return
    champion.excess, start = 0.0, champion.since
    cohorts = [c for c in situation.history.cohorts if start <= c.start and c.end <= state.through and not c.problem]
    for cohort in situation.whole(
        [c for c in cohorts if _serves(state, c.start)]
    ):  # again from where it was 0, which is all that it depends on
        told = measure.told(cohort)
        champion.excess = max(0.0, champion.excess + champion.price * (told.loss - told.n * bound))
        if champion.excess == 0:
            champion.since = cohort.end


def _take_back(state: CostState, measure: Yardstick, situation: Situation) -> None:
    """Take cohorts in that were left out as broken, and are not: somebody has said that their data is right.

    All that is remembered is judged once more, so that the sums are what they would be had nobody ever doubted it.
    Where the beginning is forgotten, the bound stays as it was found, and the sums begin at 0 with the oldest cohort.
    """
    if not state.left_out:
        return
    history = situation.history
    out = set(state.left_out)
    known = [cohort for cohort in history.cohorts if cohort.start in out]
    state.left_out = tuple(cohort.start for cohort in known)
    back = situation.whole(known)
    if not back:
        return
    judged = [c for c in history.cohorts if c.end <= state.through and c.problem is None]
    compared = [c for c in history.compared if c.end <= state.compared]
    begins_anew = len(history.cohorts) < CAPACITY or state.champion.bound is None
    state.champion.again(state.promised, whole=begins_anew)
    state.left_out = ()
    if begins_anew:
        state.births = (0, 0.0)
    labels = state.champion.labels
    _judge(state, measure, situation, judged)
    if not begins_anew:  # what was counted before is not counted twice
        state.champion.labels = labels + sum(measure.told(c).n for c in back if _serves(state, c.start))
    _price(state, measure)
    maturity = situation.layout.spec.maturity
    first, last = back[0].start, back[-1].end + maturity
    if any(first < one.end and one.start < last for one in compared):
        state.rival.again(0.0, whole=False)
        for one in compared:
            if _serves(state, one.start) and _is_whole(situation, one):
                _compare(state, measure, situation, one)
