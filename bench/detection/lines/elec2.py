"""Elec2: precision of alarms, with changes that were put into it, and as it is."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.detection.champion import Example, examples, frozen_errors, prequential_errors
from bench.detection.peers import DUMMIES, Tuned, as_shipped, tuned
from bench.detection.protocol import (
    CHAMPION_REFERENCE,
    CHAMPION_ROWS,
    ELEC2_CHANGED,
    ELEC2_CLEAN,
    ELEC2_FLIPPED,
    ELEC2_NEXT_REFERENCE,
    ELEC2_RISE,
    ELEC2_SHUFFLES,
    ELEC2_WARM_UP,
    ELEC2_WINDOW,
    IID,
    TABLE_PANE,
    Scale,
)
from bench.detection.streams import Bits, Floats
from bench.detection.watched import GATED, error_reference

PRICE = "nswprice"


def elec2_shuffled(scale: Scale) -> dict[str, Any]:
    """Return by how much our precision is above the best of River's; right is what comes within 1,000 rows of a rise.

    The rows are shuffled, so that nothing changes but what is put in: by turns labels flipped at random, and labels of
    rows with a high price flipped twice as often. Each change lasts 1,000 rows; its end is a fall.
    """
    rows = examples("elec2")
    tally = _Tally()
    rises = 0
    for number in range(scale.of(ELEC2_SHUFFLES)):
        rng = scale.generator("elec2, shuffled", number)
        order = rng.permutation(len(rows)).tolist()
        rises += _tally_changed(tally, [rows[at] for at in order], rng, scale)
    return tally.line(rises)


def _tally_changed(tally: "_Tally", rows: list[Example], rng: np.random.Generator, scale: Scale) -> int:
    """Put changes into rows and run all detectors on them; return how many rises there are."""
    changed, starts = _changed(rows, rng)
    errors = frozen_errors(changed[:CHAMPION_ROWS], changed[CHAMPION_ROWS:])
    before, values = errors[:CHAMPION_REFERENCE], errors[CHAMPION_REFERENCE:]
    reference = error_reference(before, float(before.mean()), TABLE_PANE)
    at = [start - CHAMPION_ROWS - CHAMPION_REFERENCE for start in starts]
    tally.add(values, lambda: reference.alarms(GATED, values), scale, lambda alarm: _since(at, alarm))
    return len(at)


def elec2(scale: Scale) -> dict[str, Any]:
    """Return the same for the stream as it is, where an oracle that sees the future says what is right.

    A tree learns on as it errs. After an alarm our reference is the next 2,000 rows, as for a new version; River's
    detectors start anew by themselves. Right is an alarm with a moment in the 1,000 rows before it at which the error
    rose: the mean of the 1,000 rows after that moment is above that of the 1,000 before it by .05 or more.
    """
    errors = prequential_errors(examples("elec2"))[ELEC2_WARM_UP:]
    before, values = errors[:CHAMPION_REFERENCE], errors[CHAMPION_REFERENCE:]
    rises = oracle_rises(errors)[CHAMPION_REFERENCE:]
    tally = _Tally()
    tally.add(values, lambda: referenced_anew(before, values), scale, lambda alarm: _near(rises, alarm))
    starts = np.flatnonzero(np.diff(rises.astype(np.int8)) == 1)
    return tally.line(len(starts))


def referenced_anew(before: Bits, values: Bits) -> Iterator[int]:
    """Yield our alarms, with a reference of the rows after each of them."""
    start = 0
    while True:
        reference = error_reference(before, float(before.mean()), TABLE_PANE)
        alarm = next(reference.alarms(GATED, values[start:]), None)
        if alarm is None:
            return
        yield start + alarm
        before = values[start + alarm : start + alarm + ELEC2_NEXT_REFERENCE]
        start += alarm + ELEC2_NEXT_REFERENCE
        if start >= len(values):
            return


def oracle_rises(errors: Bits) -> Floats:
    """Return after which rows the error has risen, shape (rows,): by ELEC2_RISE over ELEC2_WINDOW rows either side."""
    total = np.concatenate([[0], np.cumsum(errors, dtype=np.int64)])
    at = np.arange(len(errors))
    low, high = np.maximum(at - ELEC2_WINDOW, 0), np.minimum(at + ELEC2_WINDOW, len(errors))
    before = (total[at] - total[low]) / np.maximum(at - low, 1)
    after = (total[high] - total[at]) / np.maximum(high - at, 1)
    whole = (at - low == ELEC2_WINDOW) & (high - at == ELEC2_WINDOW)
    result: Floats = whole & (after - before >= ELEC2_RISE)
    return result


class _Tally:
    """Alarms by detector: right ones, all, and falls that were told of."""

    def __init__(self) -> None:
        self._right: dict[str, int] = defaultdict(int)
        self._all: dict[str, int] = defaultdict(int)
        self._falls: dict[str, int] = defaultdict(int)
        self._seen: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self._streams = 0

    def add(
        self, values: Bits, ours: Callable[[], Iterator[int]], scale: Scale, rise: Callable[[int], int | None]
    ) -> None:
        """Run all detectors; `rise` returns the rise that an alarm is right about, or None."""
        named: dict[str, Tuned] = {f"{each.peer.name}, as shipped": each for each in as_shipped()}
        named |= {f"{each.peer.name}, tuned": each for each in tuned(IID, scale)}
        watchers = {GATED: ours}
        watchers |= {who: lambda each=each: each.alarms(values) for who, each in named.items()}
        watchers |= {who: lambda dummy=dummy: dummy(values) for who, dummy in DUMMIES.items()}
        for who, watch in watchers.items():
            for alarm in watch():
                about = rise(alarm)
                self._all[who] += 1
                self._right[who] += about is not None
                if about is not None:
                    self._seen[who].add((self._streams, about))
            self._all[who] += 0
            if who in named and named[who].peer.two_sided:
                self._falls[who] += named[who].falls(values)
        self._streams += 1

    def line(self, rises: int) -> dict[str, Any]:
        """Return the figures; who never alarms is never right."""
        precision = {who: self._right[who] / count if count else 0.0 for who, count in self._all.items()}
        rivals = [value for who, value in precision.items() if who not in (GATED, *DUMMIES)]
        return {
            "margin": precision[GATED] - max(rivals),
            "beside": [
                {
                    "detector": who,
                    "precision": value,
                    "alarms": self._all[who],
                    "right": self._right[who],
                    "rises seen": len(self._seen[who]),
                    "rises": rises,
                    "falls told": self._falls.get(who, "–"),
                }
                for who, value in precision.items()
            ],
        }


def _changed(rows: list[Example], rng: np.random.Generator) -> tuple[list[Example], list[int]]:
    """Return rows with changed labels by turns, and where the changes start."""
    classes = sorted({kind for _, kind in rows})
    other = dict(zip(classes, reversed(classes), strict=True))
    median = float(np.median([features[PRICE] for features, _ in rows]))
    starts = list(
        range(CHAMPION_ROWS + CHAMPION_REFERENCE + ELEC2_CLEAN, len(rows) - ELEC2_CHANGED, ELEC2_CLEAN + ELEC2_CHANGED)
    )
    result = list(rows)
    for turn, start in enumerate(starts):
        for at in range(start, start + ELEC2_CHANGED):
            features, kind = rows[at]
            share = ELEC2_FLIPPED if turn % 2 == 0 else 2 * ELEC2_FLIPPED * (features[PRICE] > median)
            if rng.random() < share:
                result[at] = (features, other[kind])
    return result, starts


def _since(starts: list[int], alarm: int) -> int | None:
    """Return the change that an alarm after `alarm` rows came in time for."""
    return next((start for start in starts if start < alarm <= start + ELEC2_CHANGED), None)


def _near(rises: Floats, alarm: int) -> int | None:
    """Return the start of the newest rise in the rows before an alarm."""
    first = max(0, alarm - ELEC2_WINDOW)
    found = np.flatnonzero(rises[first:alarm])
    if not len(found):
        return None
    last = first + int(found[-1])
    while last > 0 and rises[last - 1]:
        last -= 1
    return last
