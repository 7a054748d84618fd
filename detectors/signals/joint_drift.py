"""Joint drift: can a classifier that learns as it goes tell current rows from those of the reference?

It sees what no feature shows by itself, such as two features that no longer go together. The null is that rows now and
in the reference are at most τ (`minimum_effect.joint`) apart in total variation. Alone it is a notice.
"""

from collections.abc import Iterable

import numpy as np

from detectors.budget import Stake
from detectors.classifier_bets import ClassifierBets
from detectors.distribution import bet_names, indicators_of
from detectors.joint_columns import columns_of
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.row_codes import RowCodes
from detectors.signals.judged import judged
from detectors.signals.signal import Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


@register
class JointDrift:
    """All numeric, categorical and boolean features together, on the rows of the traffic panes' samples."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        self._bets: ClassifierBets | None = None
        self._held_out_dispersion = 1.0
        grounds = Grounds(layout)
        self._problem = grounds.problem
        if self._problem is not None or layout.profile is None:
            return
        columns = columns_of(layout)
        if columns is None:
            self._problem = "the reference profile has no sample of rows that is large enough; build it again"
            return
        phi, rows = _dispersion(layout, grounds), layout.profile.rows / max(layout.profile.panes, 1)
        self._held_out_dispersion = _of_sample(phi, len(columns.held_out) / max(layout.profile.panes, 1), rows)
        dispersion = _of_sample(phi, layout.spec.traffic_sample, rows)
        self._bets = ClassifierBets(columns.width, weight, layout.spec.notice_budget.length, dispersion)

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bets is None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Test the classifier on the pane's rows, then let it learn them."""
        problem = pane.judging_problem or self._problem
        columns = columns_of(pane.layout)
        if problem is None and not pane.sample:
            problem = "the pane has no rows"
        if problem is not None or columns is None or self._bets is None:
            yield Finding(self._unknown(pane, problem))
            return
        bets, rows = self._bets, columns.encode(columns.codes([sampled.row for sampled in pane.sample]))
        if not bets.learnt:
            yield Finding(self._unknown(pane, "the classifier has not learnt from any pane yet"))
        else:
            held_out, tolerance = columns.encode(columns.held_out), pane.layout.spec.minimum_effect.joint
            verdict, share, usual = bets.test(
                rows, held_out, tolerance, self._held_out_dispersion, pane.start, pane.end
            )
            reading = Reading(
                signal="joint_drift",
                tier="drift",
                detector="classifier_bets",
                value=share,
                n=len(rows),
                status="ok",
                reference=usual,
                baseline=verdict.baseline,
                effect=share - usual,
                sampled=not pane.complete,
            )
            yield judged(
                reading,
                verdict,
                "share of rows that a classifier takes for current ones, not the reference's,",
                minimum_effect=tolerance,
                weight=self._weight,
                severity="notice",
                reference=usual,
            )
        turns = bets.turns(len(rows), len(columns.training))
        bets.train(rows, columns.encode(columns.training[turns]))

    def _unknown(self, pane: ClosedPane, reason: str | None) -> Reading:
        return Reading(
            signal="joint_drift",
            tier="drift",
            detector="classifier_bets",
            value=None,
            n=len(pane.sample),
            status="unknown",
            reason=reason,
            sampled=not pane.complete,
        )


def joint_drift(layout: Layout, weight: float) -> list[JointDrift]:
    """Return the signal of joint drift, which has `weight` of the notices; none where nothing has bins."""
    return [JointDrift(layout, weight)] if weight > 0 and RowCodes(layout).names else []


def _dispersion(layout: Layout, grounds: Grounds) -> float:
    """Return φ of whole panes: that of the feature which varies most, where half of its indicators vary as much."""
    found = [1.0]
    for name in RowCodes(layout).names:
        bets = len(indicators_of(layout, vector(layout, "traffic"), name).totals)
        found.append(float(np.median([grounds.dispersion(each) for each in bet_names(name, bets)])))
    return max(found)


def _of_sample(phi: float, taken: float, rows: float) -> float:
    """Return φ of `taken` rows of each pane, where φ of all its rows is known.

    φ is 1 + (rows - 1) ρ for rows of a pane that go together by ρ, so it grows in proportion to how many are taken.
    """
    return 1.0 + (phi - 1.0) * min(1.0, max(taken - 1.0, 0.0) / max(rows - 1.0, 1.0))
