"""`Feedback`: what became known about a prediction: its outcome, a user's word, an annotator's label."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.contract import Event, Finite, Identifier, Label, Name, Probability
from schemas.event_time import Timestamp
from schemas.prediction import Prediction

Source = Literal["outcome", "user", "annotator"]


class Feedback(Event):
    """Feedback on one prediction; joined by `prediction_id`, and by model and version where it names them.

    With `prediction` inside it is self-contained: nothing is waited for, and the predictions topic is not consulted.
    """

    prediction_id: Identifier
    timestamp: Timestamp = Field(description="When this became known (event time)")
    source: Source = "outcome"
    model: Name | None = Field(None, description="Only for this model")
    version: Name | None = Field(None, description="Only for this version")
    label: Label | None = Field(None, description="The true class (binary, multiclass)")
    value: Finite | None = Field(None, description="The true number (regression)")
    rating: Probability | None = Field(None, description="A user's rating, from 0 (useless) to 1 (perfect)")
    correction: Label | None = Field(None, description="What the answer should have been")
    inclusion_probability: float | None = Field(
        None,
        gt=0,
        le=1,
        description="With which the row was drawn at random for this label; echoed from the label request. The archive "
        "weights the row by one over it",
    )
    prediction: Prediction | None = Field(None, description="The prediction itself: self-contained feedback")

    @model_validator(mode="after")
    def _something(self) -> "Feedback":
        if all(part is None for part in (self.label, self.value, self.rating, self.correction)):
            raise ValueError("feedback has at least one of label, value, rating and correction")
        if self.prediction is not None and self.prediction.prediction_id != self.prediction_id:
            raise ValueError("prediction.prediction_id differs from prediction_id")
        return self
