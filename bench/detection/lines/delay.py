"""Delay: how many rows after an error rate has risen from .2 it is noticed."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.detection.peers import ADWIN, DUMMIES, own_rate, realised, tuned
from bench.detection.protocol import (
    BEFORE,
    CENSORED,
    CHANGES,
    IID,
    MARKOV,
    PANE,
    REFERENCE,
    REFERENCES,
    REPEATS,
    Scale,
    Stream,
)
from bench.detection.streams import Bits, changing, stationary
from bench.detection.watched import BESIDE, GATED, error_reference


def delay(scale: Scale) -> dict[str, Any]:
    """Return delays on independent rows."""
    return _line(IID, scale)


def delay_markov(scale: Scale) -> dict[str, Any]:
    """Return delays on dependent rows; ADWIN also as it is tuned on independent ones, at the rate that it has here."""
    return _line(MARKOV, scale)


def _line(stream: Stream, scale: Scale) -> dict[str, Any]:
    peers = {each.peer.name: each for each in tuned(stream, scale)}
    if stream != IID:
        peers["ADWIN, tuned on i.i.d."] = next(each for each in tuned(IID, scale) if each.peer is ADWIN)
    rates = {name: realised(each, stream, scale) for name, each in peers.items()}
    rates[f"{GATED}, reference {REFERENCE:,}"] = own_rate(stream, scale)
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for repeat in range(scale.of(REPEATS)):
        rng = scale.generator(f"delay, {stream.name}", repeat)
        longest = stationary(rng, stream, max(REFERENCES))
        references = {size: error_reference(longest[:size], stream.mean) for size in REFERENCES}
        for mean in CHANGES:
            change = BEFORE + int(rng.integers(PANE))
            values = changing(rng, stream, change, mean, CENSORED)
            watchers: dict[str, Callable[[Bits], Iterator[int]]] = {
                **{each: watcher.alarms for each, watcher in peers.items()},
                **DUMMIES,
            }
            for size, reference in references.items():
                for baseline in (GATED, *BESIDE):
                    delays = _delay(reference.alarms(baseline, values), change)
                    found[f"{baseline}, reference {size:,}"][f"{mean:g}"].append(delays)
            for name, watcher in watchers.items():
                found[name][f"{mean:g}"].append(_delay(watcher(values), change))
    return {
        **{str(size): _means(found[f"{GATED}, reference {size:,}"]) for size in REFERENCES},
        "standard_errors": {str(size): _standard_errors(found[f"{GATED}, reference {size:,}"]) for size in REFERENCES},
        "beside": [
            {"detector": name, **{f".2 → {mean}": figure for mean, figure in _means(each).items()}}
            | ({"false alarms per M": rates[name]} if name in rates else {})
            for name, each in found.items()
        ],
    }


def _delay(alarms: Iterator[int], change: int) -> int:
    """Return the rows from the change to the first alarm after it."""
    return min(CENSORED, next((position - change for position in alarms if position > change), CENSORED))


def _means(found: dict[str, list[int]]) -> dict[str, float]:
    return {mean: float(np.mean(delays)) for mean, delays in found.items()}


def _standard_errors(found: dict[str, list[int]]) -> dict[str, float]:
    return {mean: float(np.std(delays)) / len(delays) ** 0.5 for mean, delays in found.items()}
