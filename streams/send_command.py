"""Sends a command to the workers through the commands topic, or appends it to a file that `replay --commands` takes."""

import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from schemas.command import (
    Acknowledge,
    CommandAdapter,
    Promote,
    RetrainingFailed,
    RetrainingFinished,
    RetrainingStarted,
    RollBack,
    Shadow,
    Snooze,
    Trigger,
)
from schemas.event_time import rfc3339, to_micros
from schemas.spec import MonitorSpec
from streams.client import partitions, producer, reaching
from streams.cloudevents import headers
from streams.errors import UserError
from streams.known_model import known_model
from streams.spec_errors import word_problems

DELIVERY = 30.0  # seconds until the broker has acknowledged the command

_KINDS: dict[str, type[BaseModel]] = {
    "trigger": Trigger,
    "acknowledge": Acknowledge,
    "snooze": Snooze,
    "retraining_started": RetrainingStarted,
    "retraining_finished": RetrainingFinished,
    "retraining_failed": RetrainingFailed,
    "shadow": Shadow,
    "promote": Promote,
    "roll_back": RollBack,
}


class AnyCommand(Protocol):
    """What all commands have."""

    type: Any
    id: Any
    model: Any
    timestamp: Any

    def model_dump_json(self, *, exclude_none: bool = ...) -> str:
        """Return it as it is sent."""
        ...


def command_of(
    spec: MonitorSpec,
    kind: str,
    model: str,
    fields: Mapping[str, object],
    *,
    id: str | None = None,
    at: str | None = None,
) -> AnyCommand:
    """Return a command.

    Parameters
    ----------
    kind
        Its `type`.
    fields
        What this kind has beside id, model and timestamp; those that are None are left out.
    id
        Idempotency key; a new one where it is None.
    at
        Its time (RFC 3339); now where it is None.

    Raises
    ------
    UserError
        When the file has no such model, or a field is not what the contract allows.
    """
    known_model(spec, model)
    given: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    given |= {"type": kind, "id": id or str(uuid.uuid4()), "model": model}
    given["timestamp"] = rfc3339(to_micros(datetime.now(UTC))) if at is None else at
    try:
        command: AnyCommand = CommandAdapter.validate_python(given)
    except ValidationError:
        try:
            _KINDS[kind].model_validate(given)  # without the union, a problem is named by its field alone
        except ValidationError as error:
            told = [_as_option(line) for line in word_problems(error, _KINDS[kind], None)]
            raise UserError("\n".join(told)) from None
        raise
    return command


def send_command(spec: MonitorSpec, base: Path, command: AnyCommand) -> str:
    """Publish a command and return the topic: sent twice with one id, it is carried out once.

    Raises
    ------
    UserError
        When the broker or the commands topic cannot be reached.
    """
    topic = spec.kafka.topics.commands
    time = rfc3339(to_micros(command.timestamp))
    with reaching(spec.kafka):
        if partitions(spec.kafka, base, [topic])[topic] is None:
            raise UserError(
                f"topic {topic} does not exist at {spec.kafka.bootstrap}: streamgauge topics create MONITOR"
            )
        with producer(spec.kafka, base) as client:
            client.send(
                topic,
                key=command.model.encode(),
                value=_json(command),
                headers=list(headers("command", command.id, time, command.model, source="streamgauge/cli")),
            ).get(DELIVERY)
    return topic


def append_command(command: AnyCommand, out: Path) -> None:
    """Append a command to a file of commands, one JSON event a line.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("ab") as file:
            file.write(_json(command) + b"\n")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from error


def tell(
    spec: MonitorSpec,
    base: Path,
    command: AnyCommand,
    asked: str,
    out: Path | None = None,
) -> None:
    """Send a command, or append it to `out`; say on stdout what was asked for, and what its id is."""
    if out is not None:
        append_command(command, out)
        where = f"appended to {out}"
    else:
        where = f"on topic {send_command(spec, base, command)}"
    sys.stdout.write(f"{asked}: command {command.id} {where}\n")


def _json(command: AnyCommand) -> bytes:
    return command.model_dump_json(exclude_none=True).encode()


def _as_option(line: str) -> str:
    """Return a problem under the name of its option."""
    if line.startswith("until"):
        return f"the moment{line.removeprefix('until')}"
    return f"--{'at' + line.removeprefix('timestamp') if line.startswith('timestamp') else line}"
