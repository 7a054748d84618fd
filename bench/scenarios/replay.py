"""`streamgauge replay` over a Parquet table with labels: the whole command, from its start to its end."""

import json
import os
import random
import subprocess
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from bench.cluster import Cluster
from bench.events import BEGIN, STEP_MS, VERSION, outcome, prediction_id, row
from bench.monitor import STREAMGAUGE, Monitor, table_columns, write
from bench.processes import resident_mb
from bench.worker import NotDone
from streams.accounting import adds_up

DELAY = 100_000
POOL = 100_003


def replay(cluster: Cluster, rows: int, rounds: int) -> dict[str, Any]:
    """Return rows a second of the whole command, its CPU time for a row, and its largest resident memory."""
    monitor = Monitor("replay")
    path = write(monitor, cluster.directory, cluster.bootstrap)
    write_table(path.parent / "table.parquet", rows)
    spec = yaml.safe_load(path.read_text())
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
    spec["files"] = {
        "predictions": {
            "path": "table.parquet",
            "version": VERSION,
            "columns": columns | {"latency_ms": "latency_ms"},
        },
        "feedback": {
            "path": "table.parquet",
            "delay": monitor.duration(DELAY),
            "columns": {"prediction_id": "id", "label": "outcome"},
        },
    }
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    runs = [_run(cluster, path, path.parent / f"out-{number}", rows) for number in range(rounds)]
    wall, cpu, peak = (median(figures) for figures in zip(*runs, strict=True))
    return {
        "rows": rows,
        "rows_per_s": rows / wall,
        "cpu_us_per_row": cpu / rows * 1e6,
        "peak_mb": max(peak for *_, peak in runs),
        "median_peak_mb": peak,
        "wall_s": [one[0] for one in runs],
    }


def _run(cluster: Cluster, path: Path, out: Path, rows: int) -> tuple[float, float, float]:
    began, peak = perf_counter(), 0.0
    with (path.parent / "replay.log").open("wb") as log:
        command = cluster.pinned(STREAMGAUGE, "replay", path, "--out", out)
        process = subprocess.Popen(command, stdout=log, stderr=log)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, resident_mb(process.pid, "VmHWM"))
        sleep(0.02)
    wall = perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise NotDone(f"replay ended with {process.returncode}:\n{(path.parent / 'replay.log').read_text()[-2000:]}")
    _check(out, rows)
    return wall, usage.ru_utime + usage.ru_stime, peak


def _check(out: Path, rows: int) -> None:
    accounting = json.loads((out / "accounting.json").read_text())
    found = json.dumps(accounting)
    for counts in _leaves(accounting):
        if not adds_up(counts) or counts["summarised"] not in (0, rows):
            raise NotDone(f"replay did not count every row: {found[:500]}")


def _leaves(value: Any) -> list[dict[str, int]]:
    """Return the accounts of the topics, however deep they lie."""
    if not isinstance(value, dict):
        return []
    if "read" in value:
        return [value]
    return [one for part in value.values() for one in _leaves(part)]


def write_table(path: Path, rows: int) -> None:
    """Write predictions, six milliseconds apart, with what came true of each; features repeat, ids and times do not."""
    rng = random.Random(5)
    drawn = min(rows, POOL)
    columns = {name: pa.array(values) for name, values in table_columns([row(rng) for _ in range(drawn)]).items()}
    labels = columns["label"].to_pylist()
    with pq.ParquetWriter(path, _table(columns, labels, 0, 1).schema) as writer:
        for start in range(0, rows, drawn):
            writer.write_table(_table(columns, labels, start, min(drawn, rows - start)))


def _table(columns: dict[str, pa.Array], labels: list[str], start: int, count: int) -> pa.Table:
    numbers = range(start, start + count)
    step = timedelta(milliseconds=STEP_MS)
    return pa.table(
        {
            "id": [prediction_id(number) for number in numbers],
            "time": pa.array([BEGIN + step * number for number in numbers], pa.timestamp("us", "UTC")),
            **{name: column.slice(0, count) for name, column in columns.items()},
            "outcome": [outcome(number, labels[number - start]) for number in numbers],
        }
    )
