"""Rows as they lie in the local store, and what became known of them → columns of the archive."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from detectors.layout import category
from detectors.row_shape import LATENCY, OUTPUT, RowShape, Tail
from schemas.event_time import Micros
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from streams.archive_schema import BEFORE, KNOWN, MOMENT, archive_schema

Floats = npt.NDArray[np.float64]

_NEVER: Micros = -(2**62)

RAREST = 1e-12
"""Smaller probabilities of having been drawn weigh no more than this one."""


class PackedRows(NamedTuple):
    """Rows of one model, in some order."""

    times: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    self_contained: npt.NDArray[np.bool_]
    numbers: list[bytes]
    tails: list[Tail]


class Known(NamedTuple):
    """What became known of rows, by column; NaN and None where nothing did."""

    labelled: npt.NDArray[np.bool_]
    """There is a label or a number."""
    labels: npt.NDArray[np.object_]
    values: Floats
    ratings: Floats
    told: npt.NDArray[np.bool_]
    """There is a label, a number or a rating."""
    times: npt.NDArray[np.int64]
    """When the last of it became known."""
    corrects: npt.NDArray[np.bool_]
    by_user: npt.NDArray[np.bool_]
    losses: Floats
    drawn: Floats

    @classmethod
    def nothing(cls, rows: int) -> "Known":
        """Return what is known of rows of which nothing is."""
        return cls(
            np.zeros(rows, dtype=bool),
            np.full(rows, None, dtype=object),
            np.full(rows, np.nan),
            np.full(rows, np.nan),
            np.zeros(rows, dtype=bool),
            np.full(rows, _NEVER),
            np.zeros(rows, dtype=bool),
            np.zeros(rows, dtype=bool),
            np.full(rows, np.nan),
            np.full(rows, np.nan),
        )

    def take(self, at: npt.NDArray[np.int64]) -> "Known":
        """Return what is known of the rows at these positions."""
        return Known._make(column[at] for column in self)

    def columns(self) -> dict[str, pa.Array]:
        """Return the columns of it."""
        return {
            "label": pa.array(self.labels.tolist(), pa.string()),
            "value": numbers_or_null(self.values),
            "rating": numbers_or_null(self.ratings),
            "label_time": pa.array(self.times, pa.int64(), mask=~self.told).cast(MOMENT),
            "label_corrects": pa.array(self.corrects, mask=~self.labelled),
            "label_by_user": pa.array(self.by_user, mask=~self.labelled),
            "loss": numbers_or_null(self.losses),
            "weight": pa.array(weights(self.drawn)),
        }


def row_batch(
    spec: ModelSpec, shape: RowShape, model: str, version: str, partition: int, rows: PackedRows, known: Known
) -> pa.RecordBatch:
    """Return rows of one model version as the archive holds them."""
    count = len(rows.tails)
    numbers = np.frombuffer(b"".join(rows.numbers), "<f8").reshape(count, shape.width)
    ids, said, values = zip(*rows.tails, strict=True)
    names, others = list(spec.features), list(zip(*values, strict=True)) if shape.other else []
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(ids, pa.string()),
        "model": pa.repeat(model, count),
        "version": pa.repeat(version, count),
        "time": pa.array(rows.times, pa.int64()).cast(MOMENT),
    }
    for place, position in enumerate(shape.numeric):
        columns[f"feature.{names[position]}"] = numbers_or_null(numbers[:, place])
    for place, position in enumerate(shape.other):
        columns[f"feature.{names[position]}"] = feature_array(spec.features[names[position]].type, others[place])
    for place, name in enumerate(shape.scores, len(shape.numeric)):
        columns[f"score.{name}"] = numbers_or_null(numbers[:, place])
    text, number = pa.nulls(count, pa.string()), pa.nulls(count, pa.float64())
    output = numbers_or_null(numbers[:, OUTPUT])
    classified = spec.task in ("binary", "multiclass")
    columns |= {
        "output_label": pa.array(said, pa.string()) if classified else text,
        "output_score": output if classified else number,
        "output_value": output if spec.task == "regression" else number,
        "output_text": pa.array(said, pa.string()) if spec.task == "text" else text,
        "latency_ms": numbers_or_null(numbers[:, LATENCY]),
        **known.columns(),
        "partition": pa.array(np.full(count, partition, dtype=np.int32)),
        "prediction_offset": pa.array(rows.offsets, mask=rows.self_contained),
    }
    schema = archive_schema(spec)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


LABELS_SCHEMA = pa.schema(
    [
        *BEFORE,
        ("self_contained", pa.bool_()),
        ("later", pa.bool_()),
        *KNOWN,
        ("partition", pa.int32()),
    ]
)
"""Labels that came too late for the cohort of their row. `time`: of the prediction. `self_contained`: the row came with
feedback. `later`: it corrects what was known before, and has no loss of its own."""


def label_batch(
    model: str,
    version: str,
    partition: int,
    ids: Sequence[str],
    times: npt.NDArray[np.int64],
    self_contained: npt.NDArray[np.bool_],
    later: npt.NDArray[np.bool_],
    known: Known,
) -> pa.RecordBatch:
    """Return late labels of one model version."""
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(ids, pa.string()),
        "model": pa.repeat(model, len(ids)),
        "version": pa.repeat(version, len(ids)),
        "time": pa.array(times, pa.int64()).cast(MOMENT),
        "self_contained": pa.array(self_contained),
        "later": pa.array(later),
        **known.columns(),
        "partition": pa.array(np.full(len(ids), partition, dtype=np.int32)),
    }
    return pa.record_batch([columns[name] for name in LABELS_SCHEMA.names], schema=LABELS_SCHEMA)


def numbers_or_null(values: Floats) -> pa.Array:
    """Return numbers; null where there is none, or what was there was no finite number."""
    return pa.array(values, mask=~np.isfinite(values))


def weights(drawn: Floats) -> Floats:
    """Return how many rows each row stands for; `drawn` is the probability with which it was drawn, or NaN."""
    found: Floats = 1.0 / np.where(np.isnan(drawn), 1.0, np.maximum(drawn, RAREST))
    return found


def feature_array(kind: FeatureType, values: Sequence[FeatureValue]) -> pa.Array:
    """Return values of a feature that is not numeric; null where one is not of the declared type."""
    if kind == "boolean":
        return pa.array([value if isinstance(value, bool) else None for value in values], pa.bool_())
    if not _TEXT.issuperset(map(type, values)):
        values = list(map(_as_category if kind == "categorical" else _as_text, values))
    return pa.array(values, pa.string())


_TEXT = {str, type(None)}


def _as_category(value: FeatureValue) -> str | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return category(value)


def _as_text(value: FeatureValue) -> str | None:
    return value if isinstance(value, str) else None


def as_declared(kind: FeatureType, column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return values that were archived when the feature had another type, as far as they are of the new one."""
    values = column.to_pylist()
    if kind != "numeric":
        return feature_array(kind, values)
    return pa.array([value if isinstance(value, float) else None for value in values], pa.float64())
