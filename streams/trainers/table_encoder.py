"""`TableEncoder`: features as the columns of numbers that scikit-learn's estimators learn from. Plain data when stored.

Numbers and moments are centred at the median and scaled by the spread of the middle half, unless the estimator takes
them as they are; classes have a column each, or a code where the estimator knows codes. Any value is safe: what is no
value of its type is missing, and a class that was not there is of none of the known ones.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.row import as_number
from schemas.contract import normalise_label
from schemas.event_time import SECOND, to_micros
from schemas.feature_spec import FeatureType
from schemas.spec import ModelSpec

Floats = npt.NDArray[np.float64]
Plain = dict[str, Any]

ONE_HOT = 64  # classes of a feature with a column of their own, the most common ones
CODED = 250  # with a code of their own: histogram gradient boosting takes at most 255
FARTHEST = 1e6  # spreads from the median; an estimator that computes in 32 bits bears its square
NORMAL = 1.349  # width of the middle half of a normal distribution, in standard deviations


class Taken(NamedTuple):
    """What an estimator takes as it is."""

    missing: bool
    """NaN."""
    codes: bool
    """Classes as codes, named in `categorical_features`; it then needs no scaling either."""


class TableEncoder:
    """Encodes rows of features.

    Parameters
    ----------
    parts
        What is done with each feature, as `fitted` found it: plain data.

    Attributes
    ----------
    width : int
        Columns that come out.
    codes : list of int
        Columns that hold codes of classes.
    """

    def __init__(self, parts: list[Plain]) -> None:
        self.parts = parts
        self.width = sum(map(_width, parts))
        places = np.cumsum([0, *map(_width, parts)]).tolist()
        self.codes = [place for place, part in zip(places, parts, strict=False) if part["kind"] == "codes"]

    @classmethod
    def fitted(cls, settings: ModelSpec, columns: Sequence[Sequence[Any]], taken: Taken) -> "TableEncoder":
        """Return the encoder for some rows, given by column; text is left out."""
        parts = []
        for (name, feature), values in zip(settings.features.items(), columns, strict=True):
            if feature.type != "text":
                parts.append({"feature": name, **_fitted(feature.type, values, taken)})
        return cls(parts)

    def encode(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> Floats:
        """Return the numbers of rows, shape (rows, width).

        Parameters
        ----------
        names
            Features in the order of `columns`. One that is not among them is missing in each row.
        """
        rows = len(columns[0]) if columns else 0
        by_name = dict(zip(names, columns, strict=True))
        blocks = [_encoded(part, by_name.get(part["feature"], [None] * rows)) for part in self.parts]
        return np.hstack(blocks) if blocks else np.zeros((rows, 0))


def _fitted(kind: FeatureType, values: Sequence[Any], taken: Taken) -> Plain:
    if kind == "categorical":
        counts = Counter(text for text in map(_class, values) if text is not None)
        most = sorted(counts, key=lambda text: (-counts[text], text))[: CODED if taken.codes else ONE_HOT]
        return {"kind": "codes" if taken.codes else "one_hot", "classes": sorted(most)}
    numbers = _READ[kind](values)
    known = numbers[~np.isnan(numbers)]
    part: Plain = {"kind": kind, "centre": 0.0, "scale": 1.0, "fill": None, "flag": False}
    if not taken.codes and kind != "boolean" and len(known):
        low, centre, high = (float(each) for each in np.quantile(known, (0.25, 0.5, 0.75)))
        part |= {"centre": centre, "scale": _spread(known, low, high)}
    if not taken.missing:
        part |= {"fill": 0.0, "flag": len(known) < len(numbers)}
    return part


def _spread(known: Floats, low: float, high: float) -> float:
    """Return the deviation as the middle half tells it, or where that is of one value, as all values do."""
    with np.errstate(over="ignore", invalid="ignore"):
        for spread in ((high - low) / NORMAL, float(known.std())):
            if 0 < spread < math.inf:
                return spread
    return 1.0


def _width(part: Plain) -> int:
    return len(part["classes"]) if part["kind"] == "one_hot" else 2 if part.get("flag") else 1


def _encoded(part: Plain, values: Sequence[Any]) -> Floats:
    if part["kind"] in ("one_hot", "codes"):
        places = {text: place for place, text in enumerate(part["classes"])}
        found = np.array([places.get(text, -1) if (text := _class(value)) is not None else -1 for value in values])
        if part["kind"] == "codes":
            return np.where(found < 0, np.nan, found).reshape(-1, 1)
        return np.asarray(found.reshape(-1, 1) == np.arange(len(places)), dtype=np.float64)
    with np.errstate(over="ignore"):
        numbers = (_READ[part["kind"]](values) - part["centre"]) / part["scale"]
    if part["scale"] != 1.0 or part["centre"] != 0.0 or part["fill"] is not None:
        numbers = np.clip(numbers, -FARTHEST, FARTHEST)
    missing = np.isnan(numbers)
    if part["fill"] is not None:
        numbers = np.where(missing, part["fill"], numbers)
    return np.column_stack([numbers, missing]) if part["flag"] else numbers.reshape(-1, 1)


def _numbers(values: Sequence[Any]) -> Floats:
    found = np.array([math.nan if (number := as_number(value)) is None else number for value in values])
    return np.where(np.isinf(found), np.nan, found)


def _booleans(values: Sequence[Any]) -> Floats:
    return np.array([_TRUTHS.get(str(value).lower(), math.nan) for value in values])


def _moments(values: Sequence[Any]) -> Floats:
    """Return seconds since 1970; a text without a zone is in UTC."""
    return np.array([_seconds(value) for value in values])


def _seconds(value: Any) -> float:
    if not isinstance(value, str):
        return math.nan
    try:
        moment = datetime.fromisoformat(value.strip())
        return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) / SECOND
    except (ValueError, OverflowError):
        return math.nan


def _class(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(normalise_label(value)) or None


_TRUTHS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
_READ: dict[str, Callable[[Sequence[Any]], Floats]] = {"numeric": _numbers, "boolean": _booleans, "datetime": _moments}
