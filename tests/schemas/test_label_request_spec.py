"""What may be asked of people is checked when the monitor file is read."""

from typing import Any

import pytest

from schemas.label_request_spec import LabelRequestSpec, label_requests_problem

TYPES = {"amount": "numeric", "region": "categorical", "when": "datetime"}


def problem(task: str = "binary", challenger: bool = True, **settings: Any) -> str | None:
    return label_requests_problem(LabelRequestSpec.model_validate(settings), TYPES, task, challenger)


def rule(when: str, name: str = "one") -> dict[str, str]:
    return {"name": name, "when": when}


@pytest.mark.parametrize(
    ("task", "when"),
    [
        ("binary", "amount > 10000 and 0.4 <= score <= 0.6"),
        ("multiclass", 'prediction == "a" and score < 0.5'),
        ("regression", "value > 2 * amount or missing(region)"),
        ("text", "len(prediction) > 500"),
    ],
)
def test_a_rule_names_features_and_outputs_of_its_task(task: str, when: str) -> None:
    assert problem(task, rules=[rule(when)]) is None


@pytest.mark.parametrize(
    ("task", "when", "said"),
    [
        ("binary", "amout > 1", "character 1: no feature is called 'amout' (did you mean 'amount'?)"),
        ("regression", "amount > 1 and score > 0.4", "character 16: no feature is called 'score'"),
        ("binary", "region > 3", "a number belongs here, and this is text"),
    ],
)
def test_a_rule_that_cannot_be_is_told_with_its_name_and_place(task: str, when: str, said: str) -> None:
    found = problem(task, rules=[rule("amount > 0", "fine"), rule(when, "odd")])
    assert found is not None
    assert found.startswith("rules: when of 'odd', ")
    assert said in found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategies": ["rare", "rare"]}, "a strategy stands here once; used twice: rare"),
        ({"rules": [rule("amount > 0"), rule("amount < 0")]}, "a rule stands here once; used twice: one"),
        ({"task": "text", "strategies": ["uncertainty"]}, "uncertainty is for the other tasks"),
        ({"task": "text", "strategies": ["disagreement"]}, "a text model has none"),
        ({"challenger": False, "strategies": ["disagreement"]}, "it is turned off (challenger: false)"),
    ],
)
def test_what_could_never_ask_for_anything_is_refused(settings: dict[str, Any], said: str) -> None:
    assert said in (problem(**settings) or "")


def test_everything_may_be_declared_at_once() -> None:
    names = ["random", "uncertainty", "disagreement", "drifted", "rare", "errors"]
    assert problem(strategies=names, rules=[rule("amount > 0")]) is None
