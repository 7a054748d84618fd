"""`PredictionTimes`: when each prediction was made, for feedback that comes a fixed delay after it.

By the hash of the id (`detectors.id_hash`), 24 bytes a prediction: a million of them must fit beside all else.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.id_hash import Hashes, id_hashes
from streams.cell_columns import Times
from streams.cells import Cell


class _Table(NamedTuple):
    """Predictions of one model, in the order of their hashes."""

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]
    times: npt.NDArray[np.int64]


class PredictionTimes:
    """Times of predictions by model and id: of an id that comes twice, the first."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self._parts: dict[str, list[tuple[Hashes, npt.NDArray[np.int64]]]] = {}
        self._tables: dict[str, _Table] = {}

    def add(self, models: list[Cell], ids: list[Cell], times: Times) -> None:
        """Keep the times of predictions. Ids and models that are no text are left out."""
        by_model: dict[str, list[int]] = {}
        for row, (model, id, known) in enumerate(zip(models, ids, times.known.tolist(), strict=True)):
            if known and isinstance(id, str) and isinstance(model, str):
                by_model.setdefault(model, []).append(row)
        for model, rows in by_model.items():
            part = (id_hashes([ids[row] for row in rows]), times.micros[rows])
            self._parts.setdefault(model, []).append(part)

    def of(self, models: list[Cell], ids: list[Cell]) -> Times:
        """Return the time of each prediction; model None is any, that which was added first before others."""
        times = Times(np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=bool))
        by_model: dict[str | None, list[int]] = {}
        for row, (model, id) in enumerate(zip(models, ids, strict=True)):
            if isinstance(id, str) and isinstance(model, str | None):
                by_model.setdefault(model, []).append(row)
        for model, rows in by_model.items():
            hashes = id_hashes([ids[row] for row in rows])
            for name in self._parts if model is None else [model]:
                if name in self._parts:
                    _look_up(self._table(name), hashes, np.array(rows), times)
        return times

    def _table(self, model: str) -> _Table:
        table = self._tables.get(model)
        if table is None:
            hashes = np.concatenate([hashes for hashes, _ in self._parts[model]])
            times = np.concatenate([times for _, times in self._parts[model]])
            self._parts[model].clear()
            order = np.lexsort((hashes[:, 1], hashes[:, 0]))  # stable: the first of an id stays first
            table = _Table(hashes[order, 0], hashes[order, 1], times[order])
            self._tables[model] = table
        return table


def _look_up(table: _Table, hashes: Hashes, rows: npt.NDArray[np.int64], times: Times) -> None:
    """Fill in the times of `rows` that are in the table and have none yet."""
    open_ = ~times.known[rows]
    hashes, rows = hashes[open_], rows[open_]
    places = np.searchsorted(table.first, hashes[:, 0])
    while len(rows):
        inside = places < len(table.first)
        inside[inside] = table.first[places[inside]] == hashes[inside, 0]
        hashes, rows, places = hashes[inside], rows[inside], places[inside]
        same = table.second[places] == hashes[:, 1]
        times.micros[rows[same]] = table.times[places[same]]
        times.known[rows[same]] = True
        hashes, rows, places = hashes[~same], rows[~same], places[~same] + 1
