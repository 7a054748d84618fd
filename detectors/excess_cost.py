"""Excess cost: what a model's loss has cost above what it was right after its training. The cost policy's statistic.

Fed once a judged cohort, in order, with sums; so order within a cohort does not matter. No I/O, no clock.
"""

import math

import numpy as np

from detectors.bounds import (
    CONFIDENCE,
    MINIMUM_PANES,
    dispersion_of,
    upper_bound,
    upper_bound_of_bounded_mean,
    upper_bound_of_mean,
)
from detectors.state import register
from schemas.event_time import Micros


@register
class ExcessCost:
    """Sums up what the rise of the loss has cost, and calls for a retraining once that pays for one.

    Parameters
    ----------
    price
        c, at least 0: cost of a unit of loss.
    retraining_cost
        C, above 0: cost of a retraining.
    burn_in
        Labelled rows after the training whose loss is what later loss is held against. The cohort in which they
        become as many is the last one of the burn-in.
    confidence
        Of the upper bound of that loss.
    bound
        Upper bound of the mean loss of the model on held-out rows, where that is known: loss is held against it at
        once, and after the burn-in against the smaller of the two.
    scale
        Largest loss of a row, in the unit of the loss.
    dispersion
        φ, at least 1, as known from before: rows are worth 1 / φ of independent ones. A burn-in of 30 cohorts or more
        tells its own.

    Attributes
    ----------
    excess
        S, in cost.
    bound
        u, mean loss that is put up with; None in the burn-in, where no held-out bound is known.
    since
        The change point: end of the cohort with which S was last 0. None before anything is judged.
    labels
        Labelled rows since the training, those of the burn-in among them.

    Notes
    -----
    `S ← max(0, S + c (Σ loss - n u))`, and `called` once `S ≥ C · 2^h`. With u, the loss that this model had when it
    was new, S is what has been lost by not retraining at the change point, if a new model is as good as this one was:
    it is called for when waiting has cost as much as retraining would have, as one buys skis once the rent has come to
    their price. An upper bound is what keeps S at 0 while nothing changes; a mean alone would walk up to any threshold.
    h is the number of retrainings in a row that did not help: each doubles what the next one has to be worth.

    Fed with the loss of the serving model less that of another one, and a `bound` of 0, it sums up what it costs that
    the other does not serve; with the price of a roll-back in place of that of a retraining, it says when to go back.

    References
    ----------
    Page, "Continuous inspection schemes", Biometrika 1954. Karlin, Manasse, Rudolph and Sleator, "Competitive snoopy
    caching", Algorithmica 1988.

    Examples
    --------
    >>> cost = ExcessCost(price=1.0, retraining_cost=40.0)
    >>> cost.update(start=0, end=1, n=500, loss=50.0, squares=50.0)
    >>> round(cost.bound, 3), cost.excess
    (0.125, 0.0)
    >>> for hour in range(1, 4):
    ...     cost.update(hour, hour + 1, n=200, loss=40.0, squares=40.0)
    >>> round(cost.excess, 1), cost.called, cost.since
    (45.1, True, 1)
    >>> cost.back_off(1)
    >>> cost.threshold, cost.called
    (80.0, False)
    """

    def __init__(
        self,
        price: float,
        retraining_cost: float,
        burn_in: int = 500,
        confidence: float = CONFIDENCE,
        bound: float | None = None,
        scale: float = 1.0,
        dispersion: float = 1.0,
    ) -> None:
        self.price = price
        self.retraining_cost = retraining_cost
        self.burn_in = burn_in
        self.confidence = confidence
        self.scale = scale
        self.dispersion = dispersion
        self.excess = 0.0
        self.threshold = retraining_cost
        self.bound = bound
        self.since: Micros | None = None
        self.labels = 0
        self._counts: list[int] | None = []  # of the burn-in, by cohort; None once it is over
        self._sums: list[float] = []
        self._squares: float | None = 0.0

    @property
    def called(self) -> bool:
        """Whether a retraining would have paid by now."""
        return self.excess >= self.threshold

    @property
    def burnt_in(self) -> bool:
        """Whether the burn-in is over."""
        return self._counts is None

    def update(self, start: Micros, end: Micros, n: int, loss: float, squares: float | None = None) -> None:
        """Take a judged cohort.

        Parameters
        ----------
        start, end
            In event time.
        n
            Labelled rows. A cohort without any says nothing, also not that all was well: it leaves everything as it is.
        loss
            Sum of their losses.
        squares
            Sum of their squared losses, which makes the bound tighter. Where each loss is 0 or `scale`, as errors are,
            this is `scale * loss`, and the bound is exact.
        """
        if n == 0:
            return
        self.labels += n
        if self.bound is not None:
            if self.since is None:
                self.since = start
            self.excess = max(0.0, self.excess + self.price * (loss - n * self.bound))
            if self.excess == 0:
                self.since = end
        if self._counts is not None:
            self._burn(self._counts, end, n, loss, squares)

    def again(self, promised: float | None, *, whole: bool) -> None:
        """Forget what was taken in, so that it can be taken in once more.

        Parameters
        ----------
        promised
            Bound that is known beforehand.
        whole
            Whether the burn-in is to be repeated, too; else the bound that it found stays.
        """
        self.excess, self.since = 0.0, None
        if whole:
            self.bound, self.labels = promised, 0
            self._counts, self._sums, self._squares = [], [], 0.0

    def back_off(self, h: int) -> None:
        """Ask for 2^h times the cost of a retraining, after h of them in a row that did not help.

        Raises
        ------
        ValueError
            When h is negative.
        """
        if h < 0:
            raise ValueError(f"{h} retrainings did not help: there is no such number")
        self.threshold = math.ldexp(self.retraining_cost, min(h, 900))  # more than a float holds

    def _burn(self, counts: list[int], end: Micros, n: int, loss: float, squares: float | None) -> None:
        counts.append(n)
        self._sums.append(loss)
        self._squares = None if self._squares is None or squares is None else self._squares + squares
        if self.labels < self.burn_in:
            return
        found = self._upper_bound(np.array(counts, dtype=np.float64))
        if self.bound is None or found < self.bound:
            self.bound = found
        if self.since is None:
            self.since = end
        self._counts, self._sums, self._squares = None, [], None

    def _upper_bound(self, n: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        """Return the upper bound of the mean loss in the burn-in, from counts by cohort."""
        rows = float(n.sum())
        sums = np.clip(np.array(self._sums) / self.scale, 0, n)
        total = float(sums.sum())
        squares = None if self._squares is None else min(self._squares / self.scale**2, total)
        mean = total / rows
        phi = self.dispersion
        if len(n) >= MINIMUM_PANES:
            phi = dispersion_of(sums, n, (total if squares is None else squares) / rows - mean * mean)
        if squares is None:
            return upper_bound_of_bounded_mean(total, rows, self.confidence, phi) * self.scale
        if math.isclose(squares, total, rel_tol=1e-9, abs_tol=1e-9):
            return float(upper_bound(total, rows, self.confidence, phi)) * self.scale
        return upper_bound_of_mean(total, squares, rows, self.confidence, phi) * self.scale
