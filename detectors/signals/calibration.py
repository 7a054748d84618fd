"""Calibration: whether like scores still mean what they meant, on cohorts. Binary: P(positive); multiclass: P(right).

When this moves, the concept has changed: nothing that is estimated from the scores can be believed any more.
"""

from collections.abc import Iterable

import numpy as np

from detectors import intervals
from detectors.bet import Bet
from detectors.bounds import CONFIDENCE, upper_bound
from detectors.budget import Stake
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.reliability import Group, calibration_error, describe, groups_of, hits_of
from detectors.signals.judged import judged
from detectors.signals.labels import too_few_labels
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading

NAME = "calibration"
LEAST = 0.02  # of the reference's labelled rows: what fewer rows promise is not known well enough to bet on


@register
class Calibration:
    """Bets, up and down, that the hits of one group of scores have left what the reference's calibration allows.

    A bet's baseline is the calibrated probability at the end of the group, not its mean: traffic that moves within the
    group is no change of the calibration. To it come the reference's uncertainty and the minimum effect.
    """

    families: frozenset[Family] = frozenset({"cohort"})

    def __init__(self, layout: Layout, group: Group, groups: int, weight: float) -> None:
        self._group = group
        self._weight = weight
        grounds = Grounds(layout)
        self._problem = grounds.problem_of(group.name)
        self._reference: float | None = None
        self._bet: Bet | None = None
        hits, n = hits_of(layout, vector(layout, "cohort"), group)
        if n:
            self._reference = hits / n
        elif self._problem is None:
            self._problem = "the reference has no labelled rows with such scores"
        if self._problem is None and weight == 0:
            self._problem = "weights.calibration is 0: nothing is staked on it"
        if self._problem is None:
            phi = grounds.dispersion(group.name)
            shares = np.array([hits, n - hits]) / n
            confidence = 1 - (1 - CONFIDENCE) / (2 * groups)  # of all bounds of all groups together
            slack = upper_bound(shares * n, n, confidence, phi) - shares
            ends = np.maximum(shares, [group.most, 1 - group.least])
            baselines = ends + slack + layout.spec.minimum_effect.calibration
            self._bet = Bet(baselines, weight, layout.spec.false_alarms.length, np.full(2, phi))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def open(self) -> bool:
        """Whether a change of the calibration is going on."""
        return self._bet is not None and self._bet.open

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of hits among the group's rows, where there are any."""
        layout = pane.layout
        hits, n = hits_of(layout, pane.counts, self._group)
        if n == 0:
            return
        low, high = intervals.of_proportion(hits, n)
        where = describe(layout, self._group)
        problem = pane.judging_problem or self._problem or coverage_problem(pane)
        reading = Reading(
            signal=NAME,
            tier="performance",
            segment=where,
            value=hits / n,
            low=low,
            high=high,
            n=int(n),
            status="unknown",
            reason=problem,
            reference=self._reference,
        )
        if problem is not None or self._bet is None:
            yield Finding(reading)
            return
        verdict = self._bet.counts(np.array([hits, n - hits]), n, pane.start, pane.end)
        fell = verdict.judgement.bet == 1
        positive = f"outcome {layout.spec.positive_label}" if layout.spec.task == "binary" else "right predictions"
        update = {
            "detector": "e_detector",
            "baseline": 1 - verdict.baseline if fell else verdict.baseline,
            "effect": None if self._reference is None else hits / n - self._reference,
        }
        yield judged(
            reading.model_copy(update=update),
            verdict,
            f"share of {positive} at {where.replace('=', ' ')}",
            minimum_effect=layout.spec.minimum_effect.calibration,
            weight=self._weight,
            unit=lambda share: 1 - share if fell else share,
        )


@register
class CalibrationError:
    """Expected calibration error: a reading, not a test."""

    families: frozenset[Family] = frozenset({"cohort"})

    def __init__(self, layout: Layout) -> None:
        self._problem = None if groups_of(layout) else "the reference has no rows with both a score and a label"
        self._reference = calibration_error(layout, vector(layout, "cohort"))[0]

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the error of the labelled rows with a score."""
        value, n = calibration_error(pane.layout, pane.counts)
        problem = pane.judging_problem or self._problem or (None if n else "no labelled row has a score")
        known = problem is None
        problem = problem or coverage_problem(pane)
        yield Finding(
            Reading(
                signal="calibration_error",
                tier="performance",
                value=value if known else None,
                n=n if known else 0,
                status="ok" if problem is None else "unknown",
                reason=problem,
                reference=self._reference,
            )
        )


def calibrations(layout: Layout, weight: float) -> list[Calibration]:
    """Return the calibration signals of a version, one for each group of scores; they share the weight evenly."""
    reference = vector(layout, "cohort")
    rows = {group: hits_of(layout, reference, group)[1] for group in groups_of(layout)}
    groups = [group for group, n in rows.items() if n >= LEAST * sum(rows.values())]
    return [Calibration(layout, group, len(groups), weight / len(groups)) for group in groups]


def coverage_problem(pane: ClosedPane) -> str | None:
    """Return why a cohort has too few labels to be judged, or None."""
    return too_few_labels(pane.layout, int(pane.view("losses").sum()), pane.n)
