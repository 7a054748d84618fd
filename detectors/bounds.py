"""Confidence bounds of reference means, and how much more pane counts vary than independent rows would."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

CONFIDENCE = 0.95
MINIMUM_PANES = 30  # fewer say too little about the dispersion
_DISPERSION_QUANTILE = 0.10

Floats = npt.NDArray[np.float64]


def upper_bound(
    successes: Floats | float, n: Floats | float, confidence: float = CONFIDENCE, dispersion: float = 1.0
) -> Floats:
    """Return the one-sided upper bound of a proportion (Clopper and Pearson, Biometrika 1934).

    Parameters
    ----------
    successes, n
        Shapes that broadcast; 0 <= successes <= n.
    confidence
        Of each bound by itself.
    dispersion
        φ: dependent rows are worth n / φ independent ones.
    """
    k, m = np.asarray(successes, dtype=np.float64) / dispersion, np.asarray(n, dtype=np.float64) / dispersion
    with np.errstate(invalid="ignore"):
        bound = betaincinv(k + 1, np.maximum(m - k, 1e-12), confidence)
    return np.where(m - k < 1e-9, 1.0, bound)


def upper_bounds_by_bonferroni(totals: Floats, n: float, dispersion: Floats, confidence: float = CONFIDENCE) -> Floats:
    """Return upper bounds of the means of J indicators, shape (J,), which hold together with `confidence`."""
    each = 1 - (1 - confidence) / len(totals)
    return np.array([upper_bound(total, n, each, phi) for total, phi in zip(totals, dispersion, strict=True)])


def upper_bound_of_mean(
    total: float, total_of_squares: float, n: float, confidence: float = CONFIDENCE, dispersion: float = 1.0
) -> float:
    """Return the one-sided upper bound of the mean of values in [0, 1]: empirical Bernstein.

    Source: Maurer and Pontil, "Empirical Bernstein bounds and sample variance penalization", COLT 2009, theorem 4.
    """
    effective = n / dispersion
    if effective < 2:
        return 1.0
    mean = total / n
    variance = max(0.0, (total_of_squares - n * mean * mean) / (n - 1))
    log = math.log(2 / (1 - confidence))
    return min(1.0, mean + math.sqrt(2 * variance * log / effective) + 7 * log / (3 * (effective - 1)))


def upper_bound_of_bounded_mean(
    total: float, n: float, confidence: float = CONFIDENCE, dispersion: float = 1.0
) -> float:
    """Return the one-sided upper bound of the mean of values in [0, 1], of whose spread nothing is known.

    Source: Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 1963, theorem 1: the
    largest q with n · kl(mean, q) <= log(1 / (1 - confidence)). A little above Clopper and Pearson's, which holds for
    0 and 1 alone.
    """
    mean, allowed = total / n, -math.log1p(-confidence) * dispersion / n
    low, high = mean, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _kl(mean, middle) <= allowed:
            low = middle
        else:
            high = middle
    return high


def _kl(p: float, q: float) -> float:
    """Return Kullback and Leibler's divergence of a coin of probability q from one of p."""
    if q >= 1:
        return 0.0 if p >= 1 else math.inf
    heads = p * math.log(p / q) if p > 0 else 0.0
    return heads + (1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else heads


def dispersion_of(sums: Floats, n: Floats, variance: float) -> float:
    """Return φ: the upper bound (90 %) of the variance of pane sums over that of independent rows, at least 1.

    φ = max(1, v (P - 1) / χ²_{0.10, P-1}), where v is the mean of (sum - n·mean)² / (n·variance) over P panes.

    Parameters
    ----------
    sums, n
        Shape (panes,): sum of the values in each pane, and rows in it, above zero.
    variance
        Of one value.
    """
    panes = len(n)
    if panes < 2 or variance <= 0:
        return 1.0
    mean = sums.sum() / n.sum()
    statistic = float(((sums - n * mean) ** 2 / (n * variance)).sum())
    chi2_quantile = 2 * float(gammaincinv((panes - 1) / 2, _DISPERSION_QUANTILE))
    return max(1.0, statistic / chi2_quantile)
