"""Reads partitions of our own compacted topics to their end: what the owner before us left behind."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from faust.types import TP

from streams.framing import Reassembler
from streams.log_reader import read_ranges
from streams.records import Record

log = logging.getLogger(__name__)


async def read_partitions(
    settings: Mapping[str, Any], topic: str, partitions: Iterable[int]
) -> dict[int, list[Record]]:
    """Return the records of each partition up to what was its end when asked, frames put together, in log order.

    Deletions are among the records.
    """
    found: dict[int, list[Record]] = {partition: [] for partition in partitions}
    frames = {partition: Reassembler() for partition in found}
    async for tp, records in read_ranges(settings, {TP(topic, partition): (None, None) for partition in found}):
        found[tp.partition] += frames[tp.partition].add(records)
    return found


def newest_by_key(records: Iterable[Record]) -> dict[bytes, Record]:
    """Return the last record of each key, deleted keys left out."""
    newest: dict[bytes, Record] = {}
    for record in records:
        key = record.key or b""
        newest.pop(key, None)
        if record.value is not None:
            newest[key] = record
    return newest
