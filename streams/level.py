"""`Level`: what a lane asks of what is done with the records of its topics."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from faust.types import TP

from streams.records import RecordBatch

CHECKPOINT_RECORDS = 40_000
"""After so many records a checkpoint is worth what it costs, where a level does not say otherwise."""


class Level(Protocol):
    """What is done with the records of some topics. One call at a time; `process` and `idle` must not block."""

    @property
    def name(self) -> str:
        """For metrics."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """What is read."""
        ...

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:
        """Take the state of `owned`; what is not `kept` has had another owner, or none, and is loaded anew.

        Returns where to read each on from; None is the beginning of its log. State of all other partitions is put down.
        """
        ...

    def process(self, tp: TP, records: RecordBatch) -> None:
        """Take a chunk, in log order."""
        ...

    def lost(self, tp: TP) -> None:
        """Note that records of `tp` were deleted before they were read."""
        ...

    def idle(self, tp: TP) -> None:
        """Note that `tp` has been read to its end and was silent for some time."""
        ...

    @property
    def urgent(self) -> bool:
        """Whether something waits to be sent that others wait for."""
        ...

    @property
    def checkpoint_records(self) -> int:
        """After how many records a checkpoint is worth what it costs, however many there are."""
        ...

    def prepare(self) -> None:
        """Gather what a checkpoint writes and sends. Cheap when nothing has happened."""
        ...

    async def flush(self) -> None:
        """Write and send what was gathered; return once it is durable. Chunks are processed meanwhile."""
        ...

    def publish_metrics(self) -> None:
        """Bring gauges up to date."""
        ...

    def close(self) -> None:
        """Put everything down, without a checkpoint."""
        ...
