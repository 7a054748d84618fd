"""`Join`: predictions and the feedback on them, in whatever interleaving the two logs are read.

A feedback event at time f belongs to a prediction at time t of the same id (model and version too, where the feedback
names them) when f - horizon <= t <= f + lateness. Verdicts depend on that predicate and on the order within each log,
never on which topic was read first or on when the store dropped a row.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from detectors.row import Label, row_of
from schemas.event_time import Micros, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.event_clock import EventClock
from streams.store import Store, StoredFeedback, StoredRow, id_key

MOST_FEEDBACK = 100  # events on one id at a time; a producer that sends the same id for ever must not stall everybody


class Accepted(NamedTuple):
    """A prediction that is no duplicate."""

    row: StoredRow
    traffic: bool
    """Whether it goes into traffic panes; a prediction inside self-contained feedback does not."""
    known: Micros
    """Event time at which it was known: its own, or that of the feedback it came in."""


class Joined(NamedTuple):
    """A label that met its prediction."""

    row: StoredRow
    label: Label
    offset: int
    """Of the feedback event."""


Outcome = Accepted | Joined


class Join:
    """The join of one source partition. What it returns is to be summarised, in the order in which it is returned."""

    def __init__(self, spec: MonitorSpec, store: Store, clock: EventClock, accounting: Accounting) -> None:
        self._spec = spec
        self._store = store
        self._clock = clock
        self._accounting = accounting

    def prediction(self, prediction: Prediction, offset: int) -> list[Outcome]:
        """Take a prediction that is on time; the first one of its id in log order wins."""
        key = id_key(prediction.prediction_id)
        rows = self._store.rows(key)
        row = self._stored(prediction, offset)
        if self._twin(rows, row) is not None:
            self._accounting.settle("predictions", "duplicate")
            return []
        self._accounting.settle("predictions", "summarised")
        outcomes: list[Outcome] = [Accepted(row, traffic=True, known=row.row.time)]
        waiting = self._store.feedback(key)
        for feedback in waiting:
            outcomes += self._offer(feedback, row)
        if waiting:
            self._store.put_feedback(key, waiting)
        self._keep(key, [*rows, row], row)
        return outcomes

    def feedback(self, feedback: Feedback, offset: int) -> list[Outcome]:
        """Take feedback that is on time; it waits where its prediction has not come yet."""
        stored = StoredFeedback(
            offset=offset,
            source=feedback.source if feedback.correction is None else "correction",
            model=feedback.model,
            version=feedback.version,
            label=Label(
                time=to_micros(feedback.timestamp),
                label=feedback.label if feedback.correction is None else feedback.correction,
                value=feedback.value if feedback.correction is None else _number(feedback.correction),
                rating=feedback.rating,
            ),
            settled=False,
        )
        if feedback.prediction is not None:
            return self._self_contained(feedback.prediction, stored)
        key = id_key(feedback.prediction_id)
        waiting = self._store.feedback(key)
        if len(waiting) >= MOST_FEEDBACK:
            self._accounting.settle("feedback", "duplicate")
            return []
        rows = self._store.rows(key)
        outcomes: list[Outcome] = [outcome for row in rows for outcome in self._offer(stored, row)]
        if outcomes:
            self._store.put_rows(key, rows)
        self._store.put_feedback(key, [*waiting, stored])
        self._store.queue("feedback_queue", stored.label.time + self._spec.feedback_lateness, key)
        return outcomes

    def sweep(self) -> None:
        """Drop what nothing can refer to any more, and settle feedback that found nothing."""
        predictions = self._clock.watermark("predictions", max(m.lateness for m in self._spec.models.values()))
        both = min(
            (
                mark
                for model in self._spec.models.values()
                if (mark := self._clock.complete(model, self._spec)) is not None
            ),
            default=None,
        )
        if predictions is not None:
            for time, key in self._store.overdue("feedback_queue", predictions):
                self._drop_feedback(key, time)
        if both is not None:
            for time, key in self._store.overdue("row_queue", both):
                kept = [row for row in self._store.rows(key) if self._droppable_at(row) > time]
                self._store.put_rows(key, kept)

    def _self_contained(self, prediction: Prediction, feedback: StoredFeedback) -> list[Outcome]:
        key = id_key(prediction.prediction_id, self_contained=True)
        rows = self._store.rows(key)
        row = self._stored(prediction, feedback.offset)
        twin = self._twin(rows, row)
        outcomes: list[Outcome] = []
        if twin is None:
            outcomes.append(Accepted(row, traffic=False, known=feedback.label.time))
            rows.append(row)
        outcomes += self._offer(feedback, twin or row)
        if not feedback.settled:
            self._accounting.settle("feedback", "expired")
            outcomes = []  # its label came after the horizon: there is nothing to learn from the row
        else:
            self._keep(key, rows, row)
        return outcomes

    def _offer(self, feedback: StoredFeedback, row: StoredRow) -> Iterable[Joined]:
        """Join feedback to a row if it belongs there; settles it, and updates the row."""
        if not _means(feedback, row):
            return []
        horizon = self._spec.models[row.model].label_horizon
        if not feedback.label.time - horizon <= row.row.time <= feedback.label.time + self._spec.feedback_lateness:
            return []
        if not self._says(feedback.label, row) and feedback.label.rating is None:
            return []
        fresh = Label(time=feedback.label.time)
        answered = self._spec.models[row.model].task == "text" and (row.label or row.rating) is not None
        if answered:
            pass  # a text has one loss: of the first rating or correction
        elif self._says(feedback.label, row):
            if row.label is None:
                fresh.label, fresh.value = feedback.label.label, feedback.label.value
                row.label = fresh
            elif (row.label.label, row.label.value) != (feedback.label.label, feedback.label.value) and (
                not feedback.settled
            ):
                may_correct = feedback.source in ("annotator", "correction")
                self._accounting.note("corrected" if may_correct else "conflicting")
        if feedback.label.rating is not None and row.rating is None and not answered:
            fresh.rating = feedback.label.rating
            row.rating = fresh
        used = row.label is fresh or row.rating is fresh
        if not feedback.settled:
            feedback.settled = True
            self._accounting.settle("feedback", "summarised" if used else "duplicate")
        return [Joined(row, fresh, feedback.offset)] if used else []

    def _says(self, label: Label, row: StoredRow) -> bool:
        """Say whether feedback has what the model's task asks for."""
        regression = self._spec.models[row.model].task == "regression"
        return (label.value if regression else label.label) is not None

    def _twin(self, rows: list[StoredRow], row: StoredRow) -> StoredRow | None:
        """Return the accepted row that `row` repeats: an id may be used again only after the horizon."""
        horizon = self._spec.models[row.model].label_horizon
        for known in rows:
            same = (known.model, known.version) == (row.model, row.version)
            if same and abs(known.row.time - row.row.time) <= horizon:
                return known
        return None

    def _stored(self, prediction: Prediction, offset: int) -> StoredRow:
        row = row_of(prediction, self._spec.models[prediction.model])
        return StoredRow(prediction.model, prediction.version, offset, row)

    def _keep(self, key: bytes, rows: list[StoredRow], new: StoredRow) -> None:
        self._store.put_rows(key, rows)
        self._store.queue("row_queue", self._droppable_at(new), key)

    def _droppable_at(self, row: StoredRow) -> Micros:
        # One horizon for labels and duplicates, one more to tell expired feedback from orphaned, which is done when
        # no prediction of that feedback's can come any more.
        return row.row.time + 2 * self._spec.models[row.model].label_horizon + self._spec.feedback_lateness

    def _drop_feedback(self, key: bytes, time: Micros) -> None:
        kept = []
        for feedback in self._store.feedback(key):
            if feedback.label.time + self._spec.feedback_lateness > time:
                kept.append(feedback)
            elif not feedback.settled:
                self._accounting.settle("feedback", "expired" if self._expired(key, feedback) else "orphaned")
        self._store.put_feedback(key, kept)

    def _expired(self, key: bytes, feedback: StoredFeedback) -> bool:
        for row in self._store.rows(key):
            horizon = self._spec.models[row.model].label_horizon
            age = feedback.label.time - row.row.time
            if _means(feedback, row) and horizon < age <= 2 * horizon:
                return True
        return False


def _means(feedback: StoredFeedback, row: StoredRow) -> bool:
    """Say whether feedback is on the model and version of a row, as far as it names them."""
    return feedback.model in (None, row.model) and feedback.version in (None, row.version)


def _number(correction: str) -> float | None:
    try:
        number = float(correction)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
