"""The cost policy: calls once what the rise of the loss has cost comes to what a retraining costs. The default.

    S ← max(0, S + c (Σ loss - n u));   calls when S ≥ C · 2^h;   change point = the likeliest since S was last 0

The statistic is `detectors.excess_cost`; here it meets versions, prices, broken data and what became of triggers. It
calls once more for a version that was trained on few rows (`detectors.policies.refit`).
"""

import hashlib
import math

from detectors.excess_cost import ExcessCost
from detectors.layout import Layout
from detectors.policies.cost_state import (
    CostState,
    changed_at,
    fresh,
    promised_bound,
    rival_since,
    surely_better,
    take,
)
from detectors.policies.performance import hurting
from detectors.policies.policy import PolicyCall
from detectors.policies.refit import Refit, reason_of, refit_of, still_needed, told
from detectors.policies.state import PolicyState, node
from detectors.policies.whole_data import left_out, mended
from detectors.policies.yardstick import Yardstick, yardstick_of
from detectors.situation import Situation
from detectors.triggering import reference_mean
from detectors.wording import amount, moved, value_text
from schemas.decision import Verdict
from schemas.event_time import rfc3339
from schemas.policy_spec import CostPolicy as CostPolicySpec
from schemas.trigger import PolicyName

DAY = 86_400_000_000
LATEST = 10  # cohorts by which the rate is told
LONGEST = 36_500  # days; whatever takes longer does not happen


class Cost:
    """Excess cost of the version that serves, and of not having promoted its challenger.

    Parameters
    ----------
    spec
        Its settings.
    place, path
        Where it stands in the tree, by number and by name.
    """

    name: PolicyName = "cost"

    def __init__(self, spec: CostPolicySpec, place: str, path: str) -> None:
        self._spec, self._place, self._path = spec, place, path

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return whether the excess cost has come to the price of a retraining."""
        measure = yardstick_of(situation.by_file, self._spec.confidence)
        own = self._state(state, measure, situation)
        take(own, measure, situation)
        h = state.back_off
        own.champion.back_off(h)
        own.rival.back_off(h)
        refit = refit_of(state, situation, self._spec.refit, own.champion.excess)
        numbers = self._numbers(own, measure, situation, h) | told(refit)
        problem = _problem(own, measure, situation)
        if not situation.primary:
            reason = f"version {situation.layout.version} does not serve: its loss costs nothing"
            return self._says("no", reason, numbers, "that it serves")
        if own.champion.called or (own.rival.called and surely_better(own, situation)):
            return self._called(state, own, measure, situation, numbers)
        if refit is not None and refit.due:
            return self._refits(refit, measure, situation, numbers)
        if problem is not None:
            return self._says("unknown", problem, numbers, _awaited(own, measure, situation) + still_needed(refit))
        text = _ratio(own.champion, measure)
        left = f"an excess cost of {amount(own.champion.threshold - own.champion.excess)} more"
        return self._says("no", text, numbers, left + _in_days(numbers["days_to_go"]) + still_needed(refit))

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Keep what has gathered: a retraining that fails leaves it as it was, and a new version begins anew."""

    def _state(self, state: PolicyState, measure: Yardstick, situation: Situation) -> CostState:
        version = situation.layout.version
        held_out = state.held_out.get(version)
        settings = _settings(self._spec, measure, situation.layout)
        own = node(
            state.of(version).nodes,
            self._place,
            CostState,
            settings,
            lambda: fresh(self._spec, measure, promised_bound(self._spec, measure, held_out, situation), situation),
        )
        if held_out is not None and own.champion.bound is not None:
            told = measure.held_out(*held_out, self._spec.confidence)
            if told is not None and told < own.champion.bound:  # it was told after the first predictions came
                own.champion.bound, own.promised = told, told
        return own

    def _called(
        self,
        state: PolicyState,
        own: CostState,
        measure: Yardstick,
        situation: Situation,
        numbers: dict[str, float | None],
    ) -> PolicyCall:
        worst = own.champion if own.champion.called else own.rival
        began = changed_at(own, measure, situation) if worst is own.champion else rival_since(own, situation)
        since = situation.whole_since(situation.beginning if began is None else began)
        text = _ratio(worst, measure, "" if worst is own.champion else " over the challenger's")
        asked = state.open_trigger(situation.layout.version)
        tried = state.tried_for(situation.layout.version, situation.tried)
        if tried is not None:  # also where it is known already that it helps
            when = f"version {situation.tried}, which came of the trigger of {rfc3339(tried.time)}, is being tried"
            changes = "calls again once that version is given up"
            return self._says("no", f"{text}: called already, {when}", numbers, changes, standing=True)
        if asked is not None:
            when = f"the trigger of {rfc3339(asked[1].time)} is open"
            limit = asked[1].time if asked[1].answered is None else asked[1].answered
            limit += situation.layout.spec.retraining.answer_within
            changes = f"calls again once that one has failed, or from {rfc3339(limit)} on if nobody answers it"
            return self._says("no", f"{text}: called already, {when}", numbers, changes, standing=True)
        causes = hurting(situation)
        if worst is own.champion:
            reason = f"{text}{_above(worst, measure)}: {_moved(own, measure, situation, since)}"
        else:
            reason = f"{text}: the challenger would have lost so much less on the same rows since {rfc3339(since)}"
        return PolicyCall(
            self.name,
            self._path,
            "trigger",
            reason,
            numbers,
            f"with an excess cost below {amount(worst.threshold)} it would not have called",
            since,
            causes,
            "performance",
            measure.signal,
            how=None if worst is own.champion else "promote_challenger",
            paced=True,
        )

    def _refits(
        self, refit: Refit, measure: Yardstick, situation: Situation, numbers: dict[str, float | None]
    ) -> PolicyCall:
        return PolicyCall(
            self.name,
            self._path,
            "trigger",
            reason_of(refit, self._spec.refit or 1, situation.layout.version),
            numbers,
            f"with fewer than {refit.wanted:,} labelled rows since {rfc3339(refit.since)} it would not have called",
            refit.since,
            tier="performance",
            signal=measure.signal,
            paced=True,
            refits=refit.trigger,
        )

    def _says(
        self,
        verdict: Verdict,
        reason: str,
        numbers: dict[str, float | None],
        would_change: str | None = None,
        *,
        standing: bool = False,
    ) -> PolicyCall:
        return PolicyCall(self.name, self._path, verdict, reason, numbers, would_change, standing=standing, paced=True)

    def _numbers(self, own: CostState, measure: Yardstick, situation: Situation, h: int) -> dict[str, float | None]:
        champion = own.champion
        threshold = None if math.isinf(champion.threshold) else champion.threshold
        rate = _rate(own, measure, situation)
        left = None if threshold is None else max(0.0, threshold - champion.excess)
        days = None if left is None or rate is None or rate <= 0 else left / rate
        return {
            "excess": champion.excess,
            "challenger_excess": own.rival.excess,
            "threshold": threshold,
            "retraining_cost": None if math.isinf(champion.retraining_cost) else champion.retraining_cost,
            "price_assumed": float(measure.assumed),
            "price": measure.price,
            "back_off": float(h),
            "bound": champion.bound,
            "labels": float(champion.labels),
            "excess_per_day": rate,
            "days_to_go": days if days is not None and days <= LONGEST else None,
        }


def _settings(spec: CostPolicySpec, measure: Yardstick, layout: Layout) -> str:
    text = spec.model_dump_json(exclude={"refit"}) + layout.spec.costs.model_dump_json() + repr(measure)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _problem(own: CostState, measure: Yardstick, situation: Situation) -> str | None:
    """Return why nothing can be said, or None."""
    layout, newest = situation.layout, situation.history.cohorts
    if measure.scale is None:
        return f"losses are not counted: no reference profile for version {layout.version}"
    if measure.price == 0:
        return "costs.loss is 0: no loss costs anything"
    if situation.left_out:
        return left_out(situation)
    if own.champion.bound is None:
        rows = own.champion.labels
        return f"burn-in: {rows:,} of {own.champion.burn_in:,} labelled rows, and no held-out loss is known"
    if newest and newest[-1].problem is not None:
        return newest[-1].problem
    return None


def _awaited(own: CostState, measure: Yardstick, situation: Situation) -> str:
    if measure.scale is None:
        return "a reference profile with labels"
    if measure.price == 0:
        return "a price above 0"
    if situation.left_out:
        return mended(situation)
    if own.champion.bound is None:
        left = own.champion.burn_in - own.champion.labels
        return f"{left:,} more labelled rows, or the held-out loss of the version"
    return "a cohort that can be judged"


def _ratio(cost: ExcessCost, measure: Yardstick, over: str = "") -> str:
    """Return an excess cost against what it has to come to."""
    assumed = ", a price assumed from the reference" if measure.assumed else ""
    return f"excess cost{over} {amount(cost.excess)} of {amount(cost.threshold)}{assumed}"


def _above(cost: ExcessCost, measure: Yardstick) -> str:
    """Return what the cost counts from: without it, nobody could add up rows, rise and price to the cost."""
    return "" if cost.bound is None else f", above the {value_text(measure.signal, cost.bound)} that is put up with"


def _in_days(days: float | None) -> str:
    if days is None:
        return "; of late it does not grow"
    return f"; at the rate of the last {LATEST} cohorts in about {math.ceil(days):,} days"


def _rate(own: CostState, measure: Yardstick, situation: Situation) -> float | None:
    """Return by how much the excess cost grows a day, as the newest cohorts have it."""
    bound = own.champion.bound
    cohorts = situation.whole([c for c in list(situation.history.cohorts)[-LATEST:] if c.problem is None])
    if bound is None or not cohorts:
        return None
    told = [measure.told(cohort) for cohort in cohorts]
    days = (cohorts[-1].end - cohorts[0].start) / DAY
    return measure.price * sum(each.loss - each.n * bound for each in told) / days


def _moved(own: CostState, measure: Yardstick, situation: Situation, since: int) -> str:
    """Return how the mean has moved since the change, from what it was in the reference or when the version was new.

    The smaller of the two, as the bound is of the smaller one.
    """
    told = [measure.told(c) for c in situation.whole(situation.history.since(since)) if c.problem is None]
    rows = sum(each.n for each in told)
    what = "the mean cost" if measure.priced else f"the {measure.signal.replace('_', ' ')}"
    if rows == 0:
        return f"{what} rose since {rfc3339(since)}"
    known = [own.births[1] / own.births[0]] if own.champion.burnt_in else []
    if not measure.priced and (of_reference := reference_mean(situation.layout)) is not None:
        known.append(of_reference)
    before = min(known, default=None)
    return moved(measure.signal, what, sum(each.loss for each in told) / rows, before, rows, since)
