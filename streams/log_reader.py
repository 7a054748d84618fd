"""Reads ranges of topic-partitions outside the group: compacted topics, and what a new owner must read again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError
from faust.types import TP

from streams import metrics
from streams.records import Record

log = logging.getLogger(__name__)

Range = tuple[int | None, int | None]
"""First offset (None: where the log begins) and the one after the last (None: where the log ends when asked)."""

MAX_RECORDS = 2_000
POLL_MS = 200
RETRY_AFTER = 1.0
UNANSWERED = KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError
"""What a broker that is away looks like. All else is a mistake, and asking again would not mend it."""


async def read_ranges(
    settings: Mapping[str, Any], ranges: Mapping[TP, Range], max_records: int = MAX_RECORDS
) -> AsyncIterator[tuple[TP, list[Record]]]:
    """Yield the records of each range in log order, partitions in turn, at most `max_records` at a time.

    Only committed records are read. Offsets for which the log has no record are passed over, and so is what has been
    deleted from its beginning. While no broker answers one is waited for, and reading goes on where it was.
    """
    left: dict[TopicPartition, Range] = {TopicPartition(*tp): bounds for tp, bounds in ranges.items()}
    while left:
        try:
            async with _client(settings) as consumer:
                await _begin(consumer, left)
                while left:
                    fetched = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=max_records)
                    for part, batch in fetched.items():
                        end = left[part][1]
                        records = [
                            Record(one.offset, one.timestamp, one.key, one.value, one.headers)
                            for one in batch
                            if end is None or one.offset < end
                        ]
                        if records:
                            yield TP(*part), records
                    await _advance(consumer, left)
        except UNANSWERED as error:
            await _ask_again(error)


async def _begin(consumer: AIOKafkaConsumer, left: dict[TopicPartition, Range]) -> None:
    """Seek to the beginning of each range, with its bounds known from now on; leave out those that are empty."""
    consumer.assign(list(left))
    begins = await consumer.beginning_offsets(list(left))
    ends = await consumer.end_offsets(list(left))
    for part, (first, end) in left.items():
        consumer.seek(part, begins[part] if first is None else max(first, begins[part]))
        left[part] = first, ends[part] if end is None else min(end, ends[part])
    await _advance(consumer, left)


async def _advance(consumer: AIOKafkaConsumer, left: dict[TopicPartition, Range]) -> None:
    """Note how far each range has been read, and drop those that are through."""
    for part, (_, end) in list(left.items()):
        position = await consumer.position(part)
        left[part] = position, end
        if end is not None and position >= end:
            del left[part]


async def log_bounds(settings: Mapping[str, Any], partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
    """Return the first offset of each log and the one after its last. While no broker answers one is waited for."""
    parts = [TopicPartition(*tp) for tp in partitions]
    while parts:
        try:
            async with _client(settings) as consumer:
                begins, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
            return {TP(*part): (begins[part], ends[part]) for part in parts}
        except UNANSWERED as error:
            await _ask_again(error)
    return {}


async def _ask_again(error: KafkaError) -> None:
    """Say that there was no answer, and wait a little. Who waits for us may be cancelled: that ends the waiting."""
    metrics.UNANSWERED.inc()
    log.warning(
        "the brokers did not answer while partitions were being loaded (%s): asking again, nothing is lost",
        f"{type(error).__name__}: {error}".partition("\n")[0],
    )
    await asyncio.sleep(RETRY_AFTER)


@asynccontextmanager
async def _client(settings: Mapping[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of no group that sees committed records only."""
    consumer = AIOKafkaConsumer(
        **settings,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
