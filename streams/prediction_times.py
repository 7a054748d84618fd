"""`PredictionTimes`: when each prediction was made, for feedback that comes a fixed delay after it.

By the hash of the id (`detectors.id_hash`), 24 bytes a prediction: a million of them must fit beside all else.
"""

import numpy as np
import numpy.typing as npt

from detectors.id_hash import Hashes, id_hashes
from streams.cells import Cell
from streams.moment_columns import Times

Column = npt.NDArray[np.uint64]


class _Table:
    """Predictions of one model."""

    def __init__(self) -> None:
        self.first: Column = np.zeros(0, dtype=np.uint64)
        """Of the hashes, ascending; those that are equal are in the order in which they were added."""
        self.second: Column = np.zeros(0, dtype=np.uint64)
        self.times: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._added: list[tuple[Column, Column, npt.NDArray[np.int64]]] = []

    def add(self, hashes: Hashes, times: npt.NDArray[np.int64]) -> None:
        self._added.append((hashes[:, 0].copy(), hashes[:, 1].copy(), times))

    def sort(self) -> None:
        """Take in what was added; column by column, so that little stands in memory twice."""
        if not self._added:
            return
        columns = [list(parts) for parts in zip(*self._added, strict=True)]
        self._added.clear()
        self.first = np.concatenate((self.first, *columns[0]))
        columns[0].clear()
        order = np.argsort(self.first, kind="stable")
        self.first = self.first[order]
        self.second = np.concatenate((self.second, *columns[1]))[order]
        columns[1].clear()
        self.times = np.concatenate((self.times, *columns[2]))[order]


class PredictionTimes:
    """Times of predictions by model and id: of an id that comes twice, the first."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self._tables: dict[str, _Table] = {}

    def add(self, models: list[Cell], ids: list[Cell], times: Times) -> None:
        """Keep the times of predictions. Ids and models that are no text are left out."""
        for model, rows in _by_model(models, ids).items():
            rows = rows[times.known[rows]]
            if model is not None and len(rows):
                self._tables.setdefault(model, _Table()).add(_hashes(ids, rows), times.micros[rows])

    def of(self, models: list[Cell], ids: list[Cell]) -> Times:
        """Return the time of each prediction; model None is any, that which was added first before others."""
        times = Times(np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=bool))
        for model, rows in _by_model(models, ids).items():
            hashes = _hashes(ids, rows)
            for name, table in self._tables.items():
                if model in (None, name):
                    table.sort()
                    _look_up(table, hashes, rows, times)
        return times

    def once(self, model: str | None, rows: int) -> bool:
        """Return whether all that was added is of `model` (None: of one), as many as `rows`, and no id comes twice."""
        if len(self._tables) != 1 or not self._tables.keys() >= {model or next(iter(self._tables))}:
            return False
        (table,) = self._tables.values()
        table.sort()
        return len(table.first) == rows and bool((table.first[1:] != table.first[:-1]).all())

    def clear(self) -> None:
        """Forget all."""
        self._tables.clear()


def _by_model(models: list[Cell], ids: list[Cell]) -> dict[str | None, npt.NDArray[np.int64]]:
    """Return the rows of each model, None among them; rows whose id or model is of another type are left out."""
    if models and set(map(type, ids)) == {str} and models.count(models[0]) == len(models) and _is_name(models[0]):
        return {models[0]: np.arange(len(ids))}
    rows: dict[str | None, list[int]] = {}
    for row, (model, id) in enumerate(zip(models, ids, strict=True)):
        if isinstance(id, str) and _is_name(model):
            rows.setdefault(model, []).append(row)
    return {model: np.array(some, dtype=np.int64) for model, some in rows.items()}


def _is_name(model: Cell) -> bool:
    return model is None or isinstance(model, str)


def _hashes(ids: list[Cell], rows: npt.NDArray[np.int64]) -> Hashes:
    return id_hashes(ids if len(rows) == len(ids) else [ids[row] for row in rows.tolist()])


def _look_up(table: _Table, hashes: Hashes, rows: npt.NDArray[np.int64], times: Times) -> None:
    """Fill in the times of `rows` that are in the table and have none yet."""
    open_ = ~times.known[rows]
    hashes, rows = hashes[open_], rows[open_]
    near = np.argsort(hashes[:, 0])  # neighbours are found next to each other
    hashes, rows = hashes[near], rows[near]
    places = np.searchsorted(table.first, hashes[:, 0])
    while len(rows):
        inside = places < len(table.first)
        inside[inside] = table.first[places[inside]] == hashes[inside, 0]
        hashes, rows, places = hashes[inside], rows[inside], places[inside]
        same = table.second[places] == hashes[:, 1]
        times.micros[rows[same]] = table.times[places[same]]
        times.known[rows[same]] = True
        hashes, rows, places = hashes[~same], rows[~same], places[~same] + 1
