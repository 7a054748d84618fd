"""Sends what the levels hand out, and returns only once all replicas have it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from schemas.kafka_spec import Topics
from streams import metrics
from streams.framing import frames
from streams.records import ALL_PARTITIONS, Outgoing

Partitions = Callable[[str], int]
FRAMED = ("summaries", "progress", "snapshots")
"""Topics that only we read; others must find each value in one record."""


class Publisher:
    """Puts `Outgoing` records on their topics.

    Parameters
    ----------
    producer
        Returns Faust's producer, once it has started.
    topics
        Names of the destinations.
    partitions
        Tells how many partitions a topic has.
    """

    def __init__(self, producer: Callable[[], Any], topics: Topics, partitions: Partitions) -> None:
        self._producer = producer
        self._topics = topics
        self._partitions = partitions

    async def send(self, outgoing: Iterable[Outgoing], slot: str | None = None) -> None:
        """Send everything in order, then wait until all of it is durable.

        Raises
        ------
        Exception
            When one of them was not: nothing may be acked then.
        """
        sent: list[tuple[str, Awaitable[Any]]] = []
        for one in outgoing:
            topic: str = getattr(self._topics, one.destination)
            for record in frames(one, slot) if one.destination in FRAMED else (one,):
                for partition in self._placed(topic, record):
                    sent.append((topic, await self._begin(topic, record, partition)))
        await self._durable(sent)

    def _placed(self, topic: str, record: Outgoing) -> Sequence[int | None]:
        if record.partition == ALL_PARTITIONS:
            return range(self._partitions(topic))
        return (record.partition,)

    async def _begin(self, topic: str, record: Outgoing, partition: int | None) -> Awaitable[Any]:
        begun: Awaitable[Any] = await self._producer().send(
            topic, record.key, record.value, partition, None, list(record.headers)
        )
        return begun

    async def _durable(self, sent: Sequence[tuple[str, Awaitable[Any]]]) -> None:
        results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        for (topic, _), result in zip(sent, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            metrics.RECORDS_SENT.labels(topic).inc()
