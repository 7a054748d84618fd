"""RFC 3339 texts of a chunk → microseconds since the epoch, in numpy.

Reads what almost all producers send, `2026-01-31T12:00:00[.123456]` with `Z` or `+00:00`, and leaves the rest to the
contract: other offsets, more digits, lower case. Times outside EARLIEST..LATEST are left to it as well.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas.event_time import EARLIEST, LATEST, SECOND

Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNREAD = 0
"""Stands where a text was not read."""

_POINT = 19  # position of the fraction's point, or of the zone
_FRACTIONS = (0, 2, 3, 4, 5, 6, 7)  # lengths of one: none, or a point and 1 to 6 digits
_EITHER = (25, 27)  # lengths that both zones can have
_ZONES = {1: b"Z", 6: b"+00:00"}
_MARKS = {4: ord("-"), 7: ord("-"), 10: ord("T"), 13: ord(":"), 16: ord(":")}
_DIGITS = [position for position in range(_POINT) if position not in _MARKS]
_MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
_BEFORE = np.concatenate(([0], np.cumsum(_MONTHS)[:-1]))  # days of the year before each month, 1 to 12
_UNIX_DAYS = 719_162  # from 0001-01-01 to 1970-01-01


def read_times(texts: Sequence[str]) -> tuple[Times, Flags]:
    """Return the moments that `texts` name, and which of them were read; shapes (texts,)."""
    joined = "".join(texts)
    lengths = set(map(len, texts))
    if len(lengths) == 1 and joined.isascii():
        length = lengths.pop()
        zones = {text[-1:] for text in texts} if length in _EITHER else {joined[-1:]}
        if len(zones) == 1:
            return _alike(joined, len(texts), length, zones.pop())
    times, read = np.full(len(texts), UNREAD, dtype=np.int64), np.zeros(len(texts), dtype=bool)
    layouts: dict[tuple[int, str], list[int]] = {}
    for position, text in enumerate(texts):
        if text.isascii():
            layouts.setdefault((len(text), "Z" if text.endswith("Z") else ""), []).append(position)
    for (length, zone), positions in layouts.items():
        some = "".join([texts[position] for position in positions])
        times[positions], read[positions] = _alike(some, len(positions), length, zone)
    return times, read


def _alike(joined: str, count: int, length: int, last: str) -> tuple[Times, Flags]:
    """Read `count` texts of one length, one after the other in `joined`, whose zone ends in `last`."""
    zone = 1 if last == "Z" else 6
    fraction = length - _POINT - zone
    if fraction not in _FRACTIONS:
        return np.full(count, UNREAD, dtype=np.int64), np.zeros(count, dtype=bool)
    letters = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(count, length).T
    read = np.ones(count, dtype=bool)
    for position, mark in _MARKS.items():
        read &= letters[position] == mark
    for position, mark in enumerate(_ZONES[zone], start=length - zone):
        read &= letters[position] == mark
    if fraction:
        read &= letters[_POINT] == ord(".")
    digits = letters - np.uint8(ord("0"))  # below zero wraps round to far above nine
    shown = [*_DIGITS, *range(_POINT + 1, _POINT + fraction)]
    read &= (digits[shown] <= 9).all(axis=0)
    number = digits.astype(np.int64)

    def field(first: int, stop: int) -> Times:
        value: Times = number[first]
        for position in range(first + 1, stop):
            value = value * 10 + number[position]
        return value

    year, month, day = field(0, 4), field(5, 7), field(8, 10)
    hour, minute, second = field(11, 13), field(14, 16), field(17, 19)
    read &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    month = np.where(read, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    read &= day <= _MONTHS[month] + (leap & (month == 2))
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 + _BEFORE[month] + (leap & (month > 2)) + day - 1
    seconds = (days - _UNIX_DAYS) * 86_400 + hour * 3_600 + minute * 60 + second
    times = seconds * SECOND
    if fraction:
        times += field(_POINT + 1, _POINT + fraction) * 10 ** (7 - fraction)
    read &= (times >= EARLIEST) & (times < LATEST)
    return np.where(read, times, UNREAD), read
