"""Schedules fire by event time or by a count of labels, about the version that serves."""

from dataclasses import replace
from typing import Any

from detectors.policies.decide import decide
from detectors.policies.state import PolicyState
from detectors.situation import Broken
from schemas.event_time import from_micros
from schemas.spec import ModelSpec

from ..builders import DAY, START
from ..situations import OVERALL, PERFORMANCE, cohort, days_of, episode, fires, held, history, quiet, situation, spec_of


def ticks(cron: str, days: int, **retraining: Any) -> list[int]:
    """Days on which a monitor of daily panes fires; START is a Sunday, midnight."""
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": cron}], **retraining)
    return [day for day in range(days) if decide(state, situation(spec, day, past=history(day))).trigger is not None]


def test_a_schedule_fires_by_cron_in_event_time() -> None:
    assert ticks("30 3 * * 1", 30, cooldown="1d") == [2, 9, 16, 23]  # Monday 03:30 is seen when Tuesday begins
    assert ticks("0 0 1 * *", 60, cooldown="1d") == [17, 48]  # the first of May and of June


def test_a_schedule_respects_cooldown_and_labels() -> None:
    assert ticks("0 0 * * *", 20, cooldown="5d") == [2, 7, 12, 17]  # on day 1 there are 50 labels of the 100
    assert ticks("0 0 * * *", 20, minimum_labels=100_000) == []


def test_a_schedule_trains_on_what_came_since_the_last_trigger_and_says_which_tick_it_was() -> None:
    state, spec = PolicyState(), spec_of([{"type": "schedule", "cron": "0 12 * * *"}], cooldown="1d")
    quiet(state, situation(spec, 3, past=history(3)))
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
    quiet(state, replace(situation(spec, 5), primary=False))
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


# every so many labels


def counted(state: PolicyState, spec: ModelSpec, days: int) -> list[int]:
    past, found = history(0), []
    for number in range(days):
        past.cohorts.append(cohort(number))
        if decide(state, situation(spec, number + 3, past=past)).trigger is not None:
            found.append(number)
    return found


def test_every_so_many_labels_counts_from_one_trigger_to_the_next() -> None:
    spec = spec_of([{"type": "schedule", "every_labels": 300}], cooldown="1s")
    assert counted(PolicyState(), spec, 20) == [5, 11, 17]  # 50 a day


def test_a_trigger_of_another_policy_begins_the_count_anew_and_its_window_ends_there() -> None:
    spec = spec_of([*PERFORMANCE, {"type": "schedule", "every_labels": 500}], cooldown="1s")
    state, past = PolicyState(), history(8)
    fires(state, situation(spec, 10, {OVERALL: episode(2)}, past))
    past.cohorts.extend(cohort(number) for number in range(8, 17))
    quiet(state, situation(spec, 19, past=past))  # 9 days of 50
    past.cohorts.append(cohort(17))
    trigger = fires(state, situation(spec, 20, past=past))
    assert (trigger.policy, days_of(trigger)) == ("schedule", (8, 18))


def test_labels_of_a_version_that_took_over_count_on() -> None:
    spec, state = spec_of([{"type": "schedule", "every_labels": 500}], cooldown="1s"), PolicyState()
    quiet(state, situation(spec, 10, past=history(8)))
    old = {"1": history(8)}
    quiet(state, situation(spec, 11, past=history(1, first=8), version="2", others=old))
    trigger = fires(state, situation(spec, 12, past=history(2, first=8), version="2", others=old))
    assert trigger.version == "2"


def test_another_cron_expression_does_not_carry_out_the_ticks_of_the_old_one() -> None:
    state = PolicyState()
    quiet(state, situation(spec_of([{"type": "schedule", "cron": "0 0 1 * *"}]), 20))
    changed = spec_of([{"type": "schedule", "cron": "0 12 * * *"}])
    quiet(state, situation(changed, 30))
    fires(state, situation(changed, 31))
