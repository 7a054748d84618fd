"""`merged`: decoded tables as one stream in event-time order, cut into chunks as level 1 takes them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from detectors.rows import Rows
from streams.decode import Refusal
from streams.decoded import Decoded
from streams.groups import Groups
from streams.records import ROLES, RecordBatch, Role
from streams.table_block import Block, joined


@dataclass(frozen=True, slots=True)
class TableChunk:
    """Consecutive events of all tables: what those of each topic decode to, in their order."""

    decoded: dict[Role, Decoded]
    records: dict[Role, RecordBatch]
    """Offsets count up from 0 in each topic. Only refused records have their key and value."""

    @property
    def rows(self) -> int:
        """Events."""
        return sum(map(len, self.records.values()))


def merged(tables: Sequence[tuple[Role, Iterator[Block]]], groups: Groups, size: int) -> Iterator[TableChunk]:
    """Yield the rows of tables, each of which is in time order; at equal times in the order of `tables`.

    Parameters
    ----------
    size
        Events in a chunk at most, though at least one of each table; there may be fewer.
    """
    ahead = [_Ahead(blocks) for _, blocks in tables]
    roles: list[Role] = [role for role, _ in tables]
    cutter = _Cutter(groups)
    while True:
        alive = sum(not source.over for source in ahead)
        times = [source.peek(max(size // max(alive, 1), 1)) for source in ahead]
        if not any(map(len, times)):
            return
        taken, order = _next(times, [source.ended for source in ahead])
        parts: dict[Role, list[Block]] = {role: [] for role in ROLES}
        for source, role, count in zip(ahead, roles, taken, strict=True):
            parts[role] += source.take(count)
        sources = np.repeat(np.arange(len(tables)), taken)
        yield cutter.chunk(parts, {role: _order_of(role, roles, sources, order) for role in ROLES})


def _next(times: list[npt.NDArray[np.int64]], ended: list[bool]) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Return how many rows come next from each table, and their order: positions among the rows taken, by table.

    Known to be next are all rows up to the earliest that is the last one known of a table which has more.
    """
    starts = np.cumsum([0, *map(len, times)])
    everything = np.concatenate(times)
    order = np.argsort(everything, kind="stable")
    lasts = [int(start) - 1 for start, over in zip(starts[1:], ended, strict=True) if not over]
    if lasts:
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        order = order[: int(place[lasts].min()) + 1]
    taken = [int(((order >= a) & (order < b)).sum()) for a, b in pairwise(starts)]
    before = np.cumsum([0, *taken])
    moved = np.repeat(before[:-1] - starts[:-1], [len(some) for some in times])
    return taken, order + moved[order]


def _order_of(
    role: Role, roles: list[Role], sources: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """Return in which order the rows of a role come, as positions among them; None: as they are."""
    if roles.count(role) < 2:
        return None
    mine = np.array([one == role for one in roles], dtype=bool)[sources]
    among = np.cumsum(mine) - 1
    of_role: npt.NDArray[np.int64] = among[order[mine[order]]]
    return of_role


class _Ahead:
    """Blocks of a table, read ahead."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.ended = False
        """Whether all rows of the table are in what was last seen."""
        self.over = False
        """Whether all were taken."""
        self._blocks = blocks
        self._held: deque[Block] = deque()

    def peek(self, count: int) -> npt.NDArray[np.int64]:
        """Return the times of the next `count` rows, or of all that are left."""
        held = sum(map(len, self._held))
        exhausted = False
        while held <= count and not exhausted:
            block = next(self._blocks, None)
            if block is None:
                exhausted = True
            else:
                self._held.append(block)
                held += len(block)
        self.ended, self.over = held <= count, held == 0
        if not self._held:
            return np.zeros(0, dtype=np.int64)
        return np.concatenate([block.order for block in self._held])[:count]

    def take(self, count: int) -> list[Block]:
        """Return the next `count` rows."""
        taken = []
        while count:
            block = self._held.popleft()
            if len(block) > count:
                self._held.appendleft(block.slice(count, len(block)))
                block = block.slice(0, count)
            taken.append(block)
            count -= len(block)
        return taken


class _Cutter:
    """Gives rows their offsets and the codes of their versions."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._offsets: dict[Role, int] = dict.fromkeys(ROLES, 0)

    def chunk(self, parts: dict[Role, list[Block]], orders: dict[Role, npt.NDArray[np.int64] | None]) -> TableChunk:
        """Return a chunk; `orders` says how the rows of each role, one block after the other, are to come."""
        decoded: dict[Role, Decoded] = {}
        records: dict[Role, RecordBatch] = {}
        for role in ROLES:
            if not parts[role]:
                continue
            block = joined(parts[role])
            order = orders[role]
            if order is not None:
                block = block.take(order)
            count = len(block)
            offsets = np.arange(self._offsets[role], self._offsets[role] + count)
            self._offsets[role] += count
            decoded[role] = self._decoded(block, offsets)
            records[role] = _records(block, offsets)
        return TableChunk(decoded, records)

    def _decoded(self, block: Block, offsets: npt.NDArray[np.int64]) -> Decoded:
        events = block.events
        events.offsets = offsets
        positions = np.arange(len(block))
        evicted: list[int] = []
        left_out = np.zeros(len(block), dtype=bool)
        left_out[[place for place, row in block.special.items() if row.outcome is not None]] = True
        if isinstance(events, Rows):
            codes = self._codes(events.groups, block.versions, left_out)
            evicted = np.flatnonzero((codes < 0) & ~left_out).tolist()
            events.groups = codes
        else:
            for place, rows in sorted(events.inside.items()):
                rows.groups = self._codes(rows.groups, block.versions, np.zeros(1, dtype=bool))
                rows.offsets = offsets[place : place + 1]
                if rows.groups[0] < 0:
                    evicted.append(place)
        left_out[evicted] = True
        if left_out.any():
            positions = positions[~left_out]
            events = events.take(positions)
        decoded = Decoded(positions, events, evicted=evicted)
        for place, row in sorted(block.special.items()):
            if isinstance(row.outcome, Refusal):
                decoded.refused.append((place, row.outcome))
            elif row.outcome is not None:
                decoded.watermarks.append((place, row.outcome))
        return decoded

    def _codes(
        self, local: npt.NDArray[np.int32], versions: list[tuple[str, str]], left_out: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int32]:
        """Return the code of each row, asked for in the order in which versions first come; -1: there is none left."""
        present = local[~left_out] if left_out.any() else local
        codes = np.full(max(len(versions), 1), -1, dtype=np.int32)
        seen, first = np.unique(present, return_index=True) if len(versions) > 1 else (present[:1], np.zeros(1, int))
        for version in seen[np.argsort(first)] if len(seen) > 1 else seen:
            code = self._groups.code(*versions[version])
            codes[version] = -1 if code is None else code
        return codes[local]


def _records(block: Block, offsets: npt.NDArray[np.int64]) -> RecordBatch:
    keys: list[bytes | None] = [None] * len(block)
    values: list[bytes | None] = [None] * len(block)
    for place, row in block.special.items():
        keys[place], values[place] = row.key, row.value
    return RecordBatch(offsets, np.full(len(block), -1), keys, values)
