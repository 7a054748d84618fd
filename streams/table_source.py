"""`TableSource`: one table, what a first reading of its times showed, and its rows in time order."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.event_time import Micros
from streams import table_file
from streams.arrow_arrays import Mask
from streams.cells import Cell
from streams.errors import UserError
from streams.moment_columns import Times, zoneless
from streams.prediction_times import PredictionTimes
from streams.records import Role
from streams.spec_errors import did_you_mean, show
from streams.table_batch import Batch
from streams.table_file import TableFile
from streams.table_order import in_time_order
from streams.table_rows import FeedbackRows, PredictionRows, ReferenceRows


class Ordered(NamedTuple):
    """Consecutive rows in time order."""

    batch: Batch
    times: Times
    """Event times as the rows have them."""
    order: npt.NDArray[np.int64]
    """The same, for ordering. A row without a readable one takes that of the row before it."""


class TableSource:
    """A table of predictions or feedback. Making one reads all its times.

    Raises
    ------
    UserError
        When it is damaged, lacks a column, or has no row with a time.
    """

    def __init__(
        self,
        role: Role,
        file: TableFile,
        reader: PredictionRows | FeedbackRows,
        times: PredictionTimes | None = None,
    ) -> None:
        self.role, self.reader = role, reader
        self.rows = self.left_out = 0
        """Events; and rows of feedback that say nothing yet."""
        self.zoneless = False
        """Whether times are written without a zone."""
        self.start: Micros | None = None
        self.end: Micros | None = None
        self._file = file
        self._ordered = True
        self._survey(times)

    @property
    def name(self) -> str:
        """What its user calls the table."""
        return self._file.name

    def present(self) -> list[str]:
        """Return the names of the table's columns; of JSON Lines those of its first rows."""
        return self._file.header or list(next(self._file.batches(), Batch(0, {}, {})).columns)

    @property
    def notes(self) -> list[str]:
        """What a person should know of how it is read."""
        return [f"times of {self.name} have no zone: taken as UTC"] if self.zoneless else []

    def in_order(self, start: Micros, model: str | None = None) -> Iterator[Ordered]:
        """Yield the rows in time order, without feedback that says nothing yet.

        A first row without a time takes `start`.

        Parameters
        ----------
        model
            Yield rows of this model alone, and those that cannot be read.
        """
        if self._ordered:
            for batch in self._batches(self.reader.columns, model):
                ordered = self._timed(batch, start)
                start = int(ordered.order[-1])
                yield ordered
            return
        parts = []
        for batch in self._batches(self.reader.time_columns, model):
            parts.append(self._timed(batch, start).order)
            start = int(parts[-1][-1])
        if parts:
            times = np.concatenate(parts)
            parts.clear()
            again = self._rereader(model)
            for batch, order in in_time_order(times, again, table_file.ROWS):
                yield Ordered(batch, self.reader.times(batch), order)

    def _rereader(self, model: str | None) -> Callable[[], Iterator[Batch]]:
        return lambda: self._batches(self.reader.columns, model)

    def _batches(self, columns: set[str], model: str | None) -> Iterator[Batch]:
        """Yield the rows that are wanted, in the table's order; no batch is empty."""
        reader = self.reader
        for batch in self._file.batches(columns):
            wanted: Mask | None = None
            if isinstance(reader, FeedbackRows):
                wanted = reader.kept(batch)
            elif model is not None:
                wanted = np.array([name == model for name in reader.models_of(batch)], dtype=bool)
                wanted[list(batch.broken)] = True
            if wanted is not None and not wanted.all():
                batch = batch.take(np.flatnonzero(wanted))
            if batch.rows:
                yield batch

    def _timed(self, batch: Batch, start: Micros) -> Ordered:
        times = self.reader.times(batch)
        if times.known.all():
            return Ordered(batch, times, times.micros)
        known = np.maximum.accumulate(np.where(times.known, np.arange(batch.rows), -1))
        return Ordered(batch, times, np.where(known < 0, start, times.micros[known]))

    def _survey(self, times_by_id: PredictionTimes | None) -> None:
        reader, file = self.reader, self._file
        if file.header:
            self._require(reader.time_columns, file.header)
        seen = dict.fromkeys(file.header)
        models: set[str] = set()
        for batch in file.batches(reader.columns if file.format == "json lines" else reader.time_columns):
            seen |= dict.fromkeys(batch.columns)
            times = reader.times(batch)
            self.zoneless = self.zoneless or zoneless(batch, reader.table.columns.timestamp)
            if isinstance(reader, PredictionRows):
                names = reader.models_of(batch)
                models |= {name for name in dict.fromkeys(map(_text, names)) if name is not None}
                if times_by_id is not None and times_by_id.wanted:
                    times_by_id.add(names, reader.ids(batch), times)
            self._account(times, reader.kept(batch) if isinstance(reader, FeedbackRows) else None)
        if self.rows == 0 and self.role == "predictions":
            raise UserError(f"{file.name}: has no rows")
        self._require(_required(reader, models), seen)
        self._check_times()

    def _account(self, times: Times, kept: Mask | None) -> None:
        micros, known = times
        if kept is not None:
            self.left_out += int((~kept).sum())
            micros, known = micros[kept], known[kept]
        self.rows += len(micros)
        micros = micros[known]
        if not len(micros):
            return
        first, last = int(micros.min()), int(micros.max())
        self._ordered &= self.end is None or self.end <= int(micros[0])
        self._ordered &= bool((micros[1:] >= micros[:-1]).all())
        self.start = first if self.start is None else min(self.start, first)
        self.end = last if self.end is None else max(self.end, last)

    def _require(self, columns: set[str], present: Iterable[str]) -> None:
        absent = sorted(columns.difference(present))
        if absent:
            there = dict.fromkeys(name for batch in self._file.batches() for name in batch.columns)
            outcomes = self.reader.outcome_columns if isinstance(self.reader, ReferenceRows) else set()
            lines = []
            for name in absent:
                why = ". The reference needs its outcomes in the same table" if name in outcomes else ""
                found = f"{self._file.name}: no column {name!r}{did_you_mean(name, there)}"
                lines.append(f"{found}; its columns are {', '.join(there)}{why}")
            raise UserError("\n".join(lines))

    def _check_times(self) -> None:
        column = self.reader.table.columns.timestamp
        if self.rows and self.end is None and column is not None:
            cell = next((cell for batch in self._file.batches({column}) for cell in batch.column(column)), None)
            raise UserError(
                f"{self._file.name}: no row has a timestamp that can be read: column {column!r} holds {show(cell)}; "
                "write 2026-01-31T12:00:00Z, 2026-01-31 12:00:00 (UTC), or seconds or milliseconds since 1970"
            )


def _text(name: Cell) -> str | None:
    return name if isinstance(name, str) else None


def _required(reader: PredictionRows | FeedbackRows, models: set[str]) -> set[str]:
    if isinstance(reader, FeedbackRows):
        return reader.columns
    columns = set(reader.event_columns)
    if isinstance(reader, ReferenceRows):
        columns |= reader.outcome_columns
    return columns.union(*(reader.models[name].features for name in models if name in reader.models))
