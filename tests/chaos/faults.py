"""Does to a cluster and its workers what a schedule says, and makes it good again."""

import heapq
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic, sleep

from .cluster import SYNC_DEADLINE, Cluster, Node
from .schedule import FLAP_EVERY, FLAPS, ON_BROKERS, ROLLING_PAUSE, WORKERS, Fault
from .workers import Workers

TICK = 0.05
RECOVERY = 12.0
"""Seconds that a fault waits for work to go on: faults that meet nobody at work prove little."""

Action = Callable[[], object]


class Faults:
    """The clock of one run, and what happens by it. The clock stands still while a step waits for something."""

    def __init__(self, cluster: Cluster, workers: Workers, log: Path) -> None:
        self._cluster = cluster
        self._workers = workers
        self._log = log
        self._begin = monotonic()
        self._steps: list[tuple[float, int, str, Action]] = []
        self._numbers = count()
        self._checkpoints: dict[str, float] = {}
        """Of each process, as of the last step."""
        self._away: Node | None = None

    def run(self, faults: Sequence[Fault], seconds: float) -> None:
        """Do all of it, `seconds` at least; afterwards everything runs again."""
        for fault in faults:
            self._plan(fault)
        self._begin = monotonic()
        while self._steps or self._now() < seconds:
            self._workers.supervise()
            if self._steps and self._steps[0][0] <= self._now():
                _, _, text, action = heapq.heappop(self._steps)
                self._say(text)
                action()
                self._checkpoints = self._workers.checkpoints()
            else:
                sleep(TICK)

    def _plan(self, fault: Fault) -> None:
        begin, end = fault.at, fault.at + fault.hold
        self._at(begin, f"{fault}", lambda: self._wait_for_work(fault))
        if fault.kind in ON_BROKERS:
            self._at(begin, f"{fault.kind} begins", lambda: self._lose(fault))
            self._at(end, f"{fault.kind} is over", self._bring_back)
        elif fault.kind == "rolling":
            for number, name in enumerate(fault.targets):
                self._at(begin + number * ROLLING_PAUSE, f"{name} is restarted", self._workers[name].restart)
        elif fault.kind == "flap":
            for number in range(FLAPS):
                name = fault.targets[0]
                self._at(begin + number * FLAP_EVERY, f"{name} is killed and started", partial(self._flap, name))
        else:
            for name in fault.targets:
                worker = self._workers[name]
                hit, cure = {
                    "sigterm": (worker.terminate, worker.want),
                    "zombie": (worker.pause, worker.resume),
                    "blink": (worker.pause, worker.resume),
                    "wipe": (worker.wipe, worker.want),
                    "scale": (worker.want, worker.kill if fault.broker == 0 else worker.terminate),
                }.get(fault.kind, (worker.kill, worker.want))
                self._at(begin, f"{fault.kind} of {name} begins", hit)
                self._at(end, f"{fault.kind} of {name} is over", cure)

    def _at(self, time: float, text: str, action: Action) -> None:
        heapq.heappush(self._steps, (time, next(self._numbers), text, action))

    def _now(self) -> float:
        return monotonic() - self._begin

    def _say(self, text: str) -> None:
        with self._log.open("a") as out:
            out.write(f"{self._now():6.1f} {text}\n")

    def _flap(self, name: str) -> None:
        self._workers[name].kill()
        self._workers[name].want()

    def _wait_for_work(self, fault: Fault) -> None:
        """Wait until a worker has made a checkpoint since the step before this one."""
        since = monotonic()
        while not fault.rush and not self._at_work() and monotonic() - since < RECOVERY:
            self._workers.supervise()
            sleep(0.2)
        self._begin += monotonic() - since

    def _at_work(self) -> bool:
        made = self._workers.checkpoints()
        return any(number > self._checkpoints.get(process, 0.0) for process, number in made.items())

    def _lose(self, fault: Fault) -> None:
        """Take a broker away, once the one before it has caught up."""
        since = monotonic()
        while not self._cluster.in_sync():
            self._workers.supervise()
            if monotonic() - since > SYNC_DEADLINE:
                raise AssertionError(f"waited {SYNC_DEADLINE:.0f}s for all replicas to be in sync; they are not")
            sleep(0.3)
        controller = self._cluster.controller()
        self._begin += monotonic() - since
        others = [node for node in self._cluster.nodes if node is not controller]
        self._away = controller if fault.kind == "controller" else others[fault.broker % len(others)]
        hit = {"broker-stop": self._away.stop, "frozen": self._away.freeze}.get(fault.kind, self._away.kill)
        hit()
        self._say(f"broker {self._away.number} is gone")

    def _bring_back(self) -> None:
        if self._away is not None:
            self._away.thaw()
            self._away.start()


def start_all(workers: Workers) -> None:
    """Start the workers that are there from the beginning."""
    for name in WORKERS:
        workers[name].want()
    workers.supervise()
