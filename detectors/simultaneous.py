"""Upper bounds of all bets on one distribution function, which hold together with 95 %.

One bound for each edge, each by itself at 95 %, fails somewhere far more often than once in twenty. Bonferroni's
correction takes neighbouring edges for strangers, though their sums share nearly all rows. Here their dependence is
that of the Brownian bridge, which the empirical distribution function less the true one tends to.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from detectors.bounds import CONFIDENCE, upper_bound

Floats = npt.NDArray[np.float64]

_FEWEST = 10.0  # rows, by n p (1 - p) / φ, from which on the bridge is trusted; below it Bonferroni's bound stands
_NEAREST = 0.004  # shares between two edges, below which they are one
_POWER = 1 / 3  # widths go with (p (1 - p)) to this power; .5 gives all edges the same level, 0 is Kolmogorov's band
_FAR = 4.0  # standard deviations; a path that was ever further below counts as if it had crossed
_HALVINGS = 14  # of a range of 6: to .0004 standard deviations
_DIGITS = 4  # of a share; without rounding no two features would share their levels
_NODES = 32, 64  # fewest and most, twice as many as the narrowest step has room for


def upper_bounds_of_ordered(totals: Floats, n: float, dispersion: Floats, confidence: float = CONFIDENCE) -> Floats:
    """Return upper bounds of the means of the indicators of an ordered distribution, shape (2 E + 1,).

    Each is a bound of Clopper and Pearson for n / φ rows, at a level of its own. The levels of the edges that enough of
    the reference lies on both sides of are such that, by the bridge, they fail together as often as Bonferroni would
    let them. They are sharpest in the middle, where a shift moves the function most.

    Parameters
    ----------
    totals
        Shape (2 E + 1,): rows up to each of E edges, rows beyond each, rows without a value.
    n
        Rows.
    dispersion
        φ of each, at least 1.
    """
    bets = len(totals)
    edges = (bets - 1) // 2
    miss = (1 - confidence) / bets
    level = np.full(bets, 1 - miss)
    shares = totals / n
    trusted = n * shares * (1 - shares) / dispersion >= _FEWEST
    for side in (np.arange(edges), np.arange(edges, 2 * edges)[::-1]):  # both with rising shares
        side = side[trusted[side]]
        if len(side):
            at = np.clip(np.round(shares[side], _DIGITS), 10.0**-_DIGITS, 1 - 10.0**-_DIGITS)
            level[side] = levels(tuple(at.tolist()), round(miss * len(side), 9))
    return np.array([upper_bound(*each) for each in zip(totals, np.full(bets, n), level, dispersion, strict=True)])


@lru_cache(maxsize=1_024)  # features of many values have the same shares: their edges are quantiles
def levels(shares: tuple[float, ...], miss: float) -> tuple[float, ...]:
    """Return the confidence of each one-sided bound by which all of them hold with 1 - miss.

    Parameters
    ----------
    shares
        Rising, in (0, 1): of the reference up to each edge.
    """
    p = np.array(shares)
    shape = (p * (1 - p)) ** _POWER
    apart = _apart(p)
    low, high = 0.0, 6.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _crossing(p[apart], middle * shape[apart]) > miss:
            low = middle
        else:
            high = middle
    return tuple(ndtr(high * shape / np.sqrt(p * (1 - p))).tolist())


def _apart(p: Floats) -> list[int]:
    """Return which of the rising shares to look at, so that none is too near the one before."""
    kept = [0]
    for i, share in enumerate(p.tolist()):
        if share - p[kept[-1]] >= _NEAREST:
            kept.append(i)
    return kept


def _crossing(p: Floats, above: Floats) -> float:
    """Return the probability that a Brownian bridge is above `above` at any of the times p.

    The density of paths that have not been, carried from each time to the next by the bridge's transition density, with
    Gauss and Legendre's rule: Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", Journal
    of the Royal Statistical Society A 1969.
    """
    deviations = np.sqrt(p * (1 - p))
    steps = np.sqrt(np.diff(p) * (1 - p[1:]) / (1 - p[:-1]))
    ranges = above + _FAR * deviations
    narrowest = float((ranges[1:] / steps).max()) if len(steps) else 1.0
    nodes, weights = np.polynomial.legendre.leggauss(int(np.clip(2 * narrowest, *_NODES)))
    x = (nodes + 1) / 2 * ranges[0] - _FAR * deviations[0]
    mass = _normal(x / deviations[0]) / deviations[0] * weights * ranges[0] / 2
    for i, step in enumerate(steps):
        after = (nodes + 1) / 2 * ranges[i + 1] - _FAR * deviations[i + 1]
        mean = x * (1 - p[i + 1]) / (1 - p[i])
        mass = (_normal((after[:, None] - mean[None, :]) / step) @ mass) / step * weights * ranges[i + 1] / 2
        x = after
    return 1 - float(mass.sum())


def _normal(z: Floats) -> Floats:
    density: Floats = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return density
