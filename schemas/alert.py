"""`Alert`: what an on-call person reads. One change is one alert; its end is another, `recovered`."""

from typing import Any, Literal

from pydantic import Field

from schemas.contract import Record
from schemas.event_time import Timestamp
from schemas.reading import Family, Tier

Severity = Literal["alarm", "notice", "recovered"]


class Pane(Record):
    """A window of event time, start included, end not."""

    family: Family
    start: Timestamp
    end: Timestamp


class Mover(Record):
    """Something that moved along with what the alert is about."""

    feature: str | None = None
    segment: str | None = None
    effect: float = Field(description="PSI of a feature, or rise of the loss in a segment")
    description: str


class Alert(Record):
    """A signal left its baseline (`alarm`, `notice`) or came back (`recovered`)."""

    id: str = Field(description="Deterministic: the same step gives the same id")
    episode: str = Field(description="Shared by the alerts of one change, from its start to its recovery")
    model: str
    version: str
    severity: Severity
    recovered_from: Literal["alarm", "notice"] | None = Field(None, description="What is over, when it is `recovered`")
    tier: Tier
    signal: str
    feature: str | None = None
    segment: str | None = None
    detector: str
    time: Timestamp = Field(description="Event time at which this was known")
    since: Timestamp = Field(description="Estimated start of the change")
    pane: Pane
    value: float | None = Field(description="Mean since the change where known, else of the pane")
    reference: float | None = None
    baseline: float | None = None
    effect: float | None = Field(None, description="PSI beyond chance for drift, else value minus reference")
    minimum_effect: float | None = Field(None, description="What was declared too small to care about")
    n: int = Field(ge=0, description="Rows since the change")
    evidence: float | None = Field(None, description="Weighted wealth of the e-detector; it fires at 1")
    weight: float | None = Field(None, description="Share of the false-alarm budget that this signal spends")
    budget: str | None = Field(None, description="The false-alarm budget, as declared")
    movers: list[Mover] = Field(default_factory=list, description="What moved along, strongest first")
    summary: str = Field(description="One sentence: what moved, by how much, since when")
    action: str = Field(description="What to do next")
    provenance: dict[str, Any] = Field(
        default_factory=dict, description="What depends on how topics were cut; left out of comparisons"
    )
