"""A record of a topic as level 1 and level 2 see it, and what they want sent. No client library in here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

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
    "schema_changes",
    "decisions",
    "advice",
    "outcomes",
    "serving",
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


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one topic-partition, by column: what level 1 reads without an object for each record."""

    offsets: npt.NDArray[np.int64]
    timestamps: npt.NDArray[np.int64]
    """Kafka timestamps, milliseconds since the epoch; negative where there is none."""
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers] | None = None
    """None: no record has any."""

    @classmethod
    def of(cls, records: "Sequence[Record] | RecordBatch") -> "RecordBatch":
        """Return records by column."""
        if isinstance(records, RecordBatch):
            return records
        return cls(
            np.array([record.offset for record in records], dtype=np.int64),
            np.array([record.timestamp for record in records], dtype=np.int64),
            [record.key for record in records],
            [record.value for record in records],
            [record.headers for record in records] if any(record.headers for record in records) else None,
        )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, position: int) -> Record:
        return Record(
            int(self.offsets[position]),
            int(self.timestamps[position]),
            self.keys[position],
            self.values[position],
            () if self.headers is None else self.headers[position],
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[position] for position in range(len(self)))

    def part(self, first: int, end: int) -> "RecordBatch":
        """Return the records from position `first` to `end` - 1, as far as there are any."""
        if first == 0 and end >= len(self):
            return self
        return RecordBatch(
            self.offsets[first:end],
            self.timestamps[first:end],
            self.keys[first:end],
            self.values[first:end],
            None if self.headers is None else self.headers[first:end],
        )

    def since(self, offset: int) -> "RecordBatch":
        """Return the records from `offset` on."""
        return self.part(int(np.searchsorted(self.offsets, offset)), len(self))


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
