"""`Prediction`: one answer of a model, with the features that it saw."""

from pydantic import ConfigDict, Field, model_validator

from schemas.contract import Event, Finite, Identifier, Label, Name, Probability
from schemas.event_time import Timestamp

FeatureValue = float | int | str | bool | None
"""What stands in a feature. NaN and infinities are let through here: they become data-quality readings."""


class Output(Event):
    """What the model answered; which fields are needed depends on the task of the model."""

    label: Label | None = Field(None, description="Predicted class (binary, multiclass)")
    score: Probability | None = Field(None, description="Probability of the positive label (binary)")
    probabilities: dict[Name, Probability] | None = Field(None, description="Probability of each class (multiclass)")
    value: Finite | None = Field(None, description="Predicted number (regression)")
    text: str | None = Field(None, description="Generated text (text)")

    @model_validator(mode="after")
    def _something(self) -> "Output":
        if all(part is None for part in (self.label, self.score, self.probabilities, self.value, self.text)):
            raise ValueError("an output has at least one of label, score, probabilities, value and text")
        return self


class Prediction(Event):
    """One prediction. `(prediction_id, model, version)` names it; the feedback refers to `prediction_id`."""

    model_config = ConfigDict(allow_inf_nan=True, title="Prediction")

    prediction_id: Identifier = Field(description="What feedback refers to; the Kafka key of both topics")
    model: Name
    version: Name = Field("1", description="Version of the model")
    timestamp: Timestamp = Field(description="When the prediction was made (event time)")
    features: dict[Name, FeatureValue] = Field(default_factory=dict)
    output: Output
    latency_ms: float | None = Field(None, ge=0, allow_inf_nan=False, description="How long the model took")
    scores: dict[Name, float | None] = Field(
        default_factory=dict,
        description="Numbers that say something of the output, such as its toxicity; those that the monitor file names "
        "are watched",
    )
    tags: dict[Name, str] = Field(default_factory=dict, description="Free text about the prediction; not summarised")
