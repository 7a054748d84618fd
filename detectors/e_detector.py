"""Bounded-mean e-detector: alarms when the mean of values in [0, 1] has risen above its baseline.

Fed once a pane with sums, so order within a pane does not matter. No I/O, no clock.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

GRID = 8  # alternatives that are bet on, from just above the baseline to near 1
CERTAIN = 0.995  # a mean above this cannot rise enough to be worth a bet
_NEAREST = 0.01  # distance of the nearest alternative


def alternatives(baselines: Floats) -> Floats:
    """Return bet sizes λ, shape (J, GRID), for baselines of shape (J,): log-spaced alternatives q above each.

    λ = (q - m) / (m (1 - m)) maximises the expected log wealth when the mean is q and the values are 0 or 1.
    """
    m = baselines[:, None]
    reach = 0.95 * (1 - m)
    nearest = np.minimum(_NEAREST, 0.2 * (1 - m))
    q = m + reach * (nearest / reach) ** (1 - np.arange(GRID) / (GRID - 1))
    result: Floats = (q - m) / (m * (1 - m))
    return result


@dataclass(frozen=True)
class Judgement:
    """What an e-detector says after a pane."""

    evidence: float
    """Weighted wealth; the detector fires at 1."""
    fired: bool
    bet: int
    """The bet with the most wealth."""
    since: Micros
    """Start of the first pane of the change, as that bet estimates it."""
    total: float
    """Sum of the bet's values since then."""
    n: float
    """Rows since then."""


@register
class EDetector:
    """Mixture e-detector with a budget of false alarms in event time.

    Parameters
    ----------
    baselines
        Shape (J,), in (0, 1): upper bounds of the means, minimum effect included. J bets, one on each.
    weight
        Share of the budget.
    budget
        Microseconds of event time in which one false alarm is put up with.
    dispersion
        Shape (J,), at least 1: φ, by which growth is tempered for dependent rows.

    Notes
    -----
    For each bet j and alternative k, with e the pane's e-value and Δt its width, `M ← e (M + Δt / budget)`; the
    detector fires when `weight · mean(M) >= 1`, and M starts again from 0. While every mean stays below its baseline,
    `mean(M) + alarms / weight - t / budget` is a supermartingale: the expected number of alarms in any time T is at
    most weight · T / budget. Time without a pane earns nothing: credit without evidence would only ever alarm by
    itself. A bet whose baseline is near 1 can never win, so nothing is staked on it. The change point is the last time
    that the log wealth of the strongest bet, cut off at 0, was 0.

    References
    ----------
    Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New England
    Journal of Statistics in Data Science, 2024.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> detector = EDetector(np.array([0.1]), weight=1.0, budget=90.0 * day, dispersion=np.ones(1))
    >>> any(detector.close_counts(np.array([10.0]), 100.0, t * day, (t + 1) * day).fired for t in range(30))
    False
    >>> detector.close_counts(np.array([40.0]), 100.0, 30 * day, 31 * day).fired
    True
    """

    def __init__(self, baselines: Floats, weight: float, budget: float, dispersion: Floats) -> None:
        self.baselines = np.clip(baselines, 1e-4, CERTAIN)
        self.weight = weight
        self.budget = budget
        self.dispersion = dispersion
        self._lambdas = alternatives(self.baselines)
        self._staked = baselines < CERTAIN
        shape = self._lambdas.shape
        self._wealth = np.zeros(shape)
        self._cusum = np.zeros(shape)
        self._since = np.full(shape, -1, dtype=np.int64)
        self._totals = np.zeros(shape)
        self._n = np.zeros(shape)

    def close_counts(self, totals: Floats, n: float, start: Micros, end: Micros) -> Judgement:
        """Take a pane of 0/1 values: `totals` (J,) are the sums of the J bets' values over the same `n` rows."""
        growth = growth_of_counts(totals, n, self.baselines, self._lambdas)
        return self._close(growth, totals, n, start, end)

    def close_histogram(self, counts: Floats, sums: Floats, start: Micros, end: Micros) -> Judgement:
        """Take a pane of real values in [0, 1], for J = 1: rows and sums by equal bins, shapes (bins,)."""
        growth = growth_of_histogram(counts, sums, float(self.baselines[0]), self._lambdas[0])[None, :]
        return self._close(growth, np.array([sums.sum()]), float(counts.sum()), start, end)

    @property
    def evidence(self) -> float:
        """Weighted wealth; the detector fires at 1."""
        staked = int(self._staked.sum())
        return float(self.weight * self._wealth.sum() / (staked * GRID)) if staked else 0.0

    @property
    def staked(self) -> bool:
        """Whether anything is: on no bet at all, it can never fire."""
        return bool(self._staked.any())

    def forget_change(self) -> None:
        """Look for the start of the next change from the next pane on; evidence is not touched."""
        self._cusum = np.zeros_like(self._cusum)

    def _close(self, growth: Floats, totals: Floats, n: float, start: Micros, end: Micros) -> Judgement:
        growth = growth / self.dispersion[:, None]
        credit = np.where(self._staked, (end - start) / self.budget, 0.0)[:, None]
        # e-values of a very large pane overflow; a wealth that is capped at 1e300 fires all the same
        self._wealth = np.minimum(np.exp(np.minimum(growth, 690.0)) * (self._wealth + credit), 1e300)
        restart = self._cusum <= 0
        self._since[restart] = start
        self._totals[restart] = 0
        self._n[restart] = 0
        self._totals += totals[:, None]
        self._n += n
        self._cusum = np.maximum(0, self._cusum + growth)
        strongest = np.unravel_index(int(self._wealth.argmax()), self._wealth.shape)
        evidence = self.evidence
        judgement = Judgement(
            evidence=evidence,
            fired=evidence >= 1,
            bet=int(strongest[0]),
            since=int(self._since[strongest]),
            total=float(self._totals[strongest]),
            n=float(self._n[strongest]),
        )
        if judgement.fired:
            self._wealth = np.zeros_like(self._wealth)
        return judgement


def growth_of_counts(totals: Floats, n: float, baselines: Floats, lambdas: Floats) -> Floats:
    """Return the log e-values, shape (J, K), of 0/1 values with sums `totals` (J,) over `n` rows.

    s·ln(1 + λ(1 - m)) + (n - s)·ln(1 - λm); for values between 0 and 1 it is a lower bound, by concavity.
    """
    m, s = baselines[:, None], totals[:, None]
    result: Floats = s * np.log1p(lambdas * (1 - m)) + (n - s) * np.log1p(-lambdas * m)
    return result


def growth_of_histogram(counts: Floats, sums: Floats, baseline: float, lambdas: Floats) -> Floats:
    """Return lower bounds of the log e-values, shape (K,), of values in [0, 1] given by equal bins.

    ln(1 + λ(x - m)) is concave in x, so within a bin its chord lies below it: a valid e-value from counts and sums.
    """
    edges = np.linspace(0, 1, len(counts) + 1)
    heights = np.log1p(lambdas[:, None] * (edges[None, :] - baseline))
    slopes = np.diff(heights, axis=1) * len(counts)
    left = heights[:, :-1] - slopes * edges[None, :-1]
    result: Floats = left @ counts + slopes @ sums
    return result
