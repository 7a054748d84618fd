"""CPU of the worker on two monitors that differ in one thing, in turns: 1 and 100 models, 4 and 64 partitions.

CPU is taken until level 2 has published everything, so that what more models cost there is in it.
"""

from dataclasses import replace
from statistics import median
from typing import Any

from bench.cluster import Cluster
from bench.monitor import Monitor
from bench.worker import measure


def models(cluster: Cluster, events: int, rounds: int) -> dict[str, Any]:
    """Compare 100 models with 1. A pane is as long for both: each of the 100 has 10,000 events in it."""
    few = Monitor("models-1", pane=events)
    return _compare(cluster, {"1": few, "100": replace(few, name="models-100", models=100)}, 2 * events, rounds)


def partitions(cluster: Cluster, events: int, rounds: int) -> dict[str, Any]:
    """Compare 64 partitions with 4, working off a backlog; also where each of the 64 has as much of a pane as the 4.

    Every partition sends the sample of its part of a pane, however small that is.
    """
    few = Monitor("partitions-4")
    many = replace(few, name="partitions-64", partitions=64)
    found = _compare(cluster, {"4": few, "64": many}, events, rounds)
    alike = _compare(cluster, {"64 alike": replace(many, name="partitions-64-alike", pane=16 * few.pane)}, events, 1)
    found["cpu_us_per_event"] |= alike["cpu_us_per_event"]
    found["ratio_alike"] = found["cpu_us_per_event"]["64 alike"] / found["cpu_us_per_event"]["4"]
    return found


def _compare(cluster: Cluster, monitors: dict[str, Monitor], events: int, rounds: int) -> dict[str, Any]:
    for monitor in monitors.values():
        cluster.monitor(monitor)
        cluster.predictions(monitor, 0, events)
        cluster.close_all_panes(monitor, events)
    found: dict[str, list[float]] = {name: [] for name in monitors}
    walls: dict[str, list[float]] = {name: [] for name in monitors}
    panes: dict[str, int] = {}
    for number in range(rounds):
        for name, source in monitors.items():
            monitor = replace(source, name=f"{source.name}-{number}", source=source.name)
            run = measure(cluster, monitor, cluster.monitor(monitor), events)
            found[name].append(run.settled_cpu_us)
            walls[name].append(run.events / run.wall)
            panes[name] = run.panes
    cluster.drop(*(monitor.topic("predictions") for monitor in monitors.values()))
    first, last = median(next(iter(found.values()))), median(next(reversed(found.values())))
    return {
        "events": events,
        "cpu_us_per_event": {name: median(figures) for name, figures in found.items()},
        "events_per_s": {name: median(figures) for name, figures in walls.items()},
        "pane_reports": panes,
        "rounds": found,
        "ratio": last / first,
    }
