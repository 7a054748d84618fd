"""The broker of a run, its topics, and the filler that puts events on them.

Consumers run on one core and everything else on another. A child inherits the cores of its parent, threads included:
the benchmark itself moves to the broker's core before it starts anything, and consumers are started through `taskset`.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.events import STEP_MS
from bench.monitor import STREAMGAUGE, Monitor, write
from tests.kafka.broker import Kafka, missing, running_broker

ROOT = Path(__file__).parent.parent
PEERS_PYTHON = Path(__file__).parent / ".venv-peers" / "bin" / "python"


class Cluster:
    """A running broker with a directory to work in."""

    def __init__(self, kafka: Kafka, directory: Path, core: int) -> None:
        self.kafka = kafka
        self.bootstrap = kafka.bootstrap
        self.directory = directory
        self.core = core
        """Where consumers run."""
        self._filler: subprocess.Popen[str] | None = None

    def pinned(self, *command: str | Path) -> list[str]:
        """Return a command that runs on the consumers' core."""
        return ["taskset", "-c", str(self.core), *map(str, command)]

    def monitor(self, monitor: Monitor) -> Path:
        """Write a monitor's files and make its topics; return the monitor file."""
        path = write(monitor, self.directory, self.bootstrap)
        subprocess.run([STREAMGAUGE, "topics", "create", str(path)], check=True, stdout=subprocess.DEVNULL)
        return path

    def order(self, **order: Any) -> None:
        """Have the filler carry out an order, and wait until all of it is on the broker."""
        self.begin(**order)
        self.finish()

    def begin(self, **order: Any) -> None:
        """Hand the filler an order; `finish` waits for it."""
        if self._filler is None:
            command = [str(PEERS_PYTHON), "-m", "bench.fill", self.bootstrap]
            self._filler = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._filler.stdin is not None
        self._filler.stdin.write(json.dumps(order) + "\n")
        self._filler.stdin.flush()

    def finish(self) -> None:
        """Wait for the order that was begun."""
        assert self._filler is not None
        assert self._filler.stdout is not None
        answer = self._filler.stdout.readline()
        if not answer or json.loads(answer)["left"]:
            raise RuntimeError(f"the topic could not be filled: {answer or 'the filler ended'}")

    def predictions(self, monitor: Monitor, start: int, stop: int) -> None:
        self.order(
            kind="predictions", topic=monitor.topic("predictions"), start=start, stop=stop, models=monitor.models
        )

    def feedback(self, monitor: Monitor, start: int, stop: int, delay: int) -> None:
        """Put the outcomes of predictions on the feedback topic, known `delay` events later."""
        delay_ms = delay * STEP_MS
        topic = monitor.topic("feedback")
        self.order(kind="feedback", topic=topic, start=start, stop=stop, models=monitor.models, delay_ms=delay_ms)

    def watermark(self, monitor: Monitor, at: int, *roles: str) -> None:
        """Tell every partition that nothing older than event `at` will follow."""
        for role in roles or ("predictions", "feedback"):
            topic = monitor.topic(role)
            self.order(kind="watermark", topic=topic, partitions=monitor.partitions, at_ms=at * STEP_MS)

    def close_all_panes(self, monitor: Monitor, events: int) -> None:
        """End both topics so late that every pane of `events` events closes, cohorts included."""
        self.watermark(monitor, events + monitor.pane + 2 * monitor.horizon + 2 * monitor.lateness)

    def committed(self, monitor: Monitor, *roles: str) -> int:
        """Return how many records of some topics the monitor's group has behind it, durably."""
        topics = {monitor.topic(role) for role in roles}
        committed = self.kafka.committed(monitor.name)
        return sum(max(0, offset) for tp, offset in committed.items() if tp.topic in topics)

    def ends(self, monitor: Monitor, *roles: str) -> int:
        """Return how many records there are on some topics."""
        return sum(sum(self.kafka.ends(monitor.topic(role)).values()) for role in roles)

    def drop(self, *topics: str) -> None:
        """Delete topics that are not needed any more, for the sake of the disk."""
        self.kafka.admin.delete_topics(list(topics))

    def close(self) -> None:
        if self._filler is not None and self._filler.stdin is not None:
            self._filler.stdin.close()
            self._filler.wait(30)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a broker on one core, with consumers to run on another; all it leaves is removed."""
    if lack := missing():
        sys.exit(f"{lack}; make bench-throughput sees to it")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("a benchmark needs two cores: one for the consumer, one for the broker")
    os.sched_setaffinity(0, {cores[1]})
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as name, running_broker(Path(name)) as broker:
        kafka = Kafka(broker.bootstrap)
        cluster = Cluster(kafka, Path(name), cores[0])
        try:
            yield cluster
        finally:
            cluster.close()
            kafka.close()
