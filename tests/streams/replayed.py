"""A replay that leaves an archive and triggers: a model that gets worse on day `CHANGE`."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from schemas.kafka_spec import Topics
from streams.build_reference import build_reference
from streams.files import load_spec
from streams.replay import replay

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, A_DAY, CHANGE = 30, 40, 12


def replayed(base: Path) -> Path:
    """Write tables, a monitor file, `archive` and `out` into a directory; return the monitor file."""
    rng = random.Random(5)
    for name, start, change in (("reference", BEGIN.replace(year=2025), 99), ("stream", BEGIN, CHANGE)):
        with (base / f"{name}.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["id", "time", "income", "label", "score", "outcome"])
            for number in range(DAYS * A_DAY):
                income = rng.gauss(50, 10)
                label = int(income > 50)
                right = rng.random() < (0.4 if number >= change * A_DAY else 0.9)
                at = (start + timedelta(days=number / A_DAY)).isoformat()
                writer.writerow([f"{name}-{number}", at, income, label, 0.9 * label, label if right else 1 - label])
    path = write_monitor(base, "localhost:1", "history", {"type": "river"})
    spec = load_spec(path)
    build_reference(spec, base)
    replay(spec, base, base / "out")
    return path


def write_monitor(base: Path, bootstrap: str, prefix: str, trainer: dict[str, Any]) -> Path:
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
    monitor = {
        "kafka": {
            "bootstrap": bootstrap,
            "group": prefix,
            "partitions": 2,
            "topics": {role: f"{prefix}-{role}" for role in Topics.model_fields},
        },
        "archive": {"url": "archive"},
        "models": {
            "credit": {
                "task": "binary",
                "positive_label": "1",
                "features": {"income": "numeric"},
                "pane": "1d",
                "label_horizon": "4d",
                "label_maturity": "3d",
                "false_alarms": "1 per 90d",
                "reference": "credit.profile.json",
                "retraining": {
                    "policies": [{"type": "performance"}],
                    "minimum_labels": 10,
                    "trainer": trainer,
                    "checks": {"fuzz": 20, "memorize": 0},
                },
            }
        },
        "files": {
            "reference": [{"path": "reference.csv", "columns": {**columns, "outcome": "outcome"}}],
            "predictions": [{"path": "stream.csv", "columns": columns}],
            "feedback": [{"path": "stream.csv", "columns": {"prediction_id": "id", "label": "outcome"}, "delay": "2d"}],
        },
    }
    path = base / f"{prefix}.yaml"
    path.write_text(yaml.safe_dump(monitor))
    return path
