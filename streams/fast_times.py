"""RFC 3339 texts of a chunk → microseconds since the epoch, in numpy.

Reads what almost all producers send, `2026-01-31T12:00:00[.123456]` with `Z` or `+00:00`, and leaves the rest to the
contract: other offsets, more digits, lower case. Times outside EARLIEST..LATEST are left to it as well.

Texts of one length lie side by side in rows of 32 bytes, which are handled as four words of eight letters.
"""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.event_time import EARLIEST, LATEST

Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]

UNREAD = 0
"""Stands where a text was not read."""

_ROW = 32  # letters; the longest text that is read has exactly as many
_PAD = "\0"
_TENS = np.uint64(10)
_NEXT = np.uint64(8)  # bits of a letter
_HIGH = np.uint64(0x8080_8080_8080_8080)

# Day number of the first of each month from 0000-01 on, 1970-01-01 being 0; how many days each month has.
_MONTHS = np.arange(np.datetime64("0000-01"), np.datetime64("10000-02")).astype("datetime64[D]").astype(np.int32)
_LENGTHS = np.diff(_MONTHS).astype(np.uint8)


class _Layout(NamedTuple):
    """What a text looks like, as words."""

    looks: tuple[np.uint64, ...]
    """A letter xor the one here is the value of a digit, and 0 elsewhere."""
    room: tuple[np.uint64, ...]
    """Added to that, the highest bit of a letter shows that it is not what it may be."""


def read_times(texts: Sequence[str]) -> tuple[Times, Flags]:
    """Return the moments that `texts` name, and which of them were read; shapes (texts,)."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    if len(texts) and (lengths == lengths[0]).all():
        return _alike(texts, int(lengths[0]))
    times, read = np.full(len(texts), UNREAD, dtype=np.int64), np.zeros(len(texts), dtype=bool)
    for length in np.flatnonzero(np.bincount(np.minimum(lengths, _ROW + 1))).tolist():
        if length in _LAYOUTS:
            chosen = lengths == length
            times[chosen], read[chosen] = _alike(list(compress(texts, chosen.tobytes())), length)
    return times, read


def _alike(texts: Sequence[str], length: int) -> tuple[Times, Flags]:
    """Read texts of one length (at least one)."""
    pad = _PAD * (_ROW - length)
    layouts = _LAYOUTS.get(length, [])
    if not layouts:
        return np.full(len(texts), UNREAD, dtype=np.int64), np.zeros(len(texts), dtype=bool)
    letters = (pad.join(texts) + pad).encode("ascii", "replace")  # by `?`, which is in no layout
    words = np.frombuffer(letters, dtype="<u8").reshape(len(texts), -1)
    times, read = _moments(words, layouts[0])
    for layout in layouts[1:]:
        if not read.all():
            others, also = _moments(words, layout)
            times, read = np.where(also, others, times), read | also
    return times, read


def _moments(words: _Words, layout: _Layout) -> tuple[Times, Flags]:
    """Read texts as words, shape (texts, 4): those that have the layout."""
    beyond = np.zeros(len(words), dtype=np.uint64)  # a letter's highest bit: it is not what it may be
    pairs = []  # of each word, by letter: the number that it and the next one are
    for place, (looks, room, most) in enumerate(zip(*layout, _MOST, strict=True)):
        digits = words[:, place] ^ looks
        beyond |= digits + room
        pair = digits >> _NEXT
        digits *= _TENS
        pair += digits
        if most:
            beyond |= pair + most
        pairs.append(pair.view(np.uint8).reshape(len(words), 8))
    beyond &= _HIGH
    read = beyond == 0
    # Of texts that have another layout, what follows is any number, and no index is out of bounds.
    century, year, month, day = pairs[0][:, 0], pairs[0][:, 2], pairs[0][:, 5], pairs[1][:, 0]
    months = century * np.int32(1_200)
    months += year * np.int32(12)
    months += month
    months -= 1
    read &= (np.minimum(month, day) > 0) & (day <= _LENGTHS.take(months, mode="clip"))
    times: Times = _MONTHS.take(months, mode="clip").astype(np.int64)
    times += day
    times -= 1
    for per, number in (24, pairs[1][:, 3]), (60, pairs[1][:, 6]), (60, pairs[2][:, 1]):
        times *= per
        times += number
    for number in pairs[2][:, 4], pairs[2][:, 6], pairs[3][:, 0]:  # two digits of the fraction each
        times *= 100
        times += number
    read &= (times >= EARLIEST) & (times < LATEST)
    if not read.all():
        times[~read] = UNREAD
    return times, read


def _as_words(letters: bytes) -> tuple[np.uint64, ...]:
    return tuple(np.frombuffer(letters, dtype="<u8"))


def _layout(text: str) -> _Layout:
    """Return the layout of texts like `text`, in which `d` stands for a digit."""
    padded = text.ljust(_ROW, _PAD)
    room = bytes(0x7F - 9 if letter == "d" else 0x7F for letter in padded)
    return _Layout(_as_words(padded.replace("d", "0").encode()), _as_words(room))


def _layouts() -> dict[int, list[_Layout]]:
    """Return the layouts of texts by their length; the usual ones first."""
    layouts: dict[int, list[_Layout]] = {}
    for digits in (0, 6, 3, 1, 2, 4, 5):
        for zone in ("Z", "+00:00"):
            text = "dddd-dd-ddTdd:dd:dd" + ("." if digits else "") + "d" * digits + zone
            layouts.setdefault(len(text), []).append(_layout(text))
    return layouts


_LAYOUTS = _layouts()

# Added to pairs, the highest bit of a letter shows a month above 12, an hour above 23, a minute or second above 59.
_LARGEST = {5: 12, 11: 23, 14: 59, 17: 59}
_MOST = _as_words(bytes(0x7F - _LARGEST[place] if place in _LARGEST else 0 for place in range(_ROW)))
