"""`Command`: what people and the retraining side tell the monitor."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter

from schemas.contract import Identifier, Name, Record
from schemas.event_time import Timestamp


class _Command(Record):
    id: Identifier = Field(description="Idempotency key: a command is carried out once")
    model: Name
    timestamp: Timestamp
    reason: str = Field("", max_length=2_000)


class Trigger(_Command):
    """Raise a retraining trigger now."""

    type: Literal["trigger"]
    version: Name | None = Field(None, description="None: the version seen last")


class Acknowledge(_Command):
    """Somebody has seen the episode."""

    type: Literal["acknowledge"]
    episode: Identifier


class Snooze(_Command):
    """Publish no alerts and triggers of this model (or of one signal of it) until `until`; evidence goes on."""

    type: Literal["snooze"]
    until: Timestamp
    signal: Name | None = None


class RetrainingStarted(_Command):
    """The retraining side has taken a trigger."""

    type: Literal["retraining_started"]
    trigger: Identifier


class RetrainingFinished(_Command):
    """A new version is there."""

    type: Literal["retraining_finished"]
    trigger: Identifier
    new_version: Name


class RetrainingFailed(_Command):
    """No new version came of it."""

    type: Literal["retraining_failed"]
    trigger: Identifier


class Promote(_Command):
    """From now on `version` serves."""

    type: Literal["promote"]
    version: Name


class RollBack(_Command):
    """From now on `version`, an older one, serves again."""

    type: Literal["roll_back"]
    version: Name


Command = Annotated[
    Trigger | Acknowledge | Snooze | RetrainingStarted | RetrainingFinished | RetrainingFailed | Promote | RollBack,
    Field(discriminator="type"),
]
CommandAdapter: TypeAdapter[Any] = TypeAdapter(cast(Any, Command))  # a union is a type to pydantic
