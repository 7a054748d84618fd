"""A profile is read as vectors of a layout, and sums of squares from bins bound those of the values."""

import numpy as np
import pytest

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.reference import moments, vector

from .builders import days, model_spec


def test_moments_bound_those_of_the_values() -> None:
    rng = np.random.default_rng(4)
    for values in (rng.beta(1, 9, 500), rng.random(500), np.zeros(5), np.ones(5)):
        for bins in (1, 20):
            cells = np.minimum((values * bins).astype(int), bins - 1)
            counts = np.bincount(cells, minlength=bins) * 1.0
            n, total, squares = moments(counts, np.bincount(cells, weights=values, minlength=bins))
            assert n == len(values)
            assert total == pytest.approx(values.sum())
            assert squares >= (values**2).sum() - 1e-9
            assert squares <= total + 1e-9


def test_a_layout_of_other_bins_takes_no_counts_of_the_profile() -> None:
    spec = model_spec()
    profile = build_profile("m", None, spec, days(spec, 31, rows=5))
    other = Layout("m", "1", model_spec(features={"income": "text", "region": "categorical"}), profile)
    counts = vector(other, "traffic")
    assert other.families["traffic"].view(counts, "quality:income").shape == (4,)
    assert other.families["traffic"].view(counts, "n").tolist() == [155]
