"""What an estimate stakes: a notice, and an alarm once its graded error is below the minimum effect."""

from collections.abc import Callable, Iterable

import numpy as np

from detectors.bet import Bet, Verdict
from detectors.budget import Severity, Stake
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.judged import judged
from detectors.signals.loss import minimum_effect
from detectors.signals.signal import HOPELESS, Finding
from detectors.state import register
from schemas.reading import Reading


@register
class EstimateBets:
    """Two e-detectors on the rise of an estimated loss, each with the budget of what it may raise.

    The one that alarms takes only panes at which the estimate was trusted. Whether it was is known before the pane, so
    the bound on false alarms holds: a pane that is left out is a bet of nothing.

    Parameters
    ----------
    baseline
        Upper bound of the mean loss in [0, 1] in the reference, minimum effect included.
    dispersion
        φ of the losses.
    """

    def __init__(self, layout: Layout, baseline: float, dispersion: float) -> None:
        spec = layout.spec
        self._weights: dict[Severity, float] = {
            "notice": spec.notice_weights.estimates,
            "alarm": spec.weights.estimates,
        }
        baselines, phi = np.array([baseline]), np.array([dispersion])
        self._notice = Bet(baselines, self._weights["notice"], spec.notice_budget.length, phi)
        self._alarm = Bet(baselines, self._weights["alarm"], spec.false_alarms.length, phi)

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return tuple(self._weights.items())

    @property
    def problem(self) -> str | None:
        """Why neither can ever fire, or None."""
        if self._notice.detector.staked or self._alarm.detector.staked:
            return None
        return HOPELESS if any(self._weights.values()) else "its weights are 0: nothing is staked on it"

    def judge(
        self,
        pane: ClosedPane,
        reading: Reading,
        histogram: tuple[np.ndarray, np.ndarray],
        unit: Callable[[float], float],
        trusted: bool,
    ) -> Iterable[Finding]:
        """Return the reading as a notice has it, and where it is trusted, as an alarm has it.

        Parameters
        ----------
        histogram
            Rows and sums of the losses to expect of them, by equal bins of [0, 1].
        unit
            From a loss in [0, 1] to the unit of the reading.
        """
        counts, sums = histogram
        if self._notice.detector.staked:
            verdict = self._notice.histogram(counts, sums, pane.start, pane.end)
            yield self._finding(pane, reading, verdict, unit, "notice")
        else:
            yield Finding(reading)
        if trusted and self._alarm.detector.staked:
            verdict = self._alarm.histogram(counts, sums, pane.start, pane.end)
            graded = reading.model_copy(update={"detector": f"{reading.detector}_graded"})
            yield self._finding(pane, graded, verdict, unit, "alarm")

    def _finding(
        self, pane: ClosedPane, reading: Reading, verdict: Verdict, unit: Callable[[float], float], severity: Severity
    ) -> Finding:
        return judged(
            reading.model_copy(update={"baseline": unit(verdict.baseline)}),
            verdict,
            reading.signal.replace("_", " "),
            minimum_effect=minimum_effect(pane.layout),
            weight=self._weights[severity],
            severity=severity,
            unit=unit,
        )
