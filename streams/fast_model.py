"""`ModelReader`: events of one model that the typed decoder accepted → numbers, values and what was said."""

import struct
from collections.abc import Sequence
from itertools import chain
from operator import or_
from typing import Any, NamedTuple

import msgspec
import numpy as np

from detectors.row import TEXT_KEPT
from detectors.row_shape import RowShape
from detectors.rows import Floats
from detectors.uncertainty import uncertainty
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from streams.fast_labels import Names, texts_of
from streams.fast_types import NAN
from streams.shares import doubtful

WORTH_A_MATRIX = 32  # rows; fewer are as fast one by one
MOST_SHARED = 1_000
"""Texts of a model that are one object wherever they come again."""
LOOKED_AT = 16  # rows of a chunk among which such texts are looked for
LONGEST_SHARED = 64  # characters

_astuple = msgspec.structs.astuple


class Read(NamedTuple):
    """Columns of the same length, but for `unexpected` (empty: none) and `unfit`."""

    numbers: Floats
    """Shape (events, the shape's width)."""
    values: list[tuple[FeatureValue, ...]]
    said: list[str | None]
    unexpected: Sequence[bool]
    unfit: list[int]
    """Positions of events that the contract, the task or the classes may refuse; their columns mean nothing."""


class ModelReader:
    """Reads as `detectors.row.row_of`, `detectors.row.task_problem` and `streams.fit.Fit` do, by column.

    For one model, or for several that are read alike.
    """

    def __init__(self, spec: ModelSpec, classes: frozenset[str] | None, shape: RowShape) -> None:
        self._spec = spec
        self._classes = None if classes is None else classes | {None}
        self._declared_classes = None if spec.classes is None else frozenset(spec.classes)
        self._scores = shape.scores
        self._numeric = len(shape.numeric)
        self._declared = self._numeric + len(shape.other)
        self._names = Names()
        self._shared: dict[Any, Any] = {}

    def read(
        self, features: Sequence[Any], outputs: Sequence[Any], latencies: Sequence[float | None], scores: Sequence[Any]
    ) -> Read:
        """Return the columns of events (at least one), given what they hold."""
        said, results, unfit = self._output(outputs)
        extras = self._attached(scores)
        if self._spec.task == "multiclass":
            uncertain, unsure = _uncertainty([output.probabilities for output in outputs], self._spec)
            extras += uncertain
            unfit += unsure
        first, last = self._numeric, self._declared
        rows: Any = map(_astuple, features)
        unexpected: list[bool] = []
        if len({*map(type, features)}) > 1:  # types that have learned different fields, after the declared ones
            rows = list(rows)
            unexpected = [any(value is not msgspec.UNSET for value in row[last:]) for row in rows]
            rows = [row[:last] for row in rows]
        columns = list(zip(*rows, strict=True))
        for column in columns[last:]:
            if column.count(msgspec.UNSET) < len(column):
                told = [value is not msgspec.UNSET for value in column]
                unexpected = list(map(or_, unexpected, told)) if unexpected else told
        values: list[tuple[FeatureValue, ...]] = [()] * len(features)
        if last > first:
            values = list(zip(*map(self._one_object, columns[first:last]), strict=True))
        numbers = _side_by_side((*columns[:first], *extras, results, latencies), len(features))
        return Read(numbers, values, said, unexpected, unfit)

    def _one_object(self, column: Sequence[Any]) -> list[Any]:
        """Return a column in which frequent texts are one object: less memory, and near when they are counted."""
        shared = self._shared
        if len(shared) < MOST_SHARED:
            for value in column[:LOOKED_AT]:
                if type(value) is str and len(value) <= LONGEST_SHARED:
                    shared.setdefault(value, value)
        return list(map(shared.get, column, column))

    def _attached(self, scores: Sequence[Any]) -> list[Sequence[float | None]]:
        """Return a column for each declared score."""
        return [[None if one is msgspec.UNSET else one.get(name) for one in scores] for name in self._scores]

    def _output(self, outputs: Sequence[Any]) -> tuple[list[str | None], list[Any], list[int]]:
        """Return what was said, the number that goes with it, and the positions of what is unfit."""
        if self._spec.task == "regression":
            numbers = [output.value for output in outputs]
            return [None] * len(outputs), numbers, _positions([n is None or n != n for n in numbers])
        if self._spec.task == "text":
            texts = [output.text for output in outputs]
            unfit = _positions([text is None for text in texts])
            texts = [text or "" for text in texts] if unfit else texts
            return [text[:TEXT_KEPT] for text in texts], list(map(len, texts)), unfit
        labels = texts_of(self._one_object([output.label for output in outputs]))
        unfit = []
        if self._classes is not None and not self._classes.issuperset(labels):
            unfit = [position for position, label in enumerate(labels) if label not in self._classes]
        if self._spec.task == "binary":
            said, scores, unsaid = self._binary(labels, [output.score for output in outputs])
        else:
            said, scores, unsaid = self._multiclass(labels, outputs)
        return said, scores, unfit + unsaid

    def _binary(self, labels: list[str | None], scores: list[Any]) -> tuple[list[str | None], list[Any], list[int]]:
        if None not in labels:
            return labels, scores, []
        positive, threshold = self._spec.positive_label, self._spec.threshold
        negative = self._spec.negative_label
        unfit = [
            position
            for position, (label, score) in enumerate(zip(labels, scores, strict=True))
            if label is None and (score is None or score != score)
        ]
        if unfit:
            scores = [NAN if score is None else score for score in scores]
        derived = [positive if score is not None and score >= threshold else negative for score in scores]
        return [one if label is None else label for label, one in zip(labels, derived, strict=True)], scores, unfit

    def _multiclass(
        self, labels: list[str | None], outputs: Sequence[Any]
    ) -> tuple[list[str | None], list[Any], list[int]]:
        shares = [output.probabilities for output in outputs]
        scores = [output.score for output in outputs]
        unfit: list[int] = []
        said = list(labels)
        for names, positions in _by_names(shares).items():
            if not names:  # none, or an empty mapping
                unfit += [p for p in positions if labels[p] is None or shares[p] is not None]
                continue
            declared = self._declared_classes
            if self._names.unfit(names) or not (declared is None or declared.issuperset(names)):
                unfit += positions
                continue
            ordered = sorted(names)
            silent = [position for position in positions if labels[position] is None]
            if len(silent) >= WORTH_A_MATRIX:
                flat = chain.from_iterable([shares[position].values() for position in silent])
                matrix = np.fromiter(flat, dtype=np.float64, count=len(silent) * len(names)).reshape(len(silent), -1)
                place = {name: column for column, name in enumerate(names)}
                best = matrix[:, [place[name] for name in ordered]].argmax(axis=1)
                for position, column in zip(silent, best.tolist(), strict=True):
                    said[position] = ordered[column]
            else:
                for position in silent:
                    said[position] = max(ordered, key=shares[position].__getitem__)
            if declared is None and self._classes is not None:  # of a reference: the answer alone has to be one
                unfit += [position for position in silent if said[position] not in self._classes]
            for position in positions:
                scores[position] = shares[position].get(said[position])
        return said, scores, unfit


def _uncertainty(
    shares: Sequence[dict[str, float] | None], spec: ModelSpec
) -> tuple[list[Sequence[float | None]], list[int]]:
    """Return the columns of `detectors.uncertainty`, and where sums are doubtful; rows of as many classes together."""
    found = np.full((len(shares), 2), np.nan)
    unfit: list[int] = []
    sizes = np.array([len(one) if one else 0 for one in shares])
    for size in np.unique(sizes[sizes > 0]).tolist():
        places = np.flatnonzero(sizes == size)
        own: Any = shares if len(places) == len(shares) else map(shares.__getitem__, places.tolist())
        flat = chain.from_iterable([one.values() for one in own])
        matrix = np.fromiter(flat, dtype=np.float64, count=len(places) * size).reshape(-1, size)
        found[places] = uncertainty(matrix)
        odd = doubtful(matrix.sum(axis=1), size, spec)
        if odd.any():
            unfit += places[odd].tolist()
    return [found[:, 0].tolist(), found[:, 1].tolist()], unfit


def _side_by_side(columns: Sequence[Sequence[Any]], length: int) -> Floats:
    """Return numbers (null is NaN) as an array of shape (length, columns), which lies column by column."""
    pack = struct.Struct(f"<{length}d").pack
    packed = []
    for column in columns:
        try:
            packed.append(pack(*column))
        except struct.error:  # a null somewhere, for which numpy says NaN
            packed.append(np.array(column, dtype="<f8").tobytes())
    return np.frombuffer(b"".join(packed), dtype="<f8").reshape(len(columns), length).T


def _by_names(shares: list[dict[str, float] | None]) -> dict[tuple[str, ...], list[int]]:
    """Return the positions of mappings by their keys, in their order."""
    keys = [() if one is None else tuple(one) for one in shares]
    distinct = dict.fromkeys(keys)
    if len(distinct) == 1:
        return {keys[0]: list(range(len(keys)))}
    found: dict[tuple[str, ...], list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return found


def _positions(flags: list[bool]) -> list[int]:
    return [position for position, flag in enumerate(flags) if flag] if True in flags else []
