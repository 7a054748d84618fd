"""From a situation to a decision: policies are asked, what holds calls back is weighed, and all of it is told. Pure."""

from dataclasses import dataclass, replace

from detectors.advice import advise
from detectors.beliefs import Believed, believe
from detectors.policies.ad_hoc import ad_hoc
from detectors.policies.answers import settle
from detectors.policies.any import merged
from detectors.policies.cost_state import CostState
from detectors.policies.guards import count_cohort, held_back
from detectors.policies.policy import PolicyCall
from detectors.policies.state import PolicyState
from detectors.policies.tree import places_of, policies_of
from detectors.situation import Situation
from detectors.triggering import sentence, trigger_of
from schemas.advice import Advice
from schemas.contract import deterministic_id
from schemas.decision import PolicyVerdict, RetrainingDecision, Verdict
from schemas.event_time import Micros, from_micros, to_micros
from schemas.trigger import RetrainingTrigger


@dataclass(frozen=True)
class Decided:
    """What a step came to."""

    decision: RetrainingDecision | None
    """None where no cohort was judged and nothing is new."""
    trigger: RetrainingTrigger | None = None
    advice: Advice | None = None
    held_back: str | None = None
    """What stands against a call."""


def decide(state: PolicyState, situation: Situation) -> Decided:
    """Return what the model's policies come to after a closed pane; updates `state` and the episodes' triggers.

    Any policy of the monitor file may fire. Of those that call and that nothing holds back, the first says why and
    since when; all that call give their evidence.
    """
    layout = situation.layout
    state.now = situation.now if state.now is None else max(state.now, situation.now)
    settle(state, situation)
    _prune(state, situation)
    policies = policies_of(layout.spec.retraining.policies)
    calls = [policy.judge(state, situation) for policy in policies]
    if situation.judged:
        count_cohort(state, situation, calls)
    reasons = [
        (_overtaken(calls, call) or held_back(state, situation, call, str(place)))
        if call.verdict == "trigger"
        else None
        for place, call in enumerate(calls)
    ]
    chosen = next((n for n, call in enumerate(calls) if call.verdict == "trigger" and reasons[n] is None), None)
    held = next((r for r in reasons if r), None) or next((c.reason for c in calls if c.verdict == "held_back"), None)
    advised = advise(state, situation)
    believed = believe(state, situation, _cost_state(state, situation))
    told = [verdict for call, reason in zip(calls, reasons, strict=True) for verdict in _verdicts(call, reason)]
    if advised.verdict is not None:
        told.append(advised.verdict)
    id_ = _id("decision", situation)
    version = state.of(layout.version)
    if chosen is None:
        news = held != version.held
        version.held = held
        if not situation.judged and not news and advised.advice is None:
            return Decided(None, held_back=held)
        decision = _decision(situation, id_, calls, held, told, believed)
        return Decided(decision, None, advised.advice, held)
    version.held = None
    main = _with_others(calls, chosen)
    trigger = trigger_of(state, situation, main, _id("trigger", situation), id_, believed.belief)
    for policy, call in zip(policies, calls, strict=True):
        policy.fired(state, situation, called=call.verdict == "trigger")
    for key, cause in main.causes:
        live = situation.episodes.get(key)
        if live is not None and live.id == cause.id and (live.trigger is None or state.is_failed(live.trigger)):
            live.trigger = trigger.id
    _note(state, trigger, situation.now, main.refits)
    decision = _decision(situation, id_, calls, None, told, believed, trigger)
    return Decided(decision, trigger, advised.advice)


def decide_ad_hoc(state: PolicyState, situation: Situation, command: str, reason: str, noted: Micros) -> Decided:
    """Return the trigger that somebody asked for; updates `state`.

    Parameters
    ----------
    command
        Id of the command: the trigger's depends on it alone.
    noted
        Event time that cooldowns count from: a sender's clock may be wrong.
    """
    layout, call = situation.layout, ad_hoc(situation, reason)
    id_ = deterministic_id("decision", "ad_hoc", layout.model, command)
    policies = policies_of(layout.spec.retraining.policies)
    believed = believe(state, situation, _cost_state(state, situation))
    trigger_id = deterministic_id("trigger", "ad_hoc", layout.model, command)
    trigger = trigger_of(state, situation, call, trigger_id, id_, believed.belief)
    for policy in policies:
        policy.fired(state, situation, called=False)
    _note(state, trigger, noted)
    return Decided(_decision(situation, id_, [call], None, _verdicts(call, None), believed, trigger), trigger)


def _note(state: PolicyState, trigger: RetrainingTrigger, now: Micros, refits: str | None = None) -> None:
    last = state.last
    covered = to_micros(trigger.train_on.window.end)
    state.note(trigger, now if last is None else max(last, now), covered, to_micros(trigger.since), refits)


def _overtaken(calls: list[PolicyCall], call: PolicyCall) -> str | None:
    """Return which policy knows of a newer change than the one that a refit is about."""
    if call.refits is None:
        return None
    newer = next((c for c in calls if c.verdict == "trigger" and c.refits is None and not c.clocked), None)
    return None if newer is None else f"{newer.path} calls for a newer change: {newer.reason}"


def _id(kind: str, situation: Situation) -> str:
    family, start = situation.step or ("command", situation.now)
    return deterministic_id(kind, situation.layout.model, situation.layout.version, family, start, situation.now)


def _with_others(calls: list[PolicyCall], chosen: int) -> PolicyCall:
    """Return the call that decides, with the evidence of all that call."""
    main = calls[chosen]
    others = [call for call in calls if call.verdict == "trigger" and call is not main]
    if not others:
        return main
    reason = "; ".join([main.reason, *(f"{call.path} calls, too: {call.reason}" for call in others)])
    return replace(main, reason=reason, causes=merged([main.causes, *(call.causes for call in others)]))


def _verdicts(call: PolicyCall, reason: str | None) -> list[PolicyVerdict]:
    """Return what a policy said, and those that it combines after it."""
    held = call.verdict == "trigger" and reason is not None
    own = PolicyVerdict(
        policy=call.path,
        verdict="held_back" if held else call.verdict,
        reason=sentence(f"{call.reason}; held back: {reason}" if held else call.reason),
        numbers=call.numbers,
        would_change=call.would_change,
    )
    return [own, *(verdict for part in call.parts for verdict in _verdicts(part, None))]


def _decision(
    situation: Situation,
    id_: str,
    calls: list[PolicyCall],
    held: str | None,
    told: list[PolicyVerdict],
    believed: Believed,
    trigger: RetrainingTrigger | None = None,
) -> RetrainingDecision:
    verdict: Verdict = "no"
    if trigger is not None:
        verdict, reason = "trigger", trigger.reason
    elif held is not None:
        verdict, reason = "held_back", sentence(held)
    elif not calls:
        reason = "No policy is declared: only a command triggers."
    else:
        if any(call.verdict == "unknown" for call in calls):
            verdict = "unknown"
        main = next(call for call in calls if call.verdict in (verdict, "no"))
        reason = sentence(
            f"{main.path}: {main.reason}" + (f"; needed: {main.would_change}" if main.would_change else "")
        )
    return RetrainingDecision(
        id=id_,
        model=situation.layout.model,
        version=situation.layout.version,
        time=from_micros(situation.now),
        verdict=verdict,
        reason=reason,
        policies=told,
        trigger=None if trigger is None else trigger.id,
        belief=believed.belief,
        belief_reason=believed.reason,
    )


def _prune(state: PolicyState, situation: Situation) -> None:
    """Forget the state of policies that the monitor file no longer names."""
    places = places_of(situation.layout.spec.retraining.policies)
    for nodes in (state.nodes, state.of(situation.layout.version).nodes):
        for place in [place for place in nodes if place not in places]:
            del nodes[place]


def _cost_state(state: PolicyState, situation: Situation) -> CostState | None:
    """Return what the first cost policy remembers of the version, wherever it stands in the tree."""
    nodes = state.of(situation.layout.version).nodes
    return next((one[1] for _, one in sorted(nodes.items()) if isinstance(one[1], CostState)), None)
