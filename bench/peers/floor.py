"""The floor: bare aiokafka and pydantic. What a Python program on aiokafka cannot go below while it validates."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer

from bench.peers.contract import validate
from bench.peers.stopwatch import Stopwatch


async def main(bootstrap: str, topic: str, total: int) -> None:
    """Fetch and validate; nothing is kept."""
    watch = Stopwatch(total)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=500)
        for records in batches.values():
            for record in records:
                validate(record.value)
            watch.add(len(records))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
