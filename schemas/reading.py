"""`Reading`: what one signal said about one pane."""

from typing import Literal

from pydantic import Field

from schemas.contract import Name, Record

Family = Literal["traffic", "label", "cohort"]
"""Traffic: by prediction time. Label: by when the outcome became known. Cohort: by prediction time, judged later."""

Tier = Literal["outcomes", "performance", "proxies", "quality", "drift", "system"]
"""Kinds of signals, in the order of their worth."""

Status = Literal["ok", "alarm", "unknown"]


class Reading(Record):
    """One value of one signal. `alarm` here means that the detector fired in this pane; what people see are alerts."""

    signal: str = Field(description="Name of the signal, such as error_rate")
    tier: Tier
    feature: str | None = None
    segment: str | None = Field(None, description="feature=value; none is all rows")
    detector: str | None = Field(None, description="What judged the value; none for a plain reading")
    value: float | None = Field(None, description="None where the pane says nothing about it")
    low: float | None = Field(None, description="Lower end of the value's 95 % interval, where it has one")
    high: float | None = Field(None, description="Upper end of that interval")
    detail: str | None = Field(None, description="What the value is of, where that is not always the same")
    n: int = Field(ge=0, description="Rows behind the value")
    status: Status
    reason: str | None = Field(None, description="Why the status is unknown")
    reference: float | None = Field(None, description="The same value in the reference")
    baseline: float | None = Field(
        None,
        description="What the value may be without evidence counting: the reference's upper bound plus the effect",
    )
    effect: float | None = Field(
        None, description="Effect size: PSI beyond chance for drift, else value minus reference"
    )
    effects: dict[str, float] | None = Field(
        None,
        description="Other sizes of the same change, by name: ks, total_variation, jensen_shannon, wasserstein. They "
        "decide nothing",
    )
    other_version: Name | None = Field(
        None, description="Version that the value is compared with; none is the reference or the recent past"
    )
    other_n: int | None = Field(None, ge=0, description="Rows of what it is compared with, where that is no reference")
    evidence: float | None = Field(None, description="Weighted wealth of the e-detector after this pane; it fires at 1")
    failing: list[str] | None = Field(
        None, description="Expectations and kinds of defects that fail in this pane, worst first (numbers of quality)"
    )
    sampled: bool = Field(False, description="The detector saw a uniform sample of the pane, not every row")
    positions: list[int] | None = Field(
        None,
        description="Where an order-dependent detector fired: positions in the stream of rows it has seen, from 0",
    )
