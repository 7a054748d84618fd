"""The monitor that the worker runs in a benchmark: its file, its reference table and its profiles."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from bench.events import (
    BEGIN,
    CATEGORICAL,
    NUMERIC,
    POSITIVE,
    STEP_MS,
    VERSION,
    model_name,
    outcome,
    row,
)
from schemas.kafka_spec import Topics

STREAMGAUGE = Path(sys.executable).with_name("streamgauge")
SOURCES = ("predictions", "feedback")
REFERENCE_PANES = 40
"""Panes of the reference; fewer than 30 would leave signals unknown that are to cost what they cost."""
REFERENCE_ROWS = 1_000
"""Rows of each of them."""


@dataclass(frozen=True)
class Monitor:
    """What differs between benchmarks. Times are given in events: `STEP_MS` turns them into event time."""

    name: str
    """The group, and prefix of the topics."""
    source: str | None = None
    """Prefix of the source topics, where several runs read the same ones."""
    models: int = 1
    partitions: int = 4
    pane: int = 100_000
    """Events of a pane, all models together."""
    lateness: int = 10_000
    horizon: int = 300_000
    """Events until a label is not waited for any more."""
    maturity: int = 150_000
    policies: list[dict[str, Any]] = field(default_factory=lambda: [{"type": "performance"}])
    cooldown: str = "14d"
    minimum_labels: int = 500

    def topic(self, role: str) -> str:
        prefix = self.source if self.source is not None and role in SOURCES else self.name
        return f"{prefix}-{role.replace('_', '-')}"

    def duration(self, events: int) -> str:
        """Return the event time that `events` take, as the monitor file writes it."""
        return f"{max(1, events * STEP_MS // 1000)}s"

    def spec(self, bootstrap: str) -> dict[str, Any]:
        """Return the monitor file: challenger off, everything else at its default."""
        model = {
            "task": "binary",
            "positive_label": POSITIVE,
            "features": dict.fromkeys(NUMERIC, "numeric") | dict.fromkeys(CATEGORICAL, "categorical"),
            "segments": ["city"],
            "pane": self.duration(self.pane),
            "lateness": self.duration(self.lateness),
            "label_horizon": self.duration(self.horizon),
            "label_maturity": self.duration(self.maturity),
            "false_alarms": "1 per 90d",
            "challenger": False,
            "retraining": {
                "policies": self.policies,
                "cooldown": self.cooldown,
                "minimum_labels": self.minimum_labels,
            },
        }
        models = {
            model_name(number): {**model, "reference": f"{model_name(number)}.profile.json"}
            for number in range(self.models)
        }
        return {
            "kafka": {
                "bootstrap": bootstrap,
                "group": self.name,
                "partitions": self.partitions,
                "topics": {role: self.topic(role) for role in Topics.model_fields},
            },
            "models": models,
        }


def write(monitor: Monitor, base: Path, bootstrap: str) -> Path:
    """Write the monitor file and the profiles below `base`; return the file."""
    directory = base / monitor.name
    directory.mkdir(parents=True)
    profile = _profile(monitor, base)
    for number in range(monitor.models):
        name = model_name(number)
        (directory / f"{name}.profile.json").write_text(json.dumps({**profile, "model": name}))
    path = directory / "monitor.yaml"
    path.write_text(yaml.safe_dump(monitor.spec(bootstrap), sort_keys=False))
    return path


def _profile(monitor: Monitor, base: Path) -> dict[str, Any]:
    """Return a profile made the way a user makes one, by `streamgauge reference` over a table; once for each pane."""
    directory = base / f"reference-{monitor.pane}"
    name = model_name(0)
    profile = directory / f"{name}.profile.json"
    if not profile.exists():
        directory.mkdir(parents=True)
        write_reference(directory / "reference.parquet", monitor)
        spec = replace(monitor, models=1).spec("unused:9092")
        columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
        columns |= {"latency_ms": "latency_ms", "outcome": "outcome"}
        spec["files"] = {"reference": {"path": "reference.parquet", "version": VERSION, "columns": columns}}
        path = directory / "monitor.yaml"
        path.write_text(yaml.safe_dump(spec, sort_keys=False))
        subprocess.run([STREAMGAUGE, "reference", str(path)], check=True, stdout=subprocess.DEVNULL)
    return json.loads(profile.read_text())  # type: ignore[no-any-return]


def write_reference(path: Path, monitor: Monitor) -> None:
    """Write rows like the events, from before them, with what came true, spread over `REFERENCE_PANES` panes."""
    rng = random.Random(11)
    count = REFERENCE_PANES * REFERENCE_ROWS
    step = timedelta(milliseconds=monitor.pane * STEP_MS / REFERENCE_ROWS)
    rows = [row(rng) for _ in range(count)]
    columns = table_columns(rows)
    columns["id"] = [f"r-{number}" for number in range(count)]
    columns["time"] = [BEGIN - step * (count - number) for number in range(count)]
    columns["outcome"] = [outcome(number, label) for number, label in enumerate(columns["label"])]
    pq.write_table(pa.table(columns), path)


def table_columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows as `events.row` draws them: features, label, score and latency."""
    columns: dict[str, list[Any]] = {name: [one["features"][name] for one in rows] for name in NUMERIC + CATEGORICAL}
    columns["label"] = [one["output"]["label"] for one in rows]
    columns["score"] = [one["output"]["score"] for one in rows]
    columns["latency_ms"] = [one["latency_ms"] for one in rows]
    return columns
