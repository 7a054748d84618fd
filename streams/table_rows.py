"""Turns batches of table rows into events as `send` puts them on Kafka. Knows columns and contracts, not order.

A row that breaks the contract still becomes an event, with its raw values, so that it is refused and counted like any
other. Only feedback that says nothing yet is left out.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from schemas.event_time import rfc3339, to_micros
from schemas.spec import ModelSpec
from schemas.table_spec import FeedbackTable, PredictionTable, ReferenceColumns, ReferenceTable
from streams import cell_columns, cells
from streams.arrow_arrays import Mask
from streams.cells import Cell
from streams.moment_columns import Times, moments
from streams.table_batch import Batch

END_OF_CALENDAR = to_micros(datetime(9999, 12, 31, tzinfo=UTC))


class Event(NamedTuple):
    """One event: the Kafka key and value."""

    key: bytes
    value: bytes


class PredictionRows:
    """How the rows of one table become predictions.

    Parameters
    ----------
    default_model
        Model of rows that name none.
    typed
        Whether the table's cells have types of their own; see `cells.feature`.
    """

    def __init__(
        self,
        table: PredictionTable | ReferenceTable,
        models: Mapping[str, ModelSpec],
        default_model: str | None,
        typed: bool,
    ) -> None:
        self.table, self.models, self.default_model, self.typed = table, models, default_model, typed
        columns = table.columns
        named = {name: model for name, model in models.items() if columns.model or name == default_model}
        self._features = {
            name: {feature: cells.feature(spec.type, typed) for feature, spec in model.features.items()}
            for name, model in named.items()
        }
        self.label = cells.label(known_classes(named.values()))
        self.time_columns = _names(columns.prediction_id, columns.timestamp, columns.model)
        self.event_columns = self.time_columns | _names(
            *(getattr(columns, field) for field in ("label", "score", "value", "text", "version", "latency_ms")),
            *(columns.probabilities or {}).values(),
            *(columns.scores or {}).values(),
        )

    @property
    def columns(self) -> set[str]:
        """Columns that the events are made of."""
        return self.event_columns.union(*self._features.values())

    def models_of(self, batch: Batch) -> list[Cell]:
        """Return the model of each row, None where nothing says which."""
        return named(batch, self.table.columns.model, self.default_model)

    def ids(self, batch: Batch) -> list[Cell]:
        """Return the prediction id of each row."""
        return cell_columns.ids(batch, self.table.columns.prediction_id)

    def times(self, batch: Batch) -> Times:
        """Return the event time of each row."""
        return moments(batch, self.table.columns.timestamp)

    def events(self, batch: Batch, times: Times) -> Iterator[Event]:
        """Yield one event for each row, in order."""
        columns = self.table.columns
        models, ids = self.models_of(batch), self.ids(batch)
        features = {model: self._feature_rows(batch, model) for model in set(filter(_hashable, models))}
        outputs = self._outputs(batch)
        versions = named(batch, columns.version, self.table.version)
        stamps = timestamps(times, batch.column(columns.timestamp))
        latencies = _numbers(batch, columns.latency_ms)
        scores = [(name, _numbers(batch, column)) for name, column in (columns.scores or {}).items()]
        for row in range(batch.rows):
            if row in batch.broken:
                yield Event(b"", batch.broken[row])
                continue
            model = models[row]
            event: dict[str, Cell] = {
                "prediction_id": ids[row],
                "model": model,
                "timestamp": stamps[row],
                "features": features[model][row] if _hashable(model) else {},
                "output": outputs[row],
            }
            if versions[row] is not None:
                event["version"] = versions[row]
            if latencies[row] is not None:
                event["latency_ms"] = latencies[row]
            if attached := {name: column[row] for name, column in scores if column[row] is not None}:
                event["scores"] = attached
            yield Event(_key(ids[row]), cells.encode(event))

    def _feature_rows(self, batch: Batch, model: Cell) -> list[dict[str, Cell]]:
        converters = self._features.get(model, {})
        names = [name for name in converters if name in batch.columns]
        if not names:
            return [{} for _ in range(batch.rows)]
        converted = [list(map(converters[name], batch.column(name))) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*converted, strict=True)]

    def _outputs(self, batch: Batch) -> list[dict[str, Cell]]:
        columns = self.table.columns
        converters = {"label": self.label, "score": cells.number, "value": cells.number, "text": cells.text}
        parts: dict[str, list[Cell]] = {
            field: list(map(convert, batch.column(getattr(columns, field))))
            for field, convert in converters.items()
            if getattr(columns, field) is not None
        }
        if columns.probabilities:
            names = list(columns.probabilities)
            by_class = [map(cells.number, batch.column(column)) for column in columns.probabilities.values()]
            parts["probabilities"] = [
                None if all(cell is None for cell in row) else dict(zip(names, row, strict=True))
                for row in zip(*by_class, strict=True)
            ]
        if not parts:
            return [{} for _ in range(batch.rows)]
        return [
            {field: cell for field, cell in zip(parts, row, strict=True) if cell is not None}
            for row in zip(*parts.values(), strict=True)
        ]


class FeedbackRows:
    """How the rows of one table become feedback.

    Parameters
    ----------
    times_of
        Times of predictions by model (None: of any) and id; asked where the table has `delay`.
    made
        Column with the time of the prediction that a row is on, where the table has `delay` and such a column.
    """

    def __init__(
        self,
        table: FeedbackTable,
        models: Mapping[str, ModelSpec],
        times_of: Callable[[list[Cell], list[Cell]], Times],
        made: str | None = None,
    ) -> None:
        self.table, self._times_of, self._made = table, times_of, made
        columns = table.columns
        label = cells.label(known_classes([model for name, model in models.items() if table.model in (None, name)]))
        self.label = label
        self._outcomes: dict[str, Callable[[Cell], Cell]] = {
            field: convert
            for field, convert in (
                ("label", label),
                ("value", cells.number),
                ("rating", cells.number),
                ("correction", label),
            )
            if getattr(columns, field) is not None
        }
        self.time_columns = _names(
            columns.prediction_id,
            columns.timestamp,
            made,
            columns.model,
            *(getattr(columns, field) for field in self._outcomes),
        )
        self.columns = self.time_columns | _names(columns.source, columns.version, columns.inclusion_probability)

    def kept(self, batch: Batch) -> Mask:
        """Return whether each row says anything: all its outcomes empty means that nothing is known yet."""
        columns = [getattr(self.table.columns, field) for field in self._outcomes]
        kept: Mask = ~np.logical_and.reduce([cell_columns.missing(batch, column) for column in columns])
        kept[list(batch.broken)] = True
        return kept

    def times(self, batch: Batch) -> Times:
        """Return the event time of each row."""
        if self.table.delay is None:
            return moments(batch, self.table.columns.timestamp)
        if self._made is None:
            times = self._times_of(self._models(batch), self._ids(batch))
        else:
            times = moments(batch, self._made)
        late = times.micros + self.table.delay
        return Times(late, times.known & (late < END_OF_CALENDAR))

    def events(self, batch: Batch, times: Times) -> Iterator[Event]:
        """Yield one event for each row, in order, those left out by `kept` included."""
        columns = self.table.columns
        ids, models = self._ids(batch), self._models(batch)
        versions = named(batch, columns.version, self.table.version)
        sources = [cells.text(cell) for cell in batch.column(columns.source)]
        drawn = [
            None if cells.missing(cell) else cells.number(cell) for cell in batch.column(columns.inclusion_probability)
        ]
        stamps = timestamps(times, batch.column(columns.timestamp))
        outcomes = {
            field: [None if cells.missing(cell) else convert(cell) for cell in batch.column(getattr(columns, field))]
            for field, convert in self._outcomes.items()
        }
        for row in range(batch.rows):
            if row in batch.broken:
                yield Event(b"", batch.broken[row])
                continue
            event = {"prediction_id": ids[row], "timestamp": stamps[row]}
            optional = {"source": sources[row], "model": models[row], "version": versions[row]}
            optional["inclusion_probability"] = drawn[row]
            event |= {field: cell for field, cell in optional.items() if cell is not None}
            event |= {field: column[row] for field, column in outcomes.items() if column[row] is not None}
            yield Event(_key(ids[row]), cells.encode(event))

    def _ids(self, batch: Batch) -> list[Cell]:
        return cell_columns.ids(batch, self.table.columns.prediction_id)

    def _models(self, batch: Batch) -> list[Cell]:
        return named(batch, self.table.columns.model, self.table.model)


class ReferenceRows(PredictionRows):
    """How the rows of a reference table become predictions with what came true."""

    table: ReferenceTable

    @property
    def outcome_columns(self) -> set[str]:
        """Columns that say what came true."""
        return _names(self.table.columns.outcome, self.table.columns.rating, self.table.columns.correction)

    @property
    def columns(self) -> set[str]:
        """Columns that the events are made of."""
        return super().columns | self.outcome_columns

    def feedback(self, batch: Batch, times: Times) -> Iterator[Event | None]:
        """Yield the feedback of each row, at the time of its prediction; None where nothing came true yet."""
        columns: ReferenceColumns = self.table.columns
        ids, models = self.ids(batch), self.models_of(batch)
        stamps = timestamps(times, batch.column(columns.timestamp))
        outcomes, ratings = batch.column(columns.outcome), batch.column(columns.rating)
        corrections = batch.column(columns.correction)
        for row in range(batch.rows):
            event: dict[str, Cell] = {"prediction_id": ids[row], "timestamp": stamps[row]}
            if not cells.missing(outcomes[row]):
                model = self.models.get(models[row]) if _hashable(models[row]) else None
                if model is not None and model.task == "regression":
                    event["value"] = cells.number(outcomes[row])
                else:
                    event["label"] = self.label(outcomes[row])
            if not cells.missing(ratings[row]):
                event["rating"] = cells.number(ratings[row])
            if not cells.missing(corrections[row]):
                event["correction"] = self.label(corrections[row])
            known = len(event) > 2 and row not in batch.broken
            yield Event(_key(ids[row]), cells.encode(event)) if known else None


def known_classes(models: Collection[ModelSpec]) -> set[str]:
    """Return the classes that the monitor file names for these models."""
    named = {label for model in models for label in model.classes or ()}
    return named | {model.positive_label for model in models if model.positive_label is not None}


def timestamps(times: Times, raw: list[Any]) -> list[Cell]:
    """Return RFC 3339 text where the time is known, else what the table says."""
    return [cells.plain(cell) if time is None else rfc3339(time) for time, cell in zip(times.cells(), raw, strict=True)]


def named(batch: Batch, column: str | None, default: str | None) -> list[Cell]:
    """Return the name in each row of a column, and `default` where it is empty or there is none."""
    if column is None:
        return [default] * batch.rows
    names = cell_columns.coded(batch, column, cells.text)
    names.values[-1] = default
    return names.expand()


def _key(prediction_id: Cell) -> bytes:
    return prediction_id.encode("utf-8", "replace") if isinstance(prediction_id, str) else b""


def _numbers(batch: Batch, column: str | None) -> list[Cell]:
    return [_or_none(cells.number(cell)) for cell in batch.column(column)]


def _or_none(cell: Cell) -> Cell:
    return None if cells.missing(cell) or cell is cells.NAN else cell


def _hashable(cell: Cell) -> bool:
    return cell is None or isinstance(cell, str)


def _names(*columns: str | None) -> set[str]:
    return {column for column in columns if column is not None}
