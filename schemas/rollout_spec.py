"""`RolloutSpec`: how a candidate comes to serve: shadow, canary by share, full; and when it goes back."""

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator

from schemas.contract import Record


class RolloutSpec(Record):
    """Stages of a rollout. Each lasts until the sequential comparison has an answer."""

    automatic: bool = Field(
        False,
        description="Whether stages follow by themselves; else promote and roll_back are commands that people send",
    )
    canary: list[float] = Field(
        default_factory=lambda: [0.1, 0.5], description="Shares of the traffic between shadow and full, rising"
    )
    stage_labels: PositiveInt = Field(500, description="Labelled rows of the new version that a stage takes at least")
    margin: NonNegativeFloat = Field(
        0.0, description="A new version is worse where its loss is higher by more than this, in the unit of the loss"
    )
    guard_labels: PositiveInt = Field(
        5_000, description="Labelled rows of the new version, once it serves, in which it is rolled back if it is worse"
    )

    own_reference: bool = Field(
        True,
        description="Whether a version that came to serve through shadow or canary is judged, from the end of the "
        "rollout on, by what it was while it was tried: its own counts, in the bins of `reference`. A reference that "
        "is named for the version always wins. Until then it is judged by that of the version it is tried beside",
    )

    @field_validator("canary")
    @classmethod
    def _rising(cls, shares: list[float]) -> list[float]:
        if any(not 0 < share < 1 for share in shares) or sorted(set(shares)) != shares:
            raise ValueError("shares lie between 0 and 1 and rise, such as [0.1, 0.5]; full is not named")
        return shares
