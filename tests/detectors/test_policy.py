"""Policies decide by hand-checked rules: once per change, never on broken data, and with the right rows to train on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.costs import cost_sum
from detectors.episodes import Episode, EpisodeKey
from detectors.history import Cohort, History
from detectors.policy import REMEMBERED, HeldBack, PolicyState, ad_hoc, decide, failed
from detectors.reference import vector
from detectors.situation import Broken, Situation
from detectors.wording import value_text
from schemas.event_time import from_micros
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger

from .builders import DAY, START, layout_of, model_spec, profile_of

PERFORMANCE = [{"type": "performance"}]
OVERALL: EpisodeKey = ("error_rate", None, None, "e_detector", "cohort")
NORTH: EpisodeKey = ("error_rate", None, "region=north", "e_detector", "cohort")
SOUTH: EpisodeKey = ("error_rate", None, "region=south", "e_detector", "cohort")


def spec_of(policies: list[dict[str, Any]], **retraining: Any) -> ModelSpec:
    costs = {"loss": 3.0}
    settings = {"policies": policies, "cooldown": "7d", "minimum_labels": 100} | retraining
    return model_spec(segments=["region"], costs=costs, retraining=settings)


def episode(since: int = 10, tier: str = "performance", severity: str = "alarm", **fields: Any) -> Episode:
    moment = START + since * DAY
    given: dict[str, Any] = {
        "id": f"episode {since}",
        "severity": severity,
        "tier": tier,
        "since": moment,
        "evidence_since": moment,
        "evidence_from": moment,
        "fired": moment,
        "value": 0.3,
        "reference": 0.1,
        "baseline": 0.12,
        "n": 500,
        "evidence": 1.5,
        "alert": "alert",
    }
    return Episode(**given | fields)


def history(days: int = 20, n: int = 50, errors: float = 5.0, **fields: Any) -> History:
    found = History()
    for day in range(days):
        given = {"n": n, "labelled": n, "loss": errors, "segments": {}, "offsets": {}} | fields
        found.cohorts.append(Cohort(START + day * DAY, START + (day + 1) * DAY, **given))
    return found


def situation(
    spec: ModelSpec,
    now: int = 20,
    episodes: dict[EpisodeKey, Episode] | None = None,
    past: History | None = None,
    broken: list[Broken] | None = None,
) -> Situation:
    layout = layout_of(spec, profile_of(spec))
    kept = history() if past is None else past
    return Situation(layout, START + now * DAY, {} if episodes is None else episodes, kept, broken or [], None)


def days_of(trigger: RetrainingTrigger) -> tuple[float, float]:
    window = trigger.train_on.window
    return tuple((moment - from_micros(START)).total_seconds() / 86_400 for moment in (window.start, window.end))


def fires(state: PolicyState, one: Situation) -> RetrainingTrigger:
    trigger = decide(state, one)
    assert isinstance(trigger, RetrainingTrigger), trigger
    return trigger


def held(state: PolicyState, one: Situation) -> str:
    decision = decide(state, one)
    assert isinstance(decision, HeldBack), decision
    return decision.reason


# performance


def test_an_alarm_of_performance_fires_once() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE), {OVERALL: episode()}
    trigger = fires(state, situation(spec, 20, episodes))
    assert (trigger.policy, trigger.signal, trigger.tier) == ("performance", "error_rate", "performance")
    assert trigger.since == from_micros(START + 10 * DAY)
    assert episodes[OVERALL].trigger == trigger.id
    assert all(decide(state, situation(spec, now, episodes)) is None for now in range(20, 60))


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
    assert (decide(PolicyState(), one) is not None) == expected


def test_another_signal_of_the_same_change_does_not_fire_again() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE), {OVERALL: episode()}
    first = fires(state, situation(spec, 20, episodes))
    episodes[NORTH] = episode(11)
    assert decide(state, situation(spec, 40, episodes)) is None
    assert episodes[NORTH].trigger == first.id


def test_a_new_change_after_recovery_fires_again() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE)
    first = fires(state, situation(spec, 20, {OVERALL: episode(10)}))
    assert decide(state, situation(spec, 25, {})) is None
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


# what holds it back


def test_the_cooldown_holds_the_next_trigger_back() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE)
    fires(state, situation(spec, 20, {OVERALL: episode(10)}))
    assert (
        held(state, situation(spec, 26, {OVERALL: episode(22)}, history(27))) == "cooldown until 2019-05-11T00:00:00Z"
    )
    fires(state, situation(spec, 27, {OVERALL: episode(22)}, history(27)))


def test_too_few_labels_put_it_off_until_there_are_enough() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE), {OVERALL: episode(10)}
    past = history(11, n=50)  # 50 labelled rows since the change; 100 are asked for
    assert held(state, situation(spec, 20, episodes, past)) == "50 labelled rows so far; minimum_labels asks for 100"
    assert episodes[OVERALL].trigger is None
    past.cohorts.append(Cohort(START + 11 * DAY, START + 12 * DAY, 80, 50, 9.0, {}, {}))
    trigger = fires(state, situation(spec, 21, episodes, past))
    assert trigger.train_on.labelled_rows == 100
    assert days_of(trigger) == (10, 12)


def test_broken_data_never_triggers_while_it_lasts() -> None:
    state, spec, episodes = PolicyState(), spec_of([*PERFORMANCE, {"type": "schedule", "cron": "0 0 * * *"}]), {}
    episodes[OVERALL] = episode(10)
    broken = [Broken(START + 9 * DAY)]
    said = {held(state, situation(spec, now, episodes, broken=broken)) for now in range(20, 60)}
    assert said == {"data is broken: an alarm of data quality is open"}


def test_mended_data_triggers_once_there_is_evidence_without_the_broken_days() -> None:
    spec = spec_of(PERFORMANCE)
    broken = [Broken(START + 9 * DAY, START + 12 * DAY)]
    # the alarm rests on days 10 and on, broken ones among them
    episodes = {OVERALL: episode(10)}
    assert "rests on broken data" in held(PolicyState(), situation(spec, 20, episodes, broken=broken))
    # it has fired before day 12, and again, on what came after day 11
    episodes = {OVERALL: episode(10, evidence_from=START + 11 * DAY)}
    assert "rests on broken data" in held(PolicyState(), situation(spec, 20, episodes, broken=broken))
    # it has fired again on what came after day 14
    episodes = {OVERALL: episode(10, evidence_from=START + 14 * DAY)}
    trigger = fires(PolicyState(), situation(spec, 20, episodes, history(errors=20.0), broken))
    assert days_of(trigger) == (12, 20)
    assert trigger.since == from_micros(START + 12 * DAY)
    assert "10.00 % to 40.00 % over 400 rows" in trigger.reason


def test_data_that_was_broken_long_before_the_change_holds_nothing_back() -> None:
    broken = [Broken(START + 2 * DAY, START + 3 * DAY)]
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, broken=broken))
    assert days_of(trigger) == (10, 20)


# answers of the retraining side


def test_a_failed_retraining_lets_the_change_fire_again_under_another_id() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE, cooldown="1s"), {OVERALL: episode()}
    first = fires(state, situation(spec, 20, episodes))
    assert decide(state, situation(spec, 21, episodes)) is None
    failed(episodes, "another trigger")
    assert decide(state, situation(spec, 22, episodes)) is None
    failed(episodes, first.id)
    again = fires(state, situation(spec, 23, episodes))
    assert again.id != first.id


def test_triggers_are_forgotten_in_the_end() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, cooldown="1s")
    for day in range(20, 20 + 2 * REMEMBERED):
        fires(state, situation(spec, day, {OVERALL: episode()}))
    assert len(state.times) == REMEMBERED


def test_a_later_change_triggers_while_an_earlier_one_goes_on() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, cooldown="1s")
    episodes = {OVERALL: episode(10)}
    first = fires(state, situation(spec, 20, episodes))
    past = history(40)
    episodes[NORTH] = episode(12)
    assert decide(state, situation(spec, 21, episodes)) is None
    assert episodes[NORTH].trigger == first.id
    episodes[SOUTH] = episode(25)
    assert fires(state, situation(spec, 30, episodes, past)).id != first.id


# schedule


def ticks(cron: str, days: int, **retraining: Any) -> list[int]:
    """Days on which a monitor of daily panes fires; START is a Sunday, midnight."""
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": cron}], **retraining)
    return [
        day
        for day in range(days)
        if isinstance(decide(state, situation(spec, day, past=history(day))), RetrainingTrigger)
    ]


def test_a_schedule_fires_by_cron_in_event_time() -> None:
    assert ticks("30 3 * * 1", 30, cooldown="1d") == [2, 9, 16, 23]  # Monday 03:30 is seen when Tuesday begins
    assert ticks("0 0 1 * *", 60, cooldown="1d") == [17, 48]  # the first of May and of June


def test_a_schedule_respects_cooldown_and_labels() -> None:
    assert ticks("0 0 * * *", 20, cooldown="5d") == [2, 7, 12, 17]  # on day 1 there are 50 labels of the 100
    assert ticks("0 0 * * *", 20, minimum_labels=100_000) == []


def test_a_schedule_trains_on_what_came_since_the_last_trigger_and_says_which_tick_it_was() -> None:
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": "0 12 * * *"}], cooldown="1d")
    assert decide(state, situation(spec, 3, past=history(3))) is None
    first = fires(state, situation(spec, 5, past=history(5)))
    assert days_of(first) == (0, 5)
    assert "2019-04-17T12:00:00Z" in first.reason
    second = fires(state, situation(spec, 9, past=history(8)))
    assert days_of(second) == (5, 8)  # from where the last window ended: no day is left out
    assert first.id != second.id
    assert second.evidence == []


def test_a_tick_that_is_held_back_waits() -> None:
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": "0 0 * * 1"}], minimum_labels=300)
    decide(state, situation(spec, 0, past=history(0)))
    assert "minimum_labels" in held(state, situation(spec, 2, past=history(2)))
    assert fires(state, situation(spec, 6, past=history(6))).policy == "schedule"


def test_calendars_are_about_the_version_that_serves() -> None:
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": "0 0 * * *"}])
    decide(state, situation(spec, 3))
    assert decide(state, replace(situation(spec, 5), primary=False)) is None
    assert fires(state, situation(spec, 5)).policy == "schedule"


def test_a_broken_day_is_left_out_of_a_scheduled_training() -> None:
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": "0 0 * * *"}])
    broken = [Broken(START + 2 * DAY, START + 4 * DAY)]
    decide(state, situation(spec, 9, broken=broken))
    trigger = fires(state, situation(spec, 10, broken=broken))
    assert days_of(trigger) == (0, 20)
    gaps = [(gap.start, gap.end) for gap in trigger.train_on.exclude]
    assert gaps == [(from_micros(START + 2 * DAY), from_micros(START + 4 * DAY))]
    assert trigger.train_on.labelled_rows == 18 * 50


# drift


def test_drift_fires_when_enough_distributions_have_moved() -> None:
    spec = spec_of([{"type": "drift", "features": 2}])
    keys: list[EpisodeKey] = [
        ("feature_drift", "income", None, "cdf_bets", "traffic"),
        ("prediction_drift", None, None, "cdf_bets", "traffic"),
    ]
    moved = {key: episode(8 + i, "drift", "notice") for i, key in enumerate(keys)}
    assert decide(PolicyState(), situation(spec, 20, {keys[0]: moved[keys[0]]})) is None
    trigger = fires(PolicyState(), situation(spec, 20, moved))
    assert (trigger.policy, trigger.signal, trigger.tier) == ("drift", "feature_drift", "drift")
    assert "2 distributions drifted" in trigger.reason
    assert len(trigger.evidence) == 2


def test_drift_does_not_fire_for_a_performance_policy() -> None:
    moved = {("feature_drift", "income", None, "cdf_bets"): episode(8, "drift", "notice")}
    assert decide(PolicyState(), situation(spec_of(PERFORMANCE), 20, moved)) is None


# ad hoc


def test_an_ad_hoc_trigger_is_held_back_by_nothing() -> None:
    spec = spec_of(PERFORMANCE, minimum_labels=10**6)
    one = situation(spec, 20, {OVERALL: episode(10)}, broken=[Broken(START)])
    trigger = ad_hoc(one, "command 1", "because I say so")
    assert trigger.reason == "Asked for: because I say so"
    assert days_of(trigger) == (10, 20)
    assert trigger.id == ad_hoc(situation(spec, 33), "command 1", "").id
    assert trigger.id != ad_hoc(one, "command 2", "").id


def test_an_ad_hoc_trigger_without_any_history_is_a_trigger_still() -> None:
    trigger = ad_hoc(situation(spec_of([]), 3, past=History()), "command", "")
    assert days_of(trigger) == (3, 3)
    assert trigger.train_on.labelled_rows == 0
    assert trigger.waiting is None


# what a trigger says


def test_waiting_costs_the_excess_loss_at_the_present_volume() -> None:
    spec = spec_of(PERFORMANCE)
    layout = layout_of(spec, profile_of(spec))
    assert layout.profile is not None
    counts = layout.profile.counts["cohort"]
    reference = sum(counts["loss_sums"]) / 2**30 / sum(counts["losses"])
    past = history(20, n=200, labelled=150, errors=60.0)  # .4 of the labelled rows
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert trigger.waiting is not None
    assert trigger.waiting.predictions_per_day == 200
    assert trigger.waiting.excess_loss_per_day == pytest.approx(200 * (0.4 - reference))
    assert trigger.waiting.cost_per_day == pytest.approx(3.0 * 200 * (0.4 - reference))


def test_waiting_costs_nothing_where_nothing_got_worse_and_has_no_price_where_none_is_declared() -> None:
    spec = model_spec(retraining={"policies": PERFORMANCE, "minimum_labels": 0})
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, history(errors=0.0)))
    assert trigger.waiting is not None
    assert (trigger.waiting.excess_loss_per_day, trigger.waiting.cost_per_day) == (0.0, None)


@pytest.mark.parametrize("signal", ["cost", "estimated_accuracy"])
def test_what_is_no_loss_is_told_by_its_own_value_even_where_broken_data_is_left_out(signal: str) -> None:
    key: EpisodeKey = (signal, *OVERALL[1:])
    cause = episode(5, evidence_from=START + 15 * DAY, value=0.77)
    broken = [Broken(START + 8 * DAY, START + 15 * DAY)]
    trigger = fires(PolicyState(), replace(situation(spec_of(PERFORMANCE), 20, {key: cause}), broken=broken))
    assert value_text(signal, 0.77) in trigger.reason


def test_a_cost_matrix_says_what_waiting_costs() -> None:
    costs = {"loss": 3.0, "matrix": {"yes": {"no": 10.0}, "no": {"yes": 2.0}}}
    spec = model_spec(retraining={"policies": PERFORMANCE, "minimum_labels": 0}, costs=costs)
    before = cost_sum(layout_of(spec, profile_of(spec)), vector(layout_of(spec, profile_of(spec)), "cohort"))
    assert before is not None
    past = history(20, n=200, labelled=150, errors=60.0, costed=100, cost=300.0)
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert trigger.waiting is not None
    assert trigger.waiting.cost_per_day == pytest.approx(200 * (3.0 - before[1] / before[0]))


def test_slices_are_the_segments_that_rose_by_more_than_all_rows_did() -> None:
    spec = spec_of(PERFORMANCE)
    segments = {"region=north": (20, 12.0), "region=south": (20, 5.0), "region=east": (10, 1.0)}
    past = history(20, n=50, errors=18.0, segments=segments)
    trigger = fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, past))
    assert [(one.segment, one.rows) for one in trigger.train_on.slices] == [("region=north", 200)]
    assert "→ 60.00 %" in trigger.train_on.slices[0].reason


def test_few_rows_call_for_a_warm_start() -> None:
    spec = spec_of(PERFORMANCE, minimum_labels=100)
    for rows, how in ((49, "warm_start"), (50, "full")):  # ten cohorts; five times the minimum is 500
        assert fires(PolicyState(), situation(spec, 20, {OVERALL: episode(10)}, history(n=rows))).how == how


def test_offsets_of_the_window_stand_under_provenance() -> None:
    past = history(20)
    past.cohorts = type(past.cohorts)(
        (
            Cohort(c.start, c.end, c.n, c.labelled, c.loss, {}, {0: {"predictions": (10 * i, 10 * i + 9)}})
            for i, c in enumerate(past.cohorts)
        ),
        maxlen=1_000,
    )
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, past))
    assert trigger.provenance == {"offsets": {"predictions": {"0": [100, 199]}}}


def test_evidence_is_told_as_it_is() -> None:
    trigger = fires(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10, evidence=np.pi)}))
    (evidence,) = trigger.evidence
    assert (evidence.value, evidence.reference, evidence.n, evidence.alert) == (0.3, 0.1, 500, "alert")
    assert evidence.evidence == pytest.approx(np.pi)
