"""False alarms on stationary streams of errors, at a budget of 10 in a million."""

from collections import defaultdict
from typing import Any

from bench.detection.peers import DUMMIES, tuned
from bench.detection.protocol import BESIDE_RUNS, IID, LENGTH, REFERENCE, RUNS, STREAMS, Scale, Stream
from bench.detection.streams import stationary
from bench.detection.watched import BESIDE, GATED, error_reference


def false_alarms(scale: Scale) -> dict[str, Any]:
    """Return our alarms in a million on each stream, and those of baselines and peers beside them."""
    streams = {stream.name: _counts(stream, scale) for stream in STREAMS}
    return {
        "streams": {name: _spread(counts[GATED]) for name, counts in streams.items()},
        "beside": [
            {"stream": name, "detector": who, **_spread(found)}
            for name, counts in streams.items()
            for who, found in counts.items()
        ],
    }


def _counts(stream: Stream, scale: Scale) -> dict[str, list[int]]:
    """Return the alarms of each run by detector. Peers are tuned on B(.2); elsewhere their rate is what it is."""
    found: dict[str, list[int]] = defaultdict(list)
    for run in range(scale.of(RUNS)):
        rng = scale.generator(f"false alarms, {stream.name}", run)
        reference = error_reference(stationary(rng, stream, REFERENCE), stream.mean)
        values = stationary(rng, stream, LENGTH)
        for baseline in (GATED, *BESIDE) if run < BESIDE_RUNS else (GATED,):
            found[baseline].append(sum(1 for _ in reference.alarms(baseline, values)))
        if run < BESIDE_RUNS:
            for each in tuned(IID, scale):
                found[each.peer.name].append(sum(1 for _ in each.alarms(values)))
            for name, dummy in DUMMIES.items():
                found[name].append(sum(1 for _ in dummy(values)))
    return found


def _spread(found: list[int]) -> dict[str, float]:
    return {"mean": sum(found) / len(found) / LENGTH * 1e6, "worst": max(found) / LENGTH * 1e6, "runs": len(found)}
