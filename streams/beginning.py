"""`Beginning`: what stood on Kafka when a partition of level 2 began with no state of its own.

A monitor that begins afresh reads all events again, and the commands topic from its beginning, before any of them. What
people asked of the monitor before it has had its effect, and is not done a second time: who serves is taken from the
topic that servers follow, and the commands that stand on theirs are passed over. Where nothing was ever published there
was no such monitor, and commands that wait for the first one are carried out.

It is written to the snapshots topic before any output: who comes after a crash begins with the same.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from faust.types import TP
from pydantic import ValidationError

from detectors.state import StateError
from schemas.kafka_spec import Topics
from schemas.serving import Serving
from streams.routing import newer
from streams.source_level import ReadCompacted

log = logging.getLogger(__name__)

BEGINNING = b"\x00"
"""Its key on the snapshots topic; no model's name has control characters."""
OUTPUTS = ("alerts", "triggers", "decisions", "advice", "outcomes", "pane_reports", "serving")

Bounds = Callable[[Iterable[TP]], Awaitable[dict[TP, tuple[int, int]]]]


class Beginning(msgspec.Struct, frozen=True):
    """What a monitor before this one has left behind; nothing of it where there was none."""

    serving: dict[str, str] = {}
    """The record of each model that holds, as JSON."""
    commands: dict[int, int] = {}
    """Offset by partition of the commands topic: what lies before it was for the monitor before."""

    def served(self, model: str) -> Serving | None:
        """Return who served a model, and whom it tried."""
        record = self.serving.get(model)
        return None if record is None else Serving.model_validate_json(record)

    def is_past(self, partition: int, offset: int) -> bool:
        """Say whether a record of the commands topic was for the monitor before."""
        return 0 <= offset < self.commands.get(partition, 0)

    def encoded(self) -> bytes:
        """Return it as it is kept."""
        return msgspec.json.encode(self)

    @classmethod
    def of(cls, value: bytes) -> "Beginning":
        """Return what was kept.

        Raises
        ------
        StateError
            When it cannot be read.
        """
        try:
            found = msgspec.json.decode(value, type=cls)
            for model in found.serving:
                found.served(model)
        except (msgspec.DecodeError, ValidationError) as error:
            raise StateError(f"not a beginning of this version: {error}") from None
        return found


async def find_beginning(topics: Topics, counts: Mapping[str, int], read: ReadCompacted, bounds: Bounds) -> Beginning:
    """Look at what a monitor before this one has published.

    Parameters
    ----------
    counts
        How many partitions each topic has.
    """
    outputs = [getattr(topics, role) for role in OUTPUTS]
    ends = await bounds([TP(topic, part) for topic in (*outputs, topics.commands) for part in range(counts[topic])])
    if not any(end for tp, (_, end) in ends.items() if tp.topic in outputs):
        return Beginning()
    held: dict[str, Serving] = {}
    for records in (await read(topics.serving, range(counts[topics.serving]))).values():
        for record in records:
            try:
                found = Serving.model_validate_json(record.value or b"null")
            except ValidationError:
                continue  # a stranger's
            held[found.model] = newer(held.get(found.model), found)
    commands = {tp.partition: end for tp, (_, end) in ends.items() if tp.topic == topics.commands}
    log.warning(
        "this monitor begins without a state, and one before it has published: the commands that stand on topic %s now "
        "(%d) were for that one, and are passed over; %s",
        topics.commands,
        sum(commands.values()),
        "; ".join(f"version {one.version} of {name} serves (number {one.number})" for name, one in sorted(held.items()))
        or "of no model is it said who serves",
    )
    return Beginning({name: one.model_dump_json() for name, one in sorted(held.items())}, commands)
