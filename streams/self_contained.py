"""`SelfContained`: feedback with its prediction inside. It needs no other row, and is no traffic.

Its rows have a key space of their own: a prediction that came by itself too, with the same id, is another row.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows, joined_rows
from streams.accounting import Accounting
from streams.column_log import Numbers
from streams.feedback_columns import FeedbackColumns
from streams.groups import Groups
from streams.id_index import NONE, Hashes
from streams.labelling import Labelling, said_by
from streams.pending_log import Accepted, Outcome, PendingLog
from streams.pending_rows import PendingRows
from streams.row_log import COHORT

_KEY_SPACE = np.array([0, 0x5E1FC0A7A19ED000], dtype=np.uint64)  # the first hash stays: samples go by it


class SelfContained:
    """Takes such feedback of one source partition."""

    def __init__(self, groups: Groups, rows: PendingRows, labelling: Labelling, accounting: Accounting) -> None:
        self._groups = groups
        self._rows = rows
        self._labelling = labelling
        self._accounting = accounting

    def take(self, events: FeedbackColumns, truths: npt.NDArray[np.int64]) -> list[Outcome]:
        """Take events that all have a prediction inside, in log order: one may repeat the prediction of another."""
        outcomes: list[Outcome] = []
        rows = joined_rows([events.inside[place] for place in range(len(events))])
        rows.hashes = rows.hashes ^ _KEY_SPACE
        for now in _rounds(rows.hashes):
            for log, mine in self._rows.by_log(rows.groups[now], now):
                whole = len(mine) == len(events)
                parts = (events, rows, truths) if whole else (events.take(mine), rows.take(mine), truths[mine])
                outcomes += self._round(log, *parts)
        return outcomes

    def _round(
        self, log: PendingLog, events: FeedbackColumns, rows: Rows, truths: npt.NDArray[np.int64]
    ) -> list[Outcome]:
        """Take events on different ids, whose rows belong into one log."""
        newest, slots = log.rows.index.find(rows.hashes)
        numbers = self._rows.twins(log, newest, rows.groups, rows.times)
        known = numbers != NONE
        groups, times = rows.groups.copy(), rows.times.copy()
        groups[known], times[known] = (log.rows.of(name, numbers[known]) for name in ("group", "time"))
        said = said_by(events, truths)
        fits = self._labelling.fits(groups, times, said)
        # Where the label came after the horizon, there is nothing to learn from the row.
        self._accounting.settle("feedback", "expired", int((~fits).sum()))
        outcomes: list[Outcome] = []
        new = np.flatnonzero(fits & ~known)
        if len(new):
            numbers[new] = self._accept(log, rows.take(new), newest[new], slots[new], events.times[new])
            outcomes.append(Accepted(log, numbers[new], events.offsets[new]))
        told = np.flatnonzero(fits)
        if not len(told):
            return outcomes
        if len(told) < len(events):
            events = events.take(told)
            said = said_by(events, truths[told])
        joined, news, conflicts = self._labelling.tell(log, numbers[told], said, np.ones(len(told), dtype=bool))
        self._labelling.note_conflicts(events.sources[conflicts])
        self._accounting.settle("feedback", "summarised", int(news.sum()))
        self._accounting.settle("feedback", "duplicate", int((~news).sum()))
        return [*outcomes, *joined]

    def _accept(
        self, log: PendingLog, rows: Rows, newest: Numbers, slots: Numbers, said_at: npt.NDArray[np.int64]
    ) -> Numbers:
        model = self._groups.model(rows.groups)
        due = rows.times - rows.times % self._groups.pane[model] + self._groups.pane[model]
        in_time = said_at < due + self._groups.maturity[model]  # else it comes after the judgement
        return self._rows.append(log, rows, newest, slots, np.where(in_time, COHORT, 0).astype(np.uint8))


def _rounds(hashes: Hashes) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the positions of the first event of each id, then of the second, and so on; ascending."""
    order = np.argsort(hashes[:, 0], kind="stable")
    ordered = hashes[order, 0]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    if len(begins) == len(order):
        yield np.arange(len(order), dtype=np.int64)
        return
    turns = np.empty(len(order), dtype=np.int64)
    turns[order] = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    by_turn = np.argsort(turns, kind="stable")
    yield from np.split(by_turn, np.cumsum(np.bincount(turns))[:-1])
