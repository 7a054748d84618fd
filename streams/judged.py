"""Events that the contract itself read → the same columns that the typed decoder's become, and both as one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.row import row_of
from detectors.rows import NARROWEST, Rows, stacked
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.fast_feedback import number_of, version_code
from streams.feedback_columns import NO_MODEL, OTHER_MODEL, SOURCES, FeedbackColumns, StoredSource, corrected
from streams.groups import Groups

Offsets = npt.NDArray[np.int64]


def rows_of(events: Sequence[Prediction], offsets: Offsets, spec: MonitorSpec, groups: Groups) -> Rows:
    """Return the rows of predictions; in `groups` stands the code of the model alone."""
    rows = [row_of(event, spec.models[event.model]) for event in events]
    codes = [groups.model_codes[event.model] for event in events]
    shapes = [groups.shapes[code] for code in codes]
    ids = [row.id for row in rows]
    numbers = [np.array([shape.numbers(row)]) for shape, row in zip(shapes, rows, strict=True)]
    return Rows(
        groups=np.array(codes, dtype=np.int32),
        times=np.array([row.time for row in rows], dtype=np.int64),
        offsets=offsets,
        hashes=id_hashes(ids),
        ids=ids,
        numbers=stacked(numbers or [np.empty((0, NARROWEST))]),
        values=[shape.values(row) for shape, row in zip(shapes, rows, strict=True)],
        said=[shape.said(row) for shape, row in zip(shapes, rows, strict=True)],
        unexpected=np.array([row.unexpected for row in rows], dtype=bool),
    )


def feedback_of(
    events: Sequence[Feedback], offsets: Offsets, groups: Groups, inside: Sequence[Rows | None]
) -> FeedbackColumns:
    """Return feedback by column, with the predictions in it."""
    labels, values, sources = [], [], []
    for event in events:
        source: StoredSource = event.source if event.correction is None else corrected(event.source)
        number = event.value if event.correction is None else number_of(event.correction)
        sources.append(SOURCES.index(source))
        labels.append(event.label if event.correction is None else event.correction)
        values.append(math.nan if number is None else number)
    return FeedbackColumns(
        times=np.array([to_micros(event.timestamp) for event in events], dtype=np.int64),
        offsets=offsets,
        hashes=id_hashes([event.prediction_id for event in events]),
        sources=np.array(sources, dtype=np.int8),
        models=np.array([_model_code(event.model, groups) for event in events], dtype=np.int32),
        versions=np.array([version_code(event.version) for event in events], dtype=np.int64),
        labels=labels,
        values=np.array(values, dtype=np.float64),
        ratings=np.array([event.rating for event in events], dtype=np.float64),  # None is NaN
        drawn=np.array([event.inclusion_probability for event in events], dtype=np.float64),
        inside={position: rows for position, rows in enumerate(inside) if rows is not None},
    )


def one_by_one(rows: Rows) -> Iterator[Rows]:
    """Yield each row by itself."""
    columns = [getattr(rows, column.name) for column in fields(rows)]
    for place in range(len(rows)):
        yield Rows(*(column[place : place + 1] for column in columns))


def merged_feedback(first: FeedbackColumns, second: FeedbackColumns, order: npt.NDArray[np.int64]) -> FeedbackColumns:
    """Return the feedback of both, one after the other, in an order."""
    return FeedbackColumns(
        np.concatenate((first.times, second.times)),
        np.concatenate((first.offsets, second.offsets)),
        np.concatenate((first.hashes, second.hashes)),
        np.concatenate((first.sources, second.sources)),
        np.concatenate((first.models, second.models)),
        np.concatenate((first.versions, second.versions)),
        [*first.labels, *second.labels],
        np.concatenate((first.values, second.values)),
        np.concatenate((first.ratings, second.ratings)),
        np.concatenate((first.drawn, second.drawn)),
        first.inside | {len(first) + position: rows for position, rows in second.inside.items()},
    ).take(order)


def _model_code(model: str | None, groups: Groups) -> int:
    return NO_MODEL if model is None else groups.model_codes.get(model, OTHER_MODEL)
