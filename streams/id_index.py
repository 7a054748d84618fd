"""`IdIndex`: which entry of a log is the newest with an id. Open addressing with numpy, a whole chunk at a time.

A slot holds the number of an entry, four bytes; the hashes to compare stand in the log itself. A slot whose entry was
dropped from the log counts as taken for a search and as free for an insertion, so that dropping costs nothing.
"""

import numpy as np
import numpy.typing as npt

from streams.column_log import ColumnLog, Numbers

Hashes = npt.NDArray[np.uint64]

NONE = -1
_SMALLEST = 4_096
_FULL = 0.6  # probes get long beyond
_FARTHEST = 2**31 - 1


class IdIndex:
    """Index of a log with the columns `first_hash`, `second_hash` and `previous` (the entry before it with its id)."""

    def __init__(self, log: ColumnLog) -> None:
        self._log = log
        self._slots = np.full(_SMALLEST, NONE, dtype=np.int32)
        self._origin = log.first
        """What the slots count from, so that four bytes are enough."""
        self._used = 0

    def find(self, hashes: Hashes) -> tuple[Numbers, Numbers]:
        """Return for each id the number of its newest live entry, or NONE, and the slot that holds it.

        The slots are good until the next `insert`.
        """
        log = self._log
        firsts, seconds = log.column("first_hash"), log.column("second_hash")
        wanted_first, wanted_second = hashes[:, 0], hashes[:, 1]
        found = np.full(len(hashes), NONE, dtype=np.int64)
        slots = self._home(wanted_first)
        looking = np.flatnonzero(self._slots[slots] != NONE)  # an id that is new mostly finds an empty slot
        while len(looking):
            at = slots[looking]
            held = self._slots[at]
            numbers = held.astype(np.int64) + self._origin
            live = (held != NONE) & (numbers >= log.first)
            entries = np.where(live, numbers - log.base, 0)
            same = live & (firsts[entries] == wanted_first[looking]) & (seconds[entries] == wanted_second[looking])
            found[looking[same]] = numbers[same]
            looking = looking[(held != NONE) & ~same]
            slots[looking] = (slots[looking] + 1) & (len(self._slots) - 1)
        return found, slots

    def chain(self, newest: Numbers) -> list[Numbers]:
        """Return the entries of each id, oldest first: arrays like `newest`, with NONE where an id has no more."""
        log, levels = self._log, []
        while (newest != NONE).any():
            levels.append(newest)
            there = newest != NONE
            older = np.full(len(newest), NONE, dtype=np.int64)
            previous = log.column("previous")[newest[there] - log.base]
            older[there] = np.where(previous >= log.first, previous, NONE)
            newest = older
        return levels[::-1]

    def enter(self, hashes: Hashes, numbers: Numbers, newest: Numbers, slots: Numbers) -> None:
        """Let new entries be the newest of their ids; `newest` and `slots` are what `find` said of them. All differ."""
        fresh = newest == NONE
        if not fresh.all():
            self.replace(slots[~fresh], numbers[~fresh])
        self.insert(hashes[fresh], numbers[fresh])

    def insert(self, hashes: Hashes, numbers: Numbers) -> None:
        """Add entries whose ids are not in the index; all ids differ."""
        if self._used + len(numbers) > _FULL * len(self._slots) or self._log.end - self._origin > _FARTHEST:
            self.rebuild()  # with these among them: they are in the log
            return
        self._place(hashes[:, 0], numbers)

    def replace(self, slots: Numbers, numbers: Numbers) -> None:
        """Let slots that `find` returned hold newer entries of the same ids."""
        self._slots[slots] = numbers - self._origin

    def _home(self, firsts: npt.NDArray[np.uint64]) -> Numbers:
        return (firsts & np.uint64(len(self._slots) - 1)).astype(np.int64)

    def _place(self, firsts: npt.NDArray[np.uint64], numbers: Numbers) -> None:
        self._used += len(numbers)
        slots = self._home(firsts)
        held, dead = (numbers - self._origin).astype(np.int32), self._log.first - self._origin
        waiting = np.arange(len(numbers))
        while len(waiting):
            at = slots[waiting]
            free = self._slots[at] < dead
            self._slots[at[free]] = held[waiting[free]]
            waiting = waiting[self._slots[at] != held[waiting]]  # taken, or lost to another of this batch
            slots[waiting] = (slots[waiting] + 1) & (len(self._slots) - 1)

    def rebuild(self) -> None:
        """Read the log anew."""
        log = self._log
        live = np.arange(log.first, log.end, dtype=np.int64)
        previous = log.live("previous").astype(np.int64)
        newest = np.ones(len(live), dtype=bool)
        newest[previous[previous >= log.first] - log.first] = False
        size = _SMALLEST
        while int(newest.sum()) > _FULL / 2 * size:
            size *= 2
        self._slots = np.full(size, NONE, dtype=np.int32)
        self._origin = log.first
        self._used = 0
        self._place(log.live("first_hash")[newest], live[newest])
