"""Paired differences: intervals that hold, panes that widen them, and many tests at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.paired import FEWEST_BLOCKS, holm, paired_difference


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        own, other = rng.random(200) < 0.3, rng.random(200) < 0.25
        found = paired_difference(own.astype(float) - other, np.ones(200), 0.95, counted=True)
        hits += found.low <= 0.05 <= found.high
    assert 0.925 <= hits / 600 <= 0.985


def test_models_that_never_differ_have_an_interval_all_the_same_and_say_so() -> None:
    found = paired_difference(np.zeros(50), np.ones(50), 0.95, counted=True)
    assert found.nothing
    assert found.low < 0 < found.high


def test_rows_that_count_for_more_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    d = rng.normal(0, 1, 400)
    even = paired_difference(d, np.ones(400), 0.95)
    uneven = paired_difference(d, np.where(np.arange(400) < 20, 20.0, 1.0), 0.95)
    assert uneven.high - uneven.low > even.high - even.low


def test_a_weight_of_two_moves_the_mean_as_two_rows_do() -> None:
    d = np.array([1.0, 0.0, -1.0, 1.0])
    twice = np.array([1.0, 1.0, 0.0, -1.0, 1.0])
    weighted = paired_difference(d, np.array([2.0, 1, 1, 1]), 0.9)
    assert weighted.value == pytest.approx(paired_difference(twice, np.ones(5), 0.9).value)


def test_panes_that_vary_widen_the_interval_once_there_are_enough() -> None:
    rng = np.random.default_rng(2)
    blocks = np.repeat(np.arange(FEWEST_BLOCKS), 20)
    d = rng.normal(0, 1, FEWEST_BLOCKS)[blocks] + rng.normal(0, 0.1, len(blocks))
    plain = paired_difference(d, np.ones(len(d)), 0.95)
    by_pane = paired_difference(d, np.ones(len(d)), 0.95, blocks=blocks)
    assert by_pane.high - by_pane.low > 2 * (plain.high - plain.low)
    few = blocks % 5
    assert paired_difference(d, np.ones(len(d)), 0.95, blocks=few) == plain


@pytest.mark.parametrize("panes", [FEWEST_BLOCKS, 14])
def test_the_interval_of_few_panes_that_vary_misses_about_as_often_as_it_says(panes: int) -> None:
    """As if rows were independent, it would miss the difference of 0 in three of ten runs."""
    rng, missed, runs = np.random.default_rng(5), 0, 400
    blocks = np.repeat(np.arange(panes), 50)
    for _ in range(runs):
        d = rng.normal(0, 0.1, panes)[blocks] + rng.choice([1.0, -1.0, 0.0], len(blocks), p=[0.1, 0.1, 0.8])
        found = paired_difference(d, np.ones(len(d)), 0.95, blocks=blocks, counted=True)
        missed += not found.low <= 0 <= found.high
    assert missed <= 0.09 * runs


def test_the_p_value_is_small_just_where_the_interval_lies_above_the_margin() -> None:
    d = np.random.default_rng(3).normal(0.5, 1, 200)
    found = paired_difference(d, np.ones(200), 0.95)
    assert found.worse_than(found.low) == pytest.approx(0.025, abs=1e-9)
    assert found.worse_than(found.low + 0.01) > 0.025


def test_one_certain_difference_is_worse_than_any_smaller_margin() -> None:
    found = paired_difference(np.ones(10), np.ones(10), 0.95)
    assert found.worse_than(0.5) == 0.0
    assert found.worse_than(1.0) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_raises_each_p_value_keeps_their_order_and_never_beats_bonferroni(values: list[float]) -> None:
    p = np.array(values)
    raised = holm(p)
    assert (raised >= p).all()
    assert (raised <= np.minimum(1, len(p) * p) + 1e-12).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(raised[order]) >= 0).all()


def test_holm_calls_no_true_null_false_more_often_than_it_says() -> None:
    rng = np.random.default_rng(4)
    wrong = sum(bool((holm(rng.random(12)) <= 0.05).any()) for _ in range(2_000))
    assert wrong / 2_000 < 0.065


@pytest.mark.parametrize(
    "weights", [np.r_[np.ones(125), 118.0, 118.0], np.r_[118.0, np.ones(17)], np.r_[np.ones(380), np.full(20, 20.0)]]
)
def test_rows_with_much_of_the_weight_do_not_pass_for_many(weights: np.ndarray) -> None:
    """With n - 1 degrees of freedom and plain residuals it would miss the difference of 0 in up to nine of ten runs."""
    rng, runs = np.random.default_rng(6), 400
    found = [paired_difference(rng.normal(0, 1, len(weights)), weights, 0.95) for _ in range(runs)]
    assert sum(not each.low <= 0 <= each.high for each in found) <= 0.08 * runs


def test_nearly_equal_weights_come_to_what_equal_ones_do() -> None:
    d, weights = np.random.default_rng(7).normal(0, 1, 60), np.ones(60)
    even = paired_difference(d, weights, 0.95)
    weights[0] += 1e-9
    uneven = paired_difference(d, weights, 0.95)
    assert (uneven.low, uneven.high) == pytest.approx((even.low, even.high), rel=1e-6)
