"""`PendingRows`: predictions that wait for feedback, in one log for each time to live, found by their ids.

Nothing in here decides when a row goes: `streams.expiry` does.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from schemas.spec import MonitorSpec
from streams.column_log import Numbers
from streams.groups import Groups
from streams.id_index import NONE, Hashes
from streams.pending_log import PendingLog, lifetime_of, open_logs
from streams.store import Store

MOST_ROWS = 100
"""Predictions of one id at a time, each of another model version or horizon."""


class PendingRows:
    """The logs of one source partition, as they are in the store."""

    def __init__(self, spec: MonitorSpec, groups: Groups, store: Store) -> None:
        self._groups = groups
        self.logs = open_logs(store, groups, spec)
        """By lifetime."""
        lifetimes = [log.lifetime for log in self.logs]
        own = [lifetimes.index(lifetime_of(model, spec)) for model in spec.models.values()]
        self._log_of = np.array(own, dtype=np.int64)

    def __len__(self) -> int:
        return sum(len(log.rows) for log in self.logs)

    def append(
        self, log: PendingLog, rows: Rows, newest: Numbers, slots: Numbers, flags: npt.NDArray[np.uint8]
    ) -> Numbers:
        """Add rows whose ids all differ, and of which the index said `newest` and `slots`; return their numbers."""
        numbers = log.rows.append(rows, newest, flags)
        log.rows.index.enter(rows.hashes, numbers, newest, slots)
        return numbers

    def by_log(self, groups: npt.NDArray[np.int32], at: Numbers) -> Iterator[tuple[PendingLog, Numbers]]:
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

    def of_ids(self, hashes: Hashes) -> Iterator[tuple[PendingLog, Numbers, Numbers]]:
        """Yield rows of ids, and at which positions those stand: of each id in log order, whatever log keeps them."""
        levels = [(log, older) for log in self.logs for older in log.rows.index.chain(log.rows.index.find(hashes)[0])]
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

    def twins(
        self, log: PendingLog, newest: Numbers, groups: npt.NDArray[np.int32], times: npt.NDArray[np.int64]
    ) -> Numbers:
        """Return the accepted row that each prediction repeats, or NONE: an id may be used again after the horizon."""
        horizons = self._groups.horizon[self._groups.model(groups)]
        twins, depths = np.full(len(newest), NONE, dtype=np.int64), np.zeros(len(newest), dtype=np.int64)
        for older in log.rows.index.chain(newest):
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

    def save(self) -> None:
        """Write what is new into the store's changes."""
        for log in self.logs:
            log.rows.save()
            log.labels.save()

    def live_groups(self) -> set[int]:
        """Return the codes of the model versions that rows are of."""
        return {
            group for log in self.logs for group in np.flatnonzero(np.bincount(log.rows.columns.live("group"))).tolist()
        }
