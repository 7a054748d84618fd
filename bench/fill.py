"""Fills a topic through librdkafka, in the environment of the peers: orders come on stdin, one JSON object a line.

{"kind": "predictions", "topic": ..., "start": 0, "stop": 1000000, "models": 1}
{"kind": "feedback", "topic": ..., "start": 0, "stop": 1000000, "models": 1, "delay_ms": 600000}
{"kind": "watermark", "topic": ..., "partitions": 4, "at_ms": 6000000}

Each order is answered by one line once all of it is acknowledged. Batches are as large as `streamgauge send` makes
them, and keys are placed as Java's default does.
"""

import json
import sys
from collections.abc import Iterable

from confluent_kafka import Producer

from bench.events import feedback, predictions, watermark


def main(bootstrap: str) -> None:
    """Carry out orders until stdin ends."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.size": 131_072,
            "queue.buffering.max.messages": 500_000,
            "log_level": 3,
        }
    )
    for line in sys.stdin:
        order = json.loads(line)
        topic = order["topic"]
        if order["kind"] == "watermark":
            for partition in range(order["partitions"]):
                producer.produce(topic, watermark(order["at_ms"]), partition=partition)
        elif order["kind"] == "predictions":
            _send(producer, topic, predictions(order["start"], order["stop"], order["models"]))
        else:
            _send(producer, topic, feedback(order["start"], order["stop"], order["delay_ms"], order["models"]))
        left = producer.flush(120)
        print(json.dumps({"left": left}), flush=True)


def _send(producer: Producer, topic: str, events: Iterable[tuple[bytes, bytes]]) -> None:
    for count, (key, value) in enumerate(events):
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        if count % 1_000 == 0:
            producer.poll(0)


if __name__ == "__main__":
    main(sys.argv[1])
