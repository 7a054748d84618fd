"""Isotonic regression is scipy's, without scipy.optimize."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from detectors.isotonic import isotonic


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=60))
def test_it_is_what_scipy_finds(bins: list[tuple[int, int]]) -> None:
    n = np.array([max(hits, rows) for hits, rows in bins], dtype=np.float64)
    shares = np.array([hits for hits, _ in bins]) / n
    found = isotonic(shares, n)
    assert found == pytest.approx(isotonic_regression(shares, weights=n).x, abs=1e-12)
    assert (np.diff(found) >= 0).all()
