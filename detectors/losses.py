"""Losses: how wrong each prediction was, as far as its label says. Arrays only; nothing is counted here."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from operator import eq

import numpy as np
import numpy.typing as npt

from detectors.row import Label, Row
from schemas.spec import ModelSpec

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

NO_CLASS = -1
"""Key of a row that predicts no class, or of a label that names none."""


def losses(
    spec: ModelSpec,
    said_keys: Keys,
    numbers: Floats,
    truth_keys: Keys,
    values: Floats,
    ratings: Floats,
    has_label: npt.NDArray[np.bool_],
) -> Floats:
    """Return the loss of each labelled row, NaN where the label does not say. All shapes are (rows,).

    Classification: 0 or 1; binary asks for the positive label only, whatever the other class is called. Regression:
    absolute error, in the unit of the value. Text: 1 - rating; without a rating, 1 for a correction.

    Parameters
    ----------
    said_keys, truth_keys
        `class_keys` of the predicted and of the true classes (classification).
    numbers, values
        Predicted and true number, NaN for none (regression).
    ratings, has_label
        Rating in [0, 1], NaN for none; and whether there is a label, which is a correction (text).
    """
    if spec.task in ("binary", "multiclass"):
        known = (said_keys != NO_CLASS) & (truth_keys != NO_CLASS)
        return np.where(known, said_keys != truth_keys, np.nan)
    if spec.task == "regression":
        with np.errstate(over="ignore"):  # an infinite error is clipped when it is counted
            return np.abs(numbers - values)
    return np.where(np.isnan(ratings), np.where(has_label, 1.0, np.nan), 1.0 - ratings)


def class_keys(spec: ModelSpec, classes: Sequence[str | None]) -> Keys:
    """Return a number for each class that says which are the same: the same for ever, so it may be stored.

    Binary: 1 for the positive label, else 0. Multiclass: a 63-bit hash of the name. No class: NO_CLASS.
    """
    if spec.task == "binary":
        keys = np.fromiter(map(eq, classes, repeat(spec.positive_label)), dtype=np.bool_, count=len(classes))
        if None not in classes:
            return keys.astype(np.int64)
        return np.where([name is None for name in classes], NO_CLASS, keys)
    return np.fromiter(map(_class_key, classes), dtype=np.int64, count=len(classes))


def losses_of(spec: ModelSpec, labelled: Sequence[tuple[Row, Label]]) -> Floats:
    """Return the losses of whole rows."""
    return losses(
        spec,
        class_keys(spec, [row.label for row, _ in labelled]),
        _floats([row.value for row, _ in labelled]),
        class_keys(spec, [label.label for _, label in labelled]),
        _floats([label.value for _, label in labelled]),
        _floats([label.rating for _, label in labelled]),
        np.array([label.label is not None for _, label in labelled], dtype=np.bool_),
    )


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)  # None is NaN


@lru_cache(maxsize=4_096)
def _class_key(name: str | None) -> int:
    if name is None:
        return NO_CLASS
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
