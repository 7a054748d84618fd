"""Turns single cells of tables into what stands in events. A cell that does not fit keeps its raw value.

Nothing here raises: the contract judges events, and what it is to refuse must reach it. Numbers that JSON has no word
for (NaN, infinities) are written as the tokens `NaN`, `Infinity` and `-Infinity`, which the contract reads.
"""

import json
import math
import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from schemas.contract import normalise_label
from schemas.event_time import SECOND, Micros, rfc3339, to_micros
from schemas.feature_spec import FeatureType

Cell = Any
"""A value that JSON can hold, or `msgspec.Raw` for the three tokens."""

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_WHOLE = re.compile(r"^([+-]?\d+)\.0+$", re.ASCII)
_EPOCH = re.compile(r"^[+-]?\d+(\.\d+)?$", re.ASCII)
_DAY = re.compile(r"^(19|20)\d{6}$", re.ASCII)
NAN, _INFINITY, _MINUS_INFINITY = msgspec.Raw(b"NaN"), msgspec.Raw(b"Infinity"), msgspec.Raw(b"-Infinity")


def moment(cell: Cell) -> Micros | None:
    """Return the event time that `cell` names, or None where it names none.

    ISO 8601 text (a space or `T` between date and time, a date alone, any fraction of a second; without a zone it is
    UTC), dates and datetimes, `20260131` as a date, and any other number as time since 1970-01-01T00:00:00Z: below 1e11
    in seconds, below 1e14 in milliseconds, below 1e17 in microseconds, else in nanoseconds. What is finer than a
    microsecond is cut off.
    """
    try:
        if isinstance(cell, datetime):
            return to_micros(cell if cell.tzinfo else cell.replace(tzinfo=UTC))
        if isinstance(cell, str):
            text = cell.strip().upper().removesuffix(" UTC")
            if text[4:5] == "-" or _DAY.match(text) or not _EPOCH.match(text):
                parsed = datetime.fromisoformat(text)
                return to_micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
            return _since_epoch(Decimal(text))
        if isinstance(cell, date):
            return to_micros(datetime(cell.year, cell.month, cell.day, tzinfo=UTC))
        if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
            return (
                moment(str(cell))
                if _DAY.match(str(cell))
                else _since_epoch(Decimal(repr(cell) if isinstance(cell, float) else cell))
            )
    except (ValueError, OverflowError, InvalidOperation):
        pass
    return None


def zoneless(cell: Cell) -> bool:
    """Whether `cell` is a moment that is written as date and time without a zone, which `moment` takes as UTC."""
    if isinstance(cell, str):
        text = cell.strip().upper()
        if text.endswith(" UTC") or (_EPOCH.match(text) and not _DAY.match(text)):
            return False
        try:
            return datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            return False
    return cell.tzinfo is None if isinstance(cell, datetime) else isinstance(cell, date)


def _since_epoch(number: Decimal) -> Micros | None:
    for limit, micros in ((10**11, SECOND), (10**14, 1_000), (10**17, 1)):
        if abs(number) < limit:
            time = math.floor(number * micros)
            break
    else:
        time = math.floor(number / 1_000)
    rfc3339(time)  # OverflowError: no year that a calendar has
    return time


def text(cell: Cell) -> Cell:
    """Return an identifier, a name or free text: as written; whole numbers of any type without a decimal point."""
    return cell if cell is None or isinstance(cell, str) else plain(normalised(cell))


def identifier(cell: Cell) -> Cell:
    """Return a prediction id as text; `17.0`, an integer column with gaps read as floats, is `17`."""
    return whole(cell) if isinstance(cell, str) else text(cell)


def whole(cell: str) -> str:
    """Return `1` for `1.0`, and any other text as it is."""
    match = _WHOLE.match(cell)
    return match[1] if match else cell


def normalised(cell: Cell) -> Cell:
    """Return numbers and booleans as the text of a label, anything else as it is."""
    try:
        return normalise_label(cell)
    except ValueError:
        return cell


def label(known: Collection[str]) -> Callable[[Cell], Cell]:
    """Return a converter of labels to text.

    A class that the monitor file names is kept as written; else `1.0` is `1`, and `True` is `true`.
    """
    seen: dict[str, str] = {name: name for name in known}

    def convert(cell: Cell) -> Cell:
        if not isinstance(cell, str):
            return plain(normalised(cell))
        found = seen.get(cell)
        if found is None:
            lower = cell.lower()
            found = lower if lower in ("true", "false") else whole(cell)
            if len(seen) < 10_000:  # labels repeat; if they do not, remembering them is no use
                seen[cell] = found
        return found

    return convert


def number(cell: Cell) -> Cell:
    """Return a number where the text of `cell` is one, else the cell as it is."""
    if isinstance(cell, str):
        try:
            value = float(cell)
        except ValueError:
            return cell
        if "_" in cell:  # Python's own spelling of 1000 as 1_000
            return cell
        return value if value - value == 0.0 else _token(value)
    return plain(cell)


def boolean(cell: Cell) -> Cell:
    """Return a boolean for true/false, t/f, yes/no, y/n and 1/0 in any case, else the cell as it is."""
    if cell is None or isinstance(cell, bool):
        return cell
    lower = str(cell).strip().lower()
    if lower in _TRUE:
        return True
    return False if lower in _FALSE else plain(cell)


def feature(kind: FeatureType, typed: bool) -> Callable[[Cell], Cell]:
    """Return the converter of a feature's cells.

    Parameters
    ----------
    typed
        Whether cells have types of their own (Parquet, JSON Lines); then only booleans are read into them, and text in
        a numeric feature stays text, as it would on Kafka.
    """
    if kind == "boolean":
        return boolean
    return number if kind == "numeric" and not typed else plain


def missing(cell: Cell) -> bool:
    """Whether a cell of an outcome says that nothing is known: empty, blank or NaN."""
    if isinstance(cell, str):
        return cell.strip().lower() in ("", "nan")
    return cell is None or (isinstance(cell, float) and cell != cell)


def plain(cell: Cell) -> Cell:
    """Return a typed cell as JSON can hold it, without reading anything into it."""
    if type(cell) is float:
        return cell if cell - cell == 0.0 else _token(cell)
    if isinstance(cell, Decimal):
        return plain(float(cell))
    if isinstance(cell, datetime | date):
        micros = moment(cell)
        return cell.isoformat() if micros is None or not isinstance(cell, datetime) else rfc3339(micros)
    return cell


def _token(value: float) -> msgspec.Raw:
    if value != value:
        return NAN
    return _INFINITY if value > 0 else _MINUS_INFINITY


def encode(event: dict[str, Cell]) -> bytes:
    """Return `event` as JSON bytes."""
    try:
        return _encode(event)
    except (TypeError, ValueError, OverflowError):  # half a surrogate pair, an integer of a thousand digits
        return json.dumps(event, separators=(",", ":"), default=_untoken).encode()


def _untoken(value: object) -> Cell:
    return float(bytes(value).decode()) if isinstance(value, msgspec.Raw) else str(value)


_encode = msgspec.json.Encoder().encode
