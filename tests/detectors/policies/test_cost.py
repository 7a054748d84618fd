"""The cost policy calls when what a rise has cost pays for a retraining; worked by hand from bounds and sums."""

import math
import random
from typing import Any

import pytest

from detectors.bounds import upper_bound
from detectors.history import History
from detectors.policies import cost_state
from detectors.policies.answers import failed, finished, note_outcome, started
from detectors.policies.decide import decide
from detectors.policies.state import PolicyState
from detectors.policies.yardstick import yardstick_of
from detectors.situation import Broken, Situation
from detectors.state import decode, encode
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import from_micros
from schemas.trigger import RetrainingTrigger

from ..builders import DAY, START, layout_of, profile_of
from ..situations import (
    COST,
    cohort,
    compared,
    day,
    days_of,
    fires,
    held,
    history,
    outcome,
    quiet,
    risen,
    situation,
    spec_of,
)

PRICED = {"loss": 2.0, "retraining": 100.0}


def numbers(decision: RetrainingDecision | None) -> dict[str, float | None]:
    assert decision is not None
    return decision.policies[0].numbers


def walk(state: PolicyState, spec: Any, past: History, **fields: Any) -> list[tuple[int, RetrainingTrigger]]:
    """Triggers by day, each cohort judged three days after its start."""
    found, known = [], History()
    for each in past.cohorts:
        known.cohorts.append(each)
        today = (each.start - START) // DAY + 3
        trigger = decide(state, situation(spec, today, past=known, **fields)).trigger
        if trigger is not None:
            found.append((today, trigger))
    return found


def bound_of(spec: Any, n: int | None = None, errors: float = 0.0) -> float:
    measure = yardstick_of(layout_of(spec, profile_of(spec)), 0.95)
    assert measure.reference is not None
    if n is None:
        return measure.reference
    return min(measure.reference, float(upper_bound(errors, n, dispersion=measure.dispersion)))


def test_it_calls_once_the_excess_cost_comes_to_the_price_of_a_retraining() -> None:
    spec = spec_of(COST, costs=PRICED)
    past = risen(40, change=20)
    u = bound_of(spec, 500, 50.0)  # ten days of 5 errors in 50 rows are the burn-in
    a_day = 2.0 * (20.0 - 50 * u)
    due = next(k for k in range(1, 20) if k * a_day >= 100.0)
    ((today, trigger), *_) = walk(PolicyState(), spec, past)
    assert today == 20 + due - 1 + 3
    assert (trigger.policy, trigger.tier, trigger.signal) == ("cost", "performance", "error_rate")
    assert trigger.since == from_micros(START + 20 * DAY)
    assert days_of(trigger) == (20, 20 + due)
    assert "9.55 % to 40.00 %" in trigger.reason  # the reference, which is a little below the burn-in
    assert f", above the {100 * u:.2f} % that is put up with: the error rate rose" in trigger.reason


def test_a_change_is_dated_by_likelihood_where_the_excess_cost_was_above_0_long_before() -> None:
    spec, past = spec_of(COST, costs={"loss": 2.0, "retraining": 140.0}, minimum_labels=0), History()
    u = bound_of(spec)
    for number in range(40):  # a little above u from the third day on, and twice that from the twelfth
        mean = 0.5 * u if number < 3 else 1.15 * u if number < 12 else 4 * u
        past.cohorts.append(cohort(number, 50, 50 * mean))
    state = PolicyState()
    (_, trigger) = walk(state, spec, past)[0]
    (_, own) = next(iter(state.of("1").nodes.values()))
    assert own.champion.since <= START + 4 * DAY  # when it was last 0, which stays what it was
    assert trigger.since == from_micros(START + 12 * DAY)
    assert days_of(trigger)[0] == 12
    assert state.triggers[trigger.id].since == START + 12 * DAY


def test_broken_and_unjudged_cohorts_date_no_change() -> None:
    spec, past = spec_of(COST, costs={"loss": 2.0, "retraining": 250.0}, minimum_labels=0), History()
    for number in range(40):
        rows = {"problem": "label coverage: 2 of 50 rows"} if number == 15 else {}
        errors = 50.0 if number in (13, 14, 15) else 5.0 if number < 20 else 20.0
        past.cohorts.append(cohort(number, 50, errors, **rows))
    broken = [Broken(START + 13 * DAY, START + 15 * DAY)]
    (_, trigger) = walk(PolicyState(), spec, past, broken=broken)[0]
    assert trigger.since == from_micros(START + 20 * DAY)


def test_it_says_how_far_it_is_and_when_it_will_be_there() -> None:
    state, spec = PolicyState(), spec_of(COST, costs=PRICED)
    past = risen(22, change=20)
    assert walk(state, spec, past) == []
    decision = decide(state, situation(spec, 24, past=past)).decision
    told = numbers(decision)
    u = bound_of(spec, 500, 50.0)
    assert told["bound"] == pytest.approx(u)
    assert told["excess"] == pytest.approx(2 * 2.0 * (20.0 - 50 * u))
    rate = 2.0 * (8 * 5.0 + 2 * 20.0 - 500 * u) / 10
    assert told["excess_per_day"] == pytest.approx(rate)
    assert (told["threshold"], told["price_assumed"], told["back_off"], told["labels"]) == (100.0, 0.0, 0.0, 1_100.0)
    assert decision is not None
    (verdict,) = decision.policies
    assert verdict.reason.startswith("Excess cost ")
    assert "of 100" in verdict.reason
    assert verdict.would_change is not None
    left = 100.0 - 2 * 2.0 * (20.0 - 50 * u)
    wanted = (
        f"an excess cost of {left:.4g} more; at the rate of the last 10 cohorts in about {math.ceil(left / rate)} days"
    )
    assert verdict.would_change == wanted
    calm = decide(PolicyState(), situation(spec, 24, past=history(22))).decision
    assert calm is not None
    assert "of late it does not grow" in (calm.policies[0].would_change or "")


def test_an_undeclared_price_is_the_loss_of_two_thousand_predictions_and_is_said_to_be_assumed() -> None:
    spec = spec_of(COST, costs={"loss": 2.0})
    decision = decide(PolicyState(), situation(spec)).decision
    assert numbers(decision)["retraining_cost"] == pytest.approx(2_000 * 2.0 * bound_of(spec))
    assert numbers(decision)["price_assumed"] == 1.0
    assert decision is not None
    assert "a price assumed from the reference" in decision.policies[0].reason


def test_nothing_that_costs_nothing_calls() -> None:
    decision = decide(PolicyState(), situation(spec_of(COST, costs={"loss": 0.0}), past=risen(40, 20))).decision
    assert decision is not None
    assert (decision.verdict, decision.policies[0].reason) == ("unknown", "Costs.loss is 0: no loss costs anything.")


def test_a_matrix_prices_errors_by_their_kind() -> None:
    costs = {"matrix": {"yes": {"no": 10.0}, "no": {"yes": 1.0}}, "retraining": 100.0}
    spec = spec_of(COST, costs=costs)
    past = History()
    for number in range(60):  # as many errors as before, but the dear ones, from day 30 on
        past.cohorts.append(cohort(number, 50, 5.0, costed=50, cost=27.5 if number < 30 else 50.0))
    ((_, trigger), *_) = walk(PolicyState(), spec, past)
    assert trigger.since == from_micros(START + 30 * DAY)
    assert "mean cost" in trigger.reason
    assert walk(PolicyState(), spec_of(COST, costs={"loss": 10.0, "retraining": 100.0}), past) == []


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "text"])
def test_every_task_has_its_loss(task: str) -> None:
    spec = spec_of(COST, task, costs={"loss": 1.0, "retraining": 1.0})
    u = bound_of(spec)
    past = History()
    for number in range(20):
        mean = u / 2 if number < 12 else 3 * u
        past.cohorts.append(cohort(number, 50, 50 * mean, squares=None))
    ((_, trigger), *_) = walk(PolicyState(), spec, past)
    assert trigger.since == from_micros(START + 12 * DAY)


# what it is held against


def told_of(version: str, loss: float, rows: int) -> Any:
    command = {"type": "retraining_finished", "id": "c", "model": "m", "timestamp": day(0), "trigger": "t"}
    return CommandAdapter.validate_python(
        command | {"new_version": version, "held_out_loss": loss, "held_out_rows": rows}
    )


def test_a_later_version_is_held_against_its_own_held_out_loss_and_no_reference_of_another() -> None:
    spec, others = spec_of(COST, costs=PRICED), {"1": history(5, first=-10)}
    state = PolicyState()
    one = situation(spec, 8, past=history(4, first=3, errors=10.0), version="2", others=others)
    decision = decide(state, one).decision
    assert decision is not None
    assert decision.verdict == "unknown"
    assert decision.policies[0].reason == "Burn-in: 200 of 500 labelled rows, and no held-out loss is known."
    assert decision.policies[0].would_change == "300 more labelled rows, or the held-out loss of the version"
    finished(state, told_of("2", 0.02, 5_000))
    bound = numbers(decide(state, one).decision)["bound"]
    # from the next cohort on it counts; what it lost before was not held against anything
    assert bound is None
    state = PolicyState()
    finished(state, told_of("2", 0.02, 5_000))
    bound = numbers(decide(state, one).decision)["bound"]
    assert bound is not None
    assert 0.02 < bound < 0.03


def test_the_first_version_is_held_against_its_reference_from_the_first_row() -> None:
    spec = spec_of(COST, costs=PRICED)
    ((today, trigger), *_) = walk(PolicyState(), spec, history(10, errors=30.0))
    assert today < 10
    assert trigger.since == from_micros(START)


def test_without_any_reference_the_burn_in_is_enough() -> None:
    spec = spec_of(COST, costs=PRICED)
    state, past = PolicyState(), risen(40, change=20)
    layout = layout_of(spec, None)
    known, found = History(), []
    for each in past.cohorts:
        known.cohorts.append(each)
        now = each.end + 2 * DAY
        one = Situation(layout, now, {}, known, [], None, step=("cohort", each.start))
        decided = decide(state, one)
        if decided.trigger is not None:
            found.append(decided.trigger)
    assert found[0].since == from_micros(START + 20 * DAY)
    assert found[0].waiting is None  # there is no reference to hold it against


def test_what_a_version_loses_in_the_shadow_costs_nothing_and_tells_its_burn_in() -> None:
    spec, state = spec_of(COST, costs=PRICED), PolicyState()
    others = {"1": history(5, first=-10)}
    assert walk(state, spec, risen(20, change=12), primary=False, version="2", others=others) == []
    past = risen(40, change=12)
    decision = decide(state, situation(spec, 23, past=risen(20, change=12), version="2", others=others)).decision
    assert numbers(decision)["excess"] == 0.0
    assert numbers(decision)["labels"] == 500.0
    (_, trigger) = walk(state, spec, past, version="2", others=others)[0]
    assert trigger.since >= from_micros(START + 20 * DAY)


def test_versions_that_take_turns_pay_for_the_cohorts_that_they_served() -> None:
    spec, state = spec_of(COST, costs={"loss": 1.0, "retraining": 1e6}), PolicyState()
    past, other = History(), {"2": history(60)}
    for number in range(40):  # primary on every other day, a cohort is judged three days after its start
        past.cohorts.append(cohort(number, 50, 30.0))
        one = situation(spec, number + 3, past=past, primary=number % 2 == 0, others=other)
        decision = decide(state, one).decision
    served = [number for number in range(40) if number <= 3 or (number - 3) % 2 == 0]  # idle stints are (odd + 3) on
    told = numbers(decision)["excess"]
    assert told == pytest.approx(len(served) * (30.0 - 50 * bound_of(spec)))


def test_cohorts_with_too_few_labels_count_for_nothing_and_are_unknown() -> None:
    spec, state = spec_of(COST, costs=PRICED), PolicyState()
    past = history(20)
    past.cohorts.append(cohort(20, 50, 50.0, problem="label coverage: 5 of 50 rows"))
    decision = decide(state, situation(spec, 23, past=past)).decision
    assert decision is not None
    assert decision.verdict == "unknown"
    assert decision.policies[0].reason == "Label coverage: 5 of 50 rows."
    assert numbers(decision)["excess"] == 0.0


# broken data


def test_broken_cohorts_cost_nothing() -> None:
    spec = spec_of(COST, costs=PRICED)
    past = risen(60, change=20)
    broken = [Broken(START + 20 * DAY, START + 50 * DAY)]
    found = walk(PolicyState(), spec, past, broken=broken)
    assert found
    assert found[0][1].since == from_micros(START + 50 * DAY)


def test_cohorts_that_turn_out_to_be_broken_are_taken_out_again() -> None:
    spec, state = spec_of(COST, costs=PRICED), PolicyState()
    past = risen(23, change=20)
    assert walk(state, spec, past) == []
    before = numbers(decide(state, situation(spec, 25, past=past)).decision)["excess"]
    broken = [Broken(START + 20 * DAY, START + 22 * DAY)]
    after = numbers(decide(state, situation(spec, 25, past=past, broken=broken)).decision)["excess"]
    assert before == pytest.approx(3 * 2.0 * (20 - 50 * bound_of(spec, 500, 50.0)))
    assert after == pytest.approx(before / 3)


@pytest.mark.parametrize("capacity", [1_000, 30])
def test_cohorts_whose_data_turns_out_to_be_right_are_taken_in(capacity: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_state, "CAPACITY", capacity)  # of 30 cohorts the history is full, its beginning forgotten
    spec, past = spec_of(COST, costs=PRICED | {"retraining": 1e6}), risen(30, change=20)
    state, clean = PolicyState(), PolicyState()
    broken = [Broken(START + 15 * DAY, None, "missing of age", "3f2a9c0000000000")]
    assert walk(clean, spec, past) == []
    known = History()
    for each in past.cohorts:
        known.cohorts.append(each)
        decision = decide(state, situation(spec, (each.start - START) // DAY + 3, past=known, broken=broken)).decision
    assert decision is not None
    assert decision.verdict == "unknown"
    assert decision.policies[0].reason == (
        "15 judged cohorts since 2019-04-29T00:00:00Z are left out: an alarm of data quality is open (missing of age)."
    )
    assert decision.policies[0].would_change == (
        "that it ends: mend the data, or say that it is right: streamgauge acknowledge MONITOR m 3f2a9c000000 "
        "--data-is-right"
    )
    assert numbers(decision)["excess"] == 0.0
    state = decode(encode(state))
    told, wanted = (numbers(decide(one, situation(spec, 33, past=past)).decision) for one in (state, clean))
    assert told["excess"] > 0
    assert told == pytest.approx(wanted)
    again = numbers(decide(state, situation(spec, 33, past=past)).decision)  # nothing is taken in twice
    assert again == told


def test_a_burn_in_that_was_kept_waiting_is_made_up_for() -> None:
    spec, past = spec_of(COST, costs=PRICED), history(15)
    state, clean = PolicyState(), PolicyState()
    broken = [Broken(START + 3 * DAY)]
    decide(state, situation(spec, 18, past=past, broken=broken))
    (_, own) = next(iter(state.of("1").nodes.values()))
    assert not own.champion.burnt_in
    told, wanted = (numbers(decide(one, situation(spec, 18, past=past)).decision) for one in (state, clean))
    assert own.champion.burnt_in
    assert told == pytest.approx(wanted)


def test_what_the_challenger_would_have_lost_is_taken_in_likewise() -> None:
    spec, past = spec_of(COST, costs={"loss": 1.0, "retraining": 1e6}), history(20)
    for day_ in range(20):
        past.compared.append(compared(day_, 50, 20.0, 5.0))
    state, clean = PolicyState(), PolicyState()
    decide(state, situation(spec, 23, past=past, broken=[Broken(START + 10 * DAY)]))
    told, wanted = (
        numbers(decide(one, situation(spec, 23, past=past)).decision)["challenger_excess"] for one in (state, clean)
    )
    assert told == pytest.approx(wanted) == pytest.approx(20 * 15.0)


# the back-off


def test_an_open_trigger_is_not_raised_again_and_a_failed_one_at_twice_the_cost() -> None:
    spec, state = spec_of(COST, costs=PRICED, cooldown="1d"), PolicyState()
    past = risen(60, change=20)
    answered: list[tuple[int, str]] = []
    known = History()
    for each in past.cohorts:
        known.cohorts.append(each)
        today = (each.start - START) // DAY + 3
        decided = decide(state, situation(spec, today, past=known))
        if decided.trigger is not None:
            answered.append((today, decided.trigger.id))
            again = decide(state, situation(spec, today, past=known)).decision
            assert again is not None
            assert (again.verdict, "called already" in again.policies[0].reason) == ("no", True)
            failed(state, decided.trigger.id)
    days = [today - 22 for today, _ in answered]  # since the change was seen
    assert len(days) >= 3
    a_day = 2.0 * (20.0 - 50 * bound_of(spec, 500, 50.0))
    assert days == [-(-100 * 2**h // a_day) for h in range(len(days))]


def test_a_retraining_that_helps_resets_the_back_off_and_one_that_does_not_adds_to_it() -> None:
    spec, state = spec_of(COST, costs=PRICED, cooldown="1s"), PolicyState()
    seen = []
    for number, status in enumerate(["no_difference", "worse", "helped", "failed", "refused", "unanswered"]):
        trigger = fires(state, situation(spec, 40 + number, past=risen(40, 20, after=50.0)))
        note_outcome(state, outcome(trigger.id, status))
        seen.append(numbers(decide(state, situation(spec, 40 + number, past=risen(40, 20, after=50.0))).decision))
    assert [one["back_off"] for one in seen] == [1, 2, 0, 1, 2, 3]
    assert [one["threshold"] for one in seen] == [200, 400, 100, 200, 400, 800]


def test_nobody_answers_and_the_trigger_is_given_up_but_not_one_that_was_taken_up() -> None:
    spec = spec_of(COST, costs=PRICED, answer_within="10d")
    past = risen(60, change=20, after=40.0)
    silent, busy = PolicyState(), PolicyState()
    one = situation(spec, 25, past=risen(23, change=20, after=40.0))
    first, second = fires(silent, one), fires(busy, one)
    decide(busy, situation(spec, 34, past=past))
    started(busy, second.id)
    quiet(busy, situation(spec, 36, past=past))
    assert silent.triggers[first.id].result is None
    assert fires(silent, situation(spec, 36, past=past)).id != first.id
    assert silent.triggers[first.id].result == "unanswered"
    # taken up, and never finished
    assert fires(busy, situation(spec, 45, past=past)).id != second.id
    assert busy.triggers[second.id].result == "failed"


def test_a_new_version_that_is_being_tried_is_not_asked_for_again_though_it_is_known_to_help() -> None:
    spec, state = spec_of(COST, costs=PRICED, cooldown="1d"), PolicyState()
    trigger = fires(state, situation(spec, 30, past=risen(28, 20, after=50.0)))
    note_outcome(state, outcome(trigger.id, "helped", "2"))
    tried = situation(spec, 40, past=risen(38, 20, after=50.0), tried="2")
    decision = quiet(state, tried).decision
    assert decision is not None
    assert f"version 2, which came of the trigger of {day(30)}, is being tried" in decision.policies[0].reason
    fires(state, situation(spec, 40, past=risen(38, 20, after=50.0)))  # it was given up


def test_a_calendar_whose_retrainings_do_not_help_does_not_make_it_deaf() -> None:
    state = PolicyState()
    spec = spec_of([{"type": "schedule", "cron": "0 0 * * *"}, *COST], costs=PRICED, cooldown="1s")
    for today in (19, 20, 21):
        decide(state, situation(spec, today))
    assert {asked.policy for asked in state.triggers.values()} == {"schedule"}
    for trigger in state.triggers:
        note_outcome(state, outcome(trigger, "no_difference"))
    assert state.back_off == 0


# the challenger


def rivals(champion: float, challenger: float, days: int = 40) -> History:
    past = history(days, errors=20.0)
    past.compared.extend(compared(number, 50, champion, challenger) for number in range(days))
    return past


def test_a_challenger_that_would_have_been_better_all_along_is_to_be_promoted() -> None:
    spec, others = spec_of(COST, costs=PRICED), {"1": history(5, first=-10)}
    one = situation(spec, 43, past=rivals(20.0, 10.0), version="2", others=others)
    trigger = fires(PolicyState(), one)  # its own burn-in was as bad: held against that, nothing has been lost
    assert trigger.how == "promote_challenger"
    assert "challenger" in trigger.reason
    quiet(PolicyState(), situation(spec, 43, past=rivals(20.0, 20.0), version="2", others=others))


def test_since_when_the_challenger_is_better_is_dated_by_likelihood_too() -> None:
    spec, others = spec_of(COST, costs=PRICED), {"1": history(5, first=-10)}
    past = history(40, errors=20.0)
    past.compared.extend(compared(number, 50, 20.0, 18.8 if number < 25 else 8.0) for number in range(40))
    trigger = fires(PolicyState(), situation(spec, 43, past=past, version="2", others=others))
    assert (trigger.how, trigger.since) == ("promote_challenger", from_micros(START + 25 * DAY))


def test_two_equal_models_walk_apart_by_chance_and_that_is_no_call() -> None:
    spec, others = spec_of(COST, costs={"loss": 1.0, "retraining": 20.0}), {"1": history(5, first=-10)}
    rng, called = random.Random(1), 0
    state, past = PolicyState(), History()
    for number in range(400):
        past.cohorts.append(cohort(number, 50, 20.0))
        errors = [float(sum(rng.random() < 0.4 for _ in range(50))) for _ in range(2)]
        past.compared.append(compared(number, 50, *errors))
        one = situation(spec, number + 3, past=past, version="2", others=others)
        decision = quiet(state, one).decision
        called += (numbers(decision)["challenger_excess"] or 0.0) >= 20.0
    assert called > 100  # the sum alone would have called


def test_a_version_that_serves_from_its_first_row_pays_from_its_first_row() -> None:
    spec, state = spec_of(COST, costs={"loss": 1.0, "retraining": 1e6}), PolicyState()
    decide(state, situation(spec, 1, past=History(), step=("traffic", START)))  # a maturity before the first cohort
    decision = decide(state, situation(spec, 4, past=history(1, errors=30.0))).decision
    assert numbers(decision)["excess"] == pytest.approx(30.0 - 50 * bound_of(spec))


def test_a_sample_of_compared_rows_stands_for_all_that_are_labelled() -> None:
    spec, others = spec_of(COST, costs={"loss": 1.0, "retraining": 1e9}), {"1": history(5, first=-10)}
    past = history(20, errors=20.0)
    whole = compared(0, 50, 20.0, 10.0)
    past.compared.append(type(whole)(whole.start, whole.end, 50, 200, 20.0, 10.0))
    one = situation(spec, 23, past=past, version="2", others=others)
    assert numbers(decide(PolicyState(), one).decision)["challenger_excess"] == 40.0


# settings


def test_other_prices_count_anew_from_the_history() -> None:
    state, past = PolicyState(), risen(25, change=20)
    cheap, dear = ({"loss": price, "retraining": 1e6} for price in (1.0, 5.0))
    first = numbers(decide(state, situation(spec_of(COST, costs=cheap), 28, past=past)).decision)
    again = numbers(decide(state, situation(spec_of(COST, costs=dear), 28, past=past)).decision)
    assert first["excess"] is not None
    assert again["excess"] == pytest.approx(5 * first["excess"])


def test_the_bound_holds_at_the_declared_confidence() -> None:
    def bound(confidence: float) -> float:
        policy = [{"type": "cost", "confidence": confidence}]
        found = numbers(decide(PolicyState(), situation(spec_of(policy))).decision)["bound"]
        assert found is not None
        return found

    assert bound(0.8) < bound(0.95) < bound(0.999)


def test_too_few_labels_hold_it_back() -> None:
    spec = spec_of(COST, costs=PRICED, minimum_labels=1_000)
    assert "minimum_labels asks for 1000" in held(PolicyState(), situation(spec, 30, past=risen(28, 20, after=50.0)))
