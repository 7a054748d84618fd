"""Estimated absolute error of a regression before labels come: direct loss estimation, graded by the cohort.

A River regressor learns the error of rows whose labels have come, and predicts that of a pane's sampled predictions.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from detectors.bounds import upper_bound_of_mean
from detectors.budget import Stake
from detectors.grading import Grading
from detectors.indicators import loss_histogram
from detectors.layout import FIXED, Layout
from detectors.loss_regressor import LossRegressor
from detectors.metric_counting import SQUARED_ERROR
from detectors.pane import ClosedPane
from detectors.reference import loss_name, moments, vector
from detectors.signals.calibration import coverage_problem
from detectors.signals.estimate_bets import EstimateBets
from detectors.signals.grade import graded
from detectors.signals.loss import minimum_effect
from detectors.signals.signal import Finding, Grounds
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family, Reading

Floats = npt.NDArray[np.float64]

WARM_UP = 1_000  # rows learnt before it says anything: five times the rows that a leaf needs to split twice
MOST_LEARNT = 500  # rows of a label pane, some 60 µs each
WAITING = 1_000  # estimates that wait for their cohort
BINS = 20
REACH = 4  # `loss_max` is four times the reference's 99 % quantile: no mean error comes beyond a fourth of it
OFF = "what came true differs from the newest estimates by more than chance: errors are not what they were learnt as"


@register
class EstimatedLoss:
    """Mean absolute error to expect of the pane's predictions; later, how far that was from what came true.

    It is judged once ten panes are graded, and lowered by the margin by which those say that one may be too high:
    the reference's mean error is known, but nobody knows what this regressor would have said of the reference.
    """

    families: frozenset[Family] = frozenset({"label", "traffic", "cohort"})

    def __init__(self, layout: Layout) -> None:
        self._waiting: dict[Micros, tuple[float, float]] = {}
        """Estimate, and its variance for want of rows in the sample, by start of the pane."""
        self._grading = Grading()
        self._regressor: LossRegressor | None = None
        self._bets: EstimateBets | None = None
        self._unjudged: str | None = None
        """Why the estimate is told and not judged."""
        self._reference: float | None = None
        grounds, scale = Grounds(layout), layout.loss_scale
        self._phi = grounds.dispersion(loss_name(None, 0))
        if scale is None:
            return
        self._regressor = LossRegressor({n: feature.type for n, feature in layout.spec.features.items()}, scale)
        n, total, squares = moments(*loss_histogram(layout, vector(layout, "cohort"), "cohort"))
        if n:
            self._reference = total / n * scale
        self._unjudged = grounds.problem_of(loss_name(None, 0)) or (None if n else "the reference has no labelled rows")
        if self._unjudged is None:
            bound = upper_bound_of_mean(total, squares, n, dispersion=self._phi)
            self._bets = EstimateBets(layout, (bound + minimum_effect(layout) / scale) * REACH, self._phi)
            self._unjudged = self._bets.problem

    @property
    def regressor(self) -> LossRegressor | None:
        """What has learnt which losses to expect; None without a reference."""
        return self._regressor

    def learn_on(self, before: "EstimatedLoss") -> None:
        """Go on from what another one has learnt and estimated, which was judged by another reference."""
        self._regressor, self._waiting, self._grading = before._regressor, before._waiting, before._grading

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bets is None else self._bets.stakes

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Learn from a label pane, estimate a traffic pane, grade the estimate of a cohort."""
        if pane.key.family == "label":
            self._learn(pane)
            return ()
        return self._estimate(pane) if pane.key.family == "traffic" else self._grade(pane)

    def _learn(self, pane: ClosedPane) -> None:
        if self._regressor is None:
            return
        step = -(-len(pane.sample) // MOST_LEARNT) or 1
        for one in pane.sample[::step]:
            if one.loss is not None and one.loss == one.loss:
                self._regressor.learn(one.row.features, one.row.value, one.loss)

    def _estimate(self, pane: ClosedPane) -> Iterable[Finding]:
        layout, effect = pane.layout, minimum_effect(pane.layout)
        scale, problem = layout.loss_scale, pane.problem
        losses: Floats = np.empty(0)
        if self._regressor is None or scale is None:
            problem = problem or f"no reference profile for version {layout.version}"
        elif self._regressor.learnt < WARM_UP:
            problem = problem or f"{self._regressor.learnt} labelled rows were learnt from; {WARM_UP} are needed"
        elif problem is None:
            regressor = self._regressor
            losses = np.array([regressor.predict(one.row.features, one.row.value) for one in pane.sample])
            problem = None if len(losses) else "no predictions"
        if len(losses):
            self._waiting[pane.start] = (float(losses.mean()), float(losses.var()) / len(losses))
            while len(self._waiting) > WAITING:
                del self._waiting[next(iter(self._waiting))]
            problem = (OFF if self._grading.blind(effect) else None) or pane.stale or self._unjudged
        value = float(losses.mean()) if len(losses) and problem != OFF else None
        reading = Reading(
            signal="estimated_absolute_error",
            tier="performance",
            detector="loss_regressor",
            value=value,
            n=len(losses),
            status="ok" if problem is None else "unknown",
            reason=problem,
            reference=self._reference,
            effect=None if value is None or self._reference is None else value - self._reference,
            sampled=not pane.complete,
        )
        margin = self._grading.margin()
        if problem is not None or self._bets is None or scale is None or margin is None:
            yield Finding(reading)
            return
        scaled = np.clip((losses - margin) / scale * REACH, 0.0, 1.0)
        bins = np.minimum((scaled * BINS).astype(np.int64), BINS - 1)
        counts = np.bincount(bins, minlength=BINS).astype(np.float64)
        sums = np.bincount(bins, weights=scaled, minlength=BINS).astype(np.float64)
        trusted = self._grading.trusted(effect)
        yield from self._bets.judge(pane, reading, (counts, sums), lambda x: x * scale / REACH, trusted)

    def _grade(self, pane: ClosedPane) -> Iterable[Finding]:
        found, scale = self._waiting.pop(pane.start, None), pane.layout.loss_scale
        if found is None or scale is None or pane.problem is not None or coverage_problem(pane) is not None:
            return ()
        estimate, sampling = found
        losses, sums = loss_histogram(pane.layout, pane.counts, "cohort")
        n = int(losses.sum())
        realised = float(sums.sum()) / n * scale
        squares = float(pane.view("moments")[SQUARED_ERROR]) / FIXED / n * scale * scale
        variance = self._phi * max(0.0, squares - realised**2) / n + sampling
        self._grading.add(estimate - realised, variance, n)
        return graded("loss_estimate", estimate - realised, n, self._grading, "loss_regressor")
