"""`DatasetSpec`: which rows of the archive a trigger says to train on, and which it keeps for the tests."""

from typing import Literal

from pydantic import Field, PositiveInt

from schemas.contract import Identifier, Record
from schemas.event_time import Duration
from schemas.expectation import Rule

Sampling = Literal["uniform", "recency", "importance"]


class MustHave(Record):
    """Rows that a training set has at least so many of, from before the change where after it are too few."""

    where: Rule = Field(description="Which rows: a rule as those of expectations")
    at_least: PositiveInt = Field(description="Labelled rows of it")


class DatasetSpec(Record):
    """How a training set is drawn from the labelled rows since the change."""

    sample: Sampling = Field(
        "uniform",
        description="Where there are more rows than max_rows. uniform: each alike. recency: a row of one half_life ago "
        "half as often. importance: rows of drifted slices, of large losses and of high uncertainty more often, with "
        "weights that undo it",
    )
    max_rows: PositiveInt = Field(100_000, description="Rows of a training set at most")
    half_life: Duration | None = Field(None, description="Of recency; default a quarter of the window")
    must_have: list[MustHave] = Field(default_factory=list, description="Representative rows, by rule")
    pinned: list[Identifier] = Field(
        default_factory=list, description="prediction_ids of rows that are in every training set"
    )
    holdout: float = Field(0.2, gt=0, lt=1, description="Share of the rows that is kept for the offline tests")
    holdout_rows: PositiveInt = Field(20_000, description="Rows that are kept for them at most")
