"""Worker processes under a supervisor that starts again what ended by itself, as systemd or Kubernetes would."""

import os
import re
import shutil
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from time import monotonic, sleep

from ..kafka.broker import Process

STREAMGAUGE = Path(sys.executable).with_name("streamgauge")
START_AGAIN_AFTER = 1.0
OWN_LIMIT = "ended without a last checkpoint"
STOP_DEADLINE = 15.0
"""Seconds from SIGTERM to the end. A worker limits its own shutdown to less."""


class Worker:
    """One place for a worker: a name, a disk, and one process after another, each with a log of its own."""

    def __init__(self, name: str, monitor: Path, logs: Path) -> None:
        self.name = name
        self.wanted = False
        """Whether a process should be there."""
        self.brokers_may_be_away = True
        self.process: Process | None = None
        self.ends: list[str] = []
        """How processes ended that nobody had asked to, or that had no broker to take leave of."""
        self.refused: list[str] = []
        """What was not an orderly end: SIGTERM was not heard, or the worker blamed its user."""
        self._monitor = monitor
        self._disk = logs / f"disk-{name}"
        self._logs = logs
        self._count = 0
        self._stopping: float | None = None
        self._start_at = 0.0
        self._paused = False

    @property
    def running(self) -> bool:
        """Whether its process is there, paused or not."""
        return self.process is not None and self.process.process.poll() is None

    def supervise(self) -> None:
        """Bring the process in line with what is wanted; called some times a second."""
        now = monotonic()
        if self.process is not None and not self.running:
            self._ended(self.process, self.process.process.returncode)
            self.process, self._stopping = None, None
        if self._stopping is not None and now - self._stopping > STOP_DEADLINE:
            self.refused.append(f"{self.name} did not end within {STOP_DEADLINE:.0f}s of SIGTERM")
            self.kill()
        if self.wanted and self.process is None and now >= self._start_at:
            self._count += 1
            options = ["--data-dir", str(self._disk), "--http-host", "127.0.0.1", "--http-port", "0"]
            log = self._logs / f"worker-{self.name}-{self._count}.log"
            self.process = Process([str(STREAMGAUGE), "worker", str(self._monitor), *options], log)

    def _ended(self, process: Process, code: int) -> None:
        if self._stopping is not None:
            if code in (0, -signal.SIGTERM):  # it may come before the worker has a say in it
                return
            words = last_words(process)
            # While a broker is away a last checkpoint may not be had, and a worker puts an end to waiting for it.
            noted = self.ends if self.brokers_may_be_away and OWN_LIMIT in words else self.refused
            noted.append(f"{self.name} ended with {code} after SIGTERM: {words} ({process.log.name})")
        elif self.wanted:
            if code == 2:
                self.refused.append(f"{self.name} took a fault for a mistake of its user: {last_words(process)}")
            self.ends.append(f"{self.name} ended with {code}: {last_words(process)} ({process.log.name})")
            self._start_at = monotonic() + START_AGAIN_AFTER

    def want(self) -> None:
        """Have a process here, once the one before it has gone."""
        self.wanted = True

    def kill(self) -> None:
        """As `kill -9` does; it is started again once it is wanted again."""
        self.wanted = False
        if self.process is not None:
            self.process.kill()
        self.process, self._stopping = None, None

    def terminate(self) -> None:
        """Send SIGTERM; what becomes of it is for `supervise` to see."""
        self.wanted = False
        if self.process is not None:
            self._signal(signal.SIGTERM)
            self._stopping = monotonic()

    def pause(self) -> None:
        """Send SIGSTOP."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Send SIGCONT."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def restart(self) -> None:
        """Send SIGTERM, and start again after it."""
        self.terminate()
        self.want()

    def wipe(self) -> None:
        """Kill the process and delete its disk."""
        self.kill()
        shutil.rmtree(self._disk, ignore_errors=True)

    def checkpoints(self) -> tuple[str, float]:
        """Return which process this is and how many checkpoints it says it has made."""
        if self.process is None or self._paused:
            return "", 0.0
        made = re.findall(r"^streamgauge_checkpoints_total\{.*\} (\S+)$", self.page("metrics", 2.0)[1], re.M)
        return self.process.log.name, sum(map(float, made))

    def page(self, name: str, timeout: float = 5.0) -> tuple[int, str]:
        """Return status and text of `metrics`, `livez` or `readyz`; status 0 where it does not answer."""
        if self.process is None or not self.running:
            return 0, "there is no process"
        served = re.findall(r"health and metrics on (http://\S+)", self.process.log.read_text(errors="replace"))
        if not served:
            return 0, "it does not serve yet"
        try:
            with urllib.request.urlopen(f"{served[-1]}/{name}", timeout=timeout) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, f"it does not answer: {error}"

    def describe(self) -> None:
        """Have the process write the stacks of its tasks and threads into its log."""
        self._signal(signal.SIGUSR1)

    def _signal(self, number: int) -> None:
        if self.process is not None and self.running:
            os.kill(self.process.process.pid, number)


class Workers:
    """All places for workers."""

    def __init__(self, names: list[str], monitor: Path, logs: Path) -> None:
        self.by_name = {name: Worker(name, monitor, logs) for name in names}

    def __getitem__(self, name: str) -> Worker:
        return self.by_name[name]

    def supervise(self) -> None:
        """Look after all of them."""
        for worker in self.by_name.values():
            worker.supervise()

    def checkpoints(self) -> dict[str, float]:
        """Return how many checkpoints each process that answers has made."""
        return dict(worker.checkpoints() for worker in self.by_name.values())

    def running(self) -> list[Worker]:
        """Return those that are there."""
        return [worker for worker in self.by_name.values() if worker.running]

    def stop(self) -> None:
        """Stop all with SIGTERM, now that all brokers are there."""
        for worker in self.by_name.values():
            worker.brokers_may_be_away = False
            worker.terminate()
        while self.running():
            self.supervise()
            sleep(0.05)
        self.supervise()

    def kill(self) -> None:
        """End whatever is left."""
        for worker in self.by_name.values():
            worker.kill()

    def describe(self, seconds: float = 3.0) -> None:
        """Have all of them write their stacks."""
        for worker in self.running():
            worker.describe()
        sleep(seconds)


def last_words(process: Process) -> str:
    """Return the last line of a log that is no part of a traceback."""
    lines = [line for line in process.tail(200).splitlines() if line.strip() and not re.match(r"[\s|+^~]", line)]
    return lines[-1][:300] if lines else "without a word"
