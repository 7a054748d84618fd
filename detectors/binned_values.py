"""`BinnedValues`: rows whose values in [0, 1] follow from what was counted of them, by bin of the value. Pure."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 20  # chords of that few bins cost an e-value little


class BinnedValues(NamedTuple):
    """Rows and sums of their values by equal bins of [0, 1], shapes (BINS,)."""

    counts: Floats
    sums: Floats
    squares: float
    """Sum of the squares, exactly."""

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.counts.sum())

    @property
    def total(self) -> float:
        """Sum of their values."""
        return float(self.sums.sum())


def binned(values: Floats, rows: Floats) -> BinnedValues:
    """Return the bins of as many rows of each value; shapes are (values,).

    Examples
    --------
    >>> found = binned(np.array([0.0, 0.5, 1.0]), np.array([7.0, 2.0, 1.0]))
    >>> found.n, found.total, found.squares
    (10, 2.0, 1.5)
    """
    bins = np.minimum((values * BINS).astype(np.int64), BINS - 1)
    return BinnedValues(
        np.bincount(bins, weights=rows, minlength=BINS).astype(np.float64),
        np.bincount(bins, weights=rows * values, minlength=BINS).astype(np.float64),
        float(rows @ (values * values)),
    )
