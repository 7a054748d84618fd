"""`TriggerOutcome`: whether a retraining helped: performance before and after, what it cost, what it saved."""

from typing import Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp


class Performance(Record):
    """Mean loss of some labelled rows, with a 95 % interval; their mean cost where `costs.matrix` is declared."""

    version: str
    rows: int = Field(ge=0)
    loss: float
    low: float
    high: float


class TriggerOutcome(Record):
    """What came of one trigger. Published when it is known, and again (same id) when it is known better."""

    id: str
    trigger: str
    model: str
    version: str = Field(description="The version that the trigger wanted replaced")
    new_version: str | None = None
    time: Timestamp = Field(description="Event time of this record")
    status: Literal["helped", "no_difference", "worse", "failed", "refused", "unanswered"] = Field(
        description="failed: no new version came. refused: it did not stand its checks, or was rolled back. "
        "unanswered: nobody reported back in time"
    )
    reason: str = Field(description="One sentence")
    before: Performance | None = Field(None, description="The old version, from the change to the trigger")
    without: Performance | None = Field(
        None,
        description="The old version after the trigger: in the panes of the new one, where it went on predicting "
        "(shadow, canary), else in what the decision did not know yet",
    )
    after: Performance | None = Field(None, description="The new version since it serves, or is in shadow")
    retraining_cost: float = Field(description="Price of a retraining, in the unit of costs.loss, or of the loss")
    price_assumed: bool = Field(False, description="Whether costs.retraining was not declared, and a default stood in")
    difference: float | None = Field(
        None,
        description="Mean loss of the new version less that of the old one: after less without, pane by pane where "
        "both have labels in the same ones; where without is too little, after less before",
    )
    difference_low: float | None = Field(None, description="Lower end of its 95 % interval")
    difference_high: float | None = Field(None, description="Upper end of it")
    served_rows: int = Field(0, ge=0, description="Labelled rows that the new version answered: not those in shadow")
    saved: float | None = Field(
        None, description="What the difference comes to over served_rows, in the unit of retraining_cost"
    )
    regret: float | None = Field(
        None, description="retraining_cost less saved: above 0, not retraining would have been cheaper so far"
    )
