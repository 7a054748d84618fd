"""What bets on two versions' losses earn: on pairs of rows, on rows of the same panes, or against a bound. Pure.

Each function returns logarithms of e-values, shape (2, STRENGTHS): of the bets that the new version is worse by more
than a margin, and of those that it is not. Losses lie in [0, 1].
"""

import numpy as np
import numpy.typing as npt

from detectors.e_detector import GRID, alternatives, chords
from detectors.version_losses import Histogram

Floats = npt.NDArray[np.float64]

STRENGTHS = GRID
BOLDEST = 0.95  # of what may be staked without ever losing all
SHYEST = 0.02  # of the boldest stake
_RISES = np.geomspace(0.05, 3.0, STRENGTHS)  # differences that are bet on, in standard deviations of a loss


def growth_of_pairs(differences: Floats, margin: float) -> Floats:
    """Return what bets on paired differences of losses, new less old, have grown by.

    ln e = Σ ln(1 ± λ (d - margin)), for a grid of λ. While E[d | past] is at most the margin, the upper sign is an
    e-value, and while it is at least the margin, the lower one.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024.

    Examples
    --------
    >>> growth = growth_of_pairs(np.array([1.0, 1.0, 0.0, -1.0] * 30), margin=0.0)
    >>> bool(growth[0].max() > 0 > growth[1].max())
    True
    """
    stakes = BOLDEST / (1 + margin) * np.geomspace(SHYEST, 1.0, STRENGTHS)[:, None]
    beyond = differences[None, :] - margin
    return np.stack([np.log1p(stakes * beyond).sum(axis=1), np.log1p(-stakes * beyond).sum(axis=1)])


def growth_of_two(new: Histogram, old: Histogram, margin: float, mean: float, variance: float) -> Floats:
    """Return what bets on different rows of two versions in the same pane have grown by.

    e = Π (1 + λ₁ (x - c - margin)) · Π (1 - λ₀ (y - c)) over the new version's losses x and the old one's y, where
    n₁ λ₁ = n₀ λ₀; for the other side both signs turn.

    Parameters
    ----------
    mean, variance
        c, and the variance of a loss, as known before this pane: a bad guess costs evidence, and never validity.

    Notes
    -----
    Its expectation is (1 + λ₁ (μ₁ - c - margin))ⁿ¹ (1 - λ₀ (μ₀ - c))ⁿ⁰. If μ₁ = μ₀ + margin, the logarithm is concave
    in μ₀ and its slope at μ₀ = c is n₁ λ₁ - n₀ λ₀ = 0, so it is at most 0 there and everywhere; a smaller μ₁ makes it
    smaller. So it is an e-value whatever the two means are, and however they move from pane to pane: what raises both
    alike is no evidence. Rows are counted in bins, on chords below the logarithm.

    References
    ----------
    Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
    stopping", Journal of Statistical Planning and Inference 230, 2024: this is theirs for margin 0 and losses of 0 and
    1, with the differences that they bet on taken from a grid.

    Examples
    --------
    >>> new, old = (Histogram(np.array([500.0]), np.array([wrong])) for wrong in (150.0, 100.0))
    >>> bool(growth_of_two(new, old, 0.0, 0.25, 0.19)[0].max() > 3)
    True
    """
    n1, n0 = float(new.counts.sum()), float(old.counts.sum())
    if not n1 or not n0:
        return np.zeros((2, STRENGTHS))
    part1, part0 = n1 / (n1 + n0), n0 / (n1 + n0)
    variance = max(variance, 1e-6)
    c = float(np.clip(mean, 0.005, 0.995))
    result = np.empty((2, STRENGTHS))
    for side, sign in enumerate((1.0, -1.0)):
        # how far x may lie below its middle, and y above, or the other way round: no factor may come near 0
        x_reach, y_reach = (c + margin, 1 - c) if sign > 0 else (max(0.0, 1 - c - margin), c)
        most = BOLDEST * variance / max(part0 * x_reach, part1 * y_reach)
        bets = np.minimum(_RISES * np.sqrt(variance), most) / variance
        result[side] = _growth(new, c + margin, sign * bets * part0) + _growth(old, c, -sign * bets * part1)
    return result


def growth_beyond(new: Histogram, bound: float, dispersion: float) -> Floats:
    """Return what bets that the mean loss lies above a bound have grown by; nothing is bet on the other side.

    Parameters
    ----------
    dispersion
        φ, by which growth is tempered: here panes are held against other panes.
    """
    baseline = np.array([np.clip(bound, 1e-4, 0.995)])
    stakes = alternatives(baseline)[0]
    result = np.zeros((2, STRENGTHS))
    if bound < 1:
        result[0] = _growth(new, float(baseline[0]), stakes) / dispersion
    return result


def _growth(losses: Histogram, middle: float, stakes: Floats) -> Floats:
    left, slopes = chords(len(losses.counts), middle, stakes)
    growth: Floats = left @ losses.counts + slopes @ losses.sums
    return growth
