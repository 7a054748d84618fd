"""Expectations are checked when the monitor file is read."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.spec import ModelSpec
from streams.spec_errors import word_problems

MODEL: dict[str, Any] = {
    "task": "binary",
    "positive_label": "1",
    "features": {"income": "numeric", "region": "categorical", "note": "text"},
    "pane": "1d",
    "label_horizon": "2d",
    "false_alarms": "1 per 90d",
    "reference": "p.json",
}
RULE = {"name": "income", "dimension": "validity", "rule": "income >= 0"}


def problems(**changes: Any) -> list[str]:
    data = {**MODEL, **changes}
    try:
        ModelSpec.model_validate(data)
    except ValidationError as error:
        return word_problems(error, ModelSpec, data)
    return []


def test_good_ones_are_taken() -> None:
    assert problems(expectations=[RULE, {**RULE, "name": "other", "at_least": 0.99}], producer="region") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rule": "incom >= 0"}, "expectations: the rule of 'income', character 1: no feature is called 'incom'"),
        ({"rule": "income >= "}, "expectations[0].rule: character"),
        ({"rule": "abs(income) > 1"}, "expectations[0].rule: character 1: `abs(income)` is not allowed; allowed are"),
        ({"rule": "value > 1"}, "no feature is called 'value'"),
        ({"dimension": "beauty"}, "expectations[0].dimension: 'beauty' is not one of accuracy, completeness"),
        ({"at_least": 2}, "expectations[0].at_least: 2 is not at most 1"),
    ],
)
def test_a_mistake_says_where_and_what_is_allowed(changes: dict[str, Any], said: str) -> None:
    (line,) = problems(expectations=[{**RULE, **changes}])
    assert said in line


def test_names_are_given_once() -> None:
    (line,) = problems(expectations=[RULE, RULE])
    assert "used twice: income" in line


@pytest.mark.parametrize(("producer", "said"), [("nobody", "is not a feature"), ("note", "'note' is text")])
def test_a_producer_is_a_category(producer: str, said: str) -> None:
    (line,) = problems(producer=producer)
    assert line.startswith("producer: ")
    assert said in line
