"""The tornado streams: known drifts, seen as rises of a frozen champion's error."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.detection.champion import examples, frozen_errors
from bench.detection.data import missing
from bench.detection.peers import ADWIN, DUMMIES, as_shipped, tuned
from bench.detection.protocol import (
    CHAMPION_REFERENCE,
    CHAMPION_ROWS,
    FOUND_WITHIN,
    IID,
    SETTLED,
    TABLE_PANE,
    TORNADO,
    TORNADO_LENGTH,
    TORNADO_SEEDS,
    Scale,
)
from bench.detection.streams import Bits
from bench.detection.watched import GATED, ErrorReference, error_reference
from bench.tables import MissingTables

Watch = Callable[[Bits], Iterator[int]]


@dataclass(frozen=True)
class Segment:
    """Errors of one champion: a reference, a clean stretch, and the drift that ends it, if one does."""

    reference: ErrorReference
    values: Bits
    drift: int | None
    """Position in `values`."""


def tornado(scale: Scale) -> dict[str, Any]:
    """Return the share of drifts found, and delay and false alarms against ADWIN's as River ships it.

    For each drift a champion of its own learns the rows after the drift before it, and is then left alone, so that all
    detectors see the same errors, whatever they said before.
    """
    names = [f"tornado_{kind}_{seed}" for kind in TORNADO for seed in TORNADO_SEEDS]
    absent = missing().get("tornado streams", [])
    there = [name for name in names if name not in absent]
    if not there:
        raise MissingTables("none of the tornado streams is there; STREAMGAUGE_DATA names the folder with them")
    found: dict[str, list[int]] = defaultdict(list)
    false: dict[str, int] = defaultdict(int)
    clean = 0
    peers = {
        **{f"{each.peer.name}, as shipped": each.alarms for each in as_shipped()},
        **{f"{each.peer.name}, tuned": each.alarms for each in tuned(IID, scale)},
        **DUMMIES,
    }
    for name in there[: scale.of(len(there))]:
        for segment in segments(name):
            clean += len(segment.values) if segment.drift is None else segment.drift
            ours: dict[str, Watch] = {GATED: lambda values, segment=segment: segment.reference.alarms(GATED, values)}
            for who, watch in (ours | peers).items():
                alarms = list(watch(segment.values))
                false[who] += sum(segment.drift is None or at <= segment.drift for at in alarms)
                if segment.drift is not None:
                    after = (at - segment.drift for at in alarms if at > segment.drift)
                    found[who].append(min(FOUND_WITHIN, next(after, FOUND_WITHIN)))
    rival = f"{ADWIN.name}, as shipped"
    return {
        "found": _share(found[GATED]),
        "delay": float(np.mean(found[GATED]) / np.mean(found[rival])),
        "false": ratio(false[GATED], false[rival]),
        "left_out": absent,
        "beside": [
            {
                "detector": who,
                "found": _share(delays),
                "delay": float(np.mean(delays)),
                "false alarms": false[who],
                "clean rows": clean,
            }
            for who, delays in found.items()
        ],
    }


def segments(name: str) -> Iterator[Segment]:
    """Yield one segment for each drift of a stream, and one for the clean rows after its last."""
    period, width = TORNADO[name.split("_")[1]]
    rows = examples(name)
    for start in range(0, TORNADO_LENGTH, period):
        learned = start + (width + SETTLED if start else 0)
        asked, drift = learned + CHAMPION_ROWS, start + period
        last = drift >= TORNADO_LENGTH
        end = TORNADO_LENGTH if last else drift + FOUND_WITHIN
        errors = frozen_errors(rows[learned:asked], rows[asked:end])
        before, values = errors[:CHAMPION_REFERENCE], errors[CHAMPION_REFERENCE:]
        reference = error_reference(before, float(before.mean()), TABLE_PANE)
        yield Segment(reference, values, None if last else drift - asked - CHAMPION_REFERENCE)


def ratio(ours: float, theirs: float) -> float:
    """Return ours in terms of theirs: 0 where there is none of ours, whatever theirs."""
    if not ours:
        return 0.0
    return ours / theirs if theirs else float("inf")


def _share(delays: list[int]) -> float:
    return sum(delay < FOUND_WITHIN for delay in delays) / len(delays)
