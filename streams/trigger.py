"""`streamgauge trigger`: asks the workers for a retraining trigger now, through the commands topic."""

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from schemas.command import Trigger
from schemas.event_time import rfc3339, to_micros
from schemas.spec import MonitorSpec
from streams.client import partitions, producer, reaching
from streams.cloudevents import headers
from streams.errors import UserError
from streams.spec_errors import did_you_mean, word_problems

DELIVERY = 30.0  # seconds until the broker has acknowledged the command


def trigger(
    spec: MonitorSpec, base: Path, model: str, reason: str, *, id: str | None = None, version: str | None = None
) -> None:
    """Publish the command, and say on stdout what its id is: sent twice with one id, it is carried out once.

    Raises
    ------
    UserError
        When the file has no such model, or the broker or the commands topic cannot be reached.
    """
    if model not in spec.models:
        known = ", ".join(spec.models)
        raise UserError(f"no model {model!r} in the monitor file{did_you_mean(model, spec.models)}; it has {known}")
    command = _command(model, reason, id=id or str(uuid.uuid4()), version=version)
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
                key=model.encode(),
                value=command.model_dump_json(exclude_none=True).encode(),
                headers=list(headers("command", command.id, time, model, source="streamgauge/cli")),
            ).get(DELIVERY)
    sys.stdout.write(f"asked for a retraining of {model}: command {command.id} on topic {topic}\n")


def _command(model: str, reason: str, *, id: str, version: str | None) -> Trigger:
    now = rfc3339(to_micros(datetime.now(UTC)))
    try:
        return Trigger.model_validate(
            {"type": "trigger", "id": id, "model": model, "timestamp": now, "reason": reason, "version": version}
        )
    except ValidationError as error:
        raise UserError("\n".join(f"--{problem}" for problem in word_problems(error, Trigger, None))) from None
