"""Tables as streams of events: all tables of the monitor file, merged in event-time order.

Each table is read twice: a first time for its times alone, a second time for its events. A table that is in order, as
most are, is never held in memory; one that is not is sorted there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from schemas.table_spec import FilesSpec, Table
from streams.cells import Cell
from streams.errors import UserError
from streams.files import resolve
from streams.records import Role
from streams.spec_errors import did_you_mean, show
from streams.table_file import Batch, TableFile
from streams.table_rows import FeedbackRows, PredictionRows, ReferenceRows

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class TableEvent:
    """One row of a table as an event."""

    role: Role
    time: Micros
    """Event time, for ordering. A row without a readable one takes that of the row before it."""
    key: bytes
    """The prediction id; the Kafka key. Empty where the row has none."""
    value: bytes
    """The event as JSON, exactly what `send` puts on Kafka. It may break the contract, as the row does."""


def stream(spec: MonitorSpec, base: Path) -> Iterator[TableEvent]:
    """Yield `Tables(spec, base).stream()`."""
    return Tables(spec, base).stream()


def rows(spec: MonitorSpec, base: Path) -> int:
    """Return how many events `stream` yields."""
    return Tables(spec, base).rows


def end_of_stream(spec: MonitorSpec, base: Path) -> Micros:
    """Return the largest event time over all tables of predictions and feedback."""
    return Tables(spec, base).end


class Tables:
    """The tables of predictions and feedback of a monitor file. Making one reads all their times.

    Raises
    ------
    UserError
        When a table is missing or damaged, lacks a column, or cannot be ascribed to a model.
    """

    rows: int
    """Events that `stream` yields."""
    not_known_yet: int
    """Rows of feedback whose outcomes are all empty; they are no events."""
    start: Micros
    """Smallest event time of all tables."""
    end: Micros
    """Largest event time of all tables."""

    def __init__(self, spec: MonitorSpec, base: Path) -> None:
        files = _files(spec)
        if not files.predictions and not files.feedback:
            raise UserError("files: name tables under predictions and feedback; there are none")
        times = _PredictionTimes(wanted=any(table.delay is not None for table in files.feedback))
        self._sources: list[_Source] = []
        for place, table in enumerate(files.predictions):
            file = TableFile(resolve(base, table.path), table.path)
            model = _model(spec, table, table.columns.model, f"files.predictions[{place}]")
            reader = PredictionRows(table, spec.models, model, file.typed)
            self._sources.append(_Source("predictions", file, reader, times))
        for feedback in files.feedback:
            file = TableFile(resolve(base, feedback.path), feedback.path)
            self._sources.append(_Source("feedback", file, FeedbackRows(feedback, spec.models, times.of)))
        self.rows = sum(source.rows for source in self._sources)
        self.not_known_yet = sum(source.left_out for source in self._sources)
        self.start = min((source.start for source in self._sources if source.start is not None), default=0)
        self.end = max((source.end for source in self._sources if source.end is not None), default=0)

    def stream(self) -> Iterator[TableEvent]:
        """Yield all events in event-time order; at equal times predictions first, then in the order of the files."""
        return merge(*(source.events(self.start) for source in self._sources), key=attrgetter("time"))


def reference(spec: MonitorSpec, base: Path, model: str) -> Iterator[tuple[TableEvent, TableEvent | None]]:
    """Yield the reference rows of `model` in time order: the prediction, and its feedback where the outcome is known.

    The feedback has the time of its prediction.

    Raises
    ------
    UserError
        When no reference table has rows of this model, or one is missing, damaged or lacks a column.
    """
    sources = []
    for place, table in enumerate(_files(spec).reference):
        name = _model(spec, table, table.columns.model, f"files.reference[{place}]")
        if table.columns.model is None and name != model:
            continue
        file = TableFile(resolve(base, table.path), table.path)
        sources.append(_Source("predictions", file, ReferenceRows(table, spec.models, name, file.typed)))
    if not any(source.rows for source in sources):
        raise UserError(
            f"files.reference: no table with rows of {model!r}; name one with its predictions and outcomes from a time "
            "that was good"
        )
    start = min((source.start for source in sources if source.start is not None), default=0)
    return merge(*(source.pairs(start, model) for source in sources), key=_prediction_time)


class _PredictionTimes:
    """Times of predictions by model and id, for feedback that comes a fixed delay after them."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self._times: dict[Cell, dict[Cell, Micros]] = {}

    def add(self, models: list[Cell], ids: list[Cell], times: list[Micros | None]) -> None:
        """Keep the first time of each id."""
        for model, prediction_id, time in zip(models, ids, times, strict=True):
            if time is not None and isinstance(prediction_id, str) and isinstance(model, str):
                self._times.setdefault(model, {}).setdefault(prediction_id, time)

    def of(self, model: Cell, prediction_id: Cell) -> Micros | None:
        """Return the time of a prediction of `model` (None: of any), or None where there is none."""
        if not isinstance(prediction_id, str) or not isinstance(model, str | None):
            return None
        tables = self._times.values() if model is None else [self._times.get(model, {})]
        return next((table[prediction_id] for table in tables if prediction_id in table), None)


class _Source:
    """One table, what a first reading showed of it, and its events."""

    def __init__(
        self,
        role: Role,
        file: TableFile,
        reader: PredictionRows | FeedbackRows,
        times: _PredictionTimes | None = None,
    ) -> None:
        self.role, self._file, self._reader = role, file, reader
        self.rows = self.left_out = 0
        self.start: Micros | None = None
        self.end: Micros | None = None
        self._ordered = True
        self._survey(times)

    def events(self, start: Micros) -> Iterator[TableEvent]:
        """Yield the events in time order. A first row without a time takes `start`."""
        return self._in_order(self._events(start), attrgetter("time"))

    def pairs(self, start: Micros, model: str) -> Iterator[tuple[TableEvent, TableEvent | None]]:
        """Yield the predictions of `model` with their feedback, in time order."""
        return self._in_order(self._pairs(start, model), _prediction_time)

    def _survey(self, times_by_id: _PredictionTimes | None) -> None:
        reader, file = self._reader, self._file
        if file.header:
            self._require(reader.time_columns, file.header)
        seen = dict.fromkeys(file.header)
        models: set[Cell] = set()
        for batch in file.batches(reader.columns if file.format == "json lines" else reader.time_columns):
            seen |= dict.fromkeys(batch.columns)
            times = reader.times(batch)
            if isinstance(reader, PredictionRows):
                names = reader.models_of(batch)
                models |= {name for name in names if isinstance(name, str)}
                if times_by_id is not None and times_by_id.wanted:
                    times_by_id.add(names, reader.ids(batch), times)
            self._account(times, reader.kept(batch) if isinstance(reader, FeedbackRows) else None)
        if self.rows == 0 and self.role == "predictions":
            raise UserError(f"{file.name}: has no rows")
        self._require(_required(reader, models), seen)
        self._check_times()

    def _account(self, times: list[Micros | None], kept: list[bool] | None) -> None:
        if kept is not None:
            self.left_out += kept.count(False)
            times = [time for time, keep in zip(times, kept, strict=True) if keep]
        self.rows += len(times)
        known = [time for time in times if time is not None]
        if not known:
            return
        self._ordered &= self.end is None or self.end <= known[0]
        self._ordered &= all(a <= b for a, b in pairwise(known))
        self.start = min(known) if self.start is None else min(self.start, *known)
        self.end = max(known) if self.end is None else max(self.end, *known)

    def _require(self, columns: set[str], present: Iterable[str]) -> None:
        absent = sorted(columns.difference(present))
        if absent:
            there = dict.fromkeys(name for batch in self._file.batches() for name in batch.columns)
            lines = [f"{self._file.name}: no column {name!r}{did_you_mean(name, there)}" for name in absent]
            raise UserError("\n".join(f"{line}; its columns are {', '.join(there)}" for line in lines))

    def _check_times(self) -> None:
        column = self._reader.table.columns.timestamp
        if self.rows and self.end is None and column is not None:
            cell = next((cell for batch in self._file.batches({column}) for cell in batch.column(column)), None)
            raise UserError(
                f"{self._file.name}: no row has a timestamp that can be read: column {column!r} holds {show(cell)}; "
                "write 2026-01-31T12:00:00Z, 2026-01-31 12:00:00 (UTC), or seconds or milliseconds since 1970"
            )

    def _events(self, start: Micros) -> Iterator[TableEvent]:
        reader, last = self._reader, start
        for batch, times in self._batches():
            kept = reader.kept(batch) if isinstance(reader, FeedbackRows) else None
            for row, event in enumerate(reader.events(batch, times)):
                if kept is not None and not kept[row]:
                    continue
                time = times[row]
                last = last if time is None else time
                yield TableEvent(self.role, last, event.key, event.value)

    def _pairs(self, start: Micros, model: str) -> Iterator[tuple[TableEvent, TableEvent | None]]:
        reader, last = self._reader, start
        assert isinstance(reader, ReferenceRows)
        for batch, times in self._batches():
            names = reader.models_of(batch)
            both = zip(reader.events(batch, times), reader.feedback(batch, times), strict=True)
            for row, (prediction, feedback) in enumerate(both):
                if names[row] != model and row not in batch.broken:
                    continue
                time = times[row]
                last = last if time is None else time
                yield (
                    TableEvent("predictions", last, *prediction),
                    None if feedback is None else TableEvent("feedback", last, *feedback),
                )

    def _batches(self) -> Iterator[tuple[Batch, list[Micros | None]]]:
        for batch in self._file.batches(self._reader.columns):
            yield batch, self._reader.times(batch)

    def _in_order(self, items: Iterator[_Item], time: Callable[[_Item], Micros]) -> Iterator[_Item]:
        return items if self._ordered else iter(sorted(items, key=time))


def _prediction_time(pair: tuple[TableEvent, TableEvent | None]) -> Micros:
    return pair[0].time


def _required(reader: PredictionRows | FeedbackRows, models: set[Cell]) -> set[str]:
    if isinstance(reader, FeedbackRows):
        return reader.columns
    columns = set(reader.event_columns)
    if isinstance(reader, ReferenceRows):
        columns |= reader.outcome_columns
    return columns.union(*(reader.models[name].features for name in models if name in reader.models))


def _files(spec: MonitorSpec) -> FilesSpec:
    if spec.files is None:
        raise UserError("the monitor file has no 'files:', which says how tables become events")
    return spec.files


def _model(spec: MonitorSpec, table: Table, column: str | None, place: str) -> str | None:
    """Return the model of rows that name none."""
    if table.model is not None:
        if table.model not in spec.models:
            hint = did_you_mean(table.model, spec.models)
            raise UserError(f"{place}.model: {table.model!r} is not one of {', '.join(spec.models)}{hint}")
        return table.model
    if len(spec.models) == 1:
        return next(iter(spec.models))
    if column is None:
        raise UserError(
            f"{place}: whose predictions are these? Give model (one of {', '.join(spec.models)}) or columns.model"
        )
    return None
