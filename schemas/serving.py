"""`Serving`: which version should answer, on a compacted topic that any server can follow. The key is the model."""

from typing import Literal

from pydantic import Field

from schemas.contract import Name, Record
from schemas.event_time import Timestamp

Stage = Literal["full", "shadow", "canary"]


class Serving(Record):
    """Who serves a model. The newest record of a model holds."""

    id: str
    number: int = Field(
        ge=1,
        description="Counts the changes of a model. After a crash older records may come again, before the newest: a "
        "reader leaves out what has a smaller number than what it knows",
    )
    model: Name
    version: Name = Field(description="The version that answers")
    candidate: Name | None = Field(None, description="The version that is being tried")
    stage: Stage = Field(
        "full",
        description="full: nobody is tried. shadow: the candidate predicts beside, unseen; its predictions carry its "
        "version and the same prediction_id. canary: it answers a share",
    )
    share: float = Field(
        0.0, ge=0, lt=1, description="Part of the traffic that the candidate answers, by hash of its id"
    )
    previous: Name | None = Field(None, description="The version that served before, for a roll-back")
    time: Timestamp = Field(description="Event time of the change")
    reason: str = Field(description="One sentence")
    trigger: str | None = Field(None, description="Id of the trigger that the candidate came of")
