"""Readings of a graded estimate: its error on the cohort, and its mean absolute error over the newest ones."""

from collections.abc import Iterable

from detectors.grading import Grading
from detectors.signals.signal import Finding
from schemas.reading import Reading


def graded(name: str, error: float, n: int, grading: Grading, detector: str) -> Iterable[Finding]:
    """Return `{name}_error`, estimate less what came true of n rows, and `{name}_grade` over the panes that are kept.

    `high` of the grade is its upper bound (95 %): below the minimum effect, the estimate may alarm.
    """
    yield Finding(Reading(signal=f"{name}_error", tier="performance", value=error, n=n, status="ok", reference=0.0))
    yield Finding(
        Reading(
            signal=f"{name}_grade",
            tier="performance",
            detector=detector,
            value=grading.mean_absolute_error,
            high=grading.upper_bound(),
            n=grading.rows,
            status="ok",
            reference=0.0,
        )
    )
