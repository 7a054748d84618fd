"""Notices that no broker answers, and says so. Clients of Kafka wait by themselves, and nothing is lost meanwhile.

An orchestrator must not start a worker anew for that: it would find no broker either.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from time import monotonic
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from streams import metrics
from streams.health import HealthServer

T = TypeVar("T")
log = logging.getLogger(__name__)

EVERY = 3.0
ASK_AFTER = 0.2
PATIENCE = 5.0
"""Seconds that the answer of one server may take."""
REMIND_AFTER = 60.0


class BrokerWatch:
    """Asks over a connection of its own, since an answer on those of the worker may wait behind a fetch or a send."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        servers = settings.get("bootstrap_servers", ())
        self._where = ",".join(servers)
        self._limit = (1 + len(servers)) * PATIENCE  # the client asks one after the other
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
            async with asyncio.timeout(self._limit):  # wait_for of Python 3.11 may forget that it was cancelled
                await client.bootstrap()
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


def wait_for_broker(watch: BrokerWatch, health: HealthServer, found: Callable[[], T | None]) -> T | None:
    """Serve `health` until `found` returns something; return that, or None when we were asked to end (SIGTERM, SIGINT).

    `found` asks the brokers and returns None where none answers. It may block, for as long as it likes.
    """
    return asyncio.run(_waiting(watch, health, found))


async def _waiting(watch: BrokerWatch, health: HealthServer, found: Callable[[], T | None]) -> T | None:
    async def finding() -> T:
        while (answer := await _in_thread(found)) is None:
            await asyncio.sleep(ASK_AFTER)
            while watch.away:
                await asyncio.sleep(ASK_AFTER)
        return answer

    async def watching() -> None:
        async for _ in watch.looks():
            pass

    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await health.start()
    answer, watched = asyncio.create_task(finding()), asyncio.create_task(watching())
    tasks = answer, watched, asyncio.create_task(ending.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if ending.is_set():
            return None
        if not answer.done():
            watched.result()  # it ends with an error alone, and `finding` may wait for it
        return answer.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await health.pause()


async def _in_thread(question: Callable[[], T]) -> T:
    """Return what `question` does. Its thread holds nobody up: a process that ends does not wait for it."""
    answer: Future[T] = Future()

    def ask() -> None:
        answer.set_running_or_notify_cancel()
        try:
            answer.set_result(question())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="question", daemon=True).start()
    return await asyncio.wrap_future(answer)
