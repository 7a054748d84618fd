"""Top-bottom analysis: Cliff's delta by hand, and the deciles of the reference."""

import random

import numpy as np
import pytest

from detectors.row import Row
from detectors.top_bottom import Order, separation, split, tails_of

from .builders import START, layout_of, model_spec, profile_of

SPEC = model_spec(features={"income": "numeric", "region": "categorical", "owner": "boolean"})
PLACES = np.arange(4)


def scored(count: int, seed: int = 0, sign: float = 1.0) -> list[Row]:
    """Rows whose score rises with income (or falls), is higher in the north, and has nothing to do with owner."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        income, region = rng.gauss(100, 10), rng.choice(["north", "south", "east"])
        score = 1 / (1 + np.exp(-sign * (income - 100) / 5 - (region == "north") + rng.gauss(0, 0.5)))
        rows.append(Row(START, str(i), [income, region, rng.random() < 0.5], label="yes", score=float(score)))
    return rows


def test_delta_is_the_chance_to_be_above_less_that_to_be_below() -> None:
    bottom, top = [0, 0, 1, 1, 3], [0, 1, 2, 2, 3, 3]
    by_hand = np.mean([np.sign(high - low) for high in top for low in bottom])
    found = separation(np.bincount(bottom, minlength=4) * 1.0, np.bincount(top, minlength=4) * 1.0, PLACES)
    assert found.delta == pytest.approx(by_hand)


def test_delta_is_1_where_all_of_the_top_is_above_and_turns_with_the_order() -> None:
    bottom, top = np.array([50.0, 50, 0, 0]), np.array([0.0, 0, 50, 50])
    assert separation(bottom, top, PLACES).delta == 1
    assert separation(top, bottom, PLACES).delta == -1
    assert separation(bottom, bottom, PLACES).delta == 0
    assert 0 < separation(bottom, top, PLACES).error < 0.05


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.2, 0.3, 0.2, 0.3])
    truth = separation(p * 1e9, q * 1e9, PLACES).delta
    held = 0
    for _ in range(500):
        found = separation(rng.multinomial(60, p) * 1.0, rng.multinomial(80, q) * 1.0, PLACES)
        held += abs(found.delta - truth) < 1.96 * found.error
    assert 0.92 < held / 500 < 0.98


def test_nothing_to_compare_is_unknown() -> None:
    assert separation(np.zeros(4), np.ones(4), PLACES).error == float("inf")


def test_the_tails_are_the_deciles_of_the_score() -> None:
    layout, rows = layout_of(SPEC, profile_of(SPEC)), scored(2_000)
    tails = tails_of(layout, rows)
    assert tails is not None
    bottom, top = split(layout, tails, rows)
    assert (len(bottom), len(top)) == (pytest.approx(200, abs=2), pytest.approx(200, abs=2))
    assert max(row.score or 0 for row in bottom) == tails.low < tails.high == min(row.score or 0 for row in top)
    assert sum(tails.bottom["income"]) == len(bottom)


@pytest.mark.parametrize("scores", [[None] * 50, [0.5] * 50, []])
def test_without_different_scores_there_is_no_top_and_no_bottom(scores: list[float | None]) -> None:
    rows = [Row(START, str(i), [1.0, "north", True], label="yes", score=score) for i, score in enumerate(scores)]
    assert tails_of(layout_of(SPEC, profile_of(SPEC)), rows) is None


def test_what_the_score_goes_by_separates_and_what_it_does_not_does_not() -> None:
    layout = layout_of(SPEC, profile_of(SPEC))
    tails = tails_of(layout, scored(4_000))
    assert tails is not None
    order = Order(layout, tails)
    income, region, owner = order.reference()
    assert income.delta > 0.9
    assert region.delta > 0.2
    assert abs(owner.delta) < 0.15
    ends = [order.codes.of(rows) for rows in split(layout, tails, scored(4_000, seed=1))]
    for before, now in zip(order.reference(), order.of(*ends), strict=True):
        assert abs(now.delta - before.delta) < 3 * (now.error**2 + before.error**2) ** 0.5
    ends = [order.codes.of(rows) for rows in split(layout, tails, scored(4_000, seed=2, sign=-1))]
    assert order.of(*ends)[0].delta < -0.9


def test_a_category_that_is_as_frequent_at_both_ends_has_no_order_made_up_for_it() -> None:
    rng = random.Random(3)
    rows = [Row(START, str(i), [1.0, f"c{rng.randrange(40)}", True], score=rng.random()) for i in range(2_000)]
    layout = layout_of(SPEC, profile_of(SPEC))
    tails = tails_of(layout, rows)
    assert tails is not None
    assert abs(Order(layout, tails).reference()[1].delta) < 0.15


def test_regression_goes_by_the_predicted_number() -> None:
    spec = model_spec("regression", features={"income": "numeric"})
    rows = [Row(START, str(i), [float(i)], value=float(-i)) for i in range(1_000)]
    layout = layout_of(spec, profile_of(spec))
    tails = tails_of(layout, rows)
    assert tails is not None
    assert (tails.low, tails.high) == (-900.0, -100.0)
    assert sum(tails.top["income"]) == 101
