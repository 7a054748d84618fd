"""`Bet`: an e-detector with its episode: what it knows of the present change, and whether that is over."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.change_interval import RecentPanes
from detectors.e_detector import AIM, LARGEST, Aim, EDetector, Judgement, alternatives, growth_of_one_and_zero
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
        baseline = np.array([np.clip(1 - midpoint, 1e-4, 0.995)])
        one, zero = growth_of_one_and_zero(baseline, alternatives(baseline))
        self._of_one, self._of_zero = one / dispersion, zero / dispersion
        self._wealth = np.ones(one.shape)

    def over(self, total: float, n: float) -> bool:
        """Take a pane of the bet's values; return whether the change is over."""
        growth = (n - total) * self._of_one + total * self._of_zero
        self._wealth = np.maximum(self._wealth, 1) * np.exp(np.minimum(growth, LARGEST))
        return bool(self._wealth.mean() >= RECOVERED)


class Verdict(NamedTuple):
    """What a bet says of a pane."""

    judgement: Judgement
    baseline: float
    """Of the bet that judged."""
    mean: float
    """Mean of the bet's values since the change."""
    recovered: bool
    """The episode that was open is over."""
    since_low: Micros | None = None
    """Where the detector fired: the earliest start of the change that the newest panes allow (95 %), if they say."""
    since_high: Micros | None = None
    """The latest."""


@register
class Bet:
    """An e-detector whose alarms begin episodes, and the test that ends them.

    Parameters
    ----------
    baselines, weight, budget, dispersion, prior, aim
        As for `EDetector`.
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
        self.detector = EDetector(baselines, weight, budget, dispersion, prior, aim)
        self._recovery: Recovery | None = None
        self._recent = RecentPanes(len(baselines))
        self._began: tuple[Micros, Micros] | None = None
        """Where the open episode's change may have begun, as it was when it was noticed."""

    @property
    def open(self) -> bool:
        """Whether a change is going on."""
        return self._recovery is not None

    def counts(self, totals: Floats, n: float, start: Micros, end: Micros) -> Verdict:
        """Take a pane of 0/1 values: sums (J,) over the same n rows."""
        self._recent.add(totals, n, start)
        return self._verdict(self.detector.close_counts(totals, n, start, end), totals, n)

    def histogram(self, counts: Floats, sums: Floats, start: Micros, end: Micros) -> Verdict:
        """Take a pane of real values in [0, 1], for one bet: rows and sums by equal bins."""
        totals, n = np.array([sums.sum()]), float(counts.sum())
        self._recent.add(totals, n, start)
        return self._verdict(self.detector.close_histogram(counts, sums, start, end), totals, n)

    def change_interval(self, bet: int) -> tuple[Micros, Micros, Micros] | None:
        """Return the earliest, the likeliest and the latest start of the change of a bet's mean, if panes say."""
        return self._recent.change_interval(bet, float(self.detector.dispersion[bet]))

    def _verdict(self, judgement: Judgement, totals: Floats, n: float) -> Verdict:
        detector = self.detector
        baseline = detector.baselines.item(judgement.bet)
        mean = judgement.total / judgement.n if judgement.n else 0.0
        if judgement.fired:
            if self._recovery is None:
                dispersion = float(detector.dispersion[judgement.bet])
                self._recovery = Recovery(judgement.bet, (baseline + max(baseline, mean)) / 2, dispersion)
                interval = self.change_interval(judgement.bet)
                self._began = None if interval is None else (interval[0], interval[2])
            if self._began is None:
                return Verdict(judgement, baseline, mean, False)
            low, high = self._began
            return Verdict(judgement, baseline, mean, False, min(low, judgement.since), max(high, judgement.since))
        if self._recovery is None or not self._recovery.over(float(totals[self._recovery.bet]), n):
            return Verdict(judgement, baseline, mean, False)
        self._recovery = None
        detector.forget_change()  # or the next one would seem to have begun with this one
        self._recent.forget()
        return Verdict(judgement, baseline, mean, True)
