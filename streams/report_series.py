"""`Series`: the readings of one signal over event time, kept in at most `LIMIT` buckets however many panes there are.

A bucket is one pane until there are too many; then the bucket width doubles. Means, extremes and alarms stay exact.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.event_time import Micros
from schemas.reading import Family, Status, Tier

LIMIT = 600  # buckets: more than a screen has pixels to tell apart
NEWEST = 10  # panes of which it is kept whether they are known
REASONS = 20  # kinds of reasons that are told apart


class Key(NamedTuple):
    """What tells series of one model version apart."""

    tier: Tier
    signal: str
    family: Family
    feature: str = ""
    segment: str = ""
    detector: str = ""
    """Only where two detectors read the same signal."""

    @property
    def part(self) -> str:
        """The feature or the segment that it is about; empty for all rows."""
        return " · ".join(name for name in (self.feature, self.segment) if name)


@dataclass(slots=True)
class Point:
    """What is kept of one reading."""

    start: Micros
    end: Micros
    value: float | None
    n: int
    status: Status
    reason: str | None = None
    reference: float | None = None
    baseline: float | None = None
    evidence: float | None = None


@dataclass(slots=True)
class Bucket:
    """One pane, or several next to each other."""

    start: Micros
    end: Micros
    panes: int = 0
    unknown: int = 0
    alarms: int = 0
    n: int = 0
    total: float = 0.0
    weight: float = 0.0
    low: float | None = None
    high: float | None = None
    evidence: float | None = None
    guess: float | None = None
    """Value of a reading whose status is unknown."""
    reason: str | None = None

    @property
    def mean(self) -> float | None:
        """Mean of the values that are known."""
        return self.total / self.weight if self.weight else None

    def add(self, other: "Bucket") -> None:
        """Take in what another bucket holds."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.panes += other.panes
        self.unknown += other.unknown
        self.alarms += other.alarms
        self.n += other.n
        self.total += other.total
        self.weight += other.weight
        self.low = _least(self.low, other.low)
        self.high = _most(self.high, other.high)
        self.evidence = _most(self.evidence, other.evidence)
        self.guess = self.guess if other.guess is None else other.guess
        self.reason = self.reason or other.reason


@dataclass(slots=True)
class Reason:
    """Panes whose status is unknown for one kind of reason."""

    example: str
    first: Micros
    last: Micros
    panes: int = 0


@dataclass(slots=True)
class Series:
    """Readings of one signal in the order of their panes."""

    key: Key
    width: Micros
    panes: int = 0
    unknown: int = 0
    alarms: int = 0
    judged: bool = False
    """Some reading has evidence or an alarm."""
    reference: float | None = None
    baseline: float | None = None
    moving: bool = False
    """The baseline is another from pane to pane, so that its newest says nothing of the panes before."""
    latest: float | None = None
    newest: deque[bool] = field(default_factory=lambda: deque(maxlen=NEWEST))
    """Of the last panes: whether the reading was unknown."""
    buckets: dict[int, Bucket] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)

    def add(self, point: Point, kind: str = "") -> None:
        """Take in one reading; `kind` groups reasons that differ in their numbers only."""
        self.panes += 1
        self.newest.append(point.status == "unknown")
        # A count (volume) is not weighted by itself; everything else by the rows behind it.
        weight = 1.0 if point.value == point.n else float(max(point.n, 1))
        bucket = Bucket(point.start, point.end, panes=1, n=point.n)
        if point.status == "unknown":
            self.unknown += 1
            bucket.unknown, bucket.reason, bucket.guess = 1, point.reason, point.value
            self._note(point, kind)
        elif point.value is not None:
            bucket.total, bucket.weight = point.value * weight, weight
            bucket.low = bucket.high = point.value
            self.latest = point.value
        if point.status == "alarm":
            self.alarms += 1
            bucket.alarms = 1
        if point.evidence is not None:
            bucket.evidence = point.evidence
        self.judged = self.judged or point.evidence is not None or point.status == "alarm"
        if self.baseline is not None and point.baseline not in (None, self.baseline):
            self.moving = True
        self.reference = self.reference if point.reference is None else point.reference
        self.baseline = self.baseline if point.baseline is None else point.baseline
        self._put(bucket)
        while len(self.buckets) > LIMIT:
            self.width *= 2
            old, self.buckets = self.buckets, {}
            for each in old.values():
                self._put(each)

    def in_order(self, limit: int = LIMIT) -> list[Bucket]:
        """Return at most `limit` buckets by time; the series itself stays as it is."""
        width, buckets = self.width, self.buckets
        while len(buckets) > limit:
            width *= 2
            coarse: dict[int, Bucket] = {}
            for bucket in buckets.values():
                place = coarse.get(bucket.start // width)
                if place is None:
                    coarse[bucket.start // width] = _copy(bucket)
                else:
                    place.add(bucket)
            buckets = coarse
        return sorted(buckets.values(), key=lambda bucket: bucket.start)

    @property
    def mean(self) -> float | None:
        """Mean over all known panes."""
        weight = sum(bucket.weight for bucket in self.buckets.values())
        return sum(bucket.total for bucket in self.buckets.values()) / weight if weight else None

    @property
    def high(self) -> float | None:
        """Largest known value of a pane."""
        return max((b.high for b in self.buckets.values() if b.high is not None), default=None)

    @property
    def low(self) -> float | None:
        """Smallest known value of a pane."""
        return min((b.low for b in self.buckets.values() if b.low is not None), default=None)

    @property
    def evidence(self) -> float | None:
        """Largest evidence after a pane."""
        return max((b.evidence for b in self.buckets.values() if b.evidence is not None), default=None)

    def _put(self, bucket: Bucket) -> None:
        place = self.buckets.get(bucket.start // self.width)
        if place is None:
            self.buckets[bucket.start // self.width] = bucket
        else:
            place.add(bucket)

    def _note(self, point: Point, kind: str) -> None:
        if kind not in self.reasons and len(self.reasons) >= REASONS:
            kind = "other reasons"
        reason = self.reasons.setdefault(kind, Reason(point.reason or "no reason given", point.start, point.end))
        reason.panes += 1
        reason.first, reason.last = min(reason.first, point.start), max(reason.last, point.end)


def _copy(bucket: Bucket) -> Bucket:
    empty = Bucket(bucket.start, bucket.end)
    empty.add(bucket)
    return empty


def _least(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else min(a, b)


def _most(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else max(a, b)
