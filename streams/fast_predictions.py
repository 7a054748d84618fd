"""Predictions of a chunk that the typed decoder accepted → `Rows`, and which the contract must judge after all."""

from collections.abc import Callable, Sequence
from itertools import islice, pairwise, repeat
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.layout import Layouts
from detectors.row_shape import RowShape
from detectors.rows import Rows
from schemas.spec import MonitorSpec
from streams.fast_labels import Names
from streams.fast_model import ModelReader, Read
from streams.fast_times import Flags, read_times
from streams.fast_types import PREDICTION, FastTypes

Column = tuple[Any, ...]

_NEGATIVE_ZERO = np.array([-0.0]).view(np.int64)[0]


class FastPredictions:
    """Predictions of all models of the monitor file."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, shapes: Sequence[RowShape]) -> None:
        self.types = FastTypes("predictions", spec.models)
        self._codes = {name: code for code, name in enumerate(spec.models)}
        each = zip(spec.models.items(), shapes, strict=True)
        self._readers = [ModelReader(model, layouts.classes(name), shape) for (name, model), shape in each]
        self._names = Names()

    def read(self, events: Sequence[Any], offsets: npt.NDArray[np.int64]) -> tuple[Rows, list[str], Flags]:
        """Return the rows of events (at least one), their versions, and which of them are fit.

        In `groups` stands the code of the model alone. Columns of what is not fit mean nothing.
        """
        ids, stamps, versions, *parts = islice(zip(*map(msgspec.structs.astuple, events), strict=True), len(PREDICTION))
        times, fit = read_times(stamps)
        if wrong := self._names.unfit(versions):
            fit &= [version not in wrong for version in versions]
        models, read = self._by_model(list(map(type, events)), *parts)
        if read.unfit:
            fit[read.unfit] = False
        rows = Rows(
            groups=models,
            times=times,
            offsets=offsets,
            hashes=id_hashes(ids),
            ids=list(ids),
            numbers=_one_zero(read.numbers),
            values=read.values,
            said=read.said,
            unexpected=np.array(read.unexpected or np.zeros(len(events)), dtype=bool),
        )
        return rows, list(versions), fit

    def _by_model(
        self, kinds: list[type], features: Column, outputs: Column, latencies: Column
    ) -> tuple[npt.NDArray[np.int32], Read]:
        code_of = {kind: self._codes[self.types.models[kind]] for kind in set(kinds)}
        if len(code_of) == 1:
            code = code_of[kinds[0]]
            return np.full(len(kinds), code, dtype=np.int32), self._readers[code].read(features, outputs, latencies)
        models = np.array(list(map(code_of.__getitem__, kinds)), dtype=np.int32)
        order = np.argsort(models, kind="stable")
        grouped = models[order]
        bounds = [0, *(np.flatnonzero(np.diff(grouped)) + 1).tolist(), len(kinds)]
        places = order.tolist()
        by_model: Callable[[Column], Column] = itemgetter(*places)
        features, outputs, latencies = by_model(features), by_model(outputs), by_model(latencies)
        whole = Read([], [], [], [], [])
        unexpected: list[bool] = []
        for start, stop in pairwise(bounds):
            reader = self._readers[grouped[start]]
            read = reader.read(features[start:stop], outputs[start:stop], latencies[start:stop])
            whole.numbers.extend(read.numbers)
            whole.values.extend(read.values)
            whole.said.extend(read.said)
            unexpected.extend(read.unexpected or repeat(False, stop - start))
            whole.unfit.extend(places[start + position] for position in read.unfit)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        in_log_order: Callable[[Any], Any] = itemgetter(*back.tolist())
        return models, Read(
            list(in_log_order(whole.numbers)),
            list(in_log_order(whole.values)),
            list(in_log_order(whole.said)),
            list(in_log_order(unexpected)) if True in unexpected else [],
            whole.unfit,
        )


def _one_zero(numbers: list[bytes]) -> list[bytes]:
    """Return packed numbers without negative zeros."""
    joined = b"".join(numbers)
    if not (np.frombuffer(joined, dtype="<i8") == _NEGATIVE_ZERO).any():
        return numbers
    joined = (np.frombuffer(joined, dtype="<f8") + 0.0).tobytes()
    result, start = [], 0
    for one in numbers:
        result.append(joined[start : start + len(one)])
        start += len(one)
    return result
