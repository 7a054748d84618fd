"""Intervals (95 %, two-sided) of what is read off one pane. They decide nothing."""

import math

import numpy as np
import numpy.typing as npt

from detectors.score_interval import wilson

Z = 1.959964  # normal quantile of 97.5 %

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]


def of_proportion(hits: float, n: float) -> Interval:
    """Return Wilson's interval of a proportion; n > 0."""
    _, low, high = wilson(hits, n, Z)
    return low, high


def of_mean(mean: float, variance: float, n: float) -> Interval | None:
    """Return the normal interval of a mean, from the variance of one value; None where there are too few rows."""
    if n < 2:
        return None
    half = Z * math.sqrt(max(0.0, variance) / n)
    return mean - half, mean + half


def of_roc_auc(area: float, negatives: float, positives: float) -> Interval:
    """Return the interval of an area under the ROC curve (Hanley and McNeil, Radiology 143(1), 1982)."""
    q1, q2, square = area / (2 - area), 2 * area * area / (1 + area), area * area
    variance = area * (1 - area) + (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)
    half = Z * math.sqrt(max(0.0, variance) / (positives * negatives))
    return max(0.0, area - half), min(1.0, area + half)


def upper_of_mean(values: Floats, quantile: float) -> float:
    """Return mean + quantile · standard error: the upper bound of the mean of at least two values."""
    return float(values.mean() + quantile * values.std(ddof=1) / math.sqrt(len(values)))
