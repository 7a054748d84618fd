"""Quix Streams: one operation that validates each value."""

import sys
import tempfile
import uuid

from quixstreams import Application

from bench.peers.contract import validate
from bench.peers.stopwatch import Stopwatch


def main(bootstrap: str, name: str, total: int) -> None:
    """Consume `name` until `total` records have been validated."""
    watch = Stopwatch(total)
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"bench-quix-{uuid.uuid4().hex[:8]}",
        auto_offset_reset="earliest",
        loglevel="ERROR",
        state_dir=tempfile.mkdtemp(prefix="bench-quix-"),
        consumer_extra_config={"max.partition.fetch.bytes": 4 << 20},
    )
    topic = app.topic(name, value_deserializer="bytes", key_deserializer="bytes")

    def check(value: bytes) -> None:
        validate(value)
        watch.add(1)

    frame = app.dataframe(topic)
    frame.update(check)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
