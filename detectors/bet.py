"""`Bet`: an e-detector with its episode: what it knows of the present change, and whether that is over."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.e_detector import EDetector, Judgement, alternatives, growth_of_counts
from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

RECOVERED = 20.0  # evidence that the mean is back below halfway; people see episodes, the budget does not


@register
class Recovery:
    """Tests whether a mean that had risen has come back below the midpoint between its baseline and where it rose to.

    An e-process for the mean of 1 - x, restarted at 1 whenever it falls below: it says only when an episode ends.
    """

    def __init__(self, bet: int, midpoint: float, dispersion: float) -> None:
        self.bet = bet
        self._baseline = np.array([np.clip(1 - midpoint, 1e-4, 0.995)])
        self._dispersion = dispersion
        self._lambdas = alternatives(self._baseline)
        self._wealth = np.ones(self._lambdas.shape)

    def over(self, total: float, n: float) -> bool:
        """Take a pane of the bet's values; return whether the change is over."""
        growth = growth_of_counts(np.array([n - total]), n, self._baseline, self._lambdas) / self._dispersion
        self._wealth = np.maximum(self._wealth, 1) * np.exp(np.minimum(growth, 600.0))
        return bool(self._wealth.mean() >= RECOVERED)


@dataclass(frozen=True)
class Verdict:
    """What a bet says of a pane."""

    judgement: Judgement
    baseline: float
    """Of the bet that judged."""
    mean: float
    """Mean of the bet's values since the change."""
    recovered: bool
    """The episode that was open is over."""


@register
class Bet:
    """An e-detector whose alarms begin episodes, and the test that ends them.

    Parameters
    ----------
    baselines, weight, budget, dispersion
        As for `EDetector`.
    """

    def __init__(self, baselines: Floats, weight: float, budget: float, dispersion: Floats) -> None:
        self.detector = EDetector(baselines, weight, budget, dispersion)
        self._recovery: Recovery | None = None

    @property
    def open(self) -> bool:
        """Whether a change is going on."""
        return self._recovery is not None

    def counts(self, totals: Floats, n: float, start: Micros, end: Micros) -> Verdict:
        """Take a pane of 0/1 values: sums (J,) over the same n rows."""
        return self._verdict(self.detector.close_counts(totals, n, start, end), totals, n)

    def histogram(self, counts: Floats, sums: Floats, start: Micros, end: Micros) -> Verdict:
        """Take a pane of real values in [0, 1], for one bet: rows and sums by equal bins."""
        judgement = self.detector.close_histogram(counts, sums, start, end)
        return self._verdict(judgement, np.array([sums.sum()]), float(counts.sum()))

    def _verdict(self, judgement: Judgement, totals: Floats, n: float) -> Verdict:
        baseline = float(self.detector.baselines[judgement.bet])
        mean = judgement.total / judgement.n if judgement.n else 0.0
        recovered = False
        if judgement.fired:
            if self._recovery is None:
                dispersion = float(self.detector.dispersion[judgement.bet])
                self._recovery = Recovery(judgement.bet, (baseline + max(baseline, mean)) / 2, dispersion)
        elif self._recovery is not None and self._recovery.over(float(totals[self._recovery.bet]), n):
            self._recovery = None
            self.detector.forget_change()  # or the next one would seem to have begun with this one
            recovered = True
        return Verdict(judgement, baseline, mean, recovered)
