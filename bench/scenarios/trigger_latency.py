"""Time from the append of the record that moves the last watermark past a pane's end + lateness to a readable trigger.

A schedule policy triggers at every pane. All partitions but one have come that far already; the clock starts before the
record of the last one is sent, and stops when a plain consumer of the triggers topic has the trigger.
"""

import random
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bench.cluster import Cluster
from bench.events import STEP_MS, predictions, watermark
from bench.monitor import Monitor
from bench.worker import running

PANE = 10_000  # numbers of events: a minute, for the schedule
STRIDE = 25  # every 25th of them is sent
DEADLINE = 30.0


def trigger_latency(cluster: Cluster, panes: int) -> dict[str, Any]:
    """Return the latencies of `panes` triggers in seconds."""
    monitor = Monitor(
        "latency",
        pane=PANE,
        lateness=1_000,
        horizon=2 * PANE,
        maturity=PANE,
        policies=[{"type": "schedule", "cron": "* * * * *"}],
        cooldown="1s",
        minimum_labels=0,
    )
    path = cluster.monitor(monitor)
    cluster.watermark(monitor, (panes + 100) * PANE, "feedback")
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")
    consumer = _consumer(cluster, monitor)
    rng = random.Random(3)
    latencies: list[float] = []
    with running(cluster, monitor, path):
        for pane in range(panes + 2):
            _send_pane(producer, monitor, pane)
            sleep(rng.random())  # checkpoints come once a second: at any time of it
            sent = perf_counter()
            _send_mark(producer, monitor, pane, monitor.partitions - 1)
            producer.flush()
            if pane == 0:  # the schedule begins with the first pane that closes
                sleep(3)
                continue
            _await_trigger(consumer)
            latencies.append(perf_counter() - sent)
    consumer.close()
    producer.close()
    ordered = sorted(latencies[1:])
    return {
        "panes": len(ordered),
        "p50_s": median(ordered),
        "p99_s": ordered[-1 - len(ordered) // 100],
        "max_s": ordered[-1],
    }


def _send_pane(producer: KafkaProducer, monitor: Monitor, pane: int) -> None:
    topic = monitor.topic("predictions")
    for key, value in predictions(pane * PANE, (pane + 1) * PANE, stride=STRIDE):
        producer.send(topic, key=key, value=value)
    for partition in range(monitor.partitions - 1):
        _send_mark(producer, monitor, pane, partition)
    producer.flush()


def _send_mark(producer: KafkaProducer, monitor: Monitor, pane: int, partition: int) -> None:
    """Bring a partition's watermark to the end of a pane, exactly."""
    at = (pane + 1) * PANE + monitor.lateness
    producer.send(monitor.topic("predictions"), value=watermark(at * STEP_MS), partition=partition)


def _consumer(cluster: Cluster, monitor: Monitor) -> KafkaConsumer:
    consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap, group_id=None, auto_offset_reset="earliest")
    topic = monitor.topic("triggers")
    consumer.assign([TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())])
    return consumer


def _await_trigger(consumer: KafkaConsumer) -> None:
    give_up = monotonic() + DEADLINE
    while not consumer.poll(timeout_ms=200):
        if monotonic() > give_up:
            raise AssertionError(f"no trigger within {DEADLINE:.0f}s of the pane's end")
