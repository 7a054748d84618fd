"""Counting what a cohort's metrics are told from: scores against outcomes, and moments of errors. Whole columns.

The vector is changed in place; all is counted in integers, so neither the order of labels nor how they are cut into
chunks makes a difference.
"""

import numpy as np
import numpy.typing as npt

from detectors.counting_plan import plan_of
from detectors.layout import FIXED, Counts, Layout

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LARGEST_LOG_LOSS = 30 * float(np.log(2))  # a certainty that was wrong counts as a probability of 2**-30
ERROR, SQUARED_ERROR, TRUTH, SQUARED_TRUTH = range(4)
"""Places of the sums in the section `moments`."""


def count_scores(layout: Layout, counts: Counts, scores: Floats, hits: Bools) -> None:
    """Add labelled rows of a classifier to the vector of a cohort pane.

    Parameters
    ----------
    scores
        Score or confidence, shape (rows,); rows with NaN are left out.
    hits
        Whether the positive label came true (binary), or the prediction was right (multiclass).
    """
    view, binary = layout.families["cohort"].view, layout.spec.task == "binary"
    known = ~np.isnan(scores)
    if not known.all():
        scores, hits = scores[known], hits[known]
    edges = plan_of(layout).score_edges
    bins = edges.searchsorted(scores, side="left")
    scores = np.clip(scores, 0.0, 1.0)
    hit_scores = view(counts, "hit_scores")
    hit_scores += np.bincount(bins + hits * (len(edges) + 1), minlength=len(hit_scores))
    np.add.at(view(counts, "score_sums"), bins, fixed_point(scores))
    misses = np.abs(scores - hits)
    view(counts, "squared_misses")[0] += fixed_point(misses * misses).sum()
    if binary:
        surprises = -np.log(np.maximum(1.0 - misses, np.exp(-LARGEST_LOG_LOSS)))
        view(counts, "log_losses")[0] += fixed_point(surprises / LARGEST_LOG_LOSS).sum()


def count_errors(layout: Layout, counts: Counts, predicted: Floats, truth: Floats) -> None:
    """Add labelled rows of a regression (shapes (rows,), without NaN) to the vector of a cohort pane."""
    scale, truths = layout.loss_scale, layout.truth_scale
    if scale is None:
        return
    moments = layout.families["cohort"].view(counts, "moments")
    with np.errstate(over="ignore"):
        errors = np.clip((predicted - truth) / scale, -1.0, 1.0)
    moments[ERROR] += fixed_point(errors).sum()
    moments[SQUARED_ERROR] += fixed_point(errors * errors).sum()
    if truths is not None:
        values = scaled_truths(truth, *truths)
        moments[TRUTH] += fixed_point(values).sum()
        moments[SQUARED_TRUTH] += fixed_point(values * values).sum()


def scaled_truths(truth: Floats, middle: float, reach: float) -> Floats:
    """Return true numbers in [-1, 1], by the `truth_scale` of a layout; what is beyond is clipped."""
    with np.errstate(over="ignore"):
        scaled: Floats = np.clip((truth - middle) / reach, -1.0, 1.0)
    return scaled


def fixed_point(values: Floats) -> Counts:
    """Return values in [-1, 1] as integers whose sums are exact."""
    return np.rint(values * FIXED).astype(np.int64)
