"""What a version lost before: a guess to begin a comparison with, and a bound to hold its successor against. Pure."""

from collections.abc import Callable

from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.history import Cohort, History
from detectors.layout import Layout
from detectors.reference import loss_name
from detectors.signals.signal import Grounds
from detectors.version_comparison import Bound
from schemas.event_time import Micros

NEWEST = 30  # cohorts that a guess rests on
UNKNOWN_MEAN, UNKNOWN_VARIANCE = 0.25, 0.1  # of a loss over its scale, where nothing is known of the old version

Past = Callable[[str], tuple[History, Layout] | None]
"""What is known of a version that has predicted."""


def guess_of(history: History, layout: Layout) -> tuple[float, float]:
    """Return the mean of the old version's newest losses over their scale, and the variance of one."""
    cohorts = list(history.cohorts)[-NEWEST:]
    n = sum(cohort.labelled for cohort in cohorts)
    scale = layout.loss_scale
    if not n or scale is None:
        return UNKNOWN_MEAN, UNKNOWN_VARIANCE
    mean = min(1.0, sum(cohort.loss for cohort in cohorts) / n / scale)
    squares = min(mean, sum(_squares(cohort, scale) for cohort in cohorts) / n / scale / scale)
    return mean, max(squares - mean * mean, 0.01 * mean * (1 - mean), 1e-4)


def dispersion_of(layout: Layout) -> float:
    """Return φ of the loss in the reference; 1 where it does not tell."""
    return Grounds(layout).dispersion(loss_name(None, 0))


def bound_of(history: History, layout: Layout, labels: int, until: Micros, since: Micros | None) -> Bound | None:
    """Return the upper bound of the old version's mean loss before it was replaced.

    Of the cohorts since the change that it was replaced for, where that is known; else of the newest that have enough
    labels.
    """
    scale = layout.loss_scale
    cohorts: list[Cohort] = []
    for cohort in reversed(history.cohorts):
        enough = sum(each.labelled for each in cohorts) >= labels
        if enough if since is None else cohort.end <= since:
            break
        if cohort.start < until:
            cohorts.append(cohort)
    n = sum(cohort.labelled for cohort in cohorts)
    if not n or scale is None:
        return None
    loss = sum(cohort.loss for cohort in cohorts)
    phi = dispersion_of(layout)
    if layout.loss_bins == 1:
        upper = float(upper_bound(loss / scale, n, dispersion=phi))
    else:
        squares = sum(_squares(cohort, scale) for cohort in cohorts) / scale / scale
        upper = upper_bound_of_mean(loss / scale, squares, n, dispersion=phi)
    return Bound(loss / n, n, upper * scale, phi)


def _squares(cohort: Cohort, scale: float) -> float:
    return cohort.loss * scale if cohort.squares is None else cohort.squares
