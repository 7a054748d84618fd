"""`LabelRequest`: a row whose label is worth getting."""

from typing import Any, Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp

Reason = Literal["coverage", "rule", "random", "uncertainty", "disagreement", "drifted", "rare", "errors"]


class LabelRequest(Record):
    """Somebody should label this prediction; the answer comes back as feedback with source `annotator`."""

    id: str
    model: str
    version: str
    prediction_id: str
    prediction_time: Timestamp
    time: Timestamp
    deadline: Timestamp = Field(description="Of the answer: by then the label is joined, and wanted")
    reason: Reason = Field(
        description="coverage: too few labels came to judge the pane. rule: one of label_requests.rules. The others "
        "are its strategies"
    )
    rule: str | None = Field(None, description="Name of the rule (rule)")
    detail: str | None = Field(None, description="Why this row, in words and numbers")
    inclusion_probability: float | None = Field(
        gt=0,
        le=1,
        description="With which this row came into the random draw, to weight it back; none where it was chosen alone",
    )
    features: dict[str, Any]
    output: dict[str, Any]
    provenance: dict[str, Any] = Field(default_factory=dict)
