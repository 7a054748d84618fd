"""`Command`: what people and the retraining side tell the monitor."""

from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter

from schemas.contract import Finite, Identifier, Name, Record
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
    """Somebody has seen the episode: it is told again only when it becomes graver for others, and when it is over."""

    type: Literal["acknowledge"]
    episode: Identifier = Field(description="`episode` of an alert, or a beginning of it that no other one has")
    data_is_right: bool = Field(
        False,
        description="The data is as it should be: its alarms of data quality hold no retraining back any more, and "
        "the rows since they began count and are trained on",
    )


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
    held_out_loss: Finite | None = Field(None, description="Its mean loss on held-out rows")
    held_out_rows: int = Field(
        0,
        ge=0,
        description="Labelled rows that this rests on; where weights differ, how many they are worth",
    )
    checks: Literal["passed", "failed", "unknown", "not_run"] = Field(
        "not_run", description="Verdict of the offline tests; unknown: they ran, and could not tell"
    )
    model_uri: str | None = Field(None, max_length=2_000, description="Where the model lies")


class RetrainingFailed(_Command):
    """No new version came of it."""

    type: Literal["retraining_failed"]
    trigger: Identifier


class Shadow(_Command):
    """`version` predicts beside the serving one, unseen."""

    type: Literal["shadow"]
    version: Name
    trigger: Identifier | None = Field(None, description="The trigger that it came of")


class Promote(_Command):
    """From now on `version` serves, or answers a share of the traffic."""

    type: Literal["promote"]
    version: Name
    share: float = Field(1.0, gt=0, le=1, description="Part of the traffic; 1 is all of it")
    trigger: Identifier | None = Field(None, description="The trigger that it came of")


class RollBack(_Command):
    """From now on `version`, an older one, serves again; without one, what served before does."""

    type: Literal["roll_back"]
    version: Name | None = None


Command = Annotated[
    Trigger
    | Acknowledge
    | Snooze
    | RetrainingStarted
    | RetrainingFinished
    | RetrainingFailed
    | Shadow
    | Promote
    | RollBack,
    Field(discriminator="type"),
]
CommandAdapter: TypeAdapter[Any] = TypeAdapter(cast(Any, Command))  # a union is a type to pydantic
