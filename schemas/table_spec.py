"""The `files` block of the monitor file: how tables (CSV, JSON Lines, Parquet; gzip or not) become events."""

from typing import Any

from pydantic import Field, model_validator

from schemas.contract import Name, Record
from schemas.event_time import Duration


class PredictionColumns(Record):
    """Which columns hold what. Feature columns are found by name."""

    prediction_id: str
    timestamp: str
    label: str | None = None
    score: str | None = None
    probabilities: dict[Name, str] | None = Field(None, description="Column of each class's probability")
    value: str | None = None
    text: str | None = None
    model: str | None = None
    version: str | None = None
    latency_ms: str | None = None


class ReferenceColumns(PredictionColumns):
    """A table of predictions with what came true."""

    outcome: str | None = Field(None, description="The true class or number; where empty, the row has no label")
    rating: str | None = Field(None, description="The user's rating, 0 to 1")


class FeedbackColumns(Record):
    """Which columns hold what."""

    prediction_id: str
    timestamp: str | None = Field(None, description="When it became known; else give delay")
    label: str | None = None
    value: str | None = None
    rating: str | None = None
    correction: str | None = None
    source: str | None = None
    model: str | None = None
    version: str | None = None


class Table(Record):
    """A file of rows."""

    path: str = Field(description="CSV, JSON Lines or Parquet, gzip or not; relative to the monitor file")
    model: Name | None = Field(None, description="Model of all rows; not needed where the file monitors one model")
    version: Name | None = Field(None, description="Version of all rows")


class PredictionTable(Table):
    """Rows that are predictions."""

    columns: PredictionColumns


class ReferenceTable(Table):
    """Rows that are predictions with their outcomes, from a time that was good."""

    columns: ReferenceColumns


class FeedbackTable(Table):
    """Rows that are feedback."""

    columns: FeedbackColumns
    delay: Duration | None = Field(
        None, description="Feedback comes this long after its prediction, where it has no time of its own"
    )

    @model_validator(mode="after")
    def _time(self) -> "FeedbackTable":
        if (self.delay is None) == (self.columns.timestamp is None):
            raise ValueError("give either columns.timestamp or delay, and not both")
        if all(getattr(self.columns, name) is None for name in ("label", "value", "rating", "correction")):
            raise ValueError("columns needs at least one of label, value, rating and correction")
        return self


class FilesSpec(Record):
    """Each entry is a table or a list of tables."""

    reference: list[ReferenceTable] = Field(default_factory=list)
    predictions: list[PredictionTable] = Field(default_factory=list)
    feedback: list[FeedbackTable] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: [entry] if isinstance(entry, dict) else entry for name, entry in value.items()}
        return value
