"""`Trainer` and `FittedModel`: who makes a candidate out of labelled rows, and what a candidate can be asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

from schemas.prediction import FeatureValue

Features = Sequence[Sequence[FeatureValue]]
"""Rows of features, each in the order of the monitor file."""


class ModelOutput(NamedTuple):
    """What a model answers for one row; which fields there are depends on the task."""

    label: str | None = None
    score: float | None = None
    """Binary: probability of the positive label. Multiclass: of the predicted class."""
    value: float | None = None
    probabilities: Mapping[str, float] | None = None


class FittedModel(Protocol):
    """A model that answers. Any value of a feature is safe: what is no value of its type is missing."""

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return an answer for each row."""
        ...


class Trainer(Protocol):
    """Makes a model directory out of a dataset.

    The same rows give the same model. Errors that are the user's (an estimator that is not there, a program that fails,
    labels of one class) are `UserError`s that say what to do.
    """

    @property
    def incremental(self) -> bool:
        """Whether it learns row by row and forgets on purpose: what is newer counts for more."""
        ...

    def train(self, dataset: Path, model: Path) -> None:
        """Fit on `train.parquet` of a dataset's directory; write everything that is needed into `model`, a new one."""
        ...

    def fit(self, rows: pa.Table) -> FittedModel:
        """Fit on rows of `archive_schema`, labelled, oldest first; their `weight` counts. Nothing is written.

        Raises
        ------
        UserError
            Also where the kind of trainer cannot do it (a command works on directories).
        """
        ...

    def load(self, model: Path) -> FittedModel:
        """Read a model directory that `train` wrote."""
        ...
