"""Shares of the budget: what a rollout stakes leaves room for what was declared before."""

import pytest
from pydantic import ValidationError

from schemas.budget_spec import Weights

from ..detectors.builders import model_spec


def total(weights: Weights) -> float:
    return sum(weights.model_dump().values())


def test_all_of_the_budget_is_given_to_somebody() -> None:
    assert total(Weights()) == pytest.approx(1)
    assert Weights().rollout == 0.05


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"performance": 0.4, "segments": 0, "outcomes": 0.1}, 0.05),
        ({"outcomes": 0.2}, 0.0),
        ({"outcomes": 0.18}, 0.02),
    ],
)
def test_a_rollout_has_what_others_leave_where_it_is_not_given(given: dict[str, float], left: float) -> None:
    assert Weights(**given).rollout == pytest.approx(left)
    assert total(Weights(**given)) <= 1 + 1e-9


def test_what_is_given_to_it_counts() -> None:
    assert Weights(rollout=0.0).rollout == 0
    with pytest.raises(ValidationError, match=r"the weights sum to 1\.050"):
        Weights(rollout=0.1)
    with pytest.raises(ValidationError, match=r"the weights sum to"):
        Weights(performance=0.9)
    with pytest.raises(ValidationError, match="performance"):
        Weights.model_validate({"performance": "much"})


def test_automatic_needs_a_share() -> None:
    rollout = {"retraining": {"rollout": {"automatic": True}}}
    assert model_spec(**rollout).retraining.rollout.automatic
    with pytest.raises(ValidationError, match=r"give weights\.rollout a share"):
        model_spec(**rollout, weights={"rollout": 0})
    assert not model_spec(weights={"rollout": 0}).retraining.rollout.automatic
