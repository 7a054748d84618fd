"""The performance policy calls once for each change that hurts, or for a loss that is clearly above its floor."""

from typing import Any

import pytest

from detectors.episodes import EpisodeKey
from detectors.policies.answers import failed
from detectors.policies.decide import decide
from detectors.policies.state import PolicyState
from schemas.event_time import from_micros
from schemas.spec import ModelSpec

from ..builders import DAY, START, profile_of
from ..situations import NORTH, OVERALL, PERFORMANCE, episode, fires, held, history, quiet, risen, situation, spec_of


def test_an_alarm_of_performance_fires_once() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE), {OVERALL: episode()}
    trigger = fires(state, situation(spec, 20, episodes))
    assert (trigger.policy, trigger.signal, trigger.tier) == ("performance", "error_rate", "performance")
    assert trigger.since == from_micros(START + 10 * DAY)
    assert episodes[OVERALL].trigger == trigger.id
    assert all(decide(state, situation(spec, now, episodes)).trigger is None for now in range(20, 35))


@pytest.mark.parametrize(
    ("tier", "severity", "expected"),
    [
        ("performance", "alarm", True),
        ("outcomes", "alarm", True),
        ("performance", "notice", False),
        ("quality", "alarm", False),
        ("system", "alarm", False),
        ("drift", "notice", False),
    ],
)
def test_only_alarms_of_performance_and_outcomes_fire(tier: str, severity: str, expected: bool) -> None:
    one = situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(tier=tier, severity=severity)})
    assert (decide(PolicyState(), one).trigger is not None) == expected


def test_another_signal_of_the_same_change_does_not_fire_again() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE), {OVERALL: episode()}
    first = fires(state, situation(spec, 20, episodes))
    episodes[NORTH] = episode(11)
    quiet(state, situation(spec, 30, episodes))
    assert episodes[NORTH].trigger == first.id


def test_a_new_change_after_recovery_fires_again() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE)
    first = fires(state, situation(spec, 20, {OVERALL: episode(10)}))
    quiet(state, situation(spec, 25, {}))
    second = fires(state, situation(spec, 40, {OVERALL: episode(30)}, history(40)))
    assert first.id != second.id


def test_all_rows_speak_before_a_segment_and_the_earliest_before_the_others() -> None:
    spec = spec_of(PERFORMANCE)
    trigger = fires(PolicyState(), situation(spec, 20, {NORTH: episode(5), OVERALL: episode(10)}))
    assert trigger.since == from_micros(START + 10 * DAY)
    assert {evidence.segment for evidence in trigger.evidence} == {None, "region=north"}


def test_the_id_depends_on_the_step_alone() -> None:
    spec = spec_of(PERFORMANCE)
    triggers = [fires(PolicyState(), situation(spec, 20, {OVERALL: episode()})) for _ in range(2)]
    assert triggers[0] == triggers[1]
    assert fires(PolicyState(), situation(spec, 21, {OVERALL: episode()})).id != triggers[0].id


def test_what_moved_by_label_time_is_said_to_have_moved_among_labels_that_became_known() -> None:
    key: EpisodeKey = ("complaint_rate", None, None, "e_detector", "label")
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {key: episode(tier="outcomes")}))
    assert "among labels that became known since 2019-04-24" in trigger.reason
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode()}))
    assert "became known" not in trigger.reason


def test_without_a_reference_or_labels_it_cannot_tell() -> None:
    spec = spec_of(PERFORMANCE)
    few = situation(spec, profile=profile_of(spec, panes=29))
    blind = situation(spec, past=history(20, problem="label coverage: 1 of 50 rows"))
    for one in (few, blind, situation(spec, past=history(0))):
        decision = decide(PolicyState(), one).decision
        assert decision is not None
        assert decision.verdict == "unknown"
        assert decision.policies[0].reason


# the floor


def floor(at: float, over: int = 500, task: str = "binary", **retraining: Any) -> ModelSpec:
    return spec_of([{"type": "performance", "floor": at, "over": over}], task, **retraining)


def test_a_loss_clearly_above_the_floor_calls_and_one_that_may_be_chance_does_not() -> None:
    above = risen(40, change=20, after=20.0)  # .4 of the newest 500 rows; at least about .36
    trigger = fires(PolicyState(), situation(floor(0.3), 43, past=above))
    assert trigger.since == from_micros(START + 20 * DAY)
    assert "above the floor of 30.00 %" in trigger.reason
    decision = quiet(PolicyState(), situation(floor(0.39), 43, past=above)).decision
    assert decision is not None
    assert "not clearly above the floor of 39.00 %" in decision.policies[0].reason


def test_alarms_do_not_count_where_there_is_a_floor() -> None:
    quiet(PolicyState(), situation(floor(0.3), 20, {OVERALL: episode()}))


def test_the_floor_waits_for_enough_rows() -> None:
    decision = decide(PolicyState(), situation(floor(0.1, over=5_000), past=history(20, errors=40.0))).decision
    assert decision is not None
    assert (decision.verdict, decision.policies[0].would_change) == ("unknown", "4,000 more labelled rows")


@pytest.mark.parametrize("task", ["regression", "text"])
def test_a_floor_of_a_real_valued_loss_is_in_its_unit(task: str) -> None:
    spec = floor(0.05, task=task)
    scale = situation(spec).layout.loss_scale
    assert scale is not None
    loss = 0.4 * scale
    past = history(40, errors=50 * loss, squares=50 * loss * loss)
    assert fires(PolicyState(), situation(floor(0.8 * loss, task=task), 43, past=past)).policy == "performance"
    quiet(PolicyState(), situation(floor(1.2 * loss, task=task), 43, past=past))


def test_the_floor_calls_again_only_when_its_trigger_has_failed() -> None:
    state, past = PolicyState(), history(60, errors=20.0)
    first = fires(state, situation(floor(0.3), 20, past=past))
    quiet(state, situation(floor(0.3), 30, past=past))
    failed(state, first.id)
    assert held(state, situation(floor(0.3), 30, past=past)).startswith("cooldown until 2019-05-18")
    assert fires(state, situation(floor(0.3), 34, past=past)).id != first.id
