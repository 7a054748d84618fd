"""Top-bottom analysis: how the features of the highest scored predictions differ from those of the lowest scored.

A model that goes by income gives high scores to large incomes. When the features stop separating high scores from low
ones as they did in the reference, the model goes by something else than it did.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layout import Layout
from detectors.row import Row
from detectors.row_codes import Codes, RowCodes
from schemas.profile import Tails

DECILE = 0.1
CLEARLY = 2.5  # standard errors by which a category's share differs between the reference's tails, to be ordered

Floats = npt.NDArray[np.float64]


class Separation(NamedTuple):
    """Cliff's delta, and its standard error."""

    delta: float
    error: float


def output_of(layout: Layout, row: Row) -> float | None:
    """Return what predictions are ranked by: the score, the confidence (multiclass) or the predicted number."""
    return row.value if layout.spec.task == "regression" else row.score


def tails_of(layout: Layout, rows: Sequence[Row]) -> Tails | None:
    """Return where the deciles of the score lie and what the features are in them; None where rows have no scores."""
    coder = RowCodes(layout)
    scores = np.array([output_of(layout, row) for row in rows], dtype=np.float64)
    return tails_of_codes(coder, coder.of(rows), scores)


def tails_of_codes(coder: RowCodes, codes: Codes, scores: Floats) -> Tails | None:
    """Return the same of coded rows, shape (rows, features), whose scores are known, NaN where they have none."""
    known = scores[np.isfinite(scores)]
    if not len(known):
        return None
    low, high = (float(each) for each in np.quantile(known, (DECILE, 1 - DECILE), method="inverted_cdf"))
    if not low < high:
        return None  # one value nearly everywhere: there is no top and no bottom
    bottom, top = codes[scores <= low], codes[scores >= high]
    return Tails(low=low, high=high, bottom=_histograms(coder, bottom), top=_histograms(coder, top))


def split(layout: Layout, tails: Tails, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows whose score lies in the bottom decile of the reference, and those in the top one."""
    scored = [(row, score) for row in rows if (score := output_of(layout, row)) is not None]
    return [row for row, score in scored if score <= tails.low], [row for row, score in scored if score >= tails.high]


class Order:
    """Puts the bins of each feature into the order in which the reference's scores rise.

    Numeric and boolean features have an order of their own. The categories of any other stand below, between or above,
    as they are clearly more frequent in the reference's bottom decile, in neither, or in its top one.
    """

    def __init__(self, layout: Layout, tails: Tails) -> None:
        self.layout = layout
        self.codes = RowCodes(layout)
        self.names = self.codes.names
        self._places: list[npt.NDArray[np.intp]] = []
        self._reference: list[tuple[Floats, Floats]] = []
        for name, size in zip(self.names, self.codes.sizes, strict=True):
            bottom, top = (_padded(tail.get(name, []), size - 1) for tail in (tails.bottom, tails.top))
            if self.codes.ordered(name) or layout.spec.features[name].type == "boolean":
                places = np.arange(size - 1)
            else:
                places = _places(bottom, top)
            self._places.append(places)
            self._reference.append((bottom, top))

    def reference(self) -> list[Separation]:
        """Return how the features separate the reference's deciles."""
        return [
            separation(bottom, top, places) for (bottom, top), places in zip(self._reference, self._places, strict=True)
        ]

    def of(self, bottom: Codes, top: Codes) -> list[Separation]:
        """Return how the features separate two sets of rows, given by their codes."""
        return [
            separation(_counts(bottom, place, size), _counts(top, place, size), places)
            for place, (size, places) in enumerate(zip(self.codes.sizes, self._places, strict=True))
        ]


def separation(bottom: Floats, top: Floats, places: npt.NDArray[np.intp]) -> Separation:
    """Return Cliff's delta, P(top > bottom) - P(top < bottom), of two histograms.

    Parameters
    ----------
    bottom, top
        Rows by bin, shape (bins,).
    places
        Place of each bin in the order; bins of one place are equal.

    Notes
    -----
    The error is that of a mean of placements in either sample. Nothing to compare gives (0, infinity).

    References
    ----------
    Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions", Psychological Bulletin 114(3), 1993.
    """
    size = int(places.max()) + 1 if len(places) else 1
    lower, upper = (np.bincount(places, weights=each, minlength=size) for each in (bottom, top))
    n, m = lower.sum(), upper.sum()
    if n < 1 or m < 1:
        return Separation(0.0, float("inf"))
    p, q = lower / n, upper / m
    above = 2 * np.cumsum(p) - p - 1  # of a row of the top: how many of the bottom lie below it, less those above
    below = 1 + q - 2 * np.cumsum(q)  # of a row of the bottom: how many of the top lie above it, less those below
    delta = float(q @ above)
    variance = float(q @ above**2 - delta**2) / m + float(p @ below**2 - delta**2) / n
    return Separation(delta, max(variance, 1 / float(n * m)) ** 0.5)


def _places(bottom: Floats, top: Floats) -> npt.NDArray[np.intp]:
    n, m = max(bottom.sum(), 1.0), max(top.sum(), 1.0)
    pooled = (bottom + top) / (n + m)
    error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), 1e-12))
    difference = (top / m - bottom / n) / error
    places: npt.NDArray[np.intp] = 1 + (difference > CLEARLY).astype(np.intp) - (difference < -CLEARLY)
    return places


def _counts(codes: Codes, place: int, size: int) -> Floats:
    """Return rows by bin, those without a value left out."""
    return np.bincount(codes[:, place], minlength=size)[: size - 1].astype(np.float64)


def _padded(counts: Sequence[int], size: int) -> Floats:
    found = np.zeros(size)
    found[: len(counts)] = counts[:size]
    return found


def _histograms(codes: RowCodes, rows: Codes) -> dict[str, list[int]]:
    return {
        name: _counts(rows, place, size).astype(int).tolist()
        for place, (name, size) in enumerate(zip(codes.names, codes.sizes, strict=True))
    }
