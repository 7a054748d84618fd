"""Our worker in a benchmark: run as people run it, followed from outside, and made to show that it did the work.

Progress is read off the group's committed offsets: the worker commits once the state and the output of what it read are
durable. The clock runs over the same part of the log as the peers' (`bench.window`), from one commit to another, and
counts the records between those two. Then the worker goes on to the end, where its work is checked.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

from bench.cluster import Cluster
from bench.monitor import SOURCES, STREAMGAUGE, Monitor
from bench.processes import cpu_seconds, resident_mb
from bench.window import window
from streams.accounting import BINS
from tests.kafka.broker import Process, until

POLL = 0.05


class NotDone(Exception):
    """The worker did not do what it is measured doing."""


@dataclass(frozen=True)
class Lap:
    """How far the worker was at a moment, and what it had used by then."""

    events: int
    wall: float
    cpu: float

    def since(self, earlier: "Lap") -> "Lap":
        return Lap(self.events - earlier.events, self.wall - earlier.wall, self.cpu - earlier.cpu)


@dataclass(frozen=True)
class Measured:
    """One run."""

    events: int
    wall: float
    cpu: float
    settled_cpu_us: float
    """CPU microseconds an event, from the first commit until level 2 had published everything that follows."""
    peak_mb: float
    panes: int
    """Pane reports."""


class Worker:
    """A worker process of one monitor."""

    def __init__(self, cluster: Cluster, monitor: Monitor, path: Path, data: str = "data") -> None:
        self.cluster = cluster
        self.monitor = monitor
        directory = path.parent
        command = cluster.pinned(
            STREAMGAUGE, "worker", path, "--data-dir", directory / data, "--http-port", "0", "--log-level", "info"
        )
        self.process = Process(command, directory / "worker.log")
        self.pid = self.process.process.pid

    def committed(self) -> int:
        """Return how many records of both source topics are behind it."""
        self.check_alive()
        return self.cluster.committed(self.monitor, *SOURCES)

    def check_alive(self) -> None:
        if (code := self.process.process.poll()) is not None:
            raise NotDone(f"the worker ended with {code}:\n{self.process.tail(25)}")

    def lap(self) -> Lap:
        """Return how far it is now."""
        return Lap(self.committed(), perf_counter(), cpu_seconds(self.pid))

    def follow(self, total: int, deadline: float, at_lap: Callable[[Lap], None] = lambda _: None) -> list[Lap]:
        """Watch until record `total` is committed; return a lap for every commit that was seen.

        Raises
        ------
        NotDone
            When the worker ends, or does not come that far in `deadline` seconds.
        """
        give_up = monotonic() + deadline
        laps: list[Lap] = []
        while not laps or laps[-1].events < total:
            if monotonic() > give_up:
                count = laps[-1].events if laps else 0
                raise NotDone(f"{count} of {total} records after {deadline:.0f}s:\n{self.process.tail(25)}")
            lap = self.lap()
            at_lap(lap)
            if lap.events > (laps[-1].events if laps else 0):
                laps.append(lap)
            sleep(POLL)
        return laps

    def settle(self) -> None:
        """Wait until level 2 has read every summary and published what follows."""

        def settled() -> bool:
            self.check_alive()
            ends = self.cluster.ends(self.monitor, "summaries")
            return ends > 0 and self.cluster.committed(self.monitor, "summaries") == ends

        until(settled, "level 2 to have read all summaries", 120, 0.1)

    def metrics(self) -> "Metrics":
        return Metrics(self.process.get("metrics")[1])

    def stop(self) -> None:
        self.process.stop(20)


class Metrics:
    """A page of metrics, taken apart."""

    def __init__(self, text: str) -> None:
        self._series = [
            (found[1], found[2], float(found[3])) for found in re.finditer(r"^(\w+?)\{(.*)\} (\S+)$", text, re.M)
        ]

    def total(self, name: str, *labels: str) -> int:
        """Return the sum of the series of a metric whose labels contain all of `labels`."""
        return int(
            sum(
                value
                for one, found, value in self._series
                if one == f"streamgauge_{name}" and all(label in found for label in labels)
            )
        )


@contextmanager
def running(cluster: Cluster, monitor: Monitor, path: Path, data: str = "data") -> Iterator[Worker]:
    """Run a worker; it is stopped at the end, killed if need be."""
    worker = Worker(cluster, monitor, path, data)
    try:
        yield worker
        worker.stop()
    finally:
        worker.process.close()


def measure(
    cluster: Cluster, monitor: Monitor, path: Path, predictions: int, feedback: int = 0, deadline: float = 600
) -> Measured:
    """Run a worker over topics that have been filled and closed, and check what it made of them.

    Raises
    ------
    NotDone
        When an event is unaccounted for, or a pane was not judged.
    """
    total = predictions + feedback
    with running(cluster, monitor, path) as worker:
        laps = worker.follow(cluster.ends(monitor, *SOURCES), deadline)
        run = part(laps, *window(total))
        worker.settle()
        whole = worker.lap()
        panes = check_work(worker, predictions, feedback)
        peak = resident_mb(worker.pid, "VmHWM")
    rest = whole.since(laps[0])
    return Measured(run.events, run.wall, run.cpu, rest.cpu / rest.events * 1e6, peak, panes)


def part(laps: list[Lap], start: int, stop: int) -> Lap:
    """Return what lies between the first commits at or after `start` and `stop` events.

    Raises
    ------
    NotDone
        When the worker was too quick to be looked at in between.
    """
    first = next(lap for lap in laps if lap.events >= start)
    last = next(lap for lap in laps if lap.events >= stop)
    if last.events - first.events < (stop - start) / 2:
        raise NotDone(f"only {len(laps)} commits were seen: give it more events")
    return last.since(first)


def check_work(worker: Worker, predictions: int, feedback: int) -> int:
    """See to it that every event was counted and every pane judged; return the number of pane reports.

    Raises
    ------
    NotDone
        When it is not so.
    """
    for role, count in (("predictions", predictions), ("feedback", feedback)):
        _check_accounting(worker, role, count)
    reports = _reports(worker.cluster, worker.monitor)
    rows = Counter[str]()
    for report in reports:
        rows[report["pane"]["family"]] += report["n"]
    wanted = {"traffic": predictions, "cohort": predictions, "label": feedback}
    if any(rows[family] != count for family, count in wanted.items()):
        raise NotDone(f"closed panes hold {dict(rows)} rows, and it should be {wanted}")
    return len(reports)


def _check_accounting(worker: Worker, role: str, count: int) -> None:
    topic = f'topic="{worker.monitor.topic(role)}"'
    read = count + worker.monitor.partitions  # a watermark ends each partition
    found: Counter[str] = Counter()

    def complete() -> bool:  # the page is brought up to date once a second
        page = worker.metrics()
        found.update({bin_: page.total("events", topic, f'bin="{bin_}"') - found[bin_] for bin_ in BINS})
        return page.total("events_read", topic) == read and found.total() == read

    try:
        until(complete, f"{read} events of {role} to be accounted for", 10, 0.2)
    except AssertionError as error:
        raise NotDone(f"{error}: {dict(found)}") from None
    if found["summarised"] != count:
        raise NotDone(f"{role}: {found['summarised']} of {count} events were summarised: {dict(found)}")


def _reports(cluster: Cluster, monitor: Monitor) -> list[dict[str, Any]]:
    """Return the pane reports, each once."""
    values = cluster.kafka.read_by_id(monitor.topic("pane_reports")).values()
    return [json.loads(value) for value in values]
