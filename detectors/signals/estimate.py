"""Estimated performance of a classifier before labels come (CBPE), graded by the cohort when they have come.

Drift of the inputs is seen, a change of the concept is not: where the grades or the calibration say that there is one,
the estimate is unknown.
"""

from collections.abc import Iterable, Sequence

from detectors.bounds import upper_bound_of_mean
from detectors.budget import Stake
from detectors.estimates import NAME, calibration_of, estimated_metrics, expected_loss
from detectors.grading import Grading
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.calibration import Calibration, coverage_problem
from detectors.signals.estimate_bets import EstimateBets
from detectors.signals.grade import graded
from detectors.signals.loss import minimum_effect
from detectors.signals.signal import Finding, Grounds
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family, Reading

WAITING = 1_000  # estimates that wait for their cohort
UNSEEN = "CBPE cannot see a change of the concept"
UNCALIBRATED = f"what scores mean has changed since the reference (calibration is open), and {UNSEEN}"
OFF = f"what came true differs from the newest estimates by more than chance: {UNSEEN}"


@register
class EstimatedPerformance:
    """Accuracy that the pane's scores promise, and binary metrics; later, how far the accuracy was from the truth."""

    families: frozenset[Family] = frozenset({"traffic", "cohort"})

    def __init__(self, layout: Layout, calibrations: Sequence[Calibration] = ()) -> None:
        self._calibrations = list(calibrations)
        self._waiting: dict[Micros, float] = {}
        """Estimated accuracy by start of the pane."""
        self._problem: str | None = None
        self._unjudged: str | None = None
        """Why the estimated accuracy cannot be judged, though it is known; or None."""
        self._reference: dict[str, float | None] = {}
        self._bets: EstimateBets | None = None
        self._phi = Grounds(layout).dispersion("loss")
        variance = 0.0
        if layout.profile is None:
            self._problem = f"no reference profile for version {layout.version}"
        elif calibration_of(layout) is None:
            self._problem = "the reference has no rows with both a score and a label"
        else:
            variance = self._prepare(layout)
        self._grading = Grading(variance)

    def _prepare(self, layout: Layout) -> float:
        """Note what the reference would have been estimated as; return the variance of its calibration."""
        reference = vector(layout, "traffic")
        loss = expected_loss(layout, reference)
        self._reference = dict(estimated_metrics(layout, reference))
        if not loss.n:
            return 0.0
        self._reference["estimated_accuracy"] = 1 - loss.total / loss.n
        grounds = Grounds(layout)
        self._unjudged = grounds.problem_of(NAME)
        if self._unjudged is None:
            phi = grounds.dispersion(NAME)
            bound = upper_bound_of_mean(loss.total, loss.squares, loss.n, dispersion=phi)
            self._bets = EstimateBets(layout, bound + minimum_effect(layout), phi)
            self._unjudged = self._bets.problem
        labelled, _ = loss_histogram(layout, vector(layout, "cohort"), "cohort")
        return self._variance(1 - loss.total / loss.n) / max(1.0, float(labelled.sum()))

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bets is None else self._bets.stakes

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the estimates of a traffic pane, or the error of the estimate when the cohort is judged."""
        return self._estimate(pane) if pane.key.family == "traffic" else self._grade(pane)

    def _estimate(self, pane: ClosedPane) -> Iterable[Finding]:
        layout, effect = pane.layout, minimum_effect(pane.layout)
        problem = pane.judging_problem or self._problem
        loss = None if problem is not None else expected_loss(layout, pane.counts)
        if loss is not None and loss.n == 0:
            loss, problem = None, "no prediction in the pane has a score"
        if loss is not None:
            self._waiting[pane.start] = 1 - loss.total / loss.n
            while len(self._waiting) > WAITING:
                del self._waiting[next(iter(self._waiting))]
            problem = self._blindness(effect)
        accuracy = None if loss is None or problem is not None else 1 - loss.total / loss.n
        reading = self._reading(
            "estimated_accuracy", accuracy, 0 if loss is None else loss.n, problem or self._unjudged
        )
        if loss is None or reading.reason is not None or self._bets is None:
            yield Finding(reading)
        else:
            trusted = self._grading.trusted(effect)
            yield from self._bets.judge(pane, reading, (loss.counts, loss.sums), lambda x: 1 - x, trusted)
        if layout.spec.task == "binary":
            found = {} if loss is None or problem is not None else estimated_metrics(layout, pane.counts)
            for name in ("estimated_roc_auc", "estimated_precision", "estimated_recall", "estimated_f1"):
                why = problem or (None if found.get(name) is not None else "no row is expected to count in it")
                yield Finding(self._reading(name, found.get(name), 0 if loss is None else loss.n, why))

    def _reading(self, name: str, value: float | None, n: int, problem: str | None) -> Reading:
        reference = self._reference.get(name)
        return Reading(
            signal=name,
            tier="performance",
            detector="cbpe",
            value=value,
            n=n,
            status="ok" if problem is None else "unknown",
            reason=problem,
            reference=reference,
            effect=None if value is None or reference is None else value - reference,
        )

    def _blindness(self, effect: float) -> str | None:
        """Return why the estimate cannot be believed, or None."""
        if any(one.open for one in self._calibrations):
            return UNCALIBRATED
        return OFF if self._grading.blind(effect) else None

    def _variance(self, accuracy: float) -> float:
        """Return the variance of a row being right or wrong, for rows that depend on each other as the reference's."""
        return self._phi * accuracy * (1 - accuracy)

    def _grade(self, pane: ClosedPane) -> Iterable[Finding]:
        estimate = self._waiting.pop(pane.start, None)
        if estimate is None or pane.problem is not None or coverage_problem(pane) is not None:
            return ()
        losses, sums = loss_histogram(pane.layout, pane.counts, "cohort")
        n = int(losses.sum())
        error = estimate - (1 - float(sums.sum()) / n)
        self._grading.add(error, self._variance(estimate) / n, n)
        return graded("estimate", error, n, self._grading, "cbpe")
