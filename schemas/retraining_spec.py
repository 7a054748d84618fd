"""The `retraining` block of a model: which policies may raise a trigger, and what holds them back."""

from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, PositiveInt, field_validator

from schemas.contract import Record
from schemas.event_time import Duration, from_micros, parse_duration

FIELDS = 5


class PerformancePolicy(Record):
    """Fires when a performance or outcome signal raises an alarm."""

    type: Literal["performance"] = Field(description="The kind of policy")


class DriftPolicy(Record):
    """Fires when this many features, or the prediction, drift at once (their notices are open)."""

    type: Literal["drift"] = Field(description="The kind of policy")
    features: PositiveInt = Field(3, description="How many features have to drift at once")


class SchedulePolicy(Record):
    """Fires at the times of a cron expression, in event time (UTC)."""

    type: Literal["schedule"] = Field(description="The kind of policy")
    cron: str = Field(description="Five fields: minute, hour, day of the month, month, day of the week")

    @field_validator("cron")
    @classmethod
    def _readable(cls, text: str) -> str:
        try:
            CronSim(text, from_micros(0))
        except CronSimError as error:
            raise ValueError(f"{text!r} is not a cron expression such as '0 3 * * 1': {error}") from error
        if len(text.split()) != FIELDS:  # the library takes a sixth, seconds; panes are not that fine
            raise ValueError(f"{text!r} has {len(text.split())} fields; a cron expression such as '0 3 * * 1' has five")
        return text


Policy = Annotated[PerformancePolicy | DriftPolicy | SchedulePolicy, Field(discriminator="type")]


def _default_policies() -> list[PerformancePolicy | DriftPolicy | SchedulePolicy]:
    return [PerformancePolicy(type="performance")]


class RetrainingSpec(Record):
    """Any policy may fire. Ad hoc triggers (a command) always do, and nothing holds them back."""

    policies: list[Policy] = Field(
        default_factory=_default_policies, description="What may raise a trigger: each is enough"
    )
    cooldown: Duration = Field(parse_duration("7d"), description="Least event time between two triggers of one model")
    minimum_labels: int = Field(500, ge=0, description="Fewer labelled rows since the change are not worth a training")
