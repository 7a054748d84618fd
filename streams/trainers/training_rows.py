"""Rows of a dataset as trainers want them: features by row or by column, what came true, and weights."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.spec import ModelSpec
from streams.archive_schema import FEATURE
from streams.arrow_arrays import floats_of
from streams.errors import UserError

Floats = npt.NDArray[np.float64]


class TrainingRows(NamedTuple):
    """Rows whose truth the task can learn from, in the order in which they came."""

    columns: list[list[Any]]
    """Values of each feature, in the order of the monitor file."""
    truths: list[str] | Floats
    """Classes, or values (regression)."""
    weights: Floats
    """Each above 0, their mean 1."""
    times: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weights)


def training_rows(settings: ModelSpec, rows: pa.Table) -> TrainingRows:
    """Return the rows that can be learnt from: those with a class or a finite value, and a weight.

    Raises
    ------
    UserError
        When the task has nothing to learn, there is no such row, or all are of one class.
    """
    if settings.task == "text":
        raise UserError(
            "a text model has no class and no number to learn: set retraining.trainer to a command that trains it"
        )
    weights = np.nan_to_num(floats_of(rows["weight"]), nan=1.0)
    usable = (weights > 0) & np.isfinite(weights)
    if settings.task == "regression":
        usable &= np.isfinite(floats_of(rows["value"]))
    else:
        usable &= rows["label"].is_valid().to_numpy()
    if not usable.any():
        raise UserError("no row with a label to train on")
    rows, weights = rows.filter(pa.array(usable)), weights[usable]
    truths: list[str] | Floats
    truths = floats_of(rows["value"]) if settings.task == "regression" else rows["label"].to_pylist()
    if not isinstance(truths, np.ndarray):
        _check_classes(settings, truths)
    columns = [rows[FEATURE + name].to_pylist() for name in settings.features]
    return TrainingRows(columns, truths, weights / weights.mean(), rows["time"].cast(pa.int64()).to_numpy())


def _check_classes(settings: ModelSpec, truths: list[str]) -> None:
    if settings.task == "binary":
        positive = truths.count(str(settings.positive_label))
        if positive in (0, len(truths)):
            which = "is" if positive else "is not"
            raise UserError(
                f"each of the {len(truths):,} labelled rows {which} {settings.positive_label!r}: there is nothing to "
                "tell apart. A longer window or must_have rows bring in the other class"
            )
    elif len(set(truths)) == 1:
        raise UserError(
            f"each of the {len(truths):,} labelled rows is of class {truths[0]!r}: there is nothing to tell apart. A "
            "longer window or must_have rows bring in other classes"
        )
