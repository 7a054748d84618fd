"""`Arrivals`: which partitions of a lane are behind, silent or stuck, and what the log is told of it."""

import logging
from collections.abc import Mapping
from time import monotonic

from faust.types import TP

from streams import metrics
from streams.chunks import Guard
from streams.level import Level
from streams.transport import Consumer

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
AGAIN = 1.0
"""Seconds between two looks at what a silent partition has to follow."""
STALLED_AFTER = 60.0
"""Seconds for which a partition with lag may bring nothing before it is fetched anew from where the state stands."""


class Arrivals:
    """Lag, idleness and stalls of the partitions of one lane."""

    def __init__(self, level: Level, guard: Guard, idle_after: float) -> None:
        self.lag: dict[TP, int | None] = {}
        self._level = level
        self._guard = guard
        self._idle_after = idle_after
        self._arrived: dict[TP, float] = {}
        self._told_idle: dict[TP, float] = {}
        """When the level was told last."""
        self._begins: dict[TP, int] = {}
        self._excused_at = 0.0
        self._told_at = monotonic()
        self._records = 0
        """Since the log was last told."""

    def assign(self, begins: Mapping[TP, int], kept: frozenset[TP]) -> None:
        """Watch the partitions that `begins` has, by the first offset of their logs; `kept` were watched before."""
        for tp in self.lag.keys() - begins.keys():
            del self.lag[tp]
        now = monotonic()
        self._begins = dict(begins)
        self._arrived = {tp: self._arrived.get(tp, now) if tp in kept else now for tp in begins}
        self._told_idle = {tp: told for tp, told in self._told_idle.items() if tp in kept}

    def came(self, tp: TP, records: int) -> None:
        """Note that records came."""
        self._arrived[tp] = monotonic()
        self._told_idle.pop(tp, None)
        self._records += records

    def excuse(self) -> None:
        """Note that there is a reason for silence."""
        self._excused_at = monotonic()

    @property
    def behind(self) -> bool:
        """Whether any partition is known to be."""
        return any(self.lag.values())

    @property
    def backlog(self) -> bool:
        """Whether a partition is further behind than a checkpoint is wide."""
        return any((lag or 0) > self._level.checkpoint_records for lag in self.lag.values())

    async def measure(self, consumer: Consumer) -> None:
        """Bring lag and its metrics up to date."""
        for tp, expected in self._guard.expected.items():
            end = consumer.end_of_log(tp)
            lag = None if end is None else max(0, end - max(expected, self._begins[tp]))
            if lag and await consumer.read_to_end(tp, expected):
                lag = 0  # the log ends in a transaction's marker, which is no record
            self.lag[tp] = lag
            metrics.POSITION.labels(*tp).set(expected)
            if lag is not None:
                metrics.LAG.labels(*tp).set(lag)

    async def look_for_idle(self, consumer: Consumer) -> None:
        """Tell the level of partitions that were read to their end and are silent.

        It is told again while the same partition of another topic brings something, and once more after that: a silent
        one follows it. A broker that is away is no silence.
        """
        now = monotonic()
        newest: dict[int, float] = {}
        for tp, arrived in self._arrived.items():
            newest[tp.partition] = max(arrived, newest.get(tp.partition, arrived))
        for tp, expected in self._guard.expected.items():
            if now - max(self._arrived[tp], self._excused_at) < self._idle_after:
                continue
            told = self._told_idle.get(tp)
            if told is not None:
                moved = (
                    newest[tp.partition] > self._arrived[tp] and told < newest[tp.partition] + self._idle_after + AGAIN
                )
                if not moved or now - told < AGAIN:
                    continue
            if await consumer.read_to_end(tp, expected):
                self._level.idle(tp)
                self._told_idle[tp] = now

    async def look_for_stalls(self, consumer: Consumer) -> None:
        """Fetch anew what should come and does not. Reading twice is harmless, a partition that is stuck is not."""
        now = monotonic()
        stalled = {
            tp: expected
            for tp, expected in self._guard.expected.items()
            if self.lag.get(tp) != 0
            and now - max(self._arrived[tp], self._excused_at) >= STALLED_AFTER
            and consumer.fetched_in_vain(tp)
        }
        if not stalled:
            return
        for tp, expected in stalled.items():
            metrics.STALLS.labels(*tp).inc()
            log.warning(
                "%s[%d]: %s records behind, and nothing came for %.0fs: fetching anew from offset %d",
                *tp,
                self.lag.get(tp, "unknown how many"),
                now - self._arrived[tp],
                expected,
            )
        await consumer.read_again(stalled)
        self._excused_at = monotonic()

    def tell(self) -> None:
        """Say in the log, once a minute, that work goes on."""
        passed = monotonic() - self._told_at
        if passed >= LOG_SECONDS:
            behind = sum(lag or 0 for lag in self.lag.values())
            partitions = len(self._guard.expected)
            line = "%s: %d partitions, %d records in %.0f s, %d behind"
            log.info(line, self._level.name, partitions, self._records, passed, behind)
            self._told_at, self._records = monotonic(), 0
