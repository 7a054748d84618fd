"""The one later refit: on all that came since the change, once, paid for like any, and not where a newer change is."""

from dataclasses import replace
from typing import Any

import pytest

from detectors.policies.answers import failed, finished, note_outcome
from detectors.policies.decide import decide
from detectors.policies.state import Asked, PolicyState
from detectors.situation import Broken, Situation
from detectors.state import decode, encode
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import from_micros, to_micros
from schemas.trigger_outcome import TriggerOutcome

from ..builders import DAY, START
from ..situations import COST, OVERALL, compared, day, episode, fires, held, history, outcome, quiet, situation, spec_of
from .life import changed, decisions, live, retrains, statuses, triggers

COSTS = {"loss": 1.0, "retraining": 1e6}  # so dear that no excess cost ever comes to it
SINCE, ASKED, SERVED = 20, 24, 25  # days; the first version is known to day 25


def born(rows: int = 150, **fields: Any) -> PolicyState:
    """Version 2 serves, which came of a trigger on so many rows since day 20."""
    state = PolicyState()
    given = {"policy": "cost", "how": "full", "result": "helped", "rows": rows, "new_version": "2"} | fields
    state.triggers["t"] = Asked("1", time=START + ASKED * DAY, since=START + SINCE * DAY, **given)
    return state


def now(
    own: int, policies: Any = COST, *, first: int = SERVED, errors: float = 3.0, broken: Any = None, **fields: Any
) -> Situation:
    """So many days of 50 rows since version 2 serves, each judged when it is over."""
    given = {"costs": COSTS, "minimum_labels": 100, "cooldown": "1d"} | fields.pop("settings", {})
    spec, old = spec_of(policies, **given), history(SERVED)
    past = history(own, first=first, errors=errors)
    fields = {"others": {"1": old}, "version": "2"} | fields
    return situation(spec, first + own, past=past, broken=broken, **fields)


def numbers(decision: RetrainingDecision | None) -> dict[str, float | None]:
    assert decision is not None
    return decision.policies[0].numbers


# when


def test_it_says_how_many_rows_are_lacking() -> None:
    decision = quiet(born(), now(3)).decision
    assert decision is not None
    assert (numbers(decision)["refit_rows"], numbers(decision)["refit_wanted"]) == (400.0, 500.0)
    assert f"; or 100 more labelled rows since {day(SINCE)}, for its refit" in (decision.policies[0].would_change or "")


def test_it_calls_once_five_times_minimum_labels_have_gathered_since_the_change() -> None:
    state = born()
    trigger = fires(state, now(5))
    assert trigger.reason == (
        f"Version 2 was trained on 150 labelled rows since {day(SINCE)}, and there are 500 by now: once more on all of "
        "them (5 times minimum_labels are 500)."
    )
    assert (trigger.policy, trigger.version, trigger.how) == ("cost", "2", "full")
    assert trigger.since == from_micros(START + SINCE * DAY)
    data = trigger.train_on
    assert (to_micros(data.window.start), to_micros(data.window.end)) == (START + SINCE * DAY, START + 30 * DAY)
    assert data.labelled_rows == 500
    assert [(one.version, to_micros(one.start), to_micros(one.end)) for one in data.versions] == [
        ("1", START + SINCE * DAY, START + SERVED * DAY),
        ("2", START + SERVED * DAY, START + 30 * DAY),
    ]
    assert [one.version for one in trigger.candidates] == ["1"]
    assert (state.triggers[trigger.id].refits, state.triggers[trigger.id].rows) == ("t", 500)


def test_of_a_shadow_each_pane_counts_once() -> None:
    shadowed = now(7, first=SERVED - 4)  # days 21 to 27, of which the first version has 21 to 24, too
    decision = quiet(born(), shadowed).decision
    assert numbers(decision)["refit_rows"] == 400.0
    data = fires(born(), now(9, first=SERVED - 4)).train_on
    assert (data.labelled_rows, [one.version for one in data.versions]) == (500, ["1", "2"])
    assert to_micros(data.versions[1].start) == START + (SERVED - 4) * DAY


def test_the_setting_says_how_many_and_none_is_never() -> None:
    def policy(refit: int | None) -> list[dict[str, Any]]:
        return [{"type": "cost", "refit": refit}]

    fires(born(), now(3, policy(4)))
    quiet(born(), now(3, policy(5)))
    decision = quiet(born(), now(40, policy(None))).decision
    assert numbers(decision)["refit_wanted"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"rows": 500},  # it had enough
        {"new_version": "3"},  # this one came of nothing that is known
        {"policy": "schedule"},  # a calendar knows of no change
        {"policy": "ad_hoc"},
        {"refits": "s"},  # it is a refit
    ],
)
def test_no_other_version_is_trained_once_more(fields: dict[str, Any]) -> None:
    assert numbers(quiet(born(**fields), now(40)).decision)["refit_wanted"] is None


def test_a_version_that_does_not_serve_waits() -> None:
    quiet(born(), now(40, primary=False))


def test_minimum_labels_of_nothing_ask_for_no_refit() -> None:
    quiet(born(0), now(40, settings={"minimum_labels": 0}))


# once


@pytest.mark.parametrize("status", ["helped", "no_difference", "worse", "failed", "refused", "unanswered"])
def test_never_twice_for_one_change(status: str) -> None:
    state = born()
    trigger = fires(state, now(5))
    quiet(state, now(6))
    note_outcome(state, outcome(trigger.id, status))
    for days in range(7, 60):
        quiet(state, now(days))


def test_what_came_of_a_refit_is_not_trained_once_more() -> None:
    state = born()
    trigger = fires(state, now(5))
    command = {"type": "retraining_finished", "id": "c", "model": "m", "timestamp": day(31), "trigger": trigger.id}
    finished(state, CommandAdapter.validate_python(command | {"new_version": "3"}))
    others = {"1": history(SERVED), "2": history(6, first=SERVED)}
    quiet(state, now(40, first=31, version="3", others=others))


# a newer change


def test_a_newer_change_cancels_it_and_a_calendar_does_not() -> None:
    for policy, cancelled in (("performance", True), ("cost", True), ("schedule", False), ("ad_hoc", False)):
        state = born()
        state.triggers["u"] = Asked("2", policy, "full", START + 27 * DAY, START + 26 * DAY, result="failed")  # type: ignore[arg-type]
        one = now(15)
        assert (decide(state, one).trigger is None) == cancelled, policy


def test_while_loss_is_above_what_it_was_it_waits() -> None:
    state, risen = born(), history(12, first=SERVED, errors=1.0)
    risen.cohorts.extend(history(2, first=37, errors=20.0).cohorts)
    policy = [{"type": "cost", "burn_in": 300, "refit": 9}]
    one = replace(now(14, policy), history=risen)
    decision = quiet(state, one).decision
    assert numbers(decision)["refit_rows"] == 950.0
    assert (numbers(decision)["excess"] or 0.0) > 0
    assert decision is not None
    assert "its refit waits: the excess cost is" in (decision.policies[0].would_change or "")
    risen.cohorts.extend(history(40, first=39, errors=1.0).cohorts)
    fires(state, replace(now(54, policy), history=risen))


def test_it_waits_while_another_trigger_is_open_and_while_a_candidate_is_tried() -> None:
    state = born()
    state.triggers["u"] = Asked("2", "schedule", "full", START + 26 * DAY, START + 26 * DAY)
    said = quiet(state, now(8)).decision
    assert said is not None
    assert f"the trigger of {day(26)} is open" in (said.policies[0].would_change or "")
    said = quiet(born(), now(8, tried="3")).decision
    assert said is not None
    assert "version 3 is being tried" in (said.policies[0].would_change or "")


def test_a_policy_that_knows_of_a_newer_change_goes_before_it() -> None:
    policies = [*COST, {"type": "performance"}]
    trigger = fires(born(), now(8, policies, episodes={OVERALL: episode(27)}))
    assert (trigger.policy, trigger.since) == ("performance", from_micros(START + 27 * DAY))
    few = now(8, policies, episodes={OVERALL: episode(32)})  # it has to wait for labels, and the refit with it
    assert held(born(), few).startswith("performance calls for a newer change: ")
    combined = now(8, [{"type": "any", "of": policies}], episodes={OVERALL: episode(27)})
    state = born()
    trigger = fires(state, combined)
    assert trigger.since == from_micros(START + 27 * DAY)
    assert state.triggers[trigger.id].refits is None


@pytest.mark.parametrize("kind", ["any", "first"])
def test_combinations_pass_it_on(kind: str) -> None:
    state = born()
    trigger = fires(state, now(5, [{"type": kind, "of": [*COST, {"type": "drift", "features": 3}]}]))
    assert state.triggers[trigger.id].refits == "t"
    assert [one.version for one in trigger.train_on.versions] == ["1", "2"]


# what holds it back


def test_the_guards_hold_as_for_any() -> None:
    assert "cooldown until" in held(born(), now(5, settings={"cooldown": "30d"}))
    assert "data is broken since" in held(born(), now(6, broken=[Broken(START + 31 * DAY)]))
    snoozed = {"error_rate": START + 90 * DAY}
    assert "is snoozed until" in held(born(), now(5, snoozed=snoozed))
    assert "calls asks for 2" in held(born(), now(5, settings={"calls": 2}))


def test_broken_stretches_of_the_older_version_stay_left_out_and_are_not_counted() -> None:
    broken_of = {"1": [Broken(START + 21 * DAY, START + 23 * DAY), Broken(START + 24 * DAY)]}
    quiet(born(), now(7, broken_of=broken_of))
    data = fires(born(), now(8, broken_of=broken_of)).train_on
    assert data.labelled_rows == 500
    assert [(to_micros(one.start), to_micros(one.end)) for one in data.exclude] == [
        (START + 21 * DAY, START + 23 * DAY),
        (START + 24 * DAY, START + SERVED * DAY),
    ]


def test_what_is_forgotten_of_the_older_version_is_not_counted_and_not_promised() -> None:
    quiet(born(), now(9, others={}))
    data = fires(born(), now(10, others={})).train_on
    assert (data.labelled_rows, data.versions) == (500, [])
    assert to_micros(data.window.start) == START + SERVED * DAY


# what it counts for


def test_one_that_is_no_better_does_not_count_and_one_that_fails_does() -> None:
    for status, h in (("no_difference", 0), ("worse", 0), ("refused", 0), ("failed", 1), ("unanswered", 1)):
        state = born()
        trigger = fires(state, now(5))
        note_outcome(state, outcome(trigger.id, status))
        assert state.back_off == h, status
    state = born()
    failed(state, fires(state, now(5)).id)
    assert state.back_off == 1


def test_it_is_no_change_that_would_make_changes_rapid() -> None:
    alike = {"challenger": 0.1, "champion": 0.1, "rows": 1_000.0}
    state = born()
    state.triggers["s"] = replace(state.triggers["t"], new_version="0", time=START + 23 * DAY)
    state.triggers["t"] = state.triggers.pop("t")
    assert fires(state, now(5, comparison=alike)).how == "full"
    # nor does it make the next one rapid: one trigger, its refit, and then a change
    state = born()
    state.triggers["t"].time = START - 20 * DAY  # too long ago
    fires(state, now(5))
    risen = now(15, [{"type": "performance"}], episodes={OVERALL: episode(30)}, comparison=alike)
    assert fires(state, risen).how == "full"


def test_a_challenger_that_is_better_is_asked_first() -> None:
    one = now(8, settings={"costs": {"loss": 1.0, "retraining": 20.0}})
    one.history.compared.extend(compared(SERVED + number, 50, 20.0, 5.0) for number in range(8))
    state = born()
    assert fires(state, one).how == "promote_challenger"
    assert [asked.refits for asked in state.triggers.values()] == [None, None]


# through a snapshot, and the monitor


def test_a_snapshot_at_any_time_changes_nothing() -> None:
    def told(restarts: bool) -> list[Any]:
        state, found = born(), []
        for days in range(1, 14):
            state = decode(encode(state)) if restarts else state
            found.append(decide(state, now(days)))
        return found

    assert told(restarts=True) == told(restarts=False)
    assert sum(one.trigger is not None for one in told(restarts=False)) == 1


def test_a_state_from_before_there_were_refits_is_read() -> None:
    state = born()
    old = state.triggers["t"]
    del old.__dict__["rows"], old.__dict__["refits"]
    read = decode(encode(state)).triggers["t"]
    assert (read.rows, read.refits) == (0, None)


def test_the_monitor_asks_for_it_and_grades_it() -> None:
    def loses(version: str, day: int) -> float:
        return changed("1", day) if version == "1" else 0.14 if version == "2" else 0.1

    watched = live(loses, retrains(held_out=0.14))
    first, refit = triggers(watched)
    assert (first.version, refit.version) == ("1", "2")
    assert refit.since == first.since
    assert refit.train_on.window.start == first.train_on.window.start
    assert first.train_on.labelled_rows < 1_000 <= refit.train_on.labelled_rows
    assert [one.version for one in refit.train_on.versions] == ["1", "2"]
    assert refit.reason.startswith("Version 2 was trained on ")
    assert statuses(watched) == ["helped", "helped"]
    assert decisions(watched)[-1].version == "3"
    graded = [one for one in watched.outputs if isinstance(one, TriggerOutcome) and one.trigger == refit.id]
    assert graded[-1].retraining_cost > 0
    again = live(loses, retrains(held_out=0.14), restarts=range(0, 200, 7))
    assert [one.model_dump_json() for one in again.outputs] == [one.model_dump_json() for one in watched.outputs]
