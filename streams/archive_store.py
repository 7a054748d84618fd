"""`StoredRows` and `StoredLabels`: rows and labels read back from the local store to be archived, in another thread."""

import struct
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.row_shape import Tail
from schemas.event_time import Micros
from streams.archive_columns import Known, PackedRows
from streams.archive_panes import RowsOver
from streams.column_log import Numbers
from streams.label_log import Labels, unpack_labels
from streams.row_block import OpenedBlock
from streams.row_log import CORRECTED, LABELLED, RATED, REPEATED, TRAFFIC, USER
from streams.stored_blocks import StoredBlocks

_ARRAY, _ARRAY_OF = struct.Struct(">BI"), 0xDD  # msgpack's head of an array: tails are unpacked all at once
_unpack_tails = msgspec.msgpack.Decoder(list[Tail]).decode


class StoredRows:
    """Rows of one log."""

    def __init__(self, blocks: StoredBlocks) -> None:
        self.blocks = blocks
        self._opened: OpenedBlock | None = None

    def read(self, numbers: Numbers) -> PackedRows:
        """Return rows in the order of `numbers` (at least one), which must be there."""
        order = np.argsort(numbers, kind="stable")
        ascending, start = numbers[order], 0
        times, offsets = np.empty_like(ascending), np.empty_like(ascending)
        alone, packed, tails = np.empty(len(ascending), dtype=bool), list[bytes](), list[bytes]()
        while start < len(ascending):
            block = self._block(int(ascending[start]))
            stop = int(np.searchsorted(ascending, block.end))
            at, here = ascending[start:stop] - block.first, order[start:stop]
            times[here], offsets[here] = block.times(at), block.offsets(at)
            alone[here] = (block.flags(at) & TRAFFIC) == 0
            packed += block.numbers(at)
            tails += block.tails(at)
            start = stop
        if not (order[1:] > order[:-1]).all():
            places = np.argsort(order, kind="stable").tolist()
            packed, tails = [packed[place] for place in places], [tails[place] for place in places]
        return PackedRows(
            times, offsets, alone, packed, _unpack_tails(_ARRAY.pack(_ARRAY_OF, len(tails)) + b"".join(tails))
        )

    def _block(self, number: int) -> OpenedBlock:
        if self._opened is None or not self._opened.first <= number < self._opened.end:
            start = self.blocks.start_of(number)
            self._opened = OpenedBlock(start, self.blocks.read(start))
        return self._opened


class StoredLabels:
    """Labels of one log."""

    def __init__(self, blocks: StoredBlocks) -> None:
        self._blocks = blocks

    def known(self, over: RowsOver, due: Micros) -> Known:
        """Return what was known of rows before `due`; of those that came late, what their first label says."""
        known = Known.nothing(len(over.numbers))
        if over.told is not None:
            by_label = np.argsort(over.told)
            for numbers, labels in self.read(over.told[by_label]):
                rows = by_label[np.searchsorted(over.told[by_label], numbers)]
                tell(known, rows, labels)
            return known
        open_ = {start for start in self._blocks.starts if start >= over.open_}
        for start in sorted({*over.blocks, *open_}):
            labels = unpack_labels(self._blocks.read(start))
            rows = np.minimum(np.searchsorted(over.numbers, labels.rows), len(over.numbers) - 1)
            mine = over.numbers[rows] == labels.rows
            mine &= (labels.times < due) & ~is_later(labels.kinds) & ((labels.kinds & REPEATED) == 0)
            at = np.flatnonzero(mine)
            if len(at):
                tell(known, rows[at], taken(labels, at))
        return known

    def read(self, numbers: Numbers) -> Iterator[tuple[Numbers, Labels]]:
        """Yield labels by number, a block at a time; `numbers` ascend."""
        start = 0
        while start < len(numbers):
            first = self._blocks.start_of(int(numbers[start]))
            labels = unpack_labels(self._blocks.read(first))
            stop = int(np.searchsorted(numbers, first + len(labels.labels)))
            yield numbers[start:stop], taken(labels, numbers[start:stop] - first)
            start = stop


def tell(known: Known, rows: npt.NDArray[np.int64], labels: Labels) -> None:
    """Note what labels say of the rows at these positions; a row has its label and its rating once."""
    says = (labels.kinds & (LABELLED | CORRECTED)) != 0
    there, at = rows[says], np.flatnonzero(says)
    known.labelled[there] = True
    known.labels[there] = [labels.labels[place] for place in at.tolist()]
    known.values[there] = labels.values[says]
    known.corrects[there] = (labels.kinds[says] & CORRECTED) != 0
    known.by_user[there] = (labels.kinds[says] & USER) != 0
    rated = (labels.kinds & RATED) != 0
    known.ratings[rows[rated]] = labels.ratings[rated]
    np.maximum.at(known.times, rows, labels.times)
    known.told[rows] = True
    judged = ~np.isnan(labels.losses)
    known.losses[rows[judged]] = labels.losses[judged]
    drawn = ~np.isnan(labels.drawn)
    known.drawn[rows[drawn]] = labels.drawn[drawn]


def is_later(kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return which labels correct what was known before."""
    later: npt.NDArray[np.bool_] = (kinds & (LABELLED | CORRECTED)) == CORRECTED
    return later


def taken(labels: Labels, at: npt.NDArray[np.int64]) -> Labels:
    """Return the labels at these positions."""
    columns = {name: getattr(labels, name)[at] for name in Labels._fields if name != "labels"}
    return Labels(**columns, labels=[labels.labels[place] for place in at.tolist()])
