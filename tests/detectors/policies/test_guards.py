"""What holds a call back says so in dates and numbers, and lets it go when it is over."""

from detectors.history import Cohort
from detectors.policies.answers import failed
from detectors.policies.decide import decide
from detectors.policies.state import PolicyState
from detectors.situation import Broken
from schemas.event_time import from_micros
from schemas.spec import ModelSpec

from ..builders import DAY, START
from ..situations import OVERALL, PERFORMANCE, days_of, episode, fires, held, history, quiet, situation, spec_of


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
    assert said == {"data is broken since 2019-04-23T00:00:00Z: an alarm of data quality is open"}


def test_it_names_what_is_broken_and_the_way_out() -> None:
    broken = [Broken(START + 9 * DAY, None, "missing of age and 2 more", "3f2a9c0000000000")]
    said = held(PolicyState(), situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, broken=broken))
    assert said == (
        "data is broken since 2019-04-23T00:00:00Z: an alarm of data quality is open (missing of age and 2 more); "
        "needed: that it ends: mend the data, or say that it is right: "
        "streamgauge acknowledge MONITOR m 3f2a9c000000 --data-is-right"
    )


def test_mended_data_triggers_once_there_is_evidence_without_the_broken_days() -> None:
    spec = spec_of(PERFORMANCE)
    broken = [Broken(START + 9 * DAY, START + 12 * DAY)]
    # the alarm rests on days 10 and on, broken ones among them
    episodes = {OVERALL: episode(10)}
    told = "rests on data that was broken from 2019-04-23"
    assert told in held(PolicyState(), situation(spec, 20, episodes, broken=broken))
    # it has fired before day 12, and again, on what came after day 11
    episodes = {OVERALL: episode(10, evidence_from=START + 11 * DAY)}
    assert told in held(PolicyState(), situation(spec, 20, episodes, broken=broken))
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


# a rate limit, calls in a row, quiet, and snoozing


def daily(state: PolicyState, spec: ModelSpec, days: range) -> list[int]:
    """Days on which a new alarm each day triggers."""
    past = history(days.stop, n=200)
    return [
        number
        for number in days
        if decide(state, situation(spec, number, {OVERALL: episode(number - 4)}, past)).trigger is not None
    ]


def test_the_rate_limits_triggers_of_any_kind() -> None:
    spec = spec_of(PERFORMANCE, cooldown="1s", rate="3 per 30d")
    state = PolicyState()
    assert daily(state, spec, range(20, 60)) == [20, 21, 22, 50, 51, 52]
    said = held(state, situation(spec, 60, {OVERALL: episode(58)}, history(60, n=200)))
    assert said == "rate: 3 triggers of 3 per 30d; the next from 2019-07-03T00:00:00Z on"


def test_a_rate_below_one_is_one_in_a_longer_time() -> None:
    spec = spec_of(PERFORMANCE, cooldown="1s", rate="0.5 per 10d")
    assert daily(PolicyState(), spec, range(20, 62)) == [20, 40, 60]


def test_so_many_judged_cohorts_in_a_row_have_to_call() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, calls=3)
    alarm = {OVERALL: episode(10)}
    assert held(state, situation(spec, 20, alarm)) == "called in 1 judged cohorts in a row; calls asks for 3"
    assert "in 1 judged" in held(state, situation(spec, 20, alarm, step=("traffic", START)))  # no cohort
    assert "in 2 judged" in held(state, situation(spec, 21, alarm))
    quiet(state, situation(spec, 22, {}))
    for number in (23, 24):
        held(state, situation(spec, number, alarm))
    fires(state, situation(spec, 25, alarm))


def test_one_call_is_enough_between_two_cohorts_too() -> None:
    one = situation(spec_of(PERFORMANCE), 20, {OVERALL: episode(10)}, step=("traffic", START))
    fires(PolicyState(), one)


def test_a_calendar_has_no_noise_to_wait_out() -> None:
    spec = spec_of([{"type": "schedule", "cron": "0 0 * * *"}], calls=5, quiet=5, cooldown="1s", minimum_labels=0)
    state = PolicyState()
    decide(state, situation(spec, 19))
    fires(state, situation(spec, 20))
    fires(state, situation(spec, 21))


def test_a_version_has_to_be_quiet_for_a_while_before_it_triggers_again() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, quiet=3, cooldown="1s", answer_within="90d")
    episodes = {OVERALL: episode(10)}
    fires(state, situation(spec, 20, episodes))
    for number in (21, 22):  # the change goes on: that is no quiet
        quiet(state, situation(spec, number, episodes))
    past = history(50)
    new = {OVERALL: episode(22)}
    assert "quiet asks for 3 in a row" in held(state, situation(spec, 23, new, past))
    for number in (24, 25, 26):
        quiet(state, situation(spec, number, {}, past))
    fires(state, situation(spec, 27, {OVERALL: episode(22)}, past))


def test_a_retraining_that_failed_does_not_wait_for_quiet() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, quiet=3, cooldown="1s")
    episodes = {OVERALL: episode(10)}
    failed(state, fires(state, situation(spec, 20, episodes)).id)
    fires(state, situation(spec, 21, episodes))


def test_what_is_snoozed_is_not_triggered_and_says_until_when() -> None:
    spec = spec_of([{"type": "cost"}], costs={"loss": 1.0, "retraining": 10.0})
    past = history(40, errors=30.0)
    until = START + 50 * DAY
    for name, said in (("", "the model"), ("error_rate", "error_rate")):
        state = PolicyState()
        assert held(state, situation(spec, 43, past=past, snoozed={name: until})) == (
            f"{said} is snoozed until 2019-06-03T00:00:00Z"
        )
        fires(state, situation(spec, 50, past=past, snoozed={name: until}))
    fires(PolicyState(), situation(spec, 43, past=past, snoozed={"feature_drift": until}))


def test_futile_retrainings_lengthen_the_cooldown_of_what_does_not_weigh_its_cost() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, cooldown="2d")
    waits, last = [], None
    for number in range(20, 140):
        trigger = decide(state, situation(spec, number, {OVERALL: episode(10)}, history(18))).trigger
        if trigger is not None:
            failed(state, trigger.id)
            waits.append(0 if last is None else number - last)
            last = number
    assert waits == [0, 4, 8, 16, 32, 32]  # twice as long each time, to sixteen times at most


def test_a_reason_that_changes_is_told_even_where_no_cohort_is_judged() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE)
    traffic = {"step": ("traffic", START)}
    assert decide(state, situation(spec, 20, **traffic)).decision is None
    broken = [Broken(START + 9 * DAY)]
    first = decide(state, situation(spec, 21, {OVERALL: episode(10)}, broken=broken, **traffic))
    again = decide(state, situation(spec, 22, {OVERALL: episode(10)}, broken=broken, **traffic))
    assert first.decision is not None
    assert (first.decision.verdict, first.held_back) == ("held_back", again.held_back)
    assert again.decision is None
