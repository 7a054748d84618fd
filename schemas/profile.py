"""`ReferenceProfile`: what a model version looked like while it was good. Written by `streamgauge reference`."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from schemas.contract import Name, Record
from schemas.event_time import Duration, Timestamp
from schemas.reading import Family


class Tails(Record):
    """What features are in the rows with the lowest and the highest scores."""

    low: float = Field(description="The lowest tenth of the scores ends here")
    high: float = Field(description="The highest tenth begins here")
    bottom: dict[Name, list[int]] = Field(description="Rows of the lowest tenth by bin of each feature")
    top: dict[Name, list[int]] = Field(description="Rows of the highest tenth likewise")


class ReferenceProfile(Record):
    """Bin edges, counts on those bins, and how much the counts of single panes vary.

    The counts are those of a pane summary over the whole reference, section by section, made by the same code that
    summarises the stream.
    """

    format: Literal[2] = 2
    model: Name
    version: Name | None = Field(None, description="None: made of several versions, or of rows that name none")
    start: Timestamp
    end: Timestamp
    pane: Duration = Field(description="Width of the panes that the dispersion was measured on")
    made_with: dict[str, str] = Field(
        default_factory=dict, description="Settings of the model that the counts depend on; others need another profile"
    )
    panes: int = Field(ge=0, description="Panes with rows")
    rows: int = Field(ge=0)
    labelled: int = Field(ge=0)

    numeric_edges: dict[Name, list[float]] = Field(
        default_factory=dict, description="Upper bounds of a numeric feature's bins, the last bin open"
    )
    ranges: dict[Name, tuple[float, float]] = Field(default_factory=dict, description="Smallest and largest value seen")
    categories: dict[Name, list[str]] = Field(default_factory=dict, description="Values of a categorical feature")
    classes: list[str] = Field(default_factory=list, description="Classes of the prediction and the outcome")
    score_edges: list[float] = Field(default_factory=list, description="Bins of score or confidence (quantiles)")
    value_edges: list[float] = Field(default_factory=list, description="Bins of the predicted number (regression)")
    truth_range: tuple[float, float] | None = Field(
        None, description="Smallest and largest true number; predicted one, where none came true (regression)"
    )
    loss_max: float | None = Field(None, gt=0, description="Absolute errors are clipped here before they are summed")
    slow_ms: float | None = Field(None, description="95 % quantile of the latency")
    longest_text: float | None = Field(None, description="99.9 % quantile of the length of the texts, in characters")
    calibration: list[float] = Field(
        default_factory=list,
        description="By score bin: probability of the positive label (binary) or of being right (multiclass); isotonic",
    )
    sample: dict[Name, Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")]] = Field(
        default_factory=dict,
        description="Bins of a uniform sample of rows, by feature: two hexadecimal digits a row, in the same order",
    )
    counts: dict[Family, dict[str, list[int]]] = Field(description="Counts by family and section")
    few_panes: dict[str, int] = Field(
        default_factory=dict,
        description="By indicator: panes that have rows of it, where those are too few to know how much they vary",
    )
    dispersion: dict[str, float] = Field(
        default_factory=dict,
        description="By indicator: upper bound of the variance of its pane counts over that of independent rows",
    )
    tails: Tails | None = Field(None, description="For top-bottom analysis; none where predictions have no scores")

    @field_validator("numeric_edges")
    @classmethod
    def _increasing(cls, edges: dict[str, list[float]]) -> dict[str, list[float]]:
        for name, values in edges.items():
            if any(a >= b for a, b in pairwise(values)):
                raise ValueError(f"edges of {name} do not increase")
        return edges
