"""`streamgauge score`: what a candidate answers for the rows of the tables: a shadow, on files.

The table that it writes is played beside the others by `replay --also` (`streams.scored_tables`), as predictions of
another version with the same ids, so that the monitor compares both versions as it would on Kafka.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from detectors.row import as_number, row_of, task_problem
from schemas.contract import normalise_label
from schemas.event_time import Micros, to_micros
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue, Prediction
from schemas.spec import ModelSpec, MonitorSpec
from streams.archive_schema import MOMENT
from streams.check.answers import Unanswered, ask, level_of, problem, said
from streams.decode import decode
from streams.errors import UserError
from streams.records import Record
from streams.tables import Tables
from streams.trainer import FittedModel, ModelOutput

BATCH = 5_000  # rows that the candidate is asked at once

ID, TIME, VERSION, LABEL, SCORE, VALUE, PROBABILITY = (
    "prediction_id",
    "timestamp",
    "version",
    "predicted_label",
    "predicted_score",
    "predicted_value",
    "predicted_probability.",
)
"""Columns of the table beside the features, which keep their names."""


def score(
    spec: MonitorSpec, base: Path, model: str, candidate: FittedModel, version: str, out: Path, *, since: Micros | None
) -> int:
    """Write what `candidate` answers for each prediction of `model` in the tables; return how many there are.

    A prediction that stands there for several versions is answered once.

    Parameters
    ----------
    since
        Event time from which on predictions are answered; None is all of them.

    Raises
    ------
    UserError
        When `version` is one that predicts in the tables, a table cannot be read, or `out` cannot be written.
    """
    settings = spec.models[model]
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for batch in _batches(_predictions(spec, base, model, version, since)):
            answers = _answers(settings, candidate, batch)
            if writer is None:
                writer = pq.ParquetWriter(out, _schema(model, settings, answers))
            writer.write_table(_table(settings, version, batch, answers, writer.schema))
            rows += len(batch)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        if writer is not None:
            writer.close()
    if not rows:
        raise UserError(f"no prediction of {model} in the tables is of {'that time' if since is not None else 'it'}")
    return rows


def _predictions(spec: MonitorSpec, base: Path, model: str, version: str, since: Micros | None) -> Iterator[Prediction]:
    answered: set[tuple[str, Micros]] = set()
    for number, event in enumerate(Tables(spec, base).stream()):
        if event.role != "predictions":
            continue
        found = decode(event.role, Record(number, -1, None, event.value), spec)
        if not isinstance(found, Prediction) or found.model != model or task_problem(found, spec.models[model]):
            continue
        if found.version == version:
            raise UserError(f"--version {version}: the tables have predictions of it already; give another name")
        key = (found.prediction_id, to_micros(found.timestamp))
        if key in answered or (since is not None and key[1] < since):
            continue
        answered.add(key)
        yield found


def _batches(predictions: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    source = iter(predictions)
    while batch := list(islice(source, BATCH)):
        yield batch


def _answers(settings: ModelSpec, candidate: FittedModel, batch: list[Prediction]) -> list[ModelOutput]:
    try:
        answers = ask(candidate, [row_of(each, settings).features for each in batch])
    except Unanswered as error:
        raise UserError(f"the candidate failed: {error}") from None
    classes = settings.classes or ()
    for prediction, answer in zip(batch, answers, strict=True):
        if (wrong := problem(settings, answer, classes)) is not None:
            raise UserError(f"prediction {prediction.prediction_id}: the candidate's answer is none: {wrong}")
    return answers


def _schema(model: str, settings: ModelSpec, answers: list[ModelOutput]) -> pa.Schema:
    """Return the columns that the first answers ask for."""
    fields = [(ID, pa.string()), (TIME, MOMENT), (VERSION, pa.string())]
    fields += [(name, _TYPES.get(feature.type, pa.string())) for name, feature in settings.features.items()]
    if settings.task == "regression":
        fields.append((VALUE, pa.float64()))
    else:
        fields.append((LABEL, pa.string()))
        if settings.task == "binary":
            fields.append((SCORE, pa.float64()))
        classes = dict.fromkeys(name for answer in answers for name in answer.probabilities or {})
        if settings.task == "multiclass":
            fields += [(PROBABILITY + name, pa.float64()) for name in classes]
    return pa.schema(fields, metadata={"model": model})


def _table(
    settings: ModelSpec, version: str, batch: list[Prediction], answers: list[ModelOutput], schema: pa.Schema
) -> pa.Table:
    columns: dict[str, list[Any]] = {
        ID: [each.prediction_id for each in batch],
        TIME: [to_micros(each.timestamp) for each in batch],
        VERSION: [version] * len(batch),
        LABEL: [_label(settings, answer) for answer in answers],
        SCORE: [_score(settings, answer) for answer in answers],
        VALUE: [answer.value for answer in answers],
    }
    for name, feature in settings.features.items():
        columns[name] = [_typed(feature.type, each.features.get(name)) for each in batch]
    for name in schema.names:
        if name.startswith(PROBABILITY):
            shares: list[Mapping[str, float]] = [answer.probabilities or {} for answer in answers]
            columns[name] = [each.get(name.removeprefix(PROBABILITY)) for each in shares]
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


_TYPES: dict[FeatureType, pa.DataType] = {"numeric": pa.float64(), "boolean": pa.bool_()}


def _typed(kind: FeatureType, value: FeatureValue) -> FeatureValue:
    """Return a value as its column has it; what is none of its type is missing there."""
    if value is None:
        return None
    if kind == "numeric":
        number = as_number(value)
        return number if number is not None and math.isfinite(number) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    return str(normalise_label(value)) if not isinstance(value, float) or math.isfinite(value) else None


def _label(settings: ModelSpec, answer: ModelOutput) -> str | None:
    """Return the class that a model names; where it tells a score alone, the threshold decides when it is read."""
    return None if settings.task == "binary" and answer.label is None else said(settings, answer)


def _score(settings: ModelSpec, answer: ModelOutput) -> float | None:
    return None if answer.score is None and not answer.probabilities else level_of(settings, answer)
