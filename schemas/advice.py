"""`Advice`: what to do at once about costly predictions, before any retraining."""

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp
from schemas.retraining_spec import Fallback


class Advice(Record):
    """Fall back now. A consumer handles each `id` once."""

    id: str
    model: str
    version: str = Field(description="The version whose predictions are costly")
    time: Timestamp = Field(description="Event time of the advice")
    since: Timestamp = Field(description="Estimated start of the change")
    fallback: Fallback
    to_version: str | None = Field(None, description="The version to serve instead (previous_version)")
    rule: str | None = Field(None, description="What to do instead, as the monitor file has it (rule)")
    reason: str = Field(description="One sentence")
    loss: float = Field(description="Mean loss since the change")
    reference: float = Field(description="Mean loss in the reference")
    expected: float | None = Field(None, description="Mean loss of what is advised, where that is known")
    rows: int = Field(ge=0, description="Labelled rows since the change")
    excess_loss_per_day: float
    cost_per_day: float | None = None
    alert: str | None = Field(None, description="Id of the alert of the change")
