"""Tables as streams of events: all tables of the monitor file, merged in event-time order.

Each table is read twice: a first time for its times alone, a second time for its events, row by row as JSON (`stream`)
or by column (`chunks`). A table that is in order, as most are, is never held in memory; of one that is not, as much as
`table_order` says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import starmap
from operator import attrgetter
from pathlib import Path

from detectors.layouts import Layouts
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from schemas.table_spec import FeedbackTable, FilesSpec, PredictionTable, Table
from streams.errors import UserError
from streams.files import resolve
from streams.groups import Groups
from streams.prediction_times import PredictionTimes
from streams.records import Role
from streams.spec_errors import did_you_mean
from streams.table_chunks import TableChunk, merged
from streams.table_columns import TableColumns
from streams.table_file import TableFile
from streams.table_notes import missing_classes, unnamed_columns
from streams.table_rows import FeedbackRows, PredictionRows, ReferenceRows
from streams.table_source import TableSource


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
    table: str = ""
    """What its user calls the table."""
    row: int = 0
    """Which row of it, from 1 on."""


def stream(spec: MonitorSpec, base: Path) -> Iterator[TableEvent]:
    """Yield `Tables(spec, base).stream()`."""
    return Tables(spec, base).stream()


def rows(spec: MonitorSpec, base: Path) -> int:
    """Return how many events `stream` yields."""
    return Tables(spec, base).rows


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
    notes: list[str]
    """What a person should know of how they are read."""

    def __init__(self, spec: MonitorSpec, base: Path) -> None:
        files = _files(spec)
        self._spec = spec
        if not files.predictions and not files.feedback:
            raise UserError("files: name tables under predictions and feedback; there are none")
        times = PredictionTimes(wanted=any(table.delay is not None for table in files.feedback))
        self._sources: list[TableSource] = []
        for place, table in enumerate(files.predictions):
            file = TableFile(resolve(base, table.path), table.path)
            model = _model(spec, table, table.columns.model, f"files.predictions[{place}]")
            reader = PredictionRows(table, spec.models, model, file.typed)
            self._sources.append(TableSource("predictions", file, reader, times))
        made = [_made(feedback, files.predictions, times, self._sources) for feedback in files.feedback]
        if not any(table.delay and column is None for table, column in zip(files.feedback, made, strict=True)):
            times.clear()
        for feedback, column in zip(files.feedback, made, strict=True):
            file = TableFile(resolve(base, feedback.path), feedback.path)
            self._sources.append(TableSource("feedback", file, FeedbackRows(feedback, spec.models, times.of, column)))
        self.rows = sum(source.rows for source in self._sources)
        self.not_known_yet = sum(source.left_out for source in self._sources)
        self.notes = [
            *_once(self._sources),
            *unnamed_columns(self._sources, files),
            *missing_classes(spec, lambda name: spec.models[name].classes),
        ]
        self.start = min((source.start for source in self._sources if source.start is not None), default=0)
        self.end = max((source.end for source in self._sources if source.end is not None), default=0)

    def stream(self) -> Iterator[TableEvent]:
        """Yield all events in event-time order; at equal times predictions first, then in the order of the files."""
        return merge(*(_events(source, self.start) for source in self._sources), key=attrgetter("time"))

    def chunks(self, layouts: Layouts, groups: Groups, size: int) -> Iterator[TableChunk]:
        """Yield what the events of `stream` decode to, in the same order, in chunks of at most `size` events.

        Parameters
        ----------
        groups
            Gives the codes of model versions, in the order in which events have them.
        """
        columns = [TableColumns(source.reader, self._spec, layouts, groups, source.name) for source in self._sources]
        blocks = [
            (source.role, starmap(reader.block, source.in_order(self.start)))
            for source, reader in zip(self._sources, columns, strict=True)
        ]
        return merged(blocks, groups, size)


def reference(
    spec: MonitorSpec, base: Path, model: str, tell: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[TableEvent, TableEvent | None]]:
    """Yield the reference rows of `model` in time order: the prediction, and its feedback where the outcome is known.

    The feedback has the time of its prediction.

    Parameters
    ----------
    tell
        Takes what a person should know of how the tables are read.

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
        sources.append(TableSource("predictions", file, ReferenceRows(table, spec.models, name, file.typed)))
    for note in _once(sources):
        tell(note)
    if not any(source.rows for source in sources):
        raise UserError(
            f"files.reference: no table with rows of {model!r}; name one with its predictions and outcomes from a time "
            "that was good"
        )
    start = min((source.start for source in sources if source.start is not None), default=0)
    return merge(*(_pairs(source, start, model) for source in sources), key=_prediction_time)


def _made(
    feedback: FeedbackTable, predictions: list[PredictionTable], times: PredictionTimes, sources: list[TableSource]
) -> str | None:
    """Return the column with the time of the prediction that a row of feedback is on, if it stands beside it.

    So it does where one table holds both, and it is sure that no other row has the prediction's id.
    """
    for table in predictions:
        same = (table.path, table.columns.prediction_id) == (feedback.path, feedback.columns.prediction_id)
        if feedback.delay is not None and same and feedback.columns.model is None:
            rows = sum(source.rows for source in sources)
            return table.columns.timestamp if times.once(feedback.model, rows) else None
    return None


def _events(source: TableSource, start: Micros) -> Iterator[TableEvent]:
    for batch, times, order in source.in_order(start):
        for event, time in zip(source.reader.events(batch, times), order.tolist(), strict=True):
            yield TableEvent(source.role, time, event.key, event.value)


def _pairs(source: TableSource, start: Micros, model: str) -> Iterator[tuple[TableEvent, TableEvent | None]]:
    reader = source.reader
    assert isinstance(reader, ReferenceRows)
    for batch, times, order in source.in_order(start, model):
        assert batch.numbers is not None
        predictions, feedbacks = reader.events(batch, times), reader.feedback(batch, times)
        rows = zip(predictions, feedbacks, order.tolist(), batch.numbers.tolist(), strict=True)
        for prediction, feedback, time, row in rows:
            yield (
                TableEvent("predictions", time, *prediction, source.name, row),
                None if feedback is None else TableEvent("feedback", time, *feedback, source.name, row),
            )


def _once(sources: list[TableSource]) -> list[str]:
    """Return the notes on tables, each once: one table may be read as predictions and as feedback."""
    return list(dict.fromkeys(note for source in sources for note in source.notes))


def _prediction_time(pair: tuple[TableEvent, TableEvent | None]) -> Micros:
    return pair[0].time


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
