"""What reports say of retrainings: who serves, each outcome, and how the strategy has done."""

from typing import Any

from schemas.serving import Serving
from schemas.trigger_outcome import TriggerOutcome
from streams.report_data import Outputs
from streams.retraining_report import outcome_facts, retraining_lines


def outcome(trigger: str, status: str, **fields: Any) -> TriggerOutcome:
    given = {"id": trigger, "trigger": trigger, "model": "m", "version": "1", "time": "2026-01-02T00:00:00Z"}
    given |= {"status": status, "reason": "It came so.", "retraining_cost": 300.0}
    return TriggerOutcome.model_validate(given | fields)


def outputs(*outcomes: TriggerOutcome, serving: Serving | None = None) -> Outputs:
    found = Outputs(outcomes={one.trigger: one for one in outcomes})
    if serving is not None:
        found.serving["m"] = serving
    return found


def test_the_record_of_the_strategy() -> None:
    told = outputs(
        outcome("a", "helped", saved=160.0, regret=140.0), outcome("b", "refused"), outcome("c", "helped", saved=440.0)
    )
    (line,) = retraining_lines(told, "m")
    assert line == (
        "3 retraining triggers, 3 known outcomes: 2 helped, 1 was refused; 67% helped. Cost 900, saved 600 so far."
    )
    assert retraining_lines(told, "other") == []


def test_what_nobody_trained_has_no_share_that_helped() -> None:
    told = outputs(outcome("a", "unanswered"), outcome("b", "unanswered"), outcome("c", "failed"))
    (line,) = retraining_lines(told, "m")
    assert line == ("3 retraining triggers, 3 known outcomes: 2 were not answered, 1 failed. Cost 900, saved 0 so far.")


def test_who_serves_and_who_is_tried() -> None:
    record = {"id": "x", "number": 2, "model": "m", "version": "1", "candidate": "2", "stage": "canary", "share": 0.1}
    serving = Serving.model_validate(record | {"time": "2026-01-02T00:00:00Z", "reason": "Not worse."})
    (line,) = retraining_lines(outputs(serving=serving), "m")
    assert line == "Version 1 serves, version 2 answers 10%, since 2026-01-02. Not worse."


def test_one_outcome_with_its_numbers() -> None:
    assert outcome_facts(None) == []
    performance = {"version": "1", "rows": 1_000, "loss": 0.3, "low": 0.27, "high": 0.33}
    found = outcome("a", "helped", saved=160.0, regret=140.0, served_rows=400, before=performance, price_assumed=True)
    (fact,) = outcome_facts(found)
    assert fact.text == "helped"
    assert fact.details[0] == "It came so."
    assert "0.3 over 1,000 rows of version 1" in fact.details[1]
    assert fact.details[-1] == "cost 300 (assumed), saved 160 so far, over 400 rows"
