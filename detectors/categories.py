"""How the values of a categorical or boolean feature are counted: which bin, and what is wrong with them.

Each value has one *outcome*, a small number that says both, so that a column is one array of integers.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from detectors.layout import UNSEEN_BUCKETS, Layout, category, segment_code
from schemas.prediction import FeatureValue

Outcomes = npt.NDArray[np.intp]

REMEMBERED = 1_024
"""Values of a feature, beside those that are known, whose outcome is remembered."""
LONGEST = 64  # characters of a text that is remembered


class Coding(Protocol):
    """Codes the values of one feature.

    An outcome below `bins` is a bin; from `bins` on, a bin again, of a value that counts as unseen. The last two
    outcomes are a value that is missing and one that is invalid.
    """

    bins: int

    def outcomes(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the outcome of each value, below 2 * bins + 2."""

    def cells(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the cell of each row in the segment that the feature makes."""


def coding_of(layout: Layout, feature: str) -> Coding:
    """Return the coding of a categorical or boolean feature."""
    boolean = layout.spec.features[feature].type == "boolean"
    return BooleanCoding(layout, feature) if boolean else CategoryCoding(layout, feature)


class CategoryCoding:
    """Codes a categorical feature. Known values cost one look into a dictionary."""

    def __init__(self, layout: Layout, feature: str) -> None:
        self._table = _Table(layout, feature)
        self.bins = self._table.bins
        known = len(layout.codes[feature])
        bin_cells = np.minimum(np.arange(self.bins), known)
        broken = np.full(2, segment_code(layout, feature, None))
        self._cells = np.concatenate((bin_cells, bin_cells, broken))

    def outcomes(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the outcome of each value."""
        return np.fromiter(map(self._table.__getitem__, column), dtype=np.intp, count=len(column))

    def cells(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the segment's cell of each value."""
        return self._cells[self.outcomes(column)]


class BooleanCoding:
    """Codes a boolean feature; what is no boolean is invalid, even 0 and 1."""

    def __init__(self, layout: Layout, feature: str) -> None:
        self._codes = layout.codes[feature]
        self.bins = len(self._codes) + UNSEEN_BUCKETS
        allowed = layout.allowed(feature)
        self._false, self._true = (
            code if allowed is None or text in allowed else self.bins + code for text, code in self._codes.items()
        )
        self._missing = 2 * self.bins

    def outcomes(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the outcome of each value."""
        false, true, missing, invalid = self._false, self._true, self._missing, self._missing + 1
        return np.array(  # to a dictionary, 1 would be True
            [
                true if value is True else false if value is False else missing if value is None else invalid
                for value in column
            ],
            dtype=np.intp,
        )

    def cells(self, column: Sequence[FeatureValue]) -> Outcomes:
        """Return the segment's cell of each value."""
        codes, none = self._codes, len(self._codes)
        return np.array(
            [1 if value is True else 0 if value is False else codes.get(category(value), none) for value in column],
            dtype=np.intp,
        )


class _Table(dict[FeatureValue, int]):
    """Outcome by value: all known ones, and as many others as it may remember."""

    def __init__(self, layout: Layout, feature: str) -> None:
        self._codes = layout.codes[feature]
        self._allowed = layout.allowed(feature)
        self.bins = len(self._codes) + UNSEEN_BUCKETS
        super().__init__((text, self._outcome(text)) for text in (*self._codes, *(self._allowed or ())))
        self[None] = 2 * self.bins
        self._most = len(self) + REMEMBERED
        self._booleans = (self._outcome(False), self._outcome(True))
        self._numbers = (self._outcome(0), self._outcome(1))

    def __missing__(self, value: FeatureValue) -> int:
        kind = type(value)
        if kind is not str and value in (0, 1):  # never remembered: to a dictionary, True is 1
            return (self._booleans if kind is bool else self._numbers)[value == 1]
        outcome = self._outcome(value)
        sound = outcome != 2 * self.bins + 1  # each NaN would be an entry of its own
        if len(self) < self._most and sound and (not isinstance(value, str) or len(value) <= LONGEST):
            self[value] = outcome
        return outcome

    def _outcome(self, value: FeatureValue) -> int:
        if isinstance(value, float) and not math.isfinite(value):
            return 2 * self.bins + 1
        text = category(value)
        code = self._codes.get(text)
        unseen = bool(self._codes) and code is None if self._allowed is None else text not in self._allowed
        if code is None:
            code = len(self._codes) + zlib.crc32(text.encode(errors="surrogatepass")) % UNSEEN_BUCKETS
        return self.bins + code if unseen else code
