"""`RowLog`: the predictions that feedback may still refer to, oldest first; all of models with one time to live.

What the join asks of a row lies in memory, by column; the row itself is in the store and read only for a sample. Rows
are dropped from the front, when event time is past their time to live or there are too many. When that happens decides
nothing: verdicts depend on times, never on whether a row is still there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.row import Row
from detectors.row_shape import OUTPUT, RowShape
from detectors.rows import NARROWEST, Floats, Rows, stacked
from schemas.event_time import Micros
from schemas.prediction import FeatureValue
from streams.blocks import SEALED, Blocks, cuts
from streams.column_log import Column, ColumnLog, Numbers
from streams.groups import Groups
from streams.id_index import IdIndex
from streams.narrow import narrow, widen
from streams.store import Store

LABELLED, RATED, TRAFFIC, COHORT, UNEXPECTED = (1 << bit for bit in range(5))
"""Flags. Labelled and rated: feedback has said so. Traffic and cohort: in the panes of that family."""

NOT_JUDGED = -1

GONE: Micros = -(2**62)
"""Time of a row whose model is gone from the monitor file: before all feedback, and dropped before all others."""


class _Block(msgspec.Struct, array_like=True):
    """Consecutive rows on disk. Whole numbers are `narrow`, `hashes` and `numbers` are little-endian."""

    names: list[tuple[str, str]]
    """Model and version, by the block's own codes in `groups`."""
    widths: list[int]
    """Numbers of a row, by the same codes."""
    groups: bytes
    hashes: bytes
    times: bytes
    offsets: bytes
    previous: bytes
    said: bytes
    codes: bytes
    flags: bytes
    segments: int
    """Columns of `cells`."""
    cells: bytes
    numbers: bytes
    tails: bytes
    ends: bytes
    """Where each row's tail ends: its id, what it said, and its features that are no numbers."""


class Payload(NamedTuple):
    """What only counting and samples need of rows, by position; kept in memory until its block is sealed."""

    ids: list[str]
    values: list[tuple[FeatureValue, ...]]
    said: list[str | None]
    numbers: Floats
    """As in `Rows`."""


_HASHES = 16  # bytes of a row's

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Block).decode
_tail = msgspec.msgpack.Decoder(tuple[str, str | None, tuple[FeatureValue, ...]]).decode


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
        self._numbers: list[Floats] = []
        """Of the rows that are not sealed, a chunk after the other."""
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
            self._load(_decode(block))
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
        self._numbers.append(rows.numbers)
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
            self._blocks.put(begin, _encode(self._pack(begin, stop)))
            if stop - begin >= SEALED:
                open_first = stop
        if sealed := open_first - self._payload_first:
            self._numbers = [self._unsealed_numbers()[sealed:].copy()]
            for column in (self._ids, self._values, self._said):
                del column[:sealed]
        self._payload_first, self._saved = open_first, end

    def rows(self, numbers: Numbers) -> Iterator[Row]:
        """Yield rows; the numbers ascend."""
        sealed = int(np.searchsorted(numbers, self._payload_first))
        start = 0
        while start < sealed:
            opened = _Opened(*self._blocks.find(int(numbers[start])), self._groups)
            stop = int(np.searchsorted(numbers[:sealed], opened.end))
            yield from opened.rows(numbers[start:stop])
            start = stop
        yield from map(self._unsealed, numbers[sealed:].tolist())

    def _unsealed(self, number: int) -> Row:
        position, entry = number - self._payload_first, number - self.columns.base
        shape = self._shape(int(self.columns.column("group")[entry]))
        return shape.row(
            self._ids[position],
            int(self.columns.column("time")[entry]),
            self._unsealed_numbers()[position, -shape.width :].tolist(),
            self._values[position],
            self._said[position],
            bool(self.columns.column("flags")[entry] & UNEXPECTED),
        )

    def payload(self, first: int) -> Payload:
        """Return what only counting and samples need of the rows from `first` on, which must not be sealed."""
        start = first - self._payload_first
        return Payload(self._ids[start:], self._values[start:], self._said[start:], self._unsealed_numbers()[start:])

    def _unsealed_numbers(self) -> Floats:
        if len(self._numbers) != 1:
            self._numbers = [stacked(self._numbers or [np.empty((0, NARROWEST))])]
        return self._numbers[0]

    def _shape(self, group: int) -> RowShape:
        return self._groups.shapes[self._groups.model_codes[self._groups.names[group][0]]]

    def _pack(self, begin: int, end: int) -> _Block:
        entries = slice(begin - self.columns.base, end - self.columns.base)
        positions = slice(begin - self._payload_first, end - self._payload_first)

        def packed(name: str) -> bytes:
            return narrow(self.columns.column(name)[entries])

        names, codes = np.unique(self.columns.column("group")[entries], return_inverse=True)
        widths = np.array([self._shape(group).width for group in names.tolist()])
        hashes = np.stack([self.columns.column(name)[entries] for name in ("first_hash", "second_hash")], axis=1)
        tails = list(
            map(_encode, zip(self._ids[positions], self._said[positions], self._values[positions], strict=True))
        )
        return _Block(
            names=[self._groups.names[group] for group in names.tolist()],
            widths=widths.tolist(),
            groups=narrow(codes),
            hashes=hashes.astype("<u8", copy=False).tobytes(),
            times=packed("time"),
            offsets=packed("offset"),
            previous=packed("previous"),
            said=packed("said"),
            codes=packed("code"),
            flags=narrow(self.columns.column("flags")[entries] & (TRAFFIC | COHORT | UNEXPECTED)),
            segments=self.columns.column("cells").shape[1],
            cells=packed("cells"),
            numbers=_flat(self._unsealed_numbers()[positions], widths[codes]).astype("<f8", copy=False).tobytes(),
            tails=b"".join(tails),
            ends=narrow(np.cumsum(list(map(len, tails)))),
        )

    def _load(self, block: _Block) -> None:
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
                "output": np.frombuffer(block.numbers, "<f8")[_number_ends(block) + OUTPUT],
                "cells": cells,
            },
        )

    def _reopen(self, first: int, packed: bytes) -> None:
        """Take the newest block back into memory if it is not sealed yet."""
        opened = _Opened(first, packed, self._groups)
        if opened.end - first >= SEALED or first < self.columns.first:
            return
        if (self.columns.live("time")[first - self.columns.first :] == GONE).any():
            return  # a block is packed by the shapes of the models that are in the monitor file
        for number in range(first, opened.end):
            id, said, values = opened.tail(number)
            self._ids.append(id)
            self._said.append(said)
            self._values.append(values)
            self._numbers.append(np.array([opened.numbers(number)]))
        self._payload_first = first


class _Opened:
    """A block, decoded so that single rows can be read."""

    def __init__(self, first: int, packed: bytes, groups: Groups) -> None:
        self._block = _decode(packed)
        self._groups = groups
        self.first = first
        count = len(self._block.hashes) // _HASHES
        self._codes = widen(self._block.groups, count)
        self.end = first + len(self._codes)
        self._number_ends = 8 * _number_ends(self._block)
        self._tail_ends = widen(self._block.ends, count)
        self._times = widen(self._block.times, count)
        self._flags = widen(self._block.flags, count)

    def numbers(self, number: int) -> Floats:
        """Return the numbers of a row."""
        position = number - self.first
        begin = int(self._number_ends[position - 1]) if position else 0
        return np.frombuffer(self._block.numbers[begin : int(self._number_ends[position])], "<f8")

    def tail(self, number: int) -> tuple[str, str | None, tuple[FeatureValue, ...]]:
        """Return the id of a row, what it said, and its features that are no numbers."""
        position = number - self.first
        begin = int(self._tail_ends[position - 1]) if position else 0
        return _tail(self._block.tails[begin : int(self._tail_ends[position])])

    def rows(self, numbers: Numbers) -> Iterator[Row]:
        """Yield rows."""
        at = numbers - self.first
        tails, packed = self._block.tails, self._block.numbers
        # Rows of a model that is gone from the monitor file are not asked for.
        shapes = [self._groups.shapes[self._groups.model_codes.get(model, 0)] for model, _ in self._block.names]
        about = (
            _begins(self._tail_ends, at),
            self._tail_ends[at].tolist(),
            _begins(self._number_ends, at),
            self._number_ends[at].tolist(),
            self._codes[at].tolist(),
            self._times[at].tolist(),
            ((self._flags[at] & UNEXPECTED) != 0).tolist(),
        )
        for tail, tail_end, begin, end, code, time, unexpected in zip(*about, strict=True):
            id, said, values = _tail(tails[tail:tail_end])
            yield shapes[code].row(id, time, shapes[code].unpack(packed[begin:end]), values, said, unexpected)


def _number_ends(block: _Block) -> Numbers:
    """Return where the numbers of each row end."""
    ends: Numbers = np.cumsum(np.array(block.widths)[widen(block.groups, len(block.hashes) // _HASHES)])
    return ends


def _flat(numbers: Floats, widths: Numbers) -> Floats:
    """Return the numbers of rows, of which the last `widths` count, one row after the other."""
    widest = numbers.shape[1]
    if (widths == widest).all():
        return numbers
    flat: Floats = numbers[np.arange(widest) >= widest - widths[:, np.newaxis]]
    return flat


def _begins(ends: Numbers, at: Numbers) -> list[int]:
    """Return where the entries at the positions `at` begin, which is where those before them end."""
    begins: list[int] = np.where(at > 0, ends[at - 1], 0).tolist()
    return begins
