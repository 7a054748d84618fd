"""Differences of two models' losses, row by row: intervals, tests against a margin, and many tests at once. Pure."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Floats = npt.NDArray[np.float64]
Blocks = npt.NDArray[np.int64]

FEWEST_BLOCKS = 6  # fewer say next to nothing about how much blocks vary; Student's t allows for the few there are


class Difference(NamedTuple):
    """A weighted mean of differences with its interval."""

    value: float
    low: float
    high: float
    n: int
    centre: float
    """Middle of the interval; not the value where rows were added."""
    error: float
    """Standard error of the centre."""
    freedom: float
    nothing: bool
    """No row differs."""

    def worse_than(self, margin: float) -> float:
        """Return the p-value of "the mean is at most margin": small where it is shown to be more."""
        if self.error == 0:
            return 0.0 if self.centre > margin else 1.0
        return float(stdtr(self.freedom, (margin - self.centre) / self.error))


def paired_difference(
    differences: Floats, weights: Floats, confidence: float, *, blocks: Blocks | None = None, counted: bool = False
) -> Difference:
    """Return the mean difference of two losses on the same rows, with Student's two-sided interval.

    Parameters
    ----------
    differences, weights
        Shape (rows,), at least two rows; a weight is how many rows a row stands for.
    blocks
        Pane of each row. Rows of one pane may be alike: where at least `FEWEST_BLOCKS` panes vary more than
        independent rows would, the interval is theirs.
    counted
        Differences of 0/1 losses. Two rows, one for either model, are added to the interval: without them it is too
        narrow where the two hardly ever differ, and of no width where they never do.

    Notes
    -----
    The standard error is that of a ratio, Σ w (d - mean) over Σ w, so unequal weights widen the interval. A row with
    much of the weight draws the mean to itself: its squared residual is divided by the share that the others have
    (HC2), and the degrees of freedom are those of a variance that few rows decide, (Σ w²)² / Σ w⁴ - 1. With equal
    weights that comes to the usual n / (n - 1) and n - 1.

    References
    ----------
    MacKinnon and White, "Some heteroskedasticity-consistent covariance matrix estimators with improved finite sample
    properties", Journal of Econometrics 29, 1985.
    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in Medicine
    24, 2005.

    Examples
    --------
    >>> found = paired_difference(np.array([0.0, -1.0] * 50), np.ones(100), 0.95)
    >>> found.value, found.high < 0
    (-0.5, True)
    """
    d, w = np.asarray(differences, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    n, own_weights = len(d), w
    value = float(w @ d / w.sum())
    nothing = not d.any()
    own = w * (d - value)
    by_block = None
    if blocks is not None:
        _, place = np.unique(blocks, return_inverse=True)
        by_block = np.bincount(place, own)
    if counted:
        middle = float(w.mean())
        d, w = np.concatenate((d, (1.0, -1.0))), np.concatenate((w, (middle, middle)))
    total = float(w.sum())
    centre = float(w @ d / total)
    rows = len(d)
    if (w == w[0]).all():
        square = float(((w * (d - centre)) ** 2).sum()) * rows / (rows - 1)
        freedom = float(n - 1)
    else:
        square = float(((w * (d - centre)) ** 2 / (1 - w / total)).sum())
        freedom = _freedom(own_weights)
    if by_block is not None and len(by_block) >= FEWEST_BLOCKS:
        between = float((by_block**2).sum()) * len(by_block) / (len(by_block) - 1)
        if between > square:
            square, freedom = between, float(len(by_block) - 1)
    error = square**0.5 / total
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return Difference(value, min(value, centre - reach), max(value, centre + reach), n, centre, error, freedom, nothing)


def _freedom(weights: Floats) -> float:
    """Return Satterthwaite's degrees of freedom of the variance of a weighted mean, 1 at least."""
    squares = (weights / weights.max()) ** 2
    return max(float(squares.sum() ** 2 / (squares**2).sum()) - 1, 1.0)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted for how many there are: all that are at most α hold at once with probability 1 - α.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted
