"""Event time: RFC 3339 text outside, integer microseconds since the Unix epoch (UTC) inside.

Durations are written as `30m`, `1h`, `7d`, `1d 12h`. Nothing here reads a clock.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z, or a length of time in microseconds."""

SECOND: Micros = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "ms": 1_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3_600 * SECOND,
    "d": 86_400 * SECOND,
    "w": 604_800 * SECOND,
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def to_micros(moment: datetime) -> Micros:
    """Return `moment` (with a time zone) in microseconds since the epoch, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


EARLIEST: Micros = to_micros(datetime(1000, 1, 1, tzinfo=UTC))
LATEST: Micros = to_micros(datetime(9000, 1, 1, tzinfo=UTC))
"""Bounds of the event times that are read: so far from the ends of the calendar that panes, maturities and horizons
round them have a date."""


def from_micros(micros: Micros) -> datetime:
    """Return the UTC datetime of `micros`."""
    return _EPOCH + timedelta(microseconds=micros)


def rfc3339(micros: Micros) -> str:
    """Return `micros` as RFC 3339 text in UTC; fractions only where there are any."""
    return from_micros(micros).isoformat().replace("+00:00", "Z")


def parse_duration(text: object) -> Micros:
    """Return the length of time in microseconds that `text` names.

    Raises
    ------
    ValueError
        When `text` is no duration above zero.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        micros = text  # already in microseconds: a model that is validated again
    elif isinstance(text, str):
        micros, position = 0, 0
        while position < len(text.rstrip()):
            part = _PART.match(text, position)
            if part is None:
                raise ValueError(f"{text!r} is not a duration such as 30m, 1h, 7d or 1d 12h")
            micros += round(float(part[1]) * _UNITS[part[2]])
            position = part.end()
    else:
        raise ValueError(f"{text!r} is not a duration such as 30m, 1h, 7d or 1d 12h")
    if micros <= 0:
        raise ValueError(f"{text!r} is not above zero; a duration looks like 30m, 1h or 7d")
    return micros


def format_duration(micros: Micros) -> str:
    """Return `micros` as the shortest text that `parse_duration` reads back."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, micros = divmod(micros, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def _only_text(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise ValueError("a timestamp is RFC 3339 text with a time zone, such as 2026-01-31T12:00:00Z")
    if isinstance(value, str) and not _RFC3339.match(value):
        raise ValueError(f"{value!r} is not RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z")
    return value


_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$", re.ASCII)

Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(_only_text),
    PlainSerializer(lambda moment: rfc3339(to_micros(moment)), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339, with a time zone"}),
]
"""A moment in event time."""

Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w))+$", "examples": ["1d", "30m"]}),
]
"""A length of time, kept in microseconds."""
