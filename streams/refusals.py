"""`Refusals`: records that are no events of the monitor file: dead-lettered; too many of them stop the partition."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import repeat

from schemas.spec import MonitorSpec
from streams.dead_letters import dead_letter
from streams.decode import Refusal
from streams.errors import Stopped
from streams.records import ROLES, Outgoing, RecordBatch, Role


class TooManyRefused(Stopped):
    """More of the newest records were refused than `limits.max_bad_share` allows."""

    def __init__(self, where: str, role: Role, share: str, newest: str) -> None:
        super().__init__(
            f"{where}: {share}. The newest: {newest}. Mend the producer or the monitor file and start again, or raise "
            "limits.max_bad_share to dead-letter them"
        )
        self.of_tables = (
            f"files.{role}: {share}. The newest: {newest}. Mend the table or its columns in the monitor file, or "
            "raise limits.max_bad_share"
        )
        """The same where the records are rows of tables."""


class Refusals:
    """What was refused of the newest records of both topics of one source partition.

    Parameters
    ----------
    bad
        What `windows` returned before a restart.
    """

    def __init__(self, spec: MonitorSpec, partition: int, bad: Mapping[Role, bytes]) -> None:
        self._limits = spec.limits
        self._partition = partition
        self._topics: dict[Role, str] = {role: getattr(spec.kafka.topics, role) for role in ROLES}
        newest = spec.limits.max_bad_window
        self._bad = {role: deque(map(bool, bad.get(role, b"")), maxlen=newest) for role in ROLES}

    def take(self, role: Role, refused: Sequence[tuple[int, Refusal]], records: RecordBatch) -> list[Outgoing]:
        """Return the dead letters of what was refused of a chunk, in order.

        Raises
        ------
        TooManyRefused
            When more of the newest records of the topic are refused than `limits.max_bad_share`.
        """
        window, by_position = self._bad[role], dict(refused)
        if not refused:
            window.extend(repeat(False, min(len(records), self._limits.max_bad_window)))
            return []
        for position in range(len(records)):
            window.append(position in by_position)
            if position in by_position:
                self._guard(role, int(records.offsets[position]), by_position[position])
        topic = self._topics[role]
        return [dead_letter(refusal, topic, self._partition, records[position]) for position, refusal in refused]

    def windows(self) -> dict[Role, bytes]:
        """Return which of the newest records were refused, by topic, to be kept over a restart."""
        return {role: bytes(window) for role, window in self._bad.items()}

    def _guard(self, role: Role, offset: int, refusal: Refusal) -> None:
        window, limits = self._bad[role], self._limits
        bad = sum(window)
        if len(window) == limits.max_bad_window and bad > limits.max_bad_share * limits.max_bad_window:
            raise TooManyRefused(
                f"topic {self._topics[role]}, partition {self._partition}, offset {offset}",
                role,
                f"{bad} of the last {len(window)} records were refused, more than limits.max_bad_share allows "
                f"({limits.max_bad_share:g})",
                refusal.message,
            )
