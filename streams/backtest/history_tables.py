"""The tables of a monitor file, joined, as a table of the archive's columns: what `History` reads.

The join is that of level 1: the first prediction of an id and version, and feedback within the label horizon.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from detectors.layout import category
from detectors.layouts import Layouts
from detectors.row_shape import LATENCY, OUTPUT, RowShape
from detectors.rows import Rows
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec, MonitorSpec
from streams.archive_schema import FEATURE, SCORE, archive_schema
from streams.errors import UserError
from streams.feedback_columns import CORRECTIONS, NO_MODEL, NO_VERSION, SOURCES, FeedbackColumns
from streams.groups import Groups, version_hash
from streams.tables import Tables

CHUNK = 10_000  # events


@dataclass
class _Known:
    """What became known of a row."""

    label: str | None = None
    value: float | None = None
    rating: float | None = None
    time: int | None = None
    corrects: bool = False
    by_user: bool = False


@dataclass
class _Gathered:
    """Predictions of one model, in the order of time, and where each id stands."""

    rows: list[Rows] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    known: list[_Known] = field(default_factory=list)
    places: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """Rows by the hashes of their id: more than one where several versions answered."""
    times: list[int] = field(default_factory=list)


def rows_of_tables(
    spec: MonitorSpec, base: Path, model: str, layouts: Layouts, tell: Callable[[str], None] = lambda _: None
) -> pa.Table:
    """Return the rows of a model in the tables of predictions, oldest first, in the columns of `archive_schema`.

    Parameters
    ----------
    tell
        Takes what a person should know of how the tables were read, a line each.

    Raises
    ------
    UserError
        When a table is missing or damaged, or none has predictions of this model.
    """
    tables = Tables(spec, base)
    for note in tables.notes:
        tell(note)
    groups, settings = Groups(spec), spec.models[model]
    shape, found, refused = groups.shapes[groups.model_codes[model]], _Gathered(), 0
    for chunk in tables.chunks(layouts, groups, CHUNK):
        for role in ("predictions", "feedback"):
            decoded = chunk.decoded.get(role)
            if decoded is None:
                continue
            refused += len(decoded.refused)
            if isinstance(decoded.events, Rows):
                _add(found, decoded.events, groups, model)
            else:
                for inside in decoded.events.inside.values():
                    _add(found, inside, groups, model)
                _learn(found, decoded.events, groups, model, settings)
    if not found.rows:
        raise UserError(f"files.predictions: no table has predictions of {model}, so there is no history to go through")
    if refused:
        tell(f"left out {refused:,} rows that break their contract; replay says which and why")
    return _table(settings, model, shape, found)


def _add(found: _Gathered, rows: Rows, groups: Groups, model: str) -> None:
    mine = np.flatnonzero(groups.model(rows.groups) == groups.model_codes[model])
    fresh = []
    for place in mine.tolist():
        version = groups.names[int(rows.groups[place])][1]
        key = (int(rows.hashes[place, 0]), int(rows.hashes[place, 1]))
        before = found.places.setdefault(key, [])
        if any(found.versions[one] == version for one in before):
            continue  # a duplicate: the first holds
        before.append(len(found.versions))
        found.versions.append(version)
        found.known.append(_Known())
        found.times.append(int(rows.times[place]))
        fresh.append(place)
    if fresh:
        found.rows.append(rows.take(np.array(fresh)))


def _learn(found: _Gathered, events: FeedbackColumns, groups: Groups, model: str, settings: ModelSpec) -> None:
    keys = list(zip(events.hashes[:, 0].tolist(), events.hashes[:, 1].tolist(), strict=True))
    for at, key in enumerate(keys):
        if events.models[at] not in (NO_MODEL, groups.model_codes[model]):
            continue
        time = int(events.times[at])
        for place in found.places.get(key, ()):
            near = -settings.lateness <= time - found.times[place] <= settings.label_horizon
            of_it = events.versions[at] in (NO_VERSION, version_hash(found.versions[place]))
            if near and of_it:
                _take(found.known[place], events, at, time, settings)


def _take(known: _Known, events: FeedbackColumns, at: int, time: int, settings: ModelSpec) -> None:
    label, value, rating = events.labels[at], _finite(events.values[at]), _finite(events.ratings[at])
    says = (value is not None) if settings.task == "regression" else (label is not None)
    if says and known.time is None:  # what is said first is what a row is judged by
        source = SOURCES[int(events.sources[at])]
        known.label, known.value, known.time = label, value, time
        known.corrects, known.by_user = source in CORRECTIONS, source in ("user", *CORRECTIONS)
    if rating is not None and known.rating is None:
        known.rating = rating


def _finite(number: Any) -> float | None:
    return float(number) if np.isfinite(number) else None


def _table(settings: ModelSpec, model: str, shape: RowShape, found: _Gathered) -> pa.Table:
    numbers = np.concatenate([rows.numbers[:, rows.numbers.shape[1] - shape.width :] for rows in found.rows])
    values = [row for rows in found.rows for row in rows.values]
    said = [one for rows in found.rows for one in rows.said]
    names = list(settings.features)
    columns: dict[str, Any] = {
        "prediction_id": [one for rows in found.rows for one in rows.ids],
        "model": [model] * len(said),
        "version": found.versions,
        "time": pa.array(np.concatenate([rows.times for rows in found.rows]), pa.timestamp("us", tz="UTC")),
        "output_label": said if settings.task in ("binary", "multiclass") else [None] * len(said),
        "output_text": said if settings.task == "text" else [None] * len(said),
        "output_score": _nullable(numbers[:, OUTPUT]) if settings.task in ("binary", "multiclass") else None,
        "output_value": _nullable(numbers[:, OUTPUT]) if settings.task == "regression" else None,
        "latency_ms": _nullable(numbers[:, LATENCY]),
        "label": [known.label for known in found.known],
        "value": [known.value for known in found.known],
        "rating": [known.rating for known in found.known],
        "label_time": pa.array([known.time for known in found.known], pa.timestamp("us", tz="UTC")),
        "label_corrects": [known.corrects if known.time is not None else None for known in found.known],
        "label_by_user": [known.by_user if known.time is not None else None for known in found.known],
        "weight": np.ones(len(said)),
        "partition": np.zeros(len(said), dtype=np.int32),
    }
    for column, position in enumerate(shape.numeric):
        columns[FEATURE + names[position]] = _nullable(numbers[:, column])
    for column, name in enumerate(shape.scores, len(shape.numeric)):
        columns[SCORE + name] = _nullable(numbers[:, column])
    for column, position in enumerate(shape.other):
        kind = settings.features[names[position]].type
        columns[FEATURE + names[position]] = [_typed(row[column], kind) for row in values]
    schema = archive_schema(settings)
    arrays = [
        pa.nulls(len(said), field.type)
        if columns.get(field.name) is None
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    return table.sort_by([("time", "ascending"), ("prediction_id", "ascending")])


def _nullable(numbers: Any) -> Any:
    return pa.array(numbers, pa.float64(), mask=~np.isfinite(numbers))


def _typed(value: FeatureValue, kind: FeatureType) -> FeatureValue:
    """Return a value as the archive has it: null where it is none of its declared type."""
    if kind == "categorical":
        return category(value) or None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    return value if isinstance(value, str) else None
