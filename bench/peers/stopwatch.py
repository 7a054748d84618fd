"""Wall and CPU time of a consumer while it reads the middle of the log; the same rule for every consumer.

The clock starts once a tenth of the records has been validated and stops at nine tenths. Starting up and joining a
group are charged to nobody. What a client has fetched ahead when the clock starts, it has fetched ahead again when it
stops: on a short log, a clock from the first record to the last would leave out most of the fetching. CPU is user and
system time of all threads of the process.
"""

import json
import os
import re
import sys
from pathlib import Path
from time import perf_counter, process_time

from bench.window import window


class Stopwatch:
    """Counts records up to nine tenths of `total`, prints a line of JSON and ends the process, threads and all."""

    def __init__(self, total: int) -> None:
        self.seen = 0
        self._start, self._stop = window(total)
        self._mark = self._start
        self._began: tuple[int, float, float] | None = None

    def add(self, count: int) -> None:
        """Note that `count` more records were validated."""
        self.seen += count
        if self.seen >= self._mark:
            self._at_mark()

    def _at_mark(self) -> None:
        now = self.seen, perf_counter(), process_time()
        if self._began is None:
            self._began, self._mark = now, self._stop
            return
        events, wall, cpu = (after - before for after, before in zip(now, self._began, strict=True))
        status = Path("/proc/self/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        assert peak is not None
        line = {"events": events, "wall": wall, "cpu": cpu, "peak_mb": int(peak[1]) / 1024}
        os.write(1, json.dumps(line).encode() + b"\n")
        sys.stderr.flush()
        os._exit(0)
