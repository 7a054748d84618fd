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
    effect: float = Field(
        description="PSI of a feature, or rise of the loss in a segment; with neither, rise of the share of rows in "
        "which one class is answered as another"
    )
    description: str


class Along(Record):
    """A signal that moved with what an alert is about: it fired in the same pane, or joined the incident before."""

    severity: Literal["alarm", "notice"]
    tier: Tier
    signal: str
    feature: str | None = None
    segment: str | None = None
    detector: str
    what: str = Field(description="What moved, in words")
    value: float = Field(description="Mean since the change")
    reference: float | None = None
    n: int = Field(ge=0, description="Rows since the change")
    since: Timestamp = Field(description="Estimated start, as this signal has it")


class ChangeSlice(Record):
    """Where a rise of the loss sits, over sampled labelled rows since the change."""

    conditions: list[str] = Field(description="All of them hold in the slice; none: the rise is spread over all rows")
    rows: int = Field(ge=0, description="Rows in the slice")
    of: int = Field(ge=0, description="Rows that were looked at")
    share: float = Field(description="Part of the whole rise that the slice carries")
    loss: float = Field(description="Mean loss in the slice")
    before: float = Field(description="Mean loss in the slice before the change, or in the reference")
    outside: float | None = Field(None, description="Mean loss of all other rows")
    description: str


class Reason(Record):
    """A feature that no longer separates high scores from low ones as it did in the reference."""

    feature: str
    reference: float = Field(description="Cliff's delta between top and bottom decile of the reference's scores")
    value: float = Field(description="The same over the newest rows")
    low: float = Field(description="Lower end of the value's 95 % interval")
    high: float = Field(description="Upper end of it")
    n: int = Field(ge=0, description="Newest rows in both deciles")
    description: str


class Alert(Record):
    """A signal left its baseline (`alarm`, `notice`) or came back (`recovered`)."""

    id: str = Field(description="Deterministic: the same step gives the same id")
    episode: str = Field(
        description="Shared by the alerts of one change, from its start to its recovery, whatever signals see it"
    )
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
    since_low: Timestamp | None = Field(None, description="Lower end of the start's 95 % interval, where it has one")
    since_high: Timestamp | None = Field(None, description="Upper end of that interval")
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
    along: list[Along] = Field(
        default_factory=list, description="Other signals of the same incident, those of most worth first"
    )
    along_more: int = Field(0, ge=0, description="How many there are beyond those")
    slice: ChangeSlice | None = Field(
        None,
        description="The slice of the rows that carries most of a rise of the loss; none: not looked for",
    )
    reasons: list[Reason] = Field(
        default_factory=list, description="Features that no longer separate high scores from low ones as before"
    )
    summary: str = Field(description="One sentence: what moved, by how much, since when")
    action: str = Field(description="What to do next")
    provenance: dict[str, Any] = Field(
        default_factory=dict, description="What depends on how topics were cut; left out of comparisons"
    )
