"""Rates of alarms in 90 days, and how high they may be."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaincinv, stdtrit

CONFIDENCE = 0.95


def poisson_bound(count: int, exposure: float) -> float:
    """Return the exact one-sided upper bound of a Poisson rate (Garwood, Biometrika 1936)."""
    return float(gammaincinv(count + 1, CONFIDENCE)) / exposure


def bound_over_runs(rates: Sequence[float]) -> float:
    """Return the upper bound of the mean of runs by Student's t: what a run's own reference does is in it.

    One run says nothing about the others: infinity.
    """
    if len(rates) < 2:
        return float("inf")
    error = float(np.std(rates, ddof=1)) / len(rates) ** 0.5
    return float(np.mean(rates)) + float(stdtrit(len(rates) - 1, CONFIDENCE)) * error
