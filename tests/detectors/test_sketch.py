"""Quantiles from buckets err by 2 % at most, and merge by addition."""

import numpy as np
import pytest

from detectors.sketch import buckets, quantile

COUNT = 512


def counts(values: np.ndarray) -> np.ndarray:
    return np.bincount(buckets(values, COUNT), minlength=COUNT)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("scale", [10.0, 1e4, 1e7])
def test_a_quantile_errs_by_two_percent_at_most(q: float, scale: float) -> None:
    values = np.sort(np.random.default_rng(0).exponential(scale, 1_000) + 1)
    exact = values[int(np.ceil(q * 1_000)) - 1]
    assert quantile(counts(values), q) == pytest.approx(exact, rel=0.02)


def test_what_is_below_the_range_is_1_and_what_is_above_is_its_end() -> None:
    assert quantile(counts(np.array([0.0, 0.5, 1.0])), 0.99) == 1.0
    assert buckets(np.array([1e300, np.inf]), COUNT).tolist() == [COUNT - 1, COUNT - 1]


def test_nothing_has_no_quantile() -> None:
    assert quantile(np.zeros(COUNT, dtype=np.int64), 0.5) is None


def test_buckets_hold_what_lies_in_them() -> None:
    index = buckets(np.array([1.0, 1.04, 1.0401, 1.04**2]), COUNT).tolist()
    assert index[0] == 0
    assert index[1] == 1
    assert index[2] == 2
