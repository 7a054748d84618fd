"""Distances between two histograms over the same bins: how large a change is. They decide nothing.

All come from counts, so that those of merged panes are exact, and none needs a row.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from detectors.layout import Counts

Floats = npt.NDArray[np.float64]


def effects_between(reference: Counts, current: Counts, edges: Floats | None, *, ordered: bool) -> dict[str, float]:
    """Return the distances by name that these bins allow for; none where either histogram is empty.

    Parameters
    ----------
    reference, current
        Shape (bins,).
    edges
        Upper bounds of all bins but the last, where the bins are those of a number.
    ordered
        Whether the bins have an order.

    Examples
    --------
    >>> effects_between(np.array([50, 50]), np.array([40, 60]), None, ordered=True)
    {'ks': 0.1, 'jensen_shannon': 0.0854}
    """
    before, now = reference.sum(), current.sum()
    if before == 0 or now == 0:
        return {}
    q, p = reference / before, current / now
    found = {}
    if ordered:
        gaps = (p - q).cumsum()[:-1]
        found["ks"] = kolmogorov_smirnov(gaps)
        if edges is not None and len(edges) > 1:
            found["wasserstein"] = wasserstein(gaps, edges)
    else:
        found["total_variation"] = total_variation(q, p)
    found["jensen_shannon"] = jensen_shannon(q, p)
    return {name: round(value, 4) for name, value in found.items()}


def population_stability_index(reference: Counts, current: Counts) -> float | None:
    """Return PSI, Σ (p - q) ln(p / q), over bins with half a row added to each; None where either is empty."""
    if reference.sum() == 0 or current.sum() == 0:
        return None
    q = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    p = (current + 0.5) / (current.sum() + 0.5 * len(current))
    return float(((p - q) * np.log(p / q)).sum())


def psi_by_chance(reference: Counts, current: Counts) -> float:
    """Return the PSI to expect where nothing has changed: (bins - 1) (1/n + 1/N), to first order.

    Source: Yurdakul, "Statistical properties of population stability index", Western Michigan University, 2018.
    """
    bins = int((reference + current > 0).sum())
    return (bins - 1) * (1 / float(reference.sum()) + 1 / float(current.sum()))


def kolmogorov_smirnov(gaps: Floats) -> float:
    """Return max |F - G| over the edges of ordered bins, where `gaps` are F - G: at most what it is over all values.

    Source: Smirnov, "Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical
    Statistics 19, 1948.
    """
    return float(np.abs(gaps).max(initial=0.0))


def total_variation(q: Floats, p: Floats) -> float:
    """Return Σ |p - q| / 2 of shares by category: the largest difference in the share of any set of categories."""
    return float(np.abs(p - q).sum() / 2)


def jensen_shannon(q: Floats, p: Floats) -> float:
    """Return the Jensen-Shannon distance of shares by bin: the square root of the divergence in bits, in [0, 1].

    Source: Endres and Schindelin, "A new metric for probability distributions", IEEE Transactions on Information Theory
    49(7), 2003.
    """
    middle = (p + q) / 2
    divergence = float((rel_entr(p, middle) + rel_entr(q, middle)).sum()) / (2 * math.log(2))
    return math.sqrt(max(0.0, divergence))


def wasserstein(gaps: Floats, edges: Floats) -> float:
    """Return ∫ |F - G| between the first and the last edge, by their distance: in [0, 1].

    Values beyond these edges count as lying on them, since an open bin does not say where its values are. With bins by
    quantiles the unit is the range of the middle 90 % of the reference, which no outlier stretches. Within a bin F - G
    is taken as linear.

    Parameters
    ----------
    gaps
        F - G at the edges, shape (bins - 1,).

    Source: Vallender, "Calculation of the Wasserstein distance between probability distributions on the line", Theory
    of Probability and its Applications 18(4), 1974.
    """
    sizes = np.abs(gaps)
    heights = sizes[:-1] + sizes[1:]
    crossing = gaps[:-1] * gaps[1:] < 0
    if crossing.any():  # |linear| over a bin: a trapezium, or two triangles where it crosses zero
        squares = sizes[:-1] ** 2 + sizes[1:] ** 2
        heights[crossing] = squares[crossing] / heights[crossing]
    halves = edges / 2  # or the distance of two edges may be no float
    widths = (halves[1:] - halves[:-1]) / (halves[-1] - halves[0])
    return float((heights * widths).sum() / 2)
