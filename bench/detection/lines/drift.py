"""Binned drift of a normal feature: clean, within the tolerance, and shifted."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import ndtr

from bench.detection.protocol import (
    BUDGET,
    DRIFT_EVENTS,
    DRIFT_PANE,
    DRIFT_REFERENCES,
    DRIFT_RUNS,
    OBSERVATION,
    SHIFT,
    SHIFT_BEFORE,
    SHIFTS,
    WITHIN,
    Scale,
)
from bench.detection.streams import Counts, normal_histograms
from bench.detection.watched import WatchedFeature

LONGEST = 20_000  # events after the shift; one that is not found by then counts as found then


def drift(scale: Scale) -> dict[str, Any]:
    """Return alarms in a million while nothing (or next to nothing) changed, and events until a shift is noticed."""
    clean, within, delay = {}, {}, {}
    beside = []
    for size in DRIFT_REFERENCES:
        rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for run in range(DRIFT_RUNS):
            rng = scale.generator(f"drift, {size}", run)
            feature = watched(rng, size)
            panes = scale.of(DRIFT_EVENTS) // DRIFT_PANE
            for stream, shift in (("clean", 0.0), ("KS = τ/2", WITHIN)):
                histograms = normal_histograms(rng, feature.edges, shift, DRIFT_PANE, panes)
                for who, alarms in _watchers(feature, beside=run == 0).items():
                    found = sum(1 for _ in alarms(histograms))
                    rates[stream][who].append(found / (panes * DRIFT_PANE) * 1e6)
        clean[str(size)], within[str(size)] = (max(rates[stream]["UCB95"]) for stream in ("clean", "KS = τ/2"))
        delay[str(size)] = _delay(size, scale)
        beside += [
            {
                "reference": size,
                "stream": stream,
                "baseline": who,
                "per M, mean": float(np.mean(each)),
                "runs": len(each),
            }
            for stream, found in rates.items()
            for who, each in found.items()
        ]
    return {"clean": clean, "within": within, "delay": delay, "beside": beside}


def watched(rng: np.random.Generator, size: int) -> WatchedFeature:
    """Return a standard normal feature with a reference of `size` rows."""
    return WatchedFeature(rng.normal(size=size), DRIFT_PANE, DRIFT_PANE * OBSERVATION, BUDGET)


def _watchers(feature: WatchedFeature, beside: bool) -> dict[str, Callable[[Counts], Iterator[int]]]:
    ours: dict[str, Callable[[Counts], Iterator[int]]] = {"UCB95": feature.alarms}
    if not beside:
        return ours
    below = ndtr(feature.edges)
    known = np.concatenate([below, 1 - below, [0.0]])
    return ours | {
        "known": lambda histograms: feature.point_alarms(histograms, known),
        "plug-in": feature.point_alarms,
    }


def _delay(size: int, scale: Scale) -> float:
    found = []
    for repeat in range(scale.of(SHIFTS)):
        rng = scale.generator(f"shift, {size}", repeat)
        feature = watched(rng, size)
        before = normal_histograms(rng, feature.edges, 0.0, DRIFT_PANE, SHIFT_BEFORE // DRIFT_PANE)
        after = normal_histograms(rng, feature.edges, SHIFT, DRIFT_PANE, LONGEST // DRIFT_PANE)
        alarms = feature.alarms(np.concatenate([before, after]))
        found.append(next((at - SHIFT_BEFORE for at in alarms if at > SHIFT_BEFORE), LONGEST))
    return float(np.mean(found))
