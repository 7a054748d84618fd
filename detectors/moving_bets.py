"""`MovingBets`: bets that means have risen above baselines which may be others in every pane.

The same e-values, alternatives and stakes as in `detectors.e_detector`; only the baselines move. No I/O, no clock.
"""

import numpy as np
import numpy.typing as npt

from detectors.bet import Recovery, Verdict
from detectors.e_detector import AIM, CERTAIN, GRID, LARGEST, Judgement, alternatives, growth_of_counts, stakes
from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]


@register
class MovingBets:
    """Mixture e-detector for the means of 0/1 values, with baselines that are given pane by pane.

    Parameters
    ----------
    weight
        Share of the budget.
    budget
        Microseconds of event time in which one false alarm is put up with.
    dispersion
        Shape (J,), at least 1: φ, by which growth is tempered for dependent rows. J bets.

    Notes
    -----
    For each bet and alternative, `M ← e (M + π Δt / budget)`, where e is the pane's e-value at the pane's own baseline,
    and π, which sums to the weight, what is staked there; the detector fires when `Σ M >= 1`, and M starts again from
    0. A baseline has to be known before the pane is (predictable): then e has a mean of at most 1 given the past as
    long as every pane's means lie below the pane's own baselines, and expected alarms in any time T are at most
    weight · T / budget, as with baselines that stand still. A bet whose baseline is near 1 is not staked in that pane:
    its e is 1, and it earns no credit. J is the same in every pane, so that no bet is ever given another one's share.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> bets = MovingBets(weight=1.0, budget=90.0 * day, dispersion=np.ones(1))
    >>> quiet = [bets.close(np.array([0.2 + t / 100]), np.array([20.0 + t]), 100.0, t, t + day) for t in range(30)]
    >>> any(verdict.judgement.fired for verdict in quiet)
    False
    >>> bets.close(np.array([0.5]), np.array([90.0]), 100.0, 30 * day, 31 * day).judgement.fired
    True
    """

    def __init__(self, weight: float, budget: float, dispersion: Floats) -> None:
        self._weight = weight
        self._budget = budget
        self._dispersion = dispersion
        bets = len(dispersion)
        self._wealth = np.zeros((bets, GRID))
        self._cusum = np.zeros(bets)
        self._since = np.full(bets, -1, dtype=np.int64)
        self._totals = np.zeros(bets)
        self._n = np.zeros(bets)
        self._recovery: Recovery | None = None

    @property
    def open(self) -> bool:
        """Whether a change is going on."""
        return self._recovery is not None

    def close(self, baselines: Floats, totals: Floats, n: float, start: Micros, end: Micros) -> Verdict:
        """Take a pane: sums (J,) over the same n rows, and their baselines (J,), in (0, 1], minimum effect included."""
        staked = baselines < CERTAIN
        limits = np.clip(baselines, 1e-4, CERTAIN)
        growth = growth_of_counts(totals, n, limits, alternatives(limits)) / self._dispersion[:, None]
        growth[~staked] = 0.0
        share = np.where(staked, self._weight / len(baselines) * (end - start) / self._budget, 0.0)[:, None]
        # wealth is below 1 wherever it has not fired, so that the product is a float
        self._wealth = np.exp(np.minimum(growth, LARGEST)) * (self._wealth + share * stakes(limits, AIM))
        self._follow(growth[:, GRID // 2], totals, n, start)
        evidence = float(self._wealth.sum())
        bet = int(self._wealth.max(axis=1).argmax())
        judgement = Judgement(
            evidence=evidence,
            fired=evidence >= 1,
            bet=bet,
            since=int(self._since[bet]),
            total=float(self._totals[bet]),
            n=float(self._n[bet]),
        )
        if judgement.fired:
            self._wealth = np.zeros_like(self._wealth)
        return self._verdict(judgement, float(limits[bet]), totals, n)

    def settle(self) -> None:
        """End the change that is going on: what it changed to has become usual."""
        self._recovery = None
        self._cusum = np.zeros_like(self._cusum)

    def _follow(self, growth: Floats, totals: Floats, n: float, start: Micros) -> None:
        """Estimate where the change began: where the log wealth of the middle alternative, cut off at 0, was 0 last."""
        restart = self._cusum <= 0
        self._since[restart] = start
        self._totals[restart] = 0
        self._n[restart] = 0
        self._totals += totals
        self._n += n
        self._cusum = np.maximum(0, self._cusum + growth)

    def _verdict(self, judgement: Judgement, baseline: float, totals: Floats, n: float) -> Verdict:
        mean = judgement.total / judgement.n if judgement.n else 0.0
        recovered = False
        if judgement.fired:
            if self._recovery is None:
                midpoint = (baseline + max(baseline, mean)) / 2
                self._recovery = Recovery(judgement.bet, midpoint, float(self._dispersion[judgement.bet]))
        elif self._recovery is not None and self._recovery.over(float(totals[self._recovery.bet]), n):
            self.settle()
            recovered = True
        return Verdict(judgement, baseline, mean, recovered)
