"""`SchemaChange`: a feature appeared, vanished or changed its type, or is again as the monitor file declares it."""

from typing import Any, Literal

from pydantic import Field

from schemas.alert import Pane
from schemas.contract import Record
from schemas.event_time import Timestamp

Kind = Literal["appeared", "vanished", "retyped"]
Compatibility = Literal["FULL", "BACKWARD", "FORWARD", "NONE"]


class SchemaChange(Record):
    """One feature of one model version is not, or no longer not, as the monitor file and the reference have it."""

    id: str = Field(description="Deterministic: the same step gives the same id")
    change: str = Field(description="Shared by the change and its end")
    model: str
    version: str
    feature: str
    kind: Kind = Field(description="What happened; with `over`, what is over")
    over: bool = Field(False, description="The feature is as declared again")
    from_type: str | None = Field(description="Type before; none where there was no such feature")
    to_type: str | None = Field(description="Type of its values now; none where there are none, or it is not known")
    time: Timestamp = Field(description="Event time at which this was known")
    pane: Pane = Field(description="Where it was first seen")
    n: int = Field(ge=0, description="Predictions in the pane")
    share: float = Field(ge=0, le=1, description="Share of them that are so; estimated for a feature that appeared")
    compatibility: Compatibility = Field(
        description="BACKWARD: readers with the new schema read old data. FORWARD: readers with the old schema read "
        "new data. FULL: both. NONE: neither"
    )
    breaks: list[str] = Field(default_factory=list, description="What one schema allows and the other refuses")
    summary: str = Field(description="One sentence: what happened, since when")
    action: str = Field(description="What to do next")
    provenance: dict[str, Any] = Field(default_factory=dict)
