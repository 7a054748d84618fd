"""Mean losses of some rows, and how much two such means differ, with intervals (95 %). Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detectors.intervals import Z
from schemas.trigger_outcome import Performance

ENOUGH_PANES = 10  # fewer say too little of how much differences vary from pane to pane


class Difference(NamedTuple):
    """A difference of two means with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Losses:
    """Labelled rows, and the sums of their losses and of the squares; no loss is above `scale`."""

    n: int
    total: float
    squares: float
    scale: float

    def spread(self) -> tuple[float, float]:
        """Return a mean and the variance of it, with one loss of 0 and one of `scale` added.

        Without those two rows, losses that happen to be all the same would have an interval of no width.

        References
        ----------
        Agresti and Caffo, "Simple and effective confidence intervals for proportions and differences of proportions
        result from adding two successes and two failures", The American Statistician 54, 2000.
        """
        n, total, squares = self.n + 2, self.total + self.scale, self.squares + self.scale**2
        mean = total / n
        return mean, max(0.0, squares / n - mean * mean) / n

    def performance(self, version: str, dispersion: float) -> Performance | None:
        """Return the mean with its interval; None where there is no row."""
        if self.n == 0:
            return None
        mean = self.total / self.n
        middle, variance = self.spread()
        half = Z * math.sqrt(variance * dispersion)
        low, high = max(0.0, min(mean, middle - half)), min(self.scale, max(mean, middle + half))
        return Performance(version=version, rows=self.n, loss=mean, low=low, high=high)


def difference_of(new: Losses, old: Losses, dispersion: float) -> Difference:
    """Return the mean of `new` less that of `old`; both have rows.

    Parameters
    ----------
    dispersion
        φ: by how much the means of panes vary more than those of independent rows. 1 where both are of the same panes:
        what moves a pane moves both.

    Examples
    --------
    >>> found = difference_of(Losses(1_000, 150.0, 150.0, 1.0), Losses(1_000, 250.0, 250.0, 1.0), 1.0)
    >>> round(found.value, 3), found.high < 0
    (-0.1, True)
    """
    value = new.total / new.n - old.total / old.n
    (mine, variance), (theirs, other) = new.spread(), old.spread()
    half = Z * math.sqrt((variance + other) * dispersion)
    middle = mine - theirs
    return Difference(value, min(value, middle - half), max(value, middle + half))


def difference_in_panes(pairs: Sequence[tuple[Losses, Losses]]) -> Difference:
    """Return the mean of one version's losses less that of another's, over the panes in which both have rows.

    Parameters
    ----------
    pairs
        Of each pane, at least one: new and old; both have rows.

    Notes
    -----
    Differences are taken pane by pane, and weighted by how much each is worth. Sums over all panes would not do: in a
    canary whose share has grown, most rows of the new version are of the later panes, and if those were hard ones, it
    would seem worse than a version that is just as good. Where there are enough panes and their differences vary more
    than rows alone let them, the interval is widened by that.

    Examples
    --------
    A tenth of the rows of an easy pane, and half of those of a hard one; both versions err alike in either.

    >>> easy, hard = (Losses(100, 10.0, 10.0, 1.0), Losses(900, 90.0, 90.0, 1.0)), (Losses(500, 150.0, 150.0, 1.0),) * 2
    >>> abs(difference_in_panes([easy, hard]).value) < 1e-9
    True
    """
    mine, theirs = (_variance([pair[side] for pair in pairs]) for side in (0, 1))
    worth = [1 / (mine / new.n + theirs / old.n) for new, old in pairs]
    found = [new.total / new.n - old.total / old.n for new, old in pairs]
    whole = math.fsum(worth)
    value = math.fsum(weight * each for weight, each in zip(worth, found, strict=True)) / whole
    varied = math.fsum(weight * (each - value) ** 2 for weight, each in zip(worth, found, strict=True))
    dispersion = max(1.0, varied / (len(pairs) - 1)) if len(pairs) >= ENOUGH_PANES else 1.0
    half = Z * math.sqrt(dispersion / whole)
    return Difference(value, value - half, value + half)


def _variance(parts: Sequence[Losses]) -> float:
    """Return the variance of one loss; above 0."""
    n = sum(part.n for part in parts)
    total, squares = math.fsum(part.total for part in parts), math.fsum(part.squares for part in parts)
    return Losses(n, total, squares, parts[0].scale).spread()[1] * (n + 2)
