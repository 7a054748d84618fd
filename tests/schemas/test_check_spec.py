"""Checks name what the model has: features of a fitting type, rules that can be read."""

from typing import Any

import pytest

from schemas.check_spec import CheckSpec, checks_problem

TYPES = {"income": "numeric", "region": "categorical", "owner": "boolean"}


def problem(task: str = "binary", **checks: Any) -> str | None:
    return checks_problem(CheckSpec.model_validate(checks), TYPES, task)


def test_what_fits_has_no_problem() -> None:
    fits = {"monotonic": {"income": "increasing", "owner": "decreasing"}, "slices": ["income > 3 and owner"]}
    assert problem(**fits, invariances=[{"features": ["region"]}]) is None
    assert problem("regression", **fits) is None


@pytest.mark.parametrize(
    ("checks", "task", "said"),
    [
        ({"monotonic": {"age": "increasing"}}, "binary", "monotonic: 'age' is not a feature; those are income"),
        ({"monotonic": {"region": "increasing"}}, "binary", "its values have no order"),
        ({"monotonic": {"income": "increasing"}}, "multiclass", "a multiclass model has no one number"),
        ({"invariances": [{"features": ["income", "age"]}]}, "binary", "invariances[0]: 'age' is not a feature"),
        ({"slices": ["owner", "age > 3"]}, "binary", "slices[1], character 1: no feature is called 'age'"),
        ({"slices": ["region > 3"]}, "binary", "slices[0], character 1"),
    ],
)
def test_what_does_not_fit_is_named(checks: dict[str, Any], task: str, said: str) -> None:
    found = problem(task, **checks)
    assert found is not None
    assert said in found
