"""What to fall back on is advised at once and once, and only what is known to be better."""

from typing import Any

import pytest

from detectors.policies.decide import Decided, decide
from detectors.policies.state import PolicyState
from detectors.situation import Broken, Situation
from schemas.event_time import from_micros

from .builders import DAY, START, model_spec
from .situations import OVERALL, episode, history, risen, situation, spec_of

BETTER = {"challenger": 0.05, "champion": 0.4, "rows": 1_000.0}
ALIKE = {"challenger": 0.38, "champion": 0.4, "rows": 1_000.0}


def bad(fallback: dict[str, Any] | None = None, **fields: Any) -> Situation:
    """Ten days of .4 errors after a reference of about .1, with an alarm; nothing may trigger yet."""
    spec = spec_of([], costs={"loss": 3.0}, fallback=fallback or {})
    given: dict[str, Any] = {"episodes": {OVERALL: episode(10)}, "past": risen(20, change=10)}
    return situation(spec, 22, **given | fields)


def older(loss: float) -> dict[str, Any]:
    return {"others": {"0": history(8, errors=loss, first=-20)}}


def refused(decided: Decided) -> str:
    assert decided.advice is None
    assert decided.decision is not None
    (verdict,) = (each for each in decided.decision.policies if each.policy == "fallback")
    assert verdict.verdict == "no"
    return verdict.reason


def test_the_previous_version_is_advised_where_it_lost_less() -> None:
    advice = decide(PolicyState(), bad(version="2", **older(5.0))).advice
    assert advice is not None
    assert (advice.fallback, advice.to_version, advice.version) == ("previous_version", "0", "2")
    assert (advice.loss, advice.expected, advice.rows) == (pytest.approx(0.4), pytest.approx(0.1), 500)
    assert advice.since == from_micros(START + 10 * DAY)
    assert advice.cost_per_day == pytest.approx(3 * advice.excess_loss_per_day)
    assert advice.alert == "alert"
    assert "version 0" in advice.reason


def test_it_says_how_much_of_what_the_previous_version_lost_is_of_this_change() -> None:
    before = decide(PolicyState(), bad(version="2", others={"1": history(8, errors=5.0, first=-8)})).advice
    beside = decide(PolicyState(), bad(version="2", others={"1": history(20, errors=5.0, first=-1)})).advice
    assert before is not None
    assert beside is not None
    assert "none of them since this change" in before.reason
    assert "450 of them since this change" in beside.reason


def test_the_version_that_commands_say_served_before_is_the_previous_one() -> None:
    others = {"0": history(8, errors=5.0, first=-20), "1": history(5, errors=5.0, first=-8)}
    for previous, expected in ((None, "1"), ("0", "0")):
        advice = decide(PolicyState(), bad(version="2", others=others, previous=previous)).advice
        assert advice is not None
        assert advice.to_version == expected


def test_a_previous_version_that_was_worse_is_passed_over() -> None:
    advice = decide(PolicyState(), bad(version="2", comparison=BETTER, **older(25.0))).advice
    assert advice is not None
    assert (advice.fallback, advice.to_version, advice.expected) == ("challenger", None, 0.05)


def test_the_challenger_is_advised_only_where_it_is_clearly_better_on_the_same_rows() -> None:
    assert "nothing known is better" in refused(decide(PolicyState(), bad(comparison=ALIKE)))
    advice = decide(PolicyState(), bad({"rule": "ask a person"}, comparison=ALIKE)).advice
    assert advice is not None
    assert (advice.fallback, advice.rule, advice.expected) == ("rule", "ask a person", None)


def test_what_is_preferred_comes_first() -> None:
    fallback = {"prefer": ["rule", "challenger"], "rule": "ask a person"}
    advice = decide(PolicyState(), bad(fallback, comparison=BETTER)).advice
    assert advice is not None
    assert advice.fallback == "rule"


def test_a_loss_that_is_not_dear_is_put_up_with_and_the_decision_says_what_would_be_dear() -> None:
    state = PolicyState()
    decided = decide(state, bad({"times": 10.0, "rule": "r"}))
    assert "not dear enough" in refused(decided)
    assert decided.decision is not None
    (verdict,) = decided.decision.policies
    assert verdict.would_change is not None
    assert verdict.would_change.startswith("a loss of ")
    dear = decide(state, bad({"times": 10.0, "cost_per_day": 20.0, "rule": "r"})).advice
    assert dear is not None  # 50 x .3 x 3.0 a day
    assert dear.cost_per_day is not None
    assert dear.cost_per_day > 20.0


def test_it_is_told_once_for_a_change_whatever_signals_see_it() -> None:
    state, one = PolicyState(), bad({"rule": "r"})
    assert decide(state, one).advice is not None
    assert decide(state, one).advice is None
    both = {OVERALL: episode(10), ("complaint_rate", None, None, "e_detector", "label"): episode(12, tier="outcomes")}
    assert decide(state, bad({"rule": "r"}, episodes=both)).advice is None
    later = {OVERALL: episode(15, id="another change")}
    assert decide(state, bad({"rule": "r"}, episodes=later)).advice is not None
    assert decide(state, bad({"rule": "r"}, version="2")).advice is not None  # another version


@pytest.mark.parametrize(
    "fields",
    [
        {"broken": [Broken(START + 9 * DAY)]},
        {"snoozed": {"": START + 99 * DAY}},
        {"primary": False},
        {"episodes": {}},
        {"episodes": {OVERALL: episode(10, severity="notice")}},
        {"episodes": {("error_rate", None, "region=north", "e_detector", "cohort"): episode(10)}},
        {"past": risen(10, change=10)},
    ],
)
def test_nothing_is_advised_where_it_would_not_help_or_is_not_confirmed(fields: dict[str, Any]) -> None:
    decided = decide(PolicyState(), bad({"rule": "r"}, **fields))
    assert decided.advice is None


def test_without_a_reference_there_is_nothing_that_could_be_twice_as_much() -> None:
    spec = model_spec(retraining={"policies": [], "fallback": {"rule": "r"}})
    one = situation(spec, 22, {OVERALL: episode(10)}, risen(20, change=10))
    bare = Situation(type(one.layout)("m", "1", spec, None), one.now, one.episodes, one.history, [], None)
    assert decide(PolicyState(), bare).advice is None
