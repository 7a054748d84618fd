"""`Grading`: what estimates were worth, told from the panes whose labels have come since."""

import math
from collections import deque

import numpy as np
from scipy.special import stdtrit

from detectors import intervals
from detectors.bounds import CONFIDENCE
from detectors.state import register

FEWEST = 10  # graded panes before an estimate is believed
KEPT = 30  # newest graded panes
CLEARLY = 4.0  # standard errors: looked at after each pane, chance comes this far once in 16,000 panes


@register
class Grading:
    """The newest graded estimates of one quantity, in its unit.

    Parameters
    ----------
    grounds
        Variance of the estimates that panes do not average out: that of the reference they are calibrated on.
    """

    def __init__(self, grounds: float = 0.0) -> None:
        self._grounds = grounds
        self._panes: deque[tuple[float, float, int]] = deque(maxlen=KEPT)
        """Estimate less what came true, the variance of that by chance, and rows."""

    def add(self, error: float, variance: float, n: int) -> None:
        """Take a graded pane: n labelled rows, and the variance of the error, were the estimate right."""
        self._panes.append((error, variance, n))

    @property
    def rows(self) -> int:
        """Labelled rows in them."""
        return sum(n for _, _, n in self._panes)

    @property
    def mean_absolute_error(self) -> float:
        """Mean distance of the estimates from what came true, by pane; 0 before there is any."""
        return float(np.mean([abs(error) for error, _, _ in self._panes])) if self._panes else 0.0

    def upper_bound(self) -> float | None:
        """Return the upper bound (95 %) of the mean absolute error; None before ten panes.

        By Student's t over panes ("The probable error of a mean", Biometrika 1908).
        """
        return self._upper(np.array([abs(error) for error, _, _ in self._panes]))

    def margin(self) -> float | None:
        """Return by how much the next estimate may be too high (95 %), at least 0; None before ten panes.

        The prediction bound of Student's t, not that of the mean: all rows of a pane are estimated by the same model,
        and so err together, however many they are.
        """
        upper = self._upper(np.array([error for error, _, _ in self._panes]), one_more=True)
        return None if upper is None else max(0.0, upper)

    def trusted(self, effect: float) -> bool:
        """Whether the estimates err by less than what is too small to care about: never, where nothing is."""
        upper = self.upper_bound()
        return upper is not None and upper < effect

    def blind(self, effect: float) -> bool:
        """Whether the newest ten panes are off by more than `effect`, beyond chance: something changed unseen."""
        newest = list(self._panes)[-FEWEST:]
        rows = sum(n for _, _, n in newest)
        if not rows:
            return False
        error = sum(n * one for one, _, n in newest) / rows
        variance = sum(n * n * by_chance for _, by_chance, n in newest) / rows**2 + self._grounds
        return abs(error) > effect + CLEARLY * math.sqrt(variance)

    def _upper(self, errors: intervals.Floats, *, one_more: bool = False) -> float | None:
        if len(errors) < FEWEST:
            return None
        quantile = float(stdtrit(len(errors) - 1, CONFIDENCE))
        return intervals.upper_of_mean(errors, quantile * (math.sqrt(len(errors) + 1) if one_more else 1.0))
