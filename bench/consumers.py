"""The consumers that are compared: what each reads, and one measured run of it."""

import json
import re
import subprocess
from dataclasses import dataclass, replace
from itertools import count

from bench.cluster import PEERS_PYTHON, ROOT, Cluster
from bench.monitor import Monitor
from bench.worker import NotDone, measure

PEERS = {"floor": "floor", "faust": "faust_stock", "quix": "quix", "bytewax": "bytewax_flow"}
"""Module of `bench.peers`, by the name in the results."""
NAMES = (*PEERS, "worker", "worker_join")
FEWER = {"faust": 6}
"""Who reads only this fraction of the events, or it would take minutes: a rate does not depend on it."""
DELAY = 100_000
"""Events between a prediction and its feedback."""
DEADLINE = 600


@dataclass(frozen=True)
class Round:
    """One measured run of one consumer."""

    events: int
    wall: float
    cpu: float
    peak_mb: float
    settled_cpu_us: float | None = None
    panes: int | None = None

    @property
    def events_per_second(self) -> float:
        return self.events / self.wall

    @property
    def cpu_us_per_event(self) -> float:
        return self.cpu / self.events * 1e6


class Comparison:
    """Topics that are filled once, and runs of the consumers over them.

    The peers' topic has the same bytes as that of `worker`, without the watermarks that end it. `worker_join` reads as
    many events: half of them predictions, half their feedback.
    """

    def __init__(self, cluster: Cluster, events: int) -> None:
        self._cluster = cluster
        self._events = events
        self._plain = Monitor("plain")
        self._peers = Monitor("peers")
        self._joined = Monitor("joined")
        self._filled: set[str] = set()
        self._runs = count(1)

    def run(self, name: str) -> Round:
        """Measure one consumer once."""
        self._fill(name)
        if name in PEERS:
            return self._run_peer(name)
        if name == "worker":
            return self._run_worker(self._plain, self._events, 0)
        return self._run_worker(self._joined, self._events // 2, self._events // 2)

    def close(self) -> None:
        """Delete the topics, for the sake of the disk."""
        for monitor in (self._plain, self._peers, self._joined):
            if monitor.name in self._filled:
                self._cluster.drop(monitor.topic("predictions"), monitor.topic("feedback"))

    def _fill(self, name: str) -> None:
        monitor = {"worker": self._plain, "worker_join": self._joined}.get(name, self._peers)
        if monitor.name in self._filled:
            return
        self._filled.add(monitor.name)
        self._cluster.monitor(monitor)
        if monitor is self._joined:
            half = self._events // 2
            self._cluster.predictions(monitor, 0, half)
            self._cluster.feedback(monitor, 0, half, DELAY)
            self._cluster.close_all_panes(monitor, half)
        else:
            self._cluster.predictions(monitor, 0, self._events)
            if monitor is self._plain:
                self._cluster.close_all_panes(monitor, self._events)

    def _run_peer(self, name: str) -> Round:
        topic, events = self._peers.topic("predictions"), self._events // FEWER.get(name, 1)
        module = f"bench.peers.{PEERS[name]}"
        command = self._cluster.pinned(PEERS_PYTHON, "-m", module, self._cluster.bootstrap, topic, str(events))
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
        found = re.search(r"\{.*\}", done.stdout)  # Faust moves the cursor first
        if done.returncode or found is None:
            raise NotDone(f"{name} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        return Round(**json.loads(found[0]))

    def _run_worker(self, source: Monitor, predictions: int, feedback: int) -> Round:
        monitor = replace(source, name=f"{source.name}-{next(self._runs)}", source=source.name)
        path = self._cluster.monitor(monitor)
        run = measure(self._cluster, monitor, path, predictions, feedback, DEADLINE)
        return Round(run.events, run.wall, run.cpu, run.peak_mb, run.settled_cpu_us, run.panes)
