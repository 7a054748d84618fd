"""How many rows of equal weight would estimate a mean as well as rows of these weights do."""

import numpy as np
import numpy.typing as npt

LEAST_SHARE = 0.1  # of the rows: below it a few rows decide what a weighted mean is


def effective_rows(weights: npt.NDArray[np.float64]) -> float:
    """Return the effective sample size, (Σ w)² / Σ w²; 0 where there are no rows.

    References
    ----------
    Kish, "Survey Sampling", 1965.

    Examples
    --------
    >>> effective_rows(np.ones(50))
    50.0
    >>> effective_rows(np.array([118.0] + [1.0] * 17))
    1.3
    """
    if not len(weights):
        return 0.0
    shares = weights / weights.max()
    return round(float(shares.sum() ** 2 / (shares**2).sum()), 1)


def too_few(weights: npt.NDArray[np.float64], least: int) -> bool:
    """Return whether unequal weights leave fewer than `least` rows, or less than a tenth of them."""
    count, worth = len(weights), effective_rows(weights)
    return worth < LEAST_SHARE * count or worth < min(least, count)


def in_words(weights: npt.NDArray[np.float64]) -> str:
    """Return how much rows are worth, to stand behind their number; nothing where they weigh alike."""
    return worth_in_words(len(weights), effective_rows(weights))


def worth_in_words(count: int, worth: float) -> str:
    """Return the same of `count` rows of which it is known."""
    return f" (by their weights worth {worth:,.0f})" if worth < count - 0.5 else ""
