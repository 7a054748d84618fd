"""Feedback of a chunk that the typed decoder accepted → columns, and which of it the contract must judge after all."""

import math
from collections.abc import Sequence
from itertools import product, repeat
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.layouts import Layouts
from schemas.feedback import Source
from schemas.spec import MonitorSpec
from streams.fast_labels import Names, texts_of
from streams.fast_times import Flags, read_times
from streams.fast_types import FastTypes
from streams.feedback_columns import NO_MODEL, NO_VERSION, SOURCES, FeedbackColumns, corrected
from streams.groups import version_hash

_SOURCE_CODES = {source: code for code, source in enumerate(SOURCES)}
_CORRECTED = np.array([_SOURCE_CODES[corrected(source)] for source in get_args(Source)], dtype=np.int8)
_FEW = 64  # combinations of what a chunk says; to look at so many costs less than at each event


class FastFeedback:
    """Feedback on all models of the monitor file."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts) -> None:
        self.types = FastTypes("feedback", spec.models)
        self._tasks = {name: model.task for name, model in spec.models.items()}
        self._classes = {name: layouts.classes(name) for name in spec.models}
        self._only = next(iter(spec.models)) if len(spec.models) == 1 else None
        self._codes: dict[str | None, int] = {name: code for code, name in enumerate(spec.models)}
        self._codes[None] = NO_MODEL
        self._names = Names()

    def read(self, events: Sequence[Any], offsets: npt.NDArray[np.int64]) -> tuple[FeedbackColumns, Flags]:
        """Return the columns of events (at least one), and which of them are fit; those of the others mean nothing."""
        times, fit = read_times([event.timestamp for event in events])
        models = [event.model for event in events]
        versions = [event.version for event in events]
        labels = texts_of([event.label for event in events])
        corrections = [event.correction for event in events]
        values = [event.value for event in events]
        ratings = [event.rating for event in events]
        drawn = [event.inclusion_probability for event in events]
        if corrected := corrections.count(None) < len(corrections):
            corrections = texts_of(corrections)
        codes = {version: version_code(version) for version in _distinct(versions)}
        if wrong := self._names.unfit(version for version in codes if version is not None):
            fit &= [version not in wrong for version in versions]
        self._judge(fit, models, labels, corrections, _none(values), _none(ratings))
        sources = _column([event.source for event in events], _SOURCE_CODES, np.int8)
        if corrected:
            for position, correction in enumerate(corrections):
                if correction is not None:
                    labels[position] = correction
                    values[position] = number_of(correction)
                    sources[position] = _CORRECTED[sources[position]]
        columns = FeedbackColumns(
            times=times,
            offsets=offsets,
            hashes=id_hashes([event.prediction_id for event in events]),
            sources=sources,
            models=_column(models, self._codes, np.int32),
            versions=_column(versions, codes, np.int64),
            labels=labels,
            values=_numbers(values),
            ratings=_numbers(ratings),
            drawn=_numbers(drawn),
            inside={},
        )
        return columns, fit

    def _judge(self, fit: Flags, *columns: list[Any]) -> None:
        """Take the flag from feedback that is not fit, by the columns that `_fits` asks about."""
        distinct = [_distinct(column) for column in columns]
        if math.prod(map(len, distinct)) <= _FEW and all(self._fits(*one) for one in product(*distinct)):
            return
        said = list(zip(*columns, strict=True))
        if unfit := {one for one in set(said) if not self._fits(*one)}:
            fit &= [one not in unfit for one in said]

    def _fits(
        self, named: str | None, label: str | None, correction: str | None, no_value: bool, no_rating: bool
    ) -> bool:
        """Say whether feedback on a model keeps its contract and fits the task: what `streams.fit.Fit` asks."""
        unsaid = no_rating and correction is None
        if unsaid and label is None and no_value:
            return False
        model = named or self._only
        if named not in self._codes:
            return False
        if model is None:
            return True
        task, classes = self._tasks[model], self._classes[model]
        if task == "regression":
            return not (unsaid and no_value) and (correction is None or number_of(correction) is not None)
        if task == "text":
            return True
        if unsaid and label is None:
            return False
        return classes is None or all(one is None or one in classes for one in (label, correction))


def number_of(correction: str) -> float | None:
    """Return a correction as a finite number, if it is one."""
    try:
        number = float(correction)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def version_code(version: str | None) -> int:
    """Return what stands in `FeedbackColumns.versions`."""
    return NO_VERSION if version is None else version_hash(version)


def _column(texts: list[Any], codes: dict[Any, int], kind: type[np.signedinteger[Any]]) -> npt.NDArray[Any]:
    """Return the codes of texts; of a text that has none, any."""
    if _same(texts):
        return np.full(len(texts), codes.get(texts[0], 0), dtype=kind)
    return np.fromiter(map(codes.get, texts, repeat(0)), dtype=kind, count=len(texts))


def _numbers(numbers: list[float | None]) -> npt.NDArray[np.float64]:
    """Return numbers; NaN where there is none."""
    if numbers[0] is None and _same(numbers):
        return np.full(len(numbers), np.nan)
    return np.array(numbers, dtype=np.float64)


def _none(values: list[Any]) -> list[bool]:
    """Return which values are None."""
    if values[0] is None and _same(values):
        return [True] * len(values)
    return [value is None for value in values]


def _distinct(values: list[Any]) -> set[Any]:
    return {values[0]} if _same(values) else set(values)


def _same(values: list[Any]) -> bool:
    """Say whether all values are the same: nearly free where they are one object."""
    return values.count(values[0]) == len(values)
