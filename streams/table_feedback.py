"""`FeedbackTableColumns`: batches of a table of feedback as level 1's columns, without an event for each row."""

import math
from collections.abc import Callable
from typing import get_args

import numpy as np

from detectors.id_hash import id_hashes
from detectors.layouts import Layouts
from schemas.event_time import EARLIEST, LATEST
from schemas.feedback import Source
from schemas.spec import MonitorSpec
from streams import cell_columns, cells
from streams.arrow_arrays import Mask
from streams.cell_columns import Coded, Numbers
from streams.cells import Cell
from streams.fast_feedback import number_of, version_code
from streams.feedback_columns import NO_MODEL, SOURCES, FeedbackColumns, corrected
from streams.moment_columns import Times
from streams.table_batch import Batch
from streams.table_predictions import Versions, is_label, is_name, is_share
from streams.table_rows import FeedbackRows

_SAID: tuple[Source, ...] = get_args(Source)
_CORRECTED = np.array([SOURCES.index(corrected(source)) for source in _SAID], dtype=np.int64)


class FeedbackTableColumns:
    """How the rows of one table become `FeedbackColumns`."""

    def __init__(self, rows: FeedbackRows, spec: MonitorSpec, layouts: Layouts) -> None:
        self._rows, self._models = rows, spec.models
        self._codes = {name: code for code, name in enumerate(spec.models)}
        self._classes = {name: layouts.classes(name) for name in spec.models}
        self._only = next(iter(spec.models)) if len(spec.models) == 1 else None

    def read(self, batch: Batch, times: Times, _: Versions) -> tuple[FeedbackColumns, Mask]:
        """Return the rows of a batch, and which are not plain: at their places nothing that means anything stands."""
        table, columns = self._rows.table, self._rows.table.columns
        odd = ~times.known | (times.micros < EARLIEST) | (times.micros >= LATEST)
        ids, strange = cell_columns.identifiers(batch, columns.prediction_id)
        odd |= strange
        models = cell_columns.coded(batch, columns.model, cells.text)
        models.values[-1] = table.model
        odd |= models.where(lambda name: not isinstance(name, str) or name not in self._codes)
        versions = cell_columns.coded(batch, columns.version, cells.text)
        versions.values[-1] = table.version
        odd |= versions.where(lambda version: not is_name(version))
        sources = cell_columns.coded(batch, columns.source, cells.text)
        odd |= sources.where(lambda source: source not in _SAID)
        label, correction = self._label(batch, columns.label), self._label(batch, columns.correction)
        odd |= label.where(lambda said: not is_label(said)) | correction.where(lambda said: not is_label(said))
        value, rating = self._number(batch, columns.value), self._number(batch, columns.rating)
        odd |= value.odd | ~(value.null | np.isfinite(value.values))
        odd |= rating.odd | ~(rating.null | is_share(rating.values))
        drawn = self._number(batch, columns.inclusion_probability)
        odd |= drawn.odd | ~(drawn.null | (is_share(drawn.values) & (drawn.values > 0)))
        odd |= self._unfit(models, label, correction, value, rating)
        mends = ~correction.none
        source_codes = sources.numbers(_code_of_source)
        said, values = label.expand(), value.values
        if mends.any():
            source_codes[mends] = _CORRECTED[source_codes[mends]]
            instead, numbers = correction.expand(), _mapped(correction, _number)
            for row in np.flatnonzero(mends).tolist():
                said[row] = instead[row]
            values = np.where(mends, numbers, values)
        events = FeedbackColumns(
            times=times.micros,
            offsets=np.zeros(batch.rows, dtype=np.int64),
            hashes=id_hashes(ids),
            sources=source_codes.astype(np.int8),
            models=models.numbers(self._code_of_model).astype(np.int32),
            versions=versions.numbers(lambda version: version_code(version if isinstance(version, str) else None)),
            labels=said,
            values=values,
            ratings=rating.values,
            drawn=drawn.values,
            inside={},
        )
        return events, odd

    def _unfit(self, models: Coded, label: Coded, correction: Coded, value: Numbers, rating: Numbers) -> Mask:
        """Return the rows that the monitor file might not take: see `streams.fit`."""
        odd = np.zeros(len(label.codes), dtype=bool)
        names = [self._only if name is None else name for name in models.values]
        no_label, no_correction = label.none, correction.none
        for name in dict.fromkeys(name for name in names if isinstance(name, str) and name in self._models):
            mine = np.array([other == name for other in names], dtype=bool)[models.codes]
            task, classes = self._models[name].task, self._classes[name]
            silent = rating.null & no_correction
            if task == "regression":
                odd |= mine & silent & value.null
                odd |= mine & correction.where(lambda said: math.isnan(_number(said)))
            elif task != "text":
                odd |= mine & silent & no_label
                if classes is not None:
                    for said in (label, correction):
                        odd |= mine & ~(said.none | said.among(classes))
        return odd | (no_label & no_correction & value.null & rating.null)

    def _label(self, batch: Batch, column: str | None) -> Coded:
        convert: Callable[[Cell], Cell] = self._rows.label
        return cell_columns.coded(batch, column, lambda cell: None if cells.missing(cell) else convert(cell))

    def _number(self, batch: Batch, column: str | None) -> Numbers:
        values, null, odd = cell_columns.numbers(batch, column)
        return Numbers(values, null | (np.isnan(values) & ~odd), odd)

    def _code_of_model(self, name: Cell) -> int:
        return self._codes.get(name, NO_MODEL) if isinstance(name, str) else NO_MODEL


def _number(said: Cell) -> float:
    """Return the number that a correction is; NaN where it is none."""
    number = number_of(said) if isinstance(said, str) else None
    return math.nan if number is None else number


def _mapped(coded: Coded, number: Callable[[Cell], float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([number(value) for value in coded.values], dtype=np.float64)[coded.codes]


def _code_of_source(source: Cell) -> int:
    return SOURCES.index(source) if isinstance(source, str) and source in _SAID else SOURCES.index("outcome")
