"""A record of a topic as level 1 and level 2 see it, and what they want sent. No client library in here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Role = Literal["predictions", "feedback"]
"""Which of the two source topics a record comes from; its actual name stands in the monitor file."""

ROLES: tuple[Role, Role] = ("predictions", "feedback")

Headers = Sequence[tuple[str, bytes]]

Destination = Literal[
    "summaries",
    "progress",
    "snapshots",
    "alerts",
    "triggers",
    "label_requests",
    "pane_reports",
    "dead_letters",
]
"""Field of `schemas.kafka_spec.Topics` that names the topic."""


class Record(NamedTuple):
    """One record read from a topic-partition."""

    offset: int
    timestamp: int
    """Kafka timestamp, milliseconds since the epoch."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


ALL_PARTITIONS = -1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to send. Without a partition, the default (murmur2) partitioner places it by its key."""

    destination: Destination
    key: bytes
    value: bytes | None
    headers: Headers = field(default=())
    partition: int | None = None
    """None: by key. ALL_PARTITIONS: one copy to each."""
