"""`PendingLog`: rows that wait for feedback, with the labels that met them; and what the join tells of both."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.event_time import Micros
from schemas.spec import ModelSpec, MonitorSpec
from streams.blocks import keep_logs
from streams.column_log import Numbers
from streams.groups import Groups
from streams.label_log import LabelLog
from streams.row_log import RowLog
from streams.store import Store


class PendingLog(NamedTuple):
    """Pending predictions of the models with one time to live, and their labels."""

    lifetime: Micros
    rows: RowLog
    labels: LabelLog


class Accepted(NamedTuple):
    """Predictions that are no duplicates: the newest rows of their log."""

    log: PendingLog
    numbers: Numbers
    offsets: npt.NDArray[np.int64]
    """Of the events: predictions, or feedback with its prediction inside."""


class Joined(NamedTuple):
    """Labels that met their predictions."""

    log: PendingLog
    numbers: Numbers
    """Of the rows."""
    kinds: npt.NDArray[np.uint8]
    """LABELLED, RATED, CORRECTED: what is new about the row; USER where a user says the label; CHOSEN; or REPEATED."""
    times: npt.NDArray[np.int64]
    labels: list[str | None]
    """The first label of the row, or, corrected alone, what should have been said instead of that."""
    values: npt.NDArray[np.float64]
    ratings: npt.NDArray[np.float64]
    truths: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    """Of the feedback events."""
    drawn: npt.NDArray[np.float64]
    """Probability with which the row was drawn at random for this label; NaN: none."""

    def take(self, at: Numbers) -> "Joined":
        """Return the labels at these positions."""
        columns = {name: getattr(self, name)[at] for name in self._fields if name not in ("log", "labels")}
        return Joined(self.log, labels=[self.labels[place] for place in at.tolist()], **columns)


Outcome = Accepted | Joined


def open_logs(store: Store, groups: Groups, spec: MonitorSpec) -> list[PendingLog]:
    """Return the logs of the models of the monitor file, by lifetime, as they are in the store.

    A log whose models are all gone from the monitor file leaves the store with the next transaction: nobody would ever
    drop its rows.
    """
    models = list(spec.models.values())
    lifetimes = sorted({lifetime_of(model, spec) for model in models})
    for table in ("rows", "labels"):
        keep_logs(store, table, lifetimes)
    return [
        _open_log(store, groups, lifetime, [model for model in models if lifetime_of(model, spec) == lifetime])
        for lifetime in lifetimes
    ]


def _open_log(store: Store, groups: Groups, lifetime: Micros, models: list[ModelSpec]) -> PendingLog:
    rows = RowLog(store, lifetime, groups, max(len(model.segments) for model in models))
    return PendingLog(lifetime, rows, LabelLog(store, lifetime, rows))


def lifetime_of(model: ModelSpec, spec: MonitorSpec) -> Micros:
    """Return how long after its time a row may still be asked for."""
    # One horizon for labels and duplicates, one more to tell expired feedback from orphaned, which is done when no
    # prediction of that feedback's can come any more; and until the panes are closed that its labels are in.
    return model.label_horizon + max(model.label_horizon, model.pane) + spec.feedback_lateness
