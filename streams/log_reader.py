"""Reads ranges of topic-partitions outside the group: compacted topics, and what a new owner must read again."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from streams.records import Record

Range = tuple[int | None, int | None]
"""First offset (None: where the log begins) and the one after the last (None: where the log ends when asked)."""

MAX_RECORDS = 2_000
POLL_MS = 200


async def read_ranges(
    settings: Mapping[str, Any], ranges: Mapping[TP, Range], max_records: int = MAX_RECORDS
) -> AsyncIterator[tuple[TP, list[Record]]]:
    """Yield the records of each range in log order, partitions in turn, at most `max_records` at a time.

    Only committed records are read. Offsets for which the log has no record are passed over, and so is what has been
    deleted from its beginning.
    """
    wanted = {TopicPartition(*tp): bounds for tp, bounds in ranges.items()}
    if not wanted:
        return
    async with _client(settings) as consumer:
        consumer.assign(list(wanted))
        begins = await consumer.beginning_offsets(list(wanted))
        ends = await consumer.end_offsets(list(wanted))
        ends = {
            part: ends[part] if bounds[1] is None else min(bounds[1], ends[part]) for part, bounds in wanted.items()
        }
        for part, (first, _) in wanted.items():
            consumer.seek(part, begins[part] if first is None else max(first, begins[part]))
        pending = {part for part in wanted if await consumer.position(part) < ends[part]}
        while pending:
            fetched = await consumer.getmany(*pending, timeout_ms=POLL_MS, max_records=max_records)
            for part, batch in fetched.items():
                records = [
                    Record(one.offset, one.timestamp, one.key, one.value, one.headers)
                    for one in batch
                    if one.offset < ends[part]
                ]
                if records:
                    yield TP(*part), records
            pending = {part for part in pending if await consumer.position(part) < ends[part]}


async def log_bounds(settings: Mapping[str, Any], partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
    """Return the first offset of each log and the one after its last."""
    parts = [TopicPartition(*tp) for tp in partitions]
    if not parts:
        return {}
    async with _client(settings) as consumer:
        begins, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
    return {TP(*part): (begins[part], ends[part]) for part in parts}


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
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
