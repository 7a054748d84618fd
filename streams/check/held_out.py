"""Held-out rows from wherever a person has them: a dataset, any table, or the newest rows of the monitor file's tables.

All come out as `archive_schema` has them. What cannot be read as its type is missing, as it is in the archive.
"""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from detectors.row import Label, Row, as_number
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec, MonitorSpec
from schemas.table_spec import FeedbackTable, PredictionColumns, ReferenceColumns, ReferenceTable
from streams import cells, explained_rows
from streams.archive_columns import feature_array
from streams.archive_schema import FEATURE, MOMENT, archive_schema
from streams.check.checked_rows import conform
from streams.errors import UserError
from streams.moment_columns import moments
from streams.table_batch import Batch
from streams.table_file import TableFile
from streams.table_rows import known_classes


def newest_rows(spec: MonitorSpec, base: Path, model: str) -> pa.Table:
    """Return the newest labelled rows of the tables of predictions and feedback.

    Raises
    ------
    UserError
        When there are none.
    """
    version, rows = explained_rows.newest(spec, base, model)
    if not rows:
        raise UserError(
            f"files: no labelled rows of {model} in the tables of predictions and feedback; give --holdout TABLE or "
            "--dataset DIR"
        )
    return of_rows(spec.models[model], model, version, rows)


def of_rows(settings: ModelSpec, model: str, version: str | None, rows: Sequence[tuple[Row, Label]]) -> pa.Table:
    """Return rows of the stream with what became known of them."""
    columns: dict[str, Any] = {
        "prediction_id": [row.id for row, _ in rows],
        "model": [model] * len(rows),
        "version": [version] * len(rows),
        "time": pa.array([row.time for row, _ in rows], pa.int64()).cast(MOMENT),
        "output_label": [row.label for row, _ in rows],
        "output_score": [_finite(row.score) for row, _ in rows],
        "output_value": [_finite(row.value) for row, _ in rows],
        "output_text": [row.text for row, _ in rows],
        "latency_ms": [_finite(row.latency_ms) for row, _ in rows],
        "label": [label.label for _, label in rows],
        "value": [_finite(label.value) for _, label in rows],
        "rating": [_finite(label.rating) for _, label in rows],
        "label_corrects": [label.corrects for _, label in rows],
    }
    for place, name in enumerate(settings.features):
        columns[FEATURE + name] = _feature(settings, name, [row.features[place] for row, _ in rows])
    return _table(settings, columns)


def rows_of_table(spec: MonitorSpec, model: str, path: Path) -> pa.Table:
    """Return the rows of a table: one that has the archive's columns, or one that is mapped as the monitor file's are.

    Features are found by name. Columns of the outcome are those that `files.reference` names, else `files.feedback`
    does; a column of the prediction may be missing, and so may time and id: rows are then in order, and numbered.

    Raises
    ------
    UserError
        When there is no such table, or no feature or no outcome in it.
    """
    settings = spec.models[model]
    file = TableFile(path, str(path))
    if file.format == "parquet" and any(name.startswith(FEATURE) for name in file.header):
        return conform(settings, pq.read_table(path))
    found: dict[str, list[Any]] = {}
    batches = list(file.batches())
    columns, mapped = _mapping(spec, model, {name for batch in batches for name in batch.columns})
    for batch in batches:
        for name, values in _read(settings, columns, batch, file.typed).items():
            found.setdefault(name, []).extend(values)
        if columns.model is not None:
            found.setdefault("in model", []).extend(batch.column(columns.model))
    _refuse_useless(settings, model, path, found, mapped)
    rows = len(found["prediction_id"])
    named = found.pop("in model", None)
    known: dict[str, Any] = dict(found)
    known["prediction_id"] = [
        f"row {place + 1}" if cells.missing(id) else str(id) for place, id in enumerate(found["prediction_id"])
    ]
    known["time"] = pa.array(found["time"], pa.int64()).cast(MOMENT)
    known["model"] = [model] * rows
    for name in settings.features:
        known[FEATURE + name] = _feature(settings, name, found[FEATURE + name])
    table = _table(settings, known)
    if named is not None:
        table = table.filter(pa.array([name in (None, "", model) for name in named]))
    if not table.num_rows:
        raise UserError(f"{path}: no rows of {model}")
    return table


def _mapping(spec: MonitorSpec, model: str, header: Collection[str]) -> tuple[ReferenceColumns, str]:
    """Return which columns a table has by the monitor file, and the place there that says so."""
    files = spec.files
    only = len(spec.models) == 1

    def ours(table: ReferenceTable | FeedbackTable | Any) -> bool:
        return bool(table.model == model or (table.model is None and (only or table.columns.model is not None)))

    for place, reference in enumerate(files.reference if files else ()):
        if ours(reference):
            return reference.columns, f"files.reference[{place}].columns"
    predictions: PredictionColumns | None = next(
        (table.columns for table in (files.predictions if files else ()) if ours(table)), None
    )
    feedback = next((table for table in (files.feedback if files else ()) if ours(table)), None)
    given = predictions.model_dump() if predictions is not None else {"prediction_id": "", "timestamp": ""}
    if feedback is not None:
        outcome = feedback.columns.label or feedback.columns.value
        given |= {"outcome": outcome, "rating": feedback.columns.rating, "correction": feedback.columns.correction}
    elif "label" in header or "value" in header:
        given["outcome"] = "label" if "label" in header else "value"
    return ReferenceColumns.model_validate(given), "files"


def _read(settings: ModelSpec, columns: ReferenceColumns, batch: Batch, typed: bool) -> dict[str, list[Any]]:
    """Return the cells of a batch under the archive's names."""
    as_label = cells.label(known_classes([settings]))

    def of(column: str | None, convert: Any) -> list[Any]:
        return [None if cells.missing(cell) else convert(cell) for cell in batch.column(column)]

    outcome = of(columns.outcome, as_label if settings.task != "regression" else _number)
    correction = of(columns.correction, as_label if settings.task != "regression" else _number)
    truth = [first if first is not None else second for first, second in zip(correction, outcome, strict=True)]
    regression = settings.task == "regression"
    times = moments(batch, columns.timestamp)
    found: dict[str, list[Any]] = {
        "prediction_id": batch.column(columns.prediction_id),
        "time": [int(micros) if known else None for micros, known in zip(times.micros, times.known, strict=True)],
        "version": of(columns.version, cells.text),
        "output_label": of(columns.label, as_label),
        "output_score": of(columns.score, _number),
        "output_value": of(columns.value, _number),
        "output_text": of(columns.text, cells.text),
        "latency_ms": of(columns.latency_ms, _number),
        "label": [None] * batch.rows if regression else [None if each is None else str(each) for each in truth],
        "value": truth if regression else [None] * batch.rows,
        "rating": of(columns.rating, _number),
    }
    if columns.probabilities:
        _add_probabilities(columns.probabilities, batch, found)
    for name, feature in settings.features.items():
        convert = cells.feature(feature.type, typed)
        found[FEATURE + name] = list(map(convert, batch.column(name)))
    return found


def _add_probabilities(names: dict[str, str], batch: Batch, found: dict[str, list[Any]]) -> None:
    """Take label and score from the columns of the classes' probabilities, where there is no label."""
    shares = {name: [_number(cell) for cell in batch.column(column)] for name, column in names.items()}
    for row in range(batch.rows):
        known = {name: column[row] for name, column in shares.items() if column[row] is not None}
        if known and found["output_label"][row] is None:
            found["output_label"][row] = max(sorted(known), key=lambda name: known[name] or 0.0)
        if known and found["output_score"][row] is None:
            found["output_score"][row] = known.get(found["output_label"][row])


def _refuse_useless(settings: ModelSpec, model: str, path: Path, found: dict[str, list[Any]], mapped: str) -> None:
    if not found:
        raise UserError(f"{path}: the table has no rows")
    if all(cell is None for name in settings.features for cell in found[FEATURE + name]):
        names = ", ".join(list(settings.features)[:8])
        raise UserError(f"{path}: no column of it is a feature of {model}; those are {names}")
    if all(cell is None for name in ("label", "value", "rating") for cell in found[name]):
        raise UserError(
            f"{path}: no column of it says what came true; {mapped} names the columns, such as outcome: repaid"
        )


def _number(cell: Any) -> float | None:
    number = cells.number(cell)
    if isinstance(number, bool):
        return float(number)
    return _finite(as_number(number)) if isinstance(number, int | float) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _feature(settings: ModelSpec, name: str, values: Sequence[Any]) -> pa.Array:
    """Return the values of a feature, null where one is not of its type."""
    kind = settings.features[name].type
    if kind == "numeric":
        return pa.array([_finite(as_number(_plain(value))) for value in values], pa.float64())
    return feature_array(kind, [_plain(value) for value in values])


def _plain(value: Any) -> FeatureValue:
    return value if isinstance(value, str | int | float | bool) else None  # a token of NaN or infinity is no value


def _table(settings: ModelSpec, columns: dict[str, Any]) -> pa.Table:
    schema = archive_schema(settings)
    rows = len(columns["prediction_id"])
    arrays = []
    for each in schema:
        values = columns.get(each.name)
        if each.name == "weight":
            values = [1.0] * rows
        if values is None:
            arrays.append(pa.nulls(rows, each.type))
        else:
            arrays.append(values if isinstance(values, pa.Array) else pa.array(values, each.type))
    return pa.table(arrays, schema=schema)
