"""`FeedbackLog`: feedback that predictions yet to come may match, oldest first.

An event waits until event time of the predictions topic is past its own time and the lateness: from then on no
prediction of it can come. Whether it has met a row already is its `settled` flag: each event is accounted for once.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from streams.blocks import Blocks, cuts
from streams.column_log import Column, ColumnLog, Numbers
from streams.feedback_columns import NO_MODEL, FeedbackColumns
from streams.id_index import IdIndex
from streams.packed_columns import empty, packed, unpacked
from streams.store import Store

_KINDS = {
    "first_hash": "<u8",
    "second_hash": "<u8",
    "previous": "<i8",
    "depth": "<i4",
    "time": "<i8",
    "offset": "<i8",
    "source": "i1",
    "model": "<i4",
    "version": "<i8",
    "value": "<f8",
    "rating": "<f8",
    "truth": "<i8",
    "settled": "u1",
}
_GONE = -2  # a model that is gone from the monitor file


class _Block(msgspec.Struct, array_like=True):
    """Consecutive feedback on disk."""

    models: list[str]
    """Names of the models, by the codes in the column."""
    columns: dict[str, bytes]
    labels: list[str | None]
    drawn: dict[int, float] = {}
    """By number, where the event says so: the probability with which its row was drawn for this label."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Block).decode


class FeedbackLog:
    """Waiting feedback by number.

    Parameters
    ----------
    store
        Where the blocks are.
    models
        Names of the models of the monitor file, in the order of their codes.
    """

    def __init__(self, store: Store, models: list[str]) -> None:
        self._blocks = Blocks(store, "feedback")
        self._models = models
        loaded = list(self._blocks.load())
        first = loaded[0][0] if loaded else 0
        self.columns = ColumnLog(empty(_KINDS), first)
        """`previous`: the entry before it with its id; `depth`: how many there were. `truth`: key of what it says."""
        self._labels: list[str | None] = []
        self._labels_first = first
        self._drawn: dict[int, float] = {}
        """Few feedback says so, and each column costs memory."""
        for _, block in loaded:
            self._load(_decode(block))
        self.columns.drop(self._blocks.first)
        self._changed: set[int] = set()
        """First numbers of the blocks to be written again."""
        self._saved = self.columns.end
        self.index = IdIndex(self.columns)
        self.index.rebuild()

    def __len__(self) -> int:
        return len(self.columns)

    def append(self, events: FeedbackColumns, truths: npt.NDArray[np.int64], previous: Numbers) -> Numbers:
        """Add events whose newest entries of the same id are `previous`; return their numbers."""
        there = previous >= self.columns.first
        depths = np.zeros(len(events), dtype=np.int32)
        depths[there] = self.of("depth", previous[there]) + 1
        numbers = self.columns.append(
            len(events),
            {
                "first_hash": events.hashes[:, 0],
                "second_hash": events.hashes[:, 1],
                "previous": previous,
                "depth": depths,
                "time": events.times,
                "offset": events.offsets,
                "source": events.sources,
                "model": events.models,
                "version": events.versions,
                "value": events.values,
                "rating": events.ratings,
                "truth": truths,
            },
        )
        self._labels.extend(events.labels)
        says = ~np.isnan(events.drawn)
        if says.any():
            self._drawn |= zip(numbers[says].tolist(), events.drawn[says].tolist(), strict=True)
        return numbers

    def of(self, name: str, numbers: Numbers) -> Column:
        """Return a column at `numbers`."""
        return self.columns.column(name)[numbers - self.columns.base]

    def labels(self, numbers: Numbers) -> list[str | None]:
        """Return the labels at `numbers`."""
        first, labels = self._labels_first, self._labels
        return [labels[number - first] for number in numbers.tolist()]

    def drawn(self, numbers: Numbers) -> npt.NDArray[np.float64]:
        """Return the probabilities with which rows were drawn for the labels at `numbers`; NaN where none is known."""
        if not self._drawn:
            return np.full(len(numbers), np.nan)
        return np.array([self._drawn.get(number) for number in numbers.tolist()], dtype=np.float64)

    def settle(self, numbers: Numbers) -> None:
        """Note that these events are accounted for."""
        self.columns.column("settled")[numbers - self.columns.base] = 1
        if len(written := numbers[numbers < self._saved]):
            self._changed |= self._blocks.starts_of(written)

    def drop(self, first: int) -> None:
        """Forget the events before `first`, and their blocks."""
        self.columns.drop(first)
        self._blocks.drop(self.columns.first)
        if self.columns.first - self._labels_first > len(self._labels) // 2:
            del self._labels[: self.columns.first - self._labels_first]
            self._labels_first = self.columns.first
            self._drawn = {number: one for number, one in self._drawn.items() if number >= first}

    def save(self) -> None:
        """Write what is new or changed into the store's changes."""
        for start in self._changed:
            end = self._blocks.end_of(start, self._saved)
            if end > self.columns.first:
                self._put(start, end)
        self._changed.clear()
        if self._saved < self.columns.end:
            for begin, end in cuts(self._blocks.unsealed(self._saved), self.columns.end):
                self._put(begin, end)
            self._saved = self.columns.end

    def _put(self, begin: int, end: int) -> None:
        kept = min(max(begin, self._labels_first), end)
        labels = [None] * (kept - begin) + self._labels[kept - self._labels_first : end - self._labels_first]
        columns = packed(self.columns, _KINDS, begin, end)
        drawn = {number: one for number, one in self._drawn.items() if begin <= number < end}
        self._blocks.put(begin, _encode(_Block(self._models, columns, labels, drawn)))

    def _load(self, block: _Block) -> None:
        columns = unpacked(block.columns, _KINDS)
        codes = [self._models.index(name) if name in self._models else _GONE for name in block.models]
        own = np.array([*codes, _GONE, NO_MODEL], dtype=np.int32)  # NO_MODEL is -1, the last; _GONE the one before
        self.columns.append(len(block.labels), {**columns, "model": own[columns["model"]]})
        self._labels.extend(block.labels)
        self._drawn |= block.drawn
