"""What somebody asks for is triggered, whatever stands against it."""

from detectors.history import History
from detectors.policies.decide import decide_ad_hoc
from detectors.policies.state import PolicyState
from detectors.situation import Broken, Situation
from schemas.trigger import RetrainingTrigger

from ..builders import START
from ..situations import OVERALL, PERFORMANCE, days_of, episode, held, situation, spec_of


def ad_hoc(one: Situation, command: str, reason: str, state: PolicyState | None = None) -> RetrainingTrigger:
    decided = decide_ad_hoc(state or PolicyState(), one, command, reason, one.now)
    assert decided.trigger is not None
    assert decided.decision is not None
    assert (decided.decision.verdict, decided.decision.trigger) == ("trigger", decided.trigger.id)
    assert decided.trigger.decision == decided.decision.id
    return decided.trigger


def test_an_ad_hoc_trigger_is_held_back_by_nothing() -> None:
    spec = spec_of(PERFORMANCE, minimum_labels=10**6)
    one = situation(spec, 20, {OVERALL: episode(10)}, broken=[Broken(START)])
    trigger = ad_hoc(one, "command 1", "because I say so")
    assert trigger.reason == (
        "Asked for: because I say so; data was broken in all 500 labelled rows since 2019-04-24T00:00:00Z, so that "
        "none is left to train on: an alarm of data quality is open."
    )
    assert days_of(trigger) == (10, 20)
    assert trigger.id == ad_hoc(situation(spec, 33), "command 1", "").id
    assert trigger.id != ad_hoc(one, "command 2", "").id


def test_an_ad_hoc_trigger_without_any_history_is_a_trigger_still() -> None:
    trigger = ad_hoc(situation(spec_of([]), 3, past=History()), "command", "")
    assert days_of(trigger) == (3, 3)
    assert trigger.train_on.labelled_rows == 0
    assert trigger.waiting is None


def test_an_ad_hoc_trigger_counts_for_the_cooldown_and_the_rate_of_all_others() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE)
    ad_hoc(situation(spec, 18), "command", "", state)
    assert "cooldown until" in held(state, situation(spec, 20, {OVERALL: episode(10)}))
