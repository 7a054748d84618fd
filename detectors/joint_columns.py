"""`JointColumns`: coded rows as the numbers that a classifier of reference against current rows learns from.

A linear classifier sees a change of dependence where it is given products of pairs, whatever happens to the marginals.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from detectors.layout import Layout
from detectors.row import Row
from detectors.row_codes import Codes, RowCodes

Floats = npt.NDArray[np.float64]

INDICATORS = 8  # categories of a feature that have a column of their own, the most frequent ones
PAIRED = 2  # of them that enter products
PAIRS = 210  # products at most: all of 20 numeric features, else the strongest of the reference
FEWEST_ROWS = 200  # of the reference's sample, half of which is held out
RARE = 0.1  # a column that varies less than this is not blown up any further
LARGEST = 4.0  # deviations; what is farther out counts as this much

_KEPT = "joint_columns"


def columns_of(layout: Layout) -> "JointColumns | None":
    """Return the columns of a layout, made once; None where its profile has no sample of rows that is large enough."""
    if _KEPT not in layout.__dict__:  # where functools.cached_property would keep it
        codes = _sample(layout)
        layout.__dict__[_KEPT] = None if codes is None else JointColumns(layout, codes)
    found: JointColumns | None = layout.__dict__[_KEPT]
    return found


class JointColumns:
    """Encodes rows by what the training half of the reference's sample looks like.

    A numeric feature is the normal score of its bin, so that its marginal is about normal whatever it was; any other
    has an indicator for each of its most frequent values. All have one for values that are missing. Then come products
    of pairs, squares included. All columns are centred and scaled by the training half.

    Parameters
    ----------
    codes
        Codes of the reference's rows, shape (rows, features), in the order of the hashes of their ids.

    Attributes
    ----------
    training, held_out
        Codes of the two halves.
    """

    def __init__(self, layout: Layout, codes: Codes) -> None:
        self.training, self.held_out = codes[0::2], codes[1::2]
        self._coder = RowCodes(layout)
        tables, paired = [], []
        width = 0
        for place, (name, size) in enumerate(zip(self._coder.names, self._coder.sizes, strict=True)):
            counts = np.bincount(self.training[:, place], minlength=size).astype(np.float64)
            table, products = _scores(counts) if self._coder.ordered(name) else _indicators(counts)
            tables.append(table)
            paired += [width + column for column in range(products)]
            width += table.shape[1]
        self._tables = tables
        self._pairs = self._strongest(paired)
        plain = self._plain(self.training)
        self._mean = plain.mean(axis=1, keepdims=True)
        self._scale = np.maximum(plain.std(axis=1, keepdims=True), RARE)

    @property
    def width(self) -> int:
        """Columns of a row."""
        return len(self._mean)

    def codes(self, rows: Sequence[Row]) -> Codes:
        """Return the codes of rows, shape (rows, features)."""
        return self._coder.of(rows)

    def encode(self, codes: Codes) -> Floats:
        """Return the columns of coded rows, shape (rows, width)."""
        columns = self._plain(codes)
        columns -= self._mean
        columns /= self._scale
        np.clip(columns, -LARGEST, LARGEST, out=columns)
        return columns.T

    def _plain(self, codes: Codes) -> Floats:
        """Return the columns before they are scaled, shape (width, rows): a column at a time lies together."""
        marginal = self._marginal(codes)
        plain = np.empty((len(marginal) + self._pairs.shape[1], len(codes)))
        plain[: len(marginal)] = marginal
        np.multiply(marginal[self._pairs[0]], marginal[self._pairs[1]], out=plain[len(marginal) :])
        return plain

    def _marginal(self, codes: Codes) -> Floats:
        return np.concatenate([table.T[:, codes[:, place]] for place, table in enumerate(self._tables)])

    def _strongest(self, columns: list[int]) -> npt.NDArray[np.intp]:
        """Return the pairs of columns that are multiplied, shape (2, pairs); of too many, the most dependent ones."""
        pairs = np.array(list(combinations_with_replacement(columns, 2)), dtype=np.intp).reshape(-1, 2).T
        if pairs.shape[1] <= PAIRS:
            return pairs
        marginal = self._marginal(self.training)
        # rounded: of features that say the same, which pair comes first must not hang on how sums are taken
        moments = np.round(np.abs(marginal @ marginal.T)[pairs[0], pairs[1]], 6)
        return pairs[:, np.sort(np.argsort(-moments, kind="stable")[:PAIRS])]


def _sample(layout: Layout) -> Codes | None:
    coder, sample = RowCodes(layout), layout.profile.sample if layout.profile else {}
    columns = [np.frombuffer(bytes.fromhex(sample.get(name, "")), dtype=np.uint8) for name in coder.names]
    if not columns or min(map(len, columns)) < FEWEST_ROWS or len(set(map(len, columns))) > 1:
        return None
    codes: Codes = np.minimum(np.stack(columns, axis=1), np.array(coder.sizes) - 1).astype(np.uint8)
    return codes


def _scores(counts: Floats) -> tuple[Floats, int]:
    """Return the columns by code of a numeric feature, and how many of them enter products."""
    valid = counts[:-1]
    total = max(valid.sum(), 1.0)
    middle = (np.cumsum(valid) - valid / 2 + 0.5 / len(valid)) / (total + 1)
    scores = ndtri(np.clip(middle, 1e-3, 1 - 1e-3))
    scores -= (scores * valid).sum() / total
    deviation = np.sqrt((scores**2 * valid).sum() / total)
    table = np.zeros((len(counts), 2))
    table[:-1, 0] = scores / max(deviation, RARE)
    table[-1, 1] = 1.0
    return table, 1


def _indicators(counts: Floats) -> tuple[Floats, int]:
    """Return the columns by code of any other feature, and how many of them enter products."""
    ranked = np.argsort(-counts[:-1], kind="stable")[:INDICATORS]
    table = np.zeros((len(counts), len(ranked) + 1))
    table[ranked, np.arange(len(ranked))] = 1.0
    table[-1, -1] = 1.0
    share = counts / max(counts.sum(), 1.0)
    table -= share @ table
    return table, min(PAIRED, len(ranked) - 1)
