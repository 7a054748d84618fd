"""`any`, `all` and `first`: who has to call, when, and whose word counts where some cannot tell."""

from dataclasses import replace
from typing import Any

from detectors.episodes import EpisodeKey
from detectors.policies.decide import decide
from detectors.policies.state import PolicyState
from detectors.state import decode, encode
from schemas.decision import RetrainingDecision
from schemas.event_time import from_micros

from ..builders import DAY, START, profile_of
from ..situations import OVERALL, PERFORMANCE, episode, fires, history, quiet, situation, spec_of

INCOME: EpisodeKey = ("feature_drift", "income", None, "cdf_bets", "traffic")
DRIFT = {"type": "drift", "features": 1}
DAILY = {"type": "schedule", "cron": "0 0 * * *"}


def combined(kind: str, *of: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [{"type": kind, "of": list(of)} | fields]


def drifting(since: int) -> Any:
    return episode(since, "drift", "notice")


def verdicts(decision: RetrainingDecision | None) -> dict[str, str]:
    assert decision is not None
    return {each.policy: each.verdict for each in decision.policies}


# any


def test_one_that_calls_is_enough_and_all_that_call_give_their_evidence() -> None:
    for policies in (combined("any", *PERFORMANCE, DRIFT), [*PERFORMANCE, DRIFT]):
        spec = spec_of(policies)
        quiet(PolicyState(), situation(spec))
        assert fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)})).signal == "error_rate"
        both = {OVERALL: episode(10), INCOME: drifting(5)}
        trigger = fires(PolicyState(), situation(spec, 20, both))
        assert trigger.policy == ("any" if len(policies) == 1 else "performance")
        assert {each.signal for each in trigger.evidence} == {"error_rate", "feature_drift"}
        assert trigger.since == from_micros(START + 10 * DAY)  # the first that calls says since when
        assert {each.trigger for each in both.values()} == {trigger.id}


def test_what_one_cannot_tell_is_not_a_no_of_any() -> None:
    spec = spec_of(combined("any", *PERFORMANCE, DAILY))
    one = situation(spec, 20, profile=profile_of(spec, panes=29))
    decision = quiet(PolicyState(), one).decision
    assert verdicts(decision) == {"any": "unknown", "any/performance": "unknown", "any/schedule": "no"}


# all


def test_all_have_to_call_within_the_time_and_in_any_order() -> None:
    spec = spec_of(combined("all", *PERFORMANCE, DRIFT, within="5d"))
    for first, second in ((OVERALL, INCOME), (INCOME, OVERALL)):
        made = {OVERALL: lambda: episode(10), INCOME: lambda: drifting(12)}
        state, late = PolicyState(), PolicyState()
        decision = quiet(state, situation(spec, 20, {first: made[first]()})).decision
        assert set(verdicts(decision).values()) == {"no", "trigger"}
        trigger = fires(state, situation(spec, 25, {second: made[second]()}))
        assert trigger.policy == "all"
        assert {each.signal for each in trigger.evidence} == {"error_rate", "feature_drift"}
        quiet(late, situation(spec, 20, {first: made[first]()}))
        quiet(late, situation(spec, 26, {second: made[second]()}))


def test_calls_are_used_up_by_the_trigger_that_they_led_to() -> None:
    spec = spec_of(combined("all", *PERFORMANCE, DRIFT, within="30d"), cooldown="1s")
    state, episodes = PolicyState(), {OVERALL: episode(10), INCOME: drifting(12)}
    first = fires(state, situation(spec, 20, episodes))
    assert {each.trigger for each in episodes.values()} == {first.id}
    quiet(state, situation(spec, 21, episodes))
    quiet(state, situation(spec, 22, {OVERALL: episode(21)}))


def test_all_wait_for_the_calendar_and_train_from_the_change() -> None:
    state, spec = PolicyState(), spec_of(combined("all", DAILY, *PERFORMANCE))
    quiet(state, situation(spec, 19))
    trigger = fires(state, situation(spec, 20, {OVERALL: episode(10)}))
    assert (trigger.policy, trigger.since) == ("all", from_micros(START + 10 * DAY))
    assert "Scheduled by" in trigger.reason


def test_one_no_is_a_no_of_all_whatever_the_others_cannot_tell() -> None:
    spec = spec_of(combined("all", *PERFORMANCE, DAILY))
    decision = quiet(PolicyState(), situation(spec, 20, profile=profile_of(spec, panes=29))).decision
    assert verdicts(decision)["all"] == "no"


def test_remembered_calls_survive_a_snapshot() -> None:
    spec = spec_of(combined("all", *PERFORMANCE, DRIFT, within="5d"))
    state = PolicyState()
    quiet(state, situation(spec, 20, {OVERALL: episode(10)}))
    last = situation(spec, 24, {INCOME: drifting(12)})
    restored = decode(encode(state))
    assert fires(restored, replace(last, episodes={INCOME: drifting(12)})) == fires(state, last)


# first


def test_the_first_that_can_tell_decides_be_it_yes_or_no() -> None:
    spec = spec_of(combined("first", *PERFORMANCE, DRIFT))
    drift = {INCOME: drifting(10)}
    decision = quiet(PolicyState(), situation(spec, 20, dict(drift))).decision
    assert verdicts(decision) == {"first": "no", "first/performance": "no", "first/drift": "trigger"}
    assert decision is not None
    assert decision.reason.startswith("First: first/performance decides")
    blind = history(20, problem="label coverage: 0 of 50 rows")
    trigger = fires(PolicyState(), situation(spec, 20, dict(drift), blind))
    assert (trigger.policy, trigger.signal) == ("first", "feature_drift")


def test_none_that_can_tell_is_unknown() -> None:
    spec = spec_of(combined("first", *PERFORMANCE, DRIFT))
    decision = decide(PolicyState(), situation(spec, 20, profile=profile_of(spec, panes=29))).decision
    assert verdicts(decision) == {"first": "unknown", "first/performance": "unknown", "first/drift": "unknown"}


def test_combinations_combine() -> None:
    inner = combined("all", *PERFORMANCE, DRIFT)[0]
    spec = spec_of(combined("first", {"type": "cost"}, inner), costs={"loss": 0.0})
    decision = decide(PolicyState(), situation(spec, 20, {OVERALL: episode(10)})).decision
    assert list(verdicts(decision)) == [
        "first",
        "first/cost",
        "first/all",
        "first/all/performance",
        "first/all/drift",
        "fallback",
    ]
    assert fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10), INCOME: drifting(9)})).policy == "first"
