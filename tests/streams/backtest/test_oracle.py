"""The best in hindsight against every course that there is, in worlds small enough to try them all."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.backtest.candidates import RECORDED, Candidate
from streams.backtest.oracle import best_in_hindsight


def world(costs: np.ndarray, births: list[int], price: float) -> Any:
    """Return candidates of these births with costs of shape (models, stretches), the recorded one first."""
    models = [RECORDED, *(Candidate(place, birth) for place, birth in enumerate(births))]
    points = costs.shape[1] - 1
    table = dict(zip(models, costs, strict=True))
    return SimpleNamespace(
        fitted=models,
        points=range(points),
        prices=SimpleNamespace(retraining=price),
        costs=table.__getitem__,
    )


def cheapest(costs: np.ndarray, births: list[int], price: float) -> float:
    """Try every course: at each point stay, go back to the one before or to the recorded one, or train."""
    points = costs.shape[1] - 1

    def after(point: int, now: int, before: int) -> float:
        if point == points:
            return 0.0
        ways = [(now, before, 0.0), (before, now, 0.0), (0, now, 0.0)]
        ways += [(place + 1, now, price) for place, birth in enumerate(births) if birth == point]
        return min(paid + costs[new, point + 1] + after(point + 1, new, old) for new, old, paid in ways)

    return float(costs[0, 0] + after(0, 0, 0))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_is_the_cheapest_of_all_courses(data: st.DataObject):
    points = data.draw(st.integers(1, 5))
    births = data.draw(st.lists(st.integers(0, points - 1), max_size=4))
    numbers = st.lists(st.integers(0, 9), min_size=points + 1, max_size=points + 1)
    costs = np.array(data.draw(st.lists(numbers, min_size=len(births) + 1, max_size=len(births) + 1)), dtype=float)
    price = data.draw(st.sampled_from([0.5, 3.0, 8.0]))
    best = best_in_hindsight(world(costs, births, price))
    assert best.total == pytest.approx(cheapest(costs, births, price))
    assert best.training.sum() == pytest.approx(price * len(best.trained))
    assert len(best.serving) == points + 1
    for stretch, model in enumerate(best.serving):
        assert model == RECORDED or model.point < stretch  # nobody serves before being trained


def test_going_back_to_a_model_of_before_costs_nothing():
    costs = np.array([[0.0, 9.0, 0.0, 9.0, 0.0], [0.0, 0.0, 9.0, 0.0, 9.0]])
    best = best_in_hindsight(world(costs, [0], 2.0))
    assert best.trained == [0]
    assert best.total == 2.0
