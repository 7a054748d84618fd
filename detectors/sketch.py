"""Quantiles from counts in buckets whose bounds grow by a fixed factor: integers, so merging is exact.

The idea is DDSketch's (Masson, Rim and Lee, VLDB 2019) with a fixed range instead of collapsing buckets.
"""

import math

import numpy as np
import numpy.typing as npt

from detectors.layout import LOG_BASE, Counts

_LOG = math.log(LOG_BASE)


def buckets(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each value: 0 for up to 1, then one for each factor LOG_BASE, the last one open."""
    index = np.ceil(np.log(np.maximum(values, 1.0)) / _LOG)
    return np.minimum(index, count - 1).astype(np.int64)


def quantile(counts: Counts, q: float) -> float | None:
    """Return the `q` quantile of what `counts` holds, within half a bucket (2 %); None where it holds nothing."""
    total = int(counts.sum())
    if total == 0:
        return None
    bucket = int(np.searchsorted(np.cumsum(counts), math.ceil(q * total), side="left"))
    return 1.0 if bucket == 0 else math.exp((bucket - 0.5) * _LOG)
