"""Estimates are graded by what came true: trusted below the minimum effect, blind where they are off beyond chance."""

import numpy as np
import pytest
from scipy.stats import t

from detectors.grading import FEWEST, KEPT, Grading


def graded(errors: list[float], variance: float = 1e-4, grounds: float = 0.0) -> Grading:
    grading = Grading(grounds)
    for error in errors:
        grading.add(error, variance, 100)
    return grading


def test_nothing_is_said_before_ten_panes() -> None:
    few = graded([0.01] * (FEWEST - 1))
    assert few.upper_bound() is None
    assert few.margin() is None
    assert not few.trusted(0.5)
    assert graded([0.01] * FEWEST).trusted(0.5)


def test_the_bound_is_students() -> None:
    errors = np.random.default_rng(0).normal(0, 0.02, 20)
    found = graded(errors.tolist())
    sizes = np.abs(errors)
    assert found.mean_absolute_error == pytest.approx(sizes.mean())
    expected = sizes.mean() + t.ppf(0.95, 19) * sizes.std(ddof=1) / np.sqrt(20)
    assert found.upper_bound() == pytest.approx(expected)
    of_one = errors.mean() + t.ppf(0.95, 19) * errors.std(ddof=1) * np.sqrt(1 + 1 / 20)
    assert found.margin() == pytest.approx(of_one)


def test_with_no_minimum_effect_an_estimate_is_never_trusted() -> None:
    assert not graded([0.0] * KEPT).trusted(0.0)


def test_a_lasting_error_is_blindness_and_chance_is_not() -> None:
    assert graded([0.05] * 10).blind(0.0)  # standard error .01 / sqrt(10)
    assert graded([-0.05] * 10).blind(0.0)
    assert not graded([0.05, -0.05] * 5).blind(0.0)
    assert not graded([0.05] * 10).blind(0.04)
    assert not graded([0.05] * 10, grounds=0.02**2).blind(0.0)  # the reference itself is not known better


def test_chance_is_seldom_taken_for_blindness() -> None:
    rng, grading, blind = np.random.default_rng(1), Grading(), 0
    for _ in range(20_000):
        grading.add(float(rng.normal(0, 0.01)), 1e-4, 100)
        blind += grading.blind(0.0)
    assert blind <= 20


def test_blindness_passes_with_the_panes_that_showed_it() -> None:
    grading = graded([0.05] * 10)
    for _ in range(10):
        grading.add(0.0, 1e-4, 100)
    assert not grading.blind(0.0)


def test_only_the_newest_panes_are_kept() -> None:
    grading = graded([0.5] * 5 + [0.01] * KEPT)
    assert grading.rows == 100 * KEPT
    assert grading.mean_absolute_error == pytest.approx(0.01)
