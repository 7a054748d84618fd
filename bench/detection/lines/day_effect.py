"""Days that differ: 5,000 rows a day, an error rate with a daily and a weekly pattern, one false alarm in 90 days."""

from typing import Any

import numpy as np

from bench.detection.protocol import DAY, DAY_RUNS, IID, REFERENCE_DAYS, ROWS_A_DAY, SCORED_DAYS, Scale
from bench.detection.streams import daily_rates
from bench.detection.watched import GATED, Baseline, ErrorReference, alarms

BUDGET_DAYS = 90


def day_effect(scale: Scale) -> dict[str, Any]:
    """Return alarms in 90 days: as the product does it, and without temper."""
    shown: tuple[Baseline, ...] = (GATED, "UCB95, φ = 1", "plug-in")
    found: dict[str, list[float]] = {baseline: [] for baseline in shown}
    for run in range(scale.of(DAY_RUNS)):
        rng = scale.generator("day effect", run)
        before = rng.binomial(ROWS_A_DAY, daily_rates(rng, IID.mean, REFERENCE_DAYS)).astype(np.float64)
        scored = rng.binomial(ROWS_A_DAY, daily_rates(rng, IID.mean, SCORED_DAYS)).astype(np.float64)
        reference = ErrorReference(before, ROWS_A_DAY, IID.mean)
        for baseline in shown:
            bet = reference.bet(baseline, BUDGET_DAYS * DAY)
            count = sum(1 for _ in alarms(bet, scored, ROWS_A_DAY, DAY))
            found[baseline].append(count / SCORED_DAYS * BUDGET_DAYS)
    spread = {
        name: {"mean": float(np.mean(each)), "worst": max(each), "runs": len(each)} for name, each in found.items()
    }
    return {
        "rate": spread[GATED]["mean"],
        "beside": [{"detector": name, **figures} for name, figures in spread.items()],
    }
