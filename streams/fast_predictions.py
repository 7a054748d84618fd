"""Predictions of a chunk that the typed decoder accepted → `Rows`, and which the contract must judge after all."""

from collections.abc import Callable, Sequence
from itertools import islice, pairwise, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.layouts import Layouts
from detectors.row_shape import RowShape
from detectors.rows import NARROWEST, Floats, Rows, stacked
from schemas.spec import MonitorSpec
from streams.fast_labels import Names
from streams.fast_model import ModelReader, Read
from streams.fast_times import Flags, read_times
from streams.fast_types import PREDICTION, FastTypes

Column = tuple[Any, ...]


class Part(NamedTuple):
    """Columns of some events of a chunk."""

    ids: Sequence[str]
    stamps: Sequence[str]
    versions: Sequence[str]
    models: npt.NDArray[np.int32]
    read: Read


class FastPredictions:
    """Predictions of all models of the monitor file."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, shapes: Sequence[RowShape]) -> None:
        self.types = FastTypes("predictions", spec.models)
        self._codes = {name: code for code, name in enumerate(spec.models)}
        self._readers: list[ModelReader] = []
        reader_of: list[int] = []  # models that are read alike share a reader
        places: dict[object, int] = {}
        for (name, model), shape in zip(spec.models.items(), shapes, strict=True):
            classes = layouts.classes(name)
            kinds = tuple(feature.type for feature in model.features.values())
            named = (classes, model.classes is None)
            alike = (model.task, model.positive_label, model.threshold, kinds, named, shape.scores)
            if alike not in places:
                places[alike] = len(self._readers)
                self._readers.append(ModelReader(model, classes, shape))
            reader_of.append(places[alike])
        self._reader_of = np.array(reader_of, dtype=np.int64)
        self._names = Names()

    def apart(self, events: Sequence[Any]) -> "Part":
        """Return what a chunk is made of, for some of its events (at least one); they are not needed after that."""
        ids, stamps, versions, *parts = islice(zip(*map(msgspec.structs.astuple, events), strict=True), len(PREDICTION))
        return Part(ids, stamps, versions, *self._by_model(list(map(type, events)), *parts))

    def read(self, parts: Sequence["Part"], offsets: npt.NDArray[np.int64]) -> tuple[Rows, list[str], Flags]:
        """Return the rows of a chunk in parts (at least one), their versions, and which of them are fit.

        In `groups` stands the code of the model alone. Columns of what is not fit mean nothing.
        """
        ids, stamps, versions, models, read = _whole(parts)
        times, fit = read_times(stamps)
        if wrong := self._names.unfit(versions):
            fit &= [version not in wrong for version in versions]
        if read.unfit:
            fit[read.unfit] = False
        rows = Rows(
            groups=models,
            times=times,
            offsets=offsets,
            hashes=id_hashes(ids),
            ids=ids,
            numbers=read.numbers,
            values=read.values,
            said=read.said,
            unexpected=np.array(read.unexpected or np.zeros(len(ids)), dtype=bool),
        )
        return rows, versions, fit

    def _by_model(
        self, kinds: list[type], features: Column, outputs: Column, latencies: Column, scores: Column
    ) -> tuple[npt.NDArray[np.int32], Read]:
        code_of = {kind: self._codes[self.types.models[kind]] for kind in set(kinds)}
        if len(code_of) == 1:
            code = code_of[kinds[0]]
            reader = self._readers[self._reader_of[code]]
            return np.full(len(kinds), code, dtype=np.int32), reader.read(features, outputs, latencies, scores)
        models = np.array(list(map(code_of.__getitem__, kinds)), dtype=np.int32)
        by_reader = self._reader_of[models]
        if (by_reader == by_reader[0]).all():
            return models, self._readers[by_reader[0]].read(features, outputs, latencies, scores)
        order = np.argsort(by_reader, kind="stable")
        grouped = by_reader[order]
        bounds = [0, *(np.flatnonzero(np.diff(grouped)) + 1).tolist(), len(kinds)]
        places = order.tolist()
        by_model: Callable[[Column], Column] = itemgetter(*places)
        features, outputs, latencies, scores = map(by_model, (features, outputs, latencies, scores))
        whole = Read(np.empty((0, NARROWEST)), [], [], [], [])
        numbers = list[Floats]()
        unexpected: list[bool] = []
        for start, stop in pairwise(bounds):
            reader = self._readers[grouped[start]]
            read = reader.read(*(column[start:stop] for column in (features, outputs, latencies, scores)))
            numbers.append(read.numbers)
            whole.values.extend(read.values)
            whole.said.extend(read.said)
            unexpected.extend(read.unexpected or repeat(False, stop - start))
            whole.unfit.extend(places[start + position] for position in read.unfit)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        in_log_order: Callable[[Any], Any] = itemgetter(*back.tolist())
        return models, Read(
            stacked(numbers)[back],
            list(in_log_order(whole.values)),
            list(in_log_order(whole.said)),
            list(in_log_order(unexpected)) if True in unexpected else [],
            whole.unfit,
        )


def _whole(parts: Sequence[Part]) -> tuple[list[str], list[str], list[str], npt.NDArray[np.int32], Read]:
    """Return the parts of a chunk as one."""
    ids, stamps, versions = list[str](), list[str](), list[str]()
    numbers = stacked([part.read.numbers for part in parts]) + 0.0  # one zero
    whole, unexpected = Read(numbers, [], [], [], []), list[bool]()
    for part in parts:
        whole.unfit.extend(len(ids) + position for position in part.read.unfit)
        whole.values.extend(part.read.values)
        whole.said.extend(part.read.said)
        unexpected.extend(part.read.unexpected or repeat(False, len(part.ids)))
        ids.extend(part.ids)
        stamps.extend(part.stamps)
        versions.extend(part.versions)
    models = np.concatenate([part.models for part in parts])
    return ids, stamps, versions, models, whole._replace(unexpected=unexpected if True in unexpected else [])
