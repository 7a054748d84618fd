"""`Expiry`: the end of pending rows and waiting feedback: what is over is dropped, what is too much is evicted.

Dropping decides nothing, since verdicts depend on times. What is evicted makes panes unknown: those that may miss its
label, and those that would count it twice if it came again.
"""

import logging

import numpy as np

from schemas.event_time import Micros
from schemas.spec import ModelSpec, MonitorSpec
from streams.accounting import Accounting
from streams.column_log import Numbers
from streams.event_clock import EventClock
from streams.feedback_log import FeedbackLog
from streams.groups import Groups
from streams.id_index import NONE
from streams.incomplete import Incomplete
from streams.labelling import Labelling, Mask
from streams.pending_log import PendingLog
from streams.pending_rows import PendingRows
from streams.row_log import COHORT, LABELLED, NOT_JUDGED, TRAFFIC

logger = logging.getLogger(__name__)


class Expiry:
    """Lets go of what one source partition keeps for the join."""

    def __init__(
        self,
        spec: MonitorSpec,
        groups: Groups,
        clock: EventClock,
        accounting: Accounting,
        incomplete: Incomplete,
    ) -> None:
        self._spec = spec
        self._groups = groups
        self._clock = clock
        self._accounting = accounting
        self._incomplete = incomplete

    def sweep(self, rows: PendingRows, waiting: FeedbackLog, labelling: Labelling) -> None:
        """Settle feedback that found nothing, and drop what nothing can refer to any more."""
        predictions = self._clock.watermark("predictions", max(m.lateness for m in self._spec.models.values()))
        if predictions is not None:
            self._drop_feedback(rows, waiting, labelling, predictions - self._spec.feedback_lateness)
        marks = [self._clock.complete(model, self._spec) for model in self._spec.models.values()]
        both = min((mark for mark in marks if mark is not None), default=None)
        if both is not None:
            for log in rows.logs:
                _drop_rows(log, both)
        self._evict_rows(rows)
        self._evict_feedback(waiting)

    def _drop_feedback(self, rows: PendingRows, waiting: FeedbackLog, labelling: Labelling, before: Micros) -> None:
        """Settle what waited in vain, and drop the events that no prediction on time can match."""
        columns = waiting.columns
        if not len(columns):
            return
        over = columns.live("time") < before
        numbers = np.flatnonzero(over & (columns.live("settled") == 0)) + columns.first
        if len(numbers):
            expired = self._expired(rows, waiting, labelling, numbers)
            self._accounting.settle("feedback", "expired", int(expired.sum()))
            self._accounting.settle("feedback", "orphaned", int((~expired).sum()))
            waiting.settle(numbers)
        waiting.drop(columns.first + _leading(over))

    def _expired(self, rows: PendingRows, waiting: FeedbackLog, labelling: Labelling, numbers: Numbers) -> Mask:
        """Say which feedback has a prediction that it came too late for."""
        hashes = np.stack([waiting.of("first_hash", numbers), waiting.of("second_hash", numbers)], axis=1)
        models, versions, times = (waiting.of(name, numbers) for name in ("model", "version", "time"))
        expired = np.zeros(len(numbers), dtype=bool)
        for log in rows.logs:
            newest, _ = log.rows.index.find(hashes)
            for older in log.rows.index.chain(newest):
                there = np.flatnonzero(older != NONE)
                groups = log.rows.of("group", older[there])
                ages = times[there] - log.rows.of("time", older[there])
                horizons = self._groups.horizon[self._groups.model(groups)]
                means = labelling.means(models[there], versions[there], groups)
                expired[there] |= means & (horizons < ages) & (ages <= 2 * horizons)
        return expired

    def _evict_rows(self, rows: PendingRows) -> None:
        """Drop the oldest rows where there are too many: of the log that has most of them."""
        over = len(rows) - self._spec.limits.max_pending
        if over <= 0:
            return
        log = max(rows.logs, key=lambda one: len(one.rows))
        first = log.rows.columns.first
        log.rows.drop(first + over)
        numbers = np.arange(first, log.rows.columns.first, dtype=np.int64)
        groups, times = log.rows.of("group", numbers), log.rows.of("time", numbers)
        unlabelled = (log.rows.of("flags", numbers) & LABELLED) == 0
        models = self._groups.model(groups)
        for code in np.unique(models).tolist():
            name = self._groups.models[code]
            model = self._spec.models[name]
            complete = self._clock.complete(model, self._spec)
            mine = (models == code) & unlabelled
            if complete is not None:  # what is older had no label to come any more
                mine &= times >= complete - model.label_horizon
            if mine.any():
                self._accounting.note("predictions", "forgotten", int(mine.sum()))
                self._incomplete.labels_lost(name, model, int(times[mine].max()))
            self._note_repeatable(log, numbers[models == code], name, model)
            if self._spec.archive is not None:
                self._note_unarchived(log, numbers[models == code], name, model)
        log.labels.drop()

    def _note_unarchived(self, pending: PendingLog, numbers: Numbers, name: str, model: ModelSpec) -> None:
        """Count evicted rows whose cohort is open: it goes into the archive without them."""
        times = pending.rows.of("time", numbers)
        missing = (pending.rows.of("flags", numbers) & COHORT) != 0
        complete = self._clock.complete(model, self._spec)
        if complete is not None:
            missing &= times - times % model.pane + model.pane + model.maturity > complete
        if missing.any():
            self._accounting.note("predictions", "unarchived", int(missing.sum()))
            logger.warning(
                "%s: %d predictions were evicted before their cohort was archived, and are missing in the archive: "
                "raise limits.max_pending",
                name,
                int(missing.sum()),
            )

    def _note_repeatable(self, log: PendingLog, numbers: Numbers, name: str, model: ModelSpec) -> None:
        """Mark the panes of evicted rows whose events would be on time again: nobody would know them for duplicates."""
        times, traffic = log.rows.of("time", numbers), (log.rows.of("flags", numbers) & TRAFFIC) != 0
        predictions = self._clock.watermark("predictions", model.lateness)
        if predictions is not None and (again := traffic & (times >= predictions)).any():
            self._incomplete.predictions_lost(name, model, int(times[again].max()))
        feedback = self._clock.watermark("feedback", self._spec.feedback_lateness)
        if feedback is None or traffic.all():
            return
        own = ~traffic & (times >= feedback - model.label_horizon)
        judged = log.rows.of("judged", numbers[own])
        said = [label.time for _, label, _ in log.labels.read(np.sort(judged[judged != NOT_JUDGED]))]
        if (judged == NOT_JUDGED).any() or max(said, default=feedback - 1) >= feedback:
            self._incomplete.labels_lost(name, model, int(times[own].max()))

    def _evict_feedback(self, waiting: FeedbackLog) -> None:
        """Drop the oldest waiting feedback where there is too much."""
        columns = waiting.columns
        over = len(columns) - self._spec.limits.max_pending
        if over <= 0:
            return
        numbers = np.arange(columns.first, columns.first + over, dtype=np.int64)
        lost = numbers[waiting.of("settled", numbers) == 0]
        if len(lost):
            self._accounting.settle("feedback", "evicted", len(lost))
            newest = int(waiting.of("time", lost).max())
            for name in self._groups.models:
                self._incomplete.feedback_lost(name, newest)
            waiting.settle(lost)
        waiting.drop(columns.first + over)


def _drop_rows(log: PendingLog, both: Micros) -> None:
    columns = log.rows.columns
    log.rows.drop(columns.first + _leading(columns.live("time") < both - log.lifetime))
    log.labels.drop()


def _leading(mask: Mask) -> int:
    """Return how many entries at the front are true."""
    return len(mask) if mask.all() else int(np.argmin(mask))
