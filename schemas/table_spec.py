"""The `files` block of the monitor file: how tables (CSV, JSON Lines, Parquet; gzip or not) become events."""

from typing import Any

from pydantic import Field, model_validator

from schemas.contract import Name, Record
from schemas.event_time import Duration


class PredictionColumns(Record):
    """Which columns hold what. Feature columns are found by name."""

    prediction_id: str = Field(description="The prediction's id, one of its own for each row")
    timestamp: str = Field(description="When the prediction was made: event time; without a zone it is taken as UTC")
    label: str | None = Field(None, description="The predicted class")
    score: str | None = Field(None, description="Probability of the positive label (binary)")
    probabilities: dict[Name, str] | None = Field(None, description="Column of each class's probability")
    value: str | None = Field(None, description="The predicted number (regression)")
    text: str | None = Field(None, description="The generated text (text)")
    model: str | None = Field(None, description="The row's model, where the table has several")
    version: str | None = Field(None, description="The model's version")
    latency_ms: str | None = Field(None, description="How long the prediction took, in milliseconds")
    scores: dict[Name, str] | None = Field(None, description="Column of each number attached to the prediction")


class ReferenceColumns(PredictionColumns):
    """A table of predictions with what came true."""

    outcome: str | None = Field(
        None, description="The true class or number, in this very table; where empty, the row has no label"
    )
    rating: str | None = Field(None, description="The user's rating, 0 to 1")
    correction: str | None = Field(
        None, description="What users or annotators said the output should have been; it goes before the outcome"
    )


class FeedbackColumns(Record):
    """Which columns hold what."""

    prediction_id: str = Field(description="Id of the prediction that it is about")
    timestamp: str | None = Field(None, description="When it became known, without a zone as UTC; else give delay")
    label: str | None = Field(None, description="The true class")
    value: str | None = Field(None, description="The true number (regression)")
    rating: str | None = Field(None, description="The user's rating, 0 to 1")
    correction: str | None = Field(None, description="What the output should have been")
    source: str | None = Field(None, description="Who says so: outcome, user or annotator")
    inclusion_probability: str | None = Field(
        None, description="With which the row was drawn for this label, as the label request said; may be empty"
    )
    model: str | None = Field(None, description="The prediction's model, where ids are not unique over models")
    version: str | None = Field(None, description="The prediction's version")


class Table(Record):
    """A file of rows."""

    path: str = Field(description="CSV, JSON Lines or Parquet, gzip or not; relative to the monitor file")
    model: Name | None = Field(None, description="Model of all rows; not needed where the file monitors one model")
    version: Name | None = Field(None, description="Version of all rows")


class PredictionTable(Table):
    """Rows that are predictions."""

    columns: PredictionColumns = Field(description="Which columns hold what")


class ReferenceTable(Table):
    """Rows that are predictions from a time that was good, each with its outcome: no other table is joined to it."""

    columns: ReferenceColumns = Field(description="Which columns hold what")


class FeedbackTable(Table):
    """Rows that are feedback."""

    columns: FeedbackColumns = Field(description="Which columns hold what")
    delay: Duration | None = Field(
        None, description="Feedback comes this long after its prediction, where it has no time of its own"
    )

    @model_validator(mode="after")
    def _time(self) -> "FeedbackTable":
        if self.delay is None and self.columns.timestamp is None:
            raise ValueError("columns.timestamp or delay says when it became known, and neither is given; give one")
        if self.delay is not None and self.columns.timestamp is not None:
            raise ValueError("give either columns.timestamp or delay, and not both")
        if all(getattr(self.columns, name) is None for name in ("label", "value", "rating", "correction")):
            raise ValueError("columns needs at least one of label, value, rating and correction")
        return self


class FilesSpec(Record):
    """Each entry is a table or a list of tables."""

    reference: list[ReferenceTable] = Field(
        default_factory=list, description="What `streamgauge reference` learns from"
    )
    predictions: list[PredictionTable] = Field(
        default_factory=list, description="What `replay` and `send` play as predictions"
    )
    feedback: list[FeedbackTable] = Field(default_factory=list, description="What they play as feedback")

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: [entry] if isinstance(entry, dict) else entry for name, entry in value.items()}
        return value
