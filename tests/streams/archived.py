"""An archive in memory, and rows and triggers for it."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from schemas.event_time import Micros, from_micros
from schemas.spec import ModelSpec, MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.archive_schema import archive_schema

from .world import MODEL, T0, spec_of

HOUR = 3_600_000_000
FEATURES = {"x": "numeric", "c": "categorical", "owner": "boolean", "note": "text", "when": "datetime"}
MONITOR: MonitorSpec = spec_of(
    {},
    m={**MODEL, "positive_label": "1", "task": "binary", "features": FEATURES, "segments": ["c"]},
    multi={**MODEL, "task": "multiclass", "positive_label": None, "features": FEATURES, "segments": []},
    r={**MODEL, "task": "regression", "positive_label": None, "features": FEATURES, "segments": []},
    t={**MODEL, "task": "text", "positive_label": None, "features": FEATURES, "segments": []},
)
ROWS = 2_000
LABEL_AFTER = 5 * HOUR


def archived(settings: ModelSpec, rows: int = ROWS, seed: int = 7, version: str = "3", **changed: Any) -> pa.Table:
    """Return rows, one a minute: x and c say what comes true, but for noise; one in ten has no label."""
    rng, columns = random.Random(seed), archive_schema(settings)
    found = []
    for number in range(rows):
        x, c, time = rng.gauss(0, 1), rng.choice("abc"), T0 + number * 60_000_000
        signal = x + (c == "a") + rng.gauss(0, 0.3)
        labelled = rng.random() < 0.9
        truth = "1" if signal > 0.3 else "0"
        said = truth if rng.random() < 0.8 else "1" if truth == "0" else "0"
        row = {
            "prediction_id": f"p{number}",
            "model": "m",
            "version": version,
            "time": from_micros(time),
            "feature.x": None if rng.random() < 0.05 else x,
            "feature.c": None if rng.random() < 0.05 else c,
            "feature.owner": rng.choice([True, False, None]),
            "feature.note": "some text",
            "feature.when": datetime.fromtimestamp(number * 1000.0, UTC).isoformat(),
            "output_label": said,
            "output_score": rng.random(),
            "output_value": x,
            "output_text": "answer",
            "latency_ms": 1.0,
            "weight": 1.0,
            "partition": number % 2,
            "prediction_offset": number // 2,
            "loss": None,
        }
        if labelled:
            row |= {"label_time": from_micros(time + LABEL_AFTER), "loss": float(said != truth)}
            match settings.task:
                case "binary":
                    row["label"] = truth
                case "multiclass":
                    row["label"] = ("low", "middle", "high")[0 if signal < -0.5 else 1 if signal < 0.8 else 2]
                case "regression":
                    row |= {"value": 10 * signal, "loss": abs(10 * signal - x)}
                case "text":
                    row |= {"rating": rng.random()}
        found.append({**row, **changed})
    return pa.Table.from_pylist(found, schema=columns)


class Archive:
    """What `ArchivedRows` asks for, of tables in memory: a batch for each of them, in an order that may be shuffled."""

    def __init__(self, *tables: pa.Table, batch: int = 97, shuffle: int | None = None) -> None:
        self._batches = [part.slice(start, batch) for part in tables for start in range(0, len(part), batch)]
        if shuffle is not None:
            random.Random(shuffle).shuffle(self._batches)
        self.asked: list[tuple[Micros, Micros, Sequence[str] | None]] = []

    def batches(
        self, start: Micros, end: Micros, *, versions: Sequence[str] | None, labels_until: Micros
    ) -> Iterator[pa.Table]:
        self.asked.append((start, end, versions))
        for rows in self._batches:
            kept = [
                start <= time < end and (versions is None or version in versions)
                for time, version in zip(
                    rows["time"].cast(pa.int64()).to_pylist(), rows["version"].to_pylist(), strict=True
                )
            ]
            yield rows.filter(pa.array(kept, pa.bool_()))

    def files(self) -> list[tuple[str, int]]:
        return [("one.parquet", 1)]


def trigger_for(start: Micros, end: Micros, model: str = "m", id: str = "0123456789abcdef", **train_on: Any) -> Any:
    """Return a trigger whose window this is, decided after all labels of it came."""
    decided = from_micros(end + 2 * LABEL_AFTER)
    return RetrainingTrigger.model_validate(
        {
            "id": id,
            "model": model,
            "version": "3",
            "policy": "cost",
            "time": decided.isoformat(),
            "since": from_micros(start).isoformat(),
            "reason": "it costs more than a retraining",
            "how": "full",
            "train_on": {
                "window": {"start": from_micros(start).isoformat(), "end": from_micros(end).isoformat()},
                "labelled_rows": 0,
                **train_on,
            },
        }
    )
