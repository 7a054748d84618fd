"""Feedback of a chunk that the typed decoder accepted → columns, and which of it the contract must judge after all."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.layout import Layouts
from schemas.spec import MonitorSpec
from streams.fast_labels import Names, texts_of
from streams.fast_times import Flags, read_times
from streams.fast_types import FastTypes
from streams.feedback_columns import NO_MODEL, NO_VERSION, SOURCES, FeedbackColumns
from streams.groups import version_hash

_SOURCE_CODES = {source: code for code, source in enumerate(SOURCES)}
_CORRECTION = _SOURCE_CODES["correction"]


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
        corrections = texts_of([event.correction for event in events])
        values = [event.value for event in events]
        ratings = [event.rating for event in events]
        if wrong := self._names.unfit(version for version in set(versions) if version is not None):
            fit &= [version not in wrong for version in versions]
        said = list(
            zip(models, labels, corrections, [v is None for v in values], [r is None for r in ratings], strict=True)
        )
        if unfit := {one for one in set(said) if not self._fits(*one)}:
            fit &= [one not in unfit for one in said]
        sources = _column([event.source for event in events], _SOURCE_CODES, np.int8)
        if corrections.count(None) < len(corrections):
            for position, correction in enumerate(corrections):
                if correction is not None:
                    labels[position] = correction
                    values[position] = number_of(correction)
                    sources[position] = _CORRECTION
        ids = [event.prediction_id for event in events]
        columns = FeedbackColumns(
            times=times,
            offsets=offsets,
            hashes=id_hashes(ids),
            sources=sources,
            models=_column(models, self._codes, np.int32),
            versions=_column(versions, {v: version_code(v) for v in set(versions)}, np.int64),
            labels=labels,
            values=np.array(values, dtype=np.float64),
            ratings=np.array(ratings, dtype=np.float64),
            inside={},
        )
        return columns, fit

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
    distinct = set(texts)
    if len(distinct) == 1:
        return np.full(len(texts), codes.get(distinct.pop(), 0), dtype=kind)
    return np.array([codes.get(text, 0) for text in texts], dtype=kind)
