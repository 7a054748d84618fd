"""How sure a classifier was, from its probabilities of all classes."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def uncertainty(shares: Floats) -> Floats:
    """Return entropy and margin of each row of probabilities, shape (rows, 2).

    The entropy is divided by ln K, so that it lies between 0 and 1; the margin is the distance from the largest
    probability to the next. NaN where there are fewer than two classes, or nothing but zeros.

    Parameters
    ----------
    shares
        Shape (rows, K), not below 0; what they sum to is taken as 1. The order of the classes makes no difference, nor
        do the other rows, to the last bit: whoever reads an event gets the same numbers.
    """
    rows, classes = shares.shape
    if classes < 2 or not rows:
        return np.full((rows, 2), np.nan)
    by_class = np.ascontiguousarray(np.sort(shares, axis=1).T)
    total = by_class[0].copy()
    for share in by_class[1:]:  # one after the other: a sum over an axis may be taken in any order
        total += share
    nothing = total == 0
    by_class /= np.where(nothing, 1.0, total)
    entropy = np.zeros(rows)
    for share in by_class:
        entropy -= share * np.log(np.where(share > 0, share, 1.0))
    found = np.stack([np.clip(entropy / np.log(float(classes)), 0.0, 1.0), by_class[-1] - by_class[-2]], axis=1)
    found[nothing] = np.nan
    return found + 0.0  # one zero
