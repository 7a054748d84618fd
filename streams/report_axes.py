"""Axes of the report's charts: which times and values are written beside them, and where."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.event_time import SECOND, Micros, from_micros, to_micros

_HOUR, _DAY = 3_600 * SECOND, 86_400 * SECOND
_STEPS = (
    *(m * 60 * SECOND for m in (1, 5, 15, 30)),
    *(h * _HOUR for h in (1, 3, 6, 12)),
    _DAY,
    2 * _DAY,
    7 * _DAY,
    14 * _DAY,
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
LABELS = 11  # at most, on the time axis of a wide chart; narrow ones leave out every other
FLOOR = 1e-3  # evidence below this is drawn there
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tick(NamedTuple):
    """A label beside an axis, at `place` per cent of it."""

    place: float
    text: str
    minor: bool = False
    """Left out where there is little room."""


@dataclass(frozen=True)
class TimeAxis:
    """Event time from left to right."""

    start: Micros
    end: Micros

    def x(self, when: Micros) -> float:
        """Return the place of a moment, 0 to 1000, at the edge if it lies outside."""
        share = (when - self.start) / max(self.end - self.start, 1)
        return round(1000 * min(max(share, 0.0), 1.0), 1)

    def percent(self, when: Micros) -> float:
        """Return the place of a moment, 0 to 100."""
        return round(self.x(when) / 10, 2)

    def ticks(self) -> list[Tick]:
        """Return round moments in the span, every other one minor."""
        moments = list(self._moments())
        labels = [Tick(self.percent(when), text, bool(place % 2)) for place, (when, text) in enumerate(moments)]
        return [tick for tick in labels if 2 <= tick.place <= 97]

    def _moments(self) -> Iterator[tuple[Micros, str]]:
        span = max(self.end - self.start, 1)
        when: Micros
        step = next((step for step in _STEPS if span / step <= LABELS), None)
        if step is not None:
            offset = 4 * _DAY if step % (7 * _DAY) == 0 else 0  # weeks begin on Monday; the epoch was a Thursday
            when = -(-(self.start - offset) // step) * step + offset
            while when <= self.end:
                moment = from_micros(when)
                yield when, f"{moment.day} {moment:%b}" if when % _DAY == 0 else f"{moment:%H:%M}"
                when += step
            return
        months = next((m for m in _MONTHS if span / (m * 30 * _DAY) <= LABELS), _MONTHS[-1])
        first = from_micros(self.start)
        month = first.year * 12 + first.month - 1
        month += -month % months
        while month < 10_000 * 12:  # the calendar ends there
            moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if (when := to_micros(moment)) > self.end:
                return
            if when >= self.start:
                yield when, str(moment.year) if moment.month == 1 else f"{moment:%b}"
            month += months


@dataclass(frozen=True)
class ValueAxis:
    """Values from the bottom up."""

    low: float
    high: float
    log: bool = False

    def y(self, value: float) -> float:
        """Return the place of a value, 100 at the bottom to 0 at the top."""
        if self.log:
            share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(100 - 100 * min(max(share, 0.0), 1.0), 2)

    def values(self, count: int = 4) -> list[float]:
        """Return round values on the axis."""
        if self.log:
            lowest, highest = round(math.log10(self.low)), round(math.log10(self.high))
            decades = max(1, math.ceil((highest - lowest) / count))
            return [10.0**power for power in range(lowest, highest + 1) if power % decades == 0]
        step = _round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        return [round(place * step, 12) for place in range(first, math.floor(self.high / step + 1e-9) + 1)]


def value_axis(values: list[float], least: float = 0.0) -> ValueAxis:
    """Return an axis that holds all values, from zero unless they lie close together far from it.

    `least` is the smallest height that an axis from zero has: what is smaller than that looks small.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    if low >= 0 and (low < 0.7 * high or low == high):
        low, high = 0.0, max(high * 1.05, least) or 1.0
    elif low == high:
        low, high = 1.1 * low, 0.0
    else:
        pad = (high - low) * 0.08
        low, high = low - pad, high + pad
    return ValueAxis(low, high)


def evidence_axis(largest: float) -> ValueAxis:
    """Return a logarithmic axis on which 1, where a detector fires, lies below the top."""
    return ValueAxis(FLOOR, 10.0 ** max(1, min(12, math.ceil(math.log10(max(largest, 1.0)) + 0.01))), log=True)


def _round_step(rough: float) -> float:
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999) * power
