"""`FeatureEncoder`: a row of features as the numbers that River's models learn from: no NaN, nothing large.

Order matters: means and standard deviations are those of the rows before.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence

from detectors.running_scale import MEMORY, RunningScale
from detectors.state_classes import register
from schemas.contract import normalise_label
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue

CATEGORIES = 64  # values of a categorical feature with a column of their own
BUCKETS = 8  # columns that all other values share, by hash
TARGET_MEMORY = 1_000  # rows that the mean outcome of a category looks back on
PRIOR_ROWS = 10  # rows that the overall mean outcome counts for in that of a category
LONGEST_CATEGORY = 64  # characters; longer values are known by their hash

Columns = dict[str, float]

_TRUE = ("true", "1")
_FALSE = ("false", "0")


@register
class FeatureEncoder:
    """Encodes rows for linear models and for trees.

    A numeric feature is standardised by a running mean and deviation, and clipped to ±10; a missing or unusable value
    (None, NaN, an infinity, text) is the mean, and a column of its own says that it was missing. A boolean is ±1, or 0
    when missing. A categorical feature is one-hot for a linear model; for a tree, which would need a split for every
    column, it is the running mean outcome of the category. Text and datetime features are left out.

    Parameters
    ----------
    features
        Type of each feature by name, in the order of the rows' values.

    Notes
    -----
    Memory is bounded: three floats a numeric feature, at most 73 columns and means a categorical one. Whatever the
    values are, every number that comes out lies in [-10, 10], or, for mean outcomes, between the outcomes' extremes.

    References
    ----------
    Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and prediction
    problems", SIGKDD Explorations 3(1), 2001: the mean outcome, drawn towards the overall one.

    Examples
    --------
    >>> encoder = FeatureEncoder({"income": "numeric", "region": "categorical"})
    >>> for income in (10.0, 20.0, 30.0):
    ...     columns = encoder.encode([income, "north"], learn=True)
    >>> encoder.encode([float("nan"), "south"], learn=False).linear
    {'income': 0.0, 'income?': 1.0, 'region=1': 1.0}
    """

    def __init__(self, features: Mapping[str, FeatureType]) -> None:
        order = list(features)
        self._numeric = [(i, order[i], f"{order[i]}?") for i, name in enumerate(order) if features[name] == "numeric"]
        self._boolean = [(i, order[i]) for i, name in enumerate(order) if features[name] == "boolean"]
        self._categorical = [(i, order[i]) for i, name in enumerate(order) if features[name] == "categorical"]
        self._scales = [RunningScale() for _ in self._numeric]
        self._columns: list[dict[str, str]] = [{} for _ in self._categorical]
        self._outcomes: dict[str, list[float]] = {}  # column -> mean outcome, rows
        self._outcome = [0.0, 0.0]

    def encode(self, values: Sequence[FeatureValue], *, learn: bool) -> "Encoded":
        """Return the columns of a row; with `learn`, let scales and known categories take it in afterwards."""
        linear: Columns = {}
        for (i, name, missing), scale in zip(self._numeric, self._scales, strict=True):
            value = values[i]
            if value is None or isinstance(value, str) or value != value or value in (math.inf, -math.inf):
                linear[name] = 0.0
                linear[missing] = 1.0
            else:
                linear[name] = scale.score(value, learn=learn)
        for i, name in self._boolean:
            linear[name] = _sign(values[i])
        tree = linear.copy()
        columns = []
        for (i, name), known in zip(self._categorical, self._columns, strict=True):
            column = _column(values[i], name, known, learn)
            columns.append(column)
            linear[column] = 1.0
            tree[name] = self._outcomes.get(column, self._outcome)[0]
        return Encoded(linear, tree, columns)

    def learn_outcome(self, columns: list[str], outcome: float) -> None:
        """Take in the outcome of a row (bounded, finite) whose categories are in `columns`."""
        overall = self._outcome
        overall[1] = min(overall[1] + 1.0, MEMORY)
        overall[0] += (outcome - overall[0]) / overall[1]
        for column in columns:
            mean = self._outcomes.get(column)
            if mean is None:
                mean = self._outcomes[column] = [overall[0], PRIOR_ROWS]
            mean[1] = min(mean[1] + 1.0, TARGET_MEMORY)
            mean[0] += (outcome - mean[0]) / mean[1]


class Encoded:
    """One row in columns: for a linear model, for a tree, and the one-hot columns of its categories."""

    __slots__ = ("categories", "linear", "tree")

    def __init__(self, linear: Columns, tree: Columns, categories: list[str]) -> None:
        self.linear = linear
        self.tree = tree
        self.categories = categories


def _sign(value: FeatureValue) -> float:
    if value is True:
        return 1.0
    if value is False:
        return -1.0
    text = _text(value)
    return 0.0 if text is None else 1.0 if text in _TRUE else -1.0 if text in _FALSE else 0.0


def _column(value: FeatureValue, name: str, known: dict[str, str], learn: bool) -> str:
    text = _text(value)
    if text is None:
        return f"{name}?"
    column = known.get(text)
    if column is None:
        if len(known) < CATEGORIES:
            column = f"{name}={len(known)}"
            if learn:
                known[text] = column
        else:
            column = f"{name}~{zlib.crc32(text.encode(errors='replace')) % BUCKETS}"
    return column


def _text(value: FeatureValue) -> str | None:
    """Return a category as text, so that 1, 1.0 and "1" are the same one; None when it is missing."""
    if value is None:
        return None
    if type(value) is not str:
        if type(value) is float and not math.isfinite(value):
            return None
        value = str(normalise_label(value))
    if len(value) > LONGEST_CATEGORY:
        return hashlib.blake2b(value.encode(errors="replace"), digest_size=16).hexdigest()
    return value
