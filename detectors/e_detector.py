"""Bounded-mean e-detector: alarms when the mean of values in [0, 1] has risen above its baseline.

Fed once a pane with sums, so order within a pane does not matter. No I/O, no clock.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

GRID = 8  # alternatives that are bet on, from just above the baseline to near 1; twelve see nothing sooner
CERTAIN = 0.995  # a mean above this cannot rise enough to be worth a bet
_NEAREST = 0.04  # standard deviations to the nearest alternative: a rise of that takes some 15,000 rows to see
LARGEST = 600.0  # growth of a pane that counts: exp(700) is no float any more


class Aim(NamedTuple):
    """Which rises are bet on most: the stake is normal in the logarithm of the rise."""

    rise: float = 0.2
    """The middle, in standard deviations of a value: a small effect, by Cohen, "Statistical power analysis for the
    behavioral sciences", 1988."""
    spread: float = 0.8
    """Standard deviation of the logarithm. Far rises get little, and need little: they show within rows."""


AIM = Aim()


def alternatives(baselines: Floats) -> Floats:
    """Return bet sizes λ, shape (J, GRID), for baselines of shape (J,): log-spaced alternatives q above each.

    λ = (q - m) / (m (1 - m)) maximises the expected log wealth when the mean is q and the values are 0 or 1.
    """
    m = baselines[:, None]
    result: Floats = _rises(m) / (m * (1 - m))
    return result


def stakes(baselines: Floats, aim: Aim) -> Floats:
    """Return what of a bet is staked on each of its alternatives, shape (J, GRID): each row sums to 1."""
    m = baselines[:, None]
    away = np.log(_rises(m) / (aim.rise * np.sqrt(m * (1 - m)))) / aim.spread
    density = np.exp(-away * away / 2)
    result: Floats = density / density.sum(axis=1, keepdims=True)
    return result


def _rises(m: Floats) -> Floats:
    reach = 0.95 * (1 - m)
    nearest = np.minimum(_NEAREST * np.sqrt(m * (1 - m)), 0.2 * (1 - m))
    result: Floats = reach * (nearest / reach) ** (1 - np.arange(GRID) / (GRID - 1))
    return result


class Judgement(NamedTuple):
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
    prior
        Shape (J,), above 0: how the stake is split over the bets, in any unit; evenly without it.
    aim
        How the stake of a bet is split over its alternatives.

    Notes
    -----
    For each bet j and alternative k, with e the pane's e-value, Δt its width and π the part of the stake that lies on
    it (Σπ = 1), `M ← e (M + Δt / budget)`; the detector fires when `weight · Σ π M >= 1`, and M starts again from 0.
    While every mean stays below its baseline, `Σ π M + alarms / weight - t / budget` is a supermartingale: the
    expected number of alarms in any time T is at most weight · T / budget, whatever π is, as long as it is chosen
    beforehand. π is what buys a short delay: against an even split, `AIM` sees rises from .2 to .25, .3 and .4
    earlier by 10, 9 and 4 %, and a rise to .22 later by 5 %. Time without a pane earns nothing: credit without
    evidence would only ever alarm by itself. A bet whose baseline is near 1 can never win, so nothing is staked on
    it. The change point is the last time that the log wealth of the strongest bet, cut off at 0, was 0.

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

    def __init__(
        self,
        baselines: Floats,
        weight: float,
        budget: float,
        dispersion: Floats,
        prior: Floats | None = None,
        aim: Aim = AIM,
    ) -> None:
        self.baselines = np.clip(baselines, 1e-4, CERTAIN)
        self.weight = weight
        self.budget = budget
        self.dispersion = dispersion
        split = np.where(baselines < CERTAIN, np.ones(len(baselines)) if prior is None else prior, 0.0)
        self.staked = bool(split.any()) and weight > 0
        """Whether anything is: on no bet at all, it can never fire."""
        # weight, budget and φ are worked in once, so that a pane takes few steps; shapes are (GRID, J), since sums come
        # by bet and numpy is quickest along the longer axis
        share = weight * split / split.sum() if self.staked else np.zeros(len(split))
        self._credit = (share[:, None] * stakes(self.baselines, aim) / budget).T.copy()
        one, zero = growth_of_one_and_zero(self.baselines, alternatives(self.baselines))
        self._of_row = zero.T / dispersion
        self._of_unit = (one - zero).T / dispersion
        self._steepest = float((one.T / dispersion).max())
        self._chords: tuple[Floats, Floats] | None = None
        shape = self._credit.shape
        self._wealth = np.zeros(shape)
        self._cusum = np.zeros(shape)
        self._since = np.full(shape, -1, dtype=np.int64)
        self._restart = np.ones(shape, dtype=np.bool_)
        # rows and totals so far, and what they were when the change began
        self._rows, self._totals = 0.0, np.zeros(shape[1])
        self._rows_before, self._totals_before = np.zeros(shape), np.zeros(shape)

    def close_counts(self, totals: Floats, n: float, start: Micros, end: Micros) -> Judgement:
        """Take a pane of 0/1 values: `totals` (J,) are the sums of the J bets' values over the same `n` rows."""
        growth = totals * self._of_unit
        growth += n * self._of_row
        return self._close(growth, totals, n, start, end)

    def close_histogram(self, counts: Floats, sums: Floats, start: Micros, end: Micros) -> Judgement:
        """Take a pane of real values in [0, 1], for J = 1: rows and sums by equal bins, shapes (bins,)."""
        if self._chords is None:
            left, slopes = chords(len(counts), float(self.baselines[0]), alternatives(self.baselines)[0])
            self._chords = left / self.dispersion[0], slopes / self.dispersion[0]
        left, slopes = self._chords
        growth = (left @ counts + slopes @ sums).reshape(-1, 1)
        return self._close(growth, np.array([sums.sum()]), float(counts.sum()), start, end)

    @property
    def evidence(self) -> float:
        """Weighted wealth; the detector fires at 1."""
        return float(np.add.reduce(self._wealth.ravel()))

    def forget_change(self) -> None:
        """Look for the start of the next change from the next pane on; evidence is not touched."""
        self._cusum.fill(0)
        self._restart.fill(True)

    def _close(self, growth: Floats, totals: Floats, n: float, start: Micros, end: Micros) -> Judgement:
        wealth, cusum, restart = self._wealth, self._cusum, self._restart
        np.putmask(self._since, restart, start)
        np.putmask(self._rows_before, restart, self._rows)
        np.putmask(self._totals_before, restart, self._totals)  # repeated for each alternative
        self._rows += n
        self._totals += totals
        cusum += growth
        np.less_equal(cusum, 0.0, out=restart)
        np.putmask(cusum, restart, 0.0)
        if n * self._steepest > LARGEST:
            np.minimum(growth, LARGEST, out=growth)
        # wealth is below 1 wherever it has not fired, so that the product is a float
        wealth += (end - start) * self._credit
        wealth *= np.exp(growth, out=growth)
        evidence = self.evidence
        strongest = int(wealth.argmax())
        bet = strongest % len(self._totals)
        judgement = Judgement(
            evidence,
            evidence >= 1,
            bet,
            self._since.item(strongest),
            self._totals.item(bet) - self._totals_before.item(strongest),
            self._rows - self._rows_before.item(strongest),
        )
        if judgement.fired:
            wealth.fill(0)
        return judgement


def growth_of_one_and_zero(baselines: Floats, lambdas: Floats) -> tuple[Floats, Floats]:
    """Return the log e-values of a value of 1 and of a value of 0: ln(1 + λ(1 - m)) and ln(1 - λm), each (J, K)."""
    m = baselines[:, None]
    return np.log1p(lambdas * (1 - m)), np.log1p(-lambdas * m)


def growth_of_counts(totals: Floats, n: float, baselines: Floats, lambdas: Floats) -> Floats:
    """Return the log e-values, shape (J, K), of 0/1 values with sums `totals` (J,) over `n` rows.

    s·ln(1 + λ(1 - m)) + (n - s)·ln(1 - λm); for values between 0 and 1 it is a lower bound, by concavity.
    """
    one, zero = growth_of_one_and_zero(baselines, lambdas)
    s = totals[:, None]
    result: Floats = s * one + (n - s) * zero
    return result


def chords(bins: int, baseline: float, lambdas: Floats) -> tuple[Floats, Floats]:
    """Return the chords of the log e-value over each of some equal bins of [0, 1]: values at 0 and slopes, (K, bins).

    ln(1 + λ(x - m)) is concave in x, so within a bin its chord lies below it: a valid e-value from counts and sums.
    """
    edges = np.linspace(0, 1, bins + 1)
    heights = np.log1p(lambdas[:, None] * (edges[None, :] - baseline))
    slopes = np.diff(heights, axis=1) * bins
    return heights[:, :-1] - slopes * edges[None, :-1], slopes
