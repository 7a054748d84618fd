"""Sample size: does the rate of false alarms depend on how many rows a window has? A fixed PSI's and a KS test's do."""

from typing import Any

import numpy as np

from bench.detection.protocol import (
    DAY,
    IID,
    SIZE_REFERENCE,
    SIZE_RUNS,
    SIZES,
    WINDOWS,
    Scale,
)
from bench.detection.streams import Counts, normal_histograms
from bench.detection.watched import GATED, ErrorReference, WatchedFeature, alarms
from detectors.distances import population_stability_index
from detectors.reference import vector

BUDGET_WINDOWS = 90
PSI = 0.1  # the usual rule of thumb


def sample_size(scale: Scale) -> dict[str, Any]:
    """Return alarms in 90 clean windows by their size: the larger of error rate's and feature drift's."""
    rate, beside = {}, []
    for size in SIZES:
        windows = scale.of(WINDOWS)
        errors, drifts, psi = [], [], []
        for run in range(SIZE_RUNS):
            rng = scale.generator(f"sample size, {size}", run)
            before = rng.binomial(size, IID.mean, SIZE_REFERENCE).astype(np.float64)
            clean = rng.binomial(size, IID.mean, windows).astype(np.float64)
            bet = ErrorReference(before, size, IID.mean).bet(GATED, BUDGET_WINDOWS * DAY)
            errors.append(sum(1 for _ in alarms(bet, clean, size, DAY)) / windows)
            width = DAY - DAY % size  # so that rows are evenly spaced
            feature = WatchedFeature(rng.normal(size=size * SIZE_REFERENCE), size, width, BUDGET_WINDOWS * width)
            histograms = normal_histograms(rng, feature.edges, 0.0, size, windows)
            drifts.append(sum(1 for _ in feature.alarms(histograms)) / windows)
            psi.append(_psi(feature, histograms))
        error, drift = (BUDGET_WINDOWS * float(np.mean(each)) for each in (errors, drifts))
        rate[str(size)] = max(error, drift)
        beside.append(
            {
                "rows": size,
                "error rate": error,
                "feature drift": drift,
                f"PSI > {PSI:g}": BUDGET_WINDOWS * float(np.mean(psi)),
            }
        )
    return {"rate": rate, "beside": beside}


def _psi(feature: WatchedFeature, histograms: Counts) -> float:
    """Return the share of windows whose PSI a fixed threshold would call drift."""
    before = feature.layout.families["traffic"].view(vector(feature.layout, "traffic"), "histogram:x")
    found = [population_stability_index(before, histogram) for histogram in histograms]
    return float(np.mean([value is not None and value > PSI for value in found]))
