"""River's detectors behind `StreamDetector`, safe against what would silence or mislead them. Order matters; pure.

Importing this brings scipy.stats and 80 MB with it: `stream_detector` does so on demand. ADWIN is in `detectors.adwin`.
"""

from typing import Any, ClassVar

from river.drift import KSWIN, PageHinkley
from river.drift.binary import DDM, EDDM, FHDDM, HDDMA, HDDMW

from detectors.adwin import LARGEST
from detectors.running_scale import WARM_UP, RunningScale
from detectors.state_classes import register
from detectors.stream_detector import StreamDetector
from schemas.detector_spec import (
    AdwinSpec,
    AnyDetector,
    DdmSpec,
    EddmSpec,
    FhddmSpec,
    HddmASpec,
    HddmWSpec,
    KswinSpec,
    PageHinkleySpec,
)

WARNING = 0.95  # River's own; it must not lie below EDDM's threshold of drift, and nobody here listens to warnings


def river_detector(spec: AnyDetector) -> StreamDetector:
    """Return a fresh detector."""
    match spec:
        case KswinSpec():
            return GuardedKswin(KSWIN(spec.alpha, spec.window_size, spec.stat_size, spec.seed))
        case PageHinkleySpec():
            return GuardedPageHinkley(PageHinkley(spec.min_instances, spec.delta, spec.threshold, spec.alpha))
        case DdmSpec():
            return GuardedDdm(DDM(spec.warm_start, drift_threshold=spec.drift_threshold))
        case EddmSpec():
            return GuardedEddm(EDDM(spec.warm_start, max(WARNING, spec.beta), spec.beta))
        case FhddmSpec():
            return GuardedFhddm(FHDDM(spec.sliding_window_size, spec.confidence_level, spec.short_window_size))
        case HddmASpec():
            return GuardedHddmA(HDDMA(spec.drift_confidence, two_sided_test=spec.two_sided_test))
        case HddmWSpec():
            return GuardedHddmW(
                HDDMW(spec.drift_confidence, lambda_val=spec.lambda_val, two_sided_test=spec.two_sided_test)
            )
        case AdwinSpec():
            raise ValueError("ADWIN is made without River's Python: see stream_detector")


class RiverDetector:
    """What all of them do: guard, turn, feed, count.

    Parameters
    ----------
    river
        A fresh detector of River's.
    """

    binary: ClassVar[bool] = False

    def __init__(self, river: Any) -> None:
        self._river = river
        self.position = 0
        self.skipped = 0
        self.alarms = 0
        self.rose: bool | None = None

    @property
    def two_sided(self) -> bool:
        """Whether it sees falls as it sees rises."""
        return True

    def update(self, value: float) -> bool:
        """Feed one loss; return whether a change was detected at this row."""
        if not (value in (0.0, 1.0) if self.binary else -LARGEST <= value <= LARGEST):
            self.skipped += 1
            return False
        fired = self._feed(value)
        self.position += 1
        self.alarms += fired
        return fired

    def _feed(self, value: float) -> bool:
        raise NotImplementedError


@register
class GuardedKswin(RiverDetector):
    """KSWIN on losses as they are.

    Its test asks for ranks alone, so a fixed scale changes nothing and a running one would only blur them. What keeps
    it quiet is a small `alpha`, since every row makes a test.

    References
    ----------
    Raab, Heusinger and Schleif, "Reactive soft prototype computing for concept drift streams", Neurocomputing, 2020.
    """

    def _feed(self, value: float) -> bool:
        window = self._river.window  # replaced at an alarm
        self._river.update(value)
        if not self._river.drift_detected:
            return False
        rows, newest = list(window), self._river.stat_size
        before, after = sum(rows[:-newest]) / (len(rows) - newest), sum(rows[-newest:]) / newest
        self.rose = None if before == after else after > before
        return True


@register
class GuardedPageHinkley(RiverDetector):
    """Page and Hinkley's test on scores: losses less their running mean, by their running deviation, within ±10.

    Its `delta` and `threshold` are in the unit of what it is fed. On raw errors of some hundreds it fires every
    `min_instances` rows, on rare errors never. The scale is a running one, not the reference's: a version without a
    reference, or a segment that the reference lacks, has it too, and a reference that is off cannot make it cry wolf.
    Of the first 30 rows it knows too little, and each counts as the mean. It starts anew with the detector after an
    alarm: a scale that still moved on to the new level would be taken for a change back.

    References
    ----------
    Page, "Continuous inspection schemes", Biometrika 41, 1954.
    """

    def __init__(self, river: PageHinkley) -> None:
        super().__init__(river)
        self._scale = RunningScale()

    def _feed(self, value: float) -> bool:
        river = self._river
        known = self._scale.rows >= WARM_UP
        score = self._scale.score(value, learn=True)
        river.update(score if known else 0.0)
        if not river.drift_detected:
            return False
        self._scale = RunningScale()
        self.rose = bool(river._sum_increase - river._min_increase > river._max_decrease - river._sum_decrease)
        return True


class ErrorDetector(RiverDetector):
    """One that asks for right (0) or wrong (1), and sees rises alone."""

    binary = True

    @property
    def two_sided(self) -> bool:
        """Whether it sees falls as it sees rises."""
        return False

    def _feed(self, value: float) -> bool:
        self._river.update(int(value))
        if not self._river.drift_detected:
            return False
        self.rose = True
        return True


@register
class GuardedDdm(ErrorDetector):
    """DDM on errors.

    References
    ----------
    Gama, Medas, Castillo and Rodrigues, "Learning with drift detection", SBIA 2004.
    """


@register
class GuardedEddm(ErrorDetector):
    """EDDM on errors.

    References
    ----------
    Baena-García, del Campo-Ávila, Fidalgo, Bifet, Gavaldà and Morales-Bueno, "Early drift detection method", 2006.
    """


@register
class GuardedFhddm(ErrorDetector):
    """FHDDM, which is fed 1 for right, against its documentation: what it looks for is a fall of the window's mean.

    References
    ----------
    Pesaranghader and Viktor, "Fast Hoeffding drift detection method for evolving data streams", ECML-PKDD 2016.
    """

    def _feed(self, value: float) -> bool:
        return super()._feed(1 - value)


class _GuardedHddm(ErrorDetector):
    """What both HDDM tests have alike."""

    @property
    def two_sided(self) -> bool:
        """Whether it sees falls as it sees rises."""
        return bool(self._river.two_sided_test)

    def _feed(self, value: float) -> bool:
        fired = super()._feed(value)
        if fired and self.two_sided:
            self.rose = self._mean_rises(self._river.drift_confidence)
        return fired

    def _mean_rises(self, confidence: float) -> bool:
        raise NotImplementedError


@register
class GuardedHddmA(_GuardedHddm):
    """HDDM_A on errors.

    References
    ----------
    Frías-Blanco, del Campo-Ávila, Ramos-Jiménez, Morales-Bueno, Ortiz-Díaz and Caballero-Mota, "Online and
    non-parametric drift detection methods based on Hoeffding's bounds", IEEE Transactions on Knowledge and Data
    Engineering 27(3), 2015.
    """

    def _mean_rises(self, confidence: float) -> bool:
        return bool(self._river._mean_incr(confidence))


@register
class GuardedHddmW(_GuardedHddm):
    """HDDM_W on errors; from the paper of HDDM_A."""

    def _mean_rises(self, confidence: float) -> bool:
        return bool(self._river._detect_mean_incr(confidence))
