"""Bets on two versions: they seldom win what is not there, and soon win what is."""

import numpy as np
import pytest

from detectors.layout import LOSS_BINS
from detectors.version_bets import STRENGTHS, growth_beyond, growth_of_pairs, growth_of_two
from detectors.version_losses import Histogram

RUNS, PANES = 400, 40


def counted(values: np.ndarray, bins: int) -> Histogram:
    cells = np.minimum((values * bins).astype(np.intp), bins - 1)
    return Histogram(np.bincount(cells, minlength=bins) * 1.0, np.bincount(cells, values, bins))


def of_errors(n: int, errors: float) -> Histogram:
    return Histogram(np.array([float(n)]), np.array([float(errors)]))


def shares(grown: list[np.ndarray], stake: float) -> tuple[float, float]:
    """In how many runs a stake on "worse", and one on "not worse", had grown to 1 at some time. (runs, panes, 2, K)"""
    wealth = np.exp(np.cumsum(np.array(grown), axis=1)).mean(axis=3).max(axis=1) * stake
    return float((wealth[:, 0] >= 1).mean()), float((wealth[:, 1] >= 1).mean())


def at_most(share: float, level: float) -> bool:
    return share <= level + 2.5 * np.sqrt(level * (1 - level) / RUNS)


@pytest.mark.parametrize(("new", "old"), [(20, 180), (100, 100), (180, 20)])
@pytest.mark.parametrize("margin", [0.0, 0.03])
def test_versions_that_are_alike_are_seldom_told_apart_whatever_moves_both(new: int, old: int, margin: float) -> None:
    rng = np.random.default_rng(1)
    grown = []
    for _ in range(RUNS):
        rows, errors, run = 100.0, 20.0, []
        for pane in range(PANES):
            rate = 0.2 + 0.15 * np.sin(pane / 4)  # what is common to both is no evidence
            a, b = rng.binomial(new, rate + margin), rng.binomial(old, rate)
            mean = errors / rows
            run.append(growth_of_two(of_errors(new, a), of_errors(old, b), margin, mean, mean * (1 - mean)))
            rows, errors = rows + new + old, errors + a + b
        grown.append(run)
    worse, not_worse = shares(grown, 0.05)
    assert at_most(worse, 0.05)
    assert at_most(not_worse, 0.05)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_pairs_that_differ_by_the_margin_are_seldom_told_apart(margin: float) -> None:
    rng = np.random.default_rng(2)
    grown = []
    for _ in range(RUNS):
        run = []
        for _ in range(20):
            d = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8 - margin, 0.1 + margin], size=60)
            run.append(growth_of_pairs(d, margin))
        grown.append(run)
    worse, not_worse = shares(grown, 0.05)
    assert at_most(worse, 0.05)
    assert at_most(not_worse, 0.05)


def test_real_valued_losses_in_bins_keep_the_level_and_see_a_difference() -> None:
    rng = np.random.default_rng(3)
    for shift, runs in ((0.0, RUNS), (0.04, 60)):
        grown = [
            [
                growth_of_two(
                    counted(np.clip(rng.beta(2, 8, 50) + shift, 0, 1), LOSS_BINS),
                    counted(rng.beta(2, 8, 150), LOSS_BINS),
                    0.0,
                    0.2,
                    0.0145,
                )
                for _ in range(20)
            ]
            for _ in range(runs)
        ]
        worse, not_worse = shares(grown, 0.05)
        if shift:
            assert worse > 0.9
            assert not_worse == 0
        else:
            assert at_most(worse, 0.05)
            assert at_most(not_worse, 0.05)


def test_a_bad_guess_of_the_mean_costs_evidence_and_no_false_alarms() -> None:
    rng = np.random.default_rng(4)
    for guess in (0.01, 0.9):
        grown = [
            [
                growth_of_two(
                    of_errors(100, rng.binomial(100, 0.2)), of_errors(100, rng.binomial(100, 0.2)), 0.0, guess, 0.05
                )
                for _ in range(30)
            ]
            for _ in range(RUNS)
        ]
        worse, not_worse = shares(grown, 0.05)
        assert at_most(worse, 0.05)
        assert at_most(not_worse, 0.05)


def test_the_expectation_of_one_pane_is_at_most_one() -> None:
    """Exactly, over all outcomes of a small pane, at the edge of the null."""
    n1, n0, margin = 5, 9, 0.1
    for rate in (0.05, 0.3, 0.6):
        mean = np.zeros((2, STRENGTHS))
        for a in range(n1 + 1):
            for b in range(n0 + 1):
                p = probability(a, n1, rate + margin) * probability(b, n0, rate)
                mean += p * np.exp(growth_of_two(of_errors(n1, a), of_errors(n0, b), margin, 0.25, 0.19))
        assert (mean <= 1 + 1e-9).all()


def probability(k: int, n: int, p: float) -> float:
    from math import comb

    return comb(n, k) * p**k * (1 - p) ** (n - k)


def test_nothing_is_learnt_where_a_side_has_no_rows() -> None:
    assert not growth_of_two(of_errors(0, 0), of_errors(50, 5), 0.0, 0.1, 0.09).any()
    assert not growth_of_pairs(np.zeros(0), 0.0).any()


def test_a_bound_that_is_kept_is_no_evidence_and_one_that_is_broken_is() -> None:
    rng = np.random.default_rng(5)
    kept, broken = (
        [[growth_beyond(of_errors(100, rng.binomial(100, rate)), 0.2, 1.0) for _ in range(20)] for _ in range(RUNS)]
        for rate in (0.2, 0.3)
    )
    assert at_most(shares(kept, 0.05)[0], 0.05)
    assert shares(broken, 0.05)[0] > 0.95
    assert not growth_beyond(of_errors(10, 10), 1.0, 1.0).any()  # nothing is above 1
