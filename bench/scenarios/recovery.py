"""Time from kill -9 to the first record that a new process has behind it, durably: on the same disk, and on a new one.

The new process is started at once, as a supervisor would. The group first has to notice that the old one is gone: that
time is in it.
"""

from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

from bench.cluster import Cluster
from bench.monitor import Monitor
from bench.worker import SOURCES, Worker
from tests.kafka.broker import until

MORE = 20  # of the pending events, this part is sent after each kill


def recovery(cluster: Cluster, pending: int, repeats: int, deadline: float = 600) -> dict[str, Any]:
    """Return seconds of each recovery. `pending` rows are kept: two label horizons of them."""
    monitor = Monitor("recovery", horizon=pending // 2, maturity=pending // 4)
    path = cluster.monitor(monitor)
    sent = pending + pending // 2 + pending // 10  # a new owner reads three horizons
    cluster.predictions(monitor, 0, sent)
    cluster.watermark(monitor, sent, "feedback")
    found: dict[str, list[float]] = {"same_disk_s": [], "new_disk_s": []}
    disks = ["disk-0"] + ["disk-0"] * repeats + [f"disk-{number + 1}" for number in range(repeats)]
    worker = Worker(cluster, monitor, path, disks[0])
    try:
        worker.follow(cluster.ends(monitor, *SOURCES), deadline)
        worker.settle()
        for before, disk in pairwise(disks):
            committed = worker.committed()
            killed = monotonic()
            worker.process.kill()
            worker = Worker(cluster, monitor, path, disk)
            cluster.predictions(monitor, sent, sent + pending // MORE)
            sent += pending // MORE
            until(lambda worker=worker, was=committed: worker.committed() > was, "it to read again", deadline)
            found["same_disk_s" if disk == before else "new_disk_s"].append(monotonic() - killed)
            worker.follow(cluster.ends(monitor, *SOURCES), deadline)
            worker.settle()
        size = _size(path.parent / disks[0])
        worker.stop()
    finally:
        worker.process.close()
    return {"pending": pending, **found, "store_mb": size}


def _size(directory: Path) -> float:
    return sum(file.stat().st_blocks * 512 for file in directory.rglob("*") if file.is_file()) / (1 << 20)
