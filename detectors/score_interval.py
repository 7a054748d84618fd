"""Intervals for differences of two shares or means, as many at once as there are pairs."""

import math
from typing import NamedTuple

from scipy.special import ndtri


class Estimate(NamedTuple):
    """A share or a mean, with its own interval."""

    value: float
    low: float
    high: float


def critical(pairs: int, confidence: float = 0.95) -> float:
    """Return the normal quantile for two-sided intervals of `pairs` differences that hold at once (Bonferroni)."""
    return float(ndtri(1 - (1 - confidence) / (2 * pairs)))


def wilson(hits: float, n: float, z: float) -> Estimate:
    """Return a share with its score interval (Wilson, "Probable inference", JASA 22, 1927); n > 0.

    Examples
    --------
    >>> wilson(0, 10, 1.96).high < 0.28
    True
    """
    share = hits / n
    middle = (hits + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return Estimate(share, min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach)))


def mean_interval(total: float, squares: float, n: float, z: float) -> Estimate:
    """Return the mean of values in [0, 1] with its normal interval; `squares` is the sum of their squares, n > 1."""
    mean = total / n
    reach = z * math.sqrt(max(0.0, (squares - n * mean * mean) / (n - 1)) / n)
    return Estimate(mean, mean - reach, mean + reach)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Return `one` minus `other` with its interval, from theirs.

    Source: Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17, 1998, method 10; for means it is Welch's interval with a normal quantile.

    Examples
    --------
    His table II, (a): 56 of 70 against 48 of 80.

    >>> between = difference(wilson(56, 70, 1.96), wilson(48, 80, 1.96))
    >>> round(between.low, 4), round(between.high, 4)
    (0.0524, 0.3339)
    """
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, value - below, value + above)
