"""Stock Faust: an agent that validates each event of a bytes topic. No table, no web server, no chunks."""

import sys
import tempfile
import uuid

import faust

from bench.peers.contract import validate
from bench.peers.stopwatch import Stopwatch

BOOTSTRAP, TOPIC, TOTAL = sys.argv[1], sys.argv[2], int(sys.argv[3])

app = faust.App(
    f"bench-faust-{uuid.uuid4().hex[:8]}",
    broker=f"kafka://{BOOTSTRAP}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="bench-faust-"),
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    topic_disable_leader=True,
    web_enabled=False,
    worker_redirect_stdouts=False,
)
watch = Stopwatch(TOTAL)


@app.agent(app.topic(TOPIC, value_type=bytes, value_serializer="raw", key_serializer="raw"))
async def consume(stream: faust.Stream) -> None:
    async for value in stream:
        validate(value)
        watch.add(1)


if __name__ == "__main__":
    faust.Worker(app, loglevel="warn", quiet=True, redirect_stdouts=False).execute_from_commandline()
