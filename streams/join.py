"""`Join`: predictions and the feedback on them, in whatever interleaving the two logs are read; a chunk at a time.

A feedback event at time f belongs to a prediction at time t of the same id (model and version too, where the feedback
names them) when f - horizon <= t <= f + lateness. Verdicts depend on that predicate and on the order within each log,
never on which topic was read first or on when the store dropped a row.

Events of different ids have nothing to do with each other, so a chunk is taken in rounds: the first event of each id,
then the second, and so on. Nearly always there is one round.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes
from detectors.rows import Rows
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.column_log import Numbers
from streams.event_clock import EventClock
from streams.feedback_columns import NO_MODEL, NO_VERSION, SOURCES, FeedbackColumns
from streams.feedback_log import FeedbackLog
from streams.groups import Groups
from streams.id_index import NONE, Hashes
from streams.incomplete import Incomplete
from streams.pending_log import Accepted, Joined, Outcome, PendingLog, lifetime_of, open_log
from streams.row_log import COHORT, LABELLED, RATED, TRAFFIC, RowLog
from streams.store import Store

MOST_FEEDBACK = 100
"""Events on one id at a time; a producer that sends the same id for ever must not stall everybody."""
MOST_ROWS = 100
"""Predictions of one id at a time, each of another model version or horizon."""

_SELF_CONTAINED = np.array([0, 0x5E1FC0A7A19ED000], dtype=np.uint64)  # a key space of its own
_CORRECTORS = [SOURCES.index("annotator"), SOURCES.index("correction")]
_MOST_KEYS = 100_000

Mask = npt.NDArray[np.bool_]


class _Said(NamedTuple):
    """What feedback events say, by column."""

    times: npt.NDArray[np.int64]
    models: npt.NDArray[np.int32]
    versions: npt.NDArray[np.int64]
    labels: list[str | None]
    labelled: Mask
    """Where there is a label."""
    values: npt.NDArray[np.float64]
    ratings: npt.NDArray[np.float64]
    truths: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]


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
        self._spec = spec
        self._groups = groups
        self._clock = clock
        self._accounting = accounting
        self._incomplete = incomplete
        models = list(spec.models.values())
        self.logs = [
            open_log(store, groups, lifetime, [m for m in models if lifetime_of(m, spec) == lifetime])
            for lifetime in sorted({lifetime_of(model, spec) for model in models})
        ]
        lifetimes = [log.lifetime for log in self.logs]
        self._log_of = np.array([lifetimes.index(lifetime_of(model, spec)) for model in models], dtype=np.int64)
        self._regression = np.array([model.task == "regression" for model in models], dtype=bool)
        self._text = np.array([model.task == "text" for model in models], dtype=bool)
        self._waiting = FeedbackLog(store, groups.models)
        self._keys: dict[str | None, int] = {}

    def predictions(self, rows: Rows) -> list[Outcome]:
        """Take predictions that are on time; the first one of its id in log order wins."""
        outcomes: list[Outcome] = []
        left = np.arange(len(rows), dtype=np.int64)
        newest, slots = np.full(len(rows), NONE, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        while len(left):
            news = []
            for log, mine in self._by_log(rows.groups[left], left):
                newest[mine], slots[mine] = log.rows.index.find(rows.hashes[mine])
                if (newest[mine] != NONE).any():
                    mine = mine[self._twins(log, newest[mine], rows.groups[mine], rows.times[mine]) == NONE]
                news.append(mine)
            left = news[0] if len(news) == 1 else np.sort(np.concatenate(news))
            now = _firsts(rows.hashes[left])
            for log, mine in self._by_log(rows.groups[left[now]], left[now]):
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
        truths = self._truths(events)
        outcomes: list[Outcome] = []
        alone = np.ones(len(events), dtype=bool)
        alone[list(events.inside)] = False
        if events.inside:
            outcomes += self._self_contained(events, truths, np.flatnonzero(~alone))
        left = np.flatnonzero(alone)
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
            for log, older, there in self._rows_of(taken.hashes):
                outcomes += self._offer(log, older, numbers[there])
            left = np.delete(left, now)
        return outcomes

    def sweep(self) -> None:
        """Settle feedback that found nothing, and drop what nothing can refer to any more."""
        predictions = self._clock.watermark("predictions", max(m.lateness for m in self._spec.models.values()))
        if predictions is not None:
            self._drop_feedback(predictions - self._spec.feedback_lateness)
        marks = [self._clock.complete(model, self._spec) for model in self._spec.models.values()]
        both = min((mark for mark in marks if mark is not None), default=None)
        if both is not None:
            for log in self.logs:
                _drop_rows(log, both)
        self._evict_rows()
        self._evict_feedback()

    def save(self) -> None:
        """Write what is new into the store's changes."""
        for log in self.logs:
            log.rows.save()
            log.labels.save()
        self._waiting.save()

    def live_groups(self) -> set[int]:
        """Return the codes of the model versions that pending rows are of."""
        return {
            group for log in self.logs for group in np.flatnonzero(np.bincount(log.rows.columns.live("group"))).tolist()
        }

    def _by_log(self, groups: npt.NDArray[np.int32], at: Numbers) -> Iterator[tuple[PendingLog, Numbers]]:
        """Yield each log and those of the positions `at` whose rows, of these groups, belong there."""
        if len(self.logs) == 1:
            if len(at):
                yield self.logs[0], at
            return
        of = self._log_of[self._groups.model(groups)]
        for number, log in enumerate(self.logs):
            mine = at[of == number]
            if len(mine):
                yield log, mine

    def _rows_of(self, hashes: Hashes) -> Iterator[tuple[PendingLog, Numbers, Numbers]]:
        """Yield rows of ids, and at which positions those stand: of each id in log order, whatever log keeps them."""
        levels = [(log, older) for log in self.logs for older in _chain(log.rows, log.rows.index.find(hashes)[0])]
        if len({log.lifetime for log, _ in levels}) <= 1:
            for log, older in levels:
                there = np.flatnonzero(older != NONE)
                yield log, older[there], there
            return
        offsets = np.full((len(levels), len(hashes)), -1, dtype=np.int64)
        for number, (log, older) in enumerate(levels):
            offsets[number, older != NONE] = log.rows.of("offset", older[older != NONE])
        for turn in np.argsort(offsets, axis=0):
            for number in np.unique(turn).tolist():
                log, older = levels[number]
                there = np.flatnonzero((turn == number) & (older != NONE))
                yield log, older[there], there

    def _twins(
        self, log: PendingLog, newest: Numbers, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]
    ) -> Numbers:
        """Return the accepted row that each prediction repeats, or NONE: an id may be used again after the horizon."""
        horizons = self._groups.horizon[self._groups.model(groups)]
        twins, depths = np.full(len(newest), NONE, dtype=np.int64), np.zeros(len(newest), dtype=np.int64)
        for older in _chain(log.rows, newest):
            there = np.flatnonzero(older != NONE)
            depths[there] += 1
            rows = older[there]
            same = log.rows.of("group", rows) == groups[there]
            same &= np.abs(log.rows.of("time", rows) - times[there]) <= horizons[there]
            found = there[same]
            twins[found] = np.where(twins[found] == NONE, older[found], twins[found])
        many = (twins == NONE) & (depths >= MOST_ROWS)  # as good as the same: no id stands for so many predictions
        twins[many] = newest[many]
        return twins

    def _accept(self, log: PendingLog, rows: Rows, newest: Numbers, slots: Numbers) -> list[Outcome]:
        flags = np.full(len(rows), TRAFFIC | COHORT, dtype=np.uint8)
        numbers = self._append(log, rows, newest, slots, flags)
        outcomes: list[Outcome] = [Accepted(log, numbers, rows.offsets)]
        heads, _ = self._waiting.index.find(rows.hashes)
        if (heads != NONE).any():
            for older in _chain(self._waiting, heads):
                there = older != NONE
                outcomes += self._offer(log, numbers[there], older[there])
        return outcomes

    def _append(
        self, log: PendingLog, rows: Rows, newest: Numbers, slots: Numbers, flags: npt.NDArray[np.uint8]
    ) -> Numbers:
        numbers = log.rows.append(rows, newest, flags)
        log.rows.index.enter(rows.hashes, numbers, newest, slots)
        return numbers

    def _offer(self, log: PendingLog, rows: Numbers, events: Numbers) -> list[Joined]:
        """Join waiting feedback `events` to `rows`, pair by pair, where it belongs there. All rows differ."""
        if not len(rows):
            return []
        waiting = self._waiting
        labels = waiting.labels(events)
        said = _Said(
            waiting.of("time", events),
            waiting.of("model", events),
            waiting.of("version", events),
            labels,
            _labelled(labels),
            waiting.of("value", events),
            waiting.of("rating", events),
            waiting.of("truth", events),
            waiting.of("offset", events),
        )
        fits = self._fits(log.rows.of("group", rows), log.rows.of("time", rows), said)
        joined, news, conflicts = self._judge(log, rows, said, fits)
        fresh = fits & (waiting.of("settled", events) == 0)
        self._note_conflicts(waiting.of("source", events)[conflicts & fresh])
        self._accounting.settle("feedback", "summarised", int((fresh & news).sum()))
        self._accounting.settle("feedback", "duplicate", int((fresh & ~news).sum()))
        if fresh.any():
            waiting.settle(events[fresh])
        return joined

    def _judge(self, log: PendingLog, rows: Numbers, said: "_Said", fits: Mask) -> tuple[list[Joined], Mask, Mask]:
        """Tell `rows` what is said of them where it fits; return of which it was news, and which say otherwise."""
        groups, flags = log.rows.of("group", rows), log.rows.of("flags", rows)
        labelled, was_rated = (flags & LABELLED) != 0, (flags & RATED) != 0
        says, rated = self._says(groups, said), ~np.isnan(said.ratings)
        # A text has one loss: of the first rating or correction.
        open_ = fits & ~(self._text[self._groups.model(groups)] & (labelled | was_rated))
        new_label = open_ & says & ~labelled
        new_rating = open_ & rated & ~was_rated
        conflicts = open_ & says & labelled & (log.rows.of("truth", rows) != said.truths)
        news = new_label | new_rating
        if not news.any():
            return [], news, conflicts
        log.rows.set("truth", rows[new_label], said.truths[new_label])
        kinds = np.where(new_label, LABELLED, 0).astype(np.uint8) | np.where(new_rating, RATED, 0).astype(np.uint8)
        log.rows.set("flags", rows, flags | kinds)
        at = np.flatnonzero(news)
        labels = [
            label if new else None
            for label, new in zip(map(said.labels.__getitem__, at.tolist()), new_label[at].tolist(), strict=True)
        ]
        joined = Joined(
            log,
            rows[at],
            kinds[at],
            said.times[at],
            labels,
            np.where(new_label[at], said.values[at], np.nan),
            np.where(new_rating[at], said.ratings[at], np.nan),
            said.truths[at],
            said.offsets[at],
        )
        return [joined], news, conflicts

    def _fits(self, groups: npt.NDArray[np.int32], row_times: npt.NDArray[np.int64], said: "_Said") -> Mask:
        """Return which pairs of a row and what is said belong together."""
        fits = self._means(said.models, said.versions, groups)
        fits &= said.times - self._groups.horizon[self._groups.model(groups)] <= row_times
        fits &= row_times <= said.times + self._spec.feedback_lateness
        return fits & (self._says(groups, said) | ~np.isnan(said.ratings))

    def _means(
        self, models: npt.NDArray[np.int32], versions: npt.NDArray[np.int64], groups: npt.NDArray[np.int32]
    ) -> Mask:
        """Return which feedback is on the model and version of its row, as far as it names them."""
        means: Mask = (models == NO_MODEL) | (models == self._groups.model(groups))
        means &= (versions == NO_VERSION) | (versions == self._groups.version(groups))
        return means

    def _says(self, groups: npt.NDArray[np.int32], said: "_Said") -> Mask:
        """Return whether it says what the task asks for."""
        return np.where(self._regression[self._groups.model(groups)], ~np.isnan(said.values), said.labelled)

    def _note_conflicts(self, sources: npt.NDArray[np.int8]) -> None:
        if len(sources):
            corrected = int(np.isin(sources, _CORRECTORS).sum())
            self._accounting.note("feedback", "corrected", corrected)
            self._accounting.note("feedback", "conflicting", len(sources) - corrected)

    def _self_contained(
        self, events: FeedbackColumns, truths: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
    ) -> list[Outcome]:
        """Take feedback with its prediction inside, one after the other: the next may repeat the one before."""
        outcomes: list[Outcome] = []
        for position in positions.tolist():
            outcomes += self._one_self_contained(events.take(np.array([position])), truths[[position]])
        return outcomes

    def _one_self_contained(self, event: FeedbackColumns, truths: npt.NDArray[np.int64]) -> list[Outcome]:
        (row,) = event.inside.values()
        row.hashes = row.hashes ^ _SELF_CONTAINED  # the first hash stays: samples go by it
        ((log, _),) = self._by_log(row.groups, np.zeros(1, dtype=np.int64))
        newest, slots = log.rows.index.find(row.hashes)
        numbers = self._twins(log, newest, row.groups, row.times)
        known = numbers[0] != NONE
        groups, times = (log.rows.of(name, numbers) for name in ("group", "time")) if known else (row.groups, row.times)
        said = _Said(
            event.times,
            event.models,
            event.versions,
            event.labels,
            _labelled(event.labels),
            event.values,
            event.ratings,
            truths,
            event.offsets,
        )
        fits = self._fits(groups, times, said)
        if not fits[0]:  # its label came after the horizon: there is nothing to learn from the row
            self._accounting.settle("feedback", "expired", 1)
            return []
        outcomes: list[Outcome] = []
        if not known:
            model = self._groups.model(row.groups)
            due = row.times - row.times % self._groups.pane[model] + self._groups.pane[model]
            in_time = event.times < due + self._groups.maturity[model]  # else it comes after the judgement
            numbers = self._append(log, row, newest, slots, np.where(in_time, COHORT, 0).astype(np.uint8))
            outcomes.append(Accepted(log, numbers, event.offsets))
        joined, news, conflicts = self._judge(log, numbers, said, fits)
        self._note_conflicts(event.sources[conflicts])
        self._accounting.settle("feedback", "summarised" if news[0] else "duplicate", 1)
        return [*outcomes, *joined]

    def _truths(self, events: FeedbackColumns) -> npt.NDArray[np.int64]:
        """Return keys of what feedback says: two are the same when label and number are."""
        new = {label for label in events.labels if label not in self._keys}
        if new:
            if len(self._keys) + len(new) > _MOST_KEYS:
                self._keys.clear()
                new = set(events.labels)
            texts = ["" if label is None else f"={label}" for label in new]
            self._keys.update(zip(new, id_hashes(texts)[:, 0].astype(np.int64).tolist(), strict=True))
        keys = np.fromiter(map(self._keys.__getitem__, events.labels), np.int64, len(events))
        return keys ^ np.where(np.isnan(events.values), np.nan, events.values + 0.0).view(np.int64)

    def _depths(self, newest: Numbers) -> npt.NDArray[np.int64]:
        """Return how many events wait with each id, as far as MOST_FEEDBACK."""
        depths = np.zeros(len(newest), dtype=np.int64)
        there = newest != NONE
        depths[there] = self._waiting.of("depth", newest[there]) + 1
        if (depths < MOST_FEEDBACK).all():
            return depths
        depths[:] = 0
        for older in _chain(self._waiting, newest):
            depths += older != NONE
        return depths

    def _drop_feedback(self, before: Micros) -> None:
        """Settle what waited in vain, and drop the events that no prediction on time can match."""
        columns = self._waiting.columns
        if not len(columns):
            return
        over = columns.live("time") < before
        numbers = np.flatnonzero(over & (columns.live("settled") == 0)) + columns.first
        if len(numbers):
            expired = self._expired(numbers)
            self._accounting.settle("feedback", "expired", int(expired.sum()))
            self._accounting.settle("feedback", "orphaned", int((~expired).sum()))
            self._waiting.settle(numbers)
        self._waiting.drop(columns.first + _leading(over))

    def _evict_rows(self) -> None:
        """Drop the oldest rows where there are too many: of the log that has most of them."""
        over = sum(len(log.rows) for log in self.logs) - self._spec.limits.max_pending
        if over <= 0:
            return
        log = max(self.logs, key=lambda one: len(one.rows))
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
        log.labels.drop()

    def _evict_feedback(self) -> None:
        """Drop the oldest waiting feedback where there is too much."""
        columns = self._waiting.columns
        over = len(columns) - self._spec.limits.max_pending
        if over <= 0:
            return
        numbers = np.arange(columns.first, columns.first + over, dtype=np.int64)
        lost = numbers[self._waiting.of("settled", numbers) == 0]
        if len(lost):
            self._accounting.settle("feedback", "evicted", len(lost))
            newest = int(self._waiting.of("time", lost).max())
            for name in self._groups.models:
                self._incomplete.feedback_lost(name, newest)
            self._waiting.settle(lost)
        self._waiting.drop(columns.first + over)

    def _expired(self, numbers: Numbers) -> Mask:
        """Say which feedback has a prediction that it came too late for."""
        waiting = self._waiting
        hashes = np.stack([waiting.of("first_hash", numbers), waiting.of("second_hash", numbers)], axis=1)
        models, versions, times = (waiting.of(name, numbers) for name in ("model", "version", "time"))
        expired = np.zeros(len(numbers), dtype=bool)
        for log in self.logs:
            heads, _ = log.rows.index.find(hashes)
            for older in _chain(log.rows, heads):
                there = np.flatnonzero(older != NONE)
                groups = log.rows.of("group", older[there])
                ages = times[there] - log.rows.of("time", older[there])
                horizons = self._groups.horizon[self._groups.model(groups)]
                means = self._means(models[there], versions[there], groups)
                expired[there] |= means & (horizons < ages) & (ages <= 2 * horizons)
        return expired


def _labelled(labels: list[str | None]) -> Mask:
    return np.array([label is not None for label in labels], dtype=bool)


def _drop_rows(log: PendingLog, both: Micros) -> None:
    columns = log.rows.columns
    log.rows.drop(columns.first + _leading(columns.live("time") < both - log.lifetime))
    log.labels.drop()


def _leading(mask: Mask) -> int:
    """Return how many entries at the front are true."""
    return len(mask) if mask.all() else int(np.argmin(mask))


def _firsts(hashes: Hashes) -> npt.NDArray[np.int64]:
    """Return the positions of the first event of each id, ascending."""
    ordered = np.sort(hashes[:, 0])
    if not (ordered[1:] == ordered[:-1]).any():
        return np.arange(len(hashes), dtype=np.int64)
    return np.sort(np.unique(hashes[:, 0], return_index=True)[1])


def _chain(log: RowLog | FeedbackLog, newest: Numbers) -> list[Numbers]:
    """Return the entries of each id, oldest first: arrays like `newest`, with NONE where an id has no more."""
    levels = []
    while (newest != NONE).any():
        levels.append(newest)
        there = newest != NONE
        older = np.full(len(newest), NONE, dtype=np.int64)
        previous = log.of("previous", newest[there])
        older[there] = np.where(previous >= log.columns.first, previous, NONE)
        newest = older
    return levels[::-1]
