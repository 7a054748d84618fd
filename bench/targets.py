"""What the figures are held against, and whether they keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Target:
    """A bound on a figure of the results, found by its path."""

    what: str
    path: tuple[str, ...]
    sense: Literal["at least", "at most"]
    bound: float
    unit: str = ""

    def measured(self, results: Mapping[str, Any]) -> float | None:
        """Return the figure, the worst one where there are several; None where it was not measured."""
        value: Any = results
        for key in self.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            value = (min if self.sense == "at least" else max)(value, default=None)
        return value

    def met(self, figure: float) -> bool:
        return figure >= self.bound if self.sense == "at least" else figure <= self.bound


TARGETS = (
    Target("worker against the floor", ("ratios", "worker/floor"), "at least", 1.0, "×"),
    Target("worker against stock Faust", ("ratios", "worker/faust"), "at least", 15, "×"),
    Target("worker against Quix Streams", ("ratios", "worker/quix"), "at least", 2, "×"),
    Target("worker with the join against the floor", ("ratios", "worker_join/floor"), "at least", 1.0, "×"),
    Target("CPU an event, 100 models against 1", ("models", "ratio"), "at most", 1.3, "×"),
    Target("CPU an event, 64 partitions against 4", ("partitions", "ratio"), "at most", 1.3, "×"),
    Target("resident memory, 10 M events against 1 M", ("memory", "ratio"), "at most", 1.05, "×"),
    Target("resident memory, 1 M pending", ("memory", "peak_mb"), "at most", 350, "MB"),
    Target("last record of a pane → trigger, p99", ("trigger_latency", "p99_s"), "at most", 1, "s"),
    Target("replay of a Parquet table", ("replay", "rows_per_s"), "at least", 130_000, "rows/s"),
    Target("resident memory of replay", ("replay", "peak_mb"), "at most", 300, "MB"),
    Target("kill -9 → reading again, same disk", ("recovery", "same_disk_s"), "at most", 15, "s"),
    Target("kill -9 → reading again, new disk", ("recovery", "new_disk_s"), "at most", 60, "s"),
)
