"""Tables of a model with two versions, for replays and for Kafka: the second predicts the same rows from a day on."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 80  # a day
REFERENCE_DAYS = 40


def moment(day: float) -> str:
    return (FIRST + timedelta(days=day)).isoformat().replace("+00:00", "Z")


def truth_of(name: str) -> int:
    return random.Random(name).randrange(2)


def answer_of(version: str, name: str, error: float) -> int:
    return truth_of(name) ^ (random.Random(f"{version} of {name}").random() < error)


def write_tables(
    base: Path,
    errors: dict[str, float],
    *,
    days: int,
    tried: int,
    automatic: bool,
    first: int = 0,
    kafka: str = "",
    part: str = "",
) -> Path:
    """Write a monitor file with tables of the days from `first` to `days`.

    Version 1 predicts on all of them, the others predict the same rows from day `tried` on. The same day has the same
    rows, whatever part of the days is asked for.
    """
    for version, error in errors.items():
        with (base / f"version{version}{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "at", "answer", "income"])
            for day in range(first if version == "1" else max(first, tried), days):
                for row in range(ROWS):
                    name = f"p{day}-{row}"
                    writer.writerow([name, moment(day + row / ROWS), answer_of(version, name, error), 100 + row])
    with (base / f"outcomes{part}.csv").open("w", newline="") as file:
        names = [f"p{day}-{row}" for day in range(first, days) for row in range(ROWS)]
        csv.writer(file).writerows([["id", "truth"], *((name, truth_of(name)) for name in names)])
    with (base / "reference.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "at", "answer", "income", "truth"])
        for day in range(-REFERENCE_DAYS, 0):
            for row in range(ROWS):
                name = f"r{day}-{row}"
                at = moment(day + row / ROWS)
                writer.writerow([name, at, answer_of("1", name, 0.25), 100 + row, truth_of(name)])
    columns = "columns: {prediction_id: id, timestamp: at, label: answer}"
    tables = "\n".join(f'    - {{path: version{v}{part}.csv, version: "{v}", {columns}}}' for v in errors)
    path = base / f"monitor{part}.yaml"
    path.write_text(
        f"""{kafka}
models:
  loan:
    task: binary
    positive_label: "1"
    features: {{income: numeric}}
    pane: 1d
    label_horizon: 3d
    label_maturity: 2d
    false_alarms: 1 per 30d
    reference: loan.profile.json
    challenger: false
    retraining:
      policies: [{{type: schedule, cron: "0 0 5 1 *"}}]
      minimum_labels: 100
      rollout: {{automatic: {str(automatic).lower()}, stage_labels: 200, guard_labels: 800, canary: [0.2]}}
files:
  reference: {{path: reference.csv, columns: {{prediction_id: id, timestamp: at, label: answer, outcome: truth}}}}
  predictions:
{tables}
  feedback: {{path: outcomes{part}.csv, columns: {{prediction_id: id, label: truth}}, delay: 1d}}
"""
    )
    return path
