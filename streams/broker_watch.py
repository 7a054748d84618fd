"""Notices that no broker answers, and says so. Clients of Kafka wait by themselves, and nothing is lost meanwhile.

An orchestrator must not start a worker anew for that: it would find no broker either.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from streams import metrics
from streams.health import HealthServer

log = logging.getLogger(__name__)

EVERY = 3.0
PATIENCE = 5.0
"""Seconds an answer may take."""
REMIND_AFTER = 60.0


class BrokerWatch:
    """Asks over a connection of its own, since an answer on those of the worker may wait behind a fetch or a send."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._where = ",".join(settings.get("bootstrap_servers", ()))
        self._away_since: float | None = None
        self._said_at = 0.0

    @property
    def away(self) -> bool:
        """Whether no broker has answered when last asked."""
        return self._away_since is not None

    async def looks(self) -> AsyncIterator[bool]:
        """Ask for ever; yield each time whether no broker answered."""
        while True:
            asked = monotonic()
            self.note(await self.answers(), asked)
            yield self.away
            await asyncio.sleep(EVERY)

    async def answers(self) -> bool:
        """Return whether any of the bootstrap servers answers a request."""
        client = AIOKafkaClient(**self._settings, request_timeout_ms=int(PATIENCE * 1_000))
        try:
            await asyncio.wait_for(client.bootstrap(), 2 * PATIENCE)
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await client.close()
        return True

    def note(self, answered: bool, asked: float) -> None:
        """Take an answer, or that there was none; `asked` is when."""
        now = monotonic()
        if answered:
            if self._away_since is not None:
                log.info("a broker at %s answers again after %.0fs", self._where, now - self._away_since)
            self._away_since = None
        else:
            if self._away_since is None:
                self._away_since, self._said_at = asked, -REMIND_AFTER
            if now - self._said_at >= REMIND_AFTER:
                log.warning(
                    "no broker answers at %s, for %.0fs now: waiting for one, and nothing is lost. Is it running, and "
                    "are kafka.bootstrap and kafka.security right?",
                    self._where,
                    now - self._away_since,
                )
                self._said_at = now
        metrics.BROKER_AWAY.set(0.0 if self._away_since is None else now - self._away_since)


def wait_for_broker(watch: BrokerWatch, health: HealthServer) -> bool:
    """Serve `health` until a broker answers; return whether one did, before we were asked to end (SIGTERM, SIGINT)."""
    return asyncio.run(_waiting(watch, health))


async def _waiting(watch: BrokerWatch, health: HealthServer) -> bool:
    async def answered() -> None:
        async for away in watch.looks():
            if not away:
                return

    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await health.start()
    tasks = [asyncio.create_task(one) for one in (answered(), ending.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return not ending.is_set()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await health.stop()
