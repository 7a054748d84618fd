"""`LabelRequest`: a row whose label is worth getting."""

from typing import Any, Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp


class LabelRequest(Record):
    """Somebody should label this prediction; the answer comes back as feedback with source `annotator`."""

    id: str
    model: str
    version: str
    prediction_id: str
    prediction_time: Timestamp
    time: Timestamp
    deadline: Timestamp = Field(description="After this the label is no longer joined (label_horizon)")
    reason: Literal["coverage"] = Field(description="coverage: too few labels came to judge the pane")
    inclusion_probability: float = Field(gt=0, le=1, description="With which this row was drawn, to weight it back")
    features: dict[str, Any]
    output: dict[str, Any]
    provenance: dict[str, Any] = Field(default_factory=dict)
