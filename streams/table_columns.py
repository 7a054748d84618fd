"""`TableColumns`: batches of one table → blocks of level 1's columns. Neither JSON nor an event for ordinary rows.

What is not plain is made the event that `send` would put on Kafka, decoded and judged by itself as any event is: so the
outcome is the same, whichever way a row goes. A property test holds the two together.
"""

import numpy as np

from detectors.layouts import Layouts
from detectors.odd_features import ROWS
from detectors.rows import Rows
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams import cell_columns
from streams.arrow_arrays import Mask
from streams.decode import Refusal, decode
from streams.fit import Fit
from streams.groups import Groups
from streams.judged import feedback_of, rows_of
from streams.moment_columns import Times
from streams.records import Record, Role
from streams.table_batch import Batch
from streams.table_block import Block, Int64, Special, put
from streams.table_feedback import FeedbackTableColumns
from streams.table_predictions import PredictionColumns, Versions
from streams.table_rows import FeedbackRows, PredictionRows

_FRAME = 600  # bytes that an event has beside what stands in it, or more


class TableColumns:
    """Reads one table by column.

    Parameters
    ----------
    name
        What its user calls the table; stands in front of what is wrong with a row.
    """

    def __init__(
        self, rows: PredictionRows | FeedbackRows, spec: MonitorSpec, layouts: Layouts, groups: Groups, name: str
    ) -> None:
        self._rows, self._spec, self._groups, self._name = rows, spec, groups, name
        self._fit = Fit(spec, layouts)
        self._role: Role
        self._plain: PredictionColumns | FeedbackTableColumns
        names = [*spec.models, rows.table.version or ""]
        if isinstance(rows, FeedbackRows):
            self._role, self._plain = "feedback", FeedbackTableColumns(rows, spec, layouts)
        else:
            self._role, self._plain = "predictions", PredictionColumns(rows, spec, layouts)
            names += [name for model in spec.models.values() for name in model.features]
            names += rows.table.columns.probabilities or ()
            names += rows.table.columns.scores or ()
        self._frame = _FRAME + sum(6 * len(name) + 16 for name in names)

    def block(self, batch: Batch, times: Times, order: Int64) -> Block:
        """Return the rows of a batch, decoded."""
        versions = Versions()
        events, odd = self._plain.read(batch, times, versions)
        block = Block(order, events, [])
        odd |= self._long(batch)
        odd[list(batch.broken)] = True
        if odd.any():
            self._one_by_one(block, np.flatnonzero(odd), batch, times, versions)
        block.versions = versions.names
        if isinstance(block.events, Rows):
            self._show(block, block.events, batch, times)
        return block

    def _show(self, block: Block, rows: Rows, batch: Batch, times: Times) -> None:
        """Keep the JSON of the few rows of each pane of which `streams.odd_features` may ask why a number is none."""
        at = np.flatnonzero(np.isinf(rows.numbers).any(axis=1))
        at = at[~np.isin(at, list(block.special))]
        if not len(at):
            return
        panes = np.array([self._spec.models[model].pane for model, _ in block.versions], dtype=np.int64)
        pane, group, hashes = rows.times[at] // panes[rows.groups[at]], rows.groups[at], rows.hashes[at, 0]
        order = np.lexsort((hashes, pane, group))
        first = np.r_[True, (np.diff(pane[order]) != 0) | (np.diff(group[order]) != 0)]
        starts = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        chosen = np.sort(at[order[np.arange(len(order)) - starts < ROWS]])
        events = self._rows.events(batch.take(chosen), Times(times.micros[chosen], times.known[chosen]))
        for row, event in zip(chosen.tolist(), events, strict=True):
            block.special[row] = Special(event.key, event.value, None)

    def _long(self, batch: Batch) -> Mask:
        """Return which events may be longer than events are read."""
        limit, columns = self._spec.limits.max_event_bytes, self._rows.columns
        if self._frame + sum(cell_columns.longest(batch, column) for column in columns) <= limit:
            return np.zeros(batch.rows, dtype=bool)
        size = self._frame + np.add.reduce([cell_columns.lengths(batch, column) for column in columns])
        return np.asarray(size > limit)

    def _one_by_one(self, block: Block, odd: Int64, batch: Batch, times: Times, versions: Versions) -> None:
        """Put the events at the places of rows that are not plain."""
        assert batch.numbers is not None
        events = self._rows.events(batch.take(odd), Times(times.micros[odd], times.known[odd]))
        predictions: dict[int, Prediction] = {}
        feedback: dict[int, Feedback] = {}
        for row, event in zip(odd.tolist(), events, strict=True):
            found = decode(self._role, Record(-1, -1, event.key, event.value), self._spec)
            if isinstance(found, Prediction | Feedback):
                found = self._fit.problem(found) or found
            if isinstance(found, Refusal):
                message = f"{self._name}, row {batch.numbers[row]}: {found.message}"
                block.special[row] = Special(event.key, event.value, Refusal(found.reason, message))
            elif isinstance(found, Watermark):
                block.special[row] = Special(event.key, event.value, to_micros(found.timestamp))
            elif isinstance(found, Prediction):
                predictions[row] = found
            else:
                feedback[row] = found
        if predictions:
            put(block.events, list(predictions), self._rows_of(list(predictions.values()), versions))
        if feedback:
            inside = [
                None if one.prediction is None else self._rows_of([one.prediction], versions)
                for one in feedback.values()
            ]
            none = np.zeros(len(feedback), dtype=np.int64)
            put(block.events, list(feedback), feedback_of(list(feedback.values()), none, self._groups, inside))

    def _rows_of(self, predictions: list[Prediction], versions: Versions) -> Rows:
        rows = rows_of(predictions, np.zeros(len(predictions), dtype=np.int64), self._spec, self._groups)
        rows.groups = np.array([versions.code(one.model, one.version) for one in predictions], dtype=np.int32)
        return rows
