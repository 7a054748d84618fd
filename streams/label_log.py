"""`LabelLog`: the labels that met rows of one `RowLog`, in the order in which they did.

Nothing of it is needed in memory once its block is sealed: samples read single labels back, and a restart reads all.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.row import Label
from schemas.event_time import Micros
from streams.blocks import SEALED, Blocks, cuts
from streams.column_log import ColumnLog, Numbers
from streams.packed_columns import empty, packed, unpacked
from streams.row_log import CHOSEN, CORRECTED, LABELLED, REPEATED, USER, RowLog
from streams.store import Store


class Labels(NamedTuple):
    """Labels that met rows, by column."""

    rows: Numbers
    """Numbers of the rows."""
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    """NaN: none, as in `ratings` and `losses`."""
    ratings: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    truths: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]
    """LABELLED, RATED, CORRECTED: what the row had not had before; USER, CHOSEN. A later correction has no loss.
    REPEATED stands alone: nothing else is known of it."""
    labels: list[str | None]
    drawn: npt.NDArray[np.float64]
    """Probability with which the row was drawn at random for this label; NaN: none."""


class Span(NamedTuple):
    """What a block of labels is about."""

    start: int
    """Number of its first label."""
    first_row: int
    last_row: int
    """The block goes when that row has gone."""


class _Block(msgspec.Struct, array_like=True):
    """Consecutive labels on disk."""

    rows: bytes
    times: bytes
    values: bytes
    ratings: bytes
    losses: bytes
    truths: bytes
    kinds: bytes
    labels: list[str | None]
    drawn: bytes = b""
    """Empty where all is NaN."""


_KINDS = {"rows": "<i8", "times": "<i8", "values": "<f8", "ratings": "<f8", "losses": "<f8", "truths": "<i8"}
_KINDS |= {"kinds": "u1"}
_COLUMNS = _KINDS | {"drawn": "<f8"}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Block).decode


class LabelLog:
    """Labels by number."""

    def __init__(self, store: Store, lifetime: Micros, rows: RowLog) -> None:
        self._blocks = Blocks(store, "labels", lifetime)
        self._rows = rows
        self._spans: list[Span] = []
        loaded = list(self._blocks.load())
        first = loaded[-1][0] if loaded else 0
        self._open = ColumnLog(empty(_COLUMNS), first)
        self._labels: list[str | None] = []
        self.again: dict[int, Micros] = {}
        """By number of a row that was chosen: when its label came by itself as well. As few as are chosen."""
        for start, stored in loaded:
            block = unpack_labels(stored)
            self._spans.append(_span(start, block.rows))
            self._note(block, np.arange(start, start + len(block.labels)))
        if loaded:
            self._append(unpack_labels(loaded[-1][1]))
        self._saved = self._open.end

    @property
    def first(self) -> int:
        """Labels before it are gone."""
        return self._spans[0].start if self._spans else self._open.first

    def about(self, first_row: int, last_row: int) -> tuple[list[int], int]:
        """Return where labels of rows from `first_row` to `last_row` may be.

        They are in these blocks, and in all from a number on: those may not be written yet.
        """
        open_ = self._open.first
        starts = [
            span.start
            for span in self._spans
            if span.start < open_ and span.first_row <= last_row and first_row <= span.last_row
        ]
        return starts, open_

    def append(self, labels: Labels) -> Numbers:
        """Add labels; return their numbers. Rows learn which label holds their loss."""
        numbers = self._append(labels)
        self._note_losses(labels, numbers)
        self._note_again(labels.rows, labels.times, labels.kinds)
        return numbers

    def save(self) -> None:
        """Write the labels that are new into the store's changes."""
        end = self._open.end
        if self._saved == end:
            return
        first = self._open.first
        for begin, stop in cuts(first, end):
            self._blocks.put(begin, _encode(self._pack(begin, stop)))
            if self._spans and self._spans[-1].start == begin:
                self._spans.pop()
            rows = self._open.column("rows")[begin - self._open.base : stop - self._open.base]
            self._spans.append(_span(begin, rows))
            if stop - begin >= SEALED:
                del self._labels[: stop - self._open.first]
                self._open.drop(stop)
        self._saved = end

    def drop(self) -> None:
        """Forget the labels of rows that have gone."""
        gone = 0
        while gone < len(self._spans) - 1 and self._spans[gone].last_row < self._rows.columns.first:
            gone += 1
        if gone:
            del self._spans[:gone]
            self._blocks.drop(self._spans[0].start)
            self.again = {row: time for row, time in self.again.items() if row >= self._rows.columns.first}

    def read(self, numbers: Numbers) -> Iterator[tuple[int, Label, float]]:
        """Yield the row, the label and the loss of each number; the numbers ascend."""
        sealed = int(np.searchsorted(numbers, self._open.first))
        start = 0
        while start < sealed:
            first, stored = self._blocks.find(int(numbers[start]))
            block = unpack_labels(stored)
            stop = int(np.searchsorted(numbers[:sealed], first + len(block.labels)))
            yield from _entries(block, numbers[start:stop] - first)
            start = stop
        if start < len(numbers):
            columns = {name: self._open.live(name) for name in _COLUMNS}
            yield from _entries(Labels(**columns, labels=self._labels), numbers[start:] - self._open.first)

    def all(self) -> Iterator[tuple[Numbers, Labels]]:
        """Yield everything that was committed: numbers and labels, a block at a time."""
        for start, stored in self._blocks.load():
            block = unpack_labels(stored)
            yield np.arange(start, start + len(block.labels)), block

    def _append(self, labels: Labels) -> Numbers:
        numbers = self._open.append(len(labels.labels), {name: getattr(labels, name) for name in _COLUMNS})
        self._labels.extend(labels.labels)
        return numbers

    def _note(self, labels: Labels, numbers: Numbers) -> None:
        """Let rows know again what they had learned before the restart."""
        there = labels.rows >= self._rows.columns.first
        rows, kinds, losses = labels.rows[there], labels.kinds[there], labels.losses[there]
        judged = ((kinds & LABELLED) != 0) | ~np.isnan(losses)
        told = kinds & np.where(judged, ~np.uint8(REPEATED), ~np.uint8(REPEATED | CHOSEN))
        np.bitwise_or.at(self._rows.columns.column("flags"), rows - self._rows.columns.base, told)
        again = rows[(kinds & REPEATED) != 0]
        self._rows.set("flags", again, self._rows.of("flags", again) & ~np.uint8(CHOSEN))
        self._note_again(rows, labels.times[there], kinds)
        labelled = (kinds & LABELLED) != 0
        self._rows.set("truth", rows[labelled], labels.truths[there][labelled])
        self._note_losses(labels, numbers)

    def _note_again(self, rows: Numbers, times: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8]) -> None:
        again = (kinds & REPEATED) != 0
        if again.any():
            self.again |= zip(rows[again].tolist(), times[again].tolist(), strict=True)

    def _note_losses(self, labels: Labels, numbers: Numbers) -> None:
        lost = ~np.isnan(labels.losses) & (labels.rows >= self._rows.columns.first)
        self._rows.set("judged", labels.rows[lost], numbers[lost])

    def _pack(self, begin: int, end: int) -> _Block:
        labels = self._labels[begin - self._open.first : end - self._open.first]
        kept = max(begin, self._open.base) - self._open.base
        says = not np.isnan(self._open.column("drawn")[kept : end - self._open.base]).all()
        columns = packed(self._open, _COLUMNS if says else _KINDS, begin, end)
        return _Block(**columns, labels=labels)


def unpack_labels(block: bytes) -> Labels:
    """Return the labels of a block as it lies on disk."""
    found = _decode(block)
    columns = unpacked({name: getattr(found, name) for name in _KINDS}, _KINDS)
    drawn = np.frombuffer(found.drawn, "<f8") if found.drawn else np.full(len(found.labels), np.nan)
    return Labels(**columns, labels=found.labels, drawn=drawn)


def _span(start: int, rows: Numbers) -> Span:
    return Span(start, int(rows.min()), int(rows.max()))


def _entries(labels: Labels, at: Numbers) -> Iterator[tuple[int, Label, float]]:
    for row, time, label, value, rating, kind, loss in zip(
        labels.rows[at].tolist(),
        labels.times[at].tolist(),
        [labels.labels[position] for position in at.tolist()],
        _known(labels.values[at]),
        _known(labels.ratings[at]),
        labels.kinds[at].tolist(),
        labels.losses[at].tolist(),
        strict=True,
    ):
        yield row, Label(time, label, value, rating, *said_how(kind)), loss


def said_how(kind: int) -> tuple[bool, bool, bool, bool]:
    """Return of one of `Labels.kinds` what stands in a `Label`: it corrects, is a user's, comes later, was chosen."""
    corrects = bool(kind & CORRECTED)
    return corrects, bool(kind & USER), corrects and not kind & LABELLED, bool(kind & CHOSEN)


def _known(numbers: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if number != number else number for number in numbers.tolist()]
