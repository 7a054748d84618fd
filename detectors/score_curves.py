"""What a histogram of scores says of ranking: pure functions of rows by score bin, the lowest scores first.

Rows of one bin count as ties: in a bin, the ROC curve is a straight line.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def roc_auc(negatives: Floats, positives: Floats) -> float | None:
    """Return the area under the ROC curve (shapes (bins,)); None where a class has no rows.

    The share of pairs in which the positive row has the higher score, ties counting half (Mann and Whitney, 1947).
    """
    pairs = float(negatives.sum()) * float(positives.sum())
    if pairs <= 0:
        return None
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below) / pairs


def average_precision(negatives: Floats, positives: Floats) -> float | None:
    """Return the sum over thresholds of precision times the gain in recall; None without positive rows.

    Thresholds are the bounds of the bins; the definition is scikit-learn's `average_precision_score`.
    """
    total = float(positives.sum())
    if total <= 0:
        return None
    hits = np.cumsum(positives[::-1])
    taken = hits + np.cumsum(negatives[::-1])
    precision = np.divide(hits, taken, out=np.zeros(len(hits)), where=taken > 0)
    return float(precision @ positives[::-1]) / total


def estimated_roc_auc(histogram: npt.ArrayLike, calibration: npt.ArrayLike) -> float | None:
    """Return the area under the ROC curve to expect before labels come (CBPE).

    Parameters
    ----------
    histogram
        Rows by score bin, shape (bins,).
    calibration
        Probability of the positive class by score bin, shape (bins,): `ReferenceProfile.calibration`.

    Returns
    -------
    float | None
        None where no row is expected in one of the classes.

    Notes
    -----
    A row of a bin with probability p is p of a positive row and 1 - p of a negative one. Source: NannyML,
    `estimate_roc_auc` of version 0.13.1, which does the same row by row.
    """
    rows, p = np.asarray(histogram, dtype=np.float64), np.asarray(calibration, dtype=np.float64)
    return roc_auc(rows * (1 - p), rows * p)
