"""Writes the tables of this example into `data/`. The same seed gives the same rows.

    python examples/deliveries/generate.py

A model predicts how many minutes a delivery takes. Twenty good days are the reference; in the forty days after them the
features drift once, harmlessly, and later the world changes in one district.
"""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20260105
DATA = Path(__file__).parent / "data"

START = datetime(2026, 1, 5, tzinfo=UTC)
DEPLOYED = START + timedelta(days=20)  # the reference ends here
FAR_SUBURB = DEPLOYED + timedelta(days=12)  # harmless: longer ways, which the model knows how to judge
ROADWORKS = DEPLOYED + timedelta(days=26)  # harmful: the south takes longer than its features say
END = DEPLOYED + timedelta(days=40)

PER_DAY = 400
NOISE = 4.0  # minutes; standard deviation of what no model could know
DELAY_IN_THE_SOUTH = 7.0  # minutes
DISTRICTS = ["centre", "north", "south", "west"]
VEHICLES = {"bike": 3.6, "scooter": 2.4, "car": 2.9}  # minutes a kilometre
VERSION = "2026.1"


def generate(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Return all deliveries in time order, with what came true and when that became known."""
    days = (END - START).days
    seconds = np.sort(generator.uniform(0, days * 86_400, days * PER_DAY))
    rows = []
    for number, second in enumerate(seconds):
        time = START + timedelta(milliseconds=int(second * 1_000))
        district = DISTRICTS[generator.choice(4, p=[0.35, 0.25, 0.25, 0.15])]
        vehicle = list(VEHICLES)[generator.choice(3, p=[0.5, 0.3, 0.2])]
        distance = generator.lognormal(0.9, 0.5) * (1.35 if time >= FAR_SUBURB else 1.0)
        items = int(1 + generator.poisson(1.8))
        rush_hour = bool(generator.random() < 0.3)
        rating = float(np.clip(generator.normal(4.4, 0.4), 1, 5))
        expected = 9 + VEHICLES[vehicle] * distance + 1.1 * items + (5 if rush_hour else 0) - 1.5 * (rating - 4.4)
        predicted = expected + generator.normal(0, 1)
        actual = max(3.0, expected + generator.normal(0, NOISE))
        if time >= ROADWORKS and district == "south":
            actual += DELAY_IN_THE_SOUTH
        known = time + _delay(generator, actual)
        row = {
            "delivery_id": f"d-{number:06d}",
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "version": VERSION,
            "distance_km": round(distance, 2),
            "items": None if generator.random() < 0.01 else items,
            "vehicle": vehicle,
            "district": district,
            "rush_hour": rush_hour,
            "courier_rating": None if generator.random() < 0.06 else round(rating, 1),
            "predicted_minutes": round(predicted, 1),
            "latency_ms": round(float(generator.gamma(4, 3)), 1),
            "minutes": None if generator.random() < 0.08 else round(actual, 1),  # some never report back
            "known": known.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        rows.append(row)
    return rows


def _delay(generator: np.random.Generator, actual: float) -> timedelta:
    """Return when a delivery's duration becomes known: mostly at the door, else by the evening's or a late report."""
    kind = generator.random()
    if kind < 0.75:
        return timedelta(minutes=actual)
    if kind < 0.95:
        return timedelta(hours=float(generator.uniform(1, 24)))
    return timedelta(hours=float(generator.uniform(24, 72)))


def write(rows: list[dict[str, Any]]) -> None:
    """Write the reference (Parquet), the predictions and their outcomes (JSON Lines), each in its own order of time."""
    start = DEPLOYED.isoformat().replace("+00:00", "Z")
    good = [{key: value for key, value in row.items() if key != "known"} for row in rows if row["time"] < start]
    for row in good:
        row["time"] = datetime.fromisoformat(row["time"])
    pq.write_table(pa.Table.from_pylist(good), DATA / "reference.parquet", compression="zstd", compression_level=19)

    live = [row for row in rows if row["time"] >= start]
    predictions = [{key: value for key, value in row.items() if key not in ("minutes", "known")} for row in live]
    outcomes = [
        {"delivery_id": row["delivery_id"], "known": row["known"], "minutes": row["minutes"]}
        for row in sorted(live, key=lambda row: (row["known"], row["delivery_id"]))
        if row["minutes"] is not None
    ]
    _write_lines(DATA / "predictions.jsonl.gz", predictions)
    _write_lines(DATA / "outcomes.jsonl.gz", outcomes)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    write(generate(np.random.default_rng(SEED)))
