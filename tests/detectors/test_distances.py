"""Effect sizes from histograms: as scipy has them where it has them, and never stretched by what bins cannot say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from detectors.distances import effects_between

COUNTS = st.lists(st.integers(0, 1_000), min_size=4, max_size=4).filter(any).map(np.array)
EDGES = np.array([0.0, 1.0, 4.0])


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys_in_bits(reference: np.ndarray, current: np.ndarray) -> None:
    found = effects_between(reference, current, None, ordered=False)
    assert found["jensen_shannon"] == pytest.approx(np.nan_to_num(jensenshannon(reference, current, base=2)), abs=1e-3)


@given(COUNTS, COUNTS)
def test_distances_are_between_nothing_and_all(reference: np.ndarray, current: np.ndarray) -> None:
    for found in (
        effects_between(reference, current, EDGES, ordered=True),
        effects_between(reference, current, None, ordered=False),
    ):
        assert len(found) > 1
        assert all(0 <= value <= 1 for value in found.values())
    same = effects_between(reference, reference * 3, EDGES, ordered=True)
    assert same == {"ks": 0, "wasserstein": 0, "jensen_shannon": 0}


def test_ks_and_wasserstein_are_scipys_of_rows_whose_bins_say_where_they_are() -> None:
    rng = np.random.default_rng(0)
    edges = np.linspace(-3, 3, 601)
    before, now = rng.normal(0, 1, 20_000).clip(-3, 3), rng.normal(0.3, 1.2, 20_000).clip(-3, 3)
    histograms = [np.bincount(np.searchsorted(edges, one), minlength=602) for one in (before, now)]
    found = effects_between(*histograms, edges, ordered=True)
    assert found["ks"] == pytest.approx(stats.ks_2samp(before, now).statistic, abs=2e-3)
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, now) / 6, abs=2e-4)


def test_a_difference_that_changes_sign_within_a_bin_is_two_triangles() -> None:
    # F - G is .25 at 0 and -.25 at 1: half a triangle of each
    found = effects_between(np.array([1, 2, 1]), np.array([2, 0, 2]), np.array([0.0, 1.0]), ordered=True)
    assert found["wasserstein"] == pytest.approx(0.125)


def test_total_variation_is_what_the_categories_that_rose_have_gained() -> None:
    found = effects_between(np.array([50, 30, 20]), np.array([30, 40, 30]), None, ordered=False)
    assert found == {"total_variation": 0.2, "jensen_shannon": pytest.approx(0.1751, abs=1e-3)}


def test_edges_as_far_apart_as_floats_allow_are_no_trouble() -> None:
    found = effects_between(np.array([1, 2, 1]), np.array([1, 1, 2]), np.array([-1.7e308, 1.7e308]), ordered=True)
    assert found["wasserstein"] == pytest.approx(0.125)


def test_an_empty_histogram_has_no_distance_and_one_edge_no_length() -> None:
    assert effects_between(np.zeros(3, dtype=np.int64), np.array([1, 2, 3]), EDGES[:2], ordered=True) == {}
    found = effects_between(np.array([1, 2]), np.array([2, 1]), np.array([5.0]), ordered=True)
    assert set(found) == {"ks", "jensen_shannon"}
