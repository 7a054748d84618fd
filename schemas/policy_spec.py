"""Retraining policies: what may raise a trigger. A tree: `any`, `all` and `first` combine others."""

from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator, model_validator

from schemas.contract import Record
from schemas.event_time import Duration, from_micros, parse_duration

FIELDS = 5


class CostPolicy(Record):
    """Fires when what the rise of the loss has cost comes to what a retraining costs (costs.loss, costs.retraining)."""

    type: Literal["cost"] = Field(description="The kind of policy")
    burn_in: PositiveInt = Field(
        500, description="Labelled rows after a training whose loss is what it is held against"
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the upper bound of that loss")
    refit: PositiveInt | None = Field(
        5,
        description="Times minimum_labels: a version that was trained on fewer labelled rows since the change is "
        "trained once more when so many are there; none: never",
    )


class PerformancePolicy(Record):
    """Fires when a performance or outcome signal raises an alarm; with a floor, when the loss is clearly above it."""

    type: Literal["performance"] = Field(description="The kind of policy")
    floor: NonNegativeFloat | None = Field(
        None, description="Mean loss that is not put up with, whatever the reference says; alarms do not count then"
    )
    over: PositiveInt = Field(500, description="Newest labelled rows whose mean loss is held against the floor")


class DriftPolicy(Record):
    """Fires when this many features, or the prediction, drift at once (their notices are open)."""

    type: Literal["drift"] = Field(description="The kind of policy")
    features: PositiveInt = Field(3, description="How many features have to drift at once")


class SchedulePolicy(Record):
    """Fires at the times of a cron expression, in event time (UTC), or every so many labels."""

    type: Literal["schedule"] = Field(description="The kind of policy")
    cron: str | None = Field(None, description="Five fields: minute, hour, day of the month, month, day of the week")
    every_labels: PositiveInt | None = Field(None, description="Labelled rows from one trigger to the next")

    @field_validator("cron")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            CronSim(text, from_micros(0))
        except CronSimError as error:
            raise ValueError(f"{text!r} is not a cron expression such as '0 3 * * 1': {error}") from error
        if len(text.split()) != FIELDS:  # the library takes a sixth, seconds; panes are not that fine
            raise ValueError(f"{text!r} has {len(text.split())} fields; a cron expression such as '0 3 * * 1' has five")
        return text

    @model_validator(mode="after")
    def _one(self) -> "SchedulePolicy":
        if (self.cron is None) == (self.every_labels is None):
            raise ValueError("a schedule has either cron or every_labels")
        return self


class AnyPolicy(Record):
    """Fires when one of them does."""

    type: Literal["any"] = Field(description="The kind of policy")
    of: list["Policy"] = Field(min_length=1, description="Policies, of which one is enough")


class AllPolicy(Record):
    """Fires when all of them call for a retraining within a time."""

    type: Literal["all"] = Field(description="The kind of policy")
    of: list["Policy"] = Field(min_length=2, description="Policies, of which each has to call")
    within: Duration = Field(parse_duration("14d"), description="Longest event time from the first call to the last")


class FirstPolicy(Record):
    """Asks in order of priority: the first that can tell decides, be it yes or no."""

    type: Literal["first"] = Field(description="The kind of policy")
    of: list["Policy"] = Field(min_length=2, description="Policies, the one that counts most first")


Policy = Annotated[
    CostPolicy | PerformancePolicy | DriftPolicy | SchedulePolicy | AnyPolicy | AllPolicy | FirstPolicy,
    Field(discriminator="type"),
]

for _combination in (AnyPolicy, AllPolicy, FirstPolicy):
    _combination.model_rebuild()
