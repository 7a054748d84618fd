"""`RowLog`: the predictions that feedback may still refer to, oldest first; all of models with one time to live.

What the join asks of a row lies in memory, by column; the row itself is in the store and read only for a sample. Rows
are dropped from the front, when event time is past their time to live or there are too many. When that happens decides
nothing: verdicts depend on times, never on whether a row is still there.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.row_shape import OUTPUT, pack_tail, unpack_tail
from detectors.rows import Floats, Rows
from schemas.event_time import Micros
from schemas.prediction import FeatureValue
from streams.blocks import SEALED, Blocks, cuts
from streams.column_log import Column, ColumnLog, Numbers
from streams.groups import Groups
from streams.id_index import IdIndex
from streams.narrow import narrow, widen
from streams.open_numbers import OpenNumbers
from streams.row_block import (
    OpenedBlock,
    RowBlock,
    decode_block,
    encode_block,
    number_ends,
)
from streams.store import Store

LABELLED, RATED, TRAFFIC, COHORT, UNEXPECTED, CORRECTED, USER, CHOSEN = (1 << bit for bit in range(8))
"""Flags. Labelled, rated and corrected: feedback has said so. User: of a label, that a user says it, or a correction.
Chosen: of what was said, that curation asked for it, not by chance. Traffic and cohort: in the panes of that family."""

REPEATED = UNEXPECTED
"""Of what was said, which has no use for that flag: it is on a row that was chosen, and came by itself all the same."""

NOT_JUDGED = -1

GONE: Micros = -(2**62)
"""Time of a row whose model is gone from the monitor file: before all feedback, and dropped before all others."""


class Payload(NamedTuple):
    """What only counting and samples need of rows, by position; kept in memory until its block is sealed."""

    ids: list[str]
    values: list[tuple[FeatureValue, ...]]
    said: list[str | None]


class Stored(NamedTuple):
    """What a sample holds of rows, by position: as it lies on disk."""

    numbers: list[bytes]
    tails: list[bytes]


class RowLog:
    """Rows by number.

    Parameters
    ----------
    store, lifetime
        Where the blocks are, and which log of the store this is: that of the models whose rows live so long.
    groups
        Codes of the model versions.
    segments
        The most segments that a model of this log has: columns of `cells`.
    """

    def __init__(self, store: Store, lifetime: Micros, groups: Groups, segments: int) -> None:
        self._groups = groups
        self._blocks = Blocks(store, "rows", lifetime)
        self._ids: list[str] = []
        self._values: list[tuple[FeatureValue, ...]] = []
        self._said: list[str | None] = []
        self._numbers = OpenNumbers()
        like: dict[str, Column] = {
            "first_hash": np.zeros(0, np.uint64),
            "second_hash": np.zeros(0, np.uint64),
            "previous": np.zeros(0, np.int64),
            "time": np.zeros(0, np.int64),
            "offset": np.zeros(0, np.int64),
            "group": np.zeros(0, np.int32),
            "flags": np.zeros(0, np.uint8),
            "truth": np.zeros(0, np.int64),
            "judged": np.zeros(0, np.int64),
            "said": np.zeros(0, np.int64),
            "code": np.zeros(0, np.int32),
            "output": np.zeros(0, np.float64),
            "cells": np.zeros((0, segments), np.int32),
        }
        loaded = list(self._blocks.load())
        first = loaded[0][0] if loaded else 0
        self.columns = ColumnLog(like, first)
        """`previous`: the entry before it with its id. `truth`: key of what it was labelled with. `judged`: the label
        with its loss, in the `LabelLog`. `said`, `code`, `output`, `cells`: of the prediction, once it is counted."""
        for _, block in loaded:
            self._load(decode_block(block))
        self.columns.drop(self._blocks.first)
        self._saved = self._payload_first = self.columns.end
        if loaded:
            self._reopen(*loaded[-1])
        self.index = IdIndex(self.columns)
        self.index.rebuild()

    def __len__(self) -> int:
        return len(self.columns)

    def append(self, rows: Rows, previous: Numbers, flags: npt.NDArray[np.uint8]) -> Numbers:
        """Add rows whose newest entries of the same id are `previous`; return their numbers."""
        numbers = self.columns.append(
            len(rows),
            {
                "first_hash": rows.hashes[:, 0],
                "second_hash": rows.hashes[:, 1],
                "previous": previous,
                "time": rows.times,
                "offset": rows.offsets,
                "group": rows.groups,
                "flags": flags | np.where(rows.unexpected, UNEXPECTED, 0).astype(np.uint8),
                "judged": NOT_JUDGED,
            },
        )
        self._ids.extend(rows.ids)
        self._values.extend(rows.values)
        self._said.extend(rows.said)
        self._numbers.append(rows.numbers, self._widths(rows.groups))
        return numbers

    def of(self, name: str, numbers: Numbers) -> Column:
        """Return a column at `numbers`."""
        return self.columns.column(name)[numbers - self.columns.base]

    def set(self, name: str, numbers: Numbers, values: Any) -> None:
        """Change a column at `numbers`."""
        self.columns.column(name)[numbers - self.columns.base] = values

    def drop(self, first: int) -> None:
        """Forget the rows before `first`, and their blocks; those of the newest block stay until it is sealed."""
        self.columns.drop(min(first, self._payload_first))
        self._blocks.drop(self.columns.first)

    def save(self) -> None:
        """Write the rows that are new into the store's changes. All must have been counted."""
        end = self.columns.end
        if self._saved == end:
            return
        open_first = self._payload_first
        for begin, stop in cuts(open_first, end):
            self._blocks.put(begin, encode_block(self._pack(begin, stop)))
            if stop - begin >= SEALED:
                open_first = stop
        if sealed := open_first - self._payload_first:
            self._numbers.drop(sealed)
            for column in (self._ids, self._values, self._said):
                del column[:sealed]
        self._payload_first, self._saved = open_first, end

    def stored(self, numbers: Numbers) -> Stored:
        """Return rows as they are stored; their numbers ascend."""
        found = Stored([], [])
        sealed = int(np.searchsorted(numbers, self._payload_first))
        start = 0
        while start < sealed:
            opened = OpenedBlock(*self._blocks.find(int(numbers[start])))
            stop = int(np.searchsorted(numbers[:sealed], opened.end))
            at = numbers[start:stop] - opened.first
            found.numbers.extend(opened.numbers(at))
            found.tails.extend(opened.tails(at))
            start = stop
        if sealed < len(numbers):
            at = numbers[sealed:] - self._payload_first
            found.numbers.extend(self._numbers.each(at))
            found.tails.extend(pack_tail((self._ids[i], self._said[i], self._values[i])) for i in at.tolist())
        return found

    def payload(self, first: int) -> Payload:
        """Return what only counting and samples need of the rows from `first` on, which must not be sealed."""
        start = first - self._payload_first
        return Payload(self._ids[start:], self._values[start:], self._said[start:])

    def numbers_of(self, rows: Numbers, width: int) -> Floats:
        """Return the numbers of rows that all have so many, none of them sealed. Shape (rows, width)."""
        return self._numbers.alike(rows - self._payload_first, width)

    def _widths(self, groups: npt.NDArray[np.int32]) -> Numbers:
        """Return how many numbers a row of each group has."""
        widths = np.array([shape.width for shape in self._groups.shapes])
        return widths[self._groups.model(groups)]

    def _pack(self, begin: int, end: int) -> RowBlock:
        entries = slice(begin - self.columns.base, end - self.columns.base)
        positions = slice(begin - self._payload_first, end - self._payload_first)

        def packed(name: str) -> bytes:
            return narrow(self.columns.column(name)[entries])

        names, codes = np.unique(self.columns.column("group")[entries], return_inverse=True)
        widths = self._widths(names)
        hashes = np.stack([self.columns.column(name)[entries] for name in ("first_hash", "second_hash")], axis=1)
        tails = list(
            map(pack_tail, zip(self._ids[positions], self._said[positions], self._values[positions], strict=True))
        )
        return RowBlock(
            names=[self._groups.names[group] for group in names.tolist()],
            widths=widths.tolist(),
            groups=narrow(codes),
            hashes=memoryview(hashes.astype("<u8", copy=False).tobytes()),
            times=packed("time"),
            offsets=packed("offset"),
            previous=packed("previous"),
            said=packed("said"),
            codes=packed("code"),
            flags=narrow(self.columns.column("flags")[entries] & (TRAFFIC | COHORT | UNEXPECTED)),
            segments=self.columns.column("cells").shape[1],
            cells=packed("cells"),
            numbers=memoryview(self._numbers.packed(positions.start, positions.stop)),
            tails=b"".join(tails),
            ends=narrow(np.cumsum(list(map(len, tails)))),
        )

    def _load(self, block: RowBlock) -> None:
        restored = [self._groups.restore(*name) for name in block.names]
        hashes = np.frombuffer(block.hashes, "<u8").reshape(-1, 2)
        count = len(hashes)
        codes = widen(block.groups, count)
        own = np.array([code or 0 for code in restored], dtype=np.int32)[codes]
        gone = np.array([code is None for code in restored], dtype=bool)[codes]
        saved = widen(block.cells, count * block.segments).reshape(count, block.segments)
        cells = np.zeros((count, self.columns.column("cells").shape[1]), dtype=np.int32)
        common = min(saved.shape[1], cells.shape[1])  # models with more segments may have come or gone
        cells[:, :common] = saved[:, :common]
        self.columns.append(
            count,
            {
                "first_hash": hashes[:, 0],
                "second_hash": hashes[:, 1],
                "offset": widen(block.offsets, count),
                "previous": widen(block.previous, count),
                "time": np.where(gone, GONE, widen(block.times, count)),  # it fits nothing, is in no pane
                "group": own,
                "flags": np.where(gone, 0, widen(block.flags, count)),
                "judged": NOT_JUDGED,
                "said": widen(block.said, count),
                "code": widen(block.codes, count),
                "output": np.frombuffer(block.numbers, "<f8")[number_ends(block) + OUTPUT],
                "cells": cells,
            },
        )

    def _reopen(self, first: int, packed: bytes) -> None:
        """Take the newest block back into memory if it is not sealed yet."""
        opened = OpenedBlock(first, packed)
        if opened.end - first >= SEALED or first < self.columns.first:
            return
        if (self.columns.live("time")[first - self.columns.first :] == GONE).any():
            return  # a block is packed by the shapes of the models that are in the monitor file
        every = np.arange(opened.end - first)
        for id, said, values in map(unpack_tail, opened.tails(every)):
            self._ids.append(id)
            self._said.append(said)
            self._values.append(values)
        numbers = np.frombuffer(b"".join(opened.numbers(every)), "<f8")
        self._numbers.append(numbers, self._widths(self.columns.live("group")[first - self.columns.first :]))
        self._payload_first = first
