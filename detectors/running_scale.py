"""`RunningScale`: values standardised by a mean and deviation that follow the stream; no value can break it."""

import math

from detectors.state_classes import register

LARGEST_SCORE = 10.0  # scores are clipped to ±10
LARGEST_ERROR = 3.0  # deviations; an error past this counts as this when models are compared
LARGEST = 1e100  # larger values leave mean and deviation alone: their squares would overflow
MEMORY = 10_000  # rows that mean and deviation look back on, so that they can follow a change
WARM_UP = 30  # rows before outliers are pulled in: the deviation of a few rows says little


@register
class RunningScale:
    """Running mean and deviation of one number.

    Past 30 rows, a value farther than ten deviations from the mean counts as one that far: one sentinel such as 1e9
    cannot flatten all that follows, and a lasting shift of any size is caught up with sooner or later.

    References
    ----------
    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4(3), 1962.

    Examples
    --------
    >>> scale = RunningScale()
    >>> [scale.score(value, learn=True) for value in (1.0, 3.0, 4.0, 1e300)]
    [0.0, 0.0, 2.0, 10.0]
    >>> round(scale.mean, 2), round(scale.deviation, 2)
    (2.67, 1.25)
    """

    __slots__ = ("mean", "rows", "variance")

    def __init__(self) -> None:
        self.mean = 0.0
        self.variance = 0.0
        self.rows = 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation; 0 before two different values."""
        return math.sqrt(self.variance)

    def value(self, score: float) -> float:
        """Return the value whose score this is."""
        return self.mean + score * math.sqrt(self.variance)

    def score(self, value: float, *, learn: bool) -> float:
        """Return the score of a value, neither NaN nor infinite, in [-10, 10]; with `learn`, take it in afterwards."""
        mean, variance, rows = self.mean, self.variance, self.rows
        try:
            difference = float(value) - mean  # an integer may be too large for a float
        except OverflowError:
            return LARGEST_SCORE if value > 0 else -LARGEST_SCORE
        deviation = math.sqrt(variance)
        reach = LARGEST_SCORE * deviation
        if not variance:
            score = 0.0
        elif -reach < difference < reach:
            score = difference / deviation
        else:
            score = LARGEST_SCORE if difference > 0 else -LARGEST_SCORE
        if learn and -LARGEST < value < LARGEST:
            if variance and rows >= WARM_UP:
                difference = min(max(difference, -reach), reach)
            if rows < MEMORY:
                self.rows = rows = rows + 1.0
            step = difference / rows
            self.mean = mean + step
            self.variance = variance + (difference * (difference - step) - variance) / rows
        return score
