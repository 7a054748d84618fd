"""Bounds cover what they promise to cover, and the dispersion sees dependence and nothing else."""

import math

import numpy as np
import pytest
from scipy import stats

from detectors.bounds import dispersion_of, upper_bound, upper_bound_of_bounded_mean, upper_bound_of_mean


@pytest.mark.parametrize("confidence", [0.9, 0.95, 1 - 0.05 / 41])
@pytest.mark.parametrize("n", [1, 7, 50, 5_000, 1_000_000])
def test_the_bound_of_a_proportion_is_that_of_clopper_and_pearson(n: int, confidence: float) -> None:
    successes = np.unique(np.array([0, 1, n // 3, n - 1]))
    successes = successes[successes < n]
    expected = stats.beta.ppf(confidence, successes + 1, n - successes)
    assert upper_bound(successes, n, confidence) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [1, 50, 100_000])
def test_nothing_below_1_bounds_a_proportion_of_all(n: int) -> None:
    assert float(upper_bound(n, n)) == 1.0


def test_no_rows_bound_nothing() -> None:
    assert float(upper_bound(0, 0)) == 1.0


@pytest.mark.parametrize(("n", "p"), [(40, 0.05), (40, 0.5), (300, 0.02), (300, 0.2)])
def test_the_bound_of_a_proportion_covers_exactly_as_often_as_it_says_or_more(n: int, p: float) -> None:
    successes = np.arange(n + 1)
    covered = stats.binom.pmf(successes, n, p)[upper_bound(successes, n) >= p].sum()
    assert covered >= 0.95


def test_dependent_rows_are_worth_fewer() -> None:
    assert float(upper_bound(100, 1_000, dispersion=4.0)) == pytest.approx(float(upper_bound(25, 250)))
    independent, dependent = (upper_bound_of_mean(100.0, 30.0, 1_000.0, dispersion=phi) for phi in (1.0, 4.0))
    assert 0.1 < independent < dependent < 1


@pytest.mark.parametrize(("a", "b"), [(1.0, 9.0), (0.2, 2.0), (2.0, 2.0)])
def test_empirical_bernstein_covers_the_mean_of_real_values(a: float, b: float) -> None:
    rng, n = np.random.default_rng(1), 200
    values = rng.beta(a, b, size=(2_000, n))
    bounds = [upper_bound_of_mean(x.sum(), (x * x).sum(), n) for x in values]
    assert np.mean(np.array(bounds) >= a / (a + b)) >= 0.95


def test_empirical_bernstein_is_as_maurer_and_pontil_have_it() -> None:
    x = np.random.default_rng(2).beta(2, 5, size=400)
    log = math.log(2 / 0.05)
    expected = x.mean() + math.sqrt(2 * x.var(ddof=1) * log / 400) + 7 * log / (3 * 399)
    assert upper_bound_of_mean(x.sum(), (x * x).sum(), 400) == pytest.approx(expected)


def test_empirical_bernstein_says_nothing_of_a_handful() -> None:
    assert upper_bound_of_mean(0.0, 0.0, 1.0) == 1.0
    assert upper_bound_of_mean(0.5, 0.3, 4.0, dispersion=3.0) == 1.0
    assert upper_bound_of_mean(0.0, 0.0, 0.0) == 1.0


def test_the_dispersion_of_independent_panes_is_little_above_1() -> None:
    rng, panes, n, p = np.random.default_rng(3), 60, np.full(60, 200.0), 0.1
    found = np.array([dispersion_of(rng.binomial(200, p, size=panes) * 1.0, n, p * (1 - p)) for _ in range(1_000)])
    assert found.min() == 1.0
    # an upper bound of 1 at 90 %: it reaches the truth nine times in ten, before it is cut off at 1
    assert 1.15 < np.median(found) < 1.45


def test_the_dispersion_bounds_the_variance_of_days_that_differ_nine_times_in_ten() -> None:
    rng, panes, n, p, spread = np.random.default_rng(4), 60, 200, 0.1, 0.02
    truth = 1 + (n - 1) * spread**2 / (p * (1 - p))  # variance of a sum of n rows with a rate of its own for the day
    assert truth > 1.8
    found = []
    for _ in range(1_000):
        rates = np.clip(rng.normal(p, spread, size=panes), 0, 1)
        found.append(dispersion_of(rng.binomial(n, rates) * 1.0, np.full(panes, n * 1.0), p * (1 - p)))
    assert 0.85 < np.mean(np.array(found) >= truth) < 0.95


def test_panes_of_different_sizes_are_weighed_by_their_rows() -> None:
    rng, p = np.random.default_rng(5), 0.2
    n = np.tile([20.0, 2_000.0], 30)
    found = [dispersion_of(rng.binomial(n.astype(int), p) * 1.0, n, p * (1 - p)) for _ in range(500)]
    assert 1.15 < np.median(found) < 1.45


def test_one_pane_or_a_constant_says_nothing_about_dispersion() -> None:
    assert dispersion_of(np.array([3.0]), np.array([10.0]), 0.2) == 1.0
    assert dispersion_of(np.zeros(40), np.full(40, 10.0), 0.0) == 1.0


@pytest.mark.parametrize("total", [0.0, 3.0, 250.5, 499.0, 500.0])
def test_the_bound_of_values_of_unknown_spread_is_where_hoeffdings_chance_is_used_up(total: float) -> None:
    q, p = upper_bound_of_bounded_mean(total, 500.0), total / 500
    assert q >= float(upper_bound(total, 500)) - 1e-12  # with no error at all they are the same
    if total < 500:
        chance = (q / p) ** (500 * p) * ((1 - q) / (1 - p)) ** (500 * (1 - p)) if p else (1 - q) ** 500
        assert chance == pytest.approx(0.05, rel=1e-6)
    assert upper_bound_of_bounded_mean(total / 4, 125.0) == pytest.approx(
        upper_bound_of_bounded_mean(total, 500.0, dispersion=4.0)
    )


@pytest.mark.parametrize(("a", "b"), [(1.0, 9.0), (0.02, 0.2), (2.0, 2.0)])
def test_the_bound_of_values_of_unknown_spread_covers_their_mean(a: float, b: float) -> None:
    totals = np.random.default_rng(1).beta(a, b, size=(2_000, 200)).sum(axis=1)
    bounds = [upper_bound_of_bounded_mean(float(total), 200.0) for total in totals]
    assert np.mean(np.array(bounds) >= a / (a + b)) >= 0.95
