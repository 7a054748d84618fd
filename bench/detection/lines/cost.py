"""What detection costs: CPU time of closing panes, the best of several repeats."""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from bench.detection.lines.drift import watched
from bench.detection.protocol import (
    BUDGET,
    COST_PANES,
    COST_REPEATS,
    DRIFT_PANE,
    IID,
    OBSERVATION,
    PANE,
    REFERENCE,
    Scale,
)
from bench.detection.streams import normal_histograms, pane_sums, stationary
from bench.detection.watched import GATED, alarms, error_reference
from detectors import indicators
from detectors.bet import Bet
from detectors.counting import count_traffic
from detectors.row import Row
from detectors.row_shape import RowShape


def cost(scale: Scale) -> dict[str, Any]:
    """Return µs a row of the bets alone; beside them the whole drift signal, and the counting in level 1."""
    panes, rng = scale.of(COST_PANES), scale.generator("cost")
    reference = error_reference(stationary(rng, IID, REFERENCE), IID.mean)
    sums = pane_sums(stationary(rng, IID, panes * PANE), PANE)

    def performance() -> None:
        for _ in alarms(reference.bet(GATED), sums, PANE, PANE * OBSERVATION):
            pass

    feature = watched(rng, REFERENCE)
    histograms = normal_histograms(rng, feature.edges, 0.0, DRIFT_PANE, panes)
    closed = [feature.pane(number, histogram) for number, histogram in enumerate(histograms)]
    means = np.full(2 * len(feature.edges) + 1, 0.5)

    def bets() -> None:
        bet = Bet(means, 1.0, BUDGET, np.ones(len(means)))
        for pane in closed:
            totals, n = indicators.of_feature(feature.layout, pane.counts, "x")
            bet.counts(totals, n, pane.start, pane.end)

    def signal() -> None:
        for _ in feature.alarms(histograms):
            pass

    rows = [Row(number, str(number), [value], text="") for number, value in enumerate(rng.normal(size=10_000).tolist())]
    columns = RowShape(feature.layout.spec).columns_of(rows)

    def counting() -> None:
        count_traffic(feature.layout, closed[0].counts.copy(), columns)

    figures = {
        "performance": _best(performance) / len(sums) / PANE,
        "drift": _best(bets) / panes / DRIFT_PANE,
        "drift signal": _best(signal) / panes / DRIFT_PANE,
        "counting": _best(counting) / len(rows),
    }
    words = {
        "performance": f"e-detector, pane of {PANE}",
        "drift": f"bets on a distribution function, pane of {DRIFT_PANE}",
        "drift signal": "the same with PSI, reading and all",
        "counting": "level 1 counting a row of one feature, 10,000 at a time",
    }
    return {
        **{name: figures[name] for name in ("performance", "drift")},
        "beside": [{"what": words[name], "µs a row": figure} for name, figure in figures.items()],
    }


def _best(run: Callable[[], None]) -> float:
    """Return the least CPU time of several repeats, in µs."""
    found = []
    for _ in range(COST_REPEATS):
        began = process_time()
        run()
        found.append(process_time() - began)
    return min(found) * 1e6
