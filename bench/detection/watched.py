"""The product's detectors as the scorecard runs them: wired as the signals wire them, with none of their formulas."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.detection.protocol import BUDGET, OBSERVATION, PANE
from bench.detection.streams import Bits, Counts, Floats, pane_sums
from detectors import indicators
from detectors.bet import Bet
from detectors.bounds import dispersion_of, upper_bound
from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.row import Row
from detectors.signals.drift import Drift
from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.spec import ModelSpec

Baseline = Literal["UCB95", "UCB95, φ = 1", "known", "plug-in"]
GATED: Baseline = "UCB95"
BESIDE: tuple[Baseline, ...] = ("UCB95, φ = 1", "known", "plug-in")


@dataclass(frozen=True)
class ErrorReference:
    """What a reference says of an error rate."""

    sums: Floats
    """Errors in each pane, shape (panes,)."""
    pane: int
    """Rows in each."""
    mean: float
    """The true one."""

    def bet(self, baseline: Baseline, budget: float = BUDGET) -> Bet:
        """Return a fresh detector, wired as `detectors.signals.loss` wires it: all of the budget, no minimum effect."""
        total, n = float(self.sums.sum()), float(self.pane * len(self.sums))
        share = total / n
        phi = 1.0
        if baseline != "UCB95, φ = 1":
            phi = dispersion_of(self.sums, np.full(len(self.sums), float(self.pane)), share * (1 - share))
        bound = {"known": self.mean, "plug-in": share}.get(baseline)
        if bound is None:
            bound = float(upper_bound(total, n, dispersion=phi))
        return Bet(np.array([bound]), 1.0, budget, np.array([phi]))

    def alarms(self, baseline: Baseline, values: Bits) -> Iterator[int]:
        """Yield after how many values the detector alarms."""
        return alarms(self.bet(baseline), pane_sums(values, self.pane), self.pane, self.pane * OBSERVATION)


def error_reference(values: Bits, mean: float, pane: int = PANE) -> ErrorReference:
    return ErrorReference(pane_sums(values, pane), pane, mean)


def alarms(bet: Bet, sums: Floats, rows: int, width: Micros) -> Iterator[int]:
    """Yield after how many rows the detector alarms; a pane of `rows` rows is `width` wide."""
    for number in range(len(sums)):
        verdict = bet.counts(sums[number : number + 1], float(rows), number * width, (number + 1) * width)
        if verdict.judgement.fired:
            yield (number + 1) * rows


class WatchedFeature:
    """A numeric feature `x` with a reference, watched by the product's drift signal.

    Parameters
    ----------
    values
        The reference, in order, shape (n,).
    rows
        Rows in a pane.
    width, budget
        Of a pane, and event time for one false alarm, in microseconds.
    """

    def __init__(self, values: Floats, rows: int, width: Micros, budget: Micros) -> None:
        self.rows = rows
        self._width = width
        spec = ModelSpec.model_validate(
            {
                "task": "text",
                "features": {"x": "numeric"},
                "pane": width,
                "label_horizon": "1d",
                "false_alarms": f"1 per {budget // OBSERVATION}s",
                "reference": "profile.json",
            }
        )
        step = width // rows
        reference = [
            (Row(number * step, str(number), [value], text="", text_length=1), None)
            for number, value in enumerate(values.tolist())
        ]
        self.layout = Layout("m", "1", spec, build_profile("m", "1", spec, reference))
        self.edges = self.layout.edges["x"]
        self._family = self.layout.families["traffic"]
        self._budget = budget

    def pane(self, number: int, histogram: Counts) -> ClosedPane:
        """Return a closed pane by its histogram."""
        counts = np.zeros(self._family.size, dtype=np.int64)
        self._family.view(counts, "n")[0] = histogram.sum()
        self._family.view(counts, "histogram:x")[:] = histogram
        return ClosedPane(PaneKey("m", "1", "traffic", number * self._width), self.layout, counts, [], True)

    def alarms(self, histograms: Counts) -> Iterator[int]:
        """Yield after how many rows the signal fires; `histograms` has the shape (panes, bins)."""
        signal = Drift(self.layout, "x", 1.0)
        for number, histogram in enumerate(histograms):
            for finding in signal.read(self.pane(number, histogram)):
                if finding.reading.status == "unknown":
                    raise ValueError(f"the signal says nothing: {finding.reading.reason}")
                if finding.firing is not None:
                    yield (number + 1) * self.rows

    def point_alarms(self, histograms: Counts, means: Floats | None = None) -> Iterator[int]:
        """Yield the alarms of the same bets on given means + τ, without bounds; by default the reference's own."""
        at_reference = indicators.of_feature(self.layout, vector(self.layout, "traffic"), "x")
        baselines = at_reference.totals / at_reference.n if means is None else means
        tolerance = self.layout.spec.minimum_effect.drift
        bet = Bet(baselines + tolerance, 1.0, float(self._budget), np.ones(len(baselines)))
        for number, histogram in enumerate(histograms):
            pane = self.pane(number, histogram)
            totals, n = indicators.of_feature(self.layout, pane.counts, "x")
            if bet.counts(totals, n, pane.start, pane.end).judgement.fired:
                yield (number + 1) * self.rows
