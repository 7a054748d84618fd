"""Resident memory of the worker while ten times as many events go by as it keeps.

A row is kept for two label horizons: one for its label, one more to tell what comes later from a duplicate. `pending`
rows are kept at any time from the first `pending` events on. The producer keeps a little ahead of the worker, and the
topic's retention is bounded, so the disk does not fill up.
"""

from statistics import median
from typing import Any

from kafka.admin import ConfigResource

from bench.cluster import Cluster
from bench.monitor import Monitor
from bench.processes import resident_mb
from bench.worker import Lap, running

STEP = 20  # parts that the whole is sent in
KEPT_BYTES = 256 << 20  # of each partition
NEAR = 0.1  # of `pending`: samples so near after a mark belong to it


def memory(cluster: Cluster, pending: int, deadline: float = 900) -> dict[str, Any]:
    """Return resident memory after `pending` events, after ten times as many, and at most."""
    events = 10 * pending
    monitor = Monitor("memory", horizon=pending // 2, maturity=pending // 4)
    path = cluster.monitor(monitor)
    _bound(cluster, monitor)
    feeder = _Feeder(cluster, monitor, events)
    samples: list[tuple[int, float, float]] = []
    with running(cluster, monitor, path) as worker:

        def at_lap(lap: Lap) -> None:
            feeder.feed(lap.events)
            samples.append((lap.events, resident_mb(worker.pid), resident_mb(worker.pid, "RssFile")))

        worker.follow(feeder.records, deadline, at_lap)
        worker.settle()
        peak = resident_mb(worker.pid, "VmHWM")
    early = _near(samples, pending, round((1 + NEAR) * pending))
    late = _near(samples, round(events - NEAR * pending), feeder.records)
    return {
        "pending": pending,
        "events": events,
        "rss_mb_after_pending": early,
        "rss_mb_after_all": late,
        "rss_mb_max": max(rss for _, rss, _ in samples),
        "mapped_file_mb_max": max(mapped for *_, mapped in samples),
        "peak_mb": peak,
        "ratio": late / early,
    }


def _near(samples: list[tuple[int, float, float]], start: int, stop: int) -> float:
    """Return the median of the samples taken between two counts of events, or the first one after them."""
    later = [(count, rss) for count, rss, _ in samples if count >= start]
    return median([rss for count, rss in later if count <= stop] or [later[0][1]])


class _Feeder:
    """Sends the next part once the worker is within two parts of the end; feedback's time follows the predictions'."""

    def __init__(self, cluster: Cluster, monitor: Monitor, events: int) -> None:
        self._cluster = cluster
        self._monitor = monitor
        self._events = events
        self._part = events // STEP
        self._sent = 0
        self.records = events + STEP * monitor.partitions
        """All that will have been sent, watermarks of the feedback topic included."""

    def feed(self, read: int) -> None:
        while self._sent < self._events and read > self._sent - 2 * self._part:
            self._cluster.predictions(self._monitor, self._sent, self._sent + self._part)
            self._sent += self._part
            self._cluster.watermark(self._monitor, self._sent, "feedback")


def _bound(cluster: Cluster, monitor: Monitor) -> None:
    configs = {"retention.bytes": str(KEPT_BYTES), "segment.bytes": str(KEPT_BYTES // 8)}
    cluster.kafka.admin.alter_configs([ConfigResource("topic", monitor.topic("predictions"), configs)])
