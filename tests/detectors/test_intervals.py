"""Intervals cover what they are intervals of, about as often as they say."""

import numpy as np
import pytest

from detectors import intervals
from detectors.score_curves import roc_auc


def test_a_mean_is_covered() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(2_000):
        values = rng.exponential(1.0, 100)
        interval = intervals.of_mean(float(values.mean()), float(values.var()), 100)
        assert interval is not None
        covered += interval[0] < 1.0 < interval[1]
    assert 0.92 < covered / 2_000 < 0.97
    assert intervals.of_mean(1.0, 0.0, 1) is None


def test_a_proportion_is_covered() -> None:
    hits = np.random.default_rng(1).binomial(60, 0.1, 2_000)
    found = [intervals.of_proportion(int(k), 60) for k in hits]
    assert 0.93 < np.mean([low < 0.1 < high for low, high in found]) < 0.98


def test_an_area_under_the_curve_is_covered() -> None:
    rng, covered = np.random.default_rng(2), 0
    edges = np.linspace(-4, 5, 400)
    for _ in range(1_000):
        negatives = np.histogram(rng.normal(0, 1, 200), edges)[0].astype(float)
        positives = np.histogram(rng.normal(1, 1, 50), edges)[0].astype(float)
        area = roc_auc(negatives, positives)
        assert area is not None
        low, high = intervals.of_roc_auc(area, negatives.sum(), positives.sum())
        covered += low < 0.7602 < high  # Φ(1 / √2)
    assert 0.92 < covered / 1_000 < 0.98


def test_the_ends_stay_within_reach() -> None:
    assert intervals.of_proportion(0, 5)[0] == 0.0
    assert intervals.of_roc_auc(1.0, 3, 2) == pytest.approx((1.0, 1.0))
