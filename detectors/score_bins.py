"""Bins of score or confidence, and what each promises: cut where calibration steps, so that a histogram loses nothing.

For the building of profiles alone: scipy.optimize takes 23 MB.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

Floats = npt.NDArray[np.float64]

FEW_SCORES = 100  # different scores that get a bin each
QUANTILES = 50  # bins of equally many rows, by which drift of the scores is told
STEPS = 100  # of the calibration, where a bin ends too; 50,000 balanced rows have about 90


class ScoreBins(NamedTuple):
    """Upper bounds of the bins, the last bin open, and the probability that each stands for."""

    edges: list[float]
    calibration: list[float]
    """Empty where no score has a label."""


def score_bins(scores: Floats, known: Floats, hits: Floats) -> ScoreBins:
    """Return the bins of the reference's scores.

    Parameters
    ----------
    scores
        Of all rows, shape (rows,), without NaN.
    known, hits
        Scores of the labelled rows and whether their label was the positive one (binary), or the predicted one
        (multiclass), each of shape (labelled rows,).

    Notes
    -----
    Isotonic regression of hits on scores is constant between its steps. A bin that no step runs through therefore
    stands for one probability, and what is estimated from the histogram is what would be estimated from the raw scores.
    Quantiles alone do not do: at 1 % positives, nearly all of them lie in the last few bins (ROC AUC off by .005 with
    100 bins). scipy's isotonic regression is scikit-learn's: pool adjacent violators, weighted by rows.

    References
    ----------
    Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
    """
    if not len(scores):
        return ScoreBins([], [])
    edges = quantile_edges(scores, FEW_SCORES)
    if len(np.unique(scores)) > FEW_SCORES:
        edges = sorted({*quantile_edges(scores, QUANTILES), *_steps(known, hits, float(scores.max()))})
    return ScoreBins(edges, _calibration(np.asarray(edges, dtype=np.float64), known, hits))


def quantile_edges(values: Floats, bins: int) -> list[float]:
    """Return increasing upper bounds: halfway between the values where those are few, quantiles where they are many."""
    distinct = np.unique(values)
    if len(distinct) <= bins:
        edges = distinct[:-1] + np.diff(distinct) / 2
    else:
        edges = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    return [float(edge) for edge in np.unique(edges) if edge < distinct[-1]]


def _steps(known: Floats, hits: Floats, highest: float) -> list[float]:
    """Return the scores at which the calibration steps up, evenly thinned where there are very many."""
    distinct, inverse = np.unique(known, return_inverse=True)
    if len(distinct) < 2:
        return []
    n, k = np.bincount(inverse), np.bincount(inverse, weights=hits)
    first = isotonic_regression(k / n, weights=n.astype(np.float64)).blocks[1:-1]
    if len(first) > STEPS:
        first = first[np.linspace(0, len(first) - 1, STEPS).astype(np.int64)]
    return [float(edge) for edge in (distinct[first - 1] + distinct[first]) / 2 if edge < highest]


def _calibration(edges: Floats, known: Floats, hits: Floats) -> list[float]:
    """Return the probability of a hit by bin: isotonic regression, weighted by rows; between bins without, a line."""
    if not len(known):
        return []
    bins, size = np.searchsorted(edges, known, side="left"), len(edges) + 1
    n, k = np.bincount(bins, minlength=size), np.bincount(bins, weights=hits, minlength=size)
    seen = n > 0
    fitted = isotonic_regression(k[seen] / n[seen], weights=n[seen].astype(np.float64)).x
    return [float(p) for p in np.clip(np.interp(np.arange(size), np.flatnonzero(seen), fitted), 0, 1)]
