"""Since when a mean has been higher: the newest panes, and which of their starts the change may have begun at."""

import numpy as np
import numpy.typing as npt

from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

KEPT = 64  # panes; an alarm's change is nearly always younger, and 41 bets take 10 kB
_LIKELY = 3.84  # 95 % of chi-squared with one degree of freedom


@register
class RecentPanes:
    """The newest panes of J bets: when they began, their rows, and the sums of each bet's values.

    Parameters
    ----------
    bets
        J.
    """

    def __init__(self, bets: int) -> None:
        self._starts = np.zeros(KEPT, dtype=np.int64)
        self._n = np.zeros(KEPT)
        self._totals = np.zeros((KEPT, bets), dtype=np.float32)
        self._added = 0

    def add(self, totals: Floats, n: float, start: Micros) -> None:
        """Take a pane; the oldest of more than `KEPT` goes."""
        slot = self._added % KEPT
        self._starts[slot] = start
        self._n[slot] = n
        self._totals[slot] = totals
        self._added += 1

    def forget(self) -> None:
        """Look for the next change in the panes to come alone."""
        self._added = 0

    def change_interval(self, bet: int, dispersion: float) -> tuple[Micros, Micros, Micros] | None:
        """Return the earliest, the likeliest and the latest start of a rise of a bet's mean, each the start of a pane.

        The panes are split in two at each of their boundaries; a split's log likelihood ℓ is that of 0/1 values with a
        mean before it and a higher one after it, divided by φ. The set is all splits with 2 (max ℓ - ℓ) <= 3.84: a
        profile-likelihood set, 95 % if the likelihood were smooth in the split, which it is not, so about that. None
        where no split is that much better than none at all: the change is older than the panes, or slow.

        Source: Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika 1970.
        """
        kept = min(self._added, KEPT)
        order = np.arange(self._added - kept, self._added) % KEPT
        n, totals = self._n[order], self._totals[order, bet].astype(np.float64)
        order, n, totals = order[n > 0], n[n > 0], totals[n > 0]
        if len(n) < 2:
            return None
        rows, sums = n.cumsum(), totals.cumsum()
        before = log_likelihood(sums[:-1], rows[:-1])
        after = log_likelihood(sums[-1] - sums[:-1], rows[-1] - rows[:-1])
        rose = (sums[-1] - sums[:-1]) * rows[:-1] > sums[:-1] * (rows[-1] - rows[:-1])
        whole = float(log_likelihood(sums[-1:], rows[-1:])[0])
        gain = np.where(rose, before + after - whole, 0.0) / dispersion
        if 2 * gain.max() <= _LIKELY:
            return None
        likely = np.flatnonzero(rose & (2 * (gain.max() - gain) <= _LIKELY))
        starts = self._starts[order[1:]]
        return int(starts[likely[0]]), int(starts[gain.argmax()]), int(starts[likely[-1]])


def log_likelihood(sums: Floats, rows: Floats, mean: float | None = None) -> Floats:
    """Return the log likelihood of 0/1 values at a mean, or at their own, by their sums and rows."""
    share = np.clip(sums / rows if mean is None else np.full_like(sums, mean), 1e-12, 1 - 1e-12)
    result: Floats = sums * np.log(share) + (rows - sums) * np.log1p(-share)
    return result
