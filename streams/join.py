"""`Join`: predictions and the feedback on them, in whatever interleaving the two logs are read; a chunk at a time.

A feedback event at time f belongs to a prediction at time t of the same id (model and version too, where the feedback
names them) when f - horizon <= t <= f + lateness. Verdicts depend on that predicate and on the order within each log,
never on which topic was read first or on when the store dropped a row.

Events of different ids have nothing to do with each other, so a chunk is taken in rounds: the first event of each id,
then the second, and so on. Nearly always there is one round.
"""

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.column_log import Numbers
from streams.event_clock import EventClock
from streams.expiry import Expiry
from streams.feedback_columns import FeedbackColumns
from streams.feedback_log import FeedbackLog
from streams.groups import Groups
from streams.id_index import NONE, Hashes
from streams.incomplete import Incomplete
from streams.labelling import Labelling, said_by_waiting
from streams.pending_log import Accepted, Joined, Outcome, PendingLog
from streams.pending_rows import PendingRows
from streams.row_log import COHORT, TRAFFIC
from streams.self_contained import SelfContained
from streams.store import Store

MOST_FEEDBACK = 100
"""Events on one id at a time; a producer that sends the same id for ever must not stall everybody."""


class Join:
    """The join of one source partition. What it returns is to be summarised, in the order in which it is returned."""

    def __init__(
        self,
        spec: MonitorSpec,
        groups: Groups,
        store: Store,
        clock: EventClock,
        accounting: Accounting,
        incomplete: Incomplete,
    ) -> None:
        self._accounting = accounting
        self._rows = PendingRows(spec, groups, store)
        self._waiting = FeedbackLog(store, groups.models)
        self._labelling = Labelling(spec, groups, accounting)
        self._self_contained = SelfContained(groups, self._rows, self._labelling, accounting)
        self._expiry = Expiry(spec, groups, clock, accounting, incomplete)

    @property
    def logs(self) -> list[PendingLog]:
        """The pending rows, with the labels that met them."""
        return self._rows.logs

    def predictions(self, rows: Rows) -> list[Outcome]:
        """Take predictions that are on time; the first one of its id in log order wins."""
        outcomes: list[Outcome] = []
        left = np.arange(len(rows), dtype=np.int64)
        newest, slots = np.full(len(rows), NONE, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        while len(left):
            news = []
            for log, mine in self._rows.by_log(rows.groups[left], left):
                newest[mine], slots[mine] = log.rows.index.find(rows.hashes[mine])
                if (newest[mine] != NONE).any():
                    mine = mine[self._rows.twins(log, newest[mine], rows.groups[mine], rows.times[mine]) == NONE]
                news.append(mine)
            left = news[0] if len(news) == 1 else np.sort(np.concatenate(news))
            now = _firsts(rows.hashes[left])
            for log, mine in self._rows.by_log(rows.groups[left[now]], left[now]):
                taken = rows if len(mine) == len(rows) else rows.take(mine)
                outcomes += self._accept(log, taken, newest[mine], slots[mine])
            left = np.delete(left, now)
        # whatever was not accepted was a duplicate
        accepted = sum(len(outcome.numbers) for outcome in outcomes if isinstance(outcome, Accepted))
        self._accounting.settle("predictions", "summarised", accepted)
        self._accounting.settle("predictions", "duplicate", len(rows) - accepted)
        return outcomes

    def feedback(self, events: FeedbackColumns) -> list[Outcome]:
        """Take feedback that is on time; it waits where its prediction has not come yet."""
        truths = self._labelling.truths(events)
        outcomes: list[Outcome] = []
        left = np.arange(len(events), dtype=np.int64)
        if events.inside:
            own = np.array(sorted(events.inside), dtype=np.int64)
            outcomes += self._self_contained.take(events.take(own), truths[own])
            left = np.delete(left, own)
        waiting = self._waiting
        while len(left):
            hashes = events.hashes[left]
            newest, slots = waiting.index.find(hashes)
            if (newest != NONE).any():
                many = self._depths(newest) >= MOST_FEEDBACK
                self._accounting.settle("feedback", "duplicate", int(many.sum()))
                left, hashes, newest, slots = left[~many], hashes[~many], newest[~many], slots[~many]
                if not len(left):
                    break
            now = _firsts(hashes)
            taken = events if len(now) == len(events) else events.take(left[now])
            numbers = waiting.append(taken, truths[left[now]], newest[now])
            waiting.index.enter(taken.hashes, numbers, newest[now], slots[now])
            for log, older, there in self._rows.of_ids(taken.hashes):
                outcomes += self._offer(log, older, numbers[there])
            left = np.delete(left, now)
        return outcomes

    def sweep(self) -> None:
        """Settle feedback that found nothing, and drop what nothing can refer to any more."""
        self._expiry.sweep(self._rows, self._waiting, self._labelling)

    def save(self) -> None:
        """Write what is new into the store's changes."""
        self._rows.save()
        self._waiting.save()

    def live_groups(self) -> set[int]:
        """Return the codes of the model versions that pending rows are of."""
        return self._rows.live_groups()

    def _accept(self, log: PendingLog, rows: Rows, newest: Numbers, slots: Numbers) -> list[Outcome]:
        flags = np.full(len(rows), TRAFFIC | COHORT, dtype=np.uint8)
        numbers = self._rows.append(log, rows, newest, slots, flags)
        outcomes: list[Outcome] = [Accepted(log, numbers, rows.offsets)]
        waiting, _ = self._waiting.index.find(rows.hashes)
        if (waiting != NONE).any():
            for older in self._waiting.index.chain(waiting):
                there = older != NONE
                outcomes += self._offer(log, numbers[there], older[there])
        return outcomes

    def _offer(self, log: PendingLog, rows: Numbers, events: Numbers) -> list[Joined]:
        """Join waiting feedback `events` to `rows`, pair by pair, where it belongs there. All rows differ."""
        if not len(rows):
            return []
        waiting, labelling = self._waiting, self._labelling
        said = said_by_waiting(waiting, events)
        fits = labelling.fits(log.rows.of("group", rows), log.rows.of("time", rows), said)
        joined, news, conflicts = labelling.tell(log, rows, said, fits)
        fresh = fits & (waiting.of("settled", events) == 0)
        labelling.note_conflicts(waiting.of("source", events)[conflicts & fresh])
        self._accounting.settle("feedback", "summarised", int((fresh & news).sum()))
        self._accounting.settle("feedback", "duplicate", int((fresh & ~news).sum()))
        if fresh.any():
            waiting.settle(events[fresh])
        return joined

    def _depths(self, newest: Numbers) -> npt.NDArray[np.int64]:
        """Return how many events wait with each id, as far as MOST_FEEDBACK."""
        depths = np.zeros(len(newest), dtype=np.int64)
        there = newest != NONE
        depths[there] = self._waiting.of("depth", newest[there]) + 1
        if (depths < MOST_FEEDBACK).all():
            return depths
        depths[:] = 0
        for older in self._waiting.index.chain(newest):
            depths += older != NONE
        return depths


def _firsts(hashes: Hashes) -> npt.NDArray[np.int64]:
    """Return the positions of the first event of each id, ascending."""
    ordered = np.sort(hashes[:, 0])
    if not (ordered[1:] == ordered[:-1]).any():
        return np.arange(len(hashes), dtype=np.int64)
    return np.sort(np.unique(hashes[:, 0], return_index=True)[1])
