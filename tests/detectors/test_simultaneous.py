"""Bounds of a distribution function hold at all edges together, and are sharper in the middle than Bonferroni's."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm

from detectors.bounds import upper_bounds_by_bonferroni
from detectors.simultaneous import levels, upper_bounds_of_ordered

TWENTIETHS = tuple((np.arange(1, 20) / 20).tolist())


def indicators_of(below: np.ndarray, valid: int, n: int) -> np.ndarray:
    return np.concatenate([below, valid - below, [n - valid]]).astype(float)


def test_one_edge_by_itself_has_the_level_that_it_was_given() -> None:
    assert levels((0.3,), 0.05) == pytest.approx([0.95], abs=1e-4)


def test_the_bridge_crosses_as_often_as_it_should() -> None:
    p, rng = np.array(TWENTIETHS), np.random.default_rng(1)
    walk = rng.normal(0, 0.05**0.5, size=(100_000, 20)).cumsum(axis=1)
    bridge = walk[:, :19] - p * walk[:, 19:]
    z = norm.ppf(levels(TWENTIETHS, 0.025)) * np.sqrt(p * (1 - p))
    assert (bridge > z).any(axis=1).mean() == pytest.approx(0.025, abs=0.002)


def test_levels_of_edges_near_each_other_are_those_of_one() -> None:
    near = levels((0.3, 0.3001, 0.3002), 0.05)
    assert near == pytest.approx([0.95] * 3, abs=2e-3)


def test_many_edges_near_each_other_are_not_one() -> None:
    fine, coarse = levels(tuple((np.arange(1, 500) / 500).tolist()), 0.025), levels(TWENTIETHS, 0.025)
    assert min(fine) > min(coarse)
    assert norm.ppf(min(fine)) < norm.ppf(min(coarse)) + 0.3


def test_shares_far_out_in_a_large_reference_have_levels_too() -> None:
    n = 10_000_000
    totals = indicators_of(np.array([200, n // 2, n - 200]), n, n)
    bounds = upper_bounds_of_ordered(totals, float(n), np.ones(7))
    assert ((bounds > totals / n) & (bounds < 1)).all()


@pytest.mark.parametrize("n", [400, 5_000])
def test_all_bounds_hold_together_where_edges_are_quantiles_of_the_reference(n: int) -> None:
    rng, repeats = np.random.default_rng(2), 2_000
    ranks = np.ceil(n * np.array(TWENTIETHS)).astype(int)
    bounds = upper_bounds_of_ordered(indicators_of(ranks, n, n), float(n), np.ones(39))
    held = 0
    for _ in range(repeats):
        below = np.sort(rng.random(n))[ranks - 1]
        held += (np.concatenate([below, 1 - below, [0.0]]) <= bounds).all()
    assert held / repeats >= 0.95 - 2 * (0.05 * 0.95 / repeats) ** 0.5


def test_all_bounds_hold_together_where_edges_are_given_and_values_miss() -> None:
    rng, n, repeats = np.random.default_rng(3), 1_000, 120
    edges = np.array([0.003, 0.02, 0.1, 0.11, 0.3, 0.32, 0.5, 0.9, 0.97, 0.999])
    truth = np.concatenate([0.95 * edges, 0.95 * (1 - edges), [0.05]])
    held = 0
    for _ in range(repeats):
        values = np.where(rng.random(n) < 0.05, np.nan, rng.random(n))
        below = (values[:, None] <= edges).sum(axis=0)
        totals = indicators_of(below, int(np.isfinite(values).sum()), n)
        held += (truth <= upper_bounds_of_ordered(totals, float(n), np.ones(21))).all()
    assert held / repeats >= 0.95 - 2 * (0.05 * 0.95 / repeats) ** 0.5


def test_they_are_sharper_than_strangers_would_have_to_be_but_for_the_ends() -> None:
    n = 5_000
    totals = indicators_of(np.arange(1, 20) * n // 20, n, n)
    ours, strangers = (
        each(totals, float(n), np.ones(39)) for each in (upper_bounds_of_ordered, upper_bounds_by_bonferroni)
    )
    middle, end = slice(3, 16), [0, 18]
    margin = totals / n
    assert ((ours - margin)[middle] < 0.95 * (strangers - margin)[middle]).all()
    assert ((ours - margin)[end] < 1.2 * (strangers - margin)[end]).all()
    assert ours[-1] == strangers[-1]


def test_where_the_reference_has_next_to_nothing_the_bound_is_bonferronis() -> None:
    totals = indicators_of(np.array([0, 3, 500, 1_000, 1_000]), 1_000, 1_000)
    ours, strangers = (
        each(totals, 1_000.0, np.ones(11)) for each in (upper_bounds_of_ordered, upper_bounds_by_bonferroni)
    )
    assert (ours == strangers).tolist() == [True, True, False, True, True, True, True, False, True, True, True]


def test_dependent_rows_widen_them() -> None:
    totals = indicators_of(np.arange(1, 20) * 250, 5_000, 5_000)
    one, two = (upper_bounds_of_ordered(totals, 5_000.0, np.full(39, phi)) for phi in (1.0, 2.0))
    assert (two[:-1] > one[:-1]).all()


def test_without_edges_there_is_the_bound_of_missing_values_alone() -> None:
    bound = upper_bounds_of_ordered(np.array([5.0]), 100.0, np.ones(1))
    assert bound == pytest.approx(upper_bounds_by_bonferroni(np.array([5.0]), 100.0, np.ones(1)))


def test_levels_are_confidences() -> None:
    assert all(ndtr(1.5) < level < 1 for level in levels(TWENTIETHS, 0.02))
