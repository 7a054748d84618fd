"""Whether a part of the rows changed after the whole had: if not, its change is the whole's, however late it was found.

A part is a segment, or a group of scores. The start of its change is estimated from few rows. Where luck was good for
a week, the week after looks like the beginning of another change, and the interval of the estimate may well lie after
the true start.
"""

import math

from scipy.special import ndtri

from detectors.history import Cohort, History
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.reference import loss_name, moments, vector
from detectors.reliability import describe, groups_of
from detectors.signals.calibration import NAME as CALIBRATION
from detectors.signals.loss import NAMES
from detectors.signals.signal import Grounds
from schemas.event_time import Micros

LEVEL = 0.01
"""At which some part is taken to have changed later, though each moved with the whole: one change in a hundred is told
twice by it. What is not told is still named by the incident."""


def changed_later(layout: Layout, history: History, signal: str, part: str, whole: Micros, since: Micros) -> bool:
    """Return whether the mean of a part since `since` is clearly another than its own from `whole` until then.

    The start is the likeliest of all panes since `whole`, and the part may be any: Bonferroni over both. A segment's
    loss has to have risen; what a group of scores means may have moved either way.

    Parameters
    ----------
    signal, part
        What fired: the name of the signal, and its segment or group of scores, as readings name it.
    whole
        When all rows had changed for sure: the upper end of the interval of that start.
    since
        Start of the part's change, later than `whole`.

    Returns
    -------
    bool
        True, too, where nothing speaks for the same change: the part had no labelled rows between the two, or the
        signal is neither the mean loss nor the calibration.
    """
    cohorts = history.since(whole)
    before = _total([cohort for cohort in cohorts if cohort.end <= since], signal, part)
    after = _total([cohort for cohort in cohorts if cohort.end > since], signal, part)
    spread = _spread(layout, signal, part, (before[1] + after[1]) / max(before[0] + after[0], 1))
    if spread is None or not before[0] or not after[0]:
        return True
    change = after[1] / after[0] - before[1] / before[0]
    if signal == CALIBRATION:
        change, tried = abs(change), 2 * len(groups_of(layout))
    else:
        tried = sum(len(layout.segment_values(name)) for name in layout.spec.segments)
    critical = -float(ndtri(LEVEL / (tried * len(cohorts))))
    return change > critical * spread * math.sqrt(1 / before[0] + 1 / after[0])


def _total(cohorts: list[Cohort], signal: str, part: str) -> tuple[int, float]:
    """Return labelled rows of a part, and the sum of their losses or hits."""
    sums = [cohort.hits if signal == CALIBRATION else cohort.segments for cohort in cohorts]
    known = [each[part] for each in sums if part in each]
    return sum(n for n, _ in known), sum(total for _, total in known)


def _spread(layout: Layout, signal: str, part: str, mean: float) -> float | None:
    """Return the standard deviation of a row's loss or hit, φ included; None where it is not known."""
    grounds = Grounds(layout)
    if signal == CALIBRATION:
        names = {describe(layout, group): group.name for group in groups_of(layout)}
        return None if part not in names else math.sqrt(grounds.dispersion(names[part]) * max(0.0, mean * (1 - mean)))
    feature, _, value = part.partition("=")
    if signal != NAMES[layout.spec.task] or layout.loss_scale is None or feature not in layout.spec.segments:
        return None
    if value not in layout.segment_values(feature):
        return None
    cell = layout.segment_values(feature).index(value)
    variance = _variance(layout, feature, cell, mean / layout.loss_scale)
    return layout.loss_scale * math.sqrt(grounds.dispersion(loss_name(feature, cell)) * variance)


def _variance(layout: Layout, feature: str, cell: int, mean: float) -> float:
    """Return the variance of a loss in [0, 1]: by its mean where it is right or wrong, else as in the reference."""
    if layout.loss_bins > 1:
        counts, sums = loss_histogram(layout, vector(layout, "cohort"), "cohort", feature, cell)
        n, total, squares = moments(counts, sums)
        if n:
            return max(0.0, squares / n - (total / n) ** 2)
    return max(0.0, mean * (1 - mean))
