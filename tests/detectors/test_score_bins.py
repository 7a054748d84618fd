"""A histogram of scores on these bins loses nothing of what CBPE would say of the raw scores."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv
from scipy.optimize import isotonic_regression

from detectors.score_bins import FEW_SCORES, QUANTILES, STEPS, score_bins
from detectors.score_curves import estimated_roc_auc, roc_auc

EXAMPLES = Path(__file__).parents[2] / "examples"

NANNYML = [0.9707, 0.9710, 0.9714, 0.9711, 0.9711, 0.9611, 0.9618, 0.9611, 0.9625, 0.9613]
"""Estimated ROC AUC of NannyML 0.13.1 on car_loan, in chunks of 5,000 analysis rows."""


def estimated(edges: list[float], calibration: list[float], scores: np.ndarray) -> float | None:
    histogram = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1)
    return estimated_roc_auc(histogram, calibration)


def test_car_loan_is_estimated_as_nannyml_does_chunk_by_chunk() -> None:
    data = EXAMPLES / "car_loan" / "data"
    reference, analysis = (csv.read_csv(data / f"car_loan_{name}.csv.gz") for name in ("reference", "analysis"))
    scores = reference["y_pred_proba"].to_numpy()
    edges, calibration = score_bins(scores, scores, reference["repaid"].cast(pa.float64()).to_numpy())
    later = analysis["y_pred_proba"].to_numpy()
    found = [estimated(edges, calibration, later[start : start + 5_000]) for start in range(0, 50_000, 5_000)]
    assert found == pytest.approx(NANNYML, abs=1e-4)  # the oracle is rounded to .0001; the target is .0005


def skewed(rows: int, rng: np.random.Generator, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """About 1 % positives, and scores that promise something else."""
    x = rng.normal(-6.2 + shift, 2.0, rows)
    return 1 / (1 + np.exp(-1.2 * x - 0.3)), (rng.random(rows) < 1 / (1 + np.exp(-x))).astype(np.float64)


@pytest.mark.parametrize("shift", [0.0, 0.6, -0.3, 1.0])
def test_a_skewed_set_is_estimated_as_from_raw_scores(shift: float) -> None:
    rng = np.random.default_rng(0)
    scores, hits = skewed(50_000, rng)
    order = np.argsort(scores)
    raw = isotonic_regression(hits[order]).x
    later = np.sort(skewed(5_000, rng, shift)[0])
    p = np.interp(later, scores[order], raw)  # between two rows a line, as scikit-learn predicts
    edges, calibration = score_bins(scores, scores, hits)
    assert len(edges) < QUANTILES + STEPS
    assert estimated(edges, calibration, later) == pytest.approx(roc_auc(1 - p, p), abs=1e-3)


def test_few_scores_have_a_bin_each() -> None:
    scores = np.repeat(np.arange(FEW_SCORES) / FEW_SCORES, 3)
    edges, calibration = score_bins(scores, scores, (scores > 0.5).astype(np.float64))
    assert len(edges) == FEW_SCORES - 1
    assert calibration == pytest.approx((np.arange(FEW_SCORES) / FEW_SCORES > 0.5).astype(float))


def test_very_many_steps_are_thinned() -> None:
    scores = np.linspace(0, 1, 3_000)
    edges, calibration = score_bins(scores, scores, scores)  # steps up at every row
    assert len(edges) <= QUANTILES + STEPS
    assert np.diff(calibration).min() >= 0


def test_scores_without_labels_are_cut_and_promise_nothing() -> None:
    nothing = np.empty(0)
    edges, calibration = score_bins(np.linspace(0, 1, 1_000), nothing, nothing)
    assert (len(edges), calibration) == (QUANTILES - 1, [])
    assert score_bins(nothing, nothing, nothing) == ([], [])
