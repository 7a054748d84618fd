"""`CheckSpec`: what a candidate must stand before it may be seen by anybody."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from schemas.contract import Name, Probability, Record
from schemas.expectation import Rule


class Invariance(Record):
    """Changing these features changes no answer, such as a name or an id."""

    features: list[Name] = Field(min_length=1, description="Features whose values are dealt anew")
    tolerance: NonNegativeFloat = Field(0.0, description="How far a score or a value may move")


class CheckSpec(Record):
    """Offline tests of a candidate (`streamgauge check`)."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the comparisons with the champion")
    margin: NonNegativeFloat = Field(
        0.0, description="How much more loss than the champion's is put up with over all held-out rows"
    )
    slice_margin: NonNegativeFloat = Field(
        0.02, description="How much more loss than the champion's is put up with on a slice, in the unit of the loss"
    )
    slices: list[Rule] = Field(default_factory=list, description="Slices beside the segments and the trigger's")
    slice_rows: PositiveInt = Field(50, description="Held-out rows that a slice needs to be judged")
    fuzz: NonNegativeInt = Field(500, description="Rows made from the declared types that the candidate must answer")
    invariances: list[Invariance] = Field(default_factory=list, description="What must not matter")
    monotonic: dict[Name, Literal["increasing", "decreasing"]] = Field(
        default_factory=dict, description="Features that move the score or the value one way only"
    )
    memorize: NonNegativeInt = Field(
        64, description="Rows that the training code must be able to learn by heart; 0 does not try"
    )
    memorized: Probability = Field(0.95, description="Share of them, or of their variance, that it must know then")
    hardest: NonNegativeInt = Field(
        200, description="Points of the past with the largest losses that are kept as tests"
    )
    hardest_margin: NonNegativeFloat = Field(
        0.05, description="How much more loss than the champion's is put up with on them"
    )
