"""Why retraining may be hopeless is told as far as it shows, and not before."""

from typing import Any

from detectors.policies.answers import finished, note_outcome
from detectors.policies.decide import decide
from detectors.policies.state import Asked, PolicyState
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision

from .builders import DAY, START
from .situations import COST, day, history, outcome, situation, spec_of

PRICED = {"loss": 1.0, "retraining": 1e6}
ALIKE = {"challenger": 0.4, "champion": 0.4, "rows": 1_000.0}
BETTER = {"challenger": 0.05, "champion": 0.4, "rows": 1_000.0}


def after(*statuses: str, policy: Any = "cost") -> PolicyState:
    state = PolicyState()
    for number, status in enumerate(statuses):
        state.triggers[f"t{number}"] = Asked("1", policy, "full", START + number * DAY, START)
        note_outcome(state, outcome(f"t{number}", status))
    return state


def told(state: PolicyState, errors: float = 5.0, **fields: Any) -> RetrainingDecision:
    one = situation(spec_of(COST, costs=PRICED), 43, past=history(40, errors=errors), **fields)
    decision = decide(state, one).decision
    assert decision is not None
    return decision


def test_nothing_is_believed_of_a_sound_model() -> None:
    assert told(PolicyState()).belief == "none"
    assert told(PolicyState()).belief_reason is None
    assert told(after("helped", "failed")).belief == "none"
    assert told(after("no_difference")).belief == "none"


def test_two_failures_in_a_row_are_a_retraining_side_that_fails() -> None:
    decision = told(after("helped", "failed", "unanswered"))
    assert decision.belief == "retraining_fails"
    assert decision.belief_reason is not None
    assert "newest 2 retrainings" in decision.belief_reason
    assert told(after("failed", "refused", "helped")).belief == "none"
    assert told(after("failed", "refused", policy="schedule")).belief == "retraining_fails"


def test_two_retrainings_without_a_gain_are_retraining_that_does_not_help() -> None:
    assert told(after("no_difference", "worse"), comparison=BETTER).belief == "retraining_does_not_help"
    assert told(after("no_difference", "worse")).belief == "retraining_does_not_help"  # there is no challenger
    assert told(after("no_difference", "worse", policy="schedule")).belief == "none"


def test_where_the_challenger_is_no_better_either_it_is_noise() -> None:
    decision = told(after("no_difference", "worse"), comparison=ALIKE)
    assert decision.belief == "irreducible_noise"
    assert decision.belief_reason is not None
    assert "challenger" in decision.belief_reason


def test_a_challenger_that_is_better_but_not_clearly_so_is_no_sign_of_noise() -> None:
    """A gain of a quarter over 200 rows may be chance, and may not."""
    open_ = {"challenger": 0.3, "champion": 0.4, "rows": 200.0}
    assert told(after("no_difference", "worse"), comparison=open_).belief == "retraining_does_not_help"


def test_one_futile_retraining_is_noise_where_the_new_version_lost_as_much_from_its_first_day() -> None:
    state = after("no_difference")
    assert told(state, errors=20.0, comparison=ALIKE).belief == "irreducible_noise"
    assert told(after("no_difference"), errors=5.0, comparison=ALIKE).belief == "none"


def test_a_burn_in_above_what_was_promised_is_a_bad_birth() -> None:
    decision = told(PolicyState(), errors=20.0)
    assert decision.belief == "bad_from_birth"
    assert decision.belief_reason is not None
    assert "first 500 labelled rows lost 40.00 %" in decision.belief_reason
    state = PolicyState()
    command = {"type": "retraining_finished", "id": "c", "model": "m", "timestamp": day(0), "trigger": "t"}
    command |= {"new_version": "2", "held_out_loss": 0.02, "held_out_rows": 10_000}
    finished(state, CommandAdapter.validate_python(command))
    others = {"1": history(5, first=-10)}
    assert told(state, errors=5.0, version="2", others=others).belief == "bad_from_birth"
    assert told(PolicyState(), errors=5.0, version="2", others=others).belief == "none"


def test_a_trigger_carries_the_belief_of_its_decision() -> None:
    spec = spec_of(COST, costs={"loss": 1.0, "retraining": 10.0})
    decided = decide(after("failed", "failed"), situation(spec, 43, past=history(40, errors=40.0)))
    assert decided.trigger is not None
    assert decided.trigger.belief == "retraining_fails"
